// The summary of a run; the names are stable.
#include <jansson.h>
#include <string.h>

#include "report/report.h"

static json_t *lines(const char *text) {
  json_t *list = json_array();
  while (*text != '\0') {
    const size_t length = strcspn(text, "\n");
    json_array_append_new(list, json_stringn(text, length));
    text += length + (text[length] == '\n');
  }
  return list;
}

static json_t *plan_json(const esp_report *r) {
  json_t *nodes = json_array();
  for (int i = 0; i < r->ranks_per_replica; i++) {
    json_array_append_new(nodes, json_integer(r->nodes_per_rank[i]));
  }
  return json_pack("{s:i, s:i, s:i, s:i, s:i, s:I, s:s, s:o}", "replicas",
                   r->replicas, "ranks_per_replica", r->ranks_per_replica,
                   "streams", r->streams, "workers", r->workers, "width",
                   r->width, "batch", (json_int_t)r->batch, "method", r->method,
                   "nodes_per_rank", nodes);
}

static json_t *score_json(const esp_report *r) {
  if (r->score_name == NULL) return json_null();
  return json_pack("{s:s, s:f, s:I}", "name", r->score_name, "value", r->score,
                   "right", (json_int_t)r->right);
}

static json_t *shares_json(const esp_report *r) {
  json_t *list = json_array();
  for (int i = 0; i < r->ranks && r->share != NULL; i++) {
    const esp_rank_shares *s = &r->share[i];
    json_array_append_new(list, json_pack("{s:f, s:f, s:f, s:f, s:f}",
                                          "computed", s->computed, "sent",
                                          s->sent, "read", s->read, "wrote",
                                          s->wrote, "waited", s->waited));
  }
  return list;
}

static json_t *notes_json(const esp_report *r) {
  json_t *list = json_array();
  for (int i = 0; i < r->notes; i++) {
    json_array_append_new(list, json_string(r->note[i]));
  }
  return list;
}

static json_t *bytes_json(const esp_report *r, const double *bytes) {
  json_t *list = json_array();
  for (int i = 0; i < r->ranks_per_replica; i++) {
    json_array_append_new(list, json_real(bytes[i]));
  }
  return list;
}

static json_t *memory_json(const esp_report *r) {
  return json_pack(
      "{s:o, s:o, s:o}", "limit",
      r->memory_limit > 0 ? json_real(r->memory_limit) : json_null(), "weights",
      bytes_json(r, r->weight_bytes), "values", bytes_json(r, r->value_bytes));
}

esp_status esp_report_json(const esp_report *r, char **text) {
  json_t *all = json_pack(
      "{s:s, s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:{s:f, s:f}, s:o, "
      "s:{s:f, s:f, s:f, s:f, s:s, s:o}, s:o, s:{s:f, s:f, s:f}, s:f, s:f, "
      "s:o, "
      "s:I, s:o, "
      "s:s, s:o, s:o, s:i}",
      "model", r->model, "input", r->input, "output", r->output, "samples",
      (json_int_t)r->samples, "done", (json_int_t)r->done, "computed",
      (json_int_t)r->computed, "seconds", r->seconds, "samples_per_second",
      r->seconds > 0 ? (double)r->computed / r->seconds : 0.0, "load_s",
      r->load_s, "latency_ms", "median", 1e3 * r->latency_median_s, "p99",
      1e3 * r->latency_p99_s, "plan", plan_json(r), "certificate",
      "predicted_s", r->predicted_s, "measured_s", r->measured_s,
      "lower_bound_s", r->lower_bound_s, "ceiling", r->ceiling, "costs",
      r->costs, "ranks", shares_json(r), "notes", notes_json(r), "io", "read_s",
      r->read_s, "write_s", r->write_s, "wait_s", r->wait_s, "compute_s",
      r->compute_s, "peak_bytes", r->peak_bytes, "score", score_json(r),
      "resumed_from", (json_int_t)r->resumed_from, "versions",
      lines(r->versions), "hosts", r->hosts, "accuracy",
      esp_accuracy_json(&r->accuracy), "memory", memory_json(r), "exit",
      r->stopped ? 75 : 0);
  if (all == NULL) return ESP_FAIL(ESP_INTERNAL, "cannot build the summary");
  *text = json_dumps(all, JSON_INDENT(2));
  json_decref(all);
  return *text != NULL ? ESP_OK
                       : ESP_FAIL(ESP_NO_MEMORY, "cannot write the summary");
}
