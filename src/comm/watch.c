#include "comm/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "comm/private.h"
#include "comm/watch_line.h"

enum {
  LISTENERS = 2,  // for other nodes, for this node
  LAUNCHER_S = 5, // what a launcher may take to end the others when one dies
  ABOVE_S = 2,    // and then the rank above to say why
  ABORT_S = 2,    // what MPI_Abort may take
  STRANGER_S = 1, // what one that calls may take to say who it is
  GREET_S = 20,   // what one that was called may take: others come first
  OTHER_FILES = 64,
};

// A rank at the other end of a connection.
typedef struct peer {
  int line;
  bool above; // it watches this rank too, and speaks for those below it
  esp_watch_name name;
} peer;

struct esp_watch {
  MPI_Comm group;
  esp_watch_name self;
  int listener[LISTENERS];
  int wake[2]; // the thread ends when its other end is closed
  peer *peer;  // [room], of which `peers` are in use
  int peers, room;
  int seconds;
  esp_lock lock; // of the peers and seconds
  esp_thread thread;
  bool running;
};

// The end of the job ---------------------------------------------------------

// MPI_Abort waits for a launcher that may be out of reach.
static void give_up(const esp_watch *self) {
  const struct sigaction as_ever = {.sa_handler = SIG_DFL};
  (void)sigaction(SIGALRM, &as_ever, NULL);
  sigset_t alarm_only;
  (void)sigemptyset(&alarm_only);
  (void)sigaddset(&alarm_only, SIGALRM);
  (void)pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
  (void)alarm(ABORT_S);
  MPI_Abort(self->group, 1);
  _exit(1);
}

static int setting(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text != NULL ? atoi(text) : otherwise;
}

// After so many seconds mpirun itself gives up a host that is silent; 0: it is
// not mpirun that started this rank.
static int launcher_patience(void) {
  if (getenv("OMPI_MCA_orte_hnp_uri") == NULL) return 0;
  return setting("OMPI_MCA_oob_tcp_keepalive_time", 300) +
         setting("OMPI_MCA_oob_tcp_keepalive_intvl", 20) *
             setting("OMPI_MCA_oob_tcp_keepalive_probes", 9);
}

// Asked to end a job before it has noticed itself, mpirun waits for the lost
// host for ever.
static void lost_host(esp_watch *self, const esp_watch_name *name) {
  esp_lock_take(&self->lock);
  const int seconds = self->seconds;
  esp_lock_give(&self->lock);
  const int launcher = launcher_patience();
  if (launcher > 0 && launcher <= seconds) (void)sleep(LAUNCHER_S);
  esp_log(ESP_LOG_ERROR,
          "rank %d on %s has given no sign of life for %d s: its host, or the "
          "network to it, is gone.  The same command goes on from what is on "
          "the disk",
          name->rank, name->host, seconds);
  if (launcher > seconds) (void)sleep(launcher - seconds + LAUNCHER_S);
}

// When a process ends, its launcher says so and ends the others; the rank above
// speaks before those below it.  Only when nobody does is it our turn.
static void lost_rank(const peer *p) {
  (void)sleep(LAUNCHER_S + (p->above ? ABOVE_S : 0));
  esp_log(ESP_LOG_ERROR,
          "rank %d on %s has ended without a word.  The same command goes on "
          "from what is on the disk",
          p->name.rank, p->name.host);
}

static void lost(esp_watch *self, const peer *p, int error) {
  if (error != 0 && error != ECONNRESET) {
    lost_host(self, &p->name);
  } else {
    lost_rank(p);
  }
  give_up(self);
}

// The thread -----------------------------------------------------------------

static void welcome(esp_watch *self, int *listener) {
  const int line = accept4(*listener, NULL, NULL, SOCK_CLOEXEC);
  if (line < 0 && (errno == EMFILE || errno == ENFILE)) {
    (void)close(*listener); // it would stay ready, and this thread awake
    *listener = -1;
  }
  if (line < 0) return;
  peer new = {.line = line};
  if (self->peers == self->room ||
      !esp_watch_answer(line, STRANGER_S, &self->self, &new.name)) {
    (void)close(line);
    return;
  }
  esp_lock_take(&self->lock);
  esp_watch_patience(line, self->seconds);
  self->peer[self->peers++] = new;
  esp_lock_give(&self->lock);
}

