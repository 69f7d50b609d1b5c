// What the files of comm/ share.  Private to comm/.
#ifndef ESP_COMM_PRIVATE_H
#define ESP_COMM_PRIVATE_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

struct esp_comm {
  MPI_Comm group, node;
  int rank, size, node_rank, node_size;
  struct esp_watch *watch;   // NULL: a part of others, or alone
  struct esp_parent *parent; // NULL: a part of others, or without a launcher
};

// Have all ranks of the node done well?  Collective over it (memory_file.c).
bool esp_comm_all_well(const esp_comm *comm, bool mine);
// A file in memory of so many bytes that are really there, and one that another
// process has; -1: none.  Maps it to be read and written; NULL: it cannot be.
int esp_memory_file_make(const char *name, size_t bytes);
int esp_memory_file_open(long process, long file);
void *esp_memory_file_map(int file, size_t bytes);

// A number of bytes as MPI counts them (messages.c).
typedef struct esp_extent {
  int count;
  MPI_Datatype type;
} esp_extent;
esp_extent esp_extent_of(size_t bytes);
void esp_extent_end(esp_extent *extent); // after the call that uses it

// Below the tags of messages (0 .. 2^24), which are the caller's.
enum { TAG_QUESTION = (1 << 24) + 1, TAG_ANSWER, TAG_TIMING };

#endif
