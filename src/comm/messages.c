#include <limits.h>
#include <mpi.h>
#include <stdlib.h>

#include "comm/comm.h"
#include "comm/private.h"

struct esp_messages {
  MPI_Comm group;
  int places, pending;
  MPI_Request *request;
};

esp_status esp_messages_create(const esp_comm *comm, int places,
                               esp_messages **messages) {
  esp_messages *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot list messages");
  self->request = malloc(((size_t)places + 1) * sizeof *self->request);
  if (self->request == NULL) {
    free(self);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot list %d messages", places);
  }
  for (int i = 0; i < places; i++) self->request[i] = MPI_REQUEST_NULL;
  self->group = comm->group;
  self->places = places;
  *messages = self;
  return ESP_OK;
}

void esp_messages_free(esp_messages *messages) {
  if (messages == NULL) return;
  free(messages->request);
  free(messages);
}

// MPI counts in int: beyond that a message is MiB blocks and a rest, described
// as one datatype.
esp_extent esp_extent_of(size_t bytes) {
  if (bytes <= INT_MAX) return (esp_extent){(int)bytes, MPI_BYTE};
  enum { BLOCK = 1 << 20 };
  const int blocks = (int)(bytes / BLOCK);
  int lengths[2] = {blocks, (int)(bytes % BLOCK)};
  MPI_Aint places[2] = {0, (MPI_Aint)blocks * BLOCK};
  MPI_Datatype types[2] = {MPI_DATATYPE_NULL, MPI_BYTE};
  esp_extent made = {.count = 1};
  MPI_Type_contiguous(BLOCK, MPI_BYTE, &types[0]);
  MPI_Type_create_struct(2, lengths, places, types, &made.type);
  MPI_Type_commit(&made.type);
  MPI_Type_free(&types[0]);
  return made;
}

void esp_extent_end(esp_extent *e) { // MPI keeps it until the message has ended
  if (e->type != MPI_BYTE) MPI_Type_free(&e->type);
}

void esp_messages_send(esp_messages *messages, int place, int peer, int tag,
                       const void *data, size_t bytes) {
  esp_extent e = esp_extent_of(bytes);
  MPI_Isend(data, e.count, e.type, peer, tag, messages->group,
            &messages->request[place]);
  esp_extent_end(&e);
  messages->pending++;
}

void esp_messages_receive(esp_messages *messages, int place, int peer, int tag,
                          void *data, size_t bytes) {
  esp_extent e = esp_extent_of(bytes);
  MPI_Irecv(data, e.count, e.type, peer, tag, messages->group,
            &messages->request[place]);
  esp_extent_end(&e);
  messages->pending++;
}

int esp_messages_test(esp_messages *messages, int *ended) {
  int count = 0;
  if (messages->pending == 0) return 0;
  MPI_Testsome(messages->places, messages->request, &count, ended,
               MPI_STATUSES_IGNORE);
  if (count == MPI_UNDEFINED) return 0;
  messages->pending -= count;
  return count;
}

void esp_messages_finish(esp_messages *messages, int *ended) {
  while (messages->pending > 0) (void)esp_messages_test(messages, ended);
}

int esp_messages_pending(const esp_messages *messages) {
  return messages->pending;
}

void esp_messages_cancel(esp_messages *messages, int place) {
  if (messages->request[place] == MPI_REQUEST_NULL) return;
  MPI_Cancel(&messages->request[place]);
  MPI_Wait(&messages->request[place], MPI_STATUS_IGNORE);
  messages->pending--;
}
