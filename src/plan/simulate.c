// A plan on paper: its steps as exec/ would run them.  A rank's workers take
// ready nodes in the order of the plan, whichever is free; the one that has
// ended a step goes on with what it made ready, another has to be woken.  A
// message moves when both sides have come to it, and the bytes of a rank's
// messages go one after the other.  Nodes that run at once on a machine share
// its memory.
#include <math.h>
#include <stdlib.h>

#include "base/heap.h"
#include "plan/private.h"

typedef struct event {
  double time;
  int64_t number; // of equals the one that was added first
  int rank, step;
} event;

typedef struct rank_state {
  int *left;     // [nstep] waits that are open
  int *ready;    // a heap of steps, the lowest first
  int count;     // of them
  int idle;      // workers, or threads of the only one's team
  int phase_end; // of a molded plan: later steps may not begin
  int ended;     // steps
  double port;   // when it is free
  int *partner;  // [nstep] the other side of a message
  bool *arrived; // [nstep] of a message: this side has come to it
} rank_state;

typedef struct simulation {
  const esp_plan_problem *problem;
  esp_plan *plan;
  rank_state *rank;
  event *heap;
  size_t events, room;
  int64_t number;
  double *traffic; // [machines] bytes a second of what runs there
  int per_machine; // ranks
} simulation;

// Heaps -----------------------------------------------------------------------

static bool sooner(const event *a, const event *b) {
  return a->time != b->time ? a->time < b->time : a->number < b->number;
}

static esp_status add_event(simulation *s, double time, int rank, int step) {
  ESP_TRY(esp_grow(&s->heap, &s->room, s->events + 1, sizeof *s->heap));
  const event new = {time, s->number++, rank, step};
  size_t at = s->events++;
  for (; at > 0 && sooner(&new, &s->heap[(at - 1) / 2]); at = (at - 1) / 2) {
    s->heap[at] = s->heap[(at - 1) / 2];
  }
  s->heap[at] = new;
  return ESP_OK;
}

static event take_event(simulation *s) {
  const event first = s->heap[0], last = s->heap[--s->events];
  size_t at = 0;
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= s->events) break;
    if (child + 1 < s->events && sooner(&s->heap[child + 1], &s->heap[child])) {
      child++;
    }
    if (!sooner(&s->heap[child], &last)) break;
    s->heap[at] = s->heap[child];
    at = child;
  }
  s->heap[at] = last;
  return first;
}

// Steps -----------------------------------------------------------------------

static esp_step *step_of(const simulation *s, int rank, int step) {
  return &s->plan->rank[rank].step[step];
}

// Bytes a second that a node moves when nothing is in its way.
static double traffic_of(const simulation *s, int node) {
  if (s->problem->bytes == NULL) return 0;
  const double seconds = esp_plan_node_seconds(s->problem, s->plan, node);
  return seconds > 0 ? s->problem->bytes[node] / seconds : 0;
}

static esp_status begin_node(simulation *s, int rank, int step, double time) {
  esp_step *p = step_of(s, rank, step);
  double *busy = &s->traffic[rank / s->per_machine];
  const double most = s->problem->bytes_per_second;
  *busy += traffic_of(s, p->node);
  const double slower = most > 0 && *busy > most ? *busy / most : 1;
  p->start = time;
  p->finish =
      time + slower * esp_plan_node_seconds(s->problem, s->plan, p->node);
  return add_event(s, p->finish, rank, step);
}

// Gives ready nodes to idle workers; the first goes to the worker that is awake
// here, if one is.
static esp_status give_out(simulation *s, int rank, double time, bool awake) {
  rank_state *r = &s->rank[rank];
  const double wake = s->problem->links.over[ESP_SAME_RANK].seconds;
  while (r->count > 0 && r->idle > 0 && r->ready[0] < r->phase_end) {
    r->idle--;
    ESP_TRY(begin_node(s, rank, esp_heap_pop(r->ready, &r->count),
                       awake ? time : time + wake));
    awake = false;
  }
  return ESP_OK;
}

static esp_status move_message(simulation *s, int rank, int step, double time) {
  esp_step *mine = step_of(s, rank, step);
  const int peer = mine->peer, other = s->rank[rank].partner[step];
  s->rank[rank].arrived[step] = true;
  mine->start = time;
  if (!s->rank[peer].arrived[other]) return ESP_OK;
  const esp_distance way = esp_plan_distance(s->problem, rank, peer);
  const esp_link *link = &s->problem->links.over[way];
  const double all = esp_value_seconds(s->problem, mine->value, way);
  const double begin = fmax(time, fmax(s->rank[rank].port, s->rank[peer].port));
  s->rank[rank].port = s->rank[peer].port = begin + all - link->seconds;
  mine->finish = step_of(s, peer, other)->finish = begin + all;
  ESP_TRY(add_event(s, begin + all, rank, step));
  return add_event(s, begin + all, peer, other);
}

