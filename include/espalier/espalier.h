// Espalier: ONNX models over HDF5 datasets on threads and ranks.
//
// The whole public interface: contexts and threads (context.h), fork and wait
// (task.h), tasks on other ranks (remote.h), tensors, sessions and graphs
// (tensor.h, session.h), and here jobs, models and files.  A function marked
// *collective* is called by all ranks alike, from the thread that opened the
// context; the functions of this file are safe from one thread at a time.
// Texts given back through `char **` are the caller's: free() them.
#ifndef ESPALIER_ESPALIER_H
#define ESPALIER_ESPALIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <espalier/context.h>
#include <espalier/declare.h>
#include <espalier/remote.h>
#include <espalier/session.h>
#include <espalier/status.h>
#include <espalier/task.h>
#include <espalier/tensor.h>

ESP_DECLARATIONS_BEGIN

// The program's version, e.g. "0.1.0".
const char *esp_version(void);
// What it was built with and runs on: one line for each library.
esp_status esp_versions(char **text);

// Jobs -----------------------------------------------------------------------

// What is to be done: the keys of docs/job-file.md.
typedef struct esp_job esp_job;

// Makes a job in which every key has its default.  The caller frees it.
esp_status esp_job_create(esp_job **job);
void esp_job_free(esp_job *job); // NULL is allowed
// Sets one key from text, e.g. ("batch", "64"), ("restart", "true").  Dashes in
// the key count as underscores.
// ESP_USAGE: no such key (the nearest one is named), or a value of the wrong
// type or outside the choices; the message says what would be right.
esp_status esp_job_set(esp_job *job, const char *key, const char *value);
// Sets the keys that a YAML job file gives.  ESP_BAD_INPUT: not YAML, an
// unknown key, a wrong type, a key given twice; the message names file, line,
// key and what was expected, and the job is as it was.  ESP_IO: cannot read.
esp_status esp_job_load(esp_job *job, const char *path);

// The value of a key of texts (also its default), or "true" or "false" of a
// flag; NULL when it has none or is a number.  Borrowed: valid until the key is
// set again.
const char *esp_job_get(const esp_job *job, const char *key);

typedef enum esp_key_kind {
  ESP_KEY_TEXT,
  ESP_KEY_LIST, // texts, a line each; in a job file a list, or one text
  ESP_KEY_INT,
  ESP_KEY_FLAG
} esp_key_kind;

// A key of a job, for help and documents.
typedef struct esp_job_key {
  const char *name; // with underscores
  esp_key_kind kind;
  const char *fallback; // the default as text
  const char *argument, *help;
} esp_job_key;
// All keys; static storage.
const esp_job_key *esp_job_keys(int *count);

typedef struct esp_progress {
  int64_t samples, total; // done, of
  int64_t resumed_from;   // samples that an earlier run had done
  double seconds;         // since the first batch of this run began
  bool last;              // the run ends here, early perhaps
} esp_progress;

// Where a run tells of itself, and hears.  All may be NULL.
typedef struct esp_listener {
  void *context;
  // On rank 0 only.
  void (*progress)(void *context, const esp_progress *progress);
  // On every rank, many times a second: how often somebody has asked this
  // process to stop.  Once: all ranks stop at the next safe batch.  More often:
  // they end at once, as by MPI_Abort, with exit status 75.
  int (*asked_to_stop)(void *context);
} esp_listener;

// The jobs that a job stands for: one for each input file when its output has
// "{name}" in it, else itself.  In output, labels and summary, "{name}" becomes
// the file's name without folder and ending, and "{file}" the file as it was
// given.  Collective: all ranks get the files that rank 0 sees.  The caller
// ends them with esp_job_end_parts().  ESP_USAGE: two files of one name;
// keep_going without {name}.
esp_status esp_job_split(esp_context *context, const esp_job *job,
                         esp_job ***parts, int *count);
void esp_job_end_parts(esp_job **parts, int count); // NULL is allowed

// What a run came to.
typedef struct esp_report esp_report;

// Runs a job, or goes on with one that was cut off.  Collective.  `report` is
// given on rank 0, NULL elsewhere, also with ESP_STOPPED: the run was asked to
// stop, or its time was over, before all was done; the same job goes on.
// ESP_USAGE: keys that contradict each other; ESP_BAD_INPUT, ESP_UNSUPPORTED:
// model or data; ESP_EXISTS: the output file is that of another job and
// `restart` is false; ESP_IO.  All of these are found before anything is
// computed, leave files as they were, and are the same on every rank.  After a
// failure while ranks compute, what is done stays in the output file, for the
// next run to go on with; where the ranks cannot agree on it any more, all of
// them end at once with a message.
esp_status esp_job_run(esp_context *context, const esp_job *job,
                       const esp_listener *listener, esp_report **report);
void esp_report_free(esp_report *report); // NULL is allowed
// The table at the end of a run, and the summary (docs/job-file.md lists it).
esp_status esp_report_table(const esp_report *report, char **text);
esp_status esp_report_json(const esp_report *report, char **text);

