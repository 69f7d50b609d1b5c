#include "comm/comm.h"

#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "comm/parent.h"
#include "comm/private.h"
#include "comm/watch.h"

enum { MESSAGE_BYTES = 4096 };

static void describe(esp_comm *self) {
  MPI_Comm_rank(self->group, &self->rank);
  MPI_Comm_size(self->group, &self->size);
  MPI_Comm_split_type(self->group, MPI_COMM_TYPE_SHARED, self->rank,
                      MPI_INFO_NULL, &self->node);
  MPI_Comm_rank(self->node, &self->node_rank);
  MPI_Comm_size(self->node, &self->node_size);
}

// Open MPI's own file layer opens a named semaphore for every file name; a
// process that is killed while it holds it stops, for ever, all that open a
// file of that name on the node later.  ROMIO has none.
static void choose_file_layer(void) {
  (void)setenv("OMPI_MCA_io", "romio321", 0); // what the user says stays
}

esp_status esp_comm_open(bool threads, esp_comm **comm) {
  esp_comm *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot open MPI");
  int initialized = 0, finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (initialized || finalized) {
    free(self);
    return ESP_FAIL(ESP_USAGE,
                    "MPI was %s in this process already: open one "
                    "context with ranks for the whole of it, or a "
                    "context that is alone",
                    finalized ? "ended" : "started");
  }
  const esp_status watched = esp_parent_watch(&self->parent);
  if (watched != ESP_OK) {
    free(self);
    return watched;
  }
  choose_file_layer();
  const int wanted = threads ? MPI_THREAD_MULTIPLE : MPI_THREAD_FUNNELED;
  int provided;
  MPI_Init_thread(NULL, NULL, wanted, &provided);
  if (provided < wanted) {
    MPI_Finalize();
    esp_parent_end(self->parent);
    free(self);
    return ESP_FAIL(ESP_UNSUPPORTED, "this MPI has no %s",
                    threads ? "MPI_THREAD_MULTIPLE, which remote tasks need"
                            : "MPI_THREAD_FUNNELED");
  }
  MPI_Comm_dup(MPI_COMM_WORLD, &self->group);
  describe(self);
  if (self->rank != 0) esp_log_limit(ESP_LOG_ERROR);
  if (self->size > 1) {
    const esp_status status = esp_watch_begin(self, &self->watch);
    if (status != ESP_OK) {
      esp_comm_close(self);
      return status;
    }
  }
  *comm = self;
  return ESP_OK;
}

void esp_comm_patience(esp_comm *comm, int seconds) {
  esp_watch_set(comm->watch, seconds);
}

void esp_comm_free_part(esp_comm *comm) {
  if (comm == NULL) return;
  MPI_Comm_free(&comm->node);
  MPI_Comm_free(&comm->group);
  free(comm);
}

void esp_comm_close(esp_comm *comm) {
  if (comm == NULL) return;
  esp_parent *parent = comm->parent;
  esp_watch_end(comm->watch);
  esp_comm_free_part(comm);
  MPI_Finalize();
  esp_parent_end(parent);
}

esp_status esp_comm_split(const esp_comm *comm, int part, esp_comm **made) {
  esp_comm *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot split the ranks");
  MPI_Comm_split(comm->group, part, comm->rank, &self->group);
  describe(self);
  *made = self;
  return ESP_OK;
}

bool esp_comm_has_threads(void) {
  int provided = MPI_THREAD_SINGLE;
  MPI_Query_thread(&provided);
  return provided >= MPI_THREAD_MULTIPLE;
}

int esp_comm_rank(const esp_comm *comm) { return comm->rank; }
int esp_comm_size(const esp_comm *comm) { return comm->size; }
int esp_comm_node_rank(const esp_comm *comm) { return comm->node_rank; }
int esp_comm_node_size(const esp_comm *comm) { return comm->node_size; }
const void *esp_comm_handle(const esp_comm *comm) { return &comm->group; }

