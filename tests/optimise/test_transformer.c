// What exporters write out of transformers, with all passes against the plain
// twin: found, whatever the order of its factors.
#include "op/op.h"
#include "support/check.h"
#include "support/twin.h"

enum { BATCH = 2, ROWS = 5, WIDTH = 24 };

static float half = 0.5F, one = 1, two = 2, three = 3, root_two = 1.41421354F,
             root_half = 0.707106769F, cube = 0.0447149985F,
             root_two_pi = 0.797884583F, tiny = 1e-6F;

typedef struct net {
  esp_graph *graph;
  int x;
} net;

static net begin(void) {
  net made;
  made.graph = twin_model(ROWS, WIDTH, &made.x);
  return made;
}

// The optimised graph; the model is freed.
static esp_graph *end(net *n, int y) {
  CHECK_OK(esp_graph_add_output(n->graph, y));
  esp_graph *full = twin_compare(n->graph, BATCH, 2e-5, 2e-6);
  esp_graph_free(n->graph);
  return full;
}

static int number(net *n, float *value) {
  return twin_weights(n->graph, "number", value, &(esp_shape){.ndim = 0});
}
static int step(net *n, const char *op, int id, int a, int b) {
  return twin_step(n->graph, op, id, a, b, -1);
}
static int mul(net *n, int a, int b) {
  return step(n, "Mul", ESP_OP_MUL, a, b);
}
static int add(net *n, int a, int b) {
  return step(n, "Add", ESP_OP_ADD, a, b);
}

static void expect_gelu(net *n, int y) {
  esp_graph *full = end(n, y);
  CU_ASSERT_EQUAL(full->nnode, 1);
  CU_ASSERT_EQUAL(twin_count(full, ESP_OP_GELU), 1);
  esp_graph_free(full);
}

static int erf_plus_one(net *n, int scaled) {
  return add(n, step(n, "Erf", ESP_OP_ERF, scaled, -1), number(n, &one));
}

static void gelu_is_found(void) {
  for (int form = 0; form < 4; form++) {
    net n = begin();
    const int u = form == 1
                      ? mul(&n, number(&n, &root_half), n.x)
                      : step(&n, "Div", ESP_OP_DIV, n.x, number(&n, &root_two));
    const int e = erf_plus_one(&n, u);
    int y;
    if (form == 0) { // (x e) 0.5
      y = mul(&n, mul(&n, n.x, e), number(&n, &half));
    } else if (form == 1) { // x (0.5 e)
      y = mul(&n, n.x, mul(&n, number(&n, &half), e));
    } else if (form == 2) { // (0.5 x) e
      y = mul(&n, mul(&n, number(&n, &half), n.x), e);
    } else { // (x / 2) e
      y = mul(&n, e, step(&n, "Div", ESP_OP_DIV, n.x, number(&n, &two)));
    }
    expect_gelu(&n, y);
  }
}

static void gelu_by_tanh_is_found(void) {
  for (int form = 0; form < 3; form++) {
    net n = begin();
    int u;
    if (form < 2) { // sqrt(2/pi) (x + 0.044715 x^3)
      const int power =
          form == 0 ? step(&n, "Pow", ESP_OP_POW, n.x, number(&n, &three))
                    : mul(&n, mul(&n, n.x, n.x), n.x);
      u = mul(&n, number(&n, &root_two_pi),
              add(&n, n.x, mul(&n, number(&n, &cube), power)));
    } else { // (x sqrt(2/pi)) (1 + (0.044715 x) x)
      const int second = mul(&n, mul(&n, number(&n, &cube), n.x), n.x);
      u = mul(&n, mul(&n, n.x, number(&n, &root_two_pi)),
              add(&n, number(&n, &one), second));
    }
    const int t =
        add(&n, step(&n, "Tanh", ESP_OP_TANH, u, -1), number(&n, &one));
    expect_gelu(&n, mul(&n, mul(&n, n.x, number(&n, &half)), t));
  }
}

