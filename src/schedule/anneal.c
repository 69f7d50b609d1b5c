// Simulated annealing over schedules.
//
// A schedule is a legal order of all tasks and the processor of each; every
// task begins as early as these allow.  A move gives one task another processor
// and another place in the order, between what it needs and what needs it, so
// that the order stays legal; or it gives another processor to a few tasks that
// are joined by arcs and run on one processor, as dear messages keep a single
// one from leaving.  Only what a move changes is timed again, in the order, and
// no further than until the result is sure to be refused: how long a schedule
// may be to be accepted is drawn before it is tried.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/private.h"

enum { MOST_GROUP = 16 };

typedef struct change {
  int task;
  double start, finish;
} change;

typedef struct search {
  const esp_scene *scene;
  int count, processors;
  uint64_t seed;
  int *order, *place;  // place[t] in the order
  int *at;             // processor of each task
  int *before, *after; // on its processor; -1: none
  int *last;           // of each processor; -1: unused
  double *start, *finish;
  double makespan;
  uint64_t *dirty; // bit of each place: to be timed again
  change *undo;
  int changes;
  int64_t timed;
  int group[MOST_GROUP]; // tasks that move together, all on one processor
  int group_count;
  int *path; // tasks of a critical path
  int path_count;
  bool path_known;
} search;

static void *take(size_t count, size_t bytes, bool *failed) {
  void *block = calloc(count + 1, bytes);
  if (block == NULL) *failed = true;
  return block;
}

static void search_end(search *s) {
  free(s->order);
  free(s->place);
  free(s->at);
  free(s->before);
  free(s->after);
  free(s->last);
  free(s->start);
  free(s->finish);
  free(s->dirty);
  free(s->undo);
  free(s->path);
}

static esp_status search_begin(const esp_scene *scene, search *s) {
  const size_t n = (size_t)scene->dag->count;
  bool failed = false;
  s->scene = scene;
  s->count = (int)n;
  s->processors = scene->processors->count;
  s->order = take(n, sizeof *s->order, &failed);
  s->place = take(n, sizeof *s->place, &failed);
  s->at = take(n, sizeof *s->at, &failed);
  s->before = take(n, sizeof *s->before, &failed);
  s->after = take(n, sizeof *s->after, &failed);
  s->last = take((size_t)s->processors, sizeof *s->last, &failed);
  s->start = take(n, sizeof *s->start, &failed);
  s->finish = take(n, sizeof *s->finish, &failed);
  s->dirty = take(n / 64 + 1, sizeof *s->dirty, &failed);
  s->undo = take(n, sizeof *s->undo, &failed);
  s->path = take(n, sizeof *s->path, &failed);
  if (!failed) return ESP_OK;
  search_end(s);
  return ESP_FAIL(ESP_NO_MEMORY, "cannot schedule %zu tasks", n);
}

static double find_makespan(const search *s) {
  double makespan = 0;
  for (int p = 0; p < s->processors; p++) {
    if (s->last[p] >= 0) makespan = fmax(makespan, s->finish[s->last[p]]);
  }
  return makespan;
}

static double start_of(const search *s, int t) {
  const esp_dag *dag = s->scene->dag;
  const int here = s->at[t];
  double start = s->before[t] >= 0 ? s->finish[s->before[t]] : 0;
  for (int a = dag->in_first[t]; a < dag->in_first[t + 1]; a++) {
    const esp_arc *arc = &dag->in[a];
    const double ready = s->finish[arc->from] +
                         arc->cost[esp_distance_of(s->scene->processors,
                                                   s->at[arc->from], here)];
    start = ready > start ? ready : start;
  }
  return start;
}

static void take_over(search *s, const int *order, const int *processor) {
  const esp_scene *scene = s->scene;
  for (int p = 0; p < s->processors; p++) s->last[p] = -1;
  for (int i = 0; i < s->count; i++) {
    const int t = order[i], p = processor[t];
    s->order[i] = t;
    s->place[t] = i;
    s->at[t] = p;
    s->before[t] = s->last[p];
    s->after[t] = -1;
    if (s->last[p] >= 0) s->after[s->last[p]] = t;
    s->last[p] = t;
    s->start[t] = start_of(s, t);
    s->finish[t] =
        s->start[t] + esp_weight_on(scene->dag, scene->processors, t, p);
  }
  s->makespan = find_makespan(s);
  s->path_known = false;
}

