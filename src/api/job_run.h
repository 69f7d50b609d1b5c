// A job while it runs.  Private to api/.
#ifndef ESP_API_JOB_RUN_H
#define ESP_API_JOB_RUN_H

#include <stdio.h>

#include "api/private.h"
#include "cost/book.h"
#include "optimise/optimise.h"
#include "report/accuracy.h"

// What the output file holds already (resume.c).
typedef struct esp_past {
  bool exists;     // as begun by the same job
  bool finished;   // all samples of this job are in it
  int64_t samples; // that it was begun with
  int64_t batch;   // that the last run used
  esp_journal journal;
} esp_past;

// What was given for an input of the model.  `like_first`: by the key `input`,
// which is converted as that says.
enum { ESP_MOST_SOURCES = 64 };
typedef struct esp_given {
  char *name; // of the input; NULL: of the first, which need not be named
  char *spec; // files, a line each
  bool like_first;
} esp_given;

// An input of the model that is the same for all rows.
typedef struct esp_fixed {
  char *name;
  double value;
} esp_fixed;

// What a row leaves to the next one of its sequence (job_state.c).
typedef struct esp_tie {
  char *input, *output;
} esp_tie;
typedef struct esp_state {
  int count; // 0: no row knows of another
  esp_tie tie[ESP_MOST_SOURCES];
  esp_carry carry[ESP_MOST_SOURCES];
  char *files;           // of the sequences' numbers; NULL: not given
  esp_dataset *sequence; // the same
  esp_chain *chain;      // what is to be done of them
  int64_t chains;
} esp_state;

// What is known of the way to use the cores (job_tune.c).
typedef struct esp_tune {
  bool on;       // what is measured is kept for the next run
  bool alike;    // all ranks have as many cores, and as much choice
  char *key;     // of the book; on rank 0 at least
  esp_book book; // the same on all ranks
  // Where the seconds of the plan come from: "estimated" ...; static storage.
  const char *costs;
  // Of engines that were given up for a better way.
  double worked_before, moved_before; // seconds, of all workers side by side
} esp_tune;

typedef struct esp_running {
  esp_context *context;
  esp_comm *comm;
  const esp_job *job;

  esp_graph *model; // with the nodes that convert the dataset in front
  char *model_text; // the file, or the files of several
  esp_model_info info;
  // Datasets by the input of the model that they feed; the first is that of the
  // key `input`, and tells how many samples there are (job_inputs.c).
  int sources;
  esp_source source[ESP_MOST_SOURCES];
  esp_given given[ESP_MOST_SOURCES];
  int nfixed;
  esp_fixed fixed_input[ESP_MOST_SOURCES];
  esp_state state;
  char *label_files;     // a line each; NULL: there are no labels
  esp_dataset *labels;   // NULL: the same
  esp_coupling coupling; // of the samples of a batch
  esp_accuracy accuracy; // of the job's precision (job_precision.c)
  int64_t samples, batch;
  int64_t fixed; // batch that the model asks for; -1: any
  double began;  // seconds of the clock

  esp_past past;
  int64_t *pending; // batches that are to be done
  int64_t npending;
  int64_t resumed_from; // samples that were done before

  esp_resources resources;
  esp_machine machine;
  esp_tune tune;
  esp_comm *group;                  // ranks of this replica
  int ranks_per_node;               // of those that share a batch
  esp_workers *workers;             // the context's
  int workers_before, width_before; // as the context had them
  esp_bell *bell;
  esp_built full_built, tail_built; // whole batches; the smaller last one
  esp_engine full, tail;

  esp_results *results;
  int *result_of; // [noutput]
  esp_scoring scoring;
  double load_s;
  double others_s;       // of these cores, that other processes took
  int64_t first_latency; // among the outcome's, of the way that was kept
  esp_batch_result outcome;
  esp_trace *trace;             // NULL: nobody wants it (job_trace.c)
  FILE *trace_file, *page_file; // on rank 0
  int64_t *event_first;         // [ranks + 1] on rank 0, once gathered: events
  esp_trace_event *event;       // event[event_first[r] .. event_first[r + 1])
} esp_running;

// Opens the trace where one is wanted; writes it; ends it, also after a
// failure.  The first two are collective.  ESP_IO: it cannot be written.
esp_status esp_job_trace_begin(esp_running *run);
esp_status esp_job_trace_end(esp_running *run);
void esp_job_trace_close(esp_running *run);
// Writes the page of the key `report`, of a job that has come to its report
// (job_page.c).  Collective.
esp_status esp_job_page_write(esp_running *run, const esp_report *report);

// Chooses the number of samples that are computed together (job_batch.c).
esp_status esp_job_choose_batch(esp_running *run);
// Tries others, where the choice is open and the job is long.  Collective.
esp_status esp_job_try_batches(esp_running *run);

// Compares the job's precision with float32 on the first samples, on rank 0
// (job_precision.c).  Collective.
esp_status esp_job_compare_precision(esp_running *run);

