// Runs a graph node by node, with shapes found from the actual inputs. Floor 3.
//
// This is for graphs that cannot be planned: shapes that depend on data,
// branches and loops, sequences, optionals, strings (docs/adr/0005).  What an
// operator prepared is kept between runs while its shapes stay the same.
#ifndef ESP_OP_WALK_H
#define ESP_OP_WALK_H

#include "op/datum.h"
#include "op/op.h"

// A graph being walked, with what is kept between runs.
typedef struct esp_walk esp_walk;

// The graph is kept: it must outlive the walk.  `width`: OpenMP threads of an
// operator.  The caller frees the walk.
esp_status esp_walk_create(const esp_graph *graph, int width, esp_walk **walk);
void esp_walk_free(esp_walk *walk); // NULL is allowed

// Runs the graph once.  in[i], borrowed, is the value of graph->input[i]; NULL
// for an omitted one.  Each out[i] is a new reference, dropped by the caller.
// Strings that are made live in the arena `strings`, the caller's; it must
// outlive the outputs.  One run at a time.
// ESP_BAD_INPUT / ESP_UNSUPPORTED: names node, operator, and what is wrong;
// nothing is then given back, and the walk can run again.
esp_status esp_walk_run(esp_walk *walk, esp_datum *const *in,
                        esp_arena *strings, esp_datum **out);

// One node as an operator sees it that runs on values of all kinds.
struct esp_call {
  const esp_node *node;
  int nin;              // without what subgraphs capture
  esp_datum *const *in; // [node->nin] NULL: omitted
  esp_datum **out;      // [node->nout] NULL at first; filled with references
  esp_walk *walk;
  int index; // of the node in its graph
  esp_arena *strings;
};

// Runs the subgraph that an attribute holds: `in` are its own inputs, what it
// captures comes from the node.  out[0 .. nout) become references.
// ESP_BAD_INPUT: there is no such attribute, or the subgraph has another number
// of inputs or outputs.
esp_status esp_call_body(const esp_call *call, const char *attribute,
                         esp_datum *const *in, int nin, esp_datum **out,
                         int nout);
// The subgraph of an attribute; NULL when there is none.
const esp_graph *esp_call_graph(const esp_call *call, const char *attribute);
// infer() of operators that are only walked: ESP_UNSUPPORTED.
esp_status esp_infer_walked(const esp_args *args);

#endif
