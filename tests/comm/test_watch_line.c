// The connections on which ranks watch each other, both ends in this process.
#include "comm/watch_line.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/check.h"

// The end that is called.
typedef struct host {
  int listener, line;
  esp_watch_name self, heard;
  bool content;
} host;

static void *answer(void *argument) {
  host *self = argument;
  self->line = accept(self->listener, NULL, NULL);
  self->content = esp_watch_answer(self->line, 1, &self->self, &self->heard);
  return NULL;
}

static esp_watch_name name_of(int rank, uint64_t key) {
  esp_watch_name name;
  esp_watch_name_self(rank, &name);
  name.key[0] = name.key[1] = key;
  return name;
}

static int open_host(bool far, host *made, esp_watch_places *places) {
  *places = (esp_watch_places){0};
  *made = (host){.self = name_of(4, 77)};
  made->listener =
      far ? esp_watch_listen_far(places) : esp_watch_listen_near(places);
  CU_ASSERT_FATAL(made->listener >= 0);
  if (far) { // also where there is no network
    places->far[0].s_addr = htonl(INADDR_LOOPBACK);
    places->far_count = 1;
  }
  CU_ASSERT_EQUAL(esp_watch_place_count(places), 1);
  const int line = esp_watch_call(places, 0);
  CU_ASSERT_FATAL(line >= 0);
  return line;
}

static void close_host(host *h, int line) {
  if (line >= 0) (void)close(line);
  (void)close(h->line);
  (void)close(h->listener);
}

static void meet(bool far) {
  host h;
  esp_watch_places places;
  const int line = open_host(far, &h, &places);
  pthread_t thread;
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, answer, &h), 0);
  const esp_watch_name self = name_of(9, 77);
  esp_watch_name other;
  CU_ASSERT(esp_watch_greet(line, 5, &self, &other));
  (void)pthread_join(thread, NULL);
  CU_ASSERT(h.content);
  CU_ASSERT_EQUAL(other.rank, 4);
  CU_ASSERT_EQUAL(h.heard.rank, 9);
  CU_ASSERT_STRING_EQUAL(h.heard.host, self.host);
  close_host(&h, line);
}

static void both_ends_learn_who_the_other_is(void) {
  meet(false);
  meet(true);
}

static void a_stranger_learns_nothing(void) {
  host h;
  esp_watch_places places;
  const int line = open_host(true, &h, &places);
  pthread_t thread;
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, answer, &h), 0);
  const esp_watch_name self = name_of(9, 78);
  CU_ASSERT_EQUAL(send(line, &self, sizeof self, 0), (ssize_t)sizeof self);
  (void)pthread_join(thread, NULL);
  CU_ASSERT_FALSE(h.content);
  char byte;
  CU_ASSERT(recv(line, &byte, 1, MSG_DONTWAIT) < 0);
  close_host(&h, line);
}

static void one_that_says_nothing_is_not_waited_for(void) {
  host h;
  esp_watch_places places;
  const int line = open_host(false, &h, &places);
  CU_ASSERT_PTR_NULL(answer(&h));
  CU_ASSERT_FALSE(h.content);
  close_host(&h, line);
}

static void nobody_answers_where_nobody_listens(void) {
  host h;
  esp_watch_places places;
  const int line = open_host(true, &h, &places);
  h.line = accept(h.listener, NULL, NULL);
  close_host(&h, line);
  CU_ASSERT_EQUAL(esp_watch_call(&places, 0), -1);
}

static int option(int line, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  (void)getsockopt(line, level, name, &value, &length);
  return value;
}

// The time until a silent host is given up: the quiet, and the probes.
static int limit_of(int line) {
  if (option(line, SOL_SOCKET, SO_KEEPALIVE) == 0) return 0;
  return option(line, IPPROTO_TCP, TCP_KEEPIDLE) +
         option(line, IPPROTO_TCP, TCP_KEEPINTVL) *
             option(line, IPPROTO_TCP, TCP_KEEPCNT);
}

static void the_limit_is_what_was_asked_for(void) {
  host h;
  esp_watch_places places;
  const int line = open_host(true, &h, &places);
  h.line = accept(h.listener, NULL, NULL);
  for (int seconds = 2; seconds <= 100; seconds++) {
    esp_watch_patience(line, seconds);
    CU_ASSERT_EQUAL(limit_of(line), seconds);
  }
  esp_watch_patience(line, 1);
  CU_ASSERT_EQUAL(limit_of(line), 2);
  esp_watch_patience(line, 3600);
  CU_ASSERT_EQUAL(limit_of(line), 3600);
  esp_watch_patience(line, 0);
  CU_ASSERT_EQUAL(limit_of(line), 0);
  close_host(&h, line);
}

static void a_line_within_a_node_has_no_limit(void) {
  host h;
  esp_watch_places places;
  const int line = open_host(false, &h, &places);
  h.line = accept(h.listener, NULL, NULL);
  esp_watch_patience(line, 7);
  CU_ASSERT_EQUAL(option(line, SOL_SOCKET, SO_KEEPALIVE), 0);
  close_host(&h, line);
}

int main(void) {
  static const check_case cases[] = {
      CASE(both_ends_learn_who_the_other_is),
      CASE(a_stranger_learns_nothing),
      CASE(one_that_says_nothing_is_not_waited_for),
      CASE(nobody_answers_where_nobody_listens),
      CASE(the_limit_is_what_was_asked_for),
      CASE(a_line_within_a_node_has_no_limit),
      {NULL, NULL},
  };
  return check_run("comm/watch_line", cases);
}
