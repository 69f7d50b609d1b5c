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

// Created, published and opened.
static esp_results *make(const char *name, const esp_note *note, int notes) {
  MPI_Comm world = MPI_COMM_WORLD;
  esp_results *results = NULL;
  char part[128], path[128];
  (void)snprintf(part, sizeof part, "%s", in_folder("part"));
  (void)snprintf(path, sizeof path, "%s", in_folder(name));
  CHECK_OK(esp_results_create(&world, part, two, 2, note, notes));
  CHECK_OK(esp_results_publish(&world, part, path));
  CHECK_OK(esp_results_open(&world, path, two, 2, &results));
  return results;
}

static void rows_of_all_ranks_are_read_back(void) {
  const esp_note note = {"model", "m.onnx"};
  esp_results *results = make("r.h5", &note, 1);
  for (int row = rank; row < ROWS; row += size) {
    float a[COLUMNS];
    const int64_t b = 1000 + row;
    for (int c = 0; c < COLUMNS; c++) a[c] = (float)(row * COLUMNS + c);
    CHECK_OK(esp_results_write(results, 0, row, 1, a));
    CHECK_OK(esp_results_write(results, 1, row, 1, &b));
  }
  float again[COLUMNS] = {0};
  CHECK_OK(esp_results_read(results, 0, rank, 1, again));
  for (int c = 0; c < COLUMNS; c++) {
    CU_ASSERT_EQUAL(again[c], (float)(rank * COLUMNS + c));
  }
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

static void expect_done(esp_results *results, int64_t first, int64_t end,
                        int64_t starts) {
  esp_journal journal;
  CHECK_OK(esp_results_read_journal(results, &journal));
  CU_ASSERT_EQUAL(esp_ranges_total(&journal.done), end - first);
  CU_ASSERT(esp_ranges_cover(&journal.done, first, end));
  CU_ASSERT_EQUAL(journal.starts, starts);
  esp_ranges_end(&journal.done);
  MPI_Barrier(MPI_COMM_WORLD); // before anybody writes the next
}

static int64_t number_at(const char *bytes, size_t at) {
  int64_t number;
  memcpy(&number, bytes + at, sizeof number);
  return number;
}

// Where the two records begin: both start with the format, and the second
// number of one is one more than that of the other.
static long find_journal(FILE *file, size_t words) {
  static char all[1 << 20];
  const size_t apart = 8 * words;
  const size_t count = fread(all, 1, sizeof all, file);
  for (size_t i = 0; i + 2 * apart <= count; i++) {
    const int64_t a = number_at(all, i + 8), b = number_at(all, i + apart + 8);
    if (number_at(all, i) == 1 && number_at(all, i + apart) == 1 &&
        (a - b == 1 || b - a == 1)) {
      return (long)i;
    }
  }
  CU_FAIL_FATAL("there is no journal");
  return 0;
}

// Spoils one number of the journal, as a write that was cut off may.
static void spoil(int64_t record, int64_t word) {
  esp_dataset *set = NULL;
  char spec[160];
  (void)snprintf(spec, sizeof spec, "%s:/espalier/journal", in_folder("j.h5"));
  CHECK_OK(esp_dataset_open(spec, &set));
  const int64_t words = esp_dataset_get_info(set)->shape.dim[1];
  esp_dataset_close(set);
  // The journal is in one piece: what lies before it is found by its length.
  FILE *file = fopen(in_folder("j.h5"), "r+b");
  CU_ASSERT_FATAL(file != NULL);
  const long at = find_journal(file, (size_t)words);
  const int64_t junk = 77;
  CU_ASSERT(fseek(file, at + 8 * (long)(record * words + word), SEEK_SET) == 0);
  CU_ASSERT(fwrite(&junk, sizeof junk, 1, file) == 1);
  (void)fclose(file);
}

static void a_journal_that_was_cut_off_leaves_the_one_before(void) {
  MPI_Comm world = MPI_COMM_WORLD;
  esp_results *results = make("j.h5", NULL, 0);
  expect_done(results, 0, 0, 0);
  esp_journal journal = {.starts = 1};
  for (int64_t end = 10; end <= 30; end += 10) {
    CHECK_OK(esp_ranges_add(&journal.done, end - 10, end));
    if (rank == 0) CHECK_OK(esp_results_write_journal(results, &journal));
    MPI_Barrier(world);
    expect_done(results, 0, end, 1);
  }
  esp_ranges_end(&journal.done);
  esp_results_close(results);
  MPI_Barrier(world);
  if (rank == 0) spoil(1, 9); // the third record; the second stands in 0
  MPI_Barrier(world);
  CHECK_OK(esp_results_open(&world, in_folder("j.h5"), two, 2, &results));
  expect_done(results, 0, 20, 1);
  esp_results_close(results);
  MPI_Barrier(world);
  if (rank == 0) spoil(0, 2);
  MPI_Barrier(world);
  CHECK_OK(esp_results_open(&world, in_folder("j.h5"), two, 2, &results));
  expect_done(results, 0, 0, 0);
  esp_results_close(results);
}

static void more_ranges_than_a_journal_holds_are_done_again(void) {
  MPI_Comm world = MPI_COMM_WORLD;
  esp_results *results = make("j.h5", NULL, 0);
  esp_journal journal = {.starts = 1};
  // Every tenth range is long.
  enum { MANY = ESP_JOURNAL_RANGES + 1000 };
  for (int64_t i = 0; i < MANY; i++) {
    const int64_t rows = i % 10 == 0 ? 50 : 3;
    CHECK_OK(esp_ranges_add(&journal.done, 100 * i, 100 * i + rows));
  }
  const int64_t total = esp_ranges_total(&journal.done);
  if (rank == 0) CHECK_OK(esp_results_write_journal(results, &journal));
  esp_ranges_end(&journal.done);
  MPI_Barrier(world);
  CHECK_OK(esp_results_read_journal(results, &journal));
  MPI_Barrier(world);
  CU_ASSERT_EQUAL(journal.done.count, ESP_JOURNAL_RANGES);
  CU_ASSERT_EQUAL(esp_ranges_total(&journal.done), total - 3 * 1000);
  esp_ranges_end(&journal.done);
  esp_results_close(results);
}

static void other_results_are_not_opened(void) {
  MPI_Comm world = MPI_COMM_WORLD;
  esp_results *results = make("j.h5", NULL, 0);
  esp_results_close(results);
  esp_result other[2] = {two[0], two[1]};
  other[1].type = ESP_INT32;
  CHECK_STATUS(esp_results_open(&world, in_folder("j.h5"), other, 2, &results),
               ESP_BAD_INPUT);
}

static void what_is_written_is_synced(void) {
  esp_results *results = make("j.h5", NULL, 0);
  esp_status status = ESP_INTERNAL;
  CU_ASSERT(esp_results_synced(results, &status)); // none begun
  for (int i = 0; i < 3; i++) {
    esp_results_sync(results);
    while (!esp_results_synced(results, &status)) (void)usleep(100);
    CU_ASSERT_EQUAL(status, ESP_OK);
  }
  esp_results_sync(results);
  esp_results_close(results); // waits
}

static void no_rows_are_a_file_too(void) {
  MPI_Comm world = MPI_COMM_WORLD;
  const esp_result none = {
      .path = "/outputs/a", .type = ESP_FLOAT, .shape = {2, {0, 3}}};
  esp_results *results = NULL;
  CHECK_OK(esp_results_create(&world, in_folder("none.h5"), &none, 1, NULL, 0));
  CHECK_OK(esp_results_open(&world, in_folder("none.h5"), &none, 1, &results));
  CHECK_OK(esp_results_finish(results));
  esp_results_close(results);
}

static void a_missing_folder_is_said_on_all_ranks(void) {
  MPI_Comm world = MPI_COMM_WORLD;
  CHECK_STATUS(
      esp_results_create(&world, in_folder("no/r.h5"), two, 2, NULL, 0),
      ESP_IO);
}

static void one_path_inside_another_is_refused(void) {
  MPI_Comm world = MPI_COMM_WORLD;
  esp_result both[2] = {two[0], two[1]};
  both[1].path = "/outputs/a/b";
  CHECK_STATUS(esp_results_create(&world, in_folder("x.h5"), both, 2, NULL, 0),
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
  CHECK_STATUS(
      esp_results_create(&world, in_folder("small/r.h5"), &large, 1, NULL, 0),
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
      CASE(a_journal_that_was_cut_off_leaves_the_one_before),
      CASE(more_ranges_than_a_journal_holds_are_done_again),
      CASE(other_results_are_not_opened),
      CASE(what_is_written_is_synced),
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
    (void)unlink(in_folder("j.h5"));
    (void)rmdir(in_folder("small"));
    (void)rmdir(folder);
  }
  MPI_Finalize();
  return result;
}
