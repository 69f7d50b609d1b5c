// Run with 1, 2 and 3 ranks: mpirun -n <ranks> test_comm_comm
#include "comm/comm.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static esp_comm *comm;

static void no_failure_is_no_failure(void) {
  CU_ASSERT_EQUAL(esp_comm_agree(comm, ESP_OK), ESP_OK);
}

static void all_ranks_see_the_failure_of_one(void) {
  const int last = esp_comm_size(comm) - 1;
  esp_status mine = ESP_OK;
  if (esp_comm_rank(comm) == last) mine = ESP_FAIL(ESP_IO, "no file %d", last);
  CU_ASSERT_EQUAL(esp_comm_agree(comm, mine), ESP_IO);
  char said[32];
  (void)snprintf(said, sizeof said, "no file %d", last);
  check_message(said);
}

static void the_worst_failure_wins(void) {
  esp_status mine = ESP_FAIL(ESP_USAGE, "usage");
  if (esp_comm_rank(comm) == 0) mine = ESP_FAIL(ESP_IO, "the disk");
  CU_ASSERT_EQUAL(esp_comm_agree(comm, mine), ESP_IO);
  check_message("the disk");
}

static void numbers_are_gathered_in_rank_order(void) {
  const int rank = esp_comm_rank(comm), size = esp_comm_size(comm);
  double mine[4] = {rank, rank, rank, rank};
  double *all = NULL;
  int total = -1;
  CHECK_OK(esp_comm_gather_numbers(comm, mine, rank + 1, &all, &total));
  if (rank == 0) {
    CU_ASSERT_EQUAL(total, size * (size + 1) / 2);
    for (int r = 0, i = 0; r < size; r++) {
      for (int k = 0; k <= r; k++) CU_ASSERT_EQUAL(all[i++], r);
    }
  } else {
    CU_ASSERT_EQUAL(total, 0);
  }
  free(all);
}

static void move_until_none(esp_messages *messages) {
  int ended[8];
  while (esp_messages_pending(messages) > 0) {
    (void)esp_messages_test(messages, ended);
  }
}

// Every rank sends to the next and receives from the one before.
static void pass_around(size_t bytes) {
  const int rank = esp_comm_rank(comm), size = esp_comm_size(comm);
  unsigned char *out = malloc(bytes + 1), *in = malloc(bytes + 1);
  memset(out, rank + 1, bytes);
  memset(in, 0, bytes + 1);
  esp_messages *messages = NULL;
  CHECK_OK(esp_messages_create(comm, 2, &messages));
  esp_messages_receive(messages, 0, (rank + size - 1) % size, 7, in, bytes);
  esp_messages_send(messages, 1, (rank + 1) % size, 7, out, bytes);
  CU_ASSERT_EQUAL(esp_messages_pending(messages), 2);
  move_until_none(messages);
  size_t wrong = 0;
  const unsigned char want = (unsigned char)((rank + size - 1) % size + 1);
  for (size_t i = 0; i < bytes; i++) wrong += in[i] != want;
  CU_ASSERT_EQUAL(wrong, 0);
  CU_ASSERT_EQUAL(in[bytes], 0);
  esp_messages_free(messages);
  free(in);
  free(out);
}

static void messages_of_any_size_arrive(void) {
  pass_around(0);
  pass_around(1);
  pass_around(1000003);
}

// Each number is told to be safe by the rank that got it.
static void every_number_is_dealt_and_told_once(void) {
  enum { NUMBERS = 200 };
  esp_dealer *dealer = NULL;
  double seen[NUMBERS] = {0}, safe[NUMBERS] = {0};
  CHECK_OK(esp_dealer_create(comm, NUMBERS, &dealer));
  const int size = esp_comm_size(comm), rank = esp_comm_rank(comm);
  long number = 0;
  bool over = false;
  while (!over || (rank == 0 && !esp_dealer_all_left(dealer)) ||
         !esp_dealer_all_sent(dealer)) {
    if (!over) {
      CHECK_OK(esp_dealer_tell(
          dealer, &(esp_tidings){.asks = true, .finished = 1, .stop = rank}));
      while (!esp_dealer_answered(dealer, &number)) {
        CHECK_OK(esp_dealer_serve(dealer));
      }
      over = number < 0;
      const int64_t told = number;
      if (!over) seen[number]++;
      CHECK_OK(esp_dealer_tell(
          dealer,
          &(esp_tidings){.safe = &told, .nsafe = !over, .leaves = over}));
    }
    CHECK_OK(esp_dealer_serve(dealer));
    size_t count;
    const int64_t *list = esp_dealer_safe(dealer, &count);
    for (size_t i = 0; i < count; i++) safe[list[i]]++;
  }
  if (rank == 0) {
    CU_ASSERT_EQUAL(esp_dealer_finished(dealer), NUMBERS + size);
    CU_ASSERT_EQUAL(esp_dealer_stop(dealer), size - 1);
    CU_ASSERT(!esp_dealer_failed(dealer));
    for (int i = 0; i < NUMBERS; i++) CU_ASSERT_EQUAL(safe[i], 1);
  }
  esp_comm_barrier(comm);
  esp_comm_sum(comm, seen, NUMBERS);
  for (int i = 0; i < NUMBERS; i++) CU_ASSERT_EQUAL(seen[i], 1);
  esp_dealer_free(dealer);
}

