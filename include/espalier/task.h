// Fork and wait: tasks on the inter-op pool.
//
// The pool is one for the process.  Forked tasks and the branches of graphs
// that sessions run are the same kind of thing in it.  All functions here may
// be called from any thread, also from inside tasks, unless they say otherwise.
#ifndef ESPALIER_TASK_H
#define ESPALIER_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <espalier/context.h>
#include <espalier/declare.h>

ESP_DECLARATIONS_BEGIN

// How deep tasks may be forked inside tasks.
enum { ESP_MAX_TASK_DEPTH = 65536 };

// Something that will have been done.
typedef struct esp_future esp_future;

// What a task does.  0 (ESP_OK) is success; any other value, also one of the
// caller's own, reaches the waiter as it is, with the message that the task
// left (esp_fail_message(), or that of the espalier call that failed in it).
typedef esp_status (*esp_task)(esp_context *context, void *argument);

// Puts a task into the pool and returns at once.  `argument` is the caller's
// and must live until the task has ended.  The future is freed with
// esp_future_free(); `future` may be NULL when nobody will wait.
// Tasks that are forked deeper run first; equals in the order of forking.
// ESP_LIMIT: the task would be deeper than ESP_MAX_TASK_DEPTH; ESP_NO_MEMORY.
esp_status esp_fork(esp_context *context, esp_task task, void *argument,
                    esp_future **future);

// Has it ended?  Then esp_wait() returns at once.
bool esp_future_ready(const esp_future *future);

// Waits until it has ended, and returns the task's own status; esp_last_error()
// then is the task's message.  Any number of threads and tasks may wait for one
// future, any number of times, until it is freed.
//
// A task that waits holds up no thread: if the awaited task has not begun, it
// runs on the spot; if it runs elsewhere, the waiting task is put aside with
// its stack, and its worker runs other tasks meanwhile.  So waits nest to any
// depth with one worker without deadlock, and no thread is ever added.  The
// waiting task goes on in the thread in which it began.  A thread that is none
// of the pool's blocks, or runs the awaited task itself when a worker's place
// is free and the width is 1.
//
// ESP_LIMIT: more tasks wait at once than stacks can be made (16,384 of
// options.stack_bytes, or less memory): the awaited task goes on, the wait did
// not take place.  ESP_USAGE: called in the body of esp_parallel_for().
// A task should not wait while it holds a lock that another task takes, nor
// inside an OpenMP region of its own.
esp_status esp_wait(esp_future *future);

// Waits for all, and returns the status of the first in the list that failed.
// NULL entries are passed over.
esp_status esp_wait_all(esp_future *const *futures, size_t count);
// Waits until one has ended: *which is the first such in the list, and its
// status is returned.  ESP_USAGE: no futures.
esp_status esp_wait_any(esp_future *const *futures, size_t count,
                        size_t *which);

// Forks `next` when `future` has ended well.  When that fails, `next` does not
// run and the new future ends with the same status and message.  `future` may
// be freed before.
esp_status esp_then(esp_future *future, esp_task next, void *argument,
                    esp_future **then);

// Gives the future up; the task runs all the same.  NULL is allowed.  Nobody
// may be waiting for it in another thread.
void esp_future_free(esp_future *future);

// Calls body(from, to, argument) for ranges that together are [begin, end),
// each of at least `grain` indices (the last may be shorter; grain < 1 counts
// as 1), on the threads of one operator: at most esp_get_num_threads() at once.
// Returns when all are done.  How the range is cut depends on the width; sums
// over it are the caller's to order.  Called from outside the pool with a width
// above 1, a worker and its team do it.
// ESP_USAGE: inside another esp_parallel_for(), or end < begin.
esp_status esp_parallel_for(esp_context *context, int64_t begin, int64_t end,
                            int64_t grain,
                            void (*body)(int64_t, int64_t, void *),
                            void *argument);

ESP_DECLARATIONS_END
#endif
