// Many input files: one long dataset, or a job for each.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/job_run.h"
#include "base/memory.h"

esp_status esp_job_files(const esp_comm *comm, const char *spec, char **files) {
  char *found = NULL;
  esp_status status =
      esp_comm_rank(comm) == 0 ? esp_dataset_files(spec, &found) : ESP_OK;
  ESP_TRY(esp_comm_agree(comm, status));
  size_t bytes = found != NULL ? strlen(found) + 1 : 0;
  esp_comm_broadcast(comm, 0, &bytes, sizeof bytes);
  if (found == NULL) {
    found = malloc(bytes);
    if (found == NULL) status = ESP_FAIL(ESP_NO_MEMORY, "cannot list files");
  }
  status = esp_comm_agree(comm, status);
  if (status == ESP_OK) {
    esp_comm_broadcast(comm, 0, found, bytes);
    *files = found;
  } else {
    free(found);
  }
  return status;
}

// What stands for {file} and {name}: "a/b.c.h5:/x" is a/b.c.h5 and b.c.
typedef struct words {
  char *file, *name;
} words;

static void end_words(words *w) {
  free(w->file);
  free(w->name);
}

static esp_status find_words(const char *spec, words *w) {
  w->file = strndup(spec, esp_dataset_file_length(spec));
  const char *slash = w->file != NULL ? strrchr(w->file, '/') : NULL;
  w->name =
      w->file != NULL ? strdup(slash != NULL ? slash + 1 : w->file) : NULL;
  if (w->name == NULL) {
    end_words(w);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot name a result");
  }
  char *dot = strrchr(w->name, '.');
  if (dot != NULL && dot != w->name) *dot = '\0';
  return ESP_OK;
}

// Fills the words into a text; NULL stays NULL.
static esp_status fill(char **text, const words *w) {
  if (*text == NULL) return ESP_OK;
  char *made = NULL;
  size_t bytes;
  FILE *out = open_memstream(&made, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot name a result");
  for (const char *c = *text; *c != '\0';) {
    if (strncmp(c, "{name}", 6) == 0 || strncmp(c, "{file}", 6) == 0) {
      (void)fputs(c[1] == 'n' ? w->name : w->file, out);
      c += 6;
    } else {
      (void)fputc(*c++, out);
    }
  }
  if (fclose(out) != 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot name a result");
  }
  free(*text);
  *text = made;
  return ESP_OK;
}

static esp_status make_part(const esp_job *job, const char *line, size_t length,
                            esp_job **part) {
  ESP_TRY(esp_job_copy(job, part));
  esp_job *p = *part;
  words w = {0};
  free(p->input);
  p->input = strndup(line, length);
  esp_status status = p->input != NULL
                          ? find_words(p->input, &w)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot name an input");
  if (status == ESP_OK) status = fill(&p->output, &w);
  if (status == ESP_OK) status = fill(&p->inputs, &w);
  if (status == ESP_OK) status = fill(&p->sequence, &w);
  if (status == ESP_OK) status = fill(&p->labels, &w);
  if (status == ESP_OK) status = fill(&p->summary, &w);
  if (status == ESP_OK) status = fill(&p->trace, &w);
  if (status == ESP_OK) status = fill(&p->report, &w);
  if (status != ESP_OK) esp_job_free(p);
  end_words(&w);
  return status;
}

static int by_output(const void *a, const void *b) {
  const esp_job *const *x = a, *const *y = b;
  return strcmp((*x)->output, (*y)->output);
}

static esp_status check_outputs(esp_job *const *part, int count) {
  esp_job **sorted = malloc((size_t)count * sizeof(esp_job *));
  if (sorted == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot name the results");
  memcpy(sorted, part, (size_t)count * sizeof(esp_job *));
  qsort(sorted, (size_t)count, sizeof(esp_job *), by_output);
  esp_status status = ESP_OK;
  for (int i = 1; i < count && status == ESP_OK; i++) {
    if (by_output(&sorted[i - 1], &sorted[i]) != 0) continue;
    status =
        ESP_FAIL(ESP_USAGE, "%s and %s would both be written to %s",
                 sorted[i - 1]->input, sorted[i]->input, sorted[i]->output);
  }
  free(sorted);
  return status;
}

static esp_status split(const esp_job *job, const char *files, esp_job ***parts,
                        int *count) {
  esp_job **part = NULL;
  size_t room = 0;
  esp_status status = ESP_OK;
  for (const char *line = files; *line != '\0' && status == ESP_OK;) {
    const size_t length = strcspn(line, "\n");
    status = esp_grow(&part, &room, (size_t)*count + 1, sizeof *part);
    if (status == ESP_OK) status = make_part(job, line, length, &part[*count]);
    if (status == ESP_OK) (*count)++;
    line += length + (line[length] == '\n');
  }
  if (status == ESP_OK) status = check_outputs(part, *count);
  *parts = part;
  return status;
}

esp_status esp_job_split(esp_context *context, const esp_job *job,
                         esp_job ***parts, int *count) {
  *parts = NULL;
  *count = 0;
  char *files = NULL;
  esp_status status = esp_job_check(job);
  if (status == ESP_OK && context->comm == NULL) {
    status = ESP_FAIL(ESP_USAGE, "a job needs a context with MPI: open it "
                                 "without `alone`");
  }
  ESP_TRY(status); // the same on every rank
  const bool each = strstr(job->output, "{name}") != NULL;
  if (job->keep_going && !each) {
    return ESP_FAIL(ESP_USAGE, "keep_going is for a result for each file: put "
                               "{name} into output, as in "
                               "results/{name}.h5");
  }
  if (each) {
    ESP_TRY(esp_job_files(context->comm, job->input, &files));
    status = split(job, files, parts, count);
    free(files);
  } else {
    *parts = calloc(1, sizeof(esp_job *));
    status = *parts != NULL ? esp_job_copy(job, *parts)
                            : ESP_FAIL(ESP_NO_MEMORY, "cannot keep the job");
    *count = status == ESP_OK;
  }
  status = esp_comm_agree(context->comm, status);
  if (status == ESP_OK) return ESP_OK;
  esp_job_end_parts(*parts, *count);
  *parts = NULL;
  *count = 0;
  return status;
}

void esp_job_end_parts(esp_job **parts, int count) {
  for (int i = 0; i < count; i++) esp_job_free(parts[i]);
  free(parts);
}
