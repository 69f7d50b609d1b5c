// What the files of store/ share.  Private to store/.
#ifndef ESP_STORE_PRIVATE_H
#define ESP_STORE_PRIVATE_H

#include <hdf5.h>
#include <mpi.h>

#include "store/store.h"

// Stops HDF5 from printing its own errors; the messages here carry them.
void esp_store_quiet(void);
// Closes a file that was written to; false: that failed.
bool esp_store_close(hid_t file);
// HDF5's own reason for the last failure, at most `room` bytes.
const char *esp_store_reason(char *text, size_t room);

// The element type that an HDF5 type stands for; ESP_UNDEFINED: none.
esp_dtype esp_store_dtype(hid_t type);
// The native HDF5 type of an element type; borrowed.
hid_t esp_store_native(esp_dtype type);
// What is known of an open dataset.  ESP_BAD_INPUT names it.
esp_status esp_store_info(hid_t dataset, const char *name,
                          esp_dataset_info *info);

// One file of a dataset (part.c).
typedef struct esp_part {
  char *spec; // FILE or FILE:/path
  hid_t file, set;
  esp_dataset_info info;
  int64_t end;   // row of the dataset after its last one
  uint64_t used; // when it was read, in reads of the dataset
} esp_part;
// Opens part->spec and fills the rest.
esp_status esp_part_open(esp_part *part);
void esp_part_close(esp_part *part); // may be closed already
esp_status esp_part_read(esp_part *part, int64_t first, int64_t count,
                         void *rows);
// Reads or writes rows of an open dataset, native types.
esp_status esp_store_rows(hid_t dataset, const esp_shape *shape, hid_t type,
                          hid_t transfer, int64_t first, int64_t count,
                          void *read, const void *write);

// Calls visit() for each dataset below `group`, in order of name.
esp_status esp_store_each(hid_t file,
                          void (*visit)(void *context, const char *path),
                          void *context);

// Parts of a results file beside the results.
#define ESP_JOURNAL_PATH "/espalier/journal"
#define ESP_COMPUTED_PATH "/espalier/computed"
#define ESP_STARTS_PATH "/espalier/starts"
enum { ESP_STARTS = 64, ESP_START_BYTES = 256 };
esp_shape esp_journal_shape(void);
esp_shape esp_computed_shape(int64_t rows);
// The worst status of all ranks; each has said its own message.  Collective.
esp_status esp_store_agree(MPI_Comm group, const char *path, esp_status mine);

// Syncs a file on a thread of its own (sync.c).
typedef struct esp_syncer esp_syncer;
esp_status esp_syncer_open(const char *path, esp_syncer **syncer);
void esp_syncer_close(esp_syncer *syncer); // waits for it; NULL is allowed
void esp_syncer_begin(esp_syncer *syncer); // the one before has ended
bool esp_syncer_ended(esp_syncer *syncer, esp_status *status);

struct esp_results {
  MPI_Comm group;
  char *path;
  hid_t file;
  int count; // of sets that are open
  hid_t *set;
  esp_shape *shape;
  hid_t *type;
  int64_t rows;
  hid_t journal, computed, starts;
  esp_shape computed_shape;
  int64_t sequence; // of the journal's last record
  esp_syncer *syncer;
};

// A file that packs into a dataset: its header has been read, the rows follow.
typedef struct esp_packed {
  esp_dtype type;
  esp_shape shape;
  bool swap;  // the other byte order
  void *file; // gzFile
} esp_packed;
// ESP_BAD_INPUT when the file is of neither format or its header is broken.
esp_status esp_packed_open(const char *path, esp_packed *packed);
// Fills `bytes` bytes; ESP_BAD_INPUT when the file ends before.
esp_status esp_packed_read(esp_packed *packed, const char *path, void *to,
                           size_t bytes);
// Refuses what stands after the last row.
esp_status esp_packed_end(esp_packed *packed, const char *path);
void esp_packed_close(esp_packed *packed);

#endif
