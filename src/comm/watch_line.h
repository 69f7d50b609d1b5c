// The connections on which ranks watch each other.  Private to comm/.
//
// Within a node they are Unix sockets of the abstract namespace: a process that
// ends closes its end.  Between nodes they are TCP over IPv4, kept alive by the
// kernels (tcp(7)): a host that is silent makes poll() report an error.
#ifndef ESP_COMM_WATCH_LINE_H
#define ESP_COMM_WATCH_LINE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

// Who somebody is.  The key is one for the whole job: others do not know it.
typedef struct esp_watch_name {
  uint64_t key[2];
  int32_t rank;
  char host[64];
} esp_watch_name;

// Where somebody listens: a name in this node, or addresses of a host.
typedef struct esp_watch_places {
  uint64_t near;
  int32_t far_count;
  uint16_t port; // network order
  struct in_addr far[16];
} esp_watch_places;

// This rank on this host, with a key of its own.
void esp_watch_name_self(int rank, esp_watch_name *name);

// Listen, and tell where; -1: the system refuses.
int esp_watch_listen_far(esp_watch_places *places);
int esp_watch_listen_near(esp_watch_places *places);
int esp_watch_place_count(const esp_watch_places *places);
// Connects to one of the places; -1: it does not answer.
int esp_watch_call(const esp_watch_places *places, int place);
// The two sides of a greeting; the one that was called says nothing before it
// has heard the key.  False: the other does not speak within `seconds`, or does
// not know the key.
bool esp_watch_greet(int line, int seconds, const esp_watch_name *self,
                     esp_watch_name *other); // the one that called
bool esp_watch_answer(int line, int seconds, const esp_watch_name *self,
                      esp_watch_name *other); // the one that was called
// From now on the line ends when the other host is silent for so many seconds
// (1 counts as 2); 0: it never does.  Nothing on lines within a node.
void esp_watch_patience(int line, int seconds);

#endif
