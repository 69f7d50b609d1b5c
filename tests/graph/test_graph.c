// Graphs: building, sorting, copying and the checks that readers rely on.
#include "graph/graph.h"
#include "support/check.h"

static const esp_tensor vector = {.type = ESP_FLOAT, .shape = {1, {4}}};

// x -> first -> a -> second -> y, with the two nodes added in the wrong order.
static esp_graph *two_nodes_backwards(void) {
  esp_graph *graph = NULL;
  int x, a, y, node;
  CHECK_OK(esp_graph_create(&graph));
  CHECK_OK(esp_graph_add_value(graph, "x", &vector, &x));
  CHECK_OK(esp_graph_add_value(graph, "a", &vector, &a));
  CHECK_OK(esp_graph_add_value(graph, "y", &vector, &y));
  CHECK_OK(esp_graph_add_input(graph, x));
  CHECK_OK(esp_graph_add_output(graph, y));
  CHECK_OK(
      esp_graph_add_node(graph, "second", "Relu", 0, 13, &a, 1, &y, 1, &node));
  CHECK_OK(
      esp_graph_add_node(graph, "first", "Relu", 0, 13, &x, 1, &a, 1, &node));
  return graph;
}

static void sorting_puts_producers_first(void) {
  esp_graph *graph = two_nodes_backwards();
  CHECK_STATUS(esp_graph_check(graph), ESP_BAD_INPUT);
  check_message("second");
  CHECK_OK(esp_graph_sort(graph));
  CHECK_OK(esp_graph_check(graph));
  CU_ASSERT_STRING_EQUAL(graph->node[0].name, "first");
  CU_ASSERT_EQUAL(graph->value[1].producer, 0);
  CU_ASSERT_EQUAL(graph->value[2].producer, 1);
  esp_graph_free(graph);
}

static void a_cycle_is_refused(void) {
  esp_graph *graph = two_nodes_backwards();
  graph->node[1].in[0] = 2; // first reads y
  CHECK_STATUS(esp_graph_sort(graph), ESP_BAD_INPUT);
  check_message("cycle");
  esp_graph_free(graph);
}

static void a_copy_has_the_same_nodes(void) {
  esp_graph *graph = two_nodes_backwards();
  esp_graph *copy = NULL;
  const esp_attribute axis = {
      .name = "axis", .kind = ESP_ATTRIBUTE_INT, .i = 3};
  CHECK_OK(esp_graph_add_attribute(graph, 0, &axis));
  CHECK_OK(esp_graph_sort(graph));
  CHECK_OK(esp_graph_copy(graph, &copy));
  CHECK_OK(esp_graph_check(copy));
  CU_ASSERT_EQUAL(copy->nnode, 2);
  CU_ASSERT_EQUAL(esp_node_int(&copy->node[1], "axis", 0), 3);
  CU_ASSERT_EQUAL(esp_node_int(&copy->node[0], "axis", 7), 7);
  esp_graph_free(copy);
  esp_graph_free(graph);
}

static void readers_are_listed(void) {
  esp_graph *graph = two_nodes_backwards();
  esp_graph_uses uses;
  CHECK_OK(esp_graph_sort(graph));
  CHECK_OK(esp_graph_uses_create(graph, &uses));
  CU_ASSERT_EQUAL(uses.first[1] - uses.first[0], 1); // x is read by first
  CU_ASSERT_EQUAL(uses.node[uses.first[0]], 0);
  CU_ASSERT_EQUAL(uses.node[uses.first[1]], 1);
  CU_ASSERT_EQUAL(uses.first[3] - uses.first[2], 0); // y by none
  esp_graph_uses_free(&uses);
  esp_graph_free(graph);
}

static void a_dead_node_goes(void) {
  esp_graph *graph = two_nodes_backwards();
  CHECK_OK(esp_graph_sort(graph));
  graph->node[1].dead = true;
  CHECK_OK(esp_graph_compact(graph));
  CU_ASSERT_EQUAL(graph->nnode, 1);
  CU_ASSERT_EQUAL(graph->value[2].producer, -1);
  esp_graph_free(graph);
}

static esp_graph *sorted_two_nodes(void) {
  esp_graph *graph = two_nodes_backwards();
  CHECK_OK(esp_graph_sort(graph));
  return graph;
}

static void joined_graphs_share_common_inputs(void) {
  const esp_graph_part part[2] = {{"one", sorted_two_nodes()},
                                  {"two", sorted_two_nodes()}};
  esp_graph *graph = NULL;
  CHECK_OK(esp_graph_join(part, 2, &graph));
  CU_ASSERT_EQUAL(graph->ninput, 1);
  CU_ASSERT_EQUAL(graph->nnode, 4);
  CU_ASSERT_STRING_EQUAL(graph->value[graph->input[0]].name, "x");
  CU_ASSERT_EQUAL_FATAL(graph->noutput, 2);
  CU_ASSERT_STRING_EQUAL(graph->value[graph->output[0]].name, "one/y");
  CU_ASSERT_STRING_EQUAL(graph->value[graph->output[1]].name, "two/y");
  CU_ASSERT_STRING_EQUAL(graph->node[2].name, "two/first");
  CU_ASSERT_EQUAL(graph->node[2].in[0], graph->input[0]);
  esp_graph_free(graph);
}

static void inputs_of_other_forms_stay_apart(void) {
  const esp_graph_part part[2] = {{"one", sorted_two_nodes()},
                                  {"two", sorted_two_nodes()}};
  part[1].graph->value[part[1].graph->input[0]].tensor.shape.dim[0] = 5;
  esp_graph *graph = NULL;
  CHECK_OK(esp_graph_join(part, 2, &graph));
  CU_ASSERT_EQUAL_FATAL(graph->ninput, 2);
  CU_ASSERT_STRING_EQUAL(graph->value[graph->input[0]].name, "one/x");
  CU_ASSERT_STRING_EQUAL(graph->value[graph->input[1]].name, "two/x");
  esp_graph_free(graph);
}

int main(void) {
  static const check_case cases[] = {
      CASE(sorting_puts_producers_first),
      CASE(a_cycle_is_refused),
      CASE(a_copy_has_the_same_nodes),
      CASE(readers_are_listed),
      CASE(a_dead_node_goes),
      CASE(joined_graphs_share_common_inputs),
      CASE(inputs_of_other_forms_stay_apart),
      {NULL, NULL},
  };
  return check_run("graph", cases);
}
