// Memory of a rank: each value has an interval of steps in which it lives, and
// gets the lowest place that is free for that long, large values first.  Steps
// may run side by side, so "later in the order" is not "after": whoever writes
// into used memory waits for all who touched what was there.  Such a wait costs
// time where the two are on different workers and the first is late: memory of
// another worker is used again only after a while.
//
// A value that a node makes may take over the place of one that the node reads
// as the last, where its operator allows it: they then have one life.
#include <stdlib.h>

#include "op/op.h"
#include "plan/private.h"

// One value on this rank, with those that take its place over.
typedef struct life {
  int value;
  int first, last; // steps; -1: before the batch begins; nstep: to its end
  double free_at;  // seconds at which the last step that touches it ends
  double taken_at; // seconds at which the step that makes it begins
  int worker;      // all that touch it run there; -1: on several, or messages
  size_t bytes, place;
} life;

typedef struct placer {
  const esp_graph *graph;
  esp_rank_plan *rank;
  int *maker;        // [nvalue] step that brings it here; -1 none
  int *reader_first; // [nvalue + 2] readers of a value are
  int *reader;       // reader[reader_first[v] .. reader_first[v + 1]): steps
  life *life;
  int lives;
  int *life_of; // [nvalue] -1: it is not here
  int *next;    // [nvalue] the value that takes this one's place; -1: none
  const esp_tensor **in; // room for the arguments of a node
  esp_tensor **out;
  double a_while; // seconds
  bool on_paper;
  bool weighs; // somebody asks for the bytes of weights
  bool in_row; // one worker does all steps, in their order
  esp_waits waits;
} placer;

esp_status esp_waits_add(esp_waits *waits, int before, int after) {
  ESP_TRY(esp_grow(&waits->wait, &waits->room, waits->count + 1,
                   sizeof *waits->wait));
  waits->wait[waits->count++] = (esp_wait){.before = before, .after = after};
  return ESP_OK;
}

static int by_both(const void *a, const void *b) {
  const esp_wait *x = a, *y = b;
  return x->before != y->before ? (x->before < y->before ? -1 : 1)
                                : (x->after > y->after) - (x->after < y->after);
}

esp_status esp_waits_list(const esp_waits *waits, esp_rank_plan *rank) {
  const size_t steps = (size_t)rank->nstep;
  rank->nwait = calloc(steps + 1, sizeof *rank->nwait);
  rank->first = calloc(steps + 2, sizeof *rank->first);
  rank->waiting = calloc(waits->count + 1, sizeof *rank->waiting);
  if (rank->nwait == NULL || rank->first == NULL || rank->waiting == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot plan %zu waits", waits->count);
  }
  if (waits->count > 0) {
    qsort(waits->wait, waits->count, sizeof *waits->wait, by_both);
  }
  int listed = 0, step = 0;
  for (size_t i = 0; i < waits->count; i++) {
    const esp_wait *w = &waits->wait[i];
    if (i > 0 && by_both(w, w - 1) == 0) continue;
    while (step < w->before) rank->first[++step] = listed;
    rank->waiting[listed++] = w->after;
    rank->nwait[w->after]++;
  }
  while (step < rank->nstep) rank->first[++step] = listed;
  return ESP_OK;
}

// Calls visit(value) for each value that a step reads; a constant is none.
static esp_status each_read(placer *p, int step,
                            esp_status (*visit)(placer *, int step,
                                                int value)) {
  const esp_step *s = &p->rank->step[step];
  if (s->kind == ESP_STEP_SEND) return visit(p, step, s->value);
  if (s->kind == ESP_STEP_RECV) return ESP_OK;
  const esp_node *node = &p->graph->node[s->node];
  for (int i = 0; i < node->nin; i++) {
    const int value = node->in[i];
    if (value < 0) continue;
    const esp_value *v = &p->graph->value[value];
    if (v->producer < 0 && !v->is_input) continue;
    ESP_TRY(visit(p, step, value));
  }
  return ESP_OK;
}

static esp_status count_reader(placer *p, int step, int value) {
  (void)step;
  p->reader_first[value + 2]++;
  return ESP_OK;
}

// A reader waits for the step that brings the value; what the caller gives is
// there from the beginning.
static esp_status note_reader(placer *p, int step, int value) {
  p->reader[p->reader_first[value + 1]++] = step;
  if (p->maker[value] < 0) return ESP_OK;
  return esp_waits_add(&p->waits, p->maker[value], step);
}

