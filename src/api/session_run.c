// Runs of a session: inputs into a slot of an engine, outputs out of it.
#include <stdlib.h>
#include <string.h>

#include "api/session.h"

static esp_status add_flight(esp_session_engine *e, esp_flight **made) {
  esp_flight *f = calloc(1, sizeof *f);
  if (f == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot run");
  f->engine = e;
  f->made = calloc((size_t)e->session->model->noutput + 1, sizeof *f->made);
  esp_status status = f->made != NULL ? esp_exec_add_slot(e->exec, &f->slot)
                                      : ESP_FAIL(ESP_NO_MEMORY, "cannot run");
  if (status != ESP_OK) {
    free(f->made);
    free(f);
    return status;
  }
  e->flight[e->flights++] = f; // slots are numbered in the same order
  *made = f;
  return ESP_OK;
}

// With the lock.
static esp_status board(esp_session *s, const esp_tensor *const *in,
                        esp_flight **taken, int64_t *order) {
  esp_session_engine *e = NULL;
  ESP_TRY(esp_session_engine_of(s, in, &e));
  esp_flight *f = NULL;
  for (int i = 0; i < e->flights && f == NULL; i++) {
    if (!e->flight[i]->in_use) f = e->flight[i];
  }
  if (f == NULL) ESP_TRY(add_flight(e, &f));
  f->in_use = true;
  e->flying++;
  e->used = ++s->clock;
  s->flying++;
  *order = s->order++;
  *taken = f;
  return ESP_OK;
}

// A run less; the session may be closed once the lock is given.  With the lock.
static void count_landed(esp_session *s) {
  if (--s->flying == 0) esp_lock_changed(&s->lock);
}

static void leave(esp_flight *f) {
  esp_session *s = f->engine->session;
  esp_lock_take(&s->lock);
  f->in_use = false;
  f->engine->flying--;
  count_landed(s);
  esp_lock_give(&s->lock);
}

static esp_status check_input(const esp_value *value, const esp_tensor *given) {
  if (given == NULL) {
    return ESP_FAIL(ESP_BAD_INPUT, "input \"%s\" is missing", value->name);
  }
  if (given->layout != ESP_ROW_MAJOR) {
    return ESP_FAIL(ESP_BAD_INPUT, "input \"%s\" is not row major",
                    value->name);
  }
  return ESP_OK;
}

static const esp_tensor *output_of(const esp_session_engine *e, int i) {
  const esp_graph *graph = e->built.graph;
  return &graph->value[graph->output[i]].tensor;
}

// Tensors that the caller gave must fit; those that it did not are ours.
static esp_status check_outputs(esp_flight *f, esp_tensor **outputs) {
  const esp_graph *graph = f->engine->built.graph;
  for (int i = 0; i < graph->noutput; i++) {
    f->made[i] = outputs[i] == NULL;
    if (f->made[i]) continue;
    ESP_TRY(esp_output_check(graph->value[graph->output[i]].name, outputs[i],
                             output_of(f->engine, i)));
  }
  f->outputs = outputs;
  return ESP_OK;
}

static void copy_inputs(const esp_flight *f, const esp_tensor *const *inputs) {
  const esp_graph *graph = f->engine->built.graph;
  for (int i = 0; i < graph->ninput; i++) {
    void *to = esp_exec_value(f->engine->exec, f->slot, graph->input[i]);
    const size_t bytes = esp_tensor_bytes(inputs[i]);
    if (to != NULL && bytes > 0) memcpy(to, inputs[i]->data, bytes);
  }
}

static esp_status copy_outputs(const esp_flight *f) {
  const esp_graph *graph = f->engine->built.graph;
  for (int i = 0; i < graph->noutput; i++) {
    const esp_tensor *want = output_of(f->engine, i);
    if (f->made[i]) {
      ESP_TRY(esp_tensor_create(want->type, want->shape.dim, want->shape.ndim,
                                &f->outputs[i]));
    }
    const void *from =
        esp_exec_value(f->engine->exec, f->slot, graph->output[i]);
    if (from != NULL && esp_tensor_bytes(want) > 0) {
      memcpy(f->outputs[i]->data, from, esp_tensor_bytes(want));
    }
  }
  return ESP_OK;
}

static void drop_outputs(const esp_flight *f) {
  for (int i = 0; i < f->engine->built.graph->noutput; i++) {
    if (!f->made[i]) continue;
    esp_tensor_free(f->outputs[i]);
    f->outputs[i] = NULL;
  }
}

// The last step of a run has ended, on a worker or on the caller's thread.
void esp_session_landed(void *context, int slot) {
  esp_session_engine *e = context;
  esp_flight *f = e->flight[slot];
  const char *message;
  esp_status status;
  (void)esp_exec_done(e->exec, slot, &status, &message);
  if (status == ESP_OK) {
    status = copy_outputs(f);
    message = esp_last_error();
  }
  if (status != ESP_OK) drop_outputs(f);
  f->status = status;
  (void)strncpy(f->message, status != ESP_OK ? message : "",
                sizeof f->message - 1);
  esp_future *future = f->future;
  if (future == NULL) return; // esp_run() reads it
  char said[sizeof f->message];
  memcpy(said, f->message, sizeof said);
  leave(f);
  esp_future_complete(future, status, said);
}

static esp_status prepare(esp_session *s, const esp_tensor *const *inputs,
                          esp_tensor **outputs, esp_flight **taken,
                          int64_t *order) {
  const esp_graph *model = s->model;
  for (int i = 0; i < model->ninput; i++) {
    ESP_TRY(check_input(&model->value[model->input[i]], inputs[i]));
  }
  esp_lock_take(&s->lock);
  esp_status status =
      s->walked == NULL ? board(s, inputs, taken, order) : ESP_UNSUPPORTED;
  if (status == ESP_UNSUPPORTED && s->walked == NULL &&
      esp_walk_pool_create(s->model, &s->walked) != ESP_OK) {
    status = ESP_NO_MEMORY;
  }
  esp_lock_give(&s->lock);
  ESP_TRY(status);
  status = check_outputs(*taken, outputs);
  if (status != ESP_OK) {
    leave(*taken);
    return status;
  }
  copy_inputs(*taken, inputs);
  return ESP_OK;
}

// What has begun goes before tasks that have not: runs have low numbers.
static int64_t age(int64_t order) { return order - ((int64_t)1 << 40); }

static esp_status start(esp_flight *f, int64_t order, esp_future **future) {
  const esp_status status =
      esp_future_promise(f->engine->session->context->workers, &f->future);
  if (status != ESP_OK) {
    leave(f);
    return status;
  }
  *future = f->future;
  esp_exec_start(f->engine->exec, f->slot, age(order));
  return ESP_OK;
}

// A model that cannot be planned is walked, each run as one task.
typedef struct stroll {
  esp_session *session;
  const esp_tensor *const *inputs;
  esp_tensor **outputs;
} stroll;

static esp_status walk(esp_context *context, void *argument) {
  stroll *w = argument;
  esp_session *s = w->session;
  const esp_status status =
      esp_walked_run(s->model, s->walked, esp_workers_width(context->workers),
                     w->inputs, w->outputs);
  free(w);
  esp_lock_take(&s->lock);
  count_landed(s);
  esp_lock_give(&s->lock);
  return status;
}

// After prepare() has said ESP_UNSUPPORTED: is it to be walked from now on?
static bool is_walked(esp_session *s) {
  esp_lock_take(&s->lock);
  const bool is = s->walked != NULL;
  s->flying += is;
  esp_lock_give(&s->lock);
  return is;
}

static esp_status start_walk(esp_session *s, const esp_tensor *const *inputs,
                             esp_tensor **outputs, esp_future **future) {
  stroll *w = malloc(sizeof *w);
  esp_status status = ESP_OK;
  if (w == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot run");
  } else {
    *w = (stroll){.session = s, .inputs = inputs, .outputs = outputs};
    status = esp_fork(s->context, walk, w, future);
  }
  if (status != ESP_OK) {
    free(w);
    esp_lock_take(&s->lock);
    count_landed(s);
    esp_lock_give(&s->lock);
  }
  return status;
}

esp_status esp_run_async(esp_session *session, const esp_tensor *const *inputs,
                         esp_tensor **outputs, esp_future **future) {
  esp_flight *f;
  int64_t order;
  const esp_status status = prepare(session, inputs, outputs, &f, &order);
  if (status == ESP_UNSUPPORTED && is_walked(session)) {
    return start_walk(session, inputs, outputs, future);
  }
  return status == ESP_OK ? start(f, order, future) : status;
}

// A chain needs no queue: the caller's thread runs it, in a worker's place.
static bool run_here(esp_flight *f, int64_t order, esp_status *status) {
  esp_workers *pool = f->engine->session->context->workers;
  if (!esp_exec_is_chain(f->engine->exec)) return false;
  int seat = esp_workers_seat(pool);
  const bool entered = seat < 0;
  if (entered) seat = esp_workers_enter(pool);
  if (seat < 0) return false;
  f->future = NULL;
  esp_exec_run_here(f->engine->exec, f->slot, age(order), seat);
  if (entered) esp_workers_leave(pool, seat);
  *status = f->status;
  if (*status != ESP_OK) (void)esp_fail_message(*status, f->message);
  leave(f);
  return true;
}

esp_status esp_run(esp_session *session, const esp_tensor *const *inputs,
                   esp_tensor **outputs) {
  esp_flight *f;
  int64_t order;
  esp_future *future = NULL;
  esp_status status = prepare(session, inputs, outputs, &f, &order);
  if (status == ESP_UNSUPPORTED && is_walked(session)) {
    ESP_TRY(start_walk(session, inputs, outputs, &future));
  } else if (status != ESP_OK || run_here(f, order, &status)) {
    return status;
  } else {
    ESP_TRY(start(f, order, &future));
  }
  status = esp_wait(future);
  esp_future_free(future);
  return status;
}
