// Walks the steps of a batch: nodes on the workers, messages on the conductor.
#include <string.h>

#include "base/clock.h"
#include "exec/private.h"

void *esp_exec_value(const esp_exec *exec, int index, int value) {
  const size_t place = exec->rank->place[value];
  return place == ESP_NO_PLACE ? NULL : exec->slot[index]->block + place;
}

int esp_exec_messages(const esp_exec *exec) {
  return exec->messages != NULL ? esp_messages_pending(exec->messages) : 0;
}

size_t esp_exec_bytes(const esp_exec *exec) {
  return atomic_load(&exec->bytes);
}

bool esp_exec_done(const esp_exec *exec, int index, esp_status *status,
                   const char **message) {
  const esp_slot *s = exec->slot[index];
  if (!atomic_load_explicit(&s->done, memory_order_acquire)) return false;
  *status = s->status;
  *message = s->message;
  return true;
}

int esp_exec_failed_node(const esp_exec *exec, int index) {
  return exec->slot[index]->failed_node;
}

double esp_exec_batch_seconds(const esp_exec *exec, int index) {
  return exec->slot[index]->seconds;
}

void esp_exec_add_seconds(const esp_exec *exec, double *seconds) {
  for (int i = 0; i < exec->slots; i++) {
    for (int s = 0; s < exec->rank->nstep; s++) {
      const esp_step *step = &exec->rank->step[s];
      if (step->kind == ESP_STEP_RUN) {
        seconds[step->node] += exec->slot[i]->step_seconds[s];
      }
    }
  }
}

int64_t esp_exec_batches(const esp_exec *exec) {
  return atomic_load(&exec->batches);
}

void esp_exec_add_usual(const esp_exec *exec, double *seconds) {
  int used = 0;
  for (int i = 0; i < exec->slots; i++) used += exec->slot[i]->timed > 0;
  for (int i = 0; i < exec->slots; i++) {
    for (int s = 0; s < exec->rank->nstep; s++) {
      const esp_step *step = &exec->rank->step[s];
      if (step->kind == ESP_STEP_RUN && used > 0) {
        seconds[step->node] += exec->slot[i]->step_usual[s] / used;
      }
    }
  }
}

// Follows the median in small steps.  Source: Ma, Muthukrishnan, Sandler,
// "Frugal streaming for estimating quantiles", 2013.  It begins at the shortest
// of the first few, as the first ones touch memory.
static void note_usual(esp_slot *s, int step, double seconds) {
  enum { FIRST = 8 };
  static const double A_STEP = 0.02;
  double *usual = &s->step_usual[step];
  if (s->timed < FIRST) {
    if (*usual == 0 || seconds < *usual) *usual = seconds;
  } else {
    *usual *= seconds > *usual ? 1 + A_STEP : 1 - A_STEP;
  }
}

static void note_failure(esp_slot *s, int step, esp_status status) {
  int none = 0;
  if (!atomic_compare_exchange_strong(&s->failed, &none, 1)) return;
  const esp_node *node = s->args[step].node;
  s->failed_node = s->exec->rank->step[step].node;
  (void)esp_fail_within(status, "node %s (%s)", node->name, node->op_type);
  (void)strncpy(s->message, esp_last_error(), sizeof s->message - 1);
  s->status = status;
}

// A seat is one thread's at a time, so its scratch memory needs no lock.
static esp_status scratch_of(esp_exec *exec, int seat, void **scratch) {
  if (exec->scratch[seat] == NULL && exec->scratch_bytes > 0) {
    ESP_TRY(esp_allocate_zero(exec->scratch_bytes, 1, &exec->scratch[seat]));
    atomic_fetch_add(&exec->bytes, exec->scratch_bytes);
  }
  *scratch = exec->scratch[seat];
  return ESP_OK;
}

// The first step of a batch sets its clock.
static void note_begin(esp_slot *s, double now) {
  if (!atomic_load_explicit(&s->begun, memory_order_relaxed) &&
      !atomic_exchange_explicit(&s->begun, true, memory_order_relaxed)) {
    s->began = now;
  }
}

static void compute(esp_slot *s, int step, esp_team team) {
  const esp_args *args = &s->args[step];
  const esp_made *made = &s->exec->made[step];
  const esp_status status = made->run(args, made->prepared.state, team);
  if (status != ESP_OK) note_failure(s, step, status);
}

static void trace(const esp_slot *s, esp_trace_kind kind, int what, int lane,
                  double begin, double end) {
  const esp_exec_options *o = &s->exec->options;
  if (o->trace == NULL) return;
  esp_trace_add(o->trace, &(esp_trace_event){.begin = begin,
                                             .end = end,
                                             .batch = s->order,
                                             .kind = kind,
                                             .what = what,
                                             .engine = o->engine,
                                             .lane = lane});
}

static void compute_timed(esp_slot *s, int step, esp_team team, int lane) {
  const double begin = esp_clock_seconds();
  note_begin(s, begin);
  compute(s, step, team);
  const double end = esp_clock_seconds();
  s->step_seconds[step] += end - begin;
  note_usual(s, step, end - begin);
  trace(s, ESP_TRACE_NODE, s->exec->rank->step[step].node, lane, begin, end);
}

