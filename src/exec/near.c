// Messages between ranks of one node, without MPI and without the conductor.
//
// Each rank shows the others its slots.  A message has a word in its sender's
// part; each side leaves its mark there when its turn has come.  Whoever comes
// last puts the step of the other side into that rank's list of what has ended.
// A worker that has computed a node looks at its rank's list, and goes on
// looking for a moment when it has nothing else to do.  While not all do, a
// thread of each rank, the listener, sleeps on a futex beside the list and ends
// those steps: it takes long to wake.
//
// A value that is lent stays where it is: the receiver's operators read it
// there, and the last of them puts the sender's step into its list.  Another
// one is copied by whoever comes last, straight from the planned place to the
// planned place.
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/memory.h"
#include "exec/private.h"

enum { SENDER = 1, RECEIVER = 2 }; // marks in a message's word

static const double A_MOMENT = 100e-6; // that somebody looks before he sleeps

// What other ranks write of a rank; every part of it in a line of its own.
typedef struct head {
  _Alignas(64) atomic_uint bell;     // counts what was put into the list
  _Alignas(64) atomic_uint sleeping; // the listener has to be woken
  _Alignas(64) atomic_uint next;     // place in the list
  _Alignas(64) atomic_int computing; // workers that look at the list soon
  int workers;                       // of the rank
} head;

// A rank's part of the shared memory: head, list, words, slots.
typedef struct part {
  head *head;
  atomic_uint *list;    // [ended] slot and step of this rank, + 1; 0: none yet
  atomic_uint *word;    // [slots * nmessage] of the messages that it sends
  unsigned char *block; // of slot 0; the others follow, `stride` bytes each
  size_t stride, bytes;
  unsigned ended; // entries of the list: at least as many as can be there at
                  // once, a power of two so that counting may go round
} part;

struct esp_near {
  esp_exec *exec;
  esp_shared *shared;
  part *part;   // [ranks]; head NULL: not a neighbour
  int *partner; // [nstep] step of the other side of a message
  int *first;   // [nstep + 1] the RECVs of lent values that step s reads are
  int *read;    // read[first[s] .. first[s + 1])
  int *reads;   // [nstep] how often it is read, of a RECV
  atomic_int *unread; // [slots * nstep] and how often it has still to be
  esp_thread listener;
  bool listening;
  atomic_int inside;  // workers that may still look
  atomic_bool ending; // somebody ends what is in the list
  atomic_uint next;   // from here on
  atomic_bool over;
  esp_lock lock; // who changes what follows has it
  atomic_int under_way;
  double since, moved;
};

// Layout ----------------------------------------------------------------------

static size_t page_up(size_t bytes) {
  const size_t page = 4096;
  return (bytes + page - 1) / page * page;
}

static int messages_of(const esp_rank_plan *rank) {
  int count = 0;
  for (int s = 0; s < rank->nstep; s++) {
    count += rank->step[s].kind != ESP_STEP_RUN;
  }
  return count;
}

// The same for all ranks that ask for it; `base` may be NULL.
static part layout(const esp_exec *exec, int rank, unsigned char *base) {
  const esp_exec_options *o = &exec->options;
  const esp_rank_plan *plan = &o->plan->rank[rank];
  const size_t slots = (size_t)o->slots;
  const unsigned most = (unsigned)(messages_of(plan) * o->slots) + 1;
  part p = {.ended = 1, .stride = page_up(plan->bytes)};
  while (p.ended < most) p.ended *= 2;
  const size_t list = esp_align_up(sizeof(head));
  const size_t word = esp_align_up(list + p.ended * sizeof *p.list);
  const size_t words = slots * (size_t)o->plan->nmessage;
  const size_t block = page_up(word + words * sizeof *p.word);
  p.bytes = block + slots * p.stride;
  if (base == NULL) return p;
  p.head = (head *)(void *)base;
  p.list = (atomic_uint *)(void *)(base + list);
  p.word = (atomic_uint *)(void *)(base + word);
  p.block = base + block;
  return p;
}

// The list -------------------------------------------------------------------

