// Gather, GatherElements and GatherND.
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/samples.h"

static esp_status axis_of(const esp_args *args, int *axis) {
  return esp_check_axis("axis", esp_node_int(args->node, "axis", 0),
                        args->in[0]->shape.ndim, axis);
}

static esp_status infer_gather(const esp_args *args, esp_shape *shape) {
  const esp_shape *x = &args->in[0]->shape, *i = &args->in[1]->shape;
  int axis;
  ESP_TRY(axis_of(args, &axis));
  if (x->ndim - 1 + i->ndim > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED, "more than %d dimensions", ESP_MAX_NDIM);
  }
  for (int d = 0; d < axis; d++) shape->dim[shape->ndim++] = x->dim[d];
  for (int d = 0; d < i->ndim; d++) shape->dim[shape->ndim++] = i->dim[d];
  for (int d = axis + 1; d < x->ndim; d++)
    shape->dim[shape->ndim++] = x->dim[d];
  return ESP_OK;
}

static esp_status infer_nd(const esp_args *args, esp_shape *shape) {
  const esp_shape *x = &args->in[0]->shape, *i = &args->in[1]->shape;
  const int64_t batch = esp_node_int(args->node, "batch_dims", 0);
  if (i->ndim < 1 || batch < 0 || batch >= i->ndim || batch >= x->ndim) {
    return ESP_FAIL(ESP_BAD_INPUT, "batch_dims %lld", (long long)batch);
  }
  const int64_t depth = i->dim[i->ndim - 1];
  if (depth < 1 || depth > x->ndim - batch) {
    return ESP_FAIL(ESP_BAD_INPUT, "index tuples of %lld numbers",
                    (long long)depth);
  }
  if (i->ndim - 1 + x->ndim - batch - depth > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_UNSUPPORTED, "more than %d dimensions", ESP_MAX_NDIM);
  }
  for (int d = 0; d + 1 < i->ndim; d++) shape->dim[shape->ndim++] = i->dim[d];
  for (int d = (int)(batch + depth); d < x->ndim; d++) {
    shape->dim[shape->ndim++] = x->dim[d];
  }
  return ESP_OK;
}

static esp_status infer(const esp_args *args) {
  esp_shape shape = {0};
  ESP_TRY(esp_check_arity(args, 2, 2, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPES_ALL));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPE(ESP_INT64) | ESP_TYPE(ESP_INT32)));
  ESP_TRY(esp_check_ndim(args, 0, 1, ESP_MAX_NDIM));
  switch (args->node->op) {
  case ESP_OP_GATHER:
    ESP_TRY(infer_gather(args, &shape));
    break;
  case ESP_OP_GATHER_ND:
    ESP_TRY(infer_nd(args, &shape));
    break;
  default: {
    int axis;
    ESP_TRY(axis_of(args, &axis));
    shape = args->in[1]->shape;
    ESP_TRY(esp_check_ndim(args, 1, args->in[0]->shape.ndim,
                           args->in[0]->shape.ndim));
    for (int d = 0; d < shape.ndim; d++) {
      if (d != axis && shape.dim[d] > args->in[0]->shape.dim[d]) {
        return ESP_FAIL(ESP_BAD_INPUT,
                        "indices are larger than input 0 along "
                        "axis %d",
                        d);
      }
    }
  }
  }
  esp_set_output(args, 0, args->in[0]->type, &shape);
  return ESP_OK;
}

static esp_status run_gather(const esp_args *args) {
  const esp_tensor *x = args->in[0], *indices = args->in[1];
  int axis;
  ESP_TRY(axis_of(args, &axis));
  const int64_t outer = esp_shape_product(&x->shape, 0, axis);
  const int64_t n = x->shape.dim[axis];
  const size_t slab =
      (size_t)esp_shape_product(&x->shape, axis + 1, x->shape.ndim) *
      esp_dtype_bytes(x->type);
  const int64_t count = esp_shape_count(&indices->shape);
  const unsigned char *from = x->data;
  unsigned char *to = args->out[0]->data;
  for (int64_t i = 0; i < count; i++) {
    int64_t at = 0;
    ESP_TRY(esp_index_at(indices, i, n, &at));
    for (int64_t o = 0; o < outer; o++) {
      memcpy(to + (size_t)(o * count + i) * slab,
             from + (size_t)(o * n + at) * slab, slab);
    }
  }
  return ESP_OK;
}

