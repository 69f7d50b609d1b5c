// Sessions on graphs built here: results, many threads, errors, shapes.
#include <espalier/espalier.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static esp_context *open_context(int workers, int width) {
  esp_context *context = NULL;
  const esp_options options = {.num_interop_threads = workers,
                               .num_threads = width,
                               .oversubscribe = true,
                               .alone = true};
  CHECK_OK(esp_open(&options, &context));
  return context;
}

enum { TOWERS = 4, DEPTH = 3, FEATURES = 24 };

static void name_of(char text[32], const char *what, int tower, int layer) {
  (void)snprintf(text, 32, "%s_%d_%d", what, tower, layer);
}

static void add_layer(esp_builder *builder, int tower, int layer) {
  char weight[32], product[32], in[32], out[32];
  name_of(weight, "w", tower, layer);
  name_of(product, "p", tower, layer);
  name_of(in, "h", tower, layer);
  name_of(out, "h", tower, layer + 1);
  esp_tensor *w;
  CHECK_OK(esp_tensor_create(ESP_FLOAT, (const int64_t[]){FEATURES, FEATURES},
                             2, &w));
  check_fill(esp_tensor_data(w), FEATURES * FEATURES);
  CHECK_OK(esp_builder_add_constant(builder, weight, w));
  esp_tensor_free(w);
  const char *from = layer == 0 ? "x" : in;
  CHECK_OK(esp_builder_add_node(builder, "MatMul", NULL,
                                (const char *[]){from, weight}, 2,
                                (const char *[]){product}, 1));
  CHECK_OK(esp_builder_add_node(builder, "Tanh", NULL,
                                (const char *[]){product}, 1,
                                (const char *[]){out}, 1));
}

// y [N,F] is the sum of towers over x [N,F].
static esp_builder *build_towers(void) {
  esp_builder *builder;
  CHECK_OK(esp_builder_create(17, &builder));
  CHECK_OK(esp_builder_add_input(builder, "x", ESP_FLOAT,
                                 (const int64_t[]){-1, FEATURES}, 2));
  char name[TOWERS][32];
  const char *list[TOWERS];
  for (int t = 0; t < TOWERS; t++) {
    for (int l = 0; l < DEPTH; l++) add_layer(builder, t, l);
    name_of(name[t], "h", t, DEPTH);
    list[t] = name[t];
  }
  CHECK_OK(esp_builder_add_node(builder, "Sum", "total", list, TOWERS,
                                (const char *[]){"y"}, 1));
  CHECK_OK(esp_builder_add_output(builder, "y"));
  return builder;
}

static esp_tensor *random_rows(int64_t rows) {
  esp_tensor *x;
  CHECK_OK(
      esp_tensor_create(ESP_FLOAT, (const int64_t[]){rows, FEATURES}, 2, &x));
  check_fill(esp_tensor_data(x), (size_t)(rows * FEATURES));
  return x;
}

static esp_tensor *run(esp_session *session, const esp_tensor *x) {
  esp_tensor *y = NULL;
  CHECK_OK(esp_run(session, &x, &y));
  return y;
}

static void any_number_of_threads_gives_the_same_bytes(void) {
  esp_builder *builder = build_towers();
  esp_tensor *x = random_rows(5), *first = NULL;
  for (int workers = 1; workers <= 3; workers++) {
    for (int width = 1; width <= 2; width++) {
      esp_context *context = open_context(workers, width);
      esp_session *session;
      CHECK_OK(esp_session_open_builder(context, builder, NULL, &session));
      esp_tensor *y = run(session, x);
      CU_ASSERT_EQUAL(esp_tensor_dims(y)[0], 5);
      if (first == NULL) {
        first = y;
      } else {
        check_same_bytes(esp_tensor_data(y), esp_tensor_data(first),
                         esp_tensor_bytes(first));
        esp_tensor_free(y);
      }
      esp_session_close(session);
      esp_close(context);
    }
  }
  esp_tensor_free(first);
  esp_tensor_free(x);
  esp_builder_free(builder);
}

