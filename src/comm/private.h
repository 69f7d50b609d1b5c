// What the files of comm/ share.  Private to comm/.
#ifndef ESP_COMM_PRIVATE_H
#define ESP_COMM_PRIVATE_H

#include <mpi.h>

struct esp_comm {
  MPI_Comm group, node;
  int rank, size, node_rank, node_size;
};

// Below the tags of messages (0 .. 2^24), which are the caller's.
enum { TAG_QUESTION = (1 << 24) + 1, TAG_ANSWER };

#endif
