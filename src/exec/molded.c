// A batch of a molded plan, on one worker and its OpenMP team: phase by phase,
// a wide step on the whole team, or narrow ones side by side on its threads.
// Threads take narrow steps in the order of the plan as these become ready,
// whichever is free, and what a step has made ready is taken by the thread that
// made it: nobody waits for a thread that is late.
#include <sched.h>

#include "exec/private.h"
#include "kernel/parallel.h"

// Steps up to `end` of a slot.
typedef struct phase {
  esp_slot *slot;
  int end, seat;
  atomic_int taken; // no step before it is left to take
} phase;

enum { TAKEN = -1 }; // of a slot's `left`

static void *lane_scratch(const esp_slot *s, int seat, int lane) {
  unsigned char *all = s->exec->scratch[seat];
  return all != NULL ? all + (size_t)lane * s->exec->lane_bytes : NULL;
}

// Of a thread in the trace, which has one for each thread of a seat's team.
static int lane_of(const phase *p, int thread) {
  const int width = p->slot->exec->options.plan->width;
  return 1 + (p->seat * width + thread) % ESP_MAX_SEATS;
}

static bool take(phase *p, int step) {
  int open = 0;
  return atomic_compare_exchange_strong_explicit(&p->slot->left[step], &open,
                                                 TAKEN, memory_order_acquire,
                                                 memory_order_relaxed);
}

// The first step that is ready, or -1.  *all: there is none left to take.
static int take_first(phase *p, bool *all) {
  int step = atomic_load_explicit(&p->taken, memory_order_relaxed);
  bool passed = true; // those before it are taken
  *all = false;
  for (; step < p->end; step++) {
    const int left =
        atomic_load_explicit(&p->slot->left[step], memory_order_relaxed);
    if (left == 0 && take(p, step)) return step;
    if (passed && left == TAKEN) {
      atomic_store_explicit(&p->taken, step + 1, memory_order_relaxed);
    } else {
      passed = false;
    }
  }
  *all = passed;
  return -1;
}

// Ends a step; of those in this phase that it made ready the first is taken.
static int end_and_take(phase *p, int step) {
  const esp_rank_plan *rank = p->slot->exec->rank;
  int mine = -1;
  for (int i = rank->first[step]; i < rank->first[step + 1]; i++) {
    const int next = rank->waiting[i];
    if (next >= p->end) continue; // a later phase waits for this one
    const int left = atomic_fetch_sub_explicit(&p->slot->left[next], 1,
                                               memory_order_acq_rel);
    if (left == 1 && mine < 0 && take(p, next)) mine = next;
  }
  return mine;
}

// For the others, of which one makes ready what this thread can take next; more
// threads than cores are given way to.
static void give_way(int tries) {
  enum { SHORT = 1000 };
  if (tries > SHORT) {
    (void)sched_yield();
    return;
  }
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

static void run_lane(int64_t lane, int64_t end, void *argument) {
  phase *p = argument;
  (void)end; // one lane a thread
  const esp_team team = {.width = 1,
                         .scratch = lane_scratch(p->slot, p->seat, (int)lane)};
  bool all = false;
  for (int mine = -1, tries = 0; !all; tries++) {
    if (mine < 0) mine = take_first(p, &all);
    if (mine >= 0) {
      esp_slot_run_node(p->slot, mine, &team, lane_of(p, (int)lane));
      mine = end_and_take(p, mine);
      tries = 0;
    } else if (!all) {
      give_way(tries);
    }
  }
}

// How many threads the schedule gives steps of a phase to.
static int count_lanes(const esp_rank_plan *rank, int begin, int end) {
  int lanes = 1;
  for (int s = begin; s < end; s++) {
    if (rank->step[s].worker >= lanes) lanes = rank->step[s].worker + 1;
  }
  return lanes;
}

static void count_waits(esp_slot *s, int begin, int end) {
  const esp_rank_plan *rank = s->exec->rank;
  for (int i = begin; i < end; i++) {
    atomic_store_explicit(&s->left[i], 0, memory_order_relaxed);
  }
  for (int k = rank->first[begin]; k < rank->first[end]; k++) {
    const int next = rank->waiting[k];
    if (next < end) {
      atomic_fetch_add_explicit(&s->left[next], 1, memory_order_relaxed);
    }
  }
}

// What one thread has to itself is in order and waits for nothing.
static void run_phase(esp_slot *s, int begin, int end, int seat) {
  const esp_exec *exec = s->exec;
  phase p = {.slot = s, .end = end, .seat = seat};
  const int lanes = count_lanes(exec->rank, begin, end);
  if (lanes > 1) {
    count_waits(s, begin, end);
    atomic_init(&p.taken, begin);
    esp_loop_over(exec->options.plan->width, lanes, 1, run_lane, &p);
    return;
  }
  for (int step = begin; step < end; step++) {
    const esp_team team = {.width = exec->rank->step[step].width,
                           .scratch = exec->scratch[seat]};
    esp_slot_run_node(s, step, &team, lane_of(&p, 0));
  }
}

void esp_slot_run_molded(esp_slot *s, int seat) {
  const esp_rank_plan *rank = s->exec->rank;
  for (int begin = 0; begin < rank->nstep;) {
    const int end = esp_plan_phase_end(rank, begin);
    run_phase(s, begin, end, seat);
    begin = end;
  }
}
