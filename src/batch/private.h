// What the files of batch/ share.  Private to batch/.
#ifndef ESP_BATCH_PRIVATE_H
#define ESP_BATCH_PRIVATE_H

#include "batch/batch.h"

// How a batch, or a rank's part of one, has gone.
typedef struct esp_ending {
  int64_t status; // esp_status
  int64_t node;   // that failed, in the graph's order
  char message[1024];
} esp_ending;

// A slot of one of the two engines.
typedef struct esp_seat {
  const esp_engine *engine;
  int slot;
  bool loaded;  // its rows are read, and it is still to begin
  int64_t turn; // the lower begins first
  bool running;
  bool computed;        // by this rank
  int unheard;          // leader: members whose part is still to be told of
  esp_ending ending;    // the worst so far
  int64_t number;       // of the batch in it
  int64_t first, count; // its rows
  int64_t next, end;    // of pending: what is left of its chain
} esp_seat;

// What the leader of a replica tells its other ranks.
typedef struct esp_order {
  int64_t number; // of the batch; -1: there are no more
  int64_t seat;
} esp_order;
// Of orders, and of the first seat's endings: those of seat s have s less.
enum { ESP_ORDER_TAG = (1 << 24) - 1, ESP_ENDING_TAG = ESP_ORDER_TAG - 1 };

// What a leader has written, on its way to the journal (safe.c).
typedef struct esp_safe {
  int64_t *written; // batches that are in the file
  size_t nwritten, room;
  size_t nsyncing; // of them the first, which are being brought to the disk
  bool syncing;
  double synced; // seconds of the clock when the last sync began
} esp_safe;

typedef struct esp_runner {
  const esp_batch_options *options;
  esp_batch_result *result;
  esp_seat *seat;
  int seats;
  int running, loaded;
  int64_t turns;
  double first_end, last_end; // of batches, seconds of the clock
  int ends;
  esp_dealer *dealer;
  esp_messages *orders;  // leader: a place per seat and member; member: one
  esp_order *order;      // what is under way at those places
  esp_messages *endings; // leader: a place per seat and member; member: per
  esp_ending *ending;    // seat; what is under way at those places
  int *ended;            // room for esp_messages_test()
  double told;           // when progress was last shown
  double longest;        // seconds of a batch, so far
  esp_safe safe;
  bool closed;       // chains are not gone on with
  int stop;          // how often this rank was asked to, as rank 0 knows
  esp_status status; // the first failure that leaves the others alone
  char *message;     // of it
  // scoring of one batch
  int64_t *labels;
  void *raw_labels;
  int64_t *picked;
  float *top_values;
  int64_t *top_indices;
} esp_runner;

// Leads a replica: takes batches, reads, starts, writes (lead.c).
esp_status esp_runner_lead(esp_runner *runner);
// Follows the leader's orders (follow.c).
esp_status esp_runner_follow(esp_runner *runner);

// The rows of a batch (run.c).
void esp_runner_rows(const esp_batch_options *options, int64_t number,
                     int64_t *first, int64_t *count);
// Starts a batch in a seat; moves the messages of both engines.
void esp_seat_start(esp_runner *runner, int seat, int64_t number);
void esp_runner_move(esp_runner *runner);
// Calls ended() for each seat whose batch has ended, on the leader: on all
// ranks of the replica.  How it went is in the seat's ending.
esp_status esp_runner_collect(esp_runner *runner,
                              esp_status (*ended)(esp_runner *, esp_seat *));
// Sleeps until the workers ring, or, where messages may come, for a moment.
void esp_runner_rest(esp_runner *runner, uint64_t seen, bool expecting);
// Tells rank 0 when this rank has been asked to stop.
esp_status esp_runner_tell_asked(esp_runner *runner);

// How batches have gone, from the members of a replica to their leader
// (ending.c).  Where a step fails the later ones are passed over, but messages
// are still sent, so a batch ends on all ranks; what depends on the failure is
// worth nothing.
esp_status esp_ending_open(esp_runner *runner);
void esp_ending_close(esp_runner *runner);
// Leader: expects those of the members for the batch that a seat begins.
void esp_ending_expect(esp_runner *runner, int seat);
// Member: tells the seat's.
esp_status esp_ending_tell(esp_runner *runner, esp_seat *seat);
// Moves them on; the leader notes in the seats what has come.
void esp_ending_move(esp_runner *runner);
// Notes in a seat how this rank's part went.
void esp_ending_own(esp_seat *seat, esp_status status, const char *message);

// Puts into a seat what the first batch of a chain begins with (carry.c).
esp_status esp_carry_begin(esp_runner *runner, const esp_seat *seat,
                           const esp_chain *chain);
// Hands what the batch in a seat has left behind to the next.
void esp_carry_on(const esp_runner *runner, const esp_seat *seat);

// Notes that a batch has been written (safe.c).
esp_status esp_safe_add(esp_runner *runner, int64_t number);
// Brings what was written to the disk when it is time, or at once when `hurry`;
// tells rank 0 of it.
esp_status esp_safe_move(esp_runner *runner, bool hurry);
// Is all that was written safe, and rank 0 told?
bool esp_safe_all(const esp_runner *runner);
// Rank 0: writes in the journal what it was told.
esp_status esp_safe_journal(esp_runner *runner);
// Rank 0, last of all: brings the journal to the disk.
esp_status esp_safe_end(esp_runner *runner);
// Is there a sync under way, whose end nobody rings for?
bool esp_safe_waits(const esp_runner *runner);

// Scores a batch and writes argmax and top k (outcome.c).
esp_status esp_outcome_open(esp_runner *runner);
void esp_outcome_close(esp_runner *runner);
esp_status esp_outcome_write(esp_runner *runner, const esp_seat *seat);
// Counts what is right among this replica's share of the batches that were done
// before.
esp_status esp_outcome_score_done(esp_runner *runner);

#endif