// Memory (job_memory.c).  Bytes that a rank may take; 0: no limit.
double esp_memory_limit(const esp_running *run);
// How often a rank packs its weights.
int esp_weight_copies(const esp_running *run);
// Where there is one, gives each replica as many ranks as hold the model, the
// fewest that do, unless the job says how many replicas there are.  The same on
// all ranks; after the machine is known.  ESP_LIMIT: all of them do not hold
// it.
esp_status esp_memory_fit(esp_running *run);

// Engines (job_engines.c).  Makes those that are missing for the pending
// batches up to `end`, for the way that the resources say, lets their ranks
// exchange values, and the ranks of a node keep weights once.  Collective.
esp_status esp_engines_make(esp_running *run, int64_t end);
// Batches that an engine has room for.
int esp_engine_slots(const esp_running *run);
// How an engine for this size of batch is built.
esp_build_options esp_engine_options(const esp_running *run, int64_t batch,
                                     int slots);
void esp_engines_end(esp_running *run);
// Seconds of all nodes of an engine on this rank so far, a narrow one of a
// molded plan for its part of the team, and those during which
// its messages were under way; 0 without an exec.
double esp_engine_computed(const esp_engine *engine);
double esp_engine_moved(const esp_engine *engine);
// Puts what each node of whole batches usually takes into the tune's book.
// Collective.
esp_status esp_engines_measure(esp_running *run);

// Loads the model, and opens what feeds it and the labels (job_inputs.c).
// Collective.
esp_status esp_inputs_open(esp_running *run);
void esp_inputs_close(esp_running *run);
// The index of an input of the model; -1: none is named so.
int esp_input_named(const esp_graph *model, const char *name);
// ESP_USAGE: names those that there are.
esp_status esp_input_missing(const esp_running *run, const char *key,
                             const char *name);
// The first rows of each input of the model, [ninput]; ended with
// esp_inputs_free(), also after a failure.
esp_status esp_inputs_read(const esp_running *run, int64_t rows,
                           esp_tensor **tensors);
void esp_inputs_free(esp_tensor *tensors, int count);
// Loads the model, or the models as one (job_models.c).
esp_status esp_models_load(esp_running *run);
// Tells all ranks what the model says of itself.  Collective, after all of them
// have loaded it.
void esp_models_share(esp_running *run);
// With several models, `input` feeds the first input of each that has none of
// its own.
esp_status esp_models_feed(esp_running *run);
// Reads the keys that say what feeds the model's inputs, and finds the files
// (job_given.c).  Collective.
esp_status esp_given_read(esp_running *run);
void esp_given_end(esp_running *run);

// State (job_state.c).  Finds inputs and outputs in the model; opens what tells
// sequences apart; lists the rows that are to be done in order, once it is
// known which are.  Without state they do nothing.
esp_status esp_state_match(esp_running *run);
esp_status esp_state_open(esp_running *run);
esp_status esp_state_list(esp_running *run);
// Are outputs and inputs of one form in the graph that runs?
esp_status esp_state_check(const esp_running *run, const esp_graph *graph);
void esp_state_close(esp_running *run);

// The files of a dataset, a line each, as rank 0 sees them; free with free()
// (job_split.c).  Collective.
esp_status esp_job_files(const esp_comm *comm, const char *spec, char **files);
// Finds out what an output file that exists is to this job.  Collective.
// ESP_EXISTS: of another job, with the difference.
esp_status esp_resume_look(esp_running *run);
// What says which job a results file belongs to, to be kept in it; lives as
// long as the arena.
esp_status esp_resume_notes(const esp_running *run, esp_arena *arena,
                            const esp_note **note, int *count);
// Lists the batches that are still to be done, and counts the samples of the
// others (resume.c).
esp_status esp_resume_list(esp_running *run);

// The second of the clock by which the job is to be over, on rank 0; 0: none
// (walltime.c).
double esp_walltime_deadline(const esp_running *run);
// Seconds that "[days-][[hours:]minutes:]seconds", as Slurm writes what is left
// of a job's time, stands for; -1: none.
double esp_walltime_read(const char *text);

// Creates the results file for the model's outputs, and what is made of them,
// or opens the one that is there; notes that a run begins (outputs.c).
// Collective.
esp_status esp_outputs_open(esp_running *run);
// The hosts' names, a text of ESP_HOST_BYTES for each rank on rank 0; free(),
// on all ranks and also after a failure.  Collective.
enum { ESP_HOST_BYTES = 64 };
esp_status esp_hosts_gather(const esp_comm *comm, char **names);
// "name x ranks, ..." on rank 0; free with free() (report_make.c).  Collective.
esp_status esp_report_hosts(const esp_comm *comm, char **hosts);
// Gathers what the ranks know into rank 0's report (report_make.c). Collective.
esp_status esp_report_make(esp_running *run, esp_report **report);

#endif