static void what_only_looks_like_gelu_is_left(void) {
  net n = begin(); // erf of x itself
  int e = erf_plus_one(&n, n.x);
  esp_graph *full = end(&n, mul(&n, mul(&n, n.x, e), number(&n, &half)));
  CU_ASSERT_EQUAL(twin_count(full, ESP_OP_ERF), 1);
  esp_graph_free(full);
  n = begin(); // without the half
  e = erf_plus_one(&n, mul(&n, n.x, number(&n, &root_half)));
  full = end(&n, mul(&n, n.x, e));
  CU_ASSERT_EQUAL(twin_count(full, ESP_OP_ERF), 1);
  esp_graph_free(full);
}

static int mean(net *n, int of) {
  static const int64_t last[] = {-1};
  const esp_attribute axes = {
      .name = "axes", .kind = ESP_ATTRIBUTE_INTS, .ints = last, .count = 1};
  const int value = step(n, "ReduceMean", ESP_OP_REDUCE_MEAN, of, -1);
  CHECK_OK(esp_graph_add_attribute(n->graph, n->graph->nnode - 1, &axes));
  return value;
}

static void a_row_norm_is_found(void) {
  static float scale[WIDTH], shift[WIDTH];
  check_fill(scale, WIDTH);
  check_fill(shift, WIDTH);
  for (int form = 0; form < 3; form++) {
    net n = begin();
    const int d = step(&n, "Sub", ESP_OP_SUB, n.x, mean(&n, n.x));
    const int again =
        form == 1 ? step(&n, "Sub", ESP_OP_SUB, n.x, mean(&n, n.x)) : d;
    const int square = form == 0
                           ? step(&n, "Pow", ESP_OP_POW, d, number(&n, &two))
                           : mul(&n, d, d);
    const int root = step(&n, "Sqrt", ESP_OP_SQRT,
                          add(&n, mean(&n, square), number(&n, &tiny)), -1);
    const esp_shape row = {1, {WIDTH}};
    int y = mul(&n, step(&n, "Div", ESP_OP_DIV, again, root),
                twin_weights(n.graph, "scale", scale, &row));
    if (form < 2) y = add(&n, twin_weights(n.graph, "shift", shift, &row), y);
    esp_graph *full = end(&n, y);
    CU_ASSERT_EQUAL(full->nnode, 1);
    CU_ASSERT_EQUAL(twin_count(full, ESP_OP_LAYER_NORMALIZATION), 1);
    esp_graph_free(full);
  }
}

// x w + bias, GELU, + x: all by the product.
static void a_product_does_what_follows_it(void) {
  static float w[WIDTH * WIDTH], bias[WIDTH];
  check_fill(w, WIDTH * WIDTH);
  check_fill(bias, WIDTH);
  net n = begin();
  const int p =
      step(&n, "MatMul", ESP_OP_MATMUL, n.x,
           twin_weights(n.graph, "w", w, &(esp_shape){2, {WIDTH, WIDTH}}));
  const int b =
      add(&n, twin_weights(n.graph, "bias", bias, &(esp_shape){1, {WIDTH}}), p);
  const int e = erf_plus_one(&n, mul(&n, b, number(&n, &root_half)));
  const int g = mul(&n, mul(&n, b, e), number(&n, &half));
  esp_graph *full = end(&n, add(&n, g, n.x));
  CU_ASSERT_EQUAL(full->nnode, 1);
  CU_ASSERT_EQUAL(full->node[0].npost, 3);
  esp_graph_free(full);
}

// Each sample's matrix by itself turned: a product for each.
static void products_of_a_batch_are_made_at_once(void) {
  static const int64_t turned[] = {0, 2, 1};
  const esp_attribute perm = {
      .name = "perm", .kind = ESP_ATTRIBUTE_INTS, .ints = turned, .count = 3};
  static float bias[ROWS];
  check_fill(bias, ROWS);
  net n = begin();
  const int t = step(&n, "Transpose", ESP_OP_TRANSPOSE, n.x, -1);
  CHECK_OK(esp_graph_add_attribute(n.graph, 0, &perm));
  const int p = step(&n, "MatMul", ESP_OP_MATMUL, n.x, t);
  esp_graph *full =
      end(&n, add(&n, p,
                  twin_weights(n.graph, "b", bias, &(esp_shape){1, {ROWS}})));
  CU_ASSERT_EQUAL(full->nnode, 2);
  esp_graph_free(full);
}

