// Each reason by the figures on which it turns.
#include "report/reasons.h"

#include <string.h>

#include "support/check.h"

// A model of 100 ms with even branches of 10 ms on a machine of four cores:
// nothing keeps it back.
static esp_reason_figures good(void) {
  return (esp_reason_figures){.cores = 4,
                              .mask_cores = 4,
                              .machine_cores = 4,
                              .total = 0.1,
                              .span = 0.02,
                              .alone = 0.1,
                              .branches = 8,
                              .branch_seconds = 0.01,
                              .handover_seconds = 5e-6,
                              .free_gain = 3.6,
                              .paid_gain = 3.5,
                              .ranks = 2,
                              .message_seconds = 60e-6,
                              .free_ranks_gain = 1.9,
                              .ranks_gain = 1.8,
                              .region_seconds = 3e-6,
                              .short_share = 0.01,
                              .operator_seconds = 1e-3,
                              .batch = 8,
                              .traffic_bytes = 1e8,
                              .working_bytes = 1e8,
                              .cache_bytes = 32e6,
                              .bytes_per_second = 2e10};
}

// The one reason that holds, or NULL.
static const esp_reason *only(const esp_reason_figures *figures) {
  static esp_reason found[ESP_MAX_REASONS];
  const int count = esp_reasons_find(figures, found);
  CU_ASSERT(count <= 1);
  return count == 1 ? found : NULL;
}

static void expect(const esp_reason_figures *f, const char *name,
                   const char *concerns, const char *part) {
  const esp_reason *reason = only(f);
  CU_ASSERT_PTR_NOT_NULL_FATAL(reason);
  CU_ASSERT_STRING_EQUAL(reason->name, name);
  CU_ASSERT_STRING_EQUAL(reason->concerns, concerns);
  CU_ASSERT_PTR_NOT_NULL(strstr(reason->text, part));
  if (strstr(reason->text, part) == NULL) printf("\n%s\n", reason->text);
}

static void a_good_model_has_none(void) {
  const esp_reason_figures f = good();
  CU_ASSERT_PTR_NULL(only(&f));
}

static void one_core_names_who_set_it(void) {
  esp_reason_figures f = good();
  f.cores = f.mask_cores = 1;
  f.free_gain = f.paid_gain = 1;
  expect(&f, "one_core", "all", "1 of the machine's 4 processors (set by task");
  f.omp_proc_bind = "close";
  expect(&f, "one_core", "all", "OMP_PROC_BIND=close");
  f.omp_proc_bind = "FALSE";
  expect(&f, "one_core", "all", "taskset");
  f.gomp_cpu_affinity = "2";
  expect(&f, "one_core", "all", "GOMP_CPU_AFFINITY=2");
  f.gomp_cpu_affinity = NULL;
  f.machine_cores = 1;
  expect(&f, "one_core", "all", "this machine has one core");
  f.cores = 4;
  f.cores_asked = true;
  CU_ASSERT_PTR_NULL(only(&f));
}

static void pinned_threads_are_named(void) {
  esp_reason_figures f = good();
  f.gomp_cpu_affinity = "0 0 1";
  expect(&f, "pinned_together", "all", "names 2 processors for 4 cores");
  f.gomp_cpu_affinity = "0-3";
  CU_ASSERT_PTR_NULL(only(&f));
}

static void lists_of_processors_are_read(void) {
  CU_ASSERT_EQUAL(esp_reasons_count_cpus("0"), 1);
  CU_ASSERT_EQUAL(esp_reasons_count_cpus("0 3 1-2 4-15:2"), 10);
  CU_ASSERT_EQUAL(esp_reasons_count_cpus("0,0, 1"), 2);
  CU_ASSERT_EQUAL(esp_reasons_count_cpus(""), 0);
  CU_ASSERT_EQUAL(esp_reasons_count_cpus("3-1"), -1);
  CU_ASSERT_EQUAL(esp_reasons_count_cpus("x"), -1);
  CU_ASSERT_EQUAL(esp_reasons_count_cpus("0-8:0"), -1);
  CU_ASSERT_EQUAL(esp_reasons_count_cpus("99999999999"), -1);
}

static void omp_num_threads_of_one_is_named(void) {
  esp_reason_figures f = good();
  f.omp_num_threads = "1";
  expect(&f, "omp_num_threads", "width", "OMP_NUM_THREADS=1");
  f.omp_num_threads = "1,2";
  expect(&f, "omp_num_threads", "width", "OMP_NUM_THREADS=1,2");
  f.omp_num_threads = "2";
  CU_ASSERT_PTR_NULL(only(&f));
}

static void a_chain_has_no_branches(void) {
  esp_reason_figures f = good();
  f.span = 0.098;
  f.free_gain = f.paid_gain = 1.02;
  expect(&f, "no_branches", "workers", "98 of 100 ms");
  f.span = 0.09;
  f.free_gain = f.paid_gain = 1.1;
  f.alone = 0.85;
  expect(&f, "few_branches", "workers", "85 %");
}

static void branches_are_weighed_against_handovers(void) {
  esp_reason_figures f = good();
  f.branch_seconds = 4e-6;
  f.paid_gain = 1.2;
  expect(&f, "small_branches", "workers", "4 us each");
  expect(&f, "small_branches", "workers", "takes 5 us at the least");
  f.paid_gain = 2.4; // more than half of 3.6 is kept
  CU_ASSERT_PTR_NULL(only(&f));
  f.paid_gain = 1.2;
  f.branch_seconds = 1e-3; // whatever it was, it was not the hand-over
  CU_ASSERT_PTR_NULL(only(&f));
}

static void branches_are_weighed_against_messages(void) {
  esp_reason_figures f = good();
  f.branch_seconds = 40e-6;
  f.ranks_gain = 1;
  expect(&f, "dear_messages", "ranks", "40 us each");
  expect(&f, "dear_messages", "ranks", "takes 60 us");
}

static void short_operators_want_a_larger_batch(void) {
  esp_reason_figures f = good();
  f.short_share = 0.6;
  f.batch = 1;
  expect(&f, "small_batch", "width", "60 %");
  f.cores = 1;
  CU_ASSERT_PTR_NULL(only(&f));
  CU_ASSERT(esp_reasons_is_short(10e-6, 2, 3e-6));
  CU_ASSERT_FALSE(esp_reasons_is_short(20e-6, 2, 3e-6));
}

static void memory_counts_beyond_the_cache(void) {
  esp_reason_figures f = good();
  f.traffic_bytes = 1e9; // 50 ms at 20 GB/s, against 25 ms
  expect(&f, "memory_bandwidth", "all", "50 ms at the 20 GB/s");
  expect(&f, "memory_bandwidth", "all", "2.00x");
  f.working_bytes = 1e6;
  CU_ASSERT_PTR_NULL(only(&f));
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_good_model_has_none),
      CASE(one_core_names_who_set_it),
      CASE(pinned_threads_are_named),
      CASE(lists_of_processors_are_read),
      CASE(omp_num_threads_of_one_is_named),
      CASE(a_chain_has_no_branches),
      CASE(branches_are_weighed_against_handovers),
      CASE(branches_are_weighed_against_messages),
      CASE(short_operators_want_a_larger_batch),
      CASE(memory_counts_beyond_the_cache),
      {NULL, NULL},
  };
  return check_run("reasons", cases);
}
