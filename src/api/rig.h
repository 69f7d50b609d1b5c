// A graph ready to run on made-up inputs, in one shape: what explain and bench
// measure.  Private to api/.
#ifndef ESP_API_RIG_H
#define ESP_API_RIG_H

#include "api/private.h"

// streams x workers x width threads; streams: batches at once.
typedef struct esp_rig_shape {
  int streams, workers, width;
} esp_rig_shape;

typedef struct esp_rig_options {
  const esp_graph *graph; // kept, as are machine and cores
  const esp_machine *machine;
  const double *seconds;  // [nnode] at this width; NULL: estimated
  const esp_cores *cores; // of this rank
  const esp_comm *group;  // ranks that share each batch; NULL: this one
  esp_rig_shape shape;
  bool timed; // every node
} esp_rig_options;

typedef struct esp_rig {
  const esp_graph *graph;
  const esp_comm *group;
  esp_plan *plan;
  esp_workers *workers;
  esp_bell *bell;
  esp_exec *exec;
  int slots;
  void **sample;   // [ninput] what every batch is given
  int64_t batches; // started so far
} esp_rig;

// Plans, packs, makes threads and inputs: random numbers, and zeros where they
// are whole, as they may be indices.  Not collective; ended with
// esp_rig_close(), also after a failure.
// ESP_UNSUPPORTED: an input of strings, which cannot be made up.
esp_status esp_rig_open(const esp_rig_options *options, esp_rig *rig);
void esp_rig_close(esp_rig *rig);

// Runs so many batches, as many at once as there are streams.  took[b]: seconds
// of batch b; of a rig with one stream without the time of making the input.
// *seconds: of all of them.  Collective over the group.
esp_status esp_rig_run(esp_rig *rig, int batches, double *took,
                       double *seconds);

// Fills a tensor with made-up numbers.
void esp_rig_fill(const esp_tensor *tensor);

// Batches that fill so many seconds, from `least` on, at most `most`.
int esp_rig_fit(double seconds, double of_one, int least, int most);

#endif
