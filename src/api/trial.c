#include "api/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

enum { MOST_ROUNDS = 9, FEWEST_ROUNDS = 5, MOST_BATCHES = 200 };
// The threads of a team look for work for some milliseconds before they sleep:
// the shape that comes next is to have their cores.
enum { TEAM_SLEEPS_US = 20000 };
// Of one shape in one round; and the batch above which rounds are few.
static const double ROUND_SECONDS = 20e-3, LONG_BATCH_SECONDS = 50e-3;

// One shape, ready to run.
typedef struct rig {
  const esp_graph *graph;
  esp_plan *plan;
  esp_workers *workers;
  esp_bell *bell;
  esp_exec *exec;
  int slots;
  void *const *sample; // [ninput] what every batch is given
  int64_t batches;     // started so far
  double first_seconds;
  int in_round; // batches of a round
  double took[MOST_ROUNDS];
} rig;

static esp_status plan_rig(const esp_trial_options *o, int workers, int width,
                           rig *r) {
  double *seconds = calloc((size_t)o->graph->nnode + 1, sizeof *seconds);
  if (seconds == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan the trial");
  esp_status status = esp_cost_estimate(o->graph, o->machine, width, seconds);
  const esp_plan_problem problem = {.graph = o->graph,
                                    .ranks = 1,
                                    .workers = workers,
                                    .width = width,
                                    .seconds = seconds,
                                    .message_seconds = 1,
                                    .message_bytes_per_second = 1,
                                    .handover_seconds = o->handover_seconds};
  if (status == ESP_OK) status = esp_plan_build(&problem, &r->plan);
  free(seconds);
  return status;
}

static void fill_input(const esp_tensor *tensor, void *to) {
  uint64_t state = 88172645463325252u; // xorshift64
  const int64_t count = esp_shape_count(&tensor->shape);
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

void esp_trial_fill(const esp_graph *graph, const esp_exec *exec) {
  for (int i = 0; i < graph->ninput; i++) {
    const esp_tensor *tensor = &graph->value[graph->input[i]].tensor;
    void *to = esp_exec_value(exec, 0, graph->input[i]);
    if (to == NULL) continue;
    memset(to, 0, esp_tensor_bytes(tensor));
    fill_input(tensor, to);
  }
}

// Strings have no content that could be made up.
static esp_status make_samples(const esp_graph *graph, void **sample) {
  for (int i = 0; i < graph->ninput; i++) {
    const esp_value *value = &graph->value[graph->input[i]];
    if (value->tensor.type == ESP_STRING) {
      return ESP_FAIL(ESP_UNSUPPORTED,
                      "input \"%s\" is of strings, which cannot be made up: "
                      "leave measure out",
                      value->name);
    }
    ESP_TRY(esp_allocate_zero(esp_tensor_bytes(&value->tensor), 1, &sample[i]));
    fill_input(&value->tensor, sample[i]);
  }
  return ESP_OK;
}

static esp_status open_rig(const esp_trial_options *o, esp_trial_shape shape,
                           void *const *sample, rig *r) {
  const int c = o->cores->count;
  const int width = shape == ESP_TRIAL_WIDTH ? c : 1;
  const bool many = shape == ESP_TRIAL_WORKERS || shape == ESP_TRIAL_REPLICAS;
  r->graph = o->graph;
  r->sample = sample;
  ESP_TRY(plan_rig(o, shape == ESP_TRIAL_WORKERS ? c : 1, width, r));
  ESP_TRY(esp_bell_create(&r->bell));
  ESP_TRY(esp_trial_pool(o->cores, many ? c : 1, width, &r->workers));
  // One batch more than cores is ready, so that none waits for this thread.
  r->slots = shape == ESP_TRIAL_REPLICAS ? c + 1 : 1;
  const esp_exec_options options = {.graph = o->graph,
                                    .plan = r->plan,
                                    .workers = r->workers,
                                    .bell = r->bell,
                                    .slots = r->slots,
                                    .timed = shape == ESP_TRIAL_ONE};
  return esp_exec_create(&options, &r->exec);
}

static void close_rig(rig *r) {
  esp_workers_close(r->workers);
  esp_exec_free(r->exec);
  esp_bell_free(r->bell);
  esp_plan_free(r->plan);
}

static void start_batch(rig *r, int slot) {
  for (int i = 0; i < r->graph->ninput; i++) {
    const int value = r->graph->input[i];
    void *to = esp_exec_value(r->exec, slot, value);
    const size_t bytes = esp_tensor_bytes(&r->graph->value[value].tensor);
    if (to != NULL && bytes > 0) memcpy(to, r->sample[i], bytes);
  }
  esp_exec_start(r->exec, slot, r->batches++);
}

static esp_status wait_batch(const rig *r, int slot) {
  esp_status status;
  const char *message;
  for (;;) {
    const uint64_t seen = esp_bell_count(r->bell);
    if (esp_exec_done(r->exec, slot, &status, &message)) break;
    esp_bell_wait(r->bell, seen, -1);
  }
  return status == ESP_OK ? ESP_OK : ESP_FAIL(status, "%s", message);
}

// One batch after another; the time of each is from its first node to its last.
static esp_status run_single(rig *r, int batches, double *seconds) {
  double took[MOST_BATCHES];
  for (int b = 0; b < batches; b++) {
    start_batch(r, 0);
    ESP_TRY(wait_batch(r, 0));
    took[b] = esp_exec_batch_seconds(r->exec, 0);
  }
  *seconds = esp_quantile(took, batches, 0.5);
  return ESP_OK;
}

// All slots busy; the time is that of all batches over their number.
static esp_status run_stream(rig *r, int batches, double *seconds) {
  const double began = esp_clock_seconds();
  for (int s = 0; s < r->slots && s < batches; s++) start_batch(r, s);
  esp_status status = ESP_OK;
  // Slots end in nearly the order in which they were started.
  for (int b = 0; b < batches; b++) {
    const int slot = b % r->slots;
    const esp_status ended = wait_batch(r, slot);
    if (status == ESP_OK) status = ended;
    if (b + r->slots < batches) start_batch(r, slot);
  }
  *seconds = (esp_clock_seconds() - began) / batches;
  return status;
}

static esp_status run_rig(rig *r, int batches, double *seconds) {
  return r->slots == 1 ? run_single(r, batches, seconds)
                       : run_stream(r, batches, seconds);
}

// The first batches touch memory and wake threads; they also tell how many
// batches fill a round.
static esp_status warm_up(rig *r) {
  ESP_TRY(run_rig(r, r->slots + 2, &r->first_seconds));
  const double fit = ROUND_SECONDS / fmax(r->first_seconds, 1e-7);
  const int least = r->slots + 2;
  r->in_round = fit > MOST_BATCHES ? MOST_BATCHES : (int)fit;
  if (r->in_round < least) r->in_round = least;
  return ESP_OK;
}

// Seconds of each node in one round: what the exec has summed since `before`.
static void note_nodes(const rig *r, const double *before, double *round) {
  const int nodes = r->graph->nnode;
  for (int n = 0; n < nodes; n++) round[n] = 0;
  esp_exec_add_seconds(r->exec, round);
  for (int n = 0; n < nodes; n++) {
    round[n] = (round[n] - before[n]) / r->in_round;
  }
}

static esp_status run_rounds(rig rigs[ESP_TRIAL_SHAPES], int shapes,
                             double *nodes, double *before, esp_trial *trial) {
  const size_t count = (size_t)rigs[ESP_TRIAL_ONE].graph->nnode;
  for (int round = 0; round < trial->rounds; round++) {
    for (int s = 0; s < shapes; s++) {
      rig *r = &rigs[s];
      double warm;
      ESP_TRY(run_rig(r, r->slots + 1, &warm)); // threads awake again
      for (size_t n = 0; n < count; n++) before[n] = 0;
      if (s == ESP_TRIAL_ONE) esp_exec_add_seconds(r->exec, before);
      ESP_TRY(run_rig(r, r->in_round, &r->took[round]));
      if (s == ESP_TRIAL_WIDTH) (void)usleep(TEAM_SLEEPS_US);
      if (s == ESP_TRIAL_ONE) {
        note_nodes(r, before, nodes + (size_t)round * count);
      }
    }
  }
  return ESP_OK;
}

static void conclude(rig rigs[ESP_TRIAL_SHAPES], int shapes,
                     const double *nodes, esp_trial *trial) {
  const int rounds = trial->rounds;
  const size_t count = (size_t)rigs[ESP_TRIAL_ONE].graph->nnode;
  for (int s = 0; s < shapes; s++) {
    const double low = esp_quantile(rigs[s].took, rounds, 0.25);
    const double high = esp_quantile(rigs[s].took, rounds, 0.75);
    trial->seconds[s] = esp_quantile(rigs[s].took, rounds, 0.5);
    trial->spread[s] = (high - low) / fmax(trial->seconds[s], 1e-12);
  }
  for (size_t n = 0; n < count; n++) {
    double took[MOST_ROUNDS];
    for (int r = 0; r < rounds; r++) took[r] = nodes[(size_t)r * count + n];
    trial->node_seconds[n] = esp_quantile(took, rounds, 0.5);
  }
}

static esp_status run_all(const esp_trial_options *options, int shapes,
                          rig rigs[ESP_TRIAL_SHAPES], void **sample,
                          esp_trial *trial) {
  ESP_TRY(make_samples(options->graph, sample));
  for (int s = 0; s < shapes; s++) {
    ESP_TRY(open_rig(options, (esp_trial_shape)s, sample, &rigs[s]));
    ESP_TRY(warm_up(&rigs[s]));
  }
  const bool is_long = rigs[ESP_TRIAL_ONE].first_seconds > LONG_BATCH_SECONDS;
  trial->rounds = is_long ? FEWEST_ROUNDS : MOST_ROUNDS;
  const size_t count = (size_t)options->graph->nnode;
  double *nodes = calloc(MOST_ROUNDS * count + 1, sizeof *nodes);
  double *before = calloc(count + 1, sizeof *before);
  trial->node_seconds = calloc(count + 1, sizeof *trial->node_seconds);
  esp_status status = ESP_OK;
  if (nodes == NULL || before == NULL || trial->node_seconds == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot measure %zu nodes", count);
  }
  const double began = esp_clock_seconds();
  const double others = esp_trial_others_seconds(options->cores);
  if (status == ESP_OK) {
    status = run_rounds(rigs, shapes, nodes, before, trial);
  }
  const double wall = esp_clock_seconds() - began;
  trial->others =
      fmax(0, esp_trial_others_seconds(options->cores) - others) / wall;
  if (status == ESP_OK) conclude(rigs, shapes, nodes, trial);
  free(before);
  free(nodes);
  return status;
}

esp_status esp_trial_run(const esp_trial_options *options, esp_trial *trial) {
  rig rigs[ESP_TRIAL_SHAPES] = {0};
  esp_trial made = {.cores = options->cores->count};
  const int shapes = options->cores->count > 1 ? ESP_TRIAL_SHAPES : 1;
  const int inputs = options->graph->ninput;
  void **sample = calloc((size_t)inputs + 1, sizeof *sample);
  if (sample == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot make inputs");
  const esp_status status = run_all(options, shapes, rigs, sample, &made);
  for (int s = 0; s < shapes; s++) close_rig(&rigs[s]);
  for (int i = 0; i < inputs; i++) esp_free(sample[i]);
  free(sample);
  if (status != ESP_OK) {
    esp_trial_end(&made);
    return status;
  }
  *trial = made;
  return ESP_OK;
}

void esp_trial_end(esp_trial *trial) {
  free(trial->node_seconds);
  *trial = (esp_trial){0};
}

double esp_trial_spread(const esp_trial *trial) {
  double most = 0;
  for (int s = 0; s < ESP_TRIAL_SHAPES; s++) {
    most = fmax(most, trial->spread[s]);
  }
  return most;
}

bool esp_trial_noisy(const esp_trial *trial) {
  return esp_trial_spread(trial) > 0.1 || trial->others > 0.1;
}
