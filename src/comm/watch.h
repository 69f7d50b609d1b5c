// Notices when a rank, its host or the network to it is gone.  Private to
// comm/.
//
// MPI does not: a message from a host that is silent is waited for for ever.
// So the ranks hold connections of their own on which nothing is said; the
// kernels at both ends ask each other for a sign of life.  A rank that computes
// for hours, or is suspended, still answers.
//
// Rank 0 holds one with the first rank of each other node, and that one holds
// one with each other rank of its node.  A thread of each rank sleeps on them.
#ifndef ESP_COMM_WATCH_H
#define ESP_COMM_WATCH_H

#include "base/status.h"
#include "comm/comm.h"

typedef struct esp_watch esp_watch;

enum { ESP_WATCH_SECONDS = 7 }; // unless somebody says another number

// Begins to watch; the job ends when a connection is silent for
// ESP_WATCH_SECONDS, or ends before esp_watch_end().  Ranks that cannot be
// reached this way are not watched.  Collective.  ESP_NO_MEMORY on all ranks
// when one has none.
esp_status esp_watch_begin(const esp_comm *comm, esp_watch **watch);
// From now on so many seconds (1 counts as 2); 0: for ever.  Each rank for
// itself; NULL is allowed.
void esp_watch_set(esp_watch *watch, int seconds);
// Waits until all ranks are here.  Collective; NULL is allowed.
void esp_watch_end(esp_watch *watch);

#endif
