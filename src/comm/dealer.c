// Two-sided, because one-sided windows do not work between hosts over TCP with
// Debian's Open MPI.
#include <mpi.h>
#include <stdlib.h>

#include "comm/comm.h"
#include "comm/private.h"

struct esp_dealer {
  MPI_Comm group;
  int rank;
  long next;           // rank 0: the next number to hand out
  long finished;       // rank 0: what the questions added up to
  long told;           // what our question says, until it has left
  long answer;         // where the answer to our question arrives
  MPI_Request request; // for that answer; on rank 0 unused
  bool asked;
};

esp_status esp_dealer_create(const esp_comm *comm, esp_dealer **dealer) {
  esp_dealer *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot make a dealer");
  self->group = comm->group;
  self->rank = comm->rank;
  self->request = MPI_REQUEST_NULL;
  *dealer = self;
  return ESP_OK;
}

void esp_dealer_free(esp_dealer *dealer) { free(dealer); }

void esp_dealer_ask(esp_dealer *dealer, long finished) {
  dealer->asked = true;
  if (dealer->rank == 0) {
    dealer->finished += finished;
    dealer->answer = dealer->next++;
    return;
  }
  MPI_Irecv(&dealer->answer, 1, MPI_LONG, 0, TAG_ANSWER, dealer->group,
            &dealer->request);
  dealer->told = finished; // untouched until the answer is here
  MPI_Request sent;
  MPI_Isend(&dealer->told, 1, MPI_LONG, 0, TAG_QUESTION, dealer->group, &sent);
  MPI_Request_free(&sent);
}

bool esp_dealer_answered(esp_dealer *dealer, long *number) {
  if (!dealer->asked) return false;
  if (dealer->rank != 0) {
    int here = 0;
    MPI_Test(&dealer->request, &here, MPI_STATUS_IGNORE);
    if (!here) return false;
  }
  dealer->asked = false;
  *number = dealer->answer;
  return true;
}

void esp_dealer_serve(esp_dealer *dealer) {
  if (dealer->rank != 0) return;
  for (;;) {
    int here = 0;
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, TAG_QUESTION, dealer->group, &here, &status);
    if (!here) return;
    long finished;
    MPI_Recv(&finished, 1, MPI_LONG, status.MPI_SOURCE, TAG_QUESTION,
             dealer->group, MPI_STATUS_IGNORE);
    dealer->finished += finished;
    const long number = dealer->next++;
    MPI_Send(&number, 1, MPI_LONG, status.MPI_SOURCE, TAG_ANSWER,
             dealer->group); // eight bytes, and the receive is posted
  }
}

long esp_dealer_dealt(const esp_dealer *dealer) { return dealer->next; }
long esp_dealer_finished(const esp_dealer *dealer) { return dealer->finished; }
