// Is a results file that exists of this job, and how far is it?
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"
#include "base/hash.h"
#include "base/memory.h"
#include "kernel/library.h"

// What is compared, beside the samples, in the order of the messages.  Where
// model and data lie may change; what they are may not.
static const char *const compared[] = {
    "format",     "version", "library",       "model_hash", "input_data",
    "input_name", "scale",   "layout",        "precision",  "argmax",
    "top_k",      "scored",  "coupled_batch", "state"};
enum { COMPARED = sizeof compared / sizeof compared[0], NOTES = 24 };

#define FORMAT "1" // of the results file; rises when older files cannot be read

// Fingerprints ----------------------------------------------------------------

// Of up to 64 rows, spread evenly over the first `samples`.
static esp_status hash_rows(esp_dataset *dataset, int64_t samples,
                            uint64_t *hash) {
  enum { ROWS = 64 };
  const esp_dataset_info *info = esp_dataset_get_info(dataset);
  const size_t bytes =
      (size_t)esp_shape_product(&info->shape, 1, info->shape.ndim) *
      esp_dtype_bytes(info->type);
  void *row = NULL;
  *hash = ESP_HASH_BEGIN;
  ESP_TRY(esp_allocate(bytes, &row));
  esp_status status = ESP_OK;
  const int64_t rows = samples < ROWS ? samples : ROWS;
  for (int64_t i = 0; i < rows && status == ESP_OK; i++) {
    const int64_t at = rows > 1 ? i * (samples - 1) / (rows - 1) : 0;
    status = esp_dataset_read(dataset, at, 1, row);
    if (status == ESP_OK) *hash = esp_hash(*hash, row, bytes);
  }
  esp_free(row);
  return status;
}

// "uint8 [28,28] 0123456789abcdef": type, row and fingerprint.
static esp_status describe_data(esp_dataset *dataset, int64_t samples,
                                FILE *out) {
  const esp_dataset_info *info = esp_dataset_get_info(dataset);
  char shape[ESP_SHAPE_TEXT];
  esp_shape row = {.ndim = info->shape.ndim - 1};
  for (int i = 0; i < row.ndim; i++) row.dim[i] = info->shape.dim[i + 1];
  uint64_t hash;
  ESP_TRY(hash_rows(dataset, samples, &hash));
  fprintf(out, "%s %s %016" PRIx64, esp_dtype_text(info->type),
          esp_shape_text(&row, shape), hash);
  return ESP_OK;
}

// Of every input, with the names of all but the first.
static esp_status describe_inputs(const esp_running *run, int64_t samples,
                                  char **text) {
  size_t bytes;
  FILE *out = open_memstream(text, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot describe the input");
  esp_status status = ESP_OK;
  for (int i = 0; i < run->sources && status == ESP_OK; i++) {
    if (i > 0) fprintf(out, "; %s ", run->given[i].name);
    status = describe_data(run->source[i].dataset, samples, out);
  }
  for (int i = 0; i < run->nfixed; i++) {
    fprintf(out, "; %s %.17g", run->fixed_input[i].name,
            run->fixed_input[i].value);
  }
  if (run->state.sequence != NULL && status == ESP_OK) {
    (void)fputs("; sequence ", out);
    status = describe_data(run->state.sequence, samples, out);
  }
  if (fclose(out) != 0 && status == ESP_OK) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot describe the input");
  }
  if (status != ESP_OK) free(*text);
  return status;
}

// Notes -----------------------------------------------------------------------

typedef struct list {
  esp_note note[NOTES];
  int count;
  esp_arena *arena; // of the texts
  bool failed;
} list;

