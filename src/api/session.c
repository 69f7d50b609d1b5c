// Sessions: a model, and an engine for each set of input shapes it has met.
#include <stdlib.h>
#include <string.h>

#include "api/private.h"
#include "api/walked.h"
#include "base/lock.h"
#include "exec/exec.h"
#include "optimise/optimise.h"

enum { MOST_ENGINES = 16 };

// A run under way in a slot of an engine.
typedef struct flight {
  struct engine *engine;
  int slot;
  bool in_use;
  esp_tensor **outputs; // the caller's
  bool *made;           // [noutput] is the output ours to make?
  esp_future *future;   // NULL: the caller runs it itself
  esp_status status;    // then: what came of it, and
  char message[1024];   // what it said
} flight;

// The model planned for one set of input shapes and numbers of threads.
typedef struct engine {
  esp_session *session;
  esp_shape *shape; // [ninput]
  int workers, width;
  esp_built built;
  esp_exec *exec;
  flight *flight[ESP_MAX_SLOTS];
  int flights, flying;
  uint64_t used; // when it was wanted last
} engine;

struct esp_session {
  esp_context *context;
  esp_session_options options;
  esp_graph *model;
  esp_builder *builder;  // whose constants the model shares; NULL: none
  esp_walk_pool *walked; // the model cannot be planned; NULL: it can, or nobody
                         // has tried
  esp_lock lock;         // changed: the last run has landed
  engine *engine[MOST_ENGINES];
  int engines, flying;
  uint64_t clock;
  int64_t order; // of the next run
};

// Opening and closing --------------------------------------------------------

static esp_status create(esp_context *context,
                         const esp_session_options *options,
                         esp_session **session) {
  static const esp_session_options guess = {0};
  const esp_session_options *o = options != NULL ? options : &guess;
  if (o->num_threads < 0 || o->num_interop_threads < 0) {
    return ESP_FAIL(ESP_USAGE,
                    "a session of %d inter-op and %d intra-op "
                    "threads",
                    o->num_interop_threads, o->num_threads);
  }
  esp_session *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot open a session");
  self->context = context;
  self->options = *o;
  esp_lock_init(&self->lock);
  *session = self;
  return ESP_OK;
}

static esp_status finish_open(esp_session *self, esp_status status,
                              esp_session **session) {
  if (status != ESP_OK) {
    esp_session_close(self);
    return status;
  }
  *session = self;
  return ESP_OK;
}

esp_status esp_session_open(esp_context *context, const char *model_path,
                            const esp_session_options *options,
                            esp_session **session) {
  esp_session *self = NULL;
  ESP_TRY(create(context, options, &self));
  return finish_open(self, esp_model_load(model_path, &self->model, NULL),
                     session);
}

esp_status esp_session_open_builder(esp_context *context, esp_builder *builder,
                                    const esp_session_options *options,
                                    esp_session **session) {
  esp_session *self = NULL;
  ESP_TRY(create(context, options, &self));
  esp_builder_hold(builder);
  self->builder = builder;
  return finish_open(self, esp_builder_graph(builder, &self->model), session);
}

static void free_engine(engine *e) {
  if (e == NULL) return;
  esp_exec_free(e->exec);
  esp_build_end(&e->built);
  for (int f = 0; f < e->flights; f++) {
    free(e->flight[f]->made);
    free(e->flight[f]);
  }
  free(e->shape);
  free(e);
}

void esp_session_close(esp_session *session) {
  if (session == NULL) return;
  esp_lock_take(&session->lock);
  while (session->flying > 0) {
    esp_lock_wait(&session->lock);
  }
  esp_lock_give(&session->lock);
  for (int e = 0; e < session->engines; e++) free_engine(session->engine[e]);
  esp_walk_pool_free(session->walked);
  esp_graph_free(session->model);
  esp_builder_free(session->builder);
  esp_lock_fini(&session->lock);
  free(session);
}

// What the model wants and gives ---------------------------------------------

size_t esp_session_inputs(const esp_session *session) {
  return (size_t)session->model->ninput;
}
size_t esp_session_outputs(const esp_session *session) {
  return (size_t)session->model->noutput;
}

static void describe(const esp_value *value, esp_value_info *info) {
  *info = (esp_value_info){.name = value->name,
                           .type = value->tensor.type,
                           .ndim = value->tensor.shape.ndim};
  for (int i = 0; i < info->ndim; i++) {
    info->dim[i] = value->tensor.shape.dim[i];
  }
}

esp_status esp_session_input(const esp_session *session, size_t index,
                             esp_value_info *info) {
  const esp_graph *model = session->model;
  if (index >= (size_t)model->ninput) {
    return ESP_FAIL(ESP_USAGE, "input %zu of %d", index, model->ninput);
  }
  describe(&model->value[model->input[index]], info);
  return ESP_OK;
}