// Tells, and waits for the answer.
static long answer_to(esp_dealer *dealer, esp_tidings tidings) {
  long answer = 0;
  CHECK_OK(esp_dealer_tell(dealer, &tidings));
  while (!esp_dealer_answered(dealer, &answer)) {
    CHECK_OK(esp_dealer_serve(dealer));
  }
  return answer;
}

static void end_dealer(esp_dealer *dealer) {
  CHECK_OK(esp_dealer_tell(dealer, &(esp_tidings){.leaves = true}));
  while (!esp_dealer_all_sent(dealer) ||
         (esp_comm_rank(comm) == 0 && !esp_dealer_all_left(dealer))) {
    CHECK_OK(esp_dealer_serve(dealer));
  }
  esp_comm_barrier(comm);
  esp_dealer_free(dealer);
}

// From the moment that it is closed, nobody gets a number.
static void a_closed_dealer_deals_nothing(void) {
  esp_dealer *dealer = NULL;
  CHECK_OK(esp_dealer_create(comm, 1000, &dealer));
  esp_dealer_close(dealer);
  esp_comm_barrier(comm);
  CU_ASSERT_EQUAL(
      answer_to(dealer, (esp_tidings){.asks = true, .failed = true}),
      ESP_DEALER_CLOSED);
  CU_ASSERT_EQUAL(answer_to(dealer, (esp_tidings){.checks = true}),
                  ESP_DEALER_CLOSED);
  CU_ASSERT(esp_comm_rank(comm) != 0 || esp_dealer_failed(dealer));
  end_dealer(dealer);
}

// Who only wants to know whether it is closed gets no number for it.
static void a_check_takes_nothing(void) {
  esp_dealer *dealer = NULL;
  const int size = esp_comm_size(comm);
  double sum = 0;
  CHECK_OK(esp_dealer_create(comm, size, &dealer));
  CU_ASSERT_EQUAL(answer_to(dealer, (esp_tidings){.checks = true}),
                  ESP_DEALER_NONE);
  sum += (double)answer_to(dealer, (esp_tidings){.asks = true});
  CU_ASSERT_EQUAL(answer_to(dealer, (esp_tidings){.checks = true}),
                  ESP_DEALER_NONE);
  end_dealer(dealer);
  esp_comm_sum(comm, &sum, 1);
  CU_ASSERT_EQUAL(sum, size * (size - 1) / 2); // each once
}

static void a_part_has_its_own_ranks(void) {
  esp_comm *part = NULL;
  const int rank = esp_comm_rank(comm);
  CHECK_OK(esp_comm_split(comm, rank % 2, &part));
  CU_ASSERT_EQUAL(esp_comm_rank(part), rank / 2);
  esp_comm_free_part(part);
}

int main(void) {
  static const check_case cases[] = {
      CASE(no_failure_is_no_failure),
      CASE(all_ranks_see_the_failure_of_one),
      CASE(the_worst_failure_wins),
      CASE(numbers_are_gathered_in_rank_order),
      CASE(messages_of_any_size_arrive),
      CASE(every_number_is_dealt_and_told_once),
      CASE(a_closed_dealer_deals_nothing),
      CASE(a_check_takes_nothing),
      CASE(a_part_has_its_own_ranks),
      {NULL, NULL},
  };
  if (esp_comm_open(false, &comm) != ESP_OK) return 1;
  const int result = check_run("comm", cases);
  esp_comm_close(comm);
  return result;
}
