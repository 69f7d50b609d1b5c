// What the files of api/ share.  Private to api/.
#ifndef ESP_API_PRIVATE_H
#define ESP_API_PRIVATE_H

#include <espalier/espalier.h>

#include "base/lock.h"
#include "base/topology.h"
#include "batch/batch.h"
#include "comm/comm.h"
#include "config/job.h"
#include "cost/cost.h"
#include "model/model.h"
#include "plan/plan.h"
#include "report/report.h"
#include "workers/workers.h"

struct esp_context {
  esp_comm *comm; // NULL: alone
  esp_workers *workers;
  esp_cores cores; // of this rank
  bool pinned;     // the workers are bound to them
  bool oversubscribe;
  esp_lock lock; // of what follows
  bool measured;
  esp_machine machine;         // once measured
  struct esp_service *service; // of remote tasks; NULL: there is none
};
typedef struct esp_service esp_service;

// What this machine gives, measured at the first call.  From any thread.
esp_status esp_context_machine(esp_context *context, esp_machine *machine);

// How the ranks and this rank's cores are divided (resources.c).
typedef struct esp_resources {
  esp_cores mask;  // what this process may use
  esp_cores cores; // of this rank alone, or shared when there are too few
  bool shared;     // more ranks than cores: threads are not bound
  int replicas, ranks_per_replica;
  int streams, workers, width;
  bool molded;      // nodes may be narrower than that (plan.h)
  bool free_choice; // workers and width were not asked for
} esp_resources;

// Cuts the cores of a node among its ranks: `mask` is what each may use, rank
// `me` of `ranks` asks.  Every core is given to one rank; where all masks are
// the same each gets neighbours.  *shared: there are too few, and this rank
// gets one that others have too.
void esp_resources_share(const esp_cores *mask, int ranks, int me,
                         esp_cores *mine, bool *shared);
// Finds this rank's share of the node's cores.  Collective; `comm` NULL: this
// process is alone.
esp_status esp_resources_find(const esp_comm *comm, esp_resources *resources);
// Divides ranks and cores as the job asks; what it leaves open is chosen for
// its objective.  ESP_USAGE: it asks for what contradicts itself.
esp_status esp_resources_divide(const esp_job *job, int ranks,
                                esp_resources *resources);

// Numbers of threads: where they may come from stands in docs/resources.md, and
// in this order here (threads.c).  0: nobody says.
// ESP_USAGE: a variable is no number, or contradicts another or the option.
esp_status esp_threads_width(int64_t option, int *width);
esp_status esp_threads_workers(int64_t option, int *workers);
// ESP_USAGE: fewer than one, or more than the cores and not `oversubscribe`.
esp_status esp_threads_check(int streams, int workers, int width, int cores,
                             bool oversubscribe);

// A model for one size of batch: graph, costs, plan.
typedef struct esp_built {
  esp_graph *graph;
  double *seconds; // of each node, estimated or measured
  double *narrow;  // of each at one thread, where nodes may be narrow; or NULL
  double *bytes;   // of each, where the problem has them; or NULL
  esp_plan *plan;
  esp_plan_problem problem; // of the plan, with that graph and those seconds
} esp_built;

// Seconds of the nodes of a graph, measured.
typedef struct esp_node_costs {
  int nodes;      // 0: nothing is known
  double *narrow; // [nodes] on one thread
  double *wide;   // [nodes] on `width` threads
  int width;
} esp_node_costs;
void esp_node_costs_end(esp_node_costs *costs);

enum { ESP_AS_CACHED = -1 };
typedef struct esp_build_options {
  const esp_graph *model;
  const esp_machine *machine;
  int64_t batch;
  int64_t micro_batch; // rows of a piece; 0: the batch is computed whole;
                       // ESP_AS_CACHED: as suits a core's cache, and where
                       // several compute it as is planned to be fastest
  const esp_tensor *const *input; // of each graph input; NULL: by the batch
  const double *seconds; // [nodes] measured at this width; used where the graph
  int nodes;             // has so many; NULL: estimated
  const double *narrow;  // [nodes] likewise, at one thread: nodes may be narrow
                         // (plan.h); NULL: they are not
  int ranks, workers, width;
  int ranks_per_node; // 0: all on one
  bool divide;        // heavy nodes also among the workers of one rank, which
                      // would be wide operators otherwise
  double memory;      // bytes that a rank may take; 0: as many as it takes
  int slots;          // batches at once, for that
  int copies;         // of the weights, likewise
} esp_build_options;
// The same for a user's number, of which 0 means as cached.
int64_t esp_micro_batch(int64_t asked);
// The batch for a model of which `input` is fed: what that input fixes, or else
// `asked`, or, when that is 0, `fallback`.  ESP_USAGE: another one is asked for
// than the model fixes.
esp_status esp_build_batch(const esp_graph *model, int input, int64_t asked,
                           int64_t fallback, int64_t *batch);
esp_status esp_build(const esp_build_options *options, esp_built *built);
// Divides heavy nodes among workers and ranks, where the plan is shorter so
// (build_divided.c).  What was measured stays.
esp_status esp_build_divide(const esp_build_options *options, esp_built *built);
// The same for any problem: its graph with heavy nodes divided, and the plan,
// where that takes less than so many seconds; else better->plan is NULL.  The
// graph reads constants of the one in the problem.
typedef struct esp_divide_options {
  const esp_plan_problem *problem;
  const esp_machine *machine; // of which one thread's seconds are
  const double *known; // [nodes] seconds of a divided graph that are measured,
  int nodes;           // which is taken where it has so many; or NULL
  double least;
} esp_divide_options;
esp_status esp_divide(const esp_divide_options *options, esp_built *better);
// How many nodes of a graph are parts of divided ones.
int esp_count_parts(const esp_graph *graph);
// The same for a model that cannot be planned: a plan of one step, which walks
// it (op/walked.c).  options->input are its inputs with data: running them
// tells types and shapes of the outputs, and the time that a batch takes.
// ESP_UNSUPPORTED: more than one rank, or an output that is no tensor.
esp_status esp_build_walked(const esp_build_options *options, esp_built *built);
// Other seconds of the nodes, as wide as the plan has them, have become known:
// its times follow.
esp_status esp_build_retime(esp_built *built, const double *seconds);
void esp_build_end(esp_built *built);

// From now on the process keeps the weights that it packs in this folder, and
// looks there first; NULL: as before (base/packed.h).  ESP_IO.
esp_status esp_use_packed(const char *folder);

// What rank 0 measures of its core and memory in some milliseconds, for all
// ranks of `comm`.  Collective.
esp_status esp_machine_shared(const esp_comm *comm, esp_machine *machine);
// Measures what messages take inside the first node of a group of ranks that
// share a batch, and between its first two nodes, where there are several of
// either; what cannot be measured stays as it was.  *ranks_per_node: of the
// first node.  Collective.
esp_status esp_machine_links(const esp_comm *group, esp_machine *machine,
                             int *ranks_per_node);

#endif