static bool has_failed(const esp_slot *s) {
  return atomic_load_explicit(&s->failed, memory_order_relaxed) != 0;
}

void esp_slot_run_node(esp_slot *s, int step, const esp_team *team, int lane) {
  if (has_failed(s)) return;
  if (s->exec->options.timed) {
    compute_timed(s, step, *team, lane);
    return;
  }
  if (!atomic_load_explicit(&s->begun, memory_order_relaxed)) {
    note_begin(s, esp_clock_seconds());
  }
  compute(s, step, *team);
}

// The same on a worker, with the memory of its seat; counters and messages come
// to their end also where there is none.
static void run_node(esp_slot *s, int step, int seat) {
  esp_team team = {.width = s->exec->options.plan->width};
  const esp_status status = scratch_of(s->exec, seat, &team.scratch);
  if (status != ESP_OK) {
    note_failure(s, step, status);
  } else {
    esp_slot_run_node(s, step, &team, seat + 1);
  }
}

static void finish_slot(esp_slot *s) {
  const esp_exec_options *o = &s->exec->options;
  // Once done, all may be freed.
  esp_bell *bell = o->bell;
  void (*ended)(void *, int) = o->ended;
  void *context = o->context;
  const int index = s->index;
  s->timed++;
  s->seconds = atomic_load(&s->begun) ? esp_clock_seconds() - s->began : 0;
  atomic_fetch_add_explicit(&s->exec->batches, 1, memory_order_relaxed);
  atomic_store_explicit(&s->done, true, memory_order_release);
  if (ended != NULL) {
    ended(context, index);
  } else {
    esp_bell_ring(bell);
  }
}

// A step's turn has come: a node goes to the workers, or comes back to the
// caller that can run it itself; a message goes to the conductor.
static int give_turn(esp_slot *s, int step, int mine) {
  const esp_exec *exec = s->exec;
  if (exec->rank->step[step].kind != ESP_STEP_RUN) {
    if (esp_near_has(exec, step)) {
      esp_near_arrive(s, step);
      return mine;
    }
    const int at = atomic_fetch_add(&s->turns, 1);
    atomic_store_explicit(&s->turn[at], step + 1, memory_order_release);
    esp_bell_ring(exec->options.bell);
    return mine;
  }
  if (mine < 0) return step;
  const int later =
      step > mine ? step : mine; // the caller keeps the urgent one
  esp_workers_push(exec->options.workers, &s->ready[later].item);
  return step > mine ? mine : step;
}

// Ends a step; returns a node step that has become ready and that the caller
// is to run, or -1.  With keep false everything goes to the workers.
static int end_step(esp_slot *s, int step, bool keep) {
  const esp_rank_plan *rank = s->exec->rank;
  if (s->exec->near != NULL) esp_near_have_read(s, step);
  int mine = -1;
  for (int i = rank->first[step]; i < rank->first[step + 1]; i++) {
    const int next = rank->waiting[i];
    if (atomic_fetch_sub(&s->left[next], 1) == 1)
      mine = give_turn(s, next, mine);
  }
  if (mine >= 0 && !keep) {
    esp_workers_push(s->exec->options.workers, &s->ready[mine].item);
    mine = -1;
  }
  // The last to come here ends the batch: after it nobody touches the slot.
  if (atomic_fetch_sub(&s->unfinished, 1) == 1) finish_slot(s);
  return mine;
}

void esp_slot_run_step(esp_item *item, int seat) {
  const esp_ready *r = (const esp_ready *)(const void *)item;
  esp_slot *s = r->slot;
  esp_near *near = s->exec->near;
  if (near != NULL) esp_near_enter(near);
  for (int step = r->step; step >= 0;) {
    if (near != NULL) esp_near_promise(near);
    run_node(s, step, seat);
    if (near != NULL) esp_near_look(near);
    step = end_step(s, step, true);
  }
  if (near != NULL) esp_near_leave(near);
}

static void run_row(esp_slot *s, const esp_team *team, int seat) {
  const int steps = s->exec->rank->nstep;
  if (steps > 0) esp_slot_run_node(s, 0, team, seat + 1);
  for (int step = 1; step < steps && !has_failed(s); step++) {
    if (s->exec->options.timed) {
      compute_timed(s, step, *team, seat + 1);
    } else {
      compute(s, step, *team);
    }
  }
}

void esp_slot_run_chain(esp_item *item, int seat) {
  const esp_ready *r = (const esp_ready *)(const void *)item;
  esp_slot *s = r->slot;
  const esp_plan *plan = s->exec->options.plan;
  esp_team team = {.width = plan->width};
  const esp_status status = scratch_of(s->exec, seat, &team.scratch);
  if (status != ESP_OK) {
    note_failure(s, 0, status);
  } else if (plan->molded) {
    esp_slot_run_molded(s, seat);
  } else {
    run_row(s, &team, seat);
  }
  finish_slot(s);
}

