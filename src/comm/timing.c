// How long messages take between the ranks at hand.
#include <mpi.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantile.h"
#include "comm/comm.h"
#include "comm/private.h"

enum { FIRST = 3, TRIPS = 15 }; // the first ones open connections

// There and back, from rank 0.
static double half_round_trips(const esp_comm *comm, int peer, char *block,
                               int bytes) {
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
  return esp_quantile(took, TRIPS, 0.5);
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

// Through memory -------------------------------------------------------------

// A part of it: how often its rank has told the other, and what it has written.
typedef struct side {
  _Alignas(64) atomic_int told;
  _Alignas(64) uint64_t written[];
} side;

static void tell(side *mine) { atomic_fetch_add(&mine->told, 1); }

// Ranks may be more than cores.
static void hear(side *other, int times) {
  while (atomic_load(&other->told) < times) (void)sched_yield();
}

static void write_all(side *mine, size_t words, int number) {
  memset(mine->written, number, words * sizeof *mine->written);
}

static void read_all(const side *other, size_t words) {
  uint64_t sum = 0;
  for (size_t i = 0; i < words; i++) sum += other->written[i];
  const volatile uint64_t kept = sum;
  (void)kept;
}

// There and back; each writes and the other reads.
static double ask(side *mine, side *other, size_t words) {
  double took[TRIPS];
  for (int i = 0; i < FIRST + TRIPS; i++) {
    const double began = MPI_Wtime();
    write_all(mine, words, i);
    tell(mine);
    hear(other, i + 1);
    read_all(other, words);
    if (i >= FIRST) took[i - FIRST] = (MPI_Wtime() - began) / 2;
  }
  return esp_quantile(took, TRIPS, 0.5);
}

static void answer(side *mine, side *other, size_t words) {
  for (int i = 0; i < FIRST + TRIPS; i++) {
    hear(other, i + 1);
    read_all(other, words);
    write_all(mine, words, i);
    tell(mine);
  }
}

esp_status esp_comm_time_shared(const esp_comm *comm, int peer, int bytes,
                                double *seconds) {
  const size_t words = (size_t)bytes / sizeof(uint64_t) + 1;
  esp_shared *shared;
  const esp_status status =
      esp_shared_create(comm, sizeof(side) + words * sizeof(uint64_t), &shared);
  ESP_TRY(esp_comm_agree(comm, status));
  *seconds = -1;
  side *first = esp_shared_of(shared, 0), *second = esp_shared_of(shared, peer);
  if (first != NULL && second != NULL) {
    if (comm->rank == 0) *seconds = ask(first, second, words);
    if (comm->rank == peer) answer(second, first, words);
  }
  esp_comm_broadcast(comm, 0, seconds, sizeof *seconds);
  esp_shared_free(shared);
  return ESP_OK;
}