static void a_builder_may_be_freed_before_its_session(void) {
  esp_context *context = open_context(1, 1);
  esp_builder *builder = build_towers();
  esp_session *session;
  CHECK_OK(esp_session_open_builder(context, builder, NULL, &session));
  esp_builder_free(builder);
  esp_tensor *x = random_rows(2), *y = run(session, x);
  CU_ASSERT_EQUAL(esp_tensor_count(y), 2 * FEATURES);
  esp_tensor_free(y);
  esp_tensor_free(x);
  esp_session_close(session);
  esp_close(context);
}

static void other_data_give_another_result(void) {
  esp_context *context = open_context(1, 1);
  esp_builder *builder;
  esp_session *session;
  CHECK_OK(esp_builder_create(17, &builder));
  CHECK_OK(
      esp_builder_add_input(builder, "x", ESP_FLOAT, (const int64_t[]){1}, 1));
  CHECK_OK(esp_builder_add_node(builder, "Neg", NULL, (const char *[]){"x"}, 1,
                                (const char *[]){"y"}, 1));
  CHECK_OK(esp_builder_add_output(builder, "y"));
  CHECK_OK(esp_session_open_builder(context, builder, NULL, &session));
  for (int i = 0; i < 3; i++) {
    float data = (float)i;
    esp_tensor *x;
    CHECK_OK(esp_tensor_wrap(ESP_FLOAT, (const int64_t[]){1}, 1, &data, &x));
    esp_tensor *y = run(session, x);
    CU_ASSERT_EQUAL(*(float *)esp_tensor_data(y), -data);
    esp_tensor_free(y);
    esp_tensor_free(x);
  }
  esp_session_close(session);
  esp_builder_free(builder);
  esp_close(context);
}

static void a_session_tells_what_it_wants(void) {
  esp_context *context = open_context(1, 1);
  esp_builder *builder = build_towers();
  esp_session *session;
  esp_value_info info;
  CHECK_OK(esp_session_open_builder(context, builder, NULL, &session));
  CU_ASSERT_EQUAL(esp_session_inputs(session), 1);
  CU_ASSERT_EQUAL(esp_session_outputs(session), 1);
  CHECK_OK(esp_session_input(session, 0, &info));
  CU_ASSERT_STRING_EQUAL(info.name, "x");
  CU_ASSERT_EQUAL(info.dim[0], -1);
  CHECK_OK(esp_session_output(session, 0, &info));
  CU_ASSERT_STRING_EQUAL(info.name, "y");
  CU_ASSERT_EQUAL(info.ndim, 2);
  CU_ASSERT_EQUAL(info.dim[0], -1);
  CU_ASSERT_EQUAL(info.dim[1], FEATURES);
  CHECK_STATUS(esp_session_input(session, 1, &info), ESP_USAGE);
  esp_session_close(session);
  esp_builder_free(builder);
  esp_close(context);
}

// Many threads on one session ------------------------------------------------

typedef struct user {
  esp_session *session;
  esp_context *context;
  const esp_tensor *x[3];
  const esp_tensor *want[3];
  atomic_int *done;
} user;

static esp_status run_often(esp_context *context, void *argument) {
  enum { ROUNDS = 40 };
  const user *u = argument;
  (void)context;
  for (int i = 0; i < ROUNDS; i++) {
    const int k = i % 3;
    esp_tensor *y = NULL;
    ESP_TRY(esp_run(u->session, &u->x[k], &y));
    const bool same = memcmp(esp_tensor_data(y), esp_tensor_data(u->want[k]),
                             esp_tensor_bytes(y)) == 0;
    esp_tensor_free(y);
    if (!same) return ESP_FAIL(ESP_INTERNAL, "other bytes in round %d", i);
  }
  atomic_fetch_add(u->done, 1);
  return ESP_OK;
}

static void *run_as_thread(void *argument) {
  CHECK_OK(run_often(NULL, argument));
  return NULL;
}

