// The findings as JSON; the names are stable.
#include <jansson.h>

#include "api/findings.h"

static json_t *kinds_json(const esp_view *v) {
  json_t *list = json_array();
  for (int k = 0; k < v->kinds; k++) {
    json_array_append_new(list, json_pack("{s:s, s:i, s:f}", "operator",
                                          v->kind[k].op_type, "count",
                                          v->kind[k].count, "seconds",
                                          v->kind[k].seconds));
  }
  return list;
}

static json_t *gain_json(const char *what, const esp_gain *gain) {
  json_t *made = json_pack("{s:i, s:f, s:f}", what, gain->count, "seconds",
                           gain->seconds, "gain", gain->gain);
  if (gain->most > 0) {
    json_object_set_new(made, "at_most", json_real(gain->most));
  }
  return made;
}

static json_t *gains_json(const char *what, const esp_gain *gain, int count) {
  json_t *list = json_array();
  for (int i = 0; i < count; i++) {
    json_array_append_new(list, gain_json(what, &gain[i]));
  }
  return list;
}

static json_t *path_json(const esp_findings *f, const esp_profile *p) {
  json_t *list = json_array();
  for (int i = 0; i < p->path_nodes; i++) {
    const esp_node *node = &f->built.graph->node[p->path[i]];
    json_array_append_new(list, json_string(node->name));
  }
  return list;
}

static json_t *profile_json(const esp_profile *p) {
  json_t *slices = json_array(), *shares = json_array();
  for (int c = 0; c < p->columns; c++) {
    json_array_append_new(slices, json_real(p->at_once[c]));
  }
  for (int k = 1; k <= p->most; k++) {
    if (p->share[k] <= 0) continue;
    json_array_append_new(
        shares, json_pack("{s:i, s:f}", "at_once", k, "share", p->share[k]));
  }
  return json_pack("{s:f, s:i, s:i, s:f, s:o, s:o}", "span_s", p->span, "most",
                   p->most, "branches", p->branches, "branch_s",
                   p->branch_seconds, "slices", slices, "shares", shares);
}

// Operators, path, profile and schedules from one set of seconds.
static json_t *view_json(const esp_findings *f, const esp_view *v) {
  const esp_profile *p = &v->profile;
  return json_pack("{s:o, s:f, s:f, s:o, s:f, s:o, s:o, s:o, s:f}", "operators",
                   kinds_json(v), "total_s", p->total, "critical_s", p->span,
                   "critical_path", path_json(f, p), "ceiling",
                   esp_profile_ceiling(p), "profile", profile_json(p),
                   "workers",
                   gains_json("workers", v->workers, v->worker_steps),
                   "workers_unlimited", gain_json("workers", &v->unlimited),
                   "workers_gain", v->workers[v->worker_steps - 1].gain);
}

static json_t *measured_json(const esp_findings *f) {
  static const char *const names[ESP_TRIAL_SHAPES] = {"one", "workers", "width",
                                                      "replicas"};
  if (!f->measured) return json_null();
  json_t *all = view_json(f, &f->real), *shapes = json_object();
  for (int s = 0; s < ESP_TRIAL_SHAPES; s++) {
    const esp_trial_shape shape = (esp_trial_shape)s;
    if (f->trial.seconds[s] <= 0) continue;
    json_object_set_new(shapes, names[s],
                        json_pack("{s:f, s:f, s:f}", "seconds",
                                  f->trial.seconds[s], "spread",
                                  f->trial.spread[s], "gain",
                                  esp_findings_measured_gain(f, shape)));
  }
  json_object_set_new(all, "cores", json_integer(f->trial.cores));
  json_object_set_new(all, "rounds", json_integer(f->trial.rounds));
  json_object_set_new(all, "spread", json_real(esp_trial_spread(&f->trial)));
  json_object_set_new(all, "others_cores", json_real(f->trial.others));
  json_object_set_new(all, "noisy", json_boolean(esp_trial_noisy(&f->trial)));
  json_object_set_new(all, "shapes", shapes);
  return all;
}

static json_t *reasons_json(const esp_findings *f) {
  json_t *list = json_array();
  for (int r = 0; r < f->reasons; r++) {
    const esp_reason *reason = &f->reason[r];
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:s}", "name", reason->name, "concerns",
                        reason->concerns, "text", reason->text));
  }
  return list;
}

static json_t *machine_json(const esp_findings *f) {
  return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "flops_per_second",
                   f->machine.flops_per_second, "bytes_per_second",
                   f->machine.bytes_per_second, "bytes_per_second_all_cores",
                   f->overheads.bytes_per_second, "handover_s",
                   f->overheads.handover_seconds, "team_s",
                   f->overheads.region_seconds, "message_s",
                   f->machine.links.over[ESP_SAME_NODE].seconds,
                   "message_bytes_per_second",
                   f->machine.links.over[ESP_SAME_NODE].bytes_per_second);
}

// found: null where it cannot be told.
static json_t *coupling_json(const esp_findings *f) {
  json_t *found = f->coupling.kind == ESP_COUPLING_UNTOLD
                      ? json_null()
                      : json_boolean(f->coupling.kind == ESP_COUPLING_FOUND);
  return json_pack("{s:o, s:s}", "found", found, "where", f->coupling.where);
}

esp_status esp_findings_json(const char *model, const esp_findings *f,
                             char **text) {
  json_t *all = view_json(f, &f->estimated);
  json_t *ranks = gain_json("ranks", &f->ranks);
  json_object_set_new(ranks, "messages", json_integer(f->messages));
  json_object_set_new(ranks, "parts", json_integer(f->parts));
  json_object_set_new(ranks, "bytes_sent", json_real(f->bytes_sent));
  if (f->ranks_seconds > 0) {
    json_object_set_new(ranks, "measured_s", json_real(f->ranks_seconds));
  }
  json_t *rest = json_pack(
      "{s:s, s:i, s:I, s:i, s:i, s:f, s:f, s:I, s:o, s:f, s:o, s:o, s:o, s:o, "
      "s:o, s:o}",
      "model", model, "opset", f->info.opset, "batch", (json_int_t)f->batch,
      "cores", f->cores, "nodes", f->built.graph->nnode, "flops", f->flops,
      "bytes", f->bytes, "weight_bytes", (json_int_t)f->info.weight_bytes,
      "width", gains_json("width", f->width, f->width_steps), "width_gain",
      f->width_steps > 0 ? f->width[f->width_steps - 1].gain : 1.0, "ranks",
      ranks, "replicas", gain_json("replicas", &f->replicas), "reasons",
      reasons_json(f), "machine", machine_json(f), "measured", measured_json(f),
      "coupling", coupling_json(f));
  const bool made =
      all != NULL && rest != NULL && json_object_update(all, rest) == 0;
  *text = made ? json_dumps(all, JSON_INDENT(2)) : NULL;
  json_decref(rest);
  json_decref(all);
  return *text != NULL ? ESP_OK
                       : ESP_FAIL(ESP_NO_MEMORY, "cannot explain as JSON");
}
