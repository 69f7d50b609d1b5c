#include "comm/watch_line.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
  FAR_MOST = sizeof((esp_watch_places *)0)->far / sizeof(struct in_addr),
  CALL_MS = 1000, // for one address of a host that does not answer
  PROBES_MOST = 30,
};

static bool random_bytes(void *bytes, size_t count) {
  return getrandom(bytes, count, 0) == (ssize_t)count;
}

void esp_watch_name_self(int rank, esp_watch_name *name) {
  *name = (esp_watch_name){.rank = rank};
  if (gethostname(name->host, sizeof name->host - 1) != 0) {
    (void)snprintf(name->host, sizeof name->host, "an unnamed host");
  }
  (void)random_bytes(name->key, sizeof name->key); // cannot fail so short
}

// Listening -----------------------------------------------------------------

static int listen_at(int line, const void *address, socklen_t length) {
  if (line < 0) return -1;
  if (bind(line, address, length) == 0 && listen(line, SOMAXCONN) == 0) {
    return line;
  }
  (void)close(line);
  return -1;
}

// The addresses of this host by which others may reach it.
static void find_addresses(esp_watch_places *places) {
  struct ifaddrs *all;
  if (getifaddrs(&all) != 0) return;
  for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
    if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET) continue;
    if ((i->ifa_flags & IFF_UP) == 0 || (i->ifa_flags & IFF_LOOPBACK) != 0) {
      continue;
    }
    if (places->far_count == FAR_MOST) break;
    struct sockaddr_in address;
    memcpy(&address, i->ifa_addr, sizeof address);
    places->far[places->far_count++] = address.sin_addr;
  }
  freeifaddrs(all);
}

int esp_watch_listen_far(esp_watch_places *places) {
  struct sockaddr_in any = {.sin_family = AF_INET};
  const int line = listen_at(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                             &any, sizeof any);
  socklen_t length = sizeof any;
  if (line < 0) return -1;
  if (getsockname(line, (struct sockaddr *)&any, &length) != 0) {
    (void)close(line);
    return -1;
  }
  places->port = any.sin_port;
  find_addresses(places);
  return line;
}

// The first byte of an abstract name is zero (unix(7)).
static socklen_t near_address(uint64_t name, struct sockaddr_un *address) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  const int length =
      snprintf(address->sun_path + 1, sizeof address->sun_path - 1,
               "espalier-watch-%016llx", (unsigned long long)name);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                     (size_t)length);
}

int esp_watch_listen_near(esp_watch_places *places) {
  uint64_t name;
  if (!random_bytes(&name, sizeof name)) return -1;
  struct sockaddr_un address;
  const socklen_t length = near_address(name, &address);
  const int line = listen_at(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                             &address, length);
  if (line >= 0) places->near = name;
  return line;
}

// Calling -------------------------------------------------------------------

static int call_near(uint64_t name) {
  struct sockaddr_un address;
  const socklen_t length = near_address(name, &address);
  const int line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (line < 0) return -1;
  if (connect(line, (struct sockaddr *)&address, length) == 0) return line;
  (void)close(line);
  return -1;
}

// An address that nobody has must not hold up the others for minutes.
static bool connect_soon(int line, const struct sockaddr_in *address) {
  if (connect(line, (const struct sockaddr *)address, sizeof *address) != 0) {
    if (errno != EINPROGRESS) return false;
    struct pollfd there = {line, POLLOUT, 0};
    if (poll(&there, 1, CALL_MS) <= 0) return false;
    int error = 0;
    socklen_t length = sizeof error;
    (void)getsockopt(line, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return false;
  }
  return true;
}

static int call_far(struct in_addr host, uint16_t port) {
  const struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = port, .sin_addr = host};
  const int line =
      socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (line < 0) return -1;
  if (connect_soon(line, &address)) return line;
  (void)close(line);
  return -1;
}

int esp_watch_place_count(const esp_watch_places *places) {
  return places->near != 0 ? 1 : places->far_count;
}

int esp_watch_call(const esp_watch_places *places, int place) {
  if (places->near != 0) return call_near(places->near);
  return call_far(places->far[place], places->port);
}

// Both ends -----------------------------------------------------------------

// A name is far below what a socket buffers, so sending it never waits.
static bool say(int line, const esp_watch_name *name) {
  return send(line, name, sizeof *name, MSG_NOSIGNAL | MSG_DONTWAIT) ==
         (ssize_t)sizeof *name;
}

static bool hear(int line, int seconds, const esp_watch_name *self,
                 esp_watch_name *other) {
  char *next = (char *)other;
  size_t missing = sizeof *other;
  while (missing > 0) {
    struct pollfd there = {line, POLLIN, 0};
    if (poll(&there, 1, 1000 * seconds) <= 0) return false;
    const ssize_t got = recv(line, next, missing, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return false;
    next += got;
    missing -= (size_t)got;
  }
  other->host[sizeof other->host - 1] = '\0';
  return memcmp(other->key, self->key, sizeof self->key) == 0;
}

bool esp_watch_greet(int line, int seconds, const esp_watch_name *self,
                     esp_watch_name *other) {
  return say(line, self) && hear(line, seconds, self, other);
}

bool esp_watch_answer(int line, int seconds, const esp_watch_name *self,
                      esp_watch_name *other) {
  return hear(line, seconds, self, other) && say(line, self);
}

static void set(int line, int level, int option, int value) {
  (void)setsockopt(line, level, option, &value, sizeof value);
}

// Half of the time nothing is asked; then a sign of life is asked for every
// second, or thirty times.
void esp_watch_patience(int line, int seconds) {
  int domain = 0;
  socklen_t length = sizeof domain;
  (void)getsockopt(line, SOL_SOCKET, SO_DOMAIN, &domain, &length);
  if (domain != AF_INET) return;
  set(line, SOL_SOCKET, SO_KEEPALIVE, seconds > 0);
  if (seconds <= 0) return;
  const int all = seconds > 2 ? seconds : 2;
  const int probes = all / 2 < PROBES_MOST ? all / 2 : PROBES_MOST;
  const int interval = all / 2 / probes;
  set(line, IPPROTO_TCP, TCP_KEEPIDLE, all - probes * interval);
  set(line, IPPROTO_TCP, TCP_KEEPINTVL, interval);
  set(line, IPPROTO_TCP, TCP_KEEPCNT, probes);
}