static void wake(head *h) {
  (void)syscall(SYS_futex, &h->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void tell(part *p, unsigned entry) {
  const unsigned at = atomic_fetch_add(&p->head->next, 1) % p->ended;
  atomic_store(&p->list[at], entry + 1);
  if (atomic_load(&p->head->computing) >= p->head->workers) return;
  atomic_fetch_add(&p->head->bell, 1);
  if (atomic_load(&p->head->sleeping) != 0) wake(p->head);
}

static void note_moving(esp_near *n, int change) {
  esp_lock_take(&n->lock);
  const double now = esp_clock_seconds();
  const int before = atomic_fetch_add(&n->under_way, change);
  if (before == 0) n->since = now;
  if (before + change == 0) n->moved += now - n->since;
  esp_lock_give(&n->lock);
}

static bool is_lender(const esp_step *step) {
  return step->lent && step->kind == ESP_STEP_SEND;
}

static int lane_of(const esp_exec *exec) {
  const int seat = esp_workers_seat(exec->options.workers);
  return seat >= 0 ? seat + 1 : ESP_TRACE_CONDUCTOR;
}

static void end_entry(esp_near *n, unsigned entry, int lane) {
  const esp_exec *exec = n->exec;
  const unsigned steps = (unsigned)exec->rank->nstep;
  esp_slot *slot = exec->slot[entry / steps];
  const int step = (int)(entry % steps);
  if (is_lender(&exec->rank->step[step])) {
    esp_slot_end_step(slot, step);
  } else {
    note_moving(n, -1);
    esp_slot_end_message(slot, step, lane);
  }
}

// Ends what is in the list, unless another thread does: that one looks again
// when it is through.  False: there was nothing for this one.
static bool end_listed(esp_near *n, int lane) {
  part *mine = &n->part[n->exec->options.rank];
  bool any = false;
  while (atomic_load(&mine->list[atomic_load(&n->next)]) != 0 &&
         !atomic_exchange(&n->ending, true)) {
    unsigned next = atomic_load(&n->next);
    for (unsigned entry; (entry = atomic_exchange(&mine->list[next], 0)) != 0;
         any = true) {
      next = (next + 1) % mine->ended;
      atomic_store(&n->next, next);
      end_entry(n, entry - 1, lane);
    }
    atomic_store(&n->ending, false);
  }
  return any;
}

void esp_near_promise(esp_near *n) {
  atomic_fetch_add(&n->part[n->exec->options.rank].head->computing, 1);
}

// Whoever puts something into the list after this wakes the listener.
void esp_near_look(esp_near *n) {
  atomic_fetch_sub(&n->part[n->exec->options.rank].head->computing, 1);
  (void)end_listed(n, lane_of(n->exec));
}

void esp_near_enter(esp_near *n) { atomic_fetch_add(&n->inside, 1); }

void esp_near_leave(esp_near *n) {
  const double until = esp_clock_seconds() + A_MOMENT;
  esp_near_promise(n);
  while (atomic_load(&n->under_way) > 0 &&
         esp_workers_waiting(n->exec->options.workers) == 0 &&
         !end_listed(n, lane_of(n->exec)) && esp_clock_seconds() < until) {
    (void)sched_yield();
  }
  esp_near_look(n);
  atomic_fetch_sub(&n->inside, 1);
}

// While nothing runs here its core is free: what a neighbour sends is then
// heard at once.
static bool is_quiet(const esp_near *n, double until) {
  return atomic_load(&n->under_way) > 0 &&
         esp_workers_busy(n->exec->options.workers) == 0 &&
         esp_clock_seconds() < until;
}

static void sleep_until_rung(esp_near *n, unsigned seen) {
  head *mine = n->part[n->exec->options.rank].head;
  atomic_store(&mine->sleeping, 1);
  if (atomic_load(&mine->bell) == seen && !atomic_load(&n->over)) {
    (void)syscall(SYS_futex, &mine->bell, FUTEX_WAIT, seen, NULL, NULL, 0);
  }
  atomic_store(&mine->sleeping, 0);
}

static void *listen(void *argument) {
  esp_near *n = argument;
  head *mine = n->part[n->exec->options.rank].head;
  double until = 0;
  while (!atomic_load(&n->over)) {
    const unsigned seen = atomic_load(&mine->bell);
    if (end_listed(n, ESP_TRACE_LISTENER)) {
      until = esp_clock_seconds() + A_MOMENT;
    } else if (is_quiet(n, until)) {
      (void)sched_yield();
    } else {
      sleep_until_rung(n, seen);
    }
  }
  return NULL;
}

// Messages --------------------------------------------------------------------

bool esp_near_has(const esp_exec *exec, int step) {
  return exec->near != NULL &&
         exec->near->part[exec->rank->step[step].peer].head != NULL;
}

double esp_near_moved(esp_near *near) {
  esp_lock_take(&near->lock);
  const double moved = near->moved;
  esp_lock_give(&near->lock);
  return moved;
}

static void *place_in(const part *p, const esp_rank_plan *plan, int slot,
                      int value) {
  return p->block + (size_t)slot * p->stride + plan->place[value];
}

static void copy_value(const esp_slot *s, int value, int from, int to) {
  const esp_near *n = s->exec->near;
  const esp_exec_options *o = &s->exec->options;
  memcpy(place_in(&n->part[to], &o->plan->rank[to], s->index, value),
         place_in(&n->part[from], &o->plan->rank[from], s->index, value),
         esp_tensor_bytes(&o->graph->value[value].tensor));
}

// Ends the other side's step of a message.
static void tell_partner(esp_near *n, int slot, int step) {
  const esp_exec *exec = n->exec;
  const int peer = exec->rank->step[step].peer;
  const unsigned steps = (unsigned)exec->options.plan->rank[peer].nstep;
  tell(&n->part[peer], (unsigned)slot * steps + (unsigned)n->partner[step]);
}

// What is lent has been sent once it is shown.
static void begin_message(esp_slot *s, int step) {
  const esp_exec *exec = s->exec;
  esp_near *n = exec->near;
  if (exec->options.trace != NULL) {
    exec->posted[s->index * exec->places + exec->place[step]] =
        esp_clock_seconds();
  }
  if (is_lender(&exec->rank->step[step])) {
    esp_slot_trace_message(s, step, lane_of(exec));
    return;
  }
  note_moving(n, 1);
  atomic_store(&n->unread[s->index * exec->rank->nstep + step], n->reads[step]);
}

void esp_near_arrive(esp_slot *s, int step) {
  const esp_exec *exec = s->exec;
  esp_near *n = exec->near;
  const esp_step *p = &exec->rank->step[step];
  const int me = exec->options.rank;
  const bool sends = p->kind == ESP_STEP_SEND;
  const int from = sends ? me : p->peer, to = sends ? p->peer : me;
  atomic_uint *word =
      &n->part[from].word[s->index * exec->options.plan->nmessage + p->message];
  begin_message(s, step);
  if (atomic_fetch_or(word, sends ? SENDER : RECEIVER) == 0) return;
  atomic_store(word, 0); // for the next batch of the slot
  if (!p->lent) copy_value(s, p->value, from, to);
  if (sends || !p->lent) tell_partner(n, s->index, step);
  if (is_lender(p)) return; // until it has been read
  note_moving(n, -1);
  esp_slot_end_message(s, step, lane_of(exec));
}

void esp_near_have_read(esp_slot *s, int step) {
  esp_near *n = s->exec->near;
  for (int i = n->first[step]; i < n->first[step + 1]; i++) {
    const int received = n->read[i];
    const int at = s->index * s->exec->rank->nstep + received;
    if (atomic_fetch_sub(&n->unread[at], 1) == 1) {
      tell_partner(n, s->index, received);
    }
  }
}

// Opening ---------------------------------------------------------------------

static esp_status find_partners(esp_near *n) {
  const esp_exec *exec = n->exec;
  const esp_plan *plan = exec->options.plan;
  n->partner = calloc((size_t)exec->rank->nstep + 1, sizeof *n->partner);
  int *mine = calloc((size_t)plan->nmessage + 1, sizeof *mine); // step + 1
  if (n->partner == NULL || mine == NULL) {
    free(mine);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot list messages");
  }
  for (int s = 0; s < exec->rank->nstep; s++) {
    const esp_step *p = &exec->rank->step[s];
    if (p->kind != ESP_STEP_RUN) mine[p->message] = s + 1;
  }
  for (int r = 0; r < plan->ranks; r++) {
    for (int s = 0; r != exec->options.rank && s < plan->rank[r].nstep; s++) {
      const esp_step *p = &plan->rank[r].step[s];
      if (p->kind == ESP_STEP_RUN || mine[p->message] == 0) continue;
      n->partner[mine[p->message] - 1] = s;
    }
  }
  free(mine);
  return ESP_OK;
}

// Is it the RECV of a value that a neighbour lends?
static bool is_borrower(const esp_near *n, const esp_step *step) {
  return step->lent && step->kind == ESP_STEP_RECV &&
         n->part[step->peer].head != NULL;
}

// Slots, and what is lent to them.
static void move_slots(esp_near *n) {
  const esp_exec *exec = n->exec;
  const esp_plan *plan = exec->options.plan;
  const part *mine = &n->part[exec->options.rank];
  for (int i = 0; i < exec->slots; i++) {
    esp_slot *slot = exec->slot[i];
    esp_slot_set_block(slot, mine->block + (size_t)i * mine->stride);
    for (int s = 0; s < exec->rank->nstep; s++) {
      const esp_step *p = &exec->rank->step[s];
      if (!is_borrower(n, p)) continue;
      slot->tensor[p->value].data =
          place_in(&n->part[p->peer], &plan->rank[p->peer], i, p->value);
    }
  }
}

// lent: [nvalue] the RECV of a value that a neighbour lends, or -1.
static void list_reads(esp_near *n, const int *lent) {
  const esp_exec *exec = n->exec;
  int count = 0;
  for (int s = 0; s < exec->rank->nstep; s++) {
    const esp_step *p = &exec->rank->step[s];
    n->first[s] = count;
    if (p->kind != ESP_STEP_RUN) continue;
    const esp_node *node = &exec->options.graph->node[p->node];
    for (int i = 0; i < node->nin; i++) {
      const int received = node->in[i] >= 0 ? lent[node->in[i]] : -1;
      if (received < 0) continue;
      n->read[count++] = received;
      n->reads[received]++;
    }
  }
  n->first[exec->rank->nstep] = count;
}

static esp_status find_reads(esp_near *n) {
  const esp_exec *exec = n->exec;
  const size_t steps = (size_t)exec->rank->nstep;
  size_t arguments = 0;
  for (size_t s = 0; s < steps; s++) {
    const esp_step *p = &exec->rank->step[s];
    if (p->kind != ESP_STEP_RUN) continue;
    arguments += (size_t)exec->options.graph->node[p->node].nin;
  }
  int *lent = calloc((size_t)exec->options.graph->nvalue + 1, sizeof *lent);
  n->first = calloc(steps + 1, sizeof *n->first);
  n->read = calloc(arguments + 1, sizeof *n->read);
  n->reads = calloc(steps + 1, sizeof *n->reads);
  n->unread =
      calloc(steps * (size_t)exec->options.slots + 1, sizeof *n->unread);
  if (lent == NULL || n->first == NULL || n->read == NULL || n->reads == NULL ||
      n->unread == NULL) {
    free(lent);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot list what is lent");
  }
  for (int v = 0; v < exec->options.graph->nvalue; v++) lent[v] = -1;
  for (size_t s = 0; s < steps; s++) {
    const esp_step *p = &exec->rank->step[s];
    if (is_borrower(n, p)) lent[p->value] = (int)s;
  }
  list_reads(n, lent);
  free(lent);
  return ESP_OK;
}

static esp_status prepare(esp_exec *exec, esp_near **near) {
  esp_near *n = calloc(1, sizeof *n);
  if (n == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot connect ranks");
  *near = n;
  n->exec = exec;
  esp_lock_init(&n->lock);
  n->part = calloc((size_t)exec->options.plan->ranks, sizeof *n->part);
  if (n->part == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot connect ranks");
  return find_partners(n);
}

// Where there is no such memory, everything stays with MPI.
static esp_status open_shared(esp_near *n, bool *shared) {
  const esp_exec_options *o = &n->exec->options;
  const part mine = layout(n->exec, o->rank, NULL);
  ESP_TRY(esp_shared_create(o->group, mine.bytes, &n->shared));
  *shared = n->shared != NULL;
  for (int r = 0; r < o->plan->ranks && *shared; r++) {
    unsigned char *base = esp_shared_of(n->shared, r);
    if (base != NULL) n->part[r] = layout(n->exec, r, base);
  }
  if (*shared) n->part[o->rank].head->workers = esp_workers_count(o->workers);
  return ESP_OK;
}

static esp_status start(esp_near *n) {
  ESP_TRY(find_reads(n));
  n->exec->near = n;
  move_slots(n); // before there is a listener, who ends steps of them
  ESP_TRY(esp_thread_start(&n->listener, "esp-listen", listen, n));
  n->listening = true;
  return ESP_OK;
}

esp_status esp_exec_connect(esp_exec *exec) {
  const esp_exec_options *o = &exec->options;
  if (exec->connected || o->group == NULL || o->plan->nmessage == 0) {
    return ESP_OK;
  }
  exec->connected = true;
  esp_near *n = NULL;
  bool shared = false;
  esp_status status = esp_comm_agree(o->group, prepare(exec, &n));
  if (status == ESP_OK) {
    status = esp_comm_agree(o->group, open_shared(n, &shared));
  }
  // A rank without neighbours has nobody to listen to.
  if (status == ESP_OK && shared && esp_comm_node_size(o->group) > 1) {
    status = start(n);
  }
  if (exec->near == NULL) esp_near_free(n);
  return esp_comm_agree(o->group, status);
}

void esp_near_free(esp_near *near) {
  if (near == NULL) return;
  if (near->listening) {
    head *mine = near->part[near->exec->options.rank].head;
    atomic_store(&near->over, true);
    atomic_fetch_add(&mine->bell, 1);
    wake(mine);
    esp_thread_join(&near->listener);
  }
  while (atomic_load(&near->inside) > 0) (void)sched_yield();
  esp_shared_free(near->shared);
  esp_lock_fini(&near->lock);
  free(near->partner);
  free(near->first);
  free(near->read);
  free(near->reads);
  free(near->unread);
  free(near->part);
  free(near);
}
