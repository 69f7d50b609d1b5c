// What is to be done: the keys of a job, from a YAML file and from options.
// The public header declares what a user of the library may call.
// Floor 1.
#ifndef ESP_CONFIG_JOB_H
#define ESP_CONFIG_JOB_H

#include <espalier/espalier.h> // declares the functions: create, set, load ...

#include "base/status.h"

#define ESP_JOB_TEXT char *
#define ESP_JOB_INT int64_t
#define ESP_JOB_FLAG bool

// A job; each member is a key of config/job_keys.h.  Texts belong to the job.
struct esp_job {
#define KEY(member, kind, fallback, argument, help) ESP_JOB_##kind member;
#include "config/job_keys.h"
#undef KEY
};

// Refuses what contradicts itself or is incomplete: no model, no input, a
// negative number, labels without an output to score, ... (ESP_USAGE).
esp_status esp_job_check(const esp_job *job);

#endif
