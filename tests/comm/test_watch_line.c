// The connections on which ranks watch each other, both ends in this process.
#include "comm/watch_line.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/check.h"

// A connection from one that calls to one that listens.
typedef struct pair {
  int listener, called, caller;
  esp_watch_places places;
  esp_watch_name self, heard; // of the one that is called
  bool content;
} pair;

static esp_watch_name name_of(int rank, uint64_t key) {
  esp_watch_name name;
  esp_watch_name_self(rank, &name);
  name.key[0] = name.key[1] = key;
  return name;
}

static pair connect_pair(bool far) {
  pair p = {.self = name_of(4, 77)};
  p.listener =
      far ? esp_watch_listen_far(&p.places) : esp_watch_listen_near(&p.places);
  CU_ASSERT_FATAL(p.listener >= 0);
  if (far) { // also where there is no network
    p.places.far[0].s_addr = htonl(INADDR_LOOPBACK);
    p.places.far_count = 1;
  }
  CU_ASSERT_EQUAL(esp_watch_place_count(&p.places), 1);
  p.caller = esp_watch_call(&p.places, 0);
  CU_ASSERT_FATAL(p.caller >= 0);
  p.called = accept(p.listener, NULL, NULL);
  CU_ASSERT_FATAL(p.called >= 0);
  return p;
}

static void close_pair(const pair *p) {
  (void)close(p->caller);
  (void)close(p->called);
  (void)close(p->listener);
}

static void *answer(void *argument) {
  pair *p = argument;
  p->content = esp_watch_answer(p->called, 1, &p->self, &p->heard);
  return NULL;
}

static void meet(bool far) {
  pair p = connect_pair(far);
  pthread_t thread;
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, answer, &p), 0);
  const esp_watch_name self = name_of(9, 77);
  esp_watch_name other;
  CU_ASSERT(esp_watch_greet(p.caller, 5, &self, &other));
  (void)pthread_join(thread, NULL);
  CU_ASSERT(p.content);
  CU_ASSERT_EQUAL(other.rank, 4);
  CU_ASSERT_EQUAL(p.heard.rank, 9);
  CU_ASSERT_STRING_EQUAL(p.heard.host, self.host);
  close_pair(&p);
}

static void both_ends_learn_who_the_other_is(void) {
  meet(false);
  meet(true);
}

static void a_stranger_learns_nothing(void) {
  pair p = connect_pair(true);
  const esp_watch_name self = name_of(9, 78);
  CU_ASSERT_EQUAL(send(p.caller, &self, sizeof self, 0), (ssize_t)sizeof self);
  (void)answer(&p);
  CU_ASSERT_FALSE(p.content);
  char byte;
  CU_ASSERT(recv(p.caller, &byte, 1, MSG_DONTWAIT) < 0);
  close_pair(&p);
}

static void one_that_says_nothing_is_not_waited_for(void) {
  pair p = connect_pair(false);
  (void)answer(&p);
  CU_ASSERT_FALSE(p.content);
  close_pair(&p);
}

static void nobody_answers_where_nobody_listens(void) {
  const pair p = connect_pair(true);
  close_pair(&p);
  CU_ASSERT_EQUAL(esp_watch_call(&p.places, 0), -1);
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
  const pair p = connect_pair(true);
  for (int seconds = 2; seconds <= 100; seconds++) {
    esp_watch_patience(p.caller, seconds);
    CU_ASSERT_EQUAL(limit_of(p.caller), seconds);
  }
  esp_watch_patience(p.caller, 1);
  CU_ASSERT_EQUAL(limit_of(p.caller), 2);
  esp_watch_patience(p.caller, 3600);
  CU_ASSERT_EQUAL(limit_of(p.caller), 3600);
  esp_watch_patience(p.caller, 0);
  CU_ASSERT_EQUAL(limit_of(p.caller), 0);
  close_pair(&p);
}

static void a_line_within_a_node_has_no_limit(void) {
  const pair p = connect_pair(false);
  esp_watch_patience(p.caller, 7);
  CU_ASSERT_EQUAL(option(p.caller, SOL_SOCKET, SO_KEEPALIVE), 0);
  close_pair(&p);
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
