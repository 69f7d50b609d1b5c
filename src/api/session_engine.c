// Engines of a session: the model planned for a set of input shapes.
#include <stdlib.h>

#include "api/session.h"

void esp_session_engine_free(esp_session_engine *e) {
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

static void use_costs(const esp_session *s, esp_build_options *how) {
  const esp_node_costs *costs = s->costs;
  if (costs == NULL) return;
  how->nodes = costs->nodes;
  if (how->width == 1) how->seconds = costs->narrow;
  if (how->width == costs->width) how->seconds = costs->wide;
  if (how->width == costs->width && s->molded) how->narrow = costs->narrow;
}

// One worker with wide operators, or branches on all of them: what the plan
// finds faster.  A width above 1 is there only when it was asked for.
static esp_status build_best(const esp_session *s, const esp_tensor *const *in,
                             int workers, int width, esp_built *best) {
  esp_build_options how = {.model = s->model,
                           .ranks = 1,
                           .workers = workers,
                           .width = width,
                           .divide = s->exact,
                           .input = in, // shapes alone: the data will change
                           .micro_batch =
                               esp_micro_batch(s->options.micro_batch),
                           .batch = 1};
  esp_machine machine;
  ESP_TRY(esp_context_machine(s->context, &machine));
  how.machine = &machine;
  use_costs(s, &how);
  ESP_TRY(esp_build(&how, best));
  if (workers == 1 || s->exact) return ESP_OK;
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
                              int workers, int width,
                              esp_session_engine **made) {
  esp_session_engine *e = calloc(1, sizeof *e);
  if (e == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan a run");
  *e = (esp_session_engine){
      .session = s, .workers = workers, .width = width, .molded = s->molded};
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
                                      .ended = esp_session_landed,
                                      .context = e};
    status = esp_exec_create(&options, &e->exec);
  }
  if (status != ESP_OK) {
    esp_session_engine_free(e);
    return status;
  }
  *made = e;
  return ESP_OK;
}

static bool fits(const esp_session_engine *e, const esp_tensor *const *in,
                 int workers, int width) {
  if (e->workers != workers || e->width != width ||
      e->molded != e->session->molded) {
    return false;
  }
  for (int i = 0; i < e->session->model->ninput; i++) {
    if (!esp_shape_equal(&e->shape[i], &in[i]->shape)) return false;
  }
  return true;
}

// Where a new engine is kept: a free place, or that of the idle one that was
// used longest ago; -1: all are busy.
static int place_of_engine(esp_session *s) {
  if (s->engines < ESP_MOST_ENGINES) return s->engines++;
  int oldest = -1;
  for (int i = 0; i < s->engines; i++) {
    if (s->engine[i]->flying > 0) continue;
    if (oldest < 0 || s->engine[i]->used < s->engine[oldest]->used) oldest = i;
  }
  if (oldest >= 0) esp_session_engine_free(s->engine[oldest]);
  return oldest;
}

// With the lock.
esp_status esp_session_engine_of(esp_session *s, const esp_tensor *const *in,
                                 esp_session_engine **found) {
  int workers, width;
  threads_of(s, &workers, &width);
  for (int i = 0; i < s->engines; i++) {
    if (!fits(s->engine[i], in, workers, width)) continue;
    *found = s->engine[i];
    return ESP_OK;
  }
  esp_session_engine *made = NULL;
  ESP_TRY(make_engine(s, in, workers, width, &made));
  const int place = place_of_engine(s);
  if (place < 0) {
    esp_session_engine_free(made);
    return ESP_FAIL(ESP_LIMIT,
                    "runs with more than %d sets of input shapes at "
                    "once",
                    ESP_MOST_ENGINES);
  }
  s->engine[place] = made;
  *found = made;
  return ESP_OK;
}
