#include "api/trial.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/rig.h"
#include "base/clock.h"
#include "base/quantile.h"

enum { MOST_ROUNDS = 9, FEWEST_ROUNDS = 5, MOST_BATCHES = 200 };
// The threads of a team look for work for some milliseconds before they sleep:
// the shape that comes next is to have their cores.
enum { TEAM_SLEEPS_US = 20000 };
// Of one shape in one round; and the batch above which rounds are few.
static const double ROUND_SECONDS = 20e-3, LONG_BATCH_SECONDS = 50e-3;

// One shape, ready to run.
typedef struct stand {
  esp_rig rig;
  double first_seconds;
  int in_round; // batches of a round
  double took[MOST_ROUNDS];
} stand;

// `seconds`: of the nodes at one thread; NULL: not known yet.
static esp_status open_stand(const esp_trial_options *o, esp_trial_shape shape,
                             const double *seconds, stand *s) {
  const int c = o->cores->count;
  const esp_rig_options options = {
      .graph = o->graph,
      .machine = o->machine,
      .cores = o->cores,
      .shape = {.streams = shape == ESP_TRIAL_REPLICAS ? c : 1,
                .workers = shape == ESP_TRIAL_WORKERS ? c : 1,
                .width = shape == ESP_TRIAL_WIDTH ? c : 1},
      .seconds = shape == ESP_TRIAL_WORKERS ? seconds : NULL,
      .timed = shape == ESP_TRIAL_ONE};
  return esp_rig_open(&options, &s->rig);
}

// Seconds of a batch: with one stream the median of all, from first node to
// last; else the time of all over their number.
static esp_status run_stand(stand *s, int batches, double *seconds) {
  double took[MOST_BATCHES], all;
  ESP_TRY(esp_rig_run(&s->rig, batches, took, &all));
  *seconds =
      s->rig.slots == 1 ? esp_quantile(took, batches, 0.5) : all / batches;
  return ESP_OK;
}

// The first batches touch memory and wake threads; they also tell how many
// batches fill a round.
static esp_status warm_up(stand *s) {
  const int least = s->rig.slots + 2;
  ESP_TRY(run_stand(s, least, &s->first_seconds));
  s->in_round =
      esp_rig_fit(ROUND_SECONDS, s->first_seconds, least, MOST_BATCHES);
  return ESP_OK;
}

// Seconds of each node in one round: what the exec has summed since `before`.
static void note_nodes(const stand *s, const double *before, double *round) {
  const int nodes = s->rig.graph->nnode;
  for (int n = 0; n < nodes; n++) round[n] = 0;
  esp_exec_add_seconds(s->rig.exec, round);
  for (int n = 0; n < nodes; n++) {
    round[n] = (round[n] - before[n]) / s->in_round;
  }
}

static esp_status run_rounds(stand stands[ESP_TRIAL_SHAPES], int shapes,
                             double *nodes, double *before, esp_trial *trial) {
  const size_t count = (size_t)stands[ESP_TRIAL_ONE].rig.graph->nnode;
  for (int round = 0; round < trial->rounds; round++) {
    for (int k = 0; k < shapes; k++) {
      stand *s = &stands[k];
      double warm;
      ESP_TRY(run_stand(s, s->rig.slots + 1, &warm)); // threads awake again
      for (size_t n = 0; n < count; n++) before[n] = 0;
      if (k == ESP_TRIAL_ONE) esp_exec_add_seconds(s->rig.exec, before);
      ESP_TRY(run_stand(s, s->in_round, &s->took[round]));
      if (k == ESP_TRIAL_WIDTH) (void)usleep(TEAM_SLEEPS_US);
      if (k == ESP_TRIAL_ONE) {
        note_nodes(s, before, nodes + (size_t)round * count);
      }
    }
  }
  return ESP_OK;
}

static void conclude(stand stands[ESP_TRIAL_SHAPES], int shapes,
                     const double *nodes, esp_trial *trial) {
  const int rounds = trial->rounds;
  const size_t count = (size_t)stands[ESP_TRIAL_ONE].rig.graph->nnode;
  for (int s = 0; s < shapes; s++) {
    const double low = esp_quantile(stands[s].took, rounds, 0.25);
    const double high = esp_quantile(stands[s].took, rounds, 0.75);
    trial->seconds[s] = esp_quantile(stands[s].took, rounds, 0.5);
    trial->spread[s] = (high - low) / fmax(trial->seconds[s], 1e-12);
  }
  for (size_t n = 0; n < count; n++) {
    double took[MOST_ROUNDS];
    for (int r = 0; r < rounds; r++) took[r] = nodes[(size_t)r * count + n];
    trial->node_seconds[n] = esp_quantile(took, rounds, 0.5);
  }
}

// What one thread takes for each node is what the branches are planned by.
static esp_status open_stands(const esp_trial_options *options, int shapes,
                              stand stands[ESP_TRIAL_SHAPES]) {
  const size_t nodes = (size_t)options->graph->nnode;
  double *seconds = calloc(nodes + 1, sizeof *seconds);
  esp_status status =
      seconds != NULL
          ? ESP_OK
          : ESP_FAIL(ESP_NO_MEMORY, "cannot measure %zu nodes", nodes);
  for (int s = 0; s < shapes && status == ESP_OK; s++) {
    status = open_stand(options, (esp_trial_shape)s, seconds, &stands[s]);
    if (status == ESP_OK) status = warm_up(&stands[s]);
    if (status == ESP_OK && s == ESP_TRIAL_ONE) {
      esp_exec_add_usual(stands[s].rig.exec, seconds);
    }
  }
  free(seconds);
  return status;
}

static esp_status run_all(const esp_trial_options *options, int shapes,
                          stand stands[ESP_TRIAL_SHAPES], esp_trial *trial) {
  ESP_TRY(open_stands(options, shapes, stands));
  const bool is_long = stands[ESP_TRIAL_ONE].first_seconds > LONG_BATCH_SECONDS;
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
    status = run_rounds(stands, shapes, nodes, before, trial);
  }
  const double wall = esp_clock_seconds() - began;
  trial->others =
      fmax(0, esp_trial_others_seconds(options->cores) - others) / wall;
  if (status == ESP_OK) conclude(stands, shapes, nodes, trial);
  free(before);
  free(nodes);
  return status;
}

esp_status esp_trial_run(const esp_trial_options *options, esp_trial *trial) {
  stand stands[ESP_TRIAL_SHAPES] = {0};
  esp_trial made = {.cores = options->cores->count};
  const int shapes = options->cores->count > 1 ? ESP_TRIAL_SHAPES : 1;
  const esp_status status = run_all(options, shapes, stands, &made);
  for (int s = 0; s < shapes; s++) esp_rig_close(&stands[s].rig);
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