// Priorities: the older batch first, then the order of the plan.
static int64_t priority(const esp_slot *s, int step) {
  return s->order * ((int64_t)s->exec->rank->nstep + 1) + step;
}

static void clear_slot(esp_slot *s, int64_t order) {
  s->order = order;
  s->status = ESP_OK;
  s->failed_node = -1;
  s->message[0] = '\0';
  atomic_store(&s->failed, 0);
  atomic_store(&s->begun, false);
  atomic_store(&s->done, false);
}

bool esp_exec_is_chain(const esp_exec *exec) { return exec->chain; }

void esp_exec_run_here(esp_exec *exec, int index, int64_t order, int seat) {
  esp_slot *s = exec->slot[index];
  clear_slot(s, order);
  esp_slot_run_chain(&s->chain.item, seat);
}

static void start_steps(esp_exec *exec, esp_slot *s) {
  const int steps = exec->rank->nstep;
  atomic_store(&s->unfinished, steps);
  atomic_store(&s->turns, 0);
  s->taken = 0;
  for (int i = 0; i < steps; i++) {
    s->ready[i].item.priority = priority(s, i);
    atomic_store(&s->left[i], exec->rank->nwait[i]);
    atomic_store(&s->turn[i], 0);
  }
  // With the last of them given away the batch may end, and all may be freed.
  int roots = exec->roots;
  for (int i = 0; roots > 0; i++) {
    if (exec->rank->nwait[i] > 0) continue;
    roots--;
    const int mine = give_turn(s, i, -1);
    if (mine >= 0) {
      esp_workers_push(exec->options.workers, &s->ready[mine].item);
    }
  }
}

void esp_exec_start(esp_exec *exec, int index, int64_t order) {
  esp_slot *s = exec->slot[index];
  clear_slot(s, order);
  if (exec->rank->nstep == 0) {
    finish_slot(s);
  } else if (exec->chain) {
    s->chain.item.priority = priority(s, 0);
    esp_workers_push(exec->options.workers, &s->chain.item);
  } else {
    start_steps(exec, s);
  }
}

static void post(esp_exec *exec, esp_slot *s, int step) {
  const esp_step *p = &exec->rank->step[step];
  const int place = s->index * exec->places + exec->place[step];
  const int tag = exec->options.first_tag +
                  s->index * exec->options.plan->nmessage + p->message;
  const esp_tensor *t = &s->tensor[p->value];
  if (exec->options.trace != NULL) exec->posted[place] = esp_clock_seconds();
  if (p->kind == ESP_STEP_SEND) {
    esp_messages_send(exec->messages, place, p->peer, tag, t->data,
                      esp_tensor_bytes(t));
  } else {
    esp_messages_receive(exec->messages, place, p->peer, tag, t->data,
                         esp_tensor_bytes(t));
  }
}

static void post_turns(esp_exec *exec, esp_slot *s) {
  while (s->taken < exec->rank->nstep) {
    const int step =
        atomic_load_explicit(&s->turn[s->taken], memory_order_acquire) - 1;
    if (step < 0) return;
    s->taken++;
    post(exec, s, step);
  }
}

double esp_exec_moved_seconds(const esp_exec *exec) {
  return exec->moved + (exec->near != NULL ? esp_near_moved(exec->near) : 0);
}

void esp_slot_trace_message(const esp_slot *s, int step, int lane) {
  const esp_exec *exec = s->exec;
  if (exec->options.trace == NULL) return;
  const bool sent = exec->rank->step[step].kind == ESP_STEP_SEND;
  const int place = s->index * exec->places + exec->place[step];
  trace(s, sent ? ESP_TRACE_SEND : ESP_TRACE_RECV, step, lane,
        exec->posted[place], esp_clock_seconds());
}

void esp_slot_end_step(esp_slot *s, int step) {
  (void)end_step(s, step, false);
}

void esp_slot_end_message(esp_slot *s, int step, int lane) {
  esp_slot_trace_message(s, step, lane);
  esp_slot_end_step(s, step);
}

// Keeps the time during which messages are under way.
static void note_moving(esp_exec *exec) {
  const bool moving = esp_messages_pending(exec->messages) > 0;
  if (moving == (exec->moving_since > 0)) return;
  const double now = esp_clock_seconds();
  if (!moving) exec->moved += now - exec->moving_since;
  exec->moving_since = moving ? now : 0;
}

void esp_exec_move(esp_exec *exec) {
  if (exec->messages == NULL) return;
  for (int i = 0; i < exec->slots; i++) {
    if (!atomic_load(&exec->slot[i]->done)) post_turns(exec, exec->slot[i]);
  }
  note_moving(exec);
  const int ended = esp_messages_test(exec->messages, exec->ended);
  for (int e = 0; e < ended; e++) {
    esp_slot *s = exec->slot[exec->ended[e] / exec->places];
    const int step = exec->step_at[exec->ended[e] % exec->places];
    esp_slot_end_message(s, step, ESP_TRACE_CONDUCTOR);
  }
  note_moving(exec);
}