// Threads of the user and tasks of the pool run one session, with three shapes,
// while the numbers of threads change.
static void many_threads_and_tasks_share_a_session(void) {
  enum { THREADS = 4, TASKS = 6 };
  esp_context *context = open_context(2, 1);
  esp_builder *builder = build_towers();
  esp_session *session;
  CHECK_OK(esp_session_open_builder(context, builder, NULL, &session));
  atomic_int done = 0;
  user u = {.session = session, .context = context, .done = &done};
  for (int k = 0; k < 3; k++) {
    u.x[k] = random_rows(1 + 3 * k);
    u.want[k] = run(session, u.x[k]);
  }
  pthread_t thread[THREADS];
  esp_future *future[TASKS];
  for (int i = 0; i < THREADS; i++) {
    (void)pthread_create(&thread[i], NULL, run_as_thread, &u);
  }
  for (int i = 0; i < TASKS; i++) {
    CHECK_OK(esp_fork(context, run_often, &u, &future[i]));
  }
  for (int i = 0; i < 6; i++) {
    CHECK_OK(esp_set_num_interop_threads(context, 1 + i % 3));
    CHECK_OK(esp_set_num_threads(context, 1 + i % 2));
  }
  CHECK_OK(esp_wait_all(future, TASKS));
  for (int i = 0; i < THREADS; i++) (void)pthread_join(thread[i], NULL);
  CU_ASSERT_EQUAL(atomic_load(&done), THREADS + TASKS);
  for (int i = 0; i < TASKS; i++) esp_future_free(future[i]);
  for (int k = 0; k < 3; k++) {
    esp_tensor_free((esp_tensor *)(uintptr_t)u.x[k]);
    esp_tensor_free((esp_tensor *)(uintptr_t)u.want[k]);
  }
  esp_session_close(session);
  esp_builder_free(builder);
  esp_close(context);
}

static void runs_may_be_begun_and_awaited(void) {
  enum { RUNS = 20 };
  esp_context *context = open_context(2, 1);
  esp_builder *builder = build_towers();
  esp_session *session;
  CHECK_OK(esp_session_open_builder(context, builder, NULL, &session));
  const esp_tensor *x = random_rows(3);
  esp_tensor *want = run(session, x), *y[RUNS] = {NULL};
  esp_future *future[RUNS];
  for (int i = 0; i < RUNS; i++) {
    CHECK_OK(esp_run_async(session, &x, &y[i], &future[i]));
  }
  CHECK_OK(esp_wait_all(future, RUNS));
  for (int i = 0; i < RUNS; i++) {
    check_same_bytes(esp_tensor_data(y[i]), esp_tensor_data(want),
                     esp_tensor_bytes(want));
    esp_tensor_free(y[i]);
    esp_future_free(future[i]);
  }
  esp_tensor_free(want);
  esp_tensor_free((esp_tensor *)(uintptr_t)x);
  esp_session_close(session);
  esp_builder_free(builder);
  esp_close(context);
}

// Outputs and errors ---------------------------------------------------------

static void an_output_of_the_callers_is_filled(void) {
  esp_context *context = open_context(1, 1);
  esp_builder *builder = build_towers();
  esp_session *session;
  CHECK_OK(esp_session_open_builder(context, builder, NULL, &session));
  esp_tensor *x = random_rows(2), *y = run(session, x);
  float mine[2 * FEATURES] = {0};
  esp_tensor *given, *wrong;
  CHECK_OK(esp_tensor_wrap(ESP_FLOAT, (const int64_t[]){2, FEATURES}, 2, mine,
                           &given));
  CHECK_OK(esp_run(session, (const esp_tensor *[]){x}, &given));
  check_same_bytes(mine, esp_tensor_data(y), sizeof mine);
  CHECK_OK(esp_tensor_wrap(ESP_FLOAT, (const int64_t[]){FEATURES, 2}, 2, mine,
                           &wrong));
  CHECK_STATUS(esp_run(session, (const esp_tensor *[]){x}, &wrong),
               ESP_BAD_INPUT);
  check_message("output \"y\" was given as float [24,2]");
  esp_tensor_free(wrong);
  esp_tensor_free(given);
  esp_tensor_free(y);
  esp_tensor_free(x);
  esp_session_close(session);
  esp_builder_free(builder);
  esp_close(context);
}

static void an_input_that_does_not_fit_is_named(void) {
  esp_context *context = open_context(1, 1);
  esp_builder *builder = build_towers();
  esp_session *session;
  esp_tensor *x, *y = NULL;
  CHECK_OK(esp_session_open_builder(context, builder, NULL, &session));
  CHECK_OK(esp_tensor_create(ESP_FLOAT, (const int64_t[]){2, 7}, 2, &x));
  CHECK_STATUS(esp_run(session, (const esp_tensor *[]){x}, &y), ESP_BAD_INPUT);
  check_message("input \"x\"");
  check_message("[2,7]");
  CU_ASSERT_PTR_NULL(y);
  CHECK_STATUS(esp_run(session, (const esp_tensor *[]){NULL}, &y),
               ESP_BAD_INPUT);
  check_message("missing");
  esp_tensor_free(x);
  esp_session_close(session);
  esp_builder_free(builder);
  esp_close(context);
}

