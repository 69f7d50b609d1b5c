// Cores shared among ranks, numbers of threads, and what doctor makes of it.
#include <stdlib.h>
#include <string.h>

#include "api/doctor.h"
#include "support/check.h"

static esp_cores cores_of(const char *units) {
  esp_cores made = {0};
  for (const char *c = units; *c != '\0'; c++) {
    if (*c != ' ') made.unit[made.count++] = *c - '0';
  }
  return made;
}

typedef struct sharing {
  const char *mask[4]; // what each rank may use; NULL: no more ranks
  const char *mine[4]; // what each gets
  bool shared;
} sharing;

static void every_core_goes_to_one_rank(void) {
  static const sharing table[] = {
      {{"0 1 2 3"}, {"0 1 2 3"}, false},
      {{"0 1 2 3", "0 1 2 3"}, {"0 1", "2 3"}, false},
      {{"0 1 2", "0 1 2"}, {"0", "1 2"}, false},
      {{"0 1", "2 3"}, {"0 1", "2 3"}, false},
      {{"0", "1"}, {"0", "1"}, false},
      // Overlapping: the one with less choice is served first.
      {{"0 1 2 3", "0 1"}, {"2 3", "0 1"}, false},
      {{"0 1 2 3", "3"}, {"0 1 2", "3"}, false},
      {{"0 1", "1 2", "2 3"}, {"0", "1 2", "3"}, false},
      // Too few.
      {{"0 1", "0 1", "0 1"}, {"0", "1", "0"}, true},
  };
  for (size_t t = 0; t < sizeof table / sizeof table[0]; t++) {
    esp_cores mask[4] = {{0}};
    int ranks = 0;
    while (ranks < 4 && table[t].mask[ranks] != NULL) {
      mask[ranks] = cores_of(table[t].mask[ranks]);
      ranks++;
    }
    for (int r = 0; r < ranks; r++) {
      esp_cores mine;
      bool shared;
      esp_resources_share(mask, ranks, r, &mine, &shared);
      CU_ASSERT_EQUAL(shared, table[t].shared);
      if (table[t].shared) {
        CU_ASSERT_EQUAL(mine.count, 1);
        continue;
      }
      const esp_cores want = cores_of(table[t].mine[r]);
      char have[32], text[32];
      CU_ASSERT_STRING_EQUAL(esp_cores_text(&mine, have, sizeof have),
                             esp_cores_text(&want, text, sizeof text));
    }
  }
}

static void no_core_is_counted_twice(void) {
  for (int round = 0; round < 200; round++) {
    enum { RANKS = 5, UNITS = 12 };
    esp_cores mask[RANKS] = {{0}};
    for (int r = 0; r < RANKS; r++) {
      for (int u = 0; u < UNITS; u++) {
        if (check_random() % 2 == 0) mask[r].unit[mask[r].count++] = u;
      }
      if (mask[r].count == 0) mask[r].unit[mask[r].count++] = r;
    }
    int owners[UNITS] = {0};
    for (int r = 0; r < RANKS; r++) {
      esp_cores mine;
      bool shared;
      esp_resources_share(mask, RANKS, r, &mine, &shared);
      CU_ASSERT(mine.count >= 1);
      for (int i = 0; i < mine.count && !shared; i++) owners[mine.unit[i]]++;
    }
    for (int u = 0; u < UNITS; u++) CU_ASSERT(owners[u] <= 1);
  }
}

static void units_are_written_as_ranges(void) {
  const esp_cores cores = cores_of("0 1 2 5 7 8");
  char text[32];
  CU_ASSERT_STRING_EQUAL(esp_cores_text(&cores, text, sizeof text),
                         "0-2,5,7-8");
}

// Numbers ---------------------------------------------------------------------

static void clear(void) {
  (void)unsetenv("OMP_NUM_THREADS");
  (void)unsetenv("OMP_THREAD_LIMIT");
  (void)unsetenv("ESPALIER_WIDTH");
  (void)unsetenv("ESPALIER_WORKERS");
}

