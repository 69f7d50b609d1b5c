// A loop over the threads of one operator's OpenMP team.  Floor 2.
#ifndef ESP_KERNEL_PARALLEL_H
#define ESP_KERNEL_PARALLEL_H

#include <stdint.h>

// The work of one piece: elements [begin, end).
typedef void (*esp_loop_body)(int64_t begin, int64_t end, void *argument);

// Cuts [0, count) into at most `width` runs of at least `grain` elements each
// and calls body for each on a team of that many threads; opens no parallel
// region when one run is enough.  The cut depends on width, so a body whose
// result would depend on the cut (a sum over the range) is not to be run by it.
void esp_loop_over(int width, int64_t count, int64_t grain, esp_loop_body body,
                   void *argument);

// The number of the calling thread in the team that works on a loop, below its
// width: for memory that each has for itself.
int esp_loop_thread(void);

#endif
