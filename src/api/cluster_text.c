// A model on a cluster, for people and as JSON.
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/cluster.h"

// Words -----------------------------------------------------------------------

static const char *plural(int64_t count) { return count == 1 ? "" : "s"; }

static void write_cluster(FILE *out, const esp_cluster_findings *f) {
  const esp_cluster *c = &f->cluster;
  const esp_link *ranks = &f->machine.links.over[ESP_SAME_NODE];
  const esp_link *nodes = &f->machine.links.over[ESP_OTHER_NODE];
  fprintf(out,
          "cluster    %lld node%s x %lld rank%s x %lld core%s of %.0f Gflop/s",
          (long long)c->nodes, plural(c->nodes), (long long)c->ranks_per_node,
          plural(c->ranks_per_node), (long long)c->cores_per_rank,
          plural(c->cores_per_rank), f->machine.flops_per_second / 1e9);
  if (c->speeds > 0) fprintf(out, ", nodes of different speed");
  if (c->rank_memory > 0) {
    fprintf(out, ", %.3g GB of memory a rank", c->rank_memory / 1e9);
  }
  fprintf(out,
          "\nmessages   %.3g us and %.3g GB/s between ranks of a node, %.3g us "
          "and %.3g GB/s between nodes\n",
          1e6 * ranks->seconds, ranks->bytes_per_second / 1e9,
          1e6 * nodes->seconds, nodes->bytes_per_second / 1e9);
}

static void write_division(FILE *out, const esp_division *l) {
  fprintf(out,
          "%d replica%s x %d rank%s, each rank %d stream%s x %d worker%s "
          "x width %d",
          l->replicas, plural(l->replicas), l->ranks, plural(l->ranks),
          l->streams, plural(l->streams), l->workers, plural(l->workers),
          l->width);
}

static double ceiling_of(const esp_plan *plan) {
  return plan->critical > 0 ? plan->total / plan->critical : 1;
}

static void write_best(FILE *out, const esp_cluster_findings *f) {
  const esp_division *best = &f->division[f->best];
  fprintf(out, "plan       ");
  write_division(out, best);
  fprintf(out, "; batch %lld (%s)\n", (long long)f->batch, f->plan->method);
  fprintf(out,
          "batch      predicted %.3f ms, lower bound %.3f ms; branches alone "
          "could give %.2fx, this plan gets %.2fx\n",
          1e3 * best->seconds, 1e3 * best->lower_bound, ceiling_of(f->plan),
          best->seconds > 0 ? f->plan->total / best->seconds : 1);
  if (f->plan->staged) {
    fprintf(out,
            "stages     the model is spread for its memory; one batch after "
            "the other every %.3f ms\n",
            1e3 * best->period);
  }
  if (f->divided.plan != NULL) {
    fprintf(out,
            "parts      heavy operators are divided among the ranks, in "
            "%d parts\n",
            esp_count_parts(f->planned));
  }
  fprintf(out, "speed      %.6g samples per second on all replicas\n",
          best->samples_per_second);
  fprintf(out,
          "time       workers compute %.1f %%, idle %.1f %%; messages move "
          "%.1f %% of a rank's time (%d messages, %.3g MB a batch)\n",
          100 * f->computed, 100 * f->idle, 100 * f->sent, f->plan->nmessage,
          f->plan->bytes_sent / 1e6);
}

static void write_all(FILE *out, const esp_cluster_findings *f) {
  fprintf(out, "\n  replicas  ranks  streams  workers  width     batch/ms  "
               "bound/ms    samples/s\n");
  for (int i = 0; i < f->divisions; i++) {
    const esp_division *l = &f->division[i];
    fprintf(out, "%c %8d %6d %8d %8d %6d %12.3f %9.3f %12.6g\n",
            i == f->best ? '*' : ' ', l->replicas, l->ranks, l->streams,
            l->workers, l->width, 1e3 * l->seconds, 1e3 * l->lower_bound,
            l->samples_per_second);
  }
}

esp_status esp_cluster_text(const char *model, const esp_cluster_findings *f,
                            char **text) {
  size_t bytes;
  FILE *out = open_memstream(text, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot write the plan");
  fprintf(out, "model      %s: %d nodes; costs are estimated\n", model,
          f->graph->nnode);
  write_cluster(out, f);
  write_best(out, f);
  write_all(out, f);
  return fclose(out) == 0 ? ESP_OK
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot write the plan");
}

// JSON ------------------------------------------------------------------------

static json_t *division_json(const esp_division *l) {
  return json_pack("{s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f}", "replicas",
                   l->replicas, "ranks_per_replica", l->ranks, "streams",
                   l->streams, "workers", l->workers, "width", l->width,
                   "predicted_s", l->seconds, "period_s", l->period,
                   "lower_bound_s", l->lower_bound, "samples_per_second",
                   l->samples_per_second);
}

static json_t *link_json(const esp_link *link) {
  return json_pack("{s:f, s:f}", "seconds", link->seconds, "bytes_per_second",
                   link->bytes_per_second);
}

static json_t *cluster_json(const esp_cluster_findings *f) {
  const esp_cluster *c = &f->cluster;
  return json_pack(
      "{s:I, s:I, s:I, s:f, s:f, s:o, s:o}", "nodes", (json_int_t)c->nodes,
      "ranks_per_node", (json_int_t)c->ranks_per_node, "cores_per_rank",
      (json_int_t)c->cores_per_rank, "core_flops", f->machine.flops_per_second,
      "core_bytes_per_second", f->machine.bytes_per_second, "rank_link",
      link_json(&f->machine.links.over[ESP_SAME_NODE]), "network_link",
      link_json(&f->machine.links.over[ESP_OTHER_NODE]));
}

// The plan of the first replica, as `plan` prints it without a cluster.
static esp_status plan_json(const esp_cluster_findings *f, json_t **made) {
  char *text;
  ESP_TRY(esp_plan_json(f->plan, f->planned, &text));
  *made = json_loads(text, 0, NULL);
  free(text);
  return *made != NULL ? ESP_OK
                       : ESP_FAIL(ESP_NO_MEMORY, "cannot write the plan");
}

esp_status esp_cluster_json(const char *model, const esp_cluster_findings *f,
                            char **text) {
  json_t *replica;
  ESP_TRY(plan_json(f, &replica));
  json_t *tried = json_array();
  for (int i = 0; i < f->divisions; i++) {
    json_array_append_new(tried, division_json(&f->division[i]));
  }
  json_t *all = json_pack(
      "{s:s, s:I, s:s, s:o, s:o, s:{s:f, s:f, s:f, s:f, s:f, s:f}, s:o, s:o}",
      "model", model, "batch", (json_int_t)f->batch, "objective",
      f->throughput ? "throughput" : "latency", "cluster", cluster_json(f),
      "plan", division_json(&f->division[f->best]), "certificate",
      "predicted_s", f->division[f->best].seconds, "lower_bound_s",
      f->division[f->best].lower_bound, "ceiling", ceiling_of(f->plan),
      "computed", f->computed, "idle", f->idle, "sent", f->sent, "tried", tried,
      "replica", replica);
  if (all == NULL) return ESP_FAIL(ESP_INTERNAL, "cannot write the plan");
  *text = json_dumps(all, JSON_INDENT(1));
  json_decref(all);
  return *text != NULL ? ESP_OK
                       : ESP_FAIL(ESP_NO_MEMORY, "cannot write the plan");
}
