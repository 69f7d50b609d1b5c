// One node of the operator table, made, run and compared in a test: numbers go
// in and come out as double, whatever the types of its tensors are.
#ifndef CHECK_ONE_NODE_H
#define CHECK_ONE_NODE_H

#include "base/memory.h"
#include "op/op.h"

enum { ONE_NODE_MOST = 10 }; // inputs, outputs, attributes

typedef struct one_node {
  esp_node node;
  esp_attribute attribute[ONE_NODE_MOST];
  esp_tensor in[ONE_NODE_MOST], out[ONE_NODE_MOST];
  const esp_tensor *in_list[ONE_NODE_MOST];
  esp_tensor *out_list[ONE_NODE_MOST];
  esp_arena *strings; // where made strings live; NULL: they cannot be
} one_node;

// A node without inputs and attributes, of an opset.
one_node one_node_of(const char *op, int version);
void one_node_free(one_node *n); // the tensors

// Attributes; lists and strings are kept.
void one_node_int(one_node *n, const char *name, int64_t value);
void one_node_float(one_node *n, const char *name, float value);
void one_node_string(one_node *n, const char *name, const char *value);
void one_node_ints(one_node *n, const char *name, const int64_t *list,
                   int count);
void one_node_floats(one_node *n, const char *name, const float *list,
                     int count);
void one_node_strings(one_node *n, const char *name, const char *const *list,
                      int count);

#define SHAPE(...)                                                             \
  (esp_shape) {                                                                \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ } \
  }
#define SCALAR                                                                 \
  (esp_shape) { 0 }
#define NUMBERS(...) ((const double[]){__VA_ARGS__})
// The next input: its numbers, converted; NULL: random ones in [-4, 4], whole
// where the type is.
void one_node_input(one_node *n, esp_dtype type, esp_shape shape,
                    const double *numbers);
// The next input, of strings; they are kept.
void one_node_texts(one_node *n, esp_shape shape, const char *const *text);
void one_node_omit(one_node *n); // the next input is left out

// Works out types and shapes of `outputs` outputs.
esp_status one_node_infer(one_node *n, int outputs);
// The same, then runs: prepared at width 1 with all inputs known, and again at
// width 3 with input 0 unknown before the run; asserts that both give the same
// bytes and that nothing is written past the end of an output.
esp_status one_node_run(one_node *n, int outputs);

double one_node_at(const one_node *n, int output, int64_t i);
// Element i of an input, after its conversion.
double one_node_in(const one_node *n, int input, int64_t i);
// Asserts type, shape, and each number within tolerance * (1 + |want|).
void one_node_check(const one_node *n, int output, esp_dtype type,
                    esp_shape shape, const double *want, double tolerance);
// Asserts strings, their shape, and each of them.
void one_node_check_texts(const one_node *n, int output, esp_shape shape,
                          const char *const *want);
// The relative error of one rounding to the type, with some room; 0: exact.
double one_node_tolerance(esp_dtype type);

#endif
