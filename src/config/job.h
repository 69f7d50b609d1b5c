// What is to be done: the keys of a job, from a YAML file and from options.
// Floor 1.
#ifndef ESP_CONFIG_JOB_H
#define ESP_CONFIG_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct esp_text_list {
  char **text;
  int count;
} esp_text_list;

#define ESP_JOB_TEXT char *
#define ESP_JOB_INT int64_t
#define ESP_JOB_REAL double
#define ESP_JOB_FLAG bool
#define ESP_JOB_LIST esp_text_list

// A job; each member is a key of config/job_keys.h.  Texts belong to the job.
typedef struct esp_job {
#define KEY(member, kind, fallback, argument, help) ESP_JOB_##kind member;
#include "config/job_keys.h"
#undef KEY
} esp_job;

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

// Refuses what contradicts itself or is incomplete: no model, no input, a
// negative number, labels without an output to score, ... (ESP_USAGE).
esp_status esp_job_check(const esp_job *job);

typedef enum esp_key_kind {
  ESP_KEY_TEXT,
  ESP_KEY_INT,
  ESP_KEY_REAL,
  ESP_KEY_FLAG,
  ESP_KEY_LIST
} esp_key_kind;

// The list of keys, for --help and the documents.
typedef struct esp_job_key {
  const char *name; // with underscores
  esp_key_kind kind;
  const char *fallback; // the default as text
  const char *argument, *help;
} esp_job_key;
const esp_job_key *esp_job_keys(int *count);

#endif
