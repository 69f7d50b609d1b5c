// What the files of exec/ share.  Private to exec/.
#ifndef ESP_EXEC_PRIVATE_H
#define ESP_EXEC_PRIVATE_H

#include <stdatomic.h>

#include "exec/exec.h"
#include "op/op.h"

struct esp_slot;

// A node's operator, ready to run.
typedef struct esp_made {
  esp_status (*run)(const esp_args *args, const void *state, esp_team team);
  esp_prepared prepared;
  bool borrowed; // `prepared` is another step's, which ends it
} esp_made;

// What a worker needs to run a step of a slot.
typedef struct esp_ready {
  esp_item item; // first: the pool hands this address back
  struct esp_slot *slot;
  int step;
} esp_ready;

typedef struct esp_slot {
  struct esp_exec *exec;
  int index;
  unsigned char *block;  // memory of all values
  void *own_block;       // the same, to be freed; NULL: it is shared
  esp_tensor *tensor;    // [nvalue] the graph's, with data in this block
  esp_args *args;        // [nstep] of RUN steps
  const esp_tensor **in; // what args point into
  esp_tensor **out;
  esp_ready *ready;     // [nstep]
  esp_ready chain;      // the whole batch as one item (exec->chain)
  double *step_seconds; // [nstep] taken so far, over all batches
  double *step_usual;   // [nstep] of one batch, about the median
  int64_t timed;        // batches so far

  atomic_int *left; // [nstep] steps that each still waits for
  atomic_int unfinished;
  atomic_bool done;
  int64_t order;

  // SEND and RECV steps whose turn has come: workers append, the conductor
  // takes.  An entry is step + 1 once it is written.
  atomic_int *turn; // [nstep]
  atomic_int turns;
  int taken;

  atomic_bool begun;     // a worker has taken its first step
  double began, seconds; // of the clock; from the first step to the last

  atomic_int failed; // 1: claimed by the step that failed first
  int failed_node;
  esp_status status;
  char message[1024];
} esp_slot;

// Messages between ranks of one node (near.c): in memory that both see.
typedef struct esp_near esp_near;

struct esp_exec {
  esp_exec_options options;
  esp_near *near; // NULL: all messages go by MPI
  bool connected; // esp_exec_connect() was called
  const esp_rank_plan *rank;
  int roots;      // steps that wait for none
  bool chain;     // one worker and no messages: steps in order, no counters
  esp_made *made; // [nstep]
  size_t scratch_bytes; // that the hungriest step needs, or in a molded plan
                        // as many narrow ones as the team has threads
  size_t lane_bytes;    // that the hungriest narrow step of such a plan needs
  void *scratch[ESP_MAX_SEATS]; // made at a seat's first step
  atomic_size_t bytes;
  atomic_llong batches;          // that have ended
  esp_slot *slot[ESP_MAX_SLOTS]; // never moves: slots are added while others
  int slots;                     // run
  int *place; // [nstep] of its message among a slot's messages; -1: RUN
  int places; // messages of a slot on this rank
  esp_messages *messages;
  double moving_since; // seconds of the clock; 0: no message is under way
  double moved;        // seconds during which messages were
  int *ended;          // room for esp_messages_test()
  double *posted;      // [places * slots] seconds of the clock, for the trace
  int *step_at;        // [places] step of each place
};

// Is the message of this step one between ranks of a node?
bool esp_near_has(const esp_exec *exec, int step);
// This rank has come to the message of such a step; the side that comes last
// moves the bytes, where they are not lent.  From any thread.
void esp_near_arrive(esp_slot *slot, int step);
// Around all that a worker does when it is given a step: before it leaves, with
// nothing else to do, it looks for a moment for messages.  Until it has left,
// esp_near_free() waits.
void esp_near_enter(esp_near *near);
void esp_near_leave(esp_near *near);
// Around the computing of a node, by the thread that does: it will look soon,
// so that nobody has to be woken for messages that others bring to their end
// meanwhile; and looks, and ends them.
void esp_near_promise(esp_near *near);
void esp_near_look(esp_near *near);
// The node of this step has read what it reads.  From any thread.
void esp_near_have_read(esp_slot *slot, int step);
double esp_near_moved(esp_near *near);
void esp_near_free(esp_near *near); // NULL is allowed
// Ends the step of a message on this rank.  `lane`: of the calling thread, in
// the trace.
void esp_slot_end_message(esp_slot *slot, int step, int lane);
// The two parts of it.
void esp_slot_trace_message(const esp_slot *slot, int step, int lane);
void esp_slot_end_step(esp_slot *slot, int step);
// Points the slot to another block for its values.
void esp_slot_set_block(esp_slot *slot, unsigned char *block);

// Computes a node on this thread and its team; after a failure the rest of the
// batch is passed over.  `lane`: in the trace.
void esp_slot_run_node(esp_slot *slot, int step, const esp_team *team,
                       int lane);
// All steps of a batch of a molded plan; the seat has its scratch memory.
void esp_slot_run_molded(esp_slot *slot, int seat);

// The pool's way into a step, and into a whole batch.
void esp_slot_run_step(esp_item *item, int seat);
void esp_slot_run_chain(esp_item *item, int seat);

#endif