// One branch looks up a row that is not there; another would have gone on.
static void an_error_in_a_branch_reaches_the_waiter_with_its_node(void) {
  for (int workers = 1; workers <= 2; workers++) {
    esp_context *context = open_context(workers, 1);
    esp_builder *builder;
    CHECK_OK(esp_builder_create(17, &builder));
    CHECK_OK(esp_builder_add_input(builder, "rows", ESP_INT64,
                                   (const int64_t[]){-1}, 1));
    esp_tensor *table;
    CHECK_OK(esp_tensor_create(ESP_FLOAT, (const int64_t[]){4, 2}, 2, &table));
    CHECK_OK(esp_builder_add_constant(builder, "table", table));
    esp_tensor_free(table);
    CHECK_OK(esp_builder_add_node(builder, "Gather", "look_up",
                                  (const char *[]){"table", "rows"}, 2,
                                  (const char *[]){"found"}, 1));
    CHECK_OK(esp_builder_add_node(builder, "Exp", "after",
                                  (const char *[]){"found"}, 1,
                                  (const char *[]){"y"}, 1));
    CHECK_OK(esp_builder_add_node(builder, "Abs", "beside",
                                  (const char *[]){"rows"}, 1,
                                  (const char *[]){"z"}, 1));
    CHECK_OK(esp_builder_add_output(builder, "y"));
    CHECK_OK(esp_builder_add_output(builder, "z"));
    esp_session *session;
    CHECK_OK(esp_session_open_builder(context, builder, NULL, &session));
    int64_t row[2] = {1, 9};
    esp_tensor *rows, *out[2] = {NULL};
    CHECK_OK(esp_tensor_wrap(ESP_INT64, (const int64_t[]){2}, 1, row, &rows));
    for (int i = 0; i < 2; i++) { // again: a failure leaves nothing behind
      CHECK_STATUS(esp_run(session, (const esp_tensor *[]){rows}, out),
                   ESP_BAD_INPUT);
      check_message("node look_up (Gather): index 9");
      CU_ASSERT_PTR_NULL(out[0]);
      CU_ASSERT_PTR_NULL(out[1]);
    }
    row[1] = 3;
    CHECK_OK(esp_run(session, (const esp_tensor *[]){rows}, out));
    esp_tensor_free(out[0]);
    esp_tensor_free(out[1]);
    esp_tensor_free(rows);
    esp_session_close(session);
    esp_builder_free(builder);
    esp_close(context);
  }
}

// The target of a Reshape as an input: shapes follow from data, and the model
// is walked.
static void a_model_whose_shapes_depend_on_data_runs_too(void) {
  esp_context *context = open_context(2, 1);
  esp_builder *builder;
  esp_session *session;
  CHECK_OK(esp_builder_create(17, &builder));
  CHECK_OK(
      esp_builder_add_input(builder, "x", ESP_FLOAT, (const int64_t[]){-1}, 1));
  CHECK_OK(esp_builder_add_input(builder, "shape", ESP_INT64,
                                 (const int64_t[]){2}, 1));
  CHECK_OK(esp_builder_add_node(builder, "Reshape", "fold",
                                (const char *[]){"x", "shape"}, 2,
                                (const char *[]){"y"}, 1));
  CHECK_OK(esp_builder_add_output(builder, "y"));
  CHECK_OK(esp_session_open_builder(context, builder, NULL, &session));
  float data[12];
  check_fill(data, 12);
  esp_tensor *x;
  CHECK_OK(esp_tensor_wrap(ESP_FLOAT, (const int64_t[]){12}, 1, data, &x));
  for (int64_t rows = 1; rows <= 4; rows++) {
    int64_t dims[] = {rows, -1};
    esp_tensor *shape, *y = NULL;
    CHECK_OK(esp_tensor_wrap(ESP_INT64, (const int64_t[]){2}, 1, dims, &shape));
    const esp_tensor *in[] = {x, shape};
    CHECK_OK(esp_run(session, in, &y));
    CU_ASSERT_EQUAL(esp_tensor_dims(y)[0], rows);
    CU_ASSERT_EQUAL(esp_tensor_dims(y)[1], 12 / rows);
    check_same_bytes(esp_tensor_data(y), data, sizeof data);
    esp_tensor_free(y);
    dims[0] = 5;
    y = NULL;
    CHECK_STATUS(esp_run(session, in, &y), ESP_BAD_INPUT);
    check_message("node fold (Reshape)");
    CU_ASSERT_PTR_NULL(y);
    esp_tensor_free(shape);
  }
  esp_tensor_free(x);
  esp_session_close(session);
  esp_builder_free(builder);
  esp_close(context);
}

