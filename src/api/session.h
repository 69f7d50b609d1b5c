// Sessions as their files see them.  Private to api/.
#ifndef ESP_API_SESSION_H
#define ESP_API_SESSION_H

#include "api/private.h"
#include "api/walked.h"
#include "base/lock.h"
#include "exec/exec.h"

enum { ESP_MOST_ENGINES = 16 };

// A run under way in a slot of an engine.
typedef struct esp_flight {
  struct esp_session_engine *engine;
  int slot;
  bool in_use;
  esp_tensor **outputs; // the caller's
  bool *made;           // [noutput] is the output ours to make?
  esp_future *future;   // NULL: the caller runs it itself
  esp_status status;    // then: what came of it, and
  char message[1024];   // what it said
} esp_flight;

// The model planned for one set of input shapes and numbers of threads.
typedef struct esp_session_engine {
  esp_session *session;
  esp_shape *shape; // [ninput]
  int workers, width;
  bool molded;
  esp_built built;
  esp_exec *exec;
  esp_flight *flight[ESP_MAX_SLOTS];
  int flights, flying;
  uint64_t used; // when it was wanted last
} esp_session_engine;

struct esp_session {
  esp_context *context;
  esp_session_options options;
  bool exact; // plans use all workers there are, also where one is predicted to
              // be faster: for bench, which measures that
  const esp_node_costs *costs; // of its graph, for bench; NULL: estimated
  bool molded;                 // nodes of one worker may be narrow: with costs
  esp_graph *model;
  esp_builder *builder;  // whose constants the model shares; NULL: none
  esp_walk_pool *walked; // the model cannot be planned; NULL: it can, or nobody
                         // has tried
  esp_lock lock;         // changed: the last run has landed
  esp_session_engine *engine[ESP_MOST_ENGINES];
  int engines, flying;
  uint64_t clock;
  int64_t order; // of the next run
};

// The engine for these inputs and the numbers of threads of now, made where
// there is none (session_engine.c).  With the lock.
// ESP_UNSUPPORTED: the model cannot be planned.
esp_status esp_session_engine_of(esp_session *session,
                                 const esp_tensor *const *in,
                                 esp_session_engine **engine);
void esp_session_engine_free(esp_session_engine *engine); // NULL is allowed
// The last step of a run has ended: for an engine's exec (session_run.c).
void esp_session_landed(void *engine, int slot);

#endif
