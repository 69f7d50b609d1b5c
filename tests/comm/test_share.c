// Weights that ranks of a node have in common are kept once.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/constant.h"
#include "comm/comm.h"
#include "support/check.h"

static esp_comm *comm;

enum { LARGE = 8 << 20, BLOCKS = 5 };

static void fill(unsigned char *bytes, size_t count, int seed) {
  for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)(i * 7 + seed);
}

static bool holds(const unsigned char *bytes, size_t count, int seed) {
  size_t i = 0;
  while (i < count && bytes[i] == (unsigned char)(i * 7 + seed)) i++;
  return i == count;
}

// Kilobytes of this process, pages of several counted by their share.
static long proportional_kb(void) {
  char line[256];
  long kb = -1;
  FILE *file = fopen("/proc/self/smaps_rollup", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "Pss:", 4) == 0) kb = strtol(line + 4, NULL, 10);
  }
  if (file != NULL) (void)fclose(file);
  return kb;
}

// Block 3 is of each rank alone, block 4 too small to be listed.
static void what_is_alike_is_kept_once(void) {
  const int rank = esp_comm_rank(comm), size = esp_comm_size(comm);
  void *block[BLOCKS];
  const size_t bytes[BLOCKS] = {LARGE, LARGE + 1, LARGE, LARGE, 1000};
  for (int b = 0; b < BLOCKS; b++) {
    CHECK_OK(esp_constant_allocate(bytes[b], &block[b]));
    fill(block[b], bytes[b], b == 3 ? 100 + rank : b);
  }
  esp_comm_barrier(comm);
  const long before = proportional_kb();
  esp_comm_barrier(comm);
  const size_t shared = esp_comm_share_constants(comm);
  for (int b = 0; b < BLOCKS; b++) {
    CU_ASSERT(holds(block[b], bytes[b], b == 3 ? 100 + rank : b));
  }
  esp_comm_barrier(comm);
  const long after = proportional_kb();
  esp_comm_barrier(comm);
  if (size > 1) {
    CU_ASSERT(shared >= 3 * (size_t)LARGE && shared < 4 * (size_t)LARGE);
    const long saved = 3 * (LARGE >> 10) * (size - 1) / size;
    CU_ASSERT(before - after > saved * 9 / 10);
  } else {
    CU_ASSERT_EQUAL(shared, 0);
  }
  for (int b = 0; b < BLOCKS; b++) esp_constant_free(block[b]);
  esp_comm_barrier(comm);
}

// A second time, with some that are shared already.
static void blocks_come_and_go(void) {
  void *first, *second;
  CHECK_OK(esp_constant_allocate(LARGE, &first));
  fill(first, LARGE, 1);
  (void)esp_comm_share_constants(comm);
  CHECK_OK(esp_constant_allocate(LARGE, &second));
  fill(second, LARGE, 2);
  (void)esp_comm_share_constants(comm);
  CU_ASSERT(holds(first, LARGE, 1));
  CU_ASSERT(holds(second, LARGE, 2));
  esp_constant_free(first);
  (void)esp_comm_share_constants(comm);
  CU_ASSERT(holds(second, LARGE, 2));
  esp_constant_free(second);
}

// What is shared belongs to all: writing it ends the one who does.
static void shared_weights_cannot_be_written(void) {
  void *block;
  CHECK_OK(esp_constant_allocate(LARGE, &block));
  if (esp_comm_share_constants(comm) > 0) {
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      *(volatile char *)block = 1;
      _exit(0);
    }
    int status = 0;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
  }
  esp_constant_free(block);
}

static void ranks_may_have_nothing(void) {
  CU_ASSERT_EQUAL(esp_comm_share_constants(comm), 0);
  void *block = NULL; // rank 0 alone has some
  if (esp_comm_rank(comm) == 0) CHECK_OK(esp_constant_allocate(LARGE, &block));
  CU_ASSERT_EQUAL(esp_comm_share_constants(comm), 0);
  esp_constant_free(block);
}

// Of a rank with its neighbour: more bytes take more time, and all know it.
static void messages_through_memory_are_timed(void) {
  double empty = -1, large = -1;
  if (esp_comm_size(comm) == 1) return;
  CHECK_OK(esp_comm_time_shared(comm, 1, 8, &empty));
  CHECK_OK(esp_comm_time_shared(comm, 1, LARGE, &large));
  CU_ASSERT(empty > 0 && empty < large);
  double seconds[] = {empty, large};
  esp_comm_sum(comm, seconds, 2);
  CU_ASSERT_DOUBLE_EQUAL(seconds[0], esp_comm_size(comm) * empty, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(seconds[1], esp_comm_size(comm) * large, 1e-9);
}

int main(void) {
  static const check_case cases[] = {
      CASE(what_is_alike_is_kept_once),        CASE(blocks_come_and_go),
      CASE(shared_weights_cannot_be_written),  CASE(ranks_may_have_nothing),
      CASE(messages_through_memory_are_timed), {NULL, NULL},
  };
  if (esp_comm_open(false, &comm) != ESP_OK) return 1;
  const int result = check_run("comm/share", cases);
  esp_comm_close(comm);
  return result;
}