enum { HEADS = 3 };

static int projected(net *n, float *w, float *bias) {
  const int p =
      step(n, "MatMul", ESP_OP_MATMUL, n->x,
           twin_weights(n->graph, "w", w, &(esp_shape){2, {WIDTH, WIDTH}}));
  return add(n, p, twin_weights(n->graph, "b", bias, &(esp_shape){1, {WIDTH}}));
}
static int turned(net *n, int value, const int64_t *perm) {
  const esp_attribute how = {
      .name = "perm", .kind = ESP_ATTRIBUTE_INTS, .ints = perm, .count = 4};
  const int made = step(n, "Transpose", ESP_OP_TRANSPOSE, value, -1);
  CHECK_OK(esp_graph_add_attribute(n->graph, n->graph->nnode - 1, &how));
  return made;
}
static int reshaped(net *n, int value, int64_t *to, int count) {
  const esp_tensor t = {.type = ESP_INT64, .shape = {1, {count}}, .data = to};
  int shape;
  CHECK_OK(esp_graph_add_constant(n->graph, "to", &t, &shape));
  return step(n, "Reshape", ESP_OP_RESHAPE, value, shape);
}

static void attention_is_found(void) {
  static const int64_t rows[] = {0, 2, 1, 3}, keys[] = {0, 2, 3, 1},
                       last[] = {0, 1, 3, 2};
  static int64_t cut[] = {0, 0, HEADS, WIDTH / HEADS}, whole[] = {0, 0, WIDTH};
  static float w[3][WIDTH * WIDTH], bias[3][WIDTH], mask[ROWS];
  static float root = 2.82842708F, scale = 0.353553385F;
  for (int i = 0; i < 3; i++) check_fill(w[i], WIDTH * WIDTH);
  for (int i = 0; i < 3; i++) check_fill(bias[i], WIDTH);
  check_fill(mask, ROWS);
  for (int form = 0; form < 3; form++) {
    net n = begin();
    int part[3];
    for (int i = 0; i < 3; i++) {
      part[i] = reshaped(&n, projected(&n, w[i], bias[i]), cut, 4);
    }
    const int q = turned(&n, part[0], rows);
    const int k = form == 0 ? turned(&n, part[1], keys)
                            : turned(&n, turned(&n, part[1], rows), last);
    int s = step(&n, "MatMul", ESP_OP_MATMUL, q, k);
    if (form == 0) s = step(&n, "Div", ESP_OP_DIV, s, number(&n, &root));
    if (form == 1) s = mul(&n, number(&n, &scale), s);
    const int m =
        twin_weights(n.graph, "mask", mask, &(esp_shape){4, {1, 1, 1, ROWS}});
    if (form != 1) s = add(&n, s, m);
    s = step(&n, "Softmax", ESP_OP_SOFTMAX, s, -1);
    s = step(&n, "MatMul", ESP_OP_MATMUL, s, turned(&n, part[2], rows));
    esp_graph *full = end(&n, reshaped(&n, turned(&n, s, rows), whole, 3));
    CU_ASSERT_EQUAL(full->nnode, 4);
    CU_ASSERT_EQUAL(twin_count(full, ESP_OP_ATTENTION), 1);
    esp_graph_free(full);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(gelu_is_found),
      CASE(gelu_by_tanh_is_found),
      CASE(what_only_looks_like_gelu_is_left),
      CASE(a_row_norm_is_found),
      CASE(a_product_does_what_follows_it),
      CASE(products_of_a_batch_are_made_at_once),
      CASE(attention_is_found),
      {NULL, NULL},
  };
  return check_run("optimise/transformer", cases);
}
