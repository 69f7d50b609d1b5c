#include "support/one_node.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op/number.h"
#include "support/check.h"

one_node one_node_of(const char *op, int version) {
  const int id = esp_op_find(op);
  if (id < 0) {
    printf("\n    there is no operator %s", op);
    abort();
  }
  return (one_node){
      .node = {.name = op, .op_type = op, .op = id, .version = version}};
}

static void drop_outputs(one_node *n) {
  for (int i = 0; i < ONE_NODE_MOST; i++) {
    esp_free(n->out[i].data);
    n->out[i].data = NULL;
  }
}

void one_node_free(one_node *n) {
  for (int i = 0; i < ONE_NODE_MOST; i++) esp_free(n->in[i].data);
  drop_outputs(n);
}

static void add_attribute(one_node *n, esp_attribute attribute) {
  if (n->node.nattribute == ONE_NODE_MOST) abort();
  n->attribute[n->node.nattribute++] = attribute;
}
void one_node_int(one_node *n, const char *name, int64_t value) {
  add_attribute(
      n, (esp_attribute){.name = name, .kind = ESP_ATTRIBUTE_INT, .i = value});
}
void one_node_float(one_node *n, const char *name, float value) {
  add_attribute(n, (esp_attribute){
                       .name = name, .kind = ESP_ATTRIBUTE_FLOAT, .f = value});
}
void one_node_string(one_node *n, const char *name, const char *value) {
  add_attribute(n, (esp_attribute){.name = name,
                                   .kind = ESP_ATTRIBUTE_STRING,
                                   .s = value,
                                   .count = (int64_t)strlen(value)});
}
void one_node_ints(one_node *n, const char *name, const int64_t *list,
                   int count) {
  add_attribute(n, (esp_attribute){.name = name,
                                   .kind = ESP_ATTRIBUTE_INTS,
                                   .ints = list,
                                   .count = count});
}

void one_node_floats(one_node *n, const char *name, const float *list,
                     int count) {
  add_attribute(n, (esp_attribute){.name = name,
                                   .kind = ESP_ATTRIBUTE_FLOATS,
                                   .floats = list,
                                   .count = count});
}
void one_node_strings(one_node *n, const char *name, const char *const *list,
                      int count) {
  add_attribute(n, (esp_attribute){.name = name,
                                   .kind = ESP_ATTRIBUTE_STRINGS,
                                   .strings = list,
                                   .count = count});
}

static double random_number(esp_dtype type) {
  const double real = 4 * (double)check_random_float();
  if (type == ESP_BOOL) return real > 0;
  const bool is_unsigned = type == ESP_UINT8 || type == ESP_UINT16 ||
                           type == ESP_UINT32 || type == ESP_UINT64;
  if (is_unsigned) return floor(fabs(real));
  return esp_dtype_is_integer(type) ? rint(real) : real;
}

void one_node_input(one_node *n, esp_dtype type, esp_shape shape,
                    const double *numbers) {
  if (n->node.nin == ONE_NODE_MOST) abort();
  esp_tensor *t = &n->in[n->node.nin];
  *t = (esp_tensor){.type = type, .shape = shape};
  if (esp_allocate(esp_tensor_bytes(t), &t->data) != ESP_OK) abort();
  for (int64_t i = 0; i < esp_shape_count(&shape); i++) {
    esp_number_put(t, i, numbers != NULL ? numbers[i] : random_number(type));
  }
  n->in_list[n->node.nin++] = t;
}

void one_node_texts(one_node *n, esp_shape shape, const char *const *text) {
  one_node_input(n, ESP_STRING, shape, NULL);
  if (text == NULL) return; // there is no element
  memcpy(n->in[n->node.nin - 1].data, text,
         (size_t)esp_shape_count(&shape) * sizeof *text);
}

void one_node_omit(one_node *n) { n->in_list[n->node.nin++] = NULL; }

// The node's tensors as arguments; pointers into n, which may have moved.
static esp_args args_of(one_node *n, int outputs) {
  n->node.attribute = n->attribute;
  n->node.nout = outputs;
  for (int i = 0; i < n->node.nin; i++) {
    if (n->in_list[i] != NULL) n->in_list[i] = &n->in[i];
  }
  for (int i = 0; i < outputs; i++) n->out_list[i] = &n->out[i];
  return (esp_args){.node = &n->node,
                    .nin = n->node.nin,
                    .nout = outputs,
                    .in = n->in_list,
                    .out = n->out_list};
}

esp_status one_node_infer(one_node *n, int outputs) {
  const esp_args args = args_of(n, outputs);
  drop_outputs(n);
  return esp_op_get(n->node.op)->infer(&args);
}

enum { GUARD = 64, GUARD_BYTE = 0xa5 };

