// Operators that make tensors from shapes and attributes.
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/dispatch.h"
#include "op/family.h"
#include "op/number.h"
#include "op/samples.h"

static esp_status infer_of_shape(const esp_args *args) {
  esp_shape shape = {0};
  int count;
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(esp_list_of(args, 0, "-", 1, shape.dim, ESP_MAX_NDIM, &count));
  shape.ndim = count;
  for (int i = 0; i < count; i++) {
    if (shape.dim[i] < 0) {
      return ESP_FAIL(ESP_BAD_INPUT, "dimension %lld", (long long)shape.dim[i]);
    }
  }
  const esp_attribute *value =
      esp_node_attribute(args->node, "value", ESP_ATTRIBUTE_TENSOR);
  if (value != NULL && esp_shape_count(&value->tensor.shape) != 1) {
    return ESP_FAIL(ESP_BAD_INPUT, "value has %lld elements, expected one",
                    (long long)esp_shape_count(&value->tensor.shape));
  }
  esp_set_output(args, 0, value != NULL ? value->tensor.type : ESP_FLOAT,
                 &shape);
  return ESP_OK;
}

static esp_status infer_eye(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(esp_check_ndim(args, 0, 2, 2));
  esp_dtype type;
  ESP_TRY(esp_type_of(args, "dtype", args->in[0]->type, ESP_TYPES_ANY, &type));
  if (type == ESP_STRING) {
    return ESP_FAIL(ESP_BAD_INPUT, "ones and zeros of type string");
  }
  esp_set_output(args, 0, type, &args->in[0]->shape);
  return ESP_OK;
}

static esp_status infer_range(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 3, 3, 1));
  for (int i = 0; i < 3; i++) {
    ESP_TRY(esp_check_type(args, i, ESP_TYPES_NUMERIC));
    ESP_TRY(esp_check_same_type(args, 0, i));
    if (args->in[i]->data == NULL) {
      return ESP_FAIL(ESP_UNSUPPORTED,
                      "input %d is computed while the model "
                      "runs, so that a shape would depend on data",
                      i);
    }
    if (esp_shape_count(&args->in[i]->shape) != 1) {
      return ESP_FAIL(ESP_BAD_INPUT, "input %d must be one number", i);
    }
  }
  const double step = esp_number_at(args->in[2], 0);
  const double count = ceil(
      (esp_number_at(args->in[1], 0) - esp_number_at(args->in[0], 0)) / step);
  if (step == 0 || isnan(count) || count > 0x1p40) {
    return ESP_FAIL(ESP_BAD_INPUT, "the range has a step of %g", step);
  }
  const esp_shape shape = {1, {count > 0 ? (int64_t)count : 0}};
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

// Which axes Shape tells of: [begin, end).
static void shape_range(const esp_args *args, int *begin, int *end) {
  const int ndim = args->in[0]->shape.ndim;
  int64_t b = esp_node_int(args->node, "start", 0);
  int64_t e = esp_node_int(args->node, "end", ndim);
  b = b < 0 ? b + ndim : b;
  e = e < 0 ? e + ndim : e;
  *begin = (int)(b < 0 ? 0 : (b > ndim ? ndim : b));
  *end = (int)(e < *begin ? *begin : (e > ndim ? ndim : e));
}

static esp_status infer(const esp_args *args) {
  switch (args->node->op) {
  case ESP_OP_CONSTANT_OF_SHAPE:
    return infer_of_shape(args);
  case ESP_OP_EYE_LIKE:
    return infer_eye(args);
  case ESP_OP_RANGE:
    return infer_range(args);
  case ESP_OP_SHAPE: {
    int begin, end;
    ESP_TRY(esp_check_arity(args, 1, 1, 1));
    shape_range(args, &begin, &end);
    const esp_shape shape = {1, {end - begin}};
    esp_set_output(args, 0, ESP_INT64, &shape);
    return ESP_OK;
  }
  case ESP_OP_SIZE: {
    const esp_shape scalar = {0};
    ESP_TRY(esp_check_arity(args, 1, 1, 1));
    esp_set_output(args, 0, ESP_INT64, &scalar);
    return ESP_OK;
  }
  default: // the reader turns Constant nodes into constants
    return ESP_FAIL(ESP_UNSUPPORTED, "a Constant of this kind");
  }
}

static void fill(const esp_args *args) {
  const esp_attribute *value =
      esp_node_attribute(args->node, "value", ESP_ATTRIBUTE_TENSOR);
  esp_tensor *y = args->out[0];
  const size_t bytes = esp_dtype_bytes(y->type);
  const int64_t count = esp_shape_count(&y->shape);
  memset(y->data, 0, (size_t)count * bytes);
  for (int64_t i = 0; value != NULL && i < count; i++) {
    memcpy((unsigned char *)y->data + (size_t)i * bytes, value->tensor.data,
           bytes);
  }
}

static void fill_eye(const esp_args *args) {
  esp_tensor *y = args->out[0];
  const int64_t rows = y->shape.dim[0], columns = y->shape.dim[1];
  const int64_t k = esp_node_int(args->node, "k", 0);
  memset(y->data, 0, esp_tensor_bytes(y));
  for (int64_t r = 0; r < rows; r++) {
    const int64_t c = r + k, at = r * columns + c;
    if (c < 0 || c >= columns) continue;
    esp_whole_put(y, at, 1);
  }
}

static void fill_range(const esp_args *args) {
  const esp_tensor *y = args->out[0];
  const int64_t count = esp_shape_count(&y->shape);
  const bool whole = esp_dtype_is_integer(y->type);
  const uint64_t first = (uint64_t)esp_whole_at(args->in[0], 0),
                 step = (uint64_t)esp_whole_at(args->in[2], 0);
  const double start = esp_number_at(args->in[0], 0),
               delta = esp_number_at(args->in[2], 0);
  for (int64_t i = 0; i < count; i++) {
    if (whole) {
      esp_whole_put(y, i, (int64_t)(first + (uint64_t)i * step));
    } else {
      esp_number_put(y, i, start + (double)i * delta);
    }
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  (void)team;
  int64_t *whole = args->out[0]->data;
  switch (args->node->op) {
  case ESP_OP_CONSTANT_OF_SHAPE:
    fill(args);
    break;
  case ESP_OP_EYE_LIKE:
    fill_eye(args);
    break;
  case ESP_OP_RANGE:
    fill_range(args);
    break;
  case ESP_OP_SIZE:
    whole[0] = esp_shape_count(&args->in[0]->shape);
    break;
  default: {
    int begin, end;
    shape_range(args, &begin, &end);
    for (int i = begin; i < end; i++)
      whole[i - begin] = args->in[0]->shape.dim[i];
  }
  }
  return ESP_OK;
}

// Shapes are those of any batch; what a number of a sample shapes is not.
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  static const esp_samples absent = {.kind = ESP_SAMPLES_ABSENT};
  const int op = args->node->op;
  (void)batch;
  (void)in;
  const bool shape = op == ESP_OP_SHAPE || op == ESP_OP_SIZE;
  esp_samples_give(args, shape ? &absent : &esp_samples_mixed, 0, out);
}

const esp_op esp_op_constant = {.samples = samples, .infer = infer, .run = run};
