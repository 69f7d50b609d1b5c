// The operator table: what the passes, the cost model and the executor need to
// know of each operator.  Floor 3.
#ifndef ESP_OP_OP_H
#define ESP_OP_OP_H

#include "base/status.h"
#include "graph/graph.h"
#include "tensor/tensor.h"

typedef enum esp_op_id {
#define OP(id, onnx, family) ESP_OP_##id,
#include "op/op_list.h"
#undef OP
  ESP_OP_COUNT
} esp_op_id;

// One node with its tensors, as every function of an operator sees it.  When
// shapes are worked out, in[i]->data is not NULL only where the content is
// known (a constant); when it runs, every data is set.
typedef struct esp_args {
  const esp_node *node; // name, op, version, attributes, posts
  int nin, nout;
  const esp_tensor *const *in; // NULL: omitted
  esp_tensor *const *out;      // NULL: not wanted; the first one only where
                               // the operator says omits_first
} esp_args;

// What one execution does, for the cost model.
typedef struct esp_work {
  double flops; // floating-point operations; a multiply-add counts two
  double bytes; // bytes read and written, each buffer once
  double gain;  // so many times as fast as the operations say, as the kernel
                // makes fewer; 0: once
} esp_work;

// How an operator treats ESP_CHANNELS_LAST tensors (optimise/layout.c).
typedef enum esp_layout_habit {
  ESP_LAYOUT_ROW_MAJOR, // takes and gives row major only
  ESP_LAYOUT_FOLLOWS,   // computes in whatever layout its inputs have, if all
                        // of its non-scalar inputs with ndim >= 3 share it;
                        // other inputs broadcast against the logical shape
  ESP_LAYOUT_CHOOSES    // first input and first output are faster channels last
} esp_layout_habit;

// What the threads and the memory of one execution are.
typedef struct esp_team {
  int width;          // OpenMP threads to use, exactly as prepared
  void *scratch;      // as many bytes as prepare() asked for, ESP_ALIGN-ed
  esp_arena *strings; // where an operator that makes strings allocates them, on
                      // one thread; they live as long as the run's results.
                      // NULL: strings cannot be made here (ESP_UNSUPPORTED)
} esp_team;

// What prepare() leaves.
typedef struct esp_prepared {
  void *state;          // handed to run() and release(); may be NULL
  size_t scratch_bytes; // that each run() needs
} esp_prepared;

// Where the samples of a batch lie in a value.
typedef enum esp_samples_kind {
  ESP_SAMPLES_ABSENT, // the value is the same for all
  ESP_SAMPLES_ALONG,  // along an axis of batch x inner elements, those of one
                      // sample together
  ESP_SAMPLES_MIXED,  // one influences the values of another
  ESP_SAMPLES_UNTOLD  // nothing is known
} esp_samples_kind;
typedef struct esp_samples {
  esp_samples_kind kind;
  int axis;
  int64_t inner;
} esp_samples;

// How a node is divided into nodes that make some of its outputs' channels,
// columns or directions each; every one of them keeps its bits.
enum { ESP_DIVIDED_INPUTS = 8, ESP_DIVIDED_OUTPUTS = 3 };
typedef struct esp_op_division {
  int axis[ESP_DIVIDED_OUTPUTS]; // of an output; what posts add goes as the
                                 // first one does
  int64_t grain;                 // parts begin at multiples of it
  int cuts;                      // inputs that have a cut; others are whole
  int cut[ESP_DIVIDED_INPUTS];   // axis of an input that goes with the outputs;
                                 // -1: every part reads the whole input
} esp_op_division;
// Attributes of a part: which one it is, and how many channels the whole has,
// where the operator chooses an implementation by it.
#define ESP_PART "part"
#define ESP_WHOLE_CHANNELS "whole_channels"

// One node with values of any kind (op/walk.h).
typedef struct esp_call esp_call;