// The model with every open dimension set to `size`.
static esp_status with_open_dims(const esp_graph *model, int64_t size,
                                 esp_graph **graph) {
  esp_tensor *tensor = calloc((size_t)model->ninput + 1, sizeof *tensor);
  const esp_tensor **list = calloc((size_t)model->ninput + 1, sizeof *list);
  esp_status status = tensor != NULL && list != NULL
                          ? ESP_OK
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot find shapes");
  for (int i = 0; i < model->ninput && status == ESP_OK; i++) {
    tensor[i] = model->value[model->input[i]].tensor;
    for (int d = 0; d < tensor[i].shape.ndim; d++) {
      if (tensor[i].shape.dim[d] < 0) tensor[i].shape.dim[d] = size;
    }
    list[i] = &tensor[i];
  }
  const esp_optimise_options how = {
      .batch = size, .input = list, .plain = true};
  if (status == ESP_OK) status = esp_optimise(model, &how, graph);
  free(list);
  free(tensor);
  return status;
}

// Two sizes tell which dimensions of an output follow those of the inputs.
esp_status esp_session_output(const esp_session *session, size_t index,
                              esp_value_info *info) {
  const esp_graph *model = session->model;
  if (index >= (size_t)model->noutput) {
    return ESP_FAIL(ESP_USAGE, "output %zu of %d", index, model->noutput);
  }
  esp_graph *small = NULL, *large = NULL;
  describe(&model->value[model->output[index]], info);
  if (with_open_dims(model, 2, &small) == ESP_OK &&
      with_open_dims(model, 3, &large) == ESP_OK) {
    const char *name = info->name;
    const esp_shape *other = &large->value[large->output[index]].tensor.shape;
    describe(&small->value[small->output[index]], info);
    info->name = name;
    for (int i = 0; i < info->ndim; i++) {
      if (info->dim[i] != other->dim[i]) info->dim[i] = ESP_DIM_UNKNOWN;
    }
  }
  esp_graph_free(small);
  esp_graph_free(large);
  return ESP_OK;
}

// Engines --------------------------------------------------------------------

static void landed(void *context, int slot);

static int least(int a, int b) { return a < b ? a : b; }

// The numbers of threads that a session's plan may use now.
static void threads_of(const esp_session *s, int *workers, int *width) {
  const esp_workers *pool = s->context->workers;
  *workers = esp_workers_count(pool);
  *width = esp_workers_width(pool);
  if (s->options.num_interop_threads > 0) {
    *workers = least(*workers, s->options.num_interop_threads);
  }
  if (s->options.num_threads > 0 && s->options.num_threads < *width) *width = 1;
}

// One worker with wide operators, or branches on all of them: what the plan
// finds faster.  A width above 1 is there only when it was asked for.
static esp_status build_best(const esp_session *s, const esp_tensor *const *in,
                             int workers, int width, esp_built *best) {
  esp_build_options how = {.model = s->model,
                           .ranks = 1,
                           .workers = workers,
                           .width = width,
                           .input = in, // shapes alone: the data will change
                           .batch = 1};
  esp_machine machine;
  ESP_TRY(esp_context_machine(s->context, &machine));
  how.machine = &machine;
  ESP_TRY(esp_build(&how, best));
  if (workers == 1) return ESP_OK;
  how.workers = 1;
  esp_built chain;
  const esp_status status = esp_build(&how, &chain);
  if (status == ESP_OK && chain.plan->predicted <= best->plan->predicted) {
    esp_build_end(best);
    *best = chain;
  } else if (status == ESP_OK) {
    esp_build_end(&chain);
  }
  return status;
}