static void mark(search *s, int t) {
  if (t >= 0) s->dirty[s->place[t] / 64] |= (uint64_t)1 << (s->place[t] % 64);
}

static void mark_readers(search *s, int t) {
  const esp_dag *dag = s->scene->dag;
  mark(s, s->after[t]);
  for (int o = dag->out_first[t]; o < dag->out_first[t + 1]; o++) {
    mark(s, dag->in[dag->out[o]].to);
  }
}

static void unlink_task(search *s, int t) {
  const int before = s->before[t], after = s->after[t];
  if (before >= 0) s->after[before] = after;
  if (after >= 0) {
    s->before[after] = before;
  } else {
    s->last[s->at[t]] = before;
  }
}

static void link_task(search *s, int t, int processor, int place) {
  int before = -1;
  if (s->last[processor] >= 0 && s->place[s->last[processor]] < place) {
    before = s->last[processor];
  } else if (s->last[processor] >= 0) {
    int i = place - 1;
    while (i >= 0 && s->at[s->order[i]] != processor) i--;
    if (i >= 0) before = s->order[i];
  }
  s->at[t] = processor;
  s->before[t] = before;
  if (before >= 0) {
    s->after[t] = s->after[before];
    s->after[before] = t;
  } else {
    int i = place + 1;
    if (s->last[processor] < 0) i = s->count;
    while (i < s->count && s->at[s->order[i]] != processor) i++;
    s->after[t] = i < s->count ? s->order[i] : -1;
  }
  if (s->after[t] >= 0) {
    s->before[s->after[t]] = t;
  } else {
    s->last[processor] = t;
  }
}

static void shift(search *s, int t, int place) {
  const int old = s->place[t], step = old < place ? 1 : -1;
  for (int i = old; i != place; i += step) {
    s->order[i] = s->order[i + step];
    s->place[s->order[i]] = i;
  }
  s->order[place] = t;
  s->place[t] = place;
}

static void move(search *s, int t, int processor, int place) {
  unlink_task(s, t);
  s->at[t] = -1; // not found while its place is looked for
  shift(s, t, place);
  link_task(s, t, processor, place);
}

// Times again all that is marked from `place` on.  False, and nothing marked,
// as soon as the schedule is sure to be longer than `limit`.
static bool retime(search *s, int place, double limit) {
  const esp_scene *scene = s->scene;
  const int words = s->count / 64 + 1;
  s->changes = 0;
  for (int w = place / 64; w < words; w++) {
    while (s->dirty[w] != 0) {
      const int i = 64 * w + __builtin_ctzll(s->dirty[w]);
      const int t = s->order[i];
      s->dirty[w] &= s->dirty[w] - 1;
      s->timed++;
      const double start = start_of(s, t);
      if (start + scene->tail[t] > limit) {
        memset(s->dirty + w, 0, (size_t)(words - w) * sizeof *s->dirty);
        return false;
      }
      const double finish =
          start + esp_weight_on(scene->dag, scene->processors, t, s->at[t]);
      if (start == s->start[t] && finish == s->finish[t]) continue;
      s->undo[s->changes++] = (change){t, s->start[t], s->finish[t]};
      s->start[t] = start;
      s->finish[t] = finish;
      mark_readers(s, t);
    }
  }
  return true;
}

static void undo(search *s) {
  for (int c = s->changes - 1; c >= 0; c--) {
    s->start[s->undo[c].task] = s->undo[c].start;
    s->finish[s->undo[c].task] = s->undo[c].finish;
  }
}

// Times what was marked from `place` on, and takes the result when it is no
// longer than `limit`.
static bool accept(search *s, int place, double limit) {
  if (retime(s, place, limit)) {
    const double makespan = find_makespan(s);
    if (makespan <= limit) {
      s->makespan = makespan;
      s->path_known = false;
      return true;
    }
  }
  undo(s);
  return false;
}

