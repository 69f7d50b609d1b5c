// Moldable tasks: which of them run on all processors, and in which order.  It
// begins with every task on one and widens those that make the schedule
// shorter, the ones that gain most first: as CPA does along the critical path,
// but judged by the whole schedule.
// Source: A. Radulescu, A. van Gemund, "A Low-Cost Approach towards Mixed Task
// and Data Parallel Scheduling", ICPP 2001 (CPA).
#include <math.h>
#include <stdlib.h>

#include "base/heap.h"
#include "schedule/private.h"

// A task that runs.
typedef struct running {
  double finish;
  int task;
} running;

typedef struct molder {
  const esp_dag *dag;
  const esp_mold *mold;
  int *rank;  // [count] place in the order of levels
  int *order; // [count] the task of each place
  bool *wide; // [count] those on all processors
  int *left;  // [count] what each still waits for
  int *ready; // a heap of places in the order, the lowest first
  int readies;
  running *run; // a heap, what ends first on top; at most one a processor
  int runs;
  bool *busy;  // [processors]
  int *lane;   // [count] processor of each task
  double *end; // [count]
  int64_t placed;
} molder;

// Heaps -----------------------------------------------------------------------

static void push_ready(molder *m, int task) {
  esp_heap_push(m->ready, &m->readies, m->rank[task]);
}

static int pop_ready(molder *m) {
  return m->order[esp_heap_pop(m->ready, &m->readies)];
}

static bool sooner(const running *a, const running *b) {
  return a->finish != b->finish ? a->finish < b->finish : a->task < b->task;
}

static void push_run(molder *m, running new) {
  int at = m->runs++;
  for (; at > 0 && sooner(&new, &m->run[(at - 1) / 2]); at = (at - 1) / 2) {
    m->run[at] = m->run[(at - 1) / 2];
  }
  m->run[at] = new;
}

static running pop_run(molder *m) {
  const running first = m->run[0], last = m->run[--m->runs];
  int at = 0;
  for (;;) {
    int child = 2 * at + 1;
    if (child >= m->runs) break;
    if (child + 1 < m->runs && sooner(&m->run[child + 1], &m->run[child])) {
      child++;
    }
    if (!sooner(&m->run[child], &last)) break;
    m->run[at] = m->run[child];
    at = child;
  }
  m->run[at] = last;
  return first;
}

// One schedule ----------------------------------------------------------------

// A processor for a task: that of the task it needs which ended last, where it
// is idle, as what that one made is near there.
static int idle_lane(const molder *m, int task) {
  const esp_dag *dag = m->dag;
  int best = -1;
  double latest = -1;
  for (int a = dag->in_first[task]; a < dag->in_first[task + 1]; a++) {
    const int from = dag->in[a].from;
    if (m->end[from] <= latest || m->busy[m->lane[from]]) continue;
    latest = m->end[from];
    best = m->lane[from];
  }
  for (int p = 0; best < 0; p++) {
    if (!m->busy[p]) best = p;
  }
  return best;
}

static void begin(molder *m, int task, double now, bool woken) {
  m->placed++;
  if (m->wide[task]) {
    m->lane[task] = 0;
    m->end[task] = now + m->mold->wide[task];
  } else {
    const int lane = idle_lane(m, task);
    m->busy[lane] = true;
    m->lane[task] = lane;
    const double wake = woken && lane > 0 ? m->mold->wake_seconds : 0;
    m->end[task] = now + wake + m->dag->weight[task];
  }
  push_run(m, (running){m->end[task], task});
}

// Gives tasks to idle processors in the order of the list.  A wide one that has
// come to its turn waits for all, and none is begun before it.
static void give_out(molder *m, double now, bool woken, int *waiting) {
  while (*waiting >= 0 || m->readies > 0) {
    if (*waiting < 0) {
      if (m->runs == m->mold->processors) return;
      const int task = pop_ready(m);
      if (!m->wide[task]) {
        begin(m, task, now, woken);
        continue;
      }
      *waiting = task;
    }
    if (m->runs > 0) return;
    begin(m, *waiting, now, false);
    *waiting = -1;
    return;
  }
}

// Runs the graph on paper with the widths of now; fills lane and end.
static double play(molder *m) {
  const esp_dag *dag = m->dag;
  for (int t = 0; t < dag->count; t++) {
    m->left[t] = dag->in_first[t + 1] - dag->in_first[t];
    if (m->left[t] == 0) push_ready(m, t);
  }
  double now = 0;
  int waiting = -1;
  give_out(m, now, true, &waiting);
  while (m->runs > 0) {
    const running ended = pop_run(m);
    const bool wide = m->wide[ended.task];
    now = ended.finish;
    if (!wide) m->busy[m->lane[ended.task]] = false;
    for (int o = dag->out_first[ended.task]; o < dag->out_first[ended.task + 1];
         o++) {
      const int to = dag->in[dag->out[o]].to;
      if (--m->left[to] == 0) push_ready(m, to);
    }
    // While a wide one runs nothing else may begin.
    give_out(m, now, wide, &waiting);
  }
  return now;
}

// Widths ----------------------------------------------------------------------

typedef struct gain {
  double seconds;
  int task;
} gain;

static int largest_first(const void *a, const void *b) {
  const gain *x = a, *y = b;
  if (x->seconds != y->seconds) return x->seconds > y->seconds ? -1 : 1;
  return (x->task > y->task) - (x->task < y->task);
}