// The types and shapes of tensors, without their data; free().
static esp_status forms_of(const esp_tensor *const *in, int count,
                           const esp_tensor ***forms) {
  const size_t n = (size_t)count + 1;
  const esp_tensor **list = malloc(n * (sizeof *list + sizeof **list));
  if (list == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan a run");
  esp_tensor *form = (esp_tensor *)(void *)(list + n);
  for (int i = 0; i < count; i++) {
    form[i] = *in[i];
    form[i].data = NULL;
    list[i] = &form[i];
  }
  *forms = list;
  return ESP_OK;
}

static esp_status make_engine(esp_session *s, const esp_tensor *const *in,
                              int workers, int width, engine **made) {
  engine *e = calloc(1, sizeof *e);
  if (e == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan a run");
  *e = (engine){.session = s, .workers = workers, .width = width};
  e->shape = calloc((size_t)s->model->ninput + 1, sizeof *e->shape);
  const esp_tensor **forms = NULL;
  esp_status status = e->shape != NULL
                          ? forms_of(in, s->model->ninput, &forms)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot plan a run");
  if (status == ESP_OK) {
    status = build_best(s, forms, workers, width, &e->built);
  }
  free(forms);
  if (status == ESP_OK) {
    for (int i = 0; i < s->model->ninput; i++) e->shape[i] = in[i]->shape;
    const esp_exec_options options = {.graph = e->built.graph,
                                      .plan = e->built.plan,
                                      .workers = s->context->workers,
                                      .ended = landed,
                                      .context = e};
    status = esp_exec_create(&options, &e->exec);
  }
  if (status != ESP_OK) {
    free_engine(e);
    return status;
  }
  *made = e;
  return ESP_OK;
}

static bool fits(const engine *e, const esp_tensor *const *in, int workers,
                 int width) {
  if (e->workers != workers || e->width != width) return false;
  for (int i = 0; i < e->session->model->ninput; i++) {
    if (!esp_shape_equal(&e->shape[i], &in[i]->shape)) return false;
  }
  return true;
}

// Where a new engine is kept: a free place, or that of the idle one that was
// used longest ago; -1: all are busy.
static int place_of_engine(esp_session *s) {
  if (s->engines < MOST_ENGINES) return s->engines++;
  int oldest = -1;
  for (int i = 0; i < s->engines; i++) {
    if (s->engine[i]->flying > 0) continue;
    if (oldest < 0 || s->engine[i]->used < s->engine[oldest]->used) oldest = i;
  }
  if (oldest >= 0) free_engine(s->engine[oldest]);
  return oldest;
}

// With the lock.
static esp_status engine_of(esp_session *s, const esp_tensor *const *in,
                            engine **found) {
  int workers, width;
  threads_of(s, &workers, &width);
  for (int i = 0; i < s->engines; i++) {
    if (!fits(s->engine[i], in, workers, width)) continue;
    *found = s->engine[i];
    return ESP_OK;
  }
  engine *made = NULL;
  ESP_TRY(make_engine(s, in, workers, width, &made));
  const int place = place_of_engine(s);
  if (place < 0) {
    free_engine(made);
    return ESP_FAIL(ESP_LIMIT,
                    "runs with more than %d sets of input shapes at "
                    "once",
                    MOST_ENGINES);
  }
  s->engine[place] = made;
  *found = made;
  return ESP_OK;
}

// Runs -----------------------------------------------------------------------

static esp_status add_flight(engine *e, flight **made) {
  flight *f = calloc(1, sizeof *f);
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
                        flight **taken, int64_t *order) {
  engine *e = NULL;
  ESP_TRY(engine_of(s, in, &e));
  flight *f = NULL;
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

static void leave(flight *f) {
  esp_session *s = f->engine->session;
  esp_lock_take(&s->lock);
  f->in_use = false;
  f->engine->flying--;
  if (--s->flying == 0) esp_lock_changed(&s->lock);
  esp_lock_give(&s->lock); // the session may be closed from here on
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

static const esp_tensor *output_of(const engine *e, int i) {
  const esp_graph *graph = e->built.graph;
  return &graph->value[graph->output[i]].tensor;
}

// Tensors that the caller gave must fit; those that it did not are ours.
static esp_status check_outputs(flight *f, esp_tensor **outputs) {
  const esp_graph *graph = f->engine->built.graph;
  for (int i = 0; i < graph->noutput; i++) {
    const esp_tensor *want = output_of(f->engine, i);
    f->made[i] = outputs[i] == NULL;
    if (f->made[i] || (outputs[i]->type == want->type &&
                       esp_shape_equal(&outputs[i]->shape, &want->shape))) {
      continue;
    }
    char have[ESP_SHAPE_TEXT], text[ESP_SHAPE_TEXT];
    return ESP_FAIL(
        ESP_BAD_INPUT,
        "output \"%s\" was given as %s %s, the model makes %s %s",
        graph->value[graph->output[i]].name, esp_dtype_text(outputs[i]->type),
        esp_shape_text(&outputs[i]->shape, have), esp_dtype_text(want->type),
        esp_shape_text(&want->shape, text));
  }
  f->outputs = outputs;
  return ESP_OK;
}

static void copy_inputs(const flight *f, const esp_tensor *const *inputs) {
  const esp_graph *graph = f->engine->built.graph;
  for (int i = 0; i < graph->ninput; i++) {
    void *to = esp_exec_value(f->engine->exec, f->slot, graph->input[i]);
    const size_t bytes = esp_tensor_bytes(inputs[i]);
    if (to != NULL && bytes > 0) memcpy(to, inputs[i]->data, bytes);
  }
}

static esp_status copy_outputs(const flight *f) {
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

static void drop_outputs(const flight *f) {
  for (int i = 0; i < f->engine->built.graph->noutput; i++) {
    if (!f->made[i]) continue;
    esp_tensor_free(f->outputs[i]);
    f->outputs[i] = NULL;
  }
}

// The last step of a run has ended, on a worker or on the caller's thread.
static void landed(void *context, int slot) {
  engine *e = context;
  flight *f = e->flight[slot];
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
                          esp_tensor **outputs, flight **taken,
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

static esp_status start(flight *f, int64_t order, esp_future **future) {
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
  if (--s->flying == 0) esp_lock_changed(&s->lock);
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
    s->flying--;
    esp_lock_give(&s->lock);
  }
  return status;
}

esp_status esp_run_async(esp_session *session, const esp_tensor *const *inputs,
                         esp_tensor **outputs, esp_future **future) {
  flight *f;
  int64_t order;
  const esp_status status = prepare(session, inputs, outputs, &f, &order);
  if (status == ESP_UNSUPPORTED && is_walked(session)) {
    return start_walk(session, inputs, outputs, future);
  }
  return status == ESP_OK ? start(f, order, future) : status;
}

// A chain needs no queue: the caller's thread runs it, in a worker's place.
static bool run_here(flight *f, int64_t order, esp_status *status) {
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
  flight *f;
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
