// AffineGrid: the places that an affine map takes from an image, as GridSample
// wants them.
#include "kernel/parallel.h"
#include "op/check.h"
#include "op/family.h"
#include "op/number.h"
#include "op/samples.h"

// theta [N,2,3] goes with a size of [N,C,H,W], theta [N,3,4] with [N,C,D,H,W].
static esp_status infer(const esp_args *args) {
  int64_t size[ESP_MAX_NDIM];
  int count;
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_FLOATING));
  ESP_TRY(esp_check_ndim(args, 0, 3, 3));
  ESP_TRY(esp_list_of(args, 1, "size", 1, size, ESP_MAX_NDIM, &count));
  const esp_shape *theta = &args->in[0]->shape;
  const int axes = count - 2;
  if ((axes != 2 && axes != 3) || theta->dim[0] != size[0] ||
      theta->dim[1] != axes || theta->dim[2] != axes + 1) {
    char have[ESP_SHAPE_TEXT];
    return ESP_FAIL(ESP_BAD_INPUT,
                    "theta %s and a size of %d numbers do not go together",
                    esp_shape_text(theta, have), count);
  }
  esp_shape shape = {.ndim = axes + 2, .dim = {size[0]}};
  for (int i = 0; i < axes; i++) {
    shape.dim[1 + i] = size[2 + i];
    if (size[2 + i] > 0) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "the size of axis %d is %lld", 2 + i,
                    (long long)size[2 + i]);
  }
  shape.dim[axes + 1] = axes;
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

// Place k of n between -1 and 1.  One aligned place is in the middle.
static double place(int64_t k, int64_t n, bool aligned) {
  if (!aligned) return (2 * (double)k + 1) / (double)n - 1;
  return n > 1 ? 2 * (double)k / ((double)n - 1) - 1 : 0;
}

// Points [begin, end) of the grids of all samples.
static void map_points(int64_t begin, int64_t end, void *argument) {
  const esp_args *args = argument;
  const esp_tensor *theta = args->in[0], *y = args->out[0];
  const bool aligned = esp_node_int(args->node, "align_corners", 0) != 0;
  const int axes = y->shape.ndim - 2;
  for (int64_t p = begin; p < end; p++) {
    double from[4]; // x first, then the constant
    int64_t rest = p;
    for (int i = axes; i >= 1; i--) {
      from[axes - i] = place(rest % y->shape.dim[i], y->shape.dim[i], aligned);
      rest /= y->shape.dim[i];
    }
    from[axes] = 1;
    for (int r = 0; r < axes; r++) {
      double sum = 0;
      for (int k = 0; k <= axes; k++)
        sum +=
            from[k] * esp_number_at(theta, (rest * axes + r) * (axes + 1) + k);
      esp_number_put(y, p * axes + r, sum);
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  enum { GRAIN = 512 };
  (void)state;
  const esp_shape *y = &args->out[0]->shape;
  esp_args given = *args;
  esp_loop_over(team.width, esp_shape_product(y, 0, y->ndim - 1), GRAIN,
                map_points, &given);
  return ESP_OK;
}

const esp_op esp_op_affine = {
    .samples = esp_samples_all_leading, .infer = infer, .run = run};
