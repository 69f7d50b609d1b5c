// What is to be done: the keys of a job, from a YAML file and from options.
// The public header declares what a user of the library may call.
// Floor 1.
#ifndef ESP_CONFIG_JOB_H
#define ESP_CONFIG_JOB_H

#include <espalier/espalier.h> // declares the functions: create, set, load ...

#include "base/status.h"

#define ESP_JOB_TEXT char *
#define ESP_JOB_LIST char * // a line each
#define ESP_JOB_INT int64_t
#define ESP_JOB_FLAG bool

// A job; each member is a key of config/job_keys.h.  Texts belong to the job.
struct esp_job {
#define KEY(member, kind, fallback, argument, help) ESP_JOB_##kind member;
#include "config/job_keys.h"
#undef KEY
};

esp_status esp_job_copy(const esp_job *job, esp_job **copy);
// Is there such a key, and may it be a list?
bool esp_job_has_key(const char *name);
bool esp_job_takes_list(const char *name);

// Refuses what contradicts itself or is incomplete: no model, no input, a
// negative number, labels without an output to score, ... (ESP_USAGE).
esp_status esp_job_check(const esp_job *job);

#endif