// Nobody says anything: what there is to be read is an end.
static void end_of(esp_watch *self, const peer *p) {
  char word;
  const ssize_t got = recv(p->line, &word, 1, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  lost(self, p, got < 0 ? errno : 0);
}

static int list_lines(const esp_watch *self, struct pollfd *at) {
  int count = 0;
  at[count++] = (struct pollfd){self->wake[0], POLLIN, 0};
  for (int i = 0; i < LISTENERS; i++) {
    at[count++] = (struct pollfd){self->listener[i], POLLIN, 0};
  }
  for (int i = 0; i < self->peers; i++) {
    at[count++] = (struct pollfd){self->peer[i].line, POLLIN, 0};
  }
  return count;
}

static void *watch(void *argument) {
  esp_watch *self = argument;
  struct pollfd *at = calloc((size_t)self->room + 1 + LISTENERS, sizeof *at);
  while (at != NULL) {
    const int count = list_lines(self, at);
    if (poll(at, (nfds_t)count, -1) < 0) continue; // a signal
    if (at[0].revents != 0) break;
    for (int i = 1 + LISTENERS; i < count; i++) {
      if (at[i].revents != 0) end_of(self, &self->peer[i - 1 - LISTENERS]);
    }
    for (int i = 0; i < LISTENERS; i++) {
      if (at[1 + i].revents != 0) welcome(self, &self->listener[i]);
    }
  }
  free(at);
  return NULL;
}

// Signals are the business of other threads.
static esp_status start_thread(esp_watch *self) {
  sigset_t all, before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  const esp_status status =
      esp_thread_start(&self->thread, "esp-watch", watch, self);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  self->running = status == ESP_OK;
  return status;
}

// Beginning ------------------------------------------------------------------

// What rank 0 tells the first ranks of the other nodes, and each of these the
// ranks of its node.
typedef struct invitation {
  esp_watch_name from;
  esp_watch_places places;
} invitation;

// Before the thread runs.  A place may be somebody else's: an address that each
// host has for itself.
static void join(esp_watch *self, const invitation *to) {
  for (int i = 0; i < esp_watch_place_count(&to->places); i++) {
    peer new = {.line = esp_watch_call(&to->places, i), .above = true};
    if (new.line < 0) continue;
    if (esp_watch_greet(new.line, GREET_S, &self->self, &new.name)) {
      esp_watch_patience(new.line, self->seconds);
      self->peer[self->peers++] = new;
      return;
    }
    (void)close(new.line);
  }
  esp_log(ESP_LOG_INFO, "rank %d on %s and rank %d cannot watch each other",
          to->from.rank, to->from.host, self->self.rank);
}

// The first rank of a node answers its own when rank 0 has answered it.
static esp_status meet(esp_watch *self, const esp_comm *comm) {
  invitation far = {.from = self->self}, near = {.from = self->self};
  const bool first = comm->node_rank == 0;
  if (comm->rank == 0 && comm->node_size < comm->size) {
    self->listener[0] = esp_watch_listen_far(&far.places);
  }
  if (first && comm->node_size > 1) {
    self->listener[1] = esp_watch_listen_near(&near.places);
  }
  MPI_Bcast(&far, (int)sizeof far, MPI_BYTE, 0, comm->group);
  MPI_Bcast(&near, (int)sizeof near, MPI_BYTE, 0, comm->node);
  self->self.key[0] = far.from.key[0];
  self->self.key[1] = far.from.key[1];
  if (first && comm->rank != 0) join(self, &far);
  if (!first) join(self, &near);
  return start_thread(self);
}

// A connection for each of many nodes may be more than a shell's limit.
static void allow_files(int count) {
  struct rlimit limit;
  const rlim_t wanted = (rlim_t)count + OTHER_FILES;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static esp_status create(const esp_comm *comm, esp_watch **made) {
  esp_watch *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot watch the ranks");
  self->room = comm->rank == 0 ? comm->size : comm->node_size;
  self->peer = calloc((size_t)self->room, sizeof *self->peer);
  for (int i = 0; i < LISTENERS; i++) self->listener[i] = -1;
  if (self->peer == NULL || pipe2(self->wake, O_CLOEXEC) != 0) {
    free(self->peer);
    free(self);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot watch %d ranks", comm->size);
  }
  allow_files(self->room);
  esp_lock_init(&self->lock);
  self->group = comm->group;
  self->seconds = ESP_WATCH_SECONDS;
  esp_watch_name_self(comm->rank, &self->self);
  *made = self;
  return ESP_OK;
}

static void stop_thread(esp_watch *self) {
  (void)close(self->wake[1]);
  if (self->running) esp_thread_join(&self->thread);
  self->running = false;
}

static void free_watch(esp_watch *self) {
  for (int i = 0; i < self->peers; i++) (void)close(self->peer[i].line);
  for (int i = 0; i < LISTENERS; i++) {
    if (self->listener[i] >= 0) (void)close(self->listener[i]);
  }
  (void)close(self->wake[0]);
  esp_lock_fini(&self->lock);
  free(self->peer);
  free(self);
}

esp_status esp_watch_begin(const esp_comm *comm, esp_watch **watch) {
  esp_watch *self = NULL;
  esp_status status = esp_comm_agree(comm, create(comm, &self));
  if (status != ESP_OK) {
    if (self != NULL) {
      stop_thread(self);
      free_watch(self);
    }
    return status;
  }
  status = esp_comm_agree(comm, meet(self, comm));
  if (status != ESP_OK) {
    esp_watch_end(self);
    return status;
  }
  *watch = self;
  return ESP_OK;
}

void esp_watch_set(esp_watch *watch, int seconds) {
  if (watch == NULL) return;
  esp_lock_take(&watch->lock);
  watch->seconds = seconds;
  for (int i = 0; i < watch->peers; i++) {
    esp_watch_patience(watch->peer[i].line, seconds);
  }
  esp_lock_give(&watch->lock);
}

// Whoever waits for the others is watched; no line is closed before nobody is.
void esp_watch_end(esp_watch *watch) {
  if (watch == NULL) return;
  MPI_Barrier(watch->group);
  stop_thread(watch);
  MPI_Barrier(watch->group);
  free_watch(watch);
}
