// Sums of values times numbers become one node, with the bits of the plain
// twin.
#include "op/op.h"
#include "support/check.h"
#include "support/twin.h"

enum { BATCH = 2, ROWS = 50, WIDTH = 64 }; // more than a cache's part

static float weight[] = {0.3F, -1.7F, 0.1F, 1e-3F};

typedef struct net {
  esp_graph *graph;
  int x;
} net;

static net begin(void) {
  net made;
  made.graph = twin_model(ROWS, WIDTH, &made.x);
  return made;
}

static int step(net *n, const char *op, int a, int b) {
  return twin_step(n->graph, op, esp_op_find(op), a, b, -1);
}
static int times(net *n, int i, int x) {
  const int w = twin_weights(n->graph, "w", &weight[i], &(esp_shape){1, {1}});
  return i % 2 == 0 ? step(n, "Mul", w, x) : step(n, "Mul", x, w);
}

// So many nodes of the optimised graph are weighted sums, and so many others.
static void expect(net *n, int y, int sums, int others) {
  CHECK_OK(esp_graph_add_output(n->graph, y));
  esp_graph *full = twin_compare(n->graph, BATCH, 0, 0);
  CU_ASSERT_EQUAL(twin_count(full, ESP_OP_WEIGHTED_SUM), sums);
  CU_ASSERT_EQUAL(full->nnode - twin_count(full, ESP_OP_WEIGHTED_SUM), others);
  esp_graph_free(full);
  esp_graph_free(n->graph);
}

static void terms_may_stand_on_either_side(void) {
  for (int sides = 0; sides < 8; sides++) {
    net n = begin();
    const int a = step(&n, "Tanh", n.x, -1), b = step(&n, "Sin", n.x, -1);
    const int term[] = {times(&n, 0, a), b, times(&n, 1, n.x), times(&n, 2, a)};
    int sum = term[0];
    for (int i = 1; i < 4; i++) {
      const bool swapped = sides >> (i - 1) & 1;
      sum = swapped ? step(&n, "Add", term[i], sum)
                    : step(&n, "Add", sum, term[i]);
    }
    expect(&n, step(&n, "Relu", sum, -1), 1, 2);
  }
}

static void a_product_may_be_rectified(void) {
  net n = begin();
  expect(&n, step(&n, "Relu", times(&n, 1, n.x), -1), 1, 0);
}

static void sums_without_numbers_stay(void) {
  net n = begin();
  const int a = step(&n, "Tanh", n.x, -1), b = step(&n, "Sin", n.x, -1);
  expect(&n, step(&n, "Add", step(&n, "Add", a, b), n.x), 0, 4);
}

static void what_others_read_is_made(void) {
  net n = begin();
  const int a = times(&n, 0, n.x), b = step(&n, "Tanh", a, -1);
  const int inner = step(&n, "Add", times(&n, 1, b), a);
  const int other = step(&n, "Sin", inner, -1);
  // Mul, Tanh, Sin; both sums, of which the second has the first as a term.
  expect(&n, step(&n, "Add", step(&n, "Add", inner, other), times(&n, 3, b)), 2,
         3);
}

static void very_many_terms_go_by_parts(void) {
  enum { TERMS = 40 };
  net n = begin();
  int sum = times(&n, 0, n.x);
  for (int i = 1; i < TERMS; i++) {
    sum = step(&n, "Add", sum, times(&n, i % 4, n.x));
  }
  CHECK_OK(esp_graph_add_output(n.graph, sum));
  esp_graph *full = twin_compare(n.graph, BATCH, 0, 0);
  esp_graph_free(full);
  esp_graph_free(n.graph);
}

int main(void) {
  static const check_case cases[] = {
      CASE(terms_may_stand_on_either_side), CASE(a_product_may_be_rectified),
      CASE(sums_without_numbers_stay),      CASE(what_others_read_is_made),
      CASE(very_many_terms_go_by_parts),    {NULL, NULL},
  };
  return check_run("optimise/sum", cases);
}
