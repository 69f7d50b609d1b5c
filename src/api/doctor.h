// What espalier doctor found, as lists that are printed in words or as JSON.
// Private to api/.
#ifndef ESP_API_DOCTOR_H
#define ESP_API_DOCTOR_H

#include "api/private.h"

enum { ESP_FACT_ROOM = 160 };

// "section: name value"; sections come one after the other.
typedef struct esp_fact {
  const char *section;
  char name[64];
  char value[ESP_FACT_ROOM];
} esp_fact;

typedef enum esp_severity {
  ESP_SEVERITY_NOTE,    // good to know
  ESP_SEVERITY_WARNING, // a run will be slower than it could be
  ESP_SEVERITY_PROBLEM  // a run will fail or be wrong
} esp_severity;

typedef struct esp_symptom {
  esp_severity severity;
  char what[512]; // and what it means
  char fix[256];  // what to do about it; "" : nothing
} esp_symptom;

typedef struct esp_diagnosis {
  esp_fact *fact;
  size_t nfact, fact_room;
  esp_symptom *symptom;
  size_t nsymptom, symptom_room;
} esp_diagnosis;

esp_status esp_fact_add(esp_diagnosis *d, const char *section, const char *name,
                        const char *format, ...)
    __attribute__((format(printf, 4, 5)));
esp_status esp_symptom_add(esp_diagnosis *d, esp_severity severity,
                           const char *fix, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void esp_diagnosis_end(esp_diagnosis *d);
bool esp_diagnosis_has_problem(const esp_diagnosis *d);

// What the rest is judged by; plain, so that tests can make one up.
typedef struct esp_surroundings {
  int machine_cores, mask_cores, my_cores; // of the box, the mask, this rank
  int ranks, ranks_here;                   // all, and on this node
  bool shared;                             // ranks share cores
  double cpu_quota;                        // cores; 0: no limit
  int workers, width;   // that a context would get; 0: refused
  const char *refusal;  // then: why
  bool bound_by_openmp; // OMP_PROC_BIND and its like are set
  int slurm_cpus;       // SLURM_CPUS_PER_TASK; 0: not set
  bool isa_limited;     // DNNL_MAX_CPU_ISA or ONEDNN_MAX_CPU_ISA is set
  bool yields;          // mpi_yield_when_idle
  bool threads;         // MPI_THREAD_MULTIPLE can be had
} esp_surroundings;

// Adds what is wrong or could be better, and what to do about it.
esp_status esp_doctor_judge(const esp_surroundings *s, esp_diagnosis *d);

#endif