static void note_makers(placer *p) {
  for (int v = 0; v < p->graph->nvalue; v++) p->maker[v] = -1;
  for (int s = 0; s < p->rank->nstep; s++) {
    const esp_step *step = &p->rank->step[s];
    if (step->kind == ESP_STEP_RECV) p->maker[step->value] = s;
    if (step->kind != ESP_STEP_RUN) continue;
    const esp_node *node = &p->graph->node[step->node];
    for (int i = 0; i < node->nout; i++) {
      if (node->out[i] >= 0) p->maker[node->out[i]] = s;
    }
  }
}

static esp_status note_readers(placer *p) {
  for (int s = 0; s < p->rank->nstep; s++) {
    ESP_TRY(each_read(p, s, count_reader));
  }
  for (int v = 0; v < p->graph->nvalue; v++) {
    p->reader_first[v + 2] += p->reader_first[v + 1];
  }
  const size_t reads = (size_t)p->reader_first[p->graph->nvalue + 1];
  p->reader = calloc(reads + 1, sizeof *p->reader);
  if (p->reader == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot plan");
  for (int s = 0; s < p->rank->nstep; s++) {
    ESP_TRY(each_read(p, s, note_reader));
  }
  return ESP_OK;
}

static void touch(const placer *p, life *l, int step) {
  const esp_step *s = &p->rank->step[step];
  const int worker = s->kind == ESP_STEP_RUN ? s->worker : -1;
  if (l->last < 0) l->worker = worker; // the first to touch it
  if (l->worker != worker) l->worker = -1;
  if (step > l->last) l->last = step;
  if (s->finish > l->free_at) l->free_at = s->finish;
}

// The value's life on this rank, or false when it is not here.
static bool live(const placer *p, int rank, int value, life *l) {
  const esp_value *v = &p->graph->value[value];
  const bool given = v->is_input && rank == 0;
  if (p->maker[value] < 0 && !given) return false;
  *l = (life){.value = value, .first = p->maker[value], .last = -1};
  size_t bytes = esp_tensor_bytes(&v->tensor);
  l->bytes = esp_align_up(bytes > 0 ? bytes : 1);
  if (p->maker[value] >= 0) {
    l->taken_at = p->rank->step[p->maker[value]].start;
    touch(p, l, p->maker[value]);
  }
  bool lent = false;
  for (int i = p->reader_first[value]; i < p->reader_first[value + 1]; i++) {
    touch(p, l, p->reader[i]);
    lent = lent || p->rank->step[p->reader[i]].lent;
  }
  if (lent || (v->is_output && rank == 0)) l->last = p->rank->nstep;
  return true;
}

static int larger(const void *a, const void *b) {
  const life *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  return x->value < y->value ? -1 : 1;
}

static int maker_worker(const placer *p, const life *l) {
  const esp_step *maker = l->first >= 0 ? &p->rank->step[l->first] : NULL;
  return maker != NULL && maker->kind == ESP_STEP_RUN ? maker->worker : -1;
}

// May b take a's memory when a's last step is before b's first?
static bool follows(const placer *p, const life *a, const life *b) {
  const bool together = a->worker >= 0 && a->worker == maker_worker(p, b);
  const double gap = together ? 0 : p->a_while;
  return a->last < b->first && a->free_at + gap <= b->taken_at;
}

static bool apart(const life *a, const life *b) {
  return a->place + a->bytes <= b->place || b->place + b->bytes <= a->place;
}

// Lowest place for life[which], given those before it in the list: tries the
// block's beginning and the end of each that is in the way.
static void find_place(placer *p, int which) {
  life *mine = &p->life[which];
  mine->place = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (int i = 0; i < which; i++) {
      const life *other = &p->life[i];
      if (follows(p, other, mine) || follows(p, mine, other) ||
          apart(other, mine)) {
        continue;
      }
      mine->place = other->place + other->bytes;
      moved = true;
    }
  }
}

