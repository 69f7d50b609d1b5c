// Memory that the ranks of a node share: each makes a file in memory without a
// name, and the others find it through its process.  (MPI's own shared windows
// lie in /dev/shm, which containers keep small.)
#include <mpi.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "comm/comm.h"
#include "comm/private.h"

struct esp_shared {
  int size;     // ranks of the group
  void **part;  // [size] of each rank; NULL: it is on another node
  size_t *byte; // [size] of each part
};

// What a rank tells the others of its node.
typedef struct door {
  long rank, process, file, bytes;
} door;

static void open_part(esp_shared *w, const door *d) {
  const int file = esp_memory_file_open(d->process, d->file);
  if (file < 0) return;
  w->part[d->rank] = esp_memory_file_map(file, (size_t)d->bytes);
  w->byte[d->rank] = (size_t)d->bytes;
  (void)close(file);
}

// Every rank of the node has the parts of all, or none has any.
static bool share(const esp_comm *comm, size_t bytes, esp_shared *w) {
  const int count = comm->node_size;
  const int file = esp_memory_file_make("espalier messages", bytes);
  door mine = {comm->rank, (long)getpid(), file, (long)bytes};
  door *all = calloc((size_t)count, sizeof *all);
  bool well = esp_comm_all_well(comm, all != NULL && file >= 0);
  if (well) {
    MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all, sizeof mine, MPI_BYTE,
                  comm->node);
    for (int i = 0; i < count; i++) {
      open_part(w, &all[i]);
      well = well && w->part[all[i].rank] != NULL;
    }
    well =
        esp_comm_all_well(comm, well); // after that nobody looks for the file
  }
  if (file >= 0) (void)close(file);
  free(all);
  return well;
}

esp_status esp_shared_create(const esp_comm *comm, size_t bytes,
                             esp_shared **shared) {
  const size_t ranks = (size_t)comm->size;
  esp_shared *w = calloc(1, sizeof *w);
  bool room = w != NULL;
  if (room) {
    w->size = comm->size;
    w->part = calloc(ranks, sizeof *w->part);
    w->byte = calloc(ranks, sizeof *w->byte);
    room = w->part != NULL && w->byte != NULL;
  }
  if (!esp_comm_all_well(comm, room)) {
    esp_shared_free(w);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot share memory with other ranks");
  }
  *shared = w;
  if (share(comm, bytes, w)) return ESP_OK;
  esp_shared_free(w);
  *shared = NULL;
  return ESP_OK;
}

void *esp_shared_of(const esp_shared *shared, int rank) {
  return shared != NULL ? shared->part[rank] : NULL;
}

void esp_shared_free(esp_shared *shared) {
  if (shared == NULL) return;
  for (int r = 0; r < shared->size && shared->part != NULL; r++) {
    if (shared->part[r] != NULL) {
      (void)munmap(shared->part[r], shared->byte[r]);
    }
  }
  free(shared->part);
  free(shared->byte);
  free(shared);
}
