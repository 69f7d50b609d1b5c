// How long messages take between the ranks at hand.
#include <mpi.h>
#include <stdlib.h>

#include "comm/comm.h"
#include "comm/private.h"

static int rising(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// There and back, from rank 0; the first ones open connections.
static double half_round_trips(const esp_comm *comm, int peer, char *block,
                               int bytes) {
  enum { FIRST = 3, TRIPS = 15 };
  double took[TRIPS];
  for (int i = 0; i < FIRST + TRIPS; i++) {
    const double began = MPI_Wtime();
    if (comm->rank == 0) {
      MPI_Send(block, bytes, MPI_BYTE, peer, TAG_TIMING, comm->group);
      MPI_Recv(block, bytes, MPI_BYTE, peer, TAG_TIMING, comm->group,
               MPI_STATUS_IGNORE);
    } else {
      MPI_Recv(block, bytes, MPI_BYTE, 0, TAG_TIMING, comm->group,
               MPI_STATUS_IGNORE);
      MPI_Send(block, bytes, MPI_BYTE, 0, TAG_TIMING, comm->group);
    }
    if (i >= FIRST) took[i - FIRST] = (MPI_Wtime() - began) / 2;
  }
  qsort(took, TRIPS, sizeof *took, rising);
  return took[TRIPS / 2];
}

esp_status esp_comm_time_messages(const esp_comm *comm, int peer, int bytes,
                                  double *seconds) {
  char *block = calloc((size_t)bytes + 1, 1);
  const esp_status status =
      block != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot time messages");
  ESP_TRY(esp_comm_agree(comm, status));
  *seconds = 0;
  if (comm->rank == 0 || comm->rank == peer) {
    *seconds = half_round_trips(comm, peer, block, bytes);
  }
  free(block);
  esp_comm_broadcast(comm, 0, seconds, sizeof *seconds);
  return ESP_OK;
}
