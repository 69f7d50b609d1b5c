// What earlier runs have measured, kept on disk: how long each node of a graph
// takes, and the way to use the cores that was best.  A file for each model,
// batch and machine in a folder of the user's caches.  Floor 4.
#ifndef ESP_COST_BOOK_H
#define ESP_COST_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

// streams x workers x width threads.
typedef struct esp_way {
  int streams, workers, width;
  bool molded; // nodes may be narrower (plan.h)
} esp_way;

static inline bool esp_way_same(const esp_way *a, const esp_way *b) {
  return a->streams == b->streams && a->workers == b->workers &&
         a->width == b->width && a->molded == b->molded;
}

typedef struct esp_book {
  esp_way way;       // that the seconds were measured in
  bool chosen;       // several ways were tried, and this was the best
  int64_t batch;     // samples
  bool batch_chosen; // the same of batches
  int nodes;         // 0: nothing is known
  double *seconds;   // [nodes] of each node of one batch
  double *narrow;    // [nodes] of a molded way: on one thread; or NULL
} esp_book;

// What the figures are of: lines of text that say model, batch, machine and
// versions.  The name of the file comes from them, and they are in it.
// A book that is missing, damaged or of another key is empty; never a failure.
// Ended with esp_book_end().
void esp_book_read(const char *key, esp_book *book);
// Writes beside, then renames; ESP_IO: the folder cannot be written.
esp_status esp_book_write(const char *key, const esp_book *book);
void esp_book_end(esp_book *book);

#endif
