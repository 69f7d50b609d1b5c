// Two-sided, because one-sided windows do not work between hosts over TCP with
// Debian's Open MPI.
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "comm/comm.h"
#include "comm/private.h"

// What a rank tells: this, and after it `count` numbers that are safe.
typedef struct letter {
  int64_t finished, count;
  int32_t stop;
  bool asks, checks, failed, leaves;
} letter;

// A letter under way.
typedef struct sending {
  struct sending *next;
  MPI_Request request;
  letter head;
  int64_t safe[];
} sending;

struct esp_dealer {
  MPI_Comm group;
  int rank, size;
  long numbers;        // there are
  long next;           // rank 0: the next number to hand out
  bool closed;         // rank 0: no more are handed out
  long finished;       // rank 0: what all have told
  int stop;            // rank 0: the most that one has told
  bool failed;         // rank 0: one has
  int left;            // rank 0: how many have said that they leave
  long answer;         // where the answer to our question arrives
  MPI_Request request; // for that answer; on rank 0 unused
  bool asked;
  sending *sending;
  int64_t *safe; // rank 0: told, and not taken yet
  size_t nsafe, safe_room;
};

esp_status esp_dealer_create(const esp_comm *comm, long numbers,
                             esp_dealer **dealer) {
  esp_dealer *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot make a dealer");
  self->group = comm->group;
  self->rank = comm->rank;
  self->size = comm->size;
  self->numbers = numbers;
  self->request = MPI_REQUEST_NULL;
  *dealer = self;
  return ESP_OK;
}

void esp_dealer_free(esp_dealer *dealer) {
  if (dealer == NULL) return;
  free(dealer->safe);
  free(dealer);
}

static long answer(esp_dealer *self, const letter *question) {
  if (self->closed) return ESP_DEALER_CLOSED;
  const bool more = question->asks && self->next < self->numbers;
  return more ? self->next++ : ESP_DEALER_NONE;
}

// Rank 0: what a letter says.
static esp_status note(esp_dealer *self, const letter *l, const int64_t *safe) {
  self->finished += l->finished;
  if (l->stop > self->stop) self->stop = l->stop;
  self->failed = self->failed || l->failed;
  self->left += l->leaves;
  if (l->count == 0) return ESP_OK;
  const size_t count = (size_t)l->count;
  ESP_TRY(esp_grow(&self->safe, &self->safe_room, self->nsafe + count,
                   sizeof *self->safe));
  memcpy(self->safe + self->nsafe, safe, count * sizeof *safe);
  self->nsafe += count;
  return ESP_OK;
}

// Frees the letters that have left.
static void clear_sent(esp_dealer *self) {
  for (sending **at = &self->sending; *at != NULL;) {
    sending *s = *at;
    int gone = 0;
    MPI_Test(&s->request, &gone, MPI_STATUS_IGNORE);
    if (!gone) {
      at = &s->next;
      continue;
    }
    *at = s->next;
    free(s);
  }
}

static esp_status send_letter(esp_dealer *self, const letter *l,
                              const int64_t *safe) {
  const size_t numbers = (size_t)l->count * sizeof *safe;
  sending *s = malloc(sizeof *s + numbers);
  if (s == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot tell rank 0");
  s->head = *l;
  if (numbers > 0) memcpy(s->safe, safe, numbers);
  s->next = self->sending;
  self->sending = s;
  MPI_Isend(&s->head, (int)(sizeof s->head + numbers), MPI_BYTE, 0,
            TAG_QUESTION, self->group, &s->request);
  return ESP_OK;
}

esp_status esp_dealer_tell(esp_dealer *dealer, const esp_tidings *tidings) {
  // One letter stays far below the 2^31 - 1 bytes that one message may have.
  enum { MOST = 1 << 20 };
  size_t told = 0;
  letter l = {.finished = tidings->finished,
              .stop = tidings->stop,
              .failed = tidings->failed};
  do {
    const size_t rest = tidings->nsafe - told;
    l.count = (int64_t)(rest < MOST ? rest : MOST);
    if (rest <= MOST) { // the last
      l.asks = tidings->asks;
      l.checks = tidings->checks;
      l.leaves = tidings->leaves;
    }
    const int64_t *safe = l.count > 0 ? tidings->safe + told : NULL;
    if (dealer->rank == 0) {
      ESP_TRY(note(dealer, &l, safe));
    } else {
      clear_sent(dealer);
      ESP_TRY(send_letter(dealer, &l, safe));
    }
    told += (size_t)l.count;
    l.finished = 0;
  } while (told < tidings->nsafe);
  if (!tidings->asks && !tidings->checks) return ESP_OK;
  dealer->asked = true;
  if (dealer->rank == 0) {
    dealer->answer = answer(dealer, &l);
  } else {
    MPI_Irecv(&dealer->answer, 1, MPI_LONG, 0, TAG_ANSWER, dealer->group,
              &dealer->request);
  }
  return ESP_OK;
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

bool esp_dealer_all_sent(esp_dealer *dealer) {
  clear_sent(dealer);
  return dealer->sending == NULL;
}

static esp_status receive(esp_dealer *self, int from, int bytes) {
  void *block = NULL;
  ESP_TRY(esp_allocate((size_t)bytes, &block));
  MPI_Recv(block, bytes, MPI_BYTE, from, TAG_QUESTION, self->group,
           MPI_STATUS_IGNORE);
  const letter *l = block;
  const esp_status status = note(self, l, (const int64_t *)(l + 1));
  if (l->asks || l->checks) {
    const long number = answer(self, l);
    MPI_Send(&number, 1, MPI_LONG, from, TAG_ANSWER,
             self->group); // eight bytes, and the receive is posted
  }
  esp_free(block);
  return status;
}

esp_status esp_dealer_serve(esp_dealer *dealer) {
  while (dealer->rank == 0) {
    int here = 0, bytes;
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, TAG_QUESTION, dealer->group, &here, &status);
    if (!here) break;
    MPI_Get_count(&status, MPI_BYTE, &bytes);
    ESP_TRY(receive(dealer, status.MPI_SOURCE, bytes));
  }
  return ESP_OK;
}

void esp_dealer_close(esp_dealer *dealer) { dealer->closed = true; }
int esp_dealer_stop(const esp_dealer *dealer) { return dealer->stop; }
bool esp_dealer_failed(const esp_dealer *dealer) { return dealer->failed; }
bool esp_dealer_all_left(const esp_dealer *dealer) {
  return dealer->left == dealer->size;
}
long esp_dealer_finished(const esp_dealer *dealer) { return dealer->finished; }

const int64_t *esp_dealer_safe(esp_dealer *dealer, size_t *count) {
  *count = dealer->nsafe;
  dealer->nsafe = 0;
  return dealer->safe;
}
