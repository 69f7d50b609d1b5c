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
#include "base/ranges.h"
#include "base/status.h"
#include "tensor/tensor.h"

// Writes "HDF5 1.10.8, parallel" into text and returns it.
const char *esp_store_library(char *text, size_t room);

// Has a file that was written to not been closed, as what was left to write
// could not be?  The library then cannot be ended in an orderly way.
bool esp_store_is_broken(void);

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
// for reading.  FILE may be a pattern (glob(7)), and there may be several, a
// line each: their rows are one long dataset, files that fit a pattern in order
// of name.  Not collective: each rank opens its own.  The caller closes it.
// ESP_IO: no such file, or not HDF5; ESP_BAD_INPUT: no such dataset (those that
// there are, are named), a scalar, or a type that is not numeric.
esp_status esp_dataset_open(const char *spec, esp_dataset **dataset);
// The first row that is not in the file of this row.
int64_t esp_dataset_file_end(const esp_dataset *dataset, int64_t row);
// Length of the file's name in "FILE:/path": up to the last ":/", as a file's
// name may hold colons.
size_t esp_dataset_file_length(const char *spec);
// The files of such a dataset, a line each, with patterns resolved; free with
// free().  Opens none of them.
esp_status esp_dataset_files(const char *spec, char **files);
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

// A text that is kept as attribute of the file's root.
typedef struct esp_note {
  const char *name, *text;
} esp_note;

// Is there anything at `path`?  Not collective.
bool esp_results_exist(const char *path);
// Makes a results file at `path` (replacing one that is there) with these
// datasets and notes: contiguous, allocated early, never filled, closed and
// synced, so that nothing but numbers in place is written to it from then on
// (docs/adr/0008).  The root attribute "complete" is 0.  Give it a name of its
// own, and publish it: then no moment leaves half a file at the place that the
// user knows.  Collective over the ranks of `communicator`, a `const MPI_Comm
// *` as esp_comm_handle() gives; all give the same.  ESP_IO: cannot create, or
// not enough room on the disk for all results; ESP_BAD_INPUT: two paths are the
// same, or one lies inside another.
esp_status esp_results_create(const void *communicator, const char *path,
                              const esp_result *result, int count,
                              const esp_note *note, int notes);
// Renames a file that is closed; what was at `to` is gone.  Collective.
esp_status esp_results_publish(const void *communicator, const char *from,
                               const char *to);

typedef struct esp_results esp_results;

// Opens a results file to write into it, each rank for itself, as nothing but
// rows in place is written; the ranks agree on how it went.  Collective.
// ESP_BAD_INPUT: its datasets are not these.
esp_status esp_results_open(const void *communicator, const char *path,
                            const esp_result *result, int count,
                            esp_results **results);
// Writes, or reads, rows [first, first + count) of result `which`.  Not
// collective.
esp_status esp_results_write(esp_results *results, int which, int64_t first,
                             int64_t count, const void *rows);
esp_status esp_results_read(esp_results *results, int which, int64_t first,
                            int64_t count, void *rows);
// Sets the root attribute "complete" to 1, flushes and syncs.  Collective.
esp_status esp_results_finish(esp_results *results);
void esp_results_close(esp_results *results); // collective; NULL is allowed

// The journal of a results file ("/espalier/journal"): which rows are known to
// be written in all results, and how often a run has begun.  It is kept twice,
// each with a checksum, and written in turn: a write that is cut off leaves the
// other.  Format: journal.c.
enum { ESP_JOURNAL_RANGES = 4096 }; // at most; further ones are done again
typedef struct esp_journal {
  esp_ranges done;
  int64_t starts;
  int64_t seconds; // since 1970, when it was written; 0: never
  int64_t rows;    // of the results; 0 before it is written; -1: no journal
  int64_t batch;   // samples computed together by the run that wrote it
} esp_journal;

// Reads the journal.  Not collective.  The caller ends `done`.
esp_status esp_results_read_journal(esp_results *results, esp_journal *journal);
// Writes the journal.  By one rank of all.
esp_status esp_results_write_journal(esp_results *results,
                                     const esp_journal *journal);
// Notes a start in "/espalier/starts", which keeps the last 64: a line of up to
// 255 bytes.  By one rank of all.  `start` counts from 0.
esp_status esp_results_note_start(esp_results *results, int64_t start,
                                  const char *line);
// Notes in "/espalier/computed" that this rank wrote rows [first, first +
// count): start, rank and seconds since that start, for each of at most 65,536
// blocks of rows; the last writer of a block stays.  Not collective.
esp_status esp_results_note_computed(esp_results *results, int64_t first,
                                     int64_t count, int64_t start, int rank,
                                     double seconds);

// Begins to bring what this rank has written to the disk, on a thread of its
// own.  One at a time: the one before must have ended.
void esp_results_sync(esp_results *results);
// Has it ended, or none begun?  *status is then the disk's answer.
bool esp_results_synced(esp_results *results, esp_status *status);

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
// The journal of a results file that need not be open, also while another
// process writes it.  journal->rows is -1 when it is no results file.
esp_status esp_store_journal(const char *file, esp_journal *journal);

#endif
