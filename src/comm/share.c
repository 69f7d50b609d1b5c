// Ranks of one node keep the same weights once.  Each tells what blocks it has;
// of those that are alike the first owner's goes to a file in memory, and all
// take its pages.  The file has no name: it dies with the last rank.
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/constant.h"
#include "base/hash.h"
#include "base/log.h"
#include "comm/comm.h"
#include "comm/private.h"

typedef struct print { // what is alike by it is compared in full later
  uint64_t bytes, hash;
} print;

typedef struct sharing {
  const esp_comm *comm;
  esp_constant *block; // this rank's
  size_t count;
  print *print;         // of all ranks of the node, in rank order
  int *counts;          // of each rank
  size_t all;           // prints
  size_t first;         // of this rank's
  size_t *place;        // [all] offset in the file
  size_t *owner;        // [all] the first print that is alike
  size_t bytes;         // of the file
  int file;             // -1: none
  unsigned char *whole; // the file as this rank sees it
} sharing;

static bool gather_counts(sharing *s) {
  const int size = s->comm->node_size;
  s->counts = calloc((size_t)size + 1, sizeof *s->counts);
  const bool listed =
      esp_constants_mine(&s->block, &s->count) == ESP_OK && s->counts != NULL;
  if (!esp_comm_all_well(s->comm, listed)) return false;
  const int mine = (int)s->count;
  MPI_Allgather(&mine, 1, MPI_INT, s->counts, 1, MPI_INT, s->comm->node);
  for (int r = 0; r < size; r++) {
    if (r < s->comm->node_rank) s->first += (size_t)s->counts[r];
    s->all += (size_t)s->counts[r];
  }
  return true;
}

static bool gather_prints(sharing *s) {
  const int size = s->comm->node_size;
  const int each = (int)sizeof(print);
  s->print = calloc(s->all + 1, sizeof *s->print);
  s->place = calloc(s->all + 1, sizeof *s->place);
  s->owner = calloc(s->all + 1, sizeof *s->owner);
  int *bytes = calloc((size_t)size + 1, sizeof *bytes);
  int *offset = calloc((size_t)size + 1, sizeof *offset);
  bool well = s->print != NULL && s->place != NULL && s->owner != NULL &&
              bytes != NULL && offset != NULL;
  if (esp_comm_all_well(s->comm, well)) {
    print *mine = s->print + s->first;
    for (size_t i = 0; i < s->count; i++) {
      mine[i] = (print){.bytes = s->block[i].bytes,
                        .hash = esp_hash(ESP_HASH_BEGIN, s->block[i].address,
                                         s->block[i].bytes)};
    }
    for (int r = 0; r < size; r++) {
      bytes[r] = s->counts[r] * each;
      offset[r + 1] = offset[r] + bytes[r];
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, s->print, bytes, offset,
                   MPI_BYTE, s->comm->node);
  } else {
    well = false;
  }
  free(bytes);
  free(offset);
  return well;
}

// Gives each block that two ranks have a place in the file.  Some hundreds of
// blocks a rank: all are compared with all before them.
static void find_places(sharing *s) {
  size_t *times = s->place; // first how often, then where
  for (size_t i = 0; i < s->all; i++) {
    size_t j = 0;
    while (s->print[j].bytes != s->print[i].bytes ||
           s->print[j].hash != s->print[i].hash) {
      j++;
    }
    s->owner[i] = j;
    times[j]++;
  }
  for (size_t i = 0; i < s->all; i++) {
    if (s->owner[i] != i || times[i] < 2) {
      s->place[i] = SIZE_MAX;
    } else {
      s->place[i] = s->bytes;
      s->bytes += s->print[i].bytes;
    }
  }
}

// The first rank of the node makes the file, the others find it through the
// process that has it.
static bool open_file(sharing *s) {
  const bool leads = s->comm->node_rank == 0;
  long door[2] = {(long)getpid(), -1};
  if (leads) {
    s->file = esp_memory_file_make("espalier weights", s->bytes);
    door[1] = s->file;
  }
  MPI_Bcast(door, 2, MPI_LONG, 0, s->comm->node);
  if (!leads && door[1] >= 0) {
    s->file = esp_memory_file_open(door[0], door[1]);
  }
  s->whole = s->file >= 0 ? esp_memory_file_map(s->file, s->bytes) : NULL;
  return esp_comm_all_well(s->comm, s->whole != NULL);
}

static size_t exchange(sharing *s) {
  size_t shared = 0;
  for (size_t i = 0; i < s->count; i++) {
    const size_t at = s->first + i;
    if (s->owner[at] == at && s->place[at] != SIZE_MAX) {
      memcpy(s->whole + s->place[at], s->block[i].address, s->block[i].bytes);
    }
  }
  MPI_Barrier(s->comm->node);
  for (size_t i = 0; i < s->count; i++) {
    const size_t place = s->place[s->owner[s->first + i]];
    const esp_constant *block = &s->block[i];
    if (place == SIZE_MAX ||
        memcmp(s->whole + place, block->address, block->bytes) != 0 ||
        esp_constant_replace(block, s->file, place) != ESP_OK) {
      continue;
    }
    shared += block->bytes;
  }
  return shared;
}

static void end(sharing *s) {
  MPI_Barrier(s->comm->node); // nobody finds the file after that
  if (s->whole != NULL) (void)munmap(s->whole, s->bytes);
  if (s->file >= 0) (void)close(s->file);
  free(s->block);
  free(s->print);
  free(s->counts);
  free(s->place);
  free(s->owner);
}

size_t esp_comm_share_constants(const esp_comm *comm) {
  if (comm->node_size == 1) return 0;
  sharing s = {.comm = comm, .file = -1};
  size_t shared = 0;
  if (gather_counts(&s) && gather_prints(&s)) {
    find_places(&s);
    if (s.bytes > 0) {
      if (open_file(&s)) {
        shared = exchange(&s);
      } else {
        esp_log(ESP_LOG_INFO,
                "no memory that ranks can share: each keeps its own weights");
      }
    }
  }
  end(&s);
  return shared;
}
