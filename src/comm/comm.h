// Messages between ranks.  The only room that calls MPI.  Floor 1.
//
// One thread per rank, the conductor, calls everything here (docs/adr/0001),
// but for the letters, which have a thread of their own (docs/adr/0007);
// another watches the other ranks and may end the job (docs/adr/0010).  MPI's
// own errors end the job with MPI's message: none of them is recoverable.
#ifndef ESP_COMM_COMM_H
#define ESP_COMM_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct esp_comm esp_comm;

// Starts MPI (alone when no launcher started this process) and gives all ranks
// as one group.  Ranks other than 0 log errors only.  With `threads` another
// thread may send letters meanwhile.  Collective.  Once per process; the caller
// closes it.  ESP_UNSUPPORTED: this MPI cannot do that.  ESP_NO_MEMORY.
esp_status esp_comm_open(bool threads, esp_comm **comm);
// From now on the job ends when another host is silent for so many seconds (at
// first 7; 1 counts as 2), and never for that with 0.  A rank that ends too
// soon ends the job anyway.  All ranks say the same.
void esp_comm_patience(esp_comm *comm, int seconds);
// Ends MPI.  Collective.  NULL is allowed.
void esp_comm_close(esp_comm *comm);

// Cuts a group into smaller ones: ranks with the same `part` stay together, in
// the same order.  Collective.  Freed with esp_comm_free_part, collective.
esp_status esp_comm_split(const esp_comm *comm, int part, esp_comm **made);
void esp_comm_free_part(esp_comm *comm); // NULL is allowed

// Was MPI opened with MPI_THREAD_MULTIPLE?
bool esp_comm_has_threads(void);
int esp_comm_rank(const esp_comm *comm);
int esp_comm_size(const esp_comm *comm);
// Rank among, and number of, the ranks that share this node's memory.
int esp_comm_node_rank(const esp_comm *comm);
int esp_comm_node_size(const esp_comm *comm);
// The MPI communicator, for parallel HDF5: a `const MPI_Comm *`.  Borrowed.
const void *esp_comm_handle(const esp_comm *comm);

// Gives every rank the worst status of all, so that either all go on or none
// does; and, when it is not ESP_OK, the message of the lowest rank that has it.
// Collective: call it at the end of each phase.
esp_status esp_comm_agree(const esp_comm *comm, esp_status mine);

// Copies `bytes` bytes from rank `root` to all.  Collective.
void esp_comm_broadcast(const esp_comm *comm, int root, void *data,
                        size_t bytes);
// Adds up `count` numbers over the ranks; all get the sums.  Collective.
void esp_comm_sum(const esp_comm *comm, double *numbers, int count);
// Gathers `bytes` bytes of each rank of this node, in node rank order; `all`
// has room for node_size of them.  Collective over the node.
void esp_comm_node_gather(const esp_comm *comm, const void *mine, size_t bytes,
                          void *all);
// Makes the ranks of a node keep the weights that they have in common once
// (base/constant.h), where the system allows it; gives the bytes of this rank
// that are shared.  Of the calling thread's blocks, which must be complete.
// Collective over the node.
size_t esp_comm_share_constants(const esp_comm *comm);
// Memory that ranks of one node share: a part of zero bytes of each rank, which
// all see.  The bytes are those of this rank's part, at least 1.  *shared is
// NULL where the system allows none, on all ranks of the node alike.
// Collective over the node's ranks of the group.  Ended with esp_shared_free(),
// not collective.
typedef struct esp_shared esp_shared;
esp_status esp_shared_create(const esp_comm *comm, size_t bytes,
                             esp_shared **shared);
// Where the part of a rank of the group begins, at a multiple of the page size;
// NULL: the rank is on another node, or there is none.
void *esp_shared_of(const esp_shared *shared, int rank);
void esp_shared_free(esp_shared *shared); // NULL is allowed
// Gathers `count` numbers of each rank (the counts may differ) on rank 0: *all
// is allocated there (free with free()), NULL elsewhere.  Collective.
esp_status esp_comm_gather_numbers(const esp_comm *comm, const double *mine,
                                   int count, double **all, int *total);
// Gathers one text of each rank on rank 0, where text r is at all + r * room;
// longer ones are cut.  `all` is not looked at elsewhere.  Collective.
void esp_comm_gather_texts(const esp_comm *comm, const char *mine, size_t room,
                           char *all);
void esp_comm_barrier(const esp_comm *comm);
// Seconds of a message of so many bytes between rank 0 and `peer`, the median
// of some; the same on all ranks.  Collective.
esp_status esp_comm_time_messages(const esp_comm *comm, int peer, int bytes,
                                  double *seconds);
// The same through memory that rank 0 and `peer`, a rank of its node, share:
// one writes the bytes, and the other reads them.  *seconds is below 0
// where the system allows no such memory.  Collective.
esp_status esp_comm_time_shared(const esp_comm *comm, int peer, int bytes,
                                double *seconds);

