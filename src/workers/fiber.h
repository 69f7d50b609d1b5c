// Stacks that a worker changes between, so that a task that waits can be put
// aside.  A fiber never leaves the thread that made it: C compilers keep
// addresses of thread-local variables in registers, and OpenMP's runtimes know
// their threads.  Private to workers/.
#ifndef ESP_WORKERS_FIBER_H
#define ESP_WORKERS_FIBER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct esp_fiber {
  struct esp_fiber *next;            // in one of the worker's lists
  unsigned char *low, *high;         // the stack's bounds
  struct esp_fiber_machine *machine; // registers, and what sanitizers ask for
} esp_fiber;

// Most stacks of a process beside those of threads: each takes two of the
// 65,530 mappings that Linux allows by default.
enum { ESP_MAX_FIBERS = 16384 };

// Describes the stack that the calling thread runs on.
esp_status esp_fiber_of_thread(esp_fiber *fiber);
void esp_fiber_end_thread(esp_fiber *fiber);

// Makes a stack of `bytes` bytes, with a page below that may not be touched, on
// which entry(argument) begins at the first switch.  entry() never returns.
// ESP_LIMIT: there are ESP_MAX_FIBERS; ESP_NO_MEMORY.
esp_status esp_fiber_create(size_t bytes, void (*entry)(void *argument),
                            void *argument, esp_fiber **fiber);
// Frees a fiber that does not run.
void esp_fiber_free(esp_fiber *fiber);

// Leaves the stack `from`, which runs, for `to`; returns when somebody switches
// back to `from`.
void esp_fiber_switch(esp_fiber *from, esp_fiber *to);

// Bytes of the running fiber's stack below the caller.
size_t esp_fiber_left(const esp_fiber *fiber);

#endif