static void make_outputs(one_node *n, int outputs) {
  for (int i = 0; i < outputs; i++) {
    const size_t bytes = esp_tensor_bytes(&n->out[i]);
    if (esp_allocate(bytes + GUARD, &n->out[i].data) != ESP_OK) abort();
    memset(n->out[i].data, GUARD_BYTE, bytes + GUARD);
  }
}

static void check_guards(const one_node *n, int outputs) {
  for (int i = 0; i < outputs; i++) {
    const unsigned char *end =
        (const unsigned char *)n->out[i].data + esp_tensor_bytes(&n->out[i]);
    int touched = 0;
    for (int b = 0; b < GUARD; b++) touched += end[b] != GUARD_BYTE;
    CU_ASSERT_EQUAL(touched, 0);
  }
}

static esp_status run_at(one_node *n, int outputs, int width, bool unknown) {
  const esp_args args = args_of(n, outputs);
  const esp_op *op = esp_op_get(n->node.op);
  esp_prepared made = {0};
  void *scratch = NULL, *data = n->in[0].data;
  esp_status status = ESP_OK;
  if (unknown) n->in[0].data = NULL;
  if (op->prepare != NULL) status = op->prepare(&args, width, &made);
  n->in[0].data = data;
  if (status == ESP_OK) status = esp_allocate(made.scratch_bytes, &scratch);
  if (status == ESP_OK) {
    status = op->run(
        &args, made.state,
        (esp_team){.width = width, .scratch = scratch, .strings = n->strings});
  }
  esp_free(scratch);
  if (op->release != NULL) op->release(made.state);
  return status;
}

esp_status one_node_run(one_node *n, int outputs) {
  ESP_TRY(one_node_infer(n, outputs));
  make_outputs(n, outputs);
  ESP_TRY(run_at(n, outputs, 1, false));
  check_guards(n, outputs);
  void *first[ONE_NODE_MOST];
  for (int i = 0; i < outputs; i++) {
    first[i] = n->out[i].data;
    n->out[i].data = NULL;
  }
  make_outputs(n, outputs);
  const esp_status status = run_at(n, outputs, 3, true);
  for (int i = 0; i < outputs; i++) {
    if (status == ESP_OK && n->out[i].type != ESP_STRING) {
      check_same_bytes(n->out[i].data, first[i], esp_tensor_bytes(&n->out[i]));
    }
    esp_free(first[i]);
  }
  check_guards(n, outputs);
  return status;
}

double one_node_at(const one_node *n, int output, int64_t i) {
  return esp_number_at(&n->out[output], i);
}
double one_node_in(const one_node *n, int input, int64_t i) {
  return esp_number_at(&n->in[input], i);
}

double one_node_tolerance(esp_dtype type) {
  switch (type) {
  case ESP_FLOAT16:
    return 0x1p-10;
  case ESP_BFLOAT16:
    return 0x1p-7;
  case ESP_FLOAT:
    return 1e-5;
  case ESP_DOUBLE:
    return 1e-12;
  default:
    return 0;
  }
}

static bool close_to(double got, double want, double tolerance) {
  if (isnan(got) || isnan(want)) return isnan(got) && isnan(want);
  if (got == want) return true;
  return fabs(got - want) <= tolerance * (1 + fabs(want));
}

void one_node_check(const one_node *n, int output, esp_dtype type,
                    esp_shape shape, const double *want, double tolerance) {
  const esp_tensor *t = &n->out[output];
  char got_shape[ESP_SHAPE_TEXT];
  const bool fits = t->type == type && esp_shape_equal(&t->shape, &shape);
  if (!fits) {
    printf("\n    %s-%d: output %d is %s %s", n->node.op_type, n->node.version,
           output, esp_dtype_text(t->type),
           esp_shape_text(&t->shape, got_shape));
  }
  CU_ASSERT(fits);
  if (!fits || t->data == NULL) return;
  int64_t wrong = 0;
  for (int64_t i = 0; i < esp_shape_count(&shape); i++) {
    const double got = one_node_at(n, output, i);
    if (close_to(got, want[i], tolerance)) continue;
    if (wrong++ == 0) {
      printf("\n    %s-%d of %s: element %lld is %.9g, expected %.9g",
             n->node.op_type, n->node.version, esp_dtype_text(type),
             (long long)i, got, want[i]);
    }
  }
  CU_ASSERT_EQUAL(wrong, 0);
}

void one_node_check_texts(const one_node *n, int output, esp_shape shape,
                          const char *const *want) {
  const esp_tensor *t = &n->out[output];
  CU_ASSERT_EQUAL_FATAL(t->type, ESP_STRING);
  CU_ASSERT_FATAL(esp_shape_equal(&t->shape, &shape));
  for (int64_t i = 0; i < esp_shape_count(&shape); i++) {
    CU_ASSERT_STRING_EQUAL(((char *const *)t->data)[i], want[i]);
  }
}
