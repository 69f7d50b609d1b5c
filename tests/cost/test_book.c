// What is measured and kept: read back, and not believed where it is not whole.
#include "cost/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"

static char folder[] = "/tmp/book-XXXXXX";
static const char key[] = "model 7\nbatch 3\n";

static void write_book(void) {
  double seconds[3] = {1e-3, 0, 2.5e-6};
  const esp_book book = {.way = {2, 3, 4, false},
                         .chosen = true,
                         .batch = 5,
                         .nodes = 3,
                         .seconds = seconds};
  CHECK_OK(esp_book_write(key, &book));
}

static void what_is_written_is_read(void) {
  esp_book book;
  write_book();
  esp_book_read(key, &book);
  CU_ASSERT_EQUAL(book.nodes, 3);
  CU_ASSERT_EQUAL(book.way.streams, 2);
  CU_ASSERT_EQUAL(book.way.workers, 3);
  CU_ASSERT_EQUAL(book.way.width, 4);
  CU_ASSERT(book.chosen);
  CU_ASSERT_EQUAL(book.batch, 5);
  CU_ASSERT(!book.batch_chosen);
  CU_ASSERT_DOUBLE_EQUAL(book.seconds[2], 2.5e-6, 1e-11);
  esp_book_end(&book);
  esp_book_read("model 8\nbatch 3\n", &book);
  CU_ASSERT_EQUAL(book.nodes, 0);
  esp_book_end(&book);
}

static void a_molded_way_has_two_times_of_a_node(void) {
  double wide[2] = {1e-3, 2e-3}, narrow[2] = {1.5e-3, 1e-3};
  const esp_book written = {.way = {1, 1, 8, true},
                            .batch = 1,
                            .nodes = 2,
                            .seconds = wide,
                            .narrow = narrow};
  esp_book book;
  CHECK_OK(esp_book_write(key, &written));
  esp_book_read(key, &book);
  CU_ASSERT(esp_way_same(&book.way, &written.way));
  CU_ASSERT_EQUAL_FATAL(book.nodes, 2);
  CU_ASSERT_DOUBLE_EQUAL(book.seconds[1], 2e-3, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(book.narrow[0], 1.5e-3, 1e-9);
  esp_book_end(&book);
  write_book();
  esp_book_read(key, &book);
  CU_ASSERT_PTR_NULL(book.narrow);
  esp_book_end(&book);
}

// The one file of the folder.
static void find_file(char path[256]) {
  char command[128];
  (void)snprintf(command, sizeof command, "ls %s/deep/*.costs", folder);
  FILE *list = popen(command, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(list);
  CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(path, 256, list));
  path[strcspn(path, "\n")] = '\0';
  (void)pclose(list);
}

static void change(const char *from, const char *to) {
  char path[256], text[4096] = "";
  write_book();
  find_file(path);
  FILE *file = fopen(path, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  const size_t bytes = fread(text, 1, sizeof text - 1, file);
  text[bytes] = '\0';
  (void)fclose(file);
  char *at = strstr(text, from);
  CU_ASSERT_PTR_NOT_NULL_FATAL(at);
  file = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fprintf(file, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  (void)fclose(file);
}

static void damage_is_no_book(void) {
  static const char *const changes[][2] = {
      {"costs 2", "costs 3"},   {"model 7", "model 9"},
      {"nodes 3", "nodes 4"},   {"nodes 3", "nodes -1"},
      {"nodes 3", "nodes 1e9"}, {"way 2 3 4", "way 0 3 4"},
      {"4 0 1", "4 1 1"}, // molded, without the times of narrow nodes
      {"way 2", "way x"},       {"batch 5", "batch 0"},
      {"0.001", "-1"},          {"0.001", "nan"},
      {"0.001", "inf"},
  };
  for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
    esp_book book;
    change(changes[i][0], changes[i][1]);
    esp_book_read(key, &book);
    CU_ASSERT_EQUAL(book.nodes, 0);
    CU_ASSERT_PTR_NULL(book.seconds);
    esp_book_end(&book);
  }
}

static void a_folder_that_cannot_be_is_said(void) {
  esp_book book = {.way = {1, 1, 1, false}, .batch = 1};
  (void)setenv("ESPALIER_CACHE", "/dev/null/x", 1);
  CHECK_STATUS(esp_book_write(key, &book), ESP_IO);
  check_message("/dev/null/x");
  esp_book_read(key, &book);
  CU_ASSERT_EQUAL(book.nodes, 0);
}

int main(void) {
  static const check_case cases[] = {
      CASE(what_is_written_is_read),
      CASE(a_molded_way_has_two_times_of_a_node),
      CASE(damage_is_no_book),
      CASE(a_folder_that_cannot_be_is_said),
      {NULL, NULL},
  };
  char deep[64], command[128];
  if (mkdtemp(folder) == NULL) return 1;
  (void)snprintf(deep, sizeof deep, "%s/deep", folder);
  (void)setenv("ESPALIER_CACHE", deep, 1);
  const int result = check_run("book", cases);
  (void)snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command) == 0 ? result : 1;
}