// Messages from a task that has moved differ although it may begin and end as
// before.
static void mark_moved(search *s, int t) {
  mark(s, t);
  mark_readers(s, t);
}

// Tries a move; it is undone when the schedule gets longer than `limit`.
static bool attempt(search *s, int t, int processor, int place, double limit) {
  const int old_place = s->place[t], old_processor = s->at[t];
  const int old_after = s->after[t];
  move(s, t, processor, place);
  mark(s, old_after);
  mark_moved(s, t);
  if (accept(s, old_place < place ? old_place : place, limit)) return true;
  move(s, t, old_processor, old_place);
  return false;
}

// Collects a task and some of those that arcs join to it on its processor.
static void draw_group(search *s, int t) {
  const esp_dag *dag = s->scene->dag;
  const int most = 2 + esp_draw_below(&s->seed, MOST_GROUP - 1);
  s->group[0] = t;
  s->group_count = 1;
  for (int g = 0; g < s->group_count; g++) {
    const int member = s->group[g];
    const int in = dag->in_first[member], ins = dag->in_first[member + 1] - in;
    const int out = dag->out_first[member];
    const int outs = dag->out_first[member + 1] - out;
    for (int i = 0; i < ins + outs && s->group_count < most; i++) {
      const int other =
          i < ins ? dag->in[in + i].from : dag->in[dag->out[out + i - ins]].to;
      bool fits = s->at[other] == s->at[t] && !dag->at_home[other];
      for (int k = 0; k < s->group_count; k++) fits &= s->group[k] != other;
      if (fits) s->group[s->group_count++] = other;
    }
  }
}

static void move_group(search *s, int processor) {
  for (int g = 0; g < s->group_count; g++) {
    const int t = s->group[g];
    mark(s, s->after[t]);
    move(s, t, processor, s->place[t]);
  }
}

static bool attempt_group(search *s, int processor, double limit) {
  const int old = s->at[s->group[0]];
  int first = s->count;
  move_group(s, processor);
  for (int g = 0; g < s->group_count; g++) {
    mark_moved(s, s->group[g]);
    first = s->place[s->group[g]] < first ? s->place[s->group[g]] : first;
  }
  if (accept(s, first, limit)) return true;
  move_group(s, old);
  memset(s->dirty, 0, ((size_t)s->count / 64 + 1) * sizeof *s->dirty);
  return false;
}

// What made the task begin no sooner; -1: nothing did.
static int cause(search *s, int t) {
  const esp_dag *dag = s->scene->dag;
  int found = -1, chances = 0;
  if (s->start[t] <= 0) return -1;
  if (s->before[t] >= 0 && s->finish[s->before[t]] == s->start[t]) {
    found = s->before[t];
    chances = 1;
  }
  for (int a = dag->in_first[t]; a < dag->in_first[t + 1]; a++) {
    const esp_arc *arc = &dag->in[a];
    if (arc->from == found) continue;
    const double ready = s->finish[arc->from] +
                         arc->cost[esp_distance_of(s->scene->processors,
                                                   s->at[arc->from], s->at[t])];
    if (ready == s->start[t] && esp_draw_below(&s->seed, ++chances) == 0) {
      found = arc->from;
    }
  }
  return found;
}

static void find_path(search *s) {
  int t = -1, chances = 0;
  for (int p = 0; p < s->processors; p++) {
    if (s->last[p] >= 0 && s->finish[s->last[p]] == s->makespan &&
        esp_draw_below(&s->seed, ++chances) == 0) {
      t = s->last[p];
    }
  }
  s->path_count = 0;
  for (; t >= 0; t = cause(s, t)) s->path[s->path_count++] = t;
  s->path_known = true;
}

static int draw_task(search *s) {
  if (esp_draw(&s->seed) & 1) return esp_draw_below(&s->seed, s->count);
  if (!s->path_known) find_path(s);
  return s->path[esp_draw_below(&s->seed, s->path_count)];
}

