// A process among the ranks of a job, and its threads.
#ifndef ESPALIER_CONTEXT_H
#define ESPALIER_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <espalier/declare.h>
#include <espalier/status.h>

ESP_DECLARATIONS_BEGIN

// One per process: the inter-op pool, and this process's place among the ranks.
typedef struct esp_context esp_context;

// What a context may use.  Zero everywhere means: guess well (docs/resources.md
// has the order in which options, environment and affinity mask count).
typedef struct esp_options {
  int num_interop_threads; // workers of the pool; 0: one for each core, or for
                           // each num_threads of them
  int num_threads;         // threads of one operator (the width); 0: 1, or
                           // what OMP_NUM_THREADS says
  bool do_not_pin;         // leave the threads to the system's scheduler
  bool oversubscribe;      // more threads than cores are no error
  bool alone;              // do not start MPI: one rank, whoever launched it
  bool no_remote_tasks;    // esp_fork_on() is not wanted: no thread serves it
  size_t stack_bytes;      // of a task that waits; 0: 1 MiB.  Every task begins
                           // with at least half of it
} esp_options;

// Starts the pool and, unless `options->alone`, MPI: as one rank of what mpirun
// or srun started, or alone where no launcher did.  `options` may be NULL.
// Collective; once per process, and MPI must not be initialised.  The caller
// closes it from the same thread.
// Until then the ranks watch each other: all are ended, with a message, when
// one ends, or when its host gives no sign of life for 7 s (docs/adr/0010).
// ESP_USAGE: more threads than cores, or settings that contradict each other;
// the message says what to change.
esp_status esp_open(const esp_options *options, esp_context **context);
// Waits until every task has ended, also those that nobody waits for, then ends
// the threads and MPI.  Sessions are closed before.  Collective; NULL is
// allowed.
void esp_close(esp_context *context);

int esp_rank(const esp_context *context); // of this process
int esp_size(const esp_context *context); // number of ranks
// Gives every rank the worst status of all, and the message that goes with it.
// Collective; from the thread that opened the context.
esp_status esp_agree(const esp_context *context, esp_status mine);

// Intra-op parallelism: the threads that compute one operator, or one
// esp_parallel_for(), together.  Each worker has a team of that many, itself
// among them.
// Inter-op parallelism: the workers, threads that run forked tasks and the
// branches of graphs side by side.
//
// Both may be set at any time, from any thread, also while tasks run: nothing
// is lost and nothing runs twice.  The call returns when threads that have to
// go have finished what they were running and are joined; when a task calls it,
// at once, and they are joined by the next such call or by esp_close().
// Sessions that are open go on with the new numbers at their next run.
// ESP_USAGE: less than 1, or workers x width more than the cores of this rank
// and not options->oversubscribe.  ESP_LIMIT: a task calls while another thread
// changes the numbers: try again.
esp_status esp_set_num_threads(esp_context *context, int width);
int esp_get_num_threads(const esp_context *context);
esp_status esp_set_num_interop_threads(esp_context *context, int workers);
int esp_get_num_interop_threads(const esp_context *context);

ESP_DECLARATIONS_END
#endif
