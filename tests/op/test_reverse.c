// ReverseSequence: along either axis.
#include "support/check.h"
#include "support/one_node.h"

static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16,
                                  ESP_INT8,  ESP_INT64,  ESP_BOOL};

// x [2,3,inner] reversed with one length for each sequence.
static double reference(const one_node *n, int time, const double *length,
                        int64_t inner, int64_t i) {
  const int64_t a = i / inner / 3, b = i / inner % 3;
  const int64_t step = time == 0 ? a : b;
  const int64_t of = (int64_t)length[time == 0 ? b : a];
  const int64_t from = step < of ? of - 1 - step : step;
  const int64_t row = time == 0 ? from * 3 + b : a * 3 + from;
  return one_node_in(n, 0, row * inner + i % inner);
}

static void both_axes_match_the_reference(void) {
  static const double lengths[2][3] = {{2, 0, 1}, {3, 2, 0}};
  for (int t = 0; t < 6; t++) {
    for (int time = 0; time < 2; time++) {
      for (int64_t inner = 1; inner <= 5; inner += 4) {
        one_node n = one_node_of("ReverseSequence", 10);
        one_node_int(&n, "time_axis", time);
        one_node_int(&n, "batch_axis", 1 - time);
        one_node_input(&n, types[t], SHAPE(2, 3, inner), NULL);
        one_node_input(&n, ESP_INT64, SHAPE(time == 0 ? 3 : 2), lengths[time]);
        CHECK_OK(one_node_run(&n, 1));
        double want[30];
        for (int64_t i = 0; i < 6 * inner; i++) {
          want[i] = reference(&n, time, lengths[time], inner, i);
        }
        one_node_check(&n, 0, types[t], SHAPE(2, 3, inner), want, 0);
        one_node_free(&n);
      }
    }
  }
}

static void the_example_of_the_standard_holds(void) {
  one_node n = one_node_of("ReverseSequence", 10);
  one_node_input(&n, ESP_FLOAT, SHAPE(4, 4),
                 NUMBERS(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  one_node_input(&n, ESP_INT64, SHAPE(4), NUMBERS(4, 3, 2, 1));
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(4, 4),
                 NUMBERS(3, 6, 9, 12, 2, 5, 8, 13, 1, 4, 10, 14, 0, 7, 11, 15),
                 0);
  one_node_free(&n);
}

static void wrong_lengths_and_axes_are_refused(void) {
  static const struct {
    int time, batch;
    int64_t given;
    double first;
    const char *says;
  } wrong[] = {{0, 1, 3, 3, "sequence_lens[0] is 3"},
               {0, 1, 3, -1, "sequence_lens[0] is -1"},
               {0, 1, 2, 1, "sequence_lens has 2"},
               {1, 1, 3, 1, "batch_axis"},
               {2, 0, 3, 1, "time_axis"}};
  for (int w = 0; w < 5; w++) {
    one_node n = one_node_of("ReverseSequence", 10);
    one_node_int(&n, "time_axis", wrong[w].time);
    one_node_int(&n, "batch_axis", wrong[w].batch);
    one_node_input(&n, ESP_FLOAT, SHAPE(2, 3), NULL);
    one_node_input(&n, ESP_INT64, SHAPE(wrong[w].given),
                   NUMBERS(wrong[w].first, 1, 1));
    CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
    check_message(wrong[w].says);
    one_node_free(&n);
  }
}

static void nothing_gives_nothing(void) {
  one_node n = one_node_of("ReverseSequence", 10);
  one_node_input(&n, ESP_FLOAT, SHAPE(2, 0, 4), NULL);
  one_node_input(&n, ESP_INT64, SHAPE(0), NULL);
  CHECK_OK(one_node_run(&n, 1));
  one_node_check(&n, 0, ESP_FLOAT, SHAPE(2, 0, 4), NULL, 0);
  one_node_free(&n);
}

int main(void) {
  static const check_case cases[] = {
      CASE(both_axes_match_the_reference),
      CASE(the_example_of_the_standard_holds),
      CASE(wrong_lengths_and_axes_are_refused),
      CASE(nothing_gives_nothing),
      {NULL, NULL},
  };
  return check_run("op/reverse", cases);
}
