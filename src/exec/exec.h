// Walks the plan on this rank.  Chooses nothing and, once created, allocates
// nothing.  Floor 6.
//
// A *slot* is a batch in flight with its own block of memory.  The conductor
// (the thread that calls MPI) fills the inputs of a slot, starts it, calls
// esp_exec_move() now and then, and reads the outputs when the slot is done;
// the operators run on the workers.
#ifndef ESP_EXEC_EXEC_H
#define ESP_EXEC_EXEC_H

#include "comm/comm.h"
#include "exec/trace.h"
#include "graph/graph.h"
#include "plan/plan.h"
#include "workers/workers.h"

typedef struct esp_exec esp_exec;

enum { ESP_MAX_SLOTS = 4096 };

typedef struct esp_exec_options {
  const esp_graph *graph; // kept: must outlive the exec, as must all below
  const esp_plan *plan;
  int rank;              // within the replica
  const esp_comm *group; // the replica's ranks; NULL when it is one rank
  esp_workers *workers;  // shared; the plan's width is 1 or theirs
  esp_bell *bell;        // rung when the conductor has something to do; NULL
                         // only with `ended` and one rank
  // Called by the thread that ends a batch, as the last thing done to the slot;
  // NULL: the conductor asks esp_exec_done().
  void (*ended)(void *context, int slot);
  void *context;
  bool timed; // every node is timed (esp_exec_add_seconds), which costs 50 ns
  esp_trace *trace; // of a timed exec: gets its nodes and messages; NULL: none
  int engine;       // its number in the trace
  int slots;
  int first_tag; // of the tags slots * plan->nmessage that are this exec's
} esp_exec_options;

// Prepares this rank's operators (weights packed, primitives made) and the
// memory of all slots.  Not collective.  ESP_UNSUPPORTED, ESP_NO_MEMORY: names
// the node.
esp_status esp_exec_create(const esp_exec_options *options, esp_exec **exec);
// Lets messages between ranks of one node go through memory that they share,
// where the system allows it; slots move there, so it comes before anything is
// put into them, and no slots are added later.  A second call does nothing.
// Collective over the group.
esp_status esp_exec_connect(esp_exec *exec);
// No slot may be running; closing the workers first sees to that, also after a
// failure in the middle.  NULL is allowed.
void esp_exec_free(esp_exec *exec);

// Makes one more slot, also while others run; gives its index.  For an exec
// without messages; one call at a time.  ESP_LIMIT: there are ESP_MAX_SLOTS.
esp_status esp_exec_add_slot(esp_exec *exec, int *slot);

// Where a value of a slot lies on this rank; NULL when it is not here.
void *esp_exec_value(const esp_exec *exec, int index, int value);

// Begins a batch in a slot that is not running.  `order` is the age of the
// batch: workers prefer the lower.
void esp_exec_start(esp_exec *exec, int slot, int64_t order);
// Can a batch be run by one thread, from the first node to the last?  So it is
// when the plan has one worker and no messages.
bool esp_exec_is_chain(const esp_exec *exec);
// Runs a batch of such a plan on the calling thread, which has this seat of the
// pool; returns when it has ended.
void esp_exec_run_here(esp_exec *exec, int slot, int64_t order, int seat);

// Posts messages whose turn has come and notes those that have ended.
void esp_exec_move(esp_exec *exec);
// Messages posted, and not ended, by this exec; while there are any,
// esp_exec_move() must be called often.
int esp_exec_messages(const esp_exec *exec);

// Seconds during which messages of this exec were under way, so far.
double esp_exec_moved_seconds(const esp_exec *exec);

// Has the batch of a slot ended?  Then *status is the first failure of its
// steps, or ESP_OK, and *message what it said (borrowed until the next start).
bool esp_exec_done(const esp_exec *exec, int slot, esp_status *status,
                   const char **message);

// The node whose failure that was; -1: none has failed.
int esp_exec_failed_node(const esp_exec *exec, int slot);

// Seconds from the first node to the last of a batch that has ended, on this
// rank: without the time that it waited for a worker.
double esp_exec_batch_seconds(const esp_exec *exec, int slot);

// Batches that have ended so far.
int64_t esp_exec_batches(const esp_exec *exec);

// Bytes of the slots' blocks and of scratch memory.
size_t esp_exec_bytes(const esp_exec *exec);
// Adds to seconds[n] what node n has taken in all batches so far on this rank;
// of a timed exec.  Call it when no slot runs.
void esp_exec_add_seconds(const esp_exec *exec, double *seconds);
// Adds what node n usually takes, about the median of all batches so far; under
// the same conditions.
void esp_exec_add_usual(const esp_exec *exec, double *seconds);

#endif
