// A model made ready to run: from an ONNX file, or from a graph built here.
#ifndef ESPALIER_SESSION_H
#define ESPALIER_SESSION_H

#include <espalier/context.h>
#include <espalier/declare.h>
#include <espalier/task.h>
#include <espalier/tensor.h>

ESP_DECLARATIONS_BEGIN

// Graphs built in C ----------------------------------------------------------

// A graph of ONNX operators.  Values are known by name.  Safe from one thread
// at a time.  A call that fails leaves the builder as it was.
typedef struct esp_builder esp_builder;

// Begins an empty graph.  `opset` is the version of ONNX's standard operators;
// 0: the latest that is known.  The caller frees it.
esp_status esp_builder_create(int opset, esp_builder **builder);
void esp_builder_free(esp_builder *builder); // NULL is allowed

// Adds an input; a dimension of -1 is left open until a run.
// ESP_USAGE: the name is taken or empty, or the shape is not one.
esp_status esp_builder_add_input(esp_builder *builder, const char *name,
                                 esp_dtype type, const int64_t *dim, int ndim);
// Adds a constant; its bytes are copied.
esp_status esp_builder_add_constant(esp_builder *builder, const char *name,
                                    const esp_tensor *tensor);
// Adds a node: an ONNX operator of the standard domain.  `name` may be NULL.
// Inputs name values that are there already or will be; NULL or "" omits one.
// Outputs are new values.
// ESP_UNSUPPORTED: no such operator; ESP_USAGE: an output's name is taken.
esp_status esp_builder_add_node(esp_builder *builder, const char *op_type,
                                const char *name, const char *const *inputs,
                                size_t ninputs, const char *const *outputs,
                                size_t noutputs);
// Sets an attribute of the node that was added last.  Everything is copied.
// ESP_USAGE: there is no node yet.
esp_status esp_builder_set_int(esp_builder *builder, const char *attribute,
                               int64_t value);
esp_status esp_builder_set_float(esp_builder *builder, const char *attribute,
                                 float value);
esp_status esp_builder_set_string(esp_builder *builder, const char *attribute,
                                  const char *value);
esp_status esp_builder_set_ints(esp_builder *builder, const char *attribute,
                                const int64_t *values, size_t count);
esp_status esp_builder_set_floats(esp_builder *builder, const char *attribute,
                                  const float *values, size_t count);
esp_status esp_builder_set_tensor(esp_builder *builder, const char *attribute,
                                  const esp_tensor *value);
// Makes a value the next output of the graph.
esp_status esp_builder_add_output(esp_builder *builder, const char *name);

// Sessions -------------------------------------------------------------------

// A model with its weights packed.  Two sessions share nothing that changes.
typedef struct esp_session esp_session;

// Zero everywhere means: guess well.
typedef struct esp_session_options {
  int num_interop_threads; // branches of one run that may be computed at once;
                           // 0: as the plan finds best, up to the context's
  int num_threads;         // threads of each operator: 1, or the context's;
                           // 0: as the plan finds best
  int64_t micro_batch;     // a batch whose rows go apart is computed in pieces
                           // of so many rows, where that divides it; 0: of as
                           // many as suit the cache of a core
  esp_precision precision; // 0: float32
  // Folder in which weights are kept as they were packed, for all sessions of
  // this process from now on, so that the next process need not pack; it is
  // made where it is missing.  NULL: as before, which is nowhere at first.
  const char *packed_cache;
} esp_session_options;

// Opens an ONNX file.  Not collective.  `options` may be NULL.  The caller
// closes the session before the context.
// ESP_IO, also when there can be no packed_cache; ESP_BAD_INPUT: not ONNX, or
// broken; ESP_UNSUPPORTED: operators that are not known, all of them with the
// names of their nodes.
esp_status esp_session_open(esp_context *context, const char *model_path,
                            const esp_session_options *options,
                            esp_session **session);
// Opens a session on a graph as it is now; the builder stays the caller's, and
// may be changed or freed.
// ESP_BAD_INPUT: a value is read that nothing makes, a cycle, no outputs.
esp_status esp_session_open_builder(esp_context *context, esp_builder *builder,
                                    const esp_session_options *options,
                                    esp_session **session);
// Waits for runs under way.  NULL is allowed.
void esp_session_close(esp_session *session);

// What the model wants and gives.
typedef struct esp_value_info {
  const char *name; // borrowed from the session
  esp_dtype type;
  int ndim;
  int64_t dim[ESP_MAX_NDIM]; // -1: open (for outputs: not known before a run)
} esp_value_info;
size_t esp_session_inputs(const esp_session *session);  // how many
size_t esp_session_outputs(const esp_session *session); // how many
// ESP_USAGE: there is no such input, or output.
esp_status esp_session_input(const esp_session *session, size_t index,
                             esp_value_info *info);
esp_status esp_session_output(const esp_session *session, size_t index,
                              esp_value_info *info);

// Runs the model: inputs[i] is the model's input i, row major; outputs[i] is
// either NULL, and becomes a new tensor that the caller frees, or a tensor of
// the right type and shape, which is filled.  From any number of threads at
// once, also from tasks; runs share the pool.  The first run with new input
// shapes makes a plan for them, which is kept.  The same inputs give the same
// bytes for any number of workers, any width, and whatever else runs.
// ESP_BAD_INPUT: an input does not fit; the message names it, what it is and
// what the model takes, and nothing has run.  Or a node failed: the message
// begins with its name and operator; nodes that needed it did not run, and new
// outputs are not made.
esp_status esp_run(esp_session *session, const esp_tensor *const *inputs,
                   esp_tensor **outputs);
// The same, at once: the inputs, the array `outputs` and what it points to stay
// in place until the future has ended.
esp_status esp_run_async(esp_session *session, const esp_tensor *const *inputs,
                         esp_tensor **outputs, esp_future **future);

ESP_DECLARATIONS_END
#endif
