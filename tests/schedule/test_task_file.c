// Files of task graphs: what is read, and what is refused with which words.
#include "schedule/task_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"

static esp_status read_text(const char *text, size_t bytes,
                            esp_task_file *file) {
  char path[] = "/tmp/test_task_file_XXXXXX";
  const int handle = mkstemp(path);
  CU_ASSERT_FATAL(handle >= 0);
  CU_ASSERT_EQUAL(write(handle, text, bytes), (ssize_t)bytes);
  (void)close(handle);
  const esp_status status = esp_task_file_read(path, file);
  (void)unlink(path);
  return status;
}

static void graphs_are_read(void) {
  static const char text[] = "\n"
                             "graph one processors 2 optimum 9\n"
                             "edge 7 3 5\r\n"
                             "task 7 2\n"
                             "  task 3 0\n"
                             "end\n"
                             "graph two processors 1\n"
                             "end";
  esp_task_file file;
  CHECK_OK(read_text(text, sizeof text - 1, &file));
  CU_ASSERT_EQUAL_FATAL(file.count, 2);
  const esp_task_graph *one = &file.graph[0];
  CU_ASSERT_STRING_EQUAL(one->name, "one");
  CU_ASSERT_EQUAL(one->processors, 2);
  CU_ASSERT_EQUAL(one->dag->count, 2);
  CU_ASSERT_EQUAL(one->id[0], 7);
  CU_ASSERT_EQUAL(one->dag->weight[0], 2);
  CU_ASSERT_EQUAL(one->dag->in[0].from, 0);
  CU_ASSERT_EQUAL(one->dag->in[0].to, 1);
  CU_ASSERT_EQUAL(one->dag->in[0].cost[ESP_OTHER_NODE], 5);
  CU_ASSERT_EQUAL(file.graph[1].dag->count, 0);
  esp_task_file_end(&file);
}

static const struct {
  const char *text, *message;
} refusals[] = {
    {"", ":1: no graph"},
    {"\n\n", ":2: no graph"},
    {"task 1 2\n", ":1: \"task\": expected \"graph"},
    {"hello\n", ":1: \"hello\": expected \"graph"},
    {"graph a\n", ":1: expected \"graph NAME processors P\""},
    {"graph a processors\n", ":1: expected"},
    {"graph a processors 2 optimum\n", ":1: expected"},
    {"graph a processors 2 optimum x\n", ":1: optimum \"x\""},
    {"graph a processors 2 optimum 3 4\n", ":1: expected"},
    {"graph a processors 0\nend\n", "processors 0: expected at least 1"},
    {"graph a processors -1\nend\n", "processors \"-1\": expected a whole"},
    {"graph a processors 9999999\nend\n", "processors 9999999 is too large"},
    {"graph a processors 2 \ntask 1 2\n",
     ":2: graph a, which begins at line 1, "
     "has no \"end\""},
    {"graph a processors 2\ngraph b processors 2\n", ":2: \"graph\" inside"},
    {"graph \xff processors 2\nend\n", "a name in UTF-8"},
    {"graph a processors 2\ntask 1\nend\n", ":2: expected \"task ID WEIGHT\""},
    {"graph a processors 2\ntask 1 2 3\nend\n", ":2: expected \"task"},
    {"graph a processors 2\ntask x 2\nend\n", ":2: task \"x\""},
    {"graph a processors 2\ntask 1 -2\nend\n", ":2: weight \"-2\""},
    {"graph a processors 2\ntask 1 2.5\nend\n", ":2: weight \"2.5\""},
    {"graph a processors 2\ntask 1 99999999999999999999999\nend\n",
     "is too large"},
    {"graph a processors 2\ntask 1 9007199254740992\ntask 2 1\nend\n",
     ":3: the weights and costs of graph a sum up to more than 2^53"},
    {"graph a processors 2\ntask 1 2\ntask 1 2\nend\n",
     ":3: task 1 is given at line 2 already"},
    {"graph a processors 2\ntask 1 2\nedge 1 2 3\nend\n", ":3: no task 2"},
    {"graph a processors 2\ntask 1 2\nedge 1 1 3\nend\n", "to itself"},
    {"graph a processors 2\ntask 1 2\ntask 2 2\nedge 1 2\nend\n",
     ":4: expected \"edge FROM TO COST\""},
    {"graph a processors 2\ntask 1 2\ntask 2 2\nedge 1 2 3\nedge 1 2 4\nend\n",
     ":5: the edge from 1 to 2 is given at line 4 already"},
    {"graph a processors 2\ntask 1 2\ntask 2 2\nedge 1 2 3\nedge 2 1 "
     "3\ntask 3 1\nedge 2 3 1\nend\n",
     "make a cycle through task"},
    {"graph a processors 2\nend now\n", ":2: expected \"end\" alone"},
    {"graph a processors 2\nend\nmore\n", ":3: \"more\": expected \"graph"},
};

static void what_is_wrong_is_refused_by_line(void) {
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    esp_task_file file;
    CHECK_STATUS(read_text(refusals[i].text, strlen(refusals[i].text), &file),
                 ESP_BAD_INPUT);
    check_message(refusals[i].message);
  }
}

static void bytes_that_are_no_text_are_refused(void) {
  static const char zero[] = "graph a processors 2\ntask\0 1 2\nend\n";
  esp_task_file file;
  CHECK_STATUS(read_text(zero, sizeof zero - 1, &file), ESP_BAD_INPUT);
  check_message(":2: a zero byte");
  for (int round = 0; round < 2000; round++) {
    char text[256];
    static const char sound[] = "graph a processors 2\ntask 1 2\ntask 2 3\n"
                                "edge 1 2 3\nend\n";
    memcpy(text, sound, sizeof sound);
    for (int change = 0; change < 1 + round % 3; change++) {
      text[check_random() % (sizeof sound - 1)] = (char)check_random();
    }
    if (read_text(text, sizeof sound - 1, &file) == ESP_OK) {
      esp_task_file_end(&file);
    }
  }
}

static void what_cannot_be_read_is_an_io_failure(void) {
  esp_task_file file;
  CHECK_STATUS(esp_task_file_read("/nowhere/at/all", &file), ESP_IO);
  CHECK_STATUS(esp_task_file_read("/tmp", &file), ESP_IO);
}

int main(void) {
  static const check_case cases[] = {
      CASE(graphs_are_read),
      CASE(what_is_wrong_is_refused_by_line),
      CASE(bytes_that_are_no_text_are_refused),
      CASE(what_cannot_be_read_is_an_io_failure),
      {NULL, NULL},
  };
  return check_run("task_file", cases);
}