static int draw_processor(search *s, int t) {
  const esp_dag *dag = s->scene->dag;
  const int in = dag->in_first[t + 1] - dag->in_first[t];
  const int out = dag->out_first[t + 1] - dag->out_first[t];
  if (dag->at_home[t]) return 0;
  if (in + out > 0 && (esp_draw(&s->seed) & 1)) {
    const int i = esp_draw_below(&s->seed, in + out);
    const int other = i < in ? dag->in[dag->in_first[t] + i].from
                             : dag->in[dag->out[dag->out_first[t] + i - in]].to;
    return s->at[other];
  }
  return esp_draw_below(&s->seed, s->processors);
}

// A place for the task near its own, after what it needs and before what needs
// it.
static int draw_place(search *s, int t) {
  const esp_dag *dag = s->scene->dag;
  const int reach = 4 * s->processors + 16;
  int low = s->place[t] - reach, high = s->place[t] + reach;
  low = low < 0 ? 0 : low;
  high = high > s->count - 1 ? s->count - 1 : high;
  for (int a = dag->in_first[t]; a < dag->in_first[t + 1]; a++) {
    const int place = s->place[dag->in[a].from] + 1;
    low = place > low ? place : low;
  }
  for (int o = dag->out_first[t]; o < dag->out_first[t + 1]; o++) {
    const int place = s->place[dag->in[dag->out[o]].to] - 1;
    high = place < high ? place : high;
  }
  return low + esp_draw_below(&s->seed, high - low + 1);
}

static double draw_limit(search *s, double temperature) {
  const double u = ((double)(esp_draw(&s->seed) >> 11) + 1) * 0x1p-53;
  return s->makespan - temperature * log(u);
}

static void keep(const search *s, esp_schedule *best) {
  memcpy(best->processor, s->at, (size_t)s->count * sizeof *s->at);
  memcpy(best->start, s->start, (size_t)s->count * sizeof *s->start);
  best->makespan = s->makespan;
}

// Draws a move and tries it; true when the schedule has changed.
static bool step(search *s, double temperature) {
  const int t = draw_task(s), processor = draw_processor(s, t);
  if (processor != s->at[t] && esp_draw_below(&s->seed, 8) == 0) {
    draw_group(s, t);
    return attempt_group(s, processor, draw_limit(s, temperature));
  }
  const int place = draw_place(s, t);
  if (processor == s->at[t] && place == s->place[t]) return false;
  return attempt(s, t, processor, place, draw_limit(s, temperature));
}

static void cool(search *s, int64_t placements, double share,
                 esp_schedule *best) {
  const double hot = share * s->makespan, cold = 0.0005 * s->makespan;
  double temperature = hot;
  s->timed = 0;
  for (int64_t round = 0; s->timed < placements; round++) {
    s->timed++; // also a move that changes nothing takes time
    if (round % 64 == 0) {
      temperature =
          hot * pow(cold / hot, (double)s->timed / (double)placements);
    }
    if (!step(s, temperature) || s->makespan >= best->makespan) continue;
    keep(s, best);
    if (best->makespan <= s->scene->bound) return;
  }
}

esp_status esp_schedule_anneal(const esp_scene *scene, const esp_anneal *how,
                               esp_schedule *schedule) {
  enum { ROUNDS = 2 };
  if (scene->dag->count < 2 || schedule->makespan <= scene->bound) {
    return ESP_OK;
  }
  search s = {.seed = how->seed};
  ESP_TRY(search_begin(scene, &s));
  int *order = malloc((size_t)scene->dag->count * sizeof *order);
  esp_status status =
      order != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot schedule");
  for (int round = 0; round < ROUNDS && status == ESP_OK; round++) {
    if (schedule->makespan <= scene->bound) break;
    status = esp_schedule_order(scene, schedule, order);
    if (status != ESP_OK) break;
    take_over(&s, order, schedule->processor);
    if (s.makespan < schedule->makespan) keep(&s, schedule);
    cool(&s, how->placements / ROUNDS, how->hot, schedule);
  }
  free(order);
  search_end(&s);
  return status;
}
