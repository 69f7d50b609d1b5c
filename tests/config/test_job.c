// Keys from files and options: the same meaning, and errors with line and key.
#include "config/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"

static char path[64] = "/tmp/esp-job-XXXXXX";

static esp_job *new_job(void) {
  esp_job *job = NULL;
  CHECK_OK(esp_job_create(&job));
  return job;
}

static void write_job(const char *text) {
  FILE *file = fopen(path, "wb");
  (void)fputs(text, file);
  (void)fclose(file);
}

// Loads a text that is to be refused with this part of a message.
static void refused(const char *text, const char *part) {
  esp_job *job = new_job();
  write_job(text);
  CHECK_STATUS(esp_job_load(job, path), ESP_BAD_INPUT);
  check_message(part);
  CU_ASSERT_PTR_NULL(job->model); // as it was
  esp_job_free(job);
}

static void every_key_has_its_default(void) {
  esp_job *job = new_job();
  CU_ASSERT_PTR_NULL(job->model);
  CU_ASSERT_EQUAL(job->samples, -1);
  CU_ASSERT_EQUAL(job->restart, false);
  CU_ASSERT_STRING_EQUAL(job->objective, "throughput");
  esp_job_free(job);
}

static void a_file_sets_keys(void) {
  esp_job *job = new_job();
  write_job(
      "# a comment\nmodel: a.onnx\nbatch: 64\nrestart: yes\nscale: 1/255\n"
      "input: \"d.h5:/x y\"\n");
  CHECK_OK(esp_job_load(job, path));
  CU_ASSERT_STRING_EQUAL(job->model, "a.onnx");
  CU_ASSERT_STRING_EQUAL(job->input, "d.h5:/x y");
  CU_ASSERT_STRING_EQUAL(job->scale, "1/255");
  CU_ASSERT_EQUAL(job->batch, 64);
  CU_ASSERT_EQUAL(job->restart, true);
  CHECK_OK(esp_job_set(job, "batch", "7")); // what comes later wins
  CHECK_OK(esp_job_set(job, "top-k", "3"));
  CU_ASSERT_EQUAL(job->batch, 7);
  CU_ASSERT_EQUAL(job->top_k, 3);
  esp_job_free(job);
}

static void errors_name_line_and_key(void) {
  refused("model: a\nbatsch: 7\n",
          ":2: there is no key \"batsch\"; did you mean");
  refused("model: a\n\nbatch: seven\n", ":3: batch is \"seven\"");
  refused("model: a\nobjective: speed\n",
          ":2: objective is \"speed\", expected");
  refused("model: a\nbatch: 1\nbatch: 2\n", ":3: batch is given a second time");
  refused("model: [a, b]\n", ":1: model: expected one text");
  refused("model: a\nmodeli: {a: b}\n", ":2: there is no key \"modeli\"");
  refused("input: [a, {b: c}]\n", ":1: an item of input is no text");
  refused("model: a\n---\nmodel: b\n", ":3: a second document");
  refused("? [a]\n: b\n", "a key that is no text");
  refused("", "there is nothing");
  refused("- model\n", "expected lines of");
  refused("model: 'a\n", "expected lines of");
}

static void a_list_is_lines(void) {
  esp_job *job = new_job();
  write_job("input:\n  - a.h5:/x\n  - b.h5:/x\nlabels: [c.h5]\n");
  CHECK_OK(esp_job_load(job, path));
  CU_ASSERT_STRING_EQUAL(job->input, "a.h5:/x\nb.h5:/x");
  CU_ASSERT_STRING_EQUAL(esp_job_get(job, "labels"), "c.h5");
  esp_job_free(job);
}

static void what_is_no_job_file_is_refused(void) {
  esp_job *job = new_job();
  CHECK_STATUS(esp_job_load(job, "/tmp"), ESP_BAD_INPUT);
  CHECK_STATUS(esp_job_load(job, "/nonexistent.yaml"), ESP_IO);
  esp_job_free(job);
}

static void options_are_checked(void) {
  esp_job *job = new_job();
  CHECK_STATUS(esp_job_set(job, "batch", "7x"), ESP_USAGE);
  CHECK_STATUS(esp_job_set(job, "batch", ""), ESP_USAGE);
  CHECK_STATUS(esp_job_set(job, "restart", "maybe"), ESP_USAGE);
  CHECK_STATUS(esp_job_set(job, "layout", "CHWN"), ESP_USAGE);
  CHECK_OK(esp_job_set(job, "layout", "NHWC"));
  CHECK_STATUS(esp_job_check(job), ESP_USAGE);
  check_message("model is missing");
  CHECK_OK(esp_job_set(job, "model", "m"));
  CHECK_OK(esp_job_set(job, "input", "i"));
  CHECK_OK(esp_job_set(job, "output", "o"));
  CHECK_OK(esp_job_check(job));
  CHECK_OK(esp_job_set(job, "workers", "-1"));
  CHECK_STATUS(esp_job_check(job), ESP_USAGE);
  check_message("workers is -1");
  esp_job_free(job);
}

static void the_page_names_every_key(void) {
  FILE *file = fopen(JOB_FILE_PAGE, "rb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  char *page = calloc(1, 1 << 16);
  (void)fread(page, 1, (1 << 16) - 1, file);
  (void)fclose(file);
  int count;
  const esp_job_key *keys = esp_job_keys(&count);
  for (int k = 0; k < count; k++) {
    char name[80];
    (void)snprintf(name, sizeof name, "`%s`", keys[k].name);
    if (strstr(page, name) == NULL) printf("\n    %s is not documented", name);
    CU_ASSERT(strstr(page, name) != NULL);
  }
  free(page);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_key_has_its_default),      CASE(a_file_sets_keys),
      CASE(errors_name_line_and_key),       CASE(a_list_is_lines),
      CASE(what_is_no_job_file_is_refused), CASE(options_are_checked),
      CASE(the_page_names_every_key),       {NULL, NULL},
  };
  if (mkstemp(path) < 0) return 1;
  const int result = check_run("config/job", cases);
  (void)unlink(path);
  return result;
}