// Models ---------------------------------------------------------------------

// For what a model is explained or planned; 0 means: chosen.
typedef struct esp_setting {
  int64_t batch;
  int ranks, workers, width;
  int cores;    // of each rank
  bool measure; // explain: run the model on random input, do not only estimate
  const char *cluster; // plan: a file that describes the machines
                       // (docs/cluster-file.md); NULL: one replica, here
  bool latency;        // plan, with a cluster: of one batch; else throughput
  const char *svg;     // plan: also draws the schedule into this file
  // explain: with several ranks, rank 0 answers and what ranks give is measured
  // too; then collective.  NULL: this process alone.
  esp_context *context;
} esp_setting;

// What there is to gain from each kind of parallelism for this model, in words
// or as JSON.  Not collective, but see setting->context; the text is NULL on
// ranks above 0.
esp_status esp_explain(const char *model, const esp_setting *setting, bool json,
                       char **text);
// The plan for one replica; with a cluster the best way to divide its ranks,
// and what others come to.  Not collective.  ESP_IO: a file cannot be read or
// written; ESP_BAD_INPUT: the cluster file is not as it should be.
esp_status esp_plan_model(const char *model, const esp_setting *setting,
                          bool json, char **text);

// An open dimension of a model's inputs, by its name.
typedef struct esp_dim {
  const char *name;
  int64_t size;
} esp_dim;

// What is measured; 0 means: chosen.
typedef struct esp_bench_setting {
  int64_t batch;               // 1, or what the model fixes
  bool throughput;             // samples a second; else latency of one batch
  int streams, workers, width; // else tried, and the best is taken
  int64_t micro_batch; // rows of a piece of the batch; 0: as a session chooses
  esp_precision precision;  // and what it costs in accuracy on these inputs
  const char *packed_cache; // as a session's
  double seconds;           // to measure for, each way; 5
  bool sweep;               // all ways, not only the best
  const esp_dim *dim;       // [dims] open dimensions other than the batch
  int dims;
} esp_bench_setting;

// How fast a model is on this rank's cores, by sessions on made-up inputs, in
// words or as JSON.  Sets the context's numbers of threads, and leaves them as
// the last way had them.  From the thread that opened the context, while no
// task runs.  ESP_USAGE: several ranks; an open dimension that nobody tells.
esp_status esp_bench(esp_context *context, const char *model,
                     const esp_bench_setting *setting, bool json, char **text);

// Plans the bare task graphs of a file (docs/task-graphs.md has the format) and
// calls `tell` with one line for each: a JSON object, or words.  The line is
// borrowed for the call.  Not collective.  ESP_BAD_INPUT: the file is not as it
// should be, found before the first graph is planned; the message names file,
// line and what was expected.  ESP_IO: cannot read.
esp_status esp_plan_tasks(const char *path, bool json,
                          void (*tell)(void *context, const char *line),
                          void *context);

// The operators that are known, a line each, with what becomes of a batch in
// them: "followed" (it is known which samples an output depends on), "walked"
// (the model is walked node by node), "untold".  In words or as JSON lines
// {"domain", "operator", "batch"}.  Not collective.
esp_status esp_operators(bool json, char **text);

// Files ----------------------------------------------------------------------

// One file to pack: IDX (as MNIST's, also gzipped) or NPY (format 1 to 3,
// little or big endian, C order), told by its first bytes, not by its name.
typedef struct esp_pack_item {
  const char *file;
  const char *path; // dataset to make, e.g. "/test/images"
} esp_pack_item;
// Writes the files as datasets of a new HDF5 file (contiguous, native types;
// rows are streamed: memory does not grow with the file).  Not collective.
// ESP_EXISTS: `output` exists and `overwrite` is false; ESP_BAD_INPUT: a file
// is of no known format, truncated, longer than its header says, or in Fortran
// order; nothing is left behind on failure.
esp_status esp_pack(const esp_pack_item *item, int count, const char *output,
                    bool overwrite);

// A model, a dataset or a results file in words.  Not collective.
esp_status esp_inspect(const char *path, char **text);

// Machine --------------------------------------------------------------------

// What this machine, launcher and environment will do to a run and what to
// change, in words or as JSON (docs/resources.md).  Collective; the text is
// given on rank 0, NULL elsewhere.  *healthy: no run would fail.
esp_status esp_doctor(esp_context *context, bool json, char **text,
                      bool *healthy);

// Tests ----------------------------------------------------------------------

typedef enum esp_verdict {
  ESP_CASE_PASS,
  ESP_CASE_FAIL,        // another result than the case expects
  ESP_CASE_UNSUPPORTED, // the model is refused as not supported
  ESP_CASE_ERROR        // anything else
} esp_verdict;

// Runs one ONNX test-case directory (model.onnx and test_data_set_*/ with
// input_*.pb and output_*.pb): every |got - want| <= atol + rtol |want|.
// `reason` is "" for a pass.  Not collective.
esp_verdict esp_verify(const char *directory, double rtol, double atol,
                       char **reason);

ESP_DECLARATIONS_END
#endif