typedef struct esp_op {
  // Fills type and shape of every wanted output from the inputs' (and checks
  // number, types and shapes of the inputs against the standard for
  // node->version).  The layout is filled by the layout pass, not here.
  // ESP_BAD_INPUT: the model breaks the standard; the message names input or
  // attribute, what was found, and what is asked (the caller adds the node).
  // ESP_UNSUPPORTED: legal but not implemented, or a shape depends on data.
  esp_status (*infer)(const esp_args *args);
  // Estimates the work; the shapes have passed infer().  NULL: bytes only.
  esp_work (*work)(const esp_args *args);
  // Packs weights, reads attributes, builds primitives: all that can be done
  // before data is there, once.  Constant inputs have data, the others none;
  // what is wanted of them later is copied.  NULL: run() needs nothing.
  esp_status (*prepare)(const esp_args *args, int width, esp_prepared *made);
  void (*release)(void *state); // accepts NULL and half-built states
  // Computes the outputs; no allocation; safe from several workers at once
  // with different args and scratch, also on one state.  Outputs do not overlap
  // inputs, but for those that overlays() allows.  ESP_BAD_INPUT: the data are
  // illegal (an index out of range).
  esp_status (*run)(const esp_args *args, const void *state, esp_team team);
  // May the first output take the place of input i, which nobody reads after
  // this node?  Asked only of inputs of as many bytes.  NULL: it may not.
  bool (*overlays)(const esp_args *args, int i);
  // May the node be divided into so many parts, and how?  NULL: it may not.
  bool (*divides)(const esp_args *args, int parts, esp_op_division *how);
  // Not NULL: the operator takes sequences, optionals or subgraphs.  When a
  // graph is walked this is called in place of infer, prepare and run; it fills
  // call->out.  infer() says ESP_UNSUPPORTED where only this will do.
  esp_status (*walk)(const esp_call *call);
  // Fills out[i] from in[i] for a batch of so many samples (op/samples.h); the
  // shapes have passed infer().  NULL: nothing can be told.
  void (*samples)(const esp_args *args, int64_t batch, const esp_samples *in,
                  esp_samples *out);
  esp_layout_habit layout;
  bool posts;       // takes node->post (graph.h) on its first output
  bool omits_first; // its first output may be left out where others are wanted
  // The row that computes everything but the 16-bit floating types, where
  // op/half.h converts them for it; otherwise NULL.
  const struct esp_op *plain;
} esp_op;

// Returns the row of an operator.  Never NULL; static storage.
const esp_op *esp_op_get(int id);
const char *esp_op_name(int id); // ONNX's name
// Gives the id of an ONNX name; -1 when there is none.
int esp_op_find(const char *onnx_name);

// Gives a node whose first output is not wanted, but another is, a value for it
// unless the operator does without.  For whoever adds nodes from outside.
esp_status esp_op_complete(esp_graph *graph, int node);

// A node with the tensors of its graph; in and out have room for its inputs and
// outputs.  Constants have data, the others none.
esp_args esp_op_args(const esp_graph *graph, const esp_node *node,
                     const esp_tensor **in, esp_tensor **out);
// Room that is enough for every node of the graph.
size_t esp_op_most_arguments(const esp_graph *graph);

// Calls infer() over cleared outputs and checks what it found: every wanted
// output has a type, and a shape whose bytes can be counted.
esp_status esp_op_infer(const esp_args *args);

// overlays() of an operator that reads element k of the input, of the same
// type, shape and layout, for element k of the output alone.
bool esp_overlays_alike(const esp_args *args, int i);

// The first channel of a part, of so many that go by the grain.
static inline int64_t esp_op_division_begin(const esp_op_division *how,
                                            int64_t channels, int parts,
                                            int part) {
  const int64_t grains = channels / how->grain;
  return part == parts ? channels : grains * part / parts * how->grain;
}

// Estimated work of a node whose shapes are known: the operator's own, or one
// flop per output element and the bytes of all tensors.
esp_work esp_op_work(const esp_args *args);

// Where the samples lie in a node's outputs.
void esp_op_samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out);

// Runs a node once, at width 1, preparing and releasing on the way: for
// constant folding and for tests.  The outputs' data must be allocated.
esp_status esp_op_run_once(const esp_args *args);
// The same; strings that it makes live in the arena, which may be NULL.
esp_status esp_op_run_once_in(const esp_args *args, esp_arena *strings);

#endif
