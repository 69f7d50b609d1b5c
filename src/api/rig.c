#include "api/rig.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "api/trial.h"
#include "base/clock.h"
#include "base/memory.h"

static esp_status make_plan(const esp_rig_options *o, const double *seconds,
                            esp_rig *r) {
  const esp_plan_problem problem = {
      .graph = o->graph,
      .ranks = o->group != NULL ? esp_comm_size(o->group) : 1,
      .workers = o->shape.workers,
      .width = o->shape.width,
      .seconds = seconds,
      .links = o->machine->links};
  return esp_plan_build(&problem, &r->plan);
}

static esp_status plan(const esp_rig_options *o, esp_rig *r) {
  if (o->seconds != NULL) return make_plan(o, o->seconds, r);
  double *seconds = calloc((size_t)o->graph->nnode + 1, sizeof *seconds);
  if (seconds == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan the trial");
  esp_status status =
      esp_cost_estimate(o->graph, o->machine, o->shape.width, seconds);
  if (status == ESP_OK) status = make_plan(o, seconds, r);
  free(seconds);
  return status;
}

void esp_rig_fill(const esp_tensor *tensor) {
  uint64_t state = 88172645463325252u; // xorshift64
  const int64_t count = esp_shape_count(&tensor->shape);
  void *to = tensor->data;
  if (count > 0) memset(to, 0, esp_tensor_bytes(tensor));
  for (int64_t i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const double uniform = (double)(state >> 11) / (double)(1ull << 53);
    if (tensor->type == ESP_FLOAT) ((float *)to)[i] = (float)uniform;
    if (tensor->type == ESP_DOUBLE) ((double *)to)[i] = uniform;
    if (tensor->type == ESP_FLOAT16) {
      ((uint16_t *)to)[i] = esp_to_float16((float)uniform);
    }
    if (tensor->type == ESP_BFLOAT16) {
      ((uint16_t *)to)[i] = esp_to_bfloat16((float)uniform);
    }
  }
}

static esp_status make_samples(esp_rig *r) {
  const esp_graph *graph = r->graph;
  r->sample = calloc((size_t)graph->ninput + 1, sizeof *r->sample);
  if (r->sample == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot make inputs");
  for (int i = 0; i < graph->ninput; i++) {
    const esp_value *value = &graph->value[graph->input[i]];
    if (value->tensor.type == ESP_STRING) {
      return ESP_FAIL(ESP_UNSUPPORTED,
                      "input \"%s\" is of strings, which cannot be made up",
                      value->name);
    }
    ESP_TRY(
        esp_allocate_zero(esp_tensor_bytes(&value->tensor), 1, &r->sample[i]));
    esp_tensor made = value->tensor;
    made.data = r->sample[i];
    esp_rig_fill(&made);
  }
  return ESP_OK;
}

esp_status esp_rig_open(const esp_rig_options *options, esp_rig *rig) {
  const esp_rig_shape *shape = &options->shape;
  *rig = (esp_rig){.graph = options->graph, .group = options->group};
  ESP_TRY(make_samples(rig));
  ESP_TRY(plan(options, rig));
  ESP_TRY(esp_bell_create(&rig->bell));
  ESP_TRY(esp_trial_pool(options->cores, shape->streams * shape->workers,
                         shape->width, &rig->workers));
  // One batch more than streams is ready, so that none waits for this thread.
  rig->slots = shape->streams > 1 ? shape->streams + 1 : 1;
  const esp_exec_options how = {
      .graph = options->graph,
      .plan = rig->plan,
      .rank = options->group != NULL ? esp_comm_rank(options->group) : 0,
      .group = options->group,
      .workers = rig->workers,
      .bell = rig->bell,
      .slots = rig->slots,
      .timed = options->timed};
  return esp_exec_create(&how, &rig->exec);
}

void esp_rig_close(esp_rig *rig) {
  esp_workers_close(rig->workers);
  esp_exec_free(rig->exec);
  esp_bell_free(rig->bell);
  esp_plan_free(rig->plan);
  for (int i = 0; rig->sample != NULL && i < rig->graph->ninput; i++) {
    esp_free(rig->sample[i]);
  }
  free(rig->sample);
  *rig = (esp_rig){0};
}

static void start(esp_rig *r, int slot) {
  for (int i = 0; i < r->graph->ninput; i++) {
    const int value = r->graph->input[i];
    void *to = esp_exec_value(r->exec, slot, value);
    const size_t bytes = esp_tensor_bytes(&r->graph->value[value].tensor);
    if (to != NULL && bytes > 0) memcpy(to, r->sample[i], bytes);
  }
  esp_exec_start(r->exec, slot, r->batches++);
}

// Sleeps until the bell; for a message of MPI nobody rings.
static void rest(const esp_rig *r, uint64_t seen) {
  if (esp_exec_messages(r->exec) == 0) {
    esp_bell_wait(r->bell, seen, -1);
  } else if (esp_workers_busy(r->workers) == 0) {
    (void)sched_yield();
  } else {
    esp_bell_wait(r->bell, seen, 50e-6);
  }
}

static esp_status wait(const esp_rig *r, int slot) {
  esp_status status;
  const char *message;
  for (;;) {
    const uint64_t seen = esp_bell_count(r->bell);
    if (r->group != NULL) esp_exec_move(r->exec);
    if (esp_exec_done(r->exec, slot, &status, &message)) break;
    rest(r, seen);
  }
  return status == ESP_OK ? ESP_OK : ESP_FAIL(status, "%s", message);
}

// Seconds of a batch: on ranks that share it from its start to its end, as each
// sees only its own nodes.
static double seconds_of(const esp_rig *r, int slot, double started) {
  return r->group != NULL ? esp_clock_seconds() - started
                          : esp_exec_batch_seconds(r->exec, slot);
}

esp_status esp_rig_run(esp_rig *rig, int batches, double *took,
                       double *seconds) {
  const double began = esp_clock_seconds();
  double started = began;
  for (int s = 0; s < rig->slots && s < batches; s++) start(rig, s);
  esp_status status = ESP_OK;
  // Slots end in nearly the order in which they were started.
  for (int b = 0; b < batches; b++) {
    const int slot = b % rig->slots;
    const esp_status ended = wait(rig, slot);
    if (status == ESP_OK) status = ended;
    took[b] = seconds_of(rig, slot, started);
    if (b + rig->slots < batches) {
      started = esp_clock_seconds();
      start(rig, slot);
    }
  }
  *seconds = esp_clock_seconds() - began;
  return status;
}

int esp_rig_fit(double seconds, double of_one, int least, int most) {
  const double fit = seconds / fmax(of_one, 1e-7);
  return fit > most ? most : fit < least ? least : (int)fit;
}
