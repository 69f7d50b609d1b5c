// Datasets in, results out: HDF5, and the formats that pack into it.  The only
// room that includes <hdf5.h>.  Floor 2.
//
// Debian's parallel HDF5 is not thread-safe: one thread per rank, the one that
// calls MPI, calls everything here (docs/adr/0002).
#ifndef ESP_STORE_STORE_H
#define ESP_STORE_STORE_H

#include <espalier/espalier.h> // declares esp_pack()
#include <stdbool.h>

#include "base/memory.h"
#include "base/status.h"
#include "tensor/tensor.h"

// Writes "HDF5 1.10.8, parallel" into text and returns it.
const char *esp_store_library(char *text, size_t room);

// A dataset whose first axis is the sample ("row").
typedef struct esp_dataset esp_dataset;
typedef struct esp_dataset_info {
  esp_dtype type;
  esp_shape shape;    // dim[0] rows
  bool chunked;       // in chunks of chunk_rows rows
  bool compressed;    // or filtered in another way
  int64_t chunk_rows; // 0 when contiguous
  int64_t bytes_stored;
} esp_dataset_info;

// Opens "FILE:/path/in/file" (or "FILE" when the file holds one dataset only)
// for reading.  Not collective: each rank opens its own.  The caller closes it.
// ESP_IO: no such file, or not HDF5; ESP_BAD_INPUT: no such dataset (those that
// there are, are named), a scalar, or a type that is not numeric.
esp_status esp_dataset_open(const char *spec, esp_dataset **dataset);
void esp_dataset_close(esp_dataset *dataset); // NULL is allowed
const esp_dataset_info *esp_dataset_get_info(const esp_dataset *dataset);
// Reads rows [first, first + count) in the dataset's own type, native byte
// order, row major, into `rows`.  Not collective.  ESP_IO when HDF5 fails.
esp_status esp_dataset_read(esp_dataset *dataset, int64_t first, int64_t count,
                            void *rows);

// One dataset of a results file.
typedef struct esp_result {
  const char *path;      // in the file, e.g. "/outputs/logits"
  const char *onnx_name; // kept as attribute "onnx_name" if not NULL
  esp_dtype type;
  esp_shape shape; // dim[0] is the number of rows
} esp_result;

typedef struct esp_results esp_results;

// Is there anything at `path`?  Not collective.
bool esp_results_exist(const char *path);
// Creates the file (replacing one that is there) with these datasets:
// contiguous, allocated early, never filled, metadata flushed and synced, so
// that the file is valid from here on (docs/adr/0002).  Collective over the
// ranks of `communicator`, a `const MPI_Comm *` as esp_comm_handle() gives.
// ESP_IO: cannot create, or not enough room on the disk for all results;
// ESP_BAD_INPUT: two paths are the same, or one lies inside another.
esp_status esp_results_create(const void *communicator, const char *path,
                              const esp_result *result, int count,
                              esp_results **results);
// Writes rows [first, first + count) of result `which`.  Not collective.
esp_status esp_results_write(esp_results *results, int which, int64_t first,
                             int64_t count, const void *rows);
// Sets an attribute of the file's root to a text, or a number.  Collective:
// every rank gives the same.
esp_status esp_results_note(esp_results *results, const char *name,
                            const char *text);
esp_status esp_results_note_number(esp_results *results, const char *name,
                                   double number);
// Sets the root attribute "complete" to 1 (it is 0 from the creation on),
// flushes and syncs.  Collective.
esp_status esp_results_finish(esp_results *results);
void esp_results_close(esp_results *results); // collective; NULL is allowed
// Turns the name of an ONNX value into a path below `group`: a slash becomes a
// dot (a leading one goes), and an empty name becomes "output".  The caller
// frees with free().
esp_status esp_results_path(const char *group, const char *onnx_name,
                            char **path);

// Visits every dataset of an HDF5 file, and every attribute of its root, in
// order of name.  ESP_IO: no such file, or not HDF5.
typedef struct esp_store_visitor {
  void *context;
  void (*dataset)(void *context, const char *path,
                  const esp_dataset_info *info);
  void (*attribute)(void *context, const char *name, const char *text);
} esp_store_visitor;
esp_status esp_store_visit(const char *file, const esp_store_visitor *visitor);

#endif