static void a_graph_that_does_not_hold_together_is_refused(void) {
  esp_context *context = open_context(1, 1);
  esp_builder *builder;
  esp_session *session;
  CHECK_OK(esp_builder_create(0, &builder));
  CHECK_STATUS(esp_session_open_builder(context, builder, NULL, &session),
               ESP_BAD_INPUT);
  check_message("no outputs");
  CHECK_STATUS(esp_builder_set_int(builder, "axis", 1), ESP_USAGE);
  CHECK_STATUS(esp_builder_add_node(builder, "Rleu", NULL,
                                    (const char *[]){"x"}, 1,
                                    (const char *[]){"y"}, 1),
               ESP_UNSUPPORTED);
  check_message("\"Rleu\"");
  CHECK_OK(esp_builder_add_node(builder, "Relu", NULL, (const char *[]){"x"}, 1,
                                (const char *[]){"y"}, 1));
  CHECK_OK(esp_builder_add_output(builder, "y"));
  CHECK_STATUS(esp_session_open_builder(context, builder, NULL, &session),
               ESP_BAD_INPUT);
  check_message("reads \"x\", which nothing makes");
  CHECK_STATUS(esp_builder_add_input(builder, "y", ESP_FLOAT, NULL, 0),
               ESP_USAGE);
  check_message("\"y\" already");
  esp_builder_free(builder);
  esp_close(context);
}

static void tensors_check_their_shapes(void) {
  esp_tensor *t;
  CHECK_STATUS(esp_tensor_create(ESP_FLOAT, (const int64_t[]){-1}, 1, &t),
               ESP_USAGE);
  CHECK_STATUS(esp_tensor_create(ESP_FLOAT, NULL, 9, &t), ESP_USAGE);
  CHECK_STATUS(esp_tensor_create((esp_dtype)99, NULL, 0, &t), ESP_USAGE);
  CHECK_STATUS(esp_tensor_create(
                   ESP_FLOAT, (const int64_t[]){INT64_MAX, INT64_MAX}, 2, &t),
               ESP_USAGE);
  CHECK_STATUS(esp_tensor_wrap(ESP_FLOAT, NULL, 0, NULL, &t), ESP_USAGE);
  CHECK_OK(esp_tensor_create(ESP_INT64, NULL, 0, &t)); // a scalar
  CU_ASSERT_EQUAL(esp_tensor_count(t), 1);
  CU_ASSERT_EQUAL(*(int64_t *)esp_tensor_data(t), 0);
  esp_tensor_free(t);
  CHECK_OK(esp_tensor_create(ESP_FLOAT, (const int64_t[]){3, 0}, 2, &t));
  CU_ASSERT_EQUAL(esp_tensor_bytes(t), 0);
  esp_tensor_free(t);
}

int main(void) {
  static const check_case cases[] = {
      CASE(any_number_of_threads_gives_the_same_bytes),
      CASE(a_builder_may_be_freed_before_its_session),
      CASE(other_data_give_another_result),
      CASE(a_session_tells_what_it_wants),
      CASE(many_threads_and_tasks_share_a_session),
      CASE(runs_may_be_begun_and_awaited),
      CASE(an_output_of_the_callers_is_filled),
      CASE(an_input_that_does_not_fit_is_named),
      CASE(an_error_in_a_branch_reaches_the_waiter_with_its_node),
      CASE(a_model_whose_shapes_depend_on_data_runs_too),
      CASE(a_graph_that_does_not_hold_together_is_refused),
      CASE(tensors_check_their_shapes),
      {NULL, NULL},
  };
  return check_run("session", cases);
}