static esp_status wait_for_users(placer *p, const life *old, const life *new) {
  if (p->in_row) return ESP_OK;
  for (int value = old->value; value >= 0; value = p->next[value]) {
    if (p->maker[value] >= 0) {
      ESP_TRY(esp_waits_add(&p->waits, p->maker[value], new->first));
    }
    for (int i = p->reader_first[value]; i < p->reader_first[value + 1]; i++) {
      ESP_TRY(esp_waits_add(&p->waits, p->reader[i], new->first));
    }
  }
  return ESP_OK;
}

// Taking over -----------------------------------------------------------------

// Is step s the last reader of the value, and every other one on its worker, so
// that it has little to wait for?
static bool reads_last(const placer *p, int value, int s) {
  const esp_step *step = &p->rank->step[s];
  for (int i = p->reader_first[value]; i < p->reader_first[value + 1]; i++) {
    const esp_step *other = &p->rank->step[p->reader[i]];
    if (p->reader[i] > s || other->kind != ESP_STEP_RUN ||
        other->worker != step->worker) {
      return false;
    }
  }
  return true;
}

static int times_read(const esp_node *node, int value) {
  int times = 0;
  for (int i = 0; i < node->nin; i++) times += node->in[i] == value;
  return times;
}

// May the first output of the node of step s take the place of its input i?
static bool may_take(const placer *p, int s, int i) {
  const esp_node *node = &p->graph->node[p->rank->step[s].node];
  const int from = node->in[i], to = node->out[0];
  if (from < 0 || p->life_of[from] < 0 || p->next[from] >= 0) return false;
  const esp_value *old = &p->graph->value[from], *new = &p->graph->value[to];
  const bool borrowed =
      p->maker[from] >= 0 && p->rank->step[p->maker[from]].lent;
  if (old->is_input || old->is_output || borrowed ||
      times_read(node, from) != 1 ||
      esp_tensor_bytes(&old->tensor) != esp_tensor_bytes(&new->tensor) ||
      !reads_last(p, from, s)) {
    return false;
  }
  const esp_args args = esp_op_args(p->graph, node, p->in, p->out);
  return esp_op_get(node->op)->overlays(&args, i);
}

static esp_status take(placer *p, int from, int to) {
  life *old = &p->life[p->life_of[from]], *new = &p->life[p->life_of[to]];
  const int maker = p->maker[to];
  old->last = new->last;
  if (new->free_at > old->free_at) old->free_at = new->free_at;
  if (old->worker != new->worker) old->worker = -1;
  new->bytes = 0; // it has no place of its own
  p->life_of[to] = p->life_of[from];
  p->next[from] = to;
  p->rank->over[to] = from;
  for (int i = p->reader_first[from]; i < p->reader_first[from + 1]; i++) {
    if (p->reader[i] == maker || p->in_row) continue;
    ESP_TRY(esp_waits_add(&p->waits, p->reader[i], maker));
  }
  return ESP_OK;
}

static esp_status take_over(placer *p) {
  for (int s = 0; s < p->rank->nstep; s++) {
    if (p->rank->step[s].kind != ESP_STEP_RUN) continue;
    const esp_node *node = &p->graph->node[p->rank->step[s].node];
    if (esp_op_get(node->op)->overlays == NULL || node->nout < 1 ||
        node->out[0] < 0 || p->life_of[node->out[0]] < 0) {
      continue;
    }
    for (int i = 0; i < node->nin; i++) {
      if (!may_take(p, s, i)) continue;
      ESP_TRY(take(p, node->in[i], node->out[0]));
      break;
    }
  }
  // Those that are left with a place of their own.
  int left = 0;
  for (int i = 0; i < p->lives; i++) {
    if (p->life[i].bytes > 0) p->life[left++] = p->life[i];
  }
  p->lives = left;
  return ESP_OK;
}

static esp_status place_all(placer *p) {
  qsort(p->life, (size_t)p->lives, sizeof *p->life, larger);
  for (int i = 0; i < p->lives; i++) {
    find_place(p, i);
    life *l = &p->life[i];
    for (int v = l->value; v >= 0; v = p->next[v]) {
      p->rank->place[v] = l->place;
    }
    if (l->place + l->bytes > p->rank->bytes) {
      p->rank->bytes = l->place + l->bytes;
    }
    for (int k = 0; k < i; k++) {
      const life *other = &p->life[k];
      if (apart(other, l)) continue;
      if (follows(p, other, l)) {
        ESP_TRY(wait_for_users(p, other, l));
      } else {
        ESP_TRY(wait_for_users(p, l, other));
      }
    }
  }
  return ESP_OK;
}

