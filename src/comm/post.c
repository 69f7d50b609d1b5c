// Letters on a communicator of their own: the size first, then the bytes.
#include <mpi.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "comm/comm.h"
#include "comm/private.h"

enum { TAG_SIZE = 1, TAG_BYTES };

typedef struct letter {
  uint64_t count;
  void *bytes;
  MPI_Request request[2];
} letter;

struct esp_post {
  MPI_Comm group;
  letter **sent; // under way
  size_t letters, room;
  MPI_Request finish;
  bool finishing;
};

esp_status esp_post_open(const esp_comm *comm, esp_post **post) {
  esp_post *self = calloc(1, sizeof *self);
  ESP_TRY(esp_comm_agree(
      comm,
      self != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot open a post")));
  MPI_Comm_dup(comm->group, &self->group);
  self->finish = MPI_REQUEST_NULL;
  *post = self;
  return ESP_OK;
}

void esp_post_close(esp_post *post) {
  if (post == NULL) return;
  MPI_Comm_free(&post->group);
  free(post->sent);
  free(post);
}

esp_status esp_post_send(esp_post *post, int to, void *bytes, size_t count) {
  letter *l = calloc(1, sizeof *l);
  esp_status status = l != NULL ? esp_grow(&post->sent, &post->room,
                                           post->letters + 1, sizeof(letter *))
                                : ESP_FAIL(ESP_NO_MEMORY, "cannot send");
  if (status != ESP_OK) {
    free(l);
    free(bytes);
    return status;
  }
  *l = (letter){.count = count, .bytes = bytes};
  esp_extent e = esp_extent_of(count);
  MPI_Isend(&l->count, 1, MPI_UINT64_T, to, TAG_SIZE, post->group,
            &l->request[0]);
  MPI_Isend(bytes, e.count, e.type, to, TAG_BYTES, post->group, &l->request[1]);
  esp_extent_end(&e);
  post->sent[post->letters++] = l;
  return ESP_OK;
}

int esp_post_move(esp_post *post) {
  for (size_t i = 0; i < post->letters;) {
    letter *l = post->sent[i];
    int gone = 0;
    MPI_Testall(2, l->request, &gone, MPI_STATUSES_IGNORE);
    if (!gone) {
      i++;
      continue;
    }
    free(l->bytes);
    free(l);
    post->sent[i] = post->sent[--post->letters];
  }
  return (int)post->letters;
}

// Between two ranks letters keep their order, so the bytes that come next from
// there belong to this size.
esp_status esp_post_receive(esp_post *post, bool *come, int *from, void **bytes,
                            size_t *count) {
  int here = 0;
  MPI_Status status;
  *come = false;
  MPI_Iprobe(MPI_ANY_SOURCE, TAG_SIZE, post->group, &here, &status);
  if (!here) return ESP_OK;
  uint64_t size;
  MPI_Recv(&size, 1, MPI_UINT64_T, status.MPI_SOURCE, TAG_SIZE, post->group,
           MPI_STATUS_IGNORE);
  void *block = malloc(size + 1);
  if (block == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot receive %llu bytes from rank %d",
                    (unsigned long long)size, status.MPI_SOURCE);
  }
  esp_extent e = esp_extent_of(size);
  MPI_Recv(block, e.count, e.type, status.MPI_SOURCE, TAG_BYTES, post->group,
           MPI_STATUS_IGNORE);
  esp_extent_end(&e);
  *come = true;
  *from = status.MPI_SOURCE;
  *bytes = block;
  *count = size;
  return ESP_OK;
}

bool esp_post_finish(esp_post *post) {
  if (!post->finishing) {
    MPI_Ibarrier(post->group, &post->finish);
    post->finishing = true;
  }
  int all = 0;
  MPI_Test(&post->finish, &all, MPI_STATUS_IGNORE);
  return all != 0;
}
