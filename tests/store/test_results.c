// Results written by several ranks, read back as datasets, and what is refused.
// Run with 1, 2 and 3 ranks.
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"
#include "support/check.h"

static int rank, size;
static char folder[64]; // the same on all ranks

static const char *in_folder(const char *name) {
  static char path[128];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

enum { ROWS = 103, COLUMNS = 7 };
static const esp_result two[] = {
    {.path = "/outputs/a",
     .onnx_name = "/a",
     .type = ESP_FLOAT,
     .shape = {2, {ROWS, COLUMNS}}},
    {.path = "/outputs/b", .type = ESP_INT64, .shape = {1, {ROWS}}}};

static void rows_of_all_ranks_are_read_back(void) {
  MPI_Comm world = MPI_COMM_WORLD;
  esp_results *results = NULL;
  CHECK_OK(esp_results_create(&world, in_folder("r.h5"), two, 2, &results));
  for (int row = rank; row < ROWS; row += size) {
    float a[COLUMNS];
    const int64_t b = 1000 + row;
    for (int c = 0; c < COLUMNS; c++) a[c] = (float)(row * COLUMNS + c);
    CHECK_OK(esp_results_write(results, 0, row, 1, a));
    CHECK_OK(esp_results_write(results, 1, row, 1, &b));
  }
  CHECK_OK(esp_results_note(results, "model", "m.onnx"));
  CHECK_OK(esp_results_finish(results));
  esp_results_close(results);
  esp_dataset *set = NULL;
  float a[ROWS * COLUMNS];
  char spec[160];
  (void)snprintf(spec, sizeof spec, "%s:/outputs/a", in_folder("r.h5"));
  CHECK_OK(esp_dataset_open(spec, &set));
  CU_ASSERT_EQUAL(esp_dataset_get_info(set)->shape.dim[0], ROWS);
  CU_ASSERT_EQUAL(esp_dataset_get_info(set)->chunked, false);
  CHECK_OK(esp_dataset_read(set, 0, ROWS, a));
  for (int i = 0; i < ROWS * COLUMNS; i++) CU_ASSERT_EQUAL(a[i], (float)i);
  esp_dataset_close(set);
  MPI_Barrier(MPI_COMM_WORLD);
}

static void no_rows_are_a_file_too(void) {
  MPI_Comm world = MPI_COMM_WORLD;
  const esp_result none = {
      .path = "/outputs/a", .type = ESP_FLOAT, .shape = {2, {0, 3}}};
  esp_results *results = NULL;
  CHECK_OK(
      esp_results_create(&world, in_folder("none.h5"), &none, 1, &results));
  CHECK_OK(esp_results_finish(results));
  esp_results_close(results);
}

static void a_missing_folder_is_said_on_all_ranks(void) {
  MPI_Comm world = MPI_COMM_WORLD;
  esp_results *results = NULL;
  CHECK_STATUS(
      esp_results_create(&world, in_folder("no/r.h5"), two, 2, &results),
      ESP_IO);
}

static void one_path_inside_another_is_refused(void) {
  MPI_Comm world = MPI_COMM_WORLD;
  esp_result both[2] = {two[0], two[1]};
  both[1].path = "/outputs/a/b";
  esp_results *results = NULL;
  CHECK_STATUS(esp_results_create(&world, in_folder("x.h5"), both, 2, &results),
               ESP_BAD_INPUT);
  CU_ASSERT(!esp_results_exist(in_folder("x.h5")));
}

// A disk of one megabyte; needs root.
static void a_full_disk_is_found_before_anything_is_computed(void) {
  MPI_Comm world = MPI_COMM_WORLD;
  int mounted = 0;
  char small[128];
  (void)snprintf(small, sizeof small, "%s", in_folder("small"));
  if (rank == 0) {
    (void)mkdir(small, 0777);
    mounted = mount("tmpfs", small, "tmpfs", 0, "size=1m") == 0;
  }
  MPI_Bcast(&mounted, 1, MPI_INT, 0, MPI_COMM_WORLD);
  if (!mounted) {
    printf("skipped: cannot mount ");
    return;
  }
  const esp_result large = {
      .path = "/outputs/a", .type = ESP_FLOAT, .shape = {2, {1 << 20, 1000}}};
  esp_results *results = NULL;
  CHECK_STATUS(
      esp_results_create(&world, in_folder("small/r.h5"), &large, 1, &results),
      ESP_IO);
  if (rank == 0) check_message("no room");
  MPI_Barrier(MPI_COMM_WORLD);
  CU_ASSERT(!esp_results_exist(in_folder("small/r.h5")));
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) (void)umount(small);
}

static void names_become_paths(void) {
  static const struct {
    const char *name, *path;
  } pairs[] = {{"logits", "/outputs/logits"},
               {"/head/out", "/outputs/head.out"},
               {"", "/outputs/output"},
               {"a:0", "/outputs/a:0"},
               {".", "/outputs/_"}};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    char *path = NULL;
    CHECK_OK(esp_results_path("/outputs", pairs[i].name, &path));
    CU_ASSERT_STRING_EQUAL(path, pairs[i].path);
    free(path);
  }
}

int main(int argc, char **argv) {
  static const check_case cases[] = {
      CASE(rows_of_all_ranks_are_read_back),
      CASE(no_rows_are_a_file_too),
      CASE(a_missing_folder_is_said_on_all_ranks),
      CASE(one_path_inside_another_is_refused),
      CASE(a_full_disk_is_found_before_anything_is_computed),
      CASE(names_become_paths),
      {NULL, NULL},
  };
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  (void)snprintf(folder, sizeof folder, "/tmp/esp-results-XXXXXX");
  if (rank == 0 && mkdtemp(folder) == NULL) return 1;
  MPI_Bcast(folder, (int)sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  const int result = check_run("store/results", cases);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) {
    (void)unlink(in_folder("r.h5"));
    (void)unlink(in_folder("none.h5"));
    (void)rmdir(in_folder("small"));
    (void)rmdir(folder);
  }
  MPI_Finalize();
  return result;
}