static esp_status make_ready(simulation *s, int rank, int step, double time) {
  if (step_of(s, rank, step)->kind != ESP_STEP_RUN) {
    return move_message(s, rank, step, time);
  }
  esp_heap_push(s->rank[rank].ready, &s->rank[rank].count, step);
  return ESP_OK;
}

// Where all steps of a phase have ended the next one begins.
static void pass_phase(const simulation *s, int rank) {
  rank_state *r = &s->rank[rank];
  const esp_rank_plan *plan = &s->plan->rank[rank];
  if (r->ended == r->phase_end && r->ended < plan->nstep) {
    r->phase_end = esp_plan_phase_end(plan, r->ended);
  }
}

static esp_status end_step(simulation *s, const event *e) {
  const esp_rank_plan *plan = &s->plan->rank[e->rank];
  s->rank[e->rank].ended++;
  pass_phase(s, e->rank);
  const esp_step *p = &plan->step[e->step];
  const bool ran = p->kind == ESP_STEP_RUN;
  if (ran) {
    s->rank[e->rank].idle++;
    s->traffic[e->rank / s->per_machine] -= traffic_of(s, p->node);
  }
  for (int i = plan->first[e->step]; i < plan->first[e->step + 1]; i++) {
    const int next = plan->waiting[i];
    if (--s->rank[e->rank].left[next] > 0) continue;
    ESP_TRY(make_ready(s, e->rank, next, e->time));
  }
  return give_out(s, e->rank, e->time, ran);
}

static esp_status run(simulation *s) {
  for (int r = 0; r < s->plan->ranks; r++) {
    const esp_rank_plan *plan = &s->plan->rank[r];
    for (int step = 0; step < plan->nstep; step++) {
      if (plan->nwait[step] == 0) ESP_TRY(make_ready(s, r, step, 0));
    }
    ESP_TRY(give_out(s, r, 0, true));
  }
  double end = 0;
  while (s->events > 0) {
    const event e = take_event(s);
    end = e.time;
    ESP_TRY(end_step(s, &e));
  }
  s->plan->predicted = end;
  return ESP_OK;
}

// All of it -------------------------------------------------------------------

static esp_status open_rank(const simulation *s, int rank) {
  const esp_rank_plan *plan = &s->plan->rank[rank];
  const size_t n = (size_t)plan->nstep + 1;
  rank_state *r = &s->rank[rank];
  r->left = calloc(n, sizeof *r->left);
  r->ready = calloc(n, sizeof *r->ready);
  r->partner = calloc(n, sizeof *r->partner);
  r->arrived = calloc(n, sizeof *r->arrived);
  if (r->left == NULL || r->ready == NULL || r->partner == NULL ||
      r->arrived == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot simulate %d steps", plan->nstep);
  }
  for (int i = 0; i < plan->nstep; i++) r->left[i] = plan->nwait[i];
  r->idle = s->plan->molded ? s->plan->width : s->plan->workers;
  r->phase_end = plan->nstep;
  if (s->plan->molded) {
    r->phase_end = 0;
    pass_phase(s, rank);
  }
  return ESP_OK;
}

// Both sides of a message have its number.
static esp_status find_partners(const simulation *s) {
  const int messages = s->plan->nmessage;
  int *at = calloc((size_t)messages + 1, sizeof *at); // step + 1 of one side
  if (at == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot simulate messages");
  for (int r = 0; r < s->plan->ranks; r++) {
    for (int i = 0; i < s->plan->rank[r].nstep; i++) {
      const esp_step *p = step_of(s, r, i);
      if (p->kind == ESP_STEP_RUN) continue;
      const int other = at[p->message] - 1;
      at[p->message] = i + 1;
      if (other < 0) continue;
      s->rank[r].partner[i] = other;
      s->rank[p->peer].partner[other] = i;
    }
  }
  free(at);
  return ESP_OK;
}

esp_status esp_plan_simulate(const esp_plan_problem *problem, esp_plan *plan) {
  simulation s = {.problem = problem,
                  .plan = plan,
                  .per_machine = esp_plan_ranks_per_node(problem)};
  s.rank = calloc((size_t)plan->ranks, sizeof *s.rank);
  s.traffic = calloc((size_t)plan->ranks, sizeof *s.traffic);
  esp_status status = s.rank != NULL && s.traffic != NULL
                          ? ESP_OK
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot simulate");
  for (int r = 0; r < plan->ranks && status == ESP_OK; r++) {
    status = open_rank(&s, r);
  }
  if (status == ESP_OK) status = find_partners(&s);
  if (status == ESP_OK) status = run(&s);
  for (int r = 0; s.rank != NULL && r < plan->ranks; r++) {
    free(s.rank[r].left);
    free(s.rank[r].ready);
    free(s.rank[r].partner);
    free(s.rank[r].arrived);
  }
  free(s.rank);
  free(s.traffic);
  free(s.heap);
  return status;
}
