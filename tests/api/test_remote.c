// Tasks on other ranks.  Run with 1, 2 and 3 ranks.
#include <espalier/espalier.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static esp_context *context;

static esp_status add_rank(esp_context *self, const esp_tensor *const *inputs,
                           size_t ninputs, esp_reply *result) {
  for (size_t i = 0; i < ninputs; i++) {
    esp_tensor *y;
    ESP_TRY(esp_tensor_create(esp_tensor_type(inputs[i]),
                              esp_tensor_dims(inputs[i]),
                              esp_tensor_ndim(inputs[i]), &y));
    const float *from = esp_tensor_data(inputs[i]);
    float *to = esp_tensor_data(y);
    for (int64_t k = 0; k < esp_tensor_count(y); k++) {
      to[k] = from[k] + (float)esp_rank(self);
    }
    ESP_TRY(esp_reply_add(result, y));
  }
  return ESP_OK;
}

static esp_status fail(esp_context *self, const esp_tensor *const *inputs,
                       size_t ninputs, esp_reply *result) {
  (void)self;
  (void)inputs;
  (void)ninputs;
  (void)result;
  return esp_fail_message((esp_status)4711, "the table is empty");
}

// Asks the next rank, and waits for it inside the task.
static esp_status go_round(esp_context *self, const esp_tensor *const *inputs,
                           size_t ninputs, esp_reply *result) {
  const int64_t left = *(const int64_t *)esp_tensor_data(inputs[0]);
  esp_tensor *next;
  ESP_TRY(esp_tensor_create(ESP_INT64, NULL, 0, &next));
  *(int64_t *)esp_tensor_data(next) = left - 1;
  if (left == 0) return esp_reply_add(result, next);
  esp_future *future;
  const esp_tensor *in = next;
  const int rank = (esp_rank(self) + 1) % esp_size(self);
  esp_status status =
      esp_fork_on(self, rank, "go_round", &in, ninputs, &future);
  esp_tensor_free(next);
  if (status != ESP_OK) return status;
  status = esp_wait(future);
  if (status == ESP_OK) {
    status = esp_reply_add(result, esp_future_take(future, 0));
  }
  esp_future_free(future);
  return status;
}

static void every_rank_serves_every_other(void) {
  enum { TASKS = 30, LENGTH = 1000 };
  esp_tensor *x;
  CHECK_OK(esp_tensor_create(ESP_FLOAT, (const int64_t[]){LENGTH}, 1, &x));
  check_fill(esp_tensor_data(x), LENGTH);
  const esp_tensor *in[2] = {x, x};
  esp_future *future[TASKS];
  for (int i = 0; i < TASKS; i++) {
    CHECK_OK(esp_fork_on(context, i % esp_size(context), "add_rank", in, 2,
                         &future[i]));
  }
  CHECK_OK(esp_wait_all(future, TASKS));
  for (int i = 0; i < TASKS; i++) {
    CU_ASSERT_EQUAL(esp_future_results(future[i]), 2);
    esp_tensor *y = esp_future_take(future[i], 1);
    CU_ASSERT_PTR_NULL(esp_future_take(future[i], 1));
    CU_ASSERT_PTR_NULL(esp_future_take(future[i], 2));
    const float *from = esp_tensor_data(x), *to = esp_tensor_data(y);
    const float added = (float)(i % esp_size(context));
    int right = 0;
    for (int k = 0; k < LENGTH; k++) right += to[k] == from[k] + added;
    CU_ASSERT_EQUAL(right, LENGTH);
    esp_tensor_free(y);
    esp_future_free(future[i]);
  }
  esp_tensor_free(x);
}

static void status_and_message_come_back(void) {
  esp_future *future;
  const int rank = esp_size(context) - 1;
  CHECK_OK(esp_fork_on(context, rank, "fail", NULL, 0, &future));
  CHECK_STATUS(esp_wait(future), (esp_status)4711);
  check_message("the table is empty");
  CU_ASSERT_EQUAL(esp_future_results(future), 0);
  esp_future_free(future);
  CHECK_OK(esp_fork_on(context, rank, "unheard_of", NULL, 0, &future));
  CHECK_STATUS(esp_wait(future), ESP_USAGE);
  check_message("has registered no task \"unheard_of\"");
  esp_future_free(future);
}

static void what_cannot_be_is_refused(void) {
  esp_future *future;
  CHECK_STATUS(esp_fork_on(context, 99, "fail", NULL, 0, &future), ESP_USAGE);
  check_message("there is no rank 99");
  CHECK_STATUS(esp_register(context, "fail", fail), ESP_USAGE);
  CHECK_STATUS(esp_register(context, "", fail), ESP_USAGE);
  esp_context *second = NULL;
  CHECK_STATUS(esp_open(NULL, &second), ESP_USAGE);
  check_message("MPI was started in this process already");
}

static void tasks_that_wait_on_one_another_go_round_the_ranks(void) {
  esp_tensor *x;
  CHECK_OK(esp_tensor_create(ESP_INT64, NULL, 0, &x));
  *(int64_t *)esp_tensor_data(x) = 100;
  const esp_tensor *in = x;
  esp_future *future;
  CHECK_OK(esp_fork_on(context, 0, "go_round", &in, 1, &future));
  CHECK_OK(esp_wait(future));
  esp_tensor *y = esp_future_take(future, 0);
  CU_ASSERT_EQUAL(*(int64_t *)esp_tensor_data(y), -1);
  esp_tensor_free(y);
  esp_future_free(future);
  esp_tensor_free(x);
}

static void a_large_tensor_goes_and_comes(void) {
  enum { LENGTH = 3 << 20 }; // 12 MiB each way
  esp_tensor *x;
  CHECK_OK(esp_tensor_create(ESP_FLOAT, (const int64_t[]){LENGTH}, 1, &x));
  check_fill(esp_tensor_data(x), LENGTH);
  const esp_tensor *in = x;
  esp_future *future;
  CHECK_OK(
      esp_fork_on(context, esp_size(context) - 1, "add_rank", &in, 1, &future));
  CHECK_OK(esp_wait(future));
  esp_tensor *y = esp_future_take(future, 0);
  CU_ASSERT_EQUAL(((float *)esp_tensor_data(y))[LENGTH - 1],
                  ((float *)esp_tensor_data(x))[LENGTH - 1] +
                      (float)(esp_size(context) - 1));
  esp_tensor_free(y);
  esp_future_free(future);
  esp_tensor_free(x);
}

int main(void) {
  static const check_case cases[] = {
      CASE(every_rank_serves_every_other),
      CASE(status_and_message_come_back),
      CASE(what_cannot_be_is_refused),
      CASE(tasks_that_wait_on_one_another_go_round_the_ranks),
      CASE(a_large_tensor_goes_and_comes),
      {NULL, NULL},
  };
  const esp_options options = {.num_interop_threads = 1, .oversubscribe = true};
  if (esp_open(&options, &context) != ESP_OK) return 1;
  esp_status status = esp_register(context, "add_rank", add_rank);
  if (status == ESP_OK) status = esp_register(context, "fail", fail);
  if (status == ESP_OK) status = esp_register(context, "go_round", go_round);
  // Nobody asks before all have registered.
  status = esp_agree(context, status);
  const int result = status == ESP_OK ? check_run("remote", cases) : 1;
  esp_close(context);
  return result;
}
