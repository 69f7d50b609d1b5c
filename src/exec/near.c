// Messages between ranks of one node, without MPI and without the conductor.
//
// Each rank shows the others its slots.  A message has a word in its sender's
// part; each side leaves its mark there when its turn has come.  Whoever comes
// last moves the bytes, straight from the planned place to the planned place,
// and puts the step of the other side into that rank's list of what has ended.
// A thread of each rank, the listener, sleeps on a futex beside the list and
// ends those steps.
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

// What other ranks write of a rank; every part of it in a line of its own.
typedef struct head {
  _Alignas(64) atomic_uint bell;     // counts what was put into the list
  _Alignas(64) atomic_uint sleeping; // the listener has to be woken
  _Alignas(64) atomic_uint next;     // place in the list
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
  esp_thread listener;
  bool listening;
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

// Ends what is in the list from *next on; false: there is nothing.
static bool end_listed(esp_near *n, unsigned *next) {
  const esp_exec *exec = n->exec;
  part *mine = &n->part[exec->options.rank];
  bool any = false;
  for (unsigned entry; (entry = atomic_exchange(&mine->list[*next], 0)) != 0;
       any = true) {
    *next = (*next + 1) % mine->ended;
    const unsigned steps = (unsigned)exec->rank->nstep;
    esp_slot *slot = exec->slot[(entry - 1) / steps];
    note_moving(n, -1);
    esp_slot_end_message(slot, (int)((entry - 1) % steps), ESP_TRACE_LISTENER);
  }
  return any;
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
  static const double A_MOMENT = 100e-6;
  esp_near *n = argument;
  head *mine = n->part[n->exec->options.rank].head;
  unsigned next = 0;
  double until = 0;
  while (!atomic_load(&n->over)) {
    const unsigned seen = atomic_load(&mine->bell);
    if (end_listed(n, &next)) {
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

void esp_near_arrive(esp_slot *s, int step) {
  esp_exec *exec = s->exec;
  esp_near *n = exec->near;
  const esp_plan *plan = exec->options.plan;
  const esp_step *p = &exec->rank->step[step];
  const int me = exec->options.rank;
  const bool sends = p->kind == ESP_STEP_SEND;
  const int from = sends ? me : p->peer, to = sends ? p->peer : me;
  atomic_uint *word =
      &n->part[from].word[s->index * plan->nmessage + p->message];
  if (exec->options.trace != NULL) {
    exec->posted[s->index * exec->places + exec->place[step]] =
        esp_clock_seconds();
  }
  note_moving(n, 1);
  if (atomic_fetch_or(word, sends ? SENDER : RECEIVER) == 0) return;
  atomic_store(word, 0); // for the next batch of the slot
  const esp_tensor *t = &exec->options.graph->value[p->value].tensor;
  memcpy(place_in(&n->part[to], &plan->rank[to], s->index, p->value),
         place_in(&n->part[from], &plan->rank[from], s->index, p->value),
         esp_tensor_bytes(t));
  tell(&n->part[p->peer],
       (unsigned)s->index * (unsigned)plan->rank[p->peer].nstep +
           (unsigned)n->partner[step]);
  note_moving(n, -1);
  const int seat = esp_workers_seat(exec->options.workers);
  esp_slot_end_message(s, step, seat >= 0 ? seat + 1 : ESP_TRACE_CONDUCTOR);
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

static void move_slots(esp_near *n) {
  const esp_exec *exec = n->exec;
  const part *mine = &n->part[exec->options.rank];
  for (int i = 0; i < exec->slots; i++) {
    esp_slot_set_block(exec->slot[i], mine->block + (size_t)i * mine->stride);
  }
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
  return ESP_OK;
}

static esp_status start(esp_near *n) {
  move_slots(n);
  ESP_TRY(esp_thread_start(&n->listener, "esp-listen", listen, n));
  n->listening = true;
  n->exec->near = n;
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
  esp_shared_free(near->shared);
  esp_lock_fini(&near->lock);
  free(near->partner);
  free(near->part);
  free(near);
}