esp_status esp_comm_agree(const esp_comm *comm, esp_status mine) {
  struct {
    int status, rank;
  } worst = {(int)mine, comm->rank};
  // MPI_MAXLOC takes the lowest rank among equals.
  MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_2INT, MPI_MAXLOC, comm->group);
  if (worst.status == ESP_OK) return ESP_OK;

  char message[MESSAGE_BYTES];
  (void)snprintf(message, sizeof message, "%s", esp_last_error());
  MPI_Bcast(message, (int)sizeof message, MPI_CHAR, worst.rank, comm->group);
  if (comm->rank != worst.rank) {
    return ESP_FAIL((esp_status)worst.status, "rank %d: %s", worst.rank,
                    message);
  }
  return (esp_status)worst.status;
}

void esp_comm_broadcast(const esp_comm *comm, int root, void *data,
                        size_t bytes) {
  char *next = data;
  while (bytes > 0) {
    int part = bytes > INT_MAX ? INT_MAX : (int)bytes;
    MPI_Bcast(next, part, MPI_BYTE, root, comm->group);
    next += part;
    bytes -= (size_t)part;
  }
}

void esp_comm_sum(const esp_comm *comm, double *numbers, int count) {
  MPI_Allreduce(MPI_IN_PLACE, numbers, count, MPI_DOUBLE, MPI_SUM, comm->group);
}

void esp_comm_node_gather(const esp_comm *comm, const void *mine, size_t bytes,
                          void *all) {
  MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE,
                comm->node);
}

esp_status esp_comm_gather_numbers(const esp_comm *comm, const double *mine,
                                   int count, double **all, int *total) {
  const bool root = comm->rank == 0;
  int *counts = calloc((size_t)comm->size + 1, sizeof *counts);
  int *offsets = calloc((size_t)comm->size + 1, sizeof *offsets);
  double *made = NULL;
  esp_status status = ESP_OK;
  if (counts == NULL || offsets == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot gather numbers");
  }
  status = esp_comm_agree(comm, status);
  if (status != ESP_OK) goto done;

  MPI_Gather(&count, 1, MPI_INT, counts, 1, MPI_INT, 0, comm->group);
  for (int r = 0; r < comm->size; r++) offsets[r + 1] = offsets[r] + counts[r];
  const int sum = offsets[comm->size];
  if (root) {
    made = malloc(((size_t)sum + 1) * sizeof *made);
    if (made == NULL) {
      status = ESP_FAIL(ESP_NO_MEMORY, "cannot gather %d numbers", sum);
    }
  }
  status = esp_comm_agree(comm, status);
  if (status != ESP_OK) goto done;
  MPI_Gatherv(mine, count, MPI_DOUBLE, made, counts, offsets, MPI_DOUBLE, 0,
              comm->group);
  *all = made;
  *total = root ? sum : 0;
  made = NULL;

done:
  free(made);
  free(offsets);
  free(counts);
  return status;
}

void esp_comm_gather_texts(const esp_comm *comm, const char *mine, size_t room,
                           char *all) {
  char text[256];
  (void)snprintf(text, room < sizeof text ? room : sizeof text, "%s", mine);
  MPI_Gather(text, (int)room, MPI_CHAR, all, (int)room, MPI_CHAR, 0,
             comm->group);
}

void esp_comm_barrier(const esp_comm *comm) { MPI_Barrier(comm->group); }

const char *esp_comm_library(char *text, size_t room) {
  char said[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length, version, subversion;
  MPI_Get_library_version(said, &length);
  said[strcspn(said, ",\n")] = '\0'; // the rest tells who built it
  MPI_Get_version(&version, &subversion);
  (void)snprintf(text, room, "%.64s, MPI %d.%d", said, version, subversion);
  return text;
}

void esp_comm_abort(const esp_comm *comm, int exit_status,
                    const char *message) {
  esp_log(ESP_LOG_ERROR, "%s", message);
  MPI_Abort(comm->group, exit_status);
  abort(); // MPI_Abort does not come back
}