// Writes "Open MPI ..., MPI 3.1" (what the library says of itself) into text
// and returns it.
const char *esp_comm_library(char *text, size_t room);

// Prints the message and ends all ranks at once with this exit status.
void esp_comm_abort(const esp_comm *comm, int exit_status, const char *message)
    __attribute__((noreturn));

// A fixed table of messages under way.  Each place holds at most one.
typedef struct esp_messages esp_messages;
esp_status esp_messages_create(const esp_comm *comm, int places,
                               esp_messages **messages);
// Every message must have ended.  NULL is allowed.
void esp_messages_free(esp_messages *messages);
// Begins to send to, or to receive from, `peer`.  The bytes stay in place until
// the message has ended.  Messages of one tag between two ranks keep order;
// sizes above 2^31-1 bytes are allowed; a received message must have exactly
// `bytes` bytes.  Tags are 0 .. 2^24.
void esp_messages_send(esp_messages *messages, int place, int peer, int tag,
                       const void *data, size_t bytes);
void esp_messages_receive(esp_messages *messages, int place, int peer, int tag,
                          void *data, size_t bytes);
// Moves messages on, and lists the places whose message has ended since the
// last call; returns how many (at most `places`).
int esp_messages_test(esp_messages *messages, int *ended);
// Moves messages on until all have ended; `ended` has room for their places.
void esp_messages_finish(esp_messages *messages, int *ended);
// Number of messages under way.
int esp_messages_pending(const esp_messages *messages);
// Gives up the receive at a place that has not begun to arrive.
void esp_messages_cancel(esp_messages *messages, int place);

// Hands out 0, 1, 2 ... to the ranks that ask, each number once, so that a slow
// rank takes fewer; and gathers on rank 0 what the ranks tell of them.  Rank 0
// hears, and answers, whenever it calls esp_dealer_serve().
typedef struct esp_dealer esp_dealer;
// There are `numbers` numbers.  Collective.
esp_status esp_dealer_create(const esp_comm *comm, long numbers,
                             esp_dealer **dealer);
void esp_dealer_free(esp_dealer *dealer); // when all was sent; NULL is allowed

// What a rank tells rank 0.
typedef struct esp_tidings {
  int64_t finished;    // samples since it told the last time
  int stop;            // how often somebody has asked this rank to stop
  bool asks;           // for a number; one question at a time per rank
  bool checks;         // asks only whether the dealer has closed
  bool failed;         // it cannot go on
  bool leaves;         // it will tell nothing more
  const int64_t *safe; // [nsafe] numbers whose results are on the disk;
  size_t nsafe;        // copied
} esp_tidings;
// Tells, without waiting.
esp_status esp_dealer_tell(esp_dealer *dealer, const esp_tidings *tidings);
// Has the answer come?  Then *number is it, or one of these.
enum { ESP_DEALER_NONE = -1, ESP_DEALER_CLOSED = -2 }; // there are no more
bool esp_dealer_answered(esp_dealer *dealer, long *number);
// Has all that was told left this rank?
bool esp_dealer_all_sent(esp_dealer *dealer);

// The rest is rank 0's; on others they do nothing.
// Hears what has come, and answers questions.
esp_status esp_dealer_serve(esp_dealer *dealer);
void esp_dealer_close(esp_dealer *dealer); // from now on nothing is handed out
int esp_dealer_stop(const esp_dealer *dealer);      // the most that was told
bool esp_dealer_failed(const esp_dealer *dealer);   // has one told so?
bool esp_dealer_all_left(const esp_dealer *dealer); // rank 0 too
long esp_dealer_finished(const esp_dealer *dealer); // the sum of what was told
// The numbers that were told to be safe since the last call; borrowed until the
// next esp_dealer_serve() or esp_dealer_tell().
const int64_t *esp_dealer_safe(esp_dealer *dealer, size_t *count);

// Letters: byte strings that come unasked.  All calls but open and close are
// made by one thread, which need not be the conductor.
typedef struct esp_post esp_post;
// Collective, by the conductor; of a group opened with `threads`.
esp_status esp_post_open(const esp_comm *comm, esp_post **post);
void esp_post_close(esp_post *post); // collective; NULL is allowed
// Begins to send; the bytes, which malloc() gave, become the post's.
esp_status esp_post_send(esp_post *post, int to, void *bytes, size_t count);
// Has a letter come?  Then *bytes is to be free()d.  ESP_NO_MEMORY: it cannot
// be received.
esp_status esp_post_receive(esp_post *post, bool *come, int *from, void **bytes,
                            size_t *count);
// Moves letters on; returns how many are still under way from here.
int esp_post_move(esp_post *post);
// Says that this rank will send no more, once; true when all ranks have said it
// and so no letter can come.
bool esp_post_finish(esp_post *post);

#endif
