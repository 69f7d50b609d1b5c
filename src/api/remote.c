// Tasks on other ranks: a thread of its own carries letters between the ranks;
// the tasks run on the pools (docs/adr/0007).
#include "api/remote.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "api/letter.h"
#include "base/log.h"
#include "base/memory.h"

enum { NAME_BYTES = 256 };

typedef struct known {
  char name[NAME_BYTES];
  esp_remote_task task;
} known;

// A letter that waits for the service's thread.
typedef struct outgoing {
  int to;
  void *bytes;
  size_t count;
} outgoing;

struct esp_service {
  esp_context *context;
  int rank, size;
  esp_post *post; // NULL: one rank, all letters are to ourselves
  esp_thread thread;
  esp_bell *bell;
  esp_lock lock; // of all below; changed: an answer has come
  known *known;
  size_t nknown, known_room;
  outgoing *outgoing;
  size_t noutgoing, outgoing_room;
  esp_future **asked;              // by the number of the request; NULL: free
  size_t nasked, asked_room, open; // `open` wait for their answers
  bool closing;
};

struct esp_reply {
  esp_tensor **tensor;
  size_t count, room;
};

static void end_reply(esp_reply *r) {
  for (size_t i = 0; i < r->count; i++) esp_tensor_free(r->tensor[i]);
  free(r->tensor);
  *r = (esp_reply){0};
}

static void free_reply(void *thing) {
  end_reply(thing);
  free(thing);
}

esp_status esp_reply_add(esp_reply *result, esp_tensor *tensor) {
  const esp_status status = esp_grow(&result->tensor, &result->room,
                                     result->count + 1, sizeof(esp_tensor *));
  if (status != ESP_OK) {
    esp_tensor_free(tensor);
    return status;
  }
  result->tensor[result->count++] = tensor;
  return ESP_OK;
}

size_t esp_future_results(const esp_future *future) {
  const esp_reply *r = esp_future_kept(future);
  return r != NULL && esp_future_ready(future) ? r->count : 0;
}

esp_tensor *esp_future_take(esp_future *future, size_t index) {
  esp_reply *r = esp_future_kept(future);
  if (index >= esp_future_results(future)) return NULL;
  esp_tensor *taken = r->tensor[index];
  r->tensor[index] = NULL;
  return taken;
}

// Answers, where they were asked for -----------------------------------------

static esp_status copy_reply(const esp_letter *letter, const esp_tensor *list,
                             esp_reply *result) {
  for (size_t i = 0; i < letter->count; i++) {
    esp_tensor *copy;
    ESP_TRY(esp_tensor_copy(&list[i], &copy));
    ESP_TRY(esp_reply_add(result, copy));
  }
  return ESP_OK;
}

static void take_answer(esp_service *s, const esp_letter *letter,
                        const esp_tensor *list) {
  esp_lock_take(&s->lock);
  esp_future *future =
      letter->number < s->nasked ? s->asked[letter->number] : NULL;
  if (future != NULL) {
    s->asked[letter->number] = NULL;
    if (--s->open == 0) esp_lock_changed(&s->lock);
  }
  esp_lock_give(&s->lock);
  if (future == NULL) return;
  esp_status status = letter->status;
  const char *message = letter->text;
  const esp_status copied = copy_reply(letter, list, esp_future_kept(future));
  if (status == ESP_OK && copied != ESP_OK) {
    status = copied;
    message = esp_last_error();
  }
  esp_future_complete(future, status, message);
}

// Requests, where they are served --------------------------------------------

static void deliver(esp_service *s, int from, void *bytes, size_t count);

// Sends a letter, or hands it to ourselves; from any thread.
static void post(esp_service *s, int to, void *bytes, size_t count) {
  if (to == s->rank) {
    deliver(s, to, bytes, count);
    return;
  }
  esp_lock_take(&s->lock);
  const esp_status status = esp_grow(&s->outgoing, &s->outgoing_room,
                                     s->noutgoing + 1, sizeof(outgoing));
  if (status == ESP_OK) {
    s->outgoing[s->noutgoing++] =
        (outgoing){.to = to, .bytes = bytes, .count = count};
  }
  esp_lock_give(&s->lock);
  // Without the letter another rank would wait for ever.
  if (status != ESP_OK) esp_comm_abort(s->context->comm, 1, esp_last_error());
  esp_bell_ring(s->bell);
}

typedef struct call {
  esp_service *service;
  int from;
  void *bytes; // of the letter
  esp_letter letter;
  esp_tensor *list;
} call;

static esp_remote_task find_task(esp_service *s, const char *name) {
  esp_remote_task found = NULL;
  esp_lock_take(&s->lock);
  for (size_t i = 0; i < s->nknown && found == NULL; i++) {
    if (strcmp(s->known[i].name, name) == 0) found = s->known[i].task;
  }
  esp_lock_give(&s->lock);
  return found;
}