static void the_width_comes_from_the_first_that_says_something(void) {
  int width = -1;
  clear();
  CHECK_OK(esp_threads_width(0, &width));
  CU_ASSERT_EQUAL(width, 0);
  (void)setenv("OMP_NUM_THREADS", "4,2", 1);
  CHECK_OK(esp_threads_width(0, &width));
  CU_ASSERT_EQUAL(width, 4);
  CHECK_OK(esp_threads_width(4, &width));
  CHECK_STATUS(esp_threads_width(3, &width), ESP_USAGE);
  check_message("width is 3 and OMP_NUM_THREADS is 4: unset");
  (void)setenv("ESPALIER_WIDTH", "2", 1);
  CHECK_STATUS(esp_threads_width(0, &width), ESP_USAGE);
  check_message("ESPALIER_WIDTH is 2 and OMP_NUM_THREADS is 4");
  (void)unsetenv("OMP_NUM_THREADS");
  CHECK_OK(esp_threads_width(0, &width));
  CU_ASSERT_EQUAL(width, 2);
  CHECK_OK(esp_threads_width(3, &width));
  CU_ASSERT_EQUAL(width, 3);
  (void)setenv("OMP_THREAD_LIMIT", "2", 1);
  CHECK_STATUS(esp_threads_width(3, &width), ESP_USAGE);
  check_message("OMP_THREAD_LIMIT is 2");
  (void)setenv("OMP_THREAD_LIMIT", "many", 1);
  CHECK_STATUS(esp_threads_width(1, &width), ESP_USAGE);
  check_message("\"many\", expected a number");
  clear();
}

static void the_workers_too(void) {
  int workers = -1;
  clear();
  (void)setenv("ESPALIER_WORKERS", "3", 1);
  CHECK_OK(esp_threads_workers(0, &workers));
  CU_ASSERT_EQUAL(workers, 3);
  CHECK_OK(esp_threads_workers(2, &workers));
  CU_ASSERT_EQUAL(workers, 2);
  clear();
}

static void more_threads_than_cores_are_an_error_unless_asked_for(void) {
  CHECK_OK(esp_threads_check(1, 2, 2, 4, false));
  CHECK_STATUS(esp_threads_check(2, 2, 2, 4, false), ESP_USAGE);
  check_message("2 streams x 2 inter-op x 2 intra-op threads");
  check_message("4 cores");
  CHECK_OK(esp_threads_check(2, 2, 2, 4, true));
  CHECK_STATUS(esp_threads_check(1, 0, 1, 4, true), ESP_USAGE);
}

// Doctor ----------------------------------------------------------------------

static const esp_surroundings healthy = {.machine_cores = 4,
                                         .mask_cores = 4,
                                         .my_cores = 4,
                                         .ranks = 1,
                                         .ranks_here = 1,
                                         .workers = 4,
                                         .width = 1,
                                         .threads = true};

static void judge(const esp_surroundings *s, const char *part, bool problem) {
  esp_diagnosis d = {0};
  CHECK_OK(esp_doctor_judge(s, &d));
  CU_ASSERT_EQUAL(esp_diagnosis_has_problem(&d), problem);
  bool found = part == NULL && d.nsymptom == 0;
  for (size_t i = 0; i < d.nsymptom && part != NULL; i++) {
    found = found || strstr(d.symptom[i].what, part) != NULL;
    CU_ASSERT(d.symptom[i].fix[0] != '\0');
  }
  CU_ASSERT(found);
  esp_diagnosis_end(&d);
}

static void each_symptom_is_recognised(void) {
  judge(&healthy, NULL, false);
  esp_surroundings s = healthy;
  s.mask_cores = 2;
  judge(&s, "affinity mask has 2 of the machine's 4 cores", false);
  s = healthy;
  s.cpu_quota = 1.5;
  judge(&s, "time of 1.5 cores, the mask has 4", false);
  s = healthy;
  s.shared = true;
  s.ranks_here = 9;
  judge(&s, "9 ranks on this node share too few cores", false);
  judge(&s, "Open MPI does not yield", false);
  s = healthy;
  s.refusal = "the moon is full";
  judge(&s, "would be refused: the moon is full", true);
  s = healthy;
  s.workers = 1;
  judge(&s, "leave 3 of 4 cores idle", false);
  s = healthy;
  s.width = 2;
  s.workers = 2;
  s.bound_by_openmp = true;
  judge(&s, "bound to the same cores", false);
  s = healthy;
  s.slurm_cpus = 8;
  judge(&s, "asked for 8 cores for each task", false);
  s = healthy;
  s.isa_limited = true;
  judge(&s, "older instruction set", false);
  s = healthy;
  s.threads = false;
  judge(&s, "MPI_THREAD_MULTIPLE", false);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_core_goes_to_one_rank),
      CASE(no_core_is_counted_twice),
      CASE(units_are_written_as_ranges),
      CASE(the_width_comes_from_the_first_that_says_something),
      CASE(the_workers_too),
      CASE(more_threads_than_cores_are_an_error_unless_asked_for),
      CASE(each_symptom_is_recognised),
      {NULL, NULL},
  };
  return check_run("resources", cases);
}