// Those that are faster on all processors, what gains most first.
static int list_gains(const molder *m, gain *list) {
  int count = 0;
  for (int t = 0; t < m->dag->count; t++) {
    const double seconds = m->dag->weight[t] - m->mold->wide[t];
    if (seconds > 0) list[count++] = (gain){seconds, t};
  }
  if (count > 0) qsort(list, (size_t)count, sizeof *list, largest_first);
  return count;
}

// Turns the width of one task after the other, and keeps what makes the
// schedule shorter.
static void search(molder *m, const gain *list, int count, double *best) {
  static const double SHORTER = 1 - 1e-9;
  for (bool found = true; found;) {
    found = false;
    for (int i = 0; i < count && m->placed < m->mold->placements; i++) {
      bool *wide = &m->wide[list[i].task];
      *wide = !*wide;
      const double took = play(m);
      if (took < *best * SHORTER) {
        *best = took;
        found = true;
      } else {
        *wide = !*wide;
      }
    }
  }
}

static esp_status find(molder *m, esp_schedule *schedule) {
  const int count = m->dag->count;
  gain *list = calloc((size_t)count + 1, sizeof *list);
  if (list == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot find widths");
  const int gains = list_gains(m, list);
  double best = play(m);
  search(m, list, gains, &best);
  free(list);
  schedule->makespan = play(m);
  for (int t = 0; t < count; t++) {
    schedule->processor[t] = m->lane[t];
    schedule->width[t] = m->wide[t] ? m->mold->processors : 1;
    schedule->start[t] =
        m->end[t] - (m->wide[t] ? m->mold->wide[t] : m->dag->weight[t]);
  }
  return ESP_OK;
}

// All of it -------------------------------------------------------------------

static double faster(const esp_dag *dag, const esp_mold *mold, int task) {
  return fmin(dag->weight[task], mold->wide[task]);
}

// Levels of the tasks as fast as they can be.
static esp_status sort_tasks(molder *m) {
  const esp_dag *dag = m->dag;
  double *level = calloc((size_t)dag->count + 1, sizeof *level);
  if (level == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot sort the tasks");
  for (int i = dag->count - 1; i >= 0; i--) {
    const int t = dag->order[i];
    for (int o = dag->out_first[t]; o < dag->out_first[t + 1]; o++) {
      level[t] = fmax(level[t], level[dag->in[dag->out[o]].to]);
    }
    level[t] += faster(dag, m->mold, t);
  }
  const esp_status status = esp_list_order(dag, level, m->order);
  for (int i = 0; i < dag->count && status == ESP_OK; i++) {
    m->rank[m->order[i]] = i;
  }
  free(level);
  return status;
}

static esp_status open_molder(const esp_dag *dag, const esp_mold *mold,
                              molder *m) {
  const size_t n = (size_t)dag->count + 1, p = (size_t)mold->processors + 1;
  *m = (molder){.dag = dag, .mold = mold};
  m->rank = calloc(n, sizeof *m->rank);
  m->order = calloc(n, sizeof *m->order);
  m->wide = calloc(n, sizeof *m->wide);
  m->left = calloc(n, sizeof *m->left);
  m->ready = calloc(n, sizeof *m->ready);
  m->run = calloc(p, sizeof *m->run);
  m->busy = calloc(p, sizeof *m->busy);
  m->lane = calloc(n, sizeof *m->lane);
  m->end = calloc(n, sizeof *m->end);
  if (m->rank == NULL || m->order == NULL || m->wide == NULL ||
      m->left == NULL || m->ready == NULL || m->run == NULL ||
      m->busy == NULL || m->lane == NULL || m->end == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot find widths of %d tasks",
                    dag->count);
  }
  return sort_tasks(m);
}

static void close_molder(molder *m) {
  free(m->rank);
  free(m->order);
  free(m->wide);
  free(m->left);
  free(m->ready);
  free(m->run);
  free(m->busy);
  free(m->lane);
  free(m->end);
}

esp_status esp_schedule_mold(const esp_dag *dag, const esp_mold *mold,
                             esp_schedule *schedule) {
  molder m;
  ESP_TRY(esp_schedule_room(dag->count, schedule));
  schedule->method = "molded";
  schedule->lower_bound = esp_schedule_mold_bound(dag, mold);
  schedule->width = calloc((size_t)dag->count + 1, sizeof *schedule->width);
  esp_status status = schedule->width != NULL
                          ? open_molder(dag, mold, &m)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot find widths");
  if (schedule->width != NULL) {
    if (status == ESP_OK) status = find(&m, schedule);
    close_molder(&m);
  }
  if (status != ESP_OK) esp_schedule_free(schedule);
  return status;
}

// The longest path of tasks as fast as they can be; and what processors are
// busy for, in total, with each task in the width that takes less of that.
double esp_schedule_mold_bound(const esp_dag *dag, const esp_mold *mold) {
  double *head = calloc((size_t)dag->count + 1, sizeof *head);
  double path = 0, work = 0;
  for (int i = 0; i < dag->count; i++) {
    const int t = dag->order[i];
    work += fmin(dag->weight[t] / mold->processors, mold->wide[t]);
    for (int a = dag->in_first[t]; head != NULL && a < dag->in_first[t + 1];
         a++) {
      head[t] = fmax(head[t], head[dag->in[a].from]);
    }
    if (head == NULL) continue; // then the other bound alone
    head[t] += faster(dag, mold, t);
    path = fmax(path, head[t]);
  }
  free(head);
  return fmax(path, work);
}