static esp_status run_named(const call *c, esp_reply *result) {
  const esp_remote_task task = find_task(c->service, c->letter.text);
  if (task == NULL) {
    return ESP_FAIL(ESP_USAGE, "rank %d has registered no task \"%s\"",
                    c->service->rank, c->letter.text);
  }
  const esp_tensor **in = calloc(c->letter.count + 1, sizeof *in);
  if (in == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot run a remote task");
  for (size_t i = 0; i < c->letter.count; i++) in[i] = &c->list[i];
  const esp_status status =
      task(c->service->context, in, c->letter.count, result);
  free(in);
  return status;
}

static esp_status run_call(esp_context *context, void *argument) {
  call *c = argument;
  esp_reply result = {0};
  esp_fail_clear();
  esp_letter answer = {.kind = ESP_LETTER_ANSWER, .number = c->letter.number};
  answer.status = run_named(c, &result);
  answer.text = answer.status != ESP_OK ? esp_last_error() : "";
  answer.count = answer.status == ESP_OK ? result.count : 0;
  answer.tensor = (const esp_tensor *const *)result.tensor;
  void *bytes;
  size_t count;
  if (esp_letter_write(&answer, &bytes, &count) != ESP_OK) {
    esp_comm_abort(context->comm, 1, esp_last_error());
  }
  end_reply(&result);
  free(c->list);
  free(c->bytes);
  post(c->service, c->from, bytes, count);
  free(c);
  return ESP_OK;
}

static esp_status begin_call(esp_service *s, int from, void *bytes,
                             const esp_letter *letter, esp_tensor *list) {
  call *c = malloc(sizeof *c);
  if (c == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot run a remote task");
  *c = (call){.service = s,
              .from = from,
              .bytes = bytes,
              .letter = *letter,
              .list = list};
  return esp_fork(s->context, run_call, c, NULL);
}

static void deliver(esp_service *s, int from, void *bytes, size_t count) {
  esp_letter letter;
  esp_tensor *list = NULL;
  esp_status status = esp_letter_read(bytes, count, &letter, &list);
  if (status == ESP_OK && letter.kind == ESP_LETTER_REQUEST) {
    status = begin_call(s, from, bytes, &letter, list);
  } else if (status == ESP_OK) {
    take_answer(s, &letter, list);
    free(list);
    free(bytes);
  }
  if (status != ESP_OK) esp_comm_abort(s->context->comm, 1, esp_last_error());
}

// The thread -----------------------------------------------------------------

// Hands what is waiting to MPI; true when there was something.
static bool send_waiting(esp_service *s) {
  bool any = false;
  for (;;) {
    esp_lock_take(&s->lock);
    const bool some = s->noutgoing > 0;
    outgoing first = {0};
    if (some) { // in the order in which they came
      first = s->outgoing[0];
      memmove(s->outgoing, s->outgoing + 1,
              --s->noutgoing * sizeof *s->outgoing);
    }
    esp_lock_give(&s->lock);
    if (!some) return any;
    if (esp_post_send(s->post, first.to, first.bytes, first.count) != ESP_OK) {
      esp_comm_abort(s->context->comm, 1, esp_last_error());
    }
    any = true;
  }
}

static bool receive_waiting(esp_service *s) {
  bool any = false;
  for (;;) {
    bool come;
    int from;
    void *bytes;
    size_t count;
    if (esp_post_receive(s->post, &come, &from, &bytes, &count) != ESP_OK) {
      esp_comm_abort(s->context->comm, 1, esp_last_error());
    }
    if (!come) return any;
    deliver(s, from, bytes, count);
    any = true;
  }
}

static bool may_finish(esp_service *s) {
  esp_lock_take(&s->lock);
  const bool may = s->closing && s->open == 0 && s->noutgoing == 0;
  esp_lock_give(&s->lock);
  return may;
}

// MPI tells nobody that a message has come: somebody must look.  After traffic
// it looks without a break, later every millisecond, which costs next to
// nothing.
static void *serve(void *argument) {
  enum { LOOKS = 500 };
  static const double A_WHILE = 1e-3;
  esp_service *s = argument;
  int quiet = 0;
  for (;;) {
    const uint64_t seen = esp_bell_count(s->bell);
    const bool sent = send_waiting(s), received = receive_waiting(s);
    const int under_way = esp_post_move(s->post);
    if (under_way == 0 && may_finish(s) && esp_post_finish(s->post)) {
      return NULL;
    }
    quiet = sent || received ? 0 : quiet + 1;
    if (quiet < LOOKS) {
      (void)sched_yield();
    } else {
      esp_bell_wait(s->bell, seen, A_WHILE);
    }
  }
}

// Opening and closing --------------------------------------------------------

static void free_service(esp_service *s) {
  esp_post_close(s->post);
  esp_bell_free(s->bell);
  esp_lock_fini(&s->lock);
  free(s->known);
  free(s->outgoing);
  free(s->asked);
  free(s);
}

esp_status esp_service_open(esp_context *context, esp_service **service) {
  esp_service *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot serve remote tasks");
  self->context = context;
  self->rank = esp_rank(context);
  self->size = esp_size(context);
  esp_lock_init(&self->lock);
  esp_status status = esp_bell_create(&self->bell);
  if (status == ESP_OK && self->size > 1) {
    status = esp_post_open(context->comm, &self->post);
    if (status == ESP_OK) {
      status = esp_thread_start(&self->thread, "esp-service", serve, self);
    }
  }
  if (status != ESP_OK) {
    free_service(self);
    return status;
  }
  *service = self;
  return ESP_OK;
}

void esp_service_close(esp_service *service) {
  if (service == NULL) return;
  esp_lock_take(&service->lock);
  service->closing = true;
  while (service->open > 0) esp_lock_wait(&service->lock);
  esp_lock_give(&service->lock);
  if (service->post != NULL) {
    esp_bell_ring(service->bell);
    esp_thread_join(&service->thread);
  }
  free_service(service);
}

// The public calls -----------------------------------------------------------

static esp_status service_of(const esp_context *context, esp_service **s) {
  *s = context->service;
  if (*s != NULL) return ESP_OK;
  return ESP_FAIL(ESP_USAGE, "the context was opened without remote tasks");
}

esp_status esp_register(esp_context *context, const char *name,
                        esp_remote_task task) {
  esp_service *s;
  ESP_TRY(service_of(context, &s));
  if (name == NULL || name[0] == '\0' || strlen(name) >= NAME_BYTES) {
    return ESP_FAIL(ESP_USAGE, "the name of a task has 1 to %d bytes",
                    NAME_BYTES - 1);
  }
  if (find_task(s, name) != NULL) {
    return ESP_FAIL(ESP_USAGE, "there is a task \"%s\" already", name);
  }
  esp_lock_take(&s->lock);
  const esp_status status =
      esp_grow(&s->known, &s->known_room, s->nknown + 1, sizeof(known));
  if (status == ESP_OK) {
    known *k = &s->known[s->nknown++];
    *k = (known){.task = task};
    memcpy(k->name, name, strlen(name) + 1);
  }
  esp_lock_give(&s->lock);
  return status;
}

// A free number for a request whose answer completes the future.
static esp_status ask(esp_service *s, esp_future *future, uint64_t *number) {
  esp_lock_take(&s->lock);
  size_t at = 0;
  if (s->open < s->nasked) {
    while (s->asked[at] != NULL) at++;
  } else {
    at = s->nasked;
  }
  esp_status status =
      esp_grow(&s->asked, &s->asked_room, at + 1, sizeof(esp_future *));
  if (status == ESP_OK) {
    if (at == s->nasked) s->nasked++;
    s->asked[at] = future;
    s->open++;
    *number = at;
  }
  esp_lock_give(&s->lock);
  return status;
}

static void unask(esp_service *s, uint64_t number) {
  esp_lock_take(&s->lock);
  s->asked[number] = NULL;
  s->open--;
  esp_lock_give(&s->lock);
}

static esp_status make_future(esp_context *context, esp_future **future) {
  esp_reply *result = calloc(1, sizeof *result);
  if (result == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot ask a rank");
  const esp_status status = esp_future_promise(context->workers, future);
  if (status != ESP_OK) {
    free(result);
    return status;
  }
  esp_future_keep(*future, result, free_reply);
  return ESP_OK;
}

esp_status esp_fork_on(esp_context *context, int rank, const char *task_name,
                       const esp_tensor *const *inputs, size_t ninputs,
                       esp_future **future) {
  esp_service *s;
  ESP_TRY(service_of(context, &s));
  if (rank < 0 || rank >= s->size) {
    return ESP_FAIL(ESP_USAGE, "there is no rank %d: there are 0 to %d", rank,
                    s->size - 1);
  }
  esp_letter letter = {.kind = ESP_LETTER_REQUEST,
                       .text = task_name,
                       .count = ninputs,
                       .tensor = inputs};
  esp_future *made = NULL;
  void *bytes = NULL;
  size_t count;
  ESP_TRY(make_future(context, &made));
  esp_status status = ask(s, made, &letter.number);
  if (status == ESP_OK) {
    status = esp_letter_write(&letter, &bytes, &count);
    if (status != ESP_OK) unask(s, letter.number);
  }
  if (status != ESP_OK) {
    esp_future_complete(made, status, ""); // nobody has seen it
    esp_future_free(made);
    return status;
  }
  *future = made;
  post(s, rank, bytes, count);
  return ESP_OK;
}