static esp_status run_elements(const esp_args *args) {
  const esp_tensor *x = args->in[0], *indices = args->in[1];
  int axis;
  ESP_TRY(axis_of(args, &axis));
  const size_t bytes = esp_dtype_bytes(x->type);
  const int64_t count = esp_shape_count(&indices->shape);
  for (int64_t i = 0; i < count; i++) {
    int64_t rest = i, from = 0, step = 1, at = 0;
    ESP_TRY(esp_index_at(indices, i, x->shape.dim[axis], &at));
    for (int d = x->shape.ndim - 1; d >= 0; d--) {
      const int64_t here = rest % indices->shape.dim[d];
      rest /= indices->shape.dim[d];
      from += (d == axis ? at : here) * step;
      step *= x->shape.dim[d];
    }
    memcpy((unsigned char *)args->out[0]->data + (size_t)i * bytes,
           (const unsigned char *)x->data + (size_t)from * bytes, bytes);
  }
  return ESP_OK;
}

static esp_status run_nd(const esp_args *args) {
  const esp_tensor *x = args->in[0], *indices = args->in[1];
  const int batch = (int)esp_node_int(args->node, "batch_dims", 0);
  const int depth = (int)indices->shape.dim[indices->shape.ndim - 1];
  const int64_t tuples =
      esp_shape_product(&indices->shape, 0, indices->shape.ndim - 1);
  const int64_t batches = esp_shape_product(&x->shape, 0, batch);
  const int64_t each = batches > 0 ? tuples / batches : 0;
  const size_t slab =
      (size_t)esp_shape_product(&x->shape, batch + depth, x->shape.ndim) *
      esp_dtype_bytes(x->type);
  for (int64_t t = 0; t < tuples; t++) {
    int64_t from = t / each;
    for (int k = 0; k < depth; k++) {
      int64_t at = 0;
      ESP_TRY(
          esp_index_at(indices, t * depth + k, x->shape.dim[batch + k], &at));
      from = from * x->shape.dim[batch + k] + at;
    }
    memcpy((unsigned char *)args->out[0]->data + (size_t)t * slab,
           (const unsigned char *)x->data + (size_t)from * slab, slab);
  }
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  (void)state;
  (void)team;
  switch (args->node->op) {
  case ESP_OP_GATHER:
    return run_gather(args);
  case ESP_OP_GATHER_ND:
    return run_nd(args);
  default:
    return run_elements(args);
  }
}

// Of data that are the same for all each sample takes what its indices say; of
// data along whose samples it does not gather, all take the same.
static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  int axis;
  (void)batch;
  if (args->node->op == ESP_OP_GATHER_ND || axis_of(args, &axis) != ESP_OK) {
    return;
  }
  const bool data = esp_samples_along(&in[0]);
  const bool indices = esp_samples_along(&in[1]);
  if (args->node->op == ESP_OP_GATHER_ELEMENTS) {
    esp_samples all = in[0];
    if (data && indices && esp_samples_join(&all, &in[1])) {
      esp_samples_past(args, &all, axis, out);
    }
  } else if (data && !indices) {
    const int more = args->in[1]->shape.ndim - 1;
    esp_samples_past(args, &in[0], axis, out);
    if (esp_samples_along(&out[0]) && in[0].axis > axis) out[0].axis += more;
  } else if (indices && !data) {
    esp_samples_give(args, &in[1], axis, out);
  }
}

// Of the table only what is taken is read.
static esp_work work(const esp_args *args) {
  const double taken = (double)esp_tensor_bytes(args->out[0]);
  return (esp_work){.bytes = 2 * taken + (double)esp_tensor_bytes(args->in[1])};
}

const esp_op esp_op_gather = {
    .samples = samples, .infer = infer, .work = work, .run = run};