static esp_status allocate(placer *p) {
  const size_t values = (size_t)p->graph->nvalue;
  p->maker = calloc(values + 1, sizeof *p->maker);
  p->reader_first = calloc(values + 2, sizeof *p->reader_first);
  const size_t places = p->on_paper ? 0 : values;
  p->life = calloc(places + 1, sizeof *p->life);
  p->life_of = calloc(places + 1, sizeof *p->life_of);
  p->next = calloc(places + 1, sizeof *p->next);
  const size_t arguments = esp_op_most_arguments(p->graph);
  p->in = calloc(arguments, sizeof *p->in);
  p->out = calloc(arguments, sizeof *p->out);
  p->rank->place = calloc(places + 1, sizeof *p->rank->place);
  p->rank->over = calloc(places + 1, sizeof *p->rank->over);
  if (p->maker == NULL || p->reader_first == NULL || p->life == NULL ||
      p->life_of == NULL || p->next == NULL || p->in == NULL ||
      p->out == NULL || p->rank->place == NULL || p->rank->over == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot place %zu values", values);
  }
  if (p->on_paper) return ESP_OK;
  for (size_t v = 0; v < values; v++) {
    p->rank->place[v] = ESP_NO_PLACE;
    p->rank->over[v] = p->next[v] = p->life_of[v] = -1;
  }
  return ESP_OK;
}

// Each constant once.
static esp_status count_weights(placer *p) {
  bool *counted = calloc((size_t)p->graph->nvalue + 1, sizeof *counted);
  if (counted == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot count weights");
  for (int s = 0; s < p->rank->nstep; s++) {
    if (p->rank->step[s].kind != ESP_STEP_RUN) continue;
    const esp_node *node = &p->graph->node[p->rank->step[s].node];
    for (int i = 0; i < node->nin; i++) {
      const int v = node->in[i];
      if (v < 0 || counted[v] || !esp_plan_is_weight(&p->graph->value[v])) {
        continue;
      }
      counted[v] = true;
      p->rank->weight_bytes +=
          (double)esp_tensor_bytes(&p->graph->value[v].tensor);
    }
  }
  free(counted);
  return ESP_OK;
}

static esp_status place(placer *p, int rank) {
  ESP_TRY(allocate(p));
  if (p->weighs) ESP_TRY(count_weights(p));
  note_makers(p);
  ESP_TRY(note_readers(p));
  for (int s = 1; p->in_row && s < p->rank->nstep; s++) {
    ESP_TRY(esp_waits_add(&p->waits, s - 1, s));
  }
  if (!p->on_paper) {
    for (int v = 0; v < p->graph->nvalue; v++) {
      if (live(p, rank, v, &p->life[p->lives])) p->life_of[v] = p->lives++;
    }
    ESP_TRY(take_over(p));
    ESP_TRY(place_all(p));
  }
  return esp_waits_list(&p->waits, p->rank);
}

// Does the schedule leave all steps to one worker?  Then they are kept in their
// order, or others would be woken for what it does not give them.
static bool on_one_worker(const esp_rank_plan *rank) {
  for (int s = 0; s < rank->nstep; s++) {
    if (rank->step[s].kind != ESP_STEP_RUN ||
        rank->step[s].worker != rank->step[0].worker) {
      return false;
    }
  }
  return true;
}

esp_status esp_plan_place_values(const esp_plan_problem *problem, int rank,
                                 esp_plan *plan) {
  const double wake = problem->links.over[ESP_SAME_RANK].seconds;
  placer p = {.graph = problem->graph,
              .rank = &plan->rank[rank],
              .on_paper = problem->on_paper,
              .weighs = !problem->on_paper || problem->memory > 0,
              .in_row = on_one_worker(&plan->rank[rank]),
              .a_while = 2 * wake + 0.02 * plan->predicted};
  const bool nothing = p.on_paper && p.rank->nstep == 0;
  const esp_status status =
      nothing ? esp_waits_list(&p.waits, p.rank) : place(&p, rank);
  free(p.waits.wait);
  free(p.life);
  free(p.life_of);
  free(p.next);
  free(p.in);
  free(p.out);
  free(p.reader);
  free(p.reader_first);
  free(p.maker);
  return status;
}
