// Cluster files: what they say, and what is refused with which line.
#include "config/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"

static char path[] = "/tmp/cluster-XXXXXX";

static esp_status load(const char *text, esp_cluster *cluster) {
  FILE *file = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  (void)fputs(text, file);
  (void)fclose(file);
  return esp_cluster_load(path, cluster);
}

static void refused(const char *text, const char *words) {
  esp_cluster cluster;
  CHECK_STATUS(load(text, &cluster), ESP_BAD_INPUT);
  check_message(words);
  esp_cluster_end(&cluster);
}

static void a_file_says_what_is_there(void) {
  esp_cluster c;
  CHECK_OK(load("nodes: 3\nranks_per_node: 2\ncore_flops: 50e9\n"
                "network_latency: 2e-5\nspeeds: [1, 2 x 0.5]\n",
                &c));
  CU_ASSERT_EQUAL(c.nodes, 3);
  CU_ASSERT_EQUAL(c.ranks_per_node, 2);
  CU_ASSERT_EQUAL(c.cores_per_rank, 1);
  CU_ASSERT_EQUAL(c.core_flops, 50e9);
  CU_ASSERT_EQUAL(c.network_latency, 2e-5);
  CU_ASSERT_EQUAL(c.network_bandwidth, 0); // as is typical
  CU_ASSERT_EQUAL_FATAL(c.speeds, 3);
  CU_ASSERT_EQUAL(c.speed[0], 1);
  CU_ASSERT_EQUAL(c.speed[2], 0.5);
  esp_cluster_end(&c);
}

static void errors_name_line_and_key(void) {
  refused("nodes: 0\n", ":1: nodes is \"0\", expected a whole number from 1");
  refused("nodes: 2\nnode: 3\n", ":2: there is no key \"node\"; did you mean");
  refused("nodes: 2\ncolour: 3\n", ":2: there is no key \"colour\"");
  refused("nodes: 2.5\n", "expected a whole number");
  refused("core_flops: -1\n", "expected a number above 0 (operations/s)");
  refused("core_flops: nan\n", "expected a number above 0");
  refused("network_latency: 5 us\n", "expected a number above 0 (s)");
  refused("nodes: 2\nspeeds: [1]\n", "1 numbers for 2 nodes");
  refused("nodes: 2\nspeeds: [1, fast]\n", ":2: speeds: \"fast\"");
  refused("nodes: 2\nspeeds: [1, 0 x 2]\n", "\"0 x 2\"");
  refused("nodes: 1048576\nranks_per_node: 2\n", "more than 1048576 ranks");
  refused("nodes: [1, 2]\n", ":1: nodes: expected one text");
  refused("", "there is nothing");
  esp_cluster cluster;
  CHECK_STATUS(esp_cluster_load("/nonexistent.yaml", &cluster), ESP_IO);
  check_message("cluster file");
}

static void the_page_names_every_key(void) {
  static const char *const names[] = {
#define KEY(member, kind, fallback, least, unit, help) "`" #member "`",
#include "config/cluster_keys.h"
#undef KEY
      "`speeds`"};
  char *page = calloc(1, 1 << 16);
  FILE *file = fopen(CLUSTER_FILE_PAGE, "rb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  (void)fread(page, 1, (1 << 16) - 1, file);
  (void)fclose(file);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    CU_ASSERT_PTR_NOT_NULL(strstr(page, names[i]));
  }
  free(page);
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_file_says_what_is_there),
      CASE(errors_name_line_and_key),
      CASE(the_page_names_every_key),
      {NULL, NULL},
  };
  const int file = mkstemp(path);
  const int result = check_run("cluster", cases);
  (void)close(file);
  (void)unlink(path);
  return result;
}