static void add(list *l, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add(list *l, const char *name, const char *format, ...) {
  char *text = NULL, *kept = NULL;
  va_list args;
  va_start(args, format);
  if (vasprintf(&text, format, args) < 0) text = NULL;
  va_end(args);
  if (text == NULL || l->count == NOTES ||
      esp_arena_string(l->arena, text, &kept) != ESP_OK) {
    l->failed = true;
  } else {
    l->note[l->count++] = (esp_note){.name = name, .text = kept};
  }
  free(text);
}

static const char *or_none(const char *text) {
  return text != NULL ? text : "none";
}

// `samples`: for which the input is described.
static esp_status list_notes(const esp_running *run, int64_t samples, list *l) {
  const esp_job *job = run->job;
  char *data = NULL, library[128];
  ESP_TRY(describe_inputs(run, samples, &data));
  // Which instructions are used may differ from node to node, and is noted with
  // each start.
  (void)esp_kernel_library(library, sizeof library);
  char *detail = strstr(library, " (");
  if (detail != NULL) *detail = '\0';
  add(l, "format", FORMAT);
  add(l, "creator", "espalier %s", esp_version());
  add(l, "version", "%s", esp_version());
  add(l, "library", "%s", library);
  add(l, "model", "%.4000s", run->model_text);
  add(l, "model_hash", "%016" PRIx64, run->info.hash);
  add(l, "input", "%.4000s", job->input); // a list may be too long to keep
  add(l, "input_data", "%s", data);
  add(l, "input_name", "%s", or_none(job->input_name));
  add(l, "samples", "%lld", (long long)run->samples);
  add(l, "scale", "%s", or_none(job->scale));
  add(l, "layout", "%s", or_none(job->layout));
  add(l, "precision", "%s", job->precision);
  add(l, "argmax", "%s", job->argmax ? "true" : "false");
  add(l, "top_k", "%lld", (long long)job->top_k);
  // Where samples influence one another the batch belongs to the results.
  const bool coupled = run->coupling.kind == ESP_COUPLING_FOUND;
  add(l, "coupled_batch", "%lld", (long long)(coupled ? run->job->batch : 0));
  add(l, "state", "%.4000s", or_none(job->state));
  add(l, "scored", "%s", or_none(job->score_output));
  free(data);
  return l->failed ? ESP_FAIL(ESP_NO_MEMORY, "cannot note what the job is")
                   : ESP_OK;
}

esp_status esp_resume_notes(const esp_running *run, esp_arena *arena,
                            const esp_note **note, int *count) {
  void *kept;
  list l = {.count = 0, .arena = arena};
  ESP_TRY(list_notes(run, run->samples, &l));
  ESP_TRY(esp_arena_copy(arena, l.note, sizeof l.note, &kept));
  *note = kept;
  *count = l.count;
  return ESP_OK;
}

// Comparing -------------------------------------------------------------------

typedef struct found {
  char *compared[COMPARED]; // NULL: the file has none
  int64_t samples;
  bool complete;
} found;

static void keep(void *context, const char *name, const char *text) {
  found *f = context;
  if (strcmp(name, "samples") == 0) f->samples = strtoll(text, NULL, 10);
  if (strcmp(name, "complete") == 0) f->complete = strcmp(text, "1") == 0;
  for (int i = 0; i < COMPARED; i++) {
    if (strcmp(name, compared[i]) != 0) continue;
    free(f->compared[i]);
    f->compared[i] = strdup(text);
  }
}

static void pass_over(void *context, const char *path,
                      const esp_dataset_info *info) {
  (void)context;
  (void)path;
  (void)info;
}

static const char *text_of(const list *l, const char *name) {
  for (int i = 0; i < l->count; i++) {
    if (strcmp(l->note[i].name, name) == 0) return l->note[i].text;
  }
  return NULL;
}

static esp_status check_samples(const esp_running *run, int64_t begun_with) {
  if (run->samples == begun_with) return ESP_OK;
  const bool grown = run->samples > begun_with;
  if (grown && strcmp(run->job->grown, "continue") == 0) return ESP_OK;
  return ESP_FAIL(
      ESP_EXISTS,
      "%s was begun with %lld samples, and this run has %lld: %sset "
      "samples to %lld, give another output, or restart to "
      "overwrite it",
      run->job->output, (long long)begun_with, (long long)run->samples,
      grown ? "set grown to continue for those that were added, " : "",
      (long long)begun_with);
}

static esp_status compare(const esp_running *run, const found *f,
                          const list *l) {
  for (int i = 0; i < COMPARED; i++) {
    const char *mine = text_of(l, compared[i]), *its = f->compared[i];
    // Files from before there was a choice do not say.
    if (its == NULL && strcmp(compared[i], "precision") == 0) its = "float32";
    if (its != NULL && strcmp(mine, its) == 0) continue;
    // Fewer samples have another fingerprint.
    if (strcmp(compared[i], "input_data") == 0 && run->samples < f->samples) {
      break;
    }
    return ESP_FAIL(ESP_EXISTS,
                    "%s was begun with %s %s, and this run has %s: give "
                    "another output, or restart to overwrite it",
                    run->job->output, compared[i], or_none(its), mine);
  }
  return check_samples(run, f->samples);
}

static esp_status read_past(esp_running *run, found *f) {
  const esp_store_visitor visitor = {
      .context = f, .dataset = pass_over, .attribute = keep};
  const char *output = run->job->output;
  if (esp_store_visit(output, &visitor) != ESP_OK || f->compared[0] == NULL ||
      esp_store_journal(output, &run->past.journal) != ESP_OK ||
      run->past.journal.rows < 0) {
    return ESP_FAIL(ESP_EXISTS,
                    "%s exists and is no results file that a run could go on "
                    "with: give another output, or restart to overwrite it",
                    output);
  }
  list l = {.count = 0};
  esp_status status = esp_arena_create(&l.arena);
  const int64_t common = f->samples < run->samples ? f->samples : run->samples;
  if (status == ESP_OK) status = list_notes(run, common, &l);
  if (status == ESP_OK) status = compare(run, f, &l);
  esp_arena_free(l.arena);
  return status;
}

static esp_status look(esp_running *run) {
  esp_past *past = &run->past;
  if (run->job->restart || !esp_results_exist(run->job->output)) return ESP_OK;
  found f = {0};
  const esp_status status = read_past(run, &f);
  for (int i = 0; i < COMPARED; i++) free(f.compared[i]);
  ESP_TRY(status);
  past->exists = true;
  past->samples = f.samples;
  past->batch = past->journal.batch;
  past->finished = f.complete && f.samples == run->samples;
  if (f.complete) ESP_TRY(esp_ranges_add(&past->journal.done, 0, f.samples));
  return ESP_OK;
}

// All ranks go on from what rank 0 has read.
static esp_status share(esp_running *run) {
  esp_past *past = &run->past;
  esp_ranges done = past->journal.done;
  esp_comm_broadcast(run->comm, 0, past, sizeof *past);
  const size_t count = past->journal.done.count;
  esp_status status = ESP_OK;
  if (esp_comm_rank(run->comm) != 0) {
    done = (esp_ranges){0};
    status = esp_grow(&done.range, &done.room, count + 1, sizeof *done.range);
    done.count = count;
  }
  past->journal.done = status == ESP_OK ? done : (esp_ranges){0};
  ESP_TRY(esp_comm_agree(run->comm, status));
  if (count > 0) {
    esp_comm_broadcast(run->comm, 0, past->journal.done.range,
                       count * sizeof *done.range);
  }
  return ESP_OK;
}

esp_status esp_resume_look(esp_running *run) {
  const bool first = esp_comm_rank(run->comm) == 0;
  ESP_TRY(esp_comm_agree(run->comm, first ? look(run) : ESP_OK));
  return share(run);
}

esp_status esp_resume_list(esp_running *run) {
  const int64_t batches = (run->samples + run->batch - 1) / run->batch;
  run->pending = calloc((size_t)batches + 1, sizeof *run->pending);
  if (run->pending == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot list %lld batches",
                    (long long)batches);
  }
  for (int64_t n = 0; n < batches; n++) {
    const int64_t first = n * run->batch;
    const int64_t end =
        first + run->batch < run->samples ? first + run->batch : run->samples;
    if (esp_ranges_cover(&run->past.journal.done, first, end)) {
      run->resumed_from += end - first;
    } else {
      run->pending[run->npending++] = n;
    }
  }
  return ESP_OK;
}
