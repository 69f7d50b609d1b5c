// A plan for people, and as JSON.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan/plan.h"

static const char *const kinds[] = {
    [ESP_STEP_RUN] = "run", [ESP_STEP_SEND] = "send", [ESP_STEP_RECV] = "recv"};

static const char *subject(const esp_graph *graph, const esp_step *step) {
  return step->kind == ESP_STEP_RUN ? graph->node[step->node].name
                                    : graph->value[step->value].name;
}

static void write_step(FILE *out, const esp_graph *graph, const esp_step *s,
                       bool molded) {
  fprintf(out, "  %9.3f %9.3f  %-4s ", 1e3 * s->start, 1e3 * s->finish,
          kinds[s->kind]);
  if (s->kind == ESP_STEP_RUN && molded && s->width > 1) {
    fprintf(out, "%d threads  %-16s %s\n", s->width,
            graph->node[s->node].op_type, subject(graph, s));
  } else if (s->kind == ESP_STEP_RUN) {
    fprintf(out, "%s %d  %-18s %s\n", molded ? "thread" : "worker", s->worker,
            graph->node[s->node].op_type, subject(graph, s));
  } else {
    fprintf(out, "rank %d    message %-10d %s\n", s->peer, s->message,
            subject(graph, s));
  }
}

esp_status esp_plan_text(const esp_plan *plan, const esp_graph *graph,
                         char **text) {
  size_t bytes;
  FILE *out = open_memstream(text, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot write the plan");
  fprintf(out,
          "plan: %s; ranks %d, workers %d, width %d\n"
          "predicted %.3f ms, lower bound %.3f ms, all nodes in a row %.3f ms, "
          "longest path %.3f ms\n",
          plan->method, plan->ranks, plan->workers, plan->width,
          1e3 * plan->predicted, 1e3 * plan->lower_bound, 1e3 * plan->total,
          1e3 * plan->critical);
  for (int r = 0; r < plan->ranks; r++) {
    const esp_rank_plan *rank = &plan->rank[r];
    fprintf(out, "rank %d: %d steps, %.1f MB for a batch\n", r, rank->nstep,
            (double)rank->bytes / 1e6);
    fprintf(out, "  start/ms    end/ms  step\n");
    for (int s = 0; s < rank->nstep; s++) {
      write_step(out, graph, &rank->step[s], plan->molded);
    }
  }
  if (fclose(out) != 0) return ESP_FAIL(ESP_NO_MEMORY, "cannot write the plan");
  return ESP_OK;
}

static json_t *step_json(const esp_graph *graph, const esp_step *s) {
  json_t *made =
      json_pack("{s:s, s:s, s:f, s:f}", "step", kinds[s->kind], "name",
                subject(graph, s), "start_s", s->start, "finish_s", s->finish);
  if (s->kind == ESP_STEP_RUN) {
    json_object_set_new(made, "operator",
                        json_string(graph->node[s->node].op_type));
    json_object_set_new(made, "worker", json_integer(s->worker));
    json_object_set_new(made, "width", json_integer(s->width));
  } else {
    json_object_set_new(made, "rank", json_integer(s->peer));
    json_object_set_new(made, "message", json_integer(s->message));
  }
  return made;
}

esp_status esp_plan_json(const esp_plan *plan, const esp_graph *graph,
                         char **text) {
  json_t *ranks = json_array();
  for (int r = 0; r < plan->ranks; r++) {
    json_t *steps = json_array();
    for (int s = 0; s < plan->rank[r].nstep; s++) {
      json_array_append_new(steps, step_json(graph, &plan->rank[r].step[s]));
    }
    json_array_append_new(
        ranks, json_pack("{s:i, s:I, s:o}", "rank", r, "bytes",
                         (json_int_t)plan->rank[r].bytes, "steps", steps));
  }
  json_t *all = json_pack(
      "{s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:i, s:f, s:o}", "method",
      plan->method, "ranks", plan->ranks, "workers", plan->workers, "width",
      plan->width, "predicted_s", plan->predicted, "lower_bound_s",
      plan->lower_bound, "total_s", plan->total, "critical_s", plan->critical,
      "messages", plan->nmessage, "bytes_sent", plan->bytes_sent, "schedule",
      ranks);
  *text = json_dumps(all, JSON_INDENT(1));
  json_decref(all);
  return *text != NULL ? ESP_OK
                       : ESP_FAIL(ESP_NO_MEMORY, "cannot write the plan");
}
