// Finds out what this machine, launcher and environment will do to a run.
#include "api/doctor.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"

extern char **environ;

// Lists ----------------------------------------------------------------------

esp_status esp_fact_add(esp_diagnosis *d, const char *section, const char *name,
                        const char *format, ...) {
  ESP_TRY(esp_grow(&d->fact, &d->fact_room, d->nfact + 1, sizeof *d->fact));
  esp_fact *f = &d->fact[d->nfact++];
  *f = (esp_fact){.section = section};
  (void)snprintf(f->name, sizeof f->name, "%s", name);
  va_list args;
  va_start(args, format);
  (void)vsnprintf(f->value, sizeof f->value, format, args);
  va_end(args);
  return ESP_OK;
}

esp_status esp_symptom_add(esp_diagnosis *d, esp_severity severity,
                           const char *fix, const char *format, ...) {
  ESP_TRY(esp_grow(&d->symptom, &d->symptom_room, d->nsymptom + 1,
                   sizeof *d->symptom));
  esp_symptom *s = &d->symptom[d->nsymptom++];
  *s = (esp_symptom){.severity = severity};
  (void)snprintf(s->fix, sizeof s->fix, "%s", fix);
  va_list args;
  va_start(args, format);
  (void)vsnprintf(s->what, sizeof s->what, format, args);
  va_end(args);
  return ESP_OK;
}

void esp_diagnosis_end(esp_diagnosis *d) {
  free(d->fact);
  free(d->symptom);
  *d = (esp_diagnosis){0};
}

bool esp_diagnosis_has_problem(const esp_diagnosis *d) {
  for (size_t i = 0; i < d->nsymptom; i++) {
    if (d->symptom[i].severity == ESP_SEVERITY_PROBLEM) return true;
  }
  return false;
}

// Finding --------------------------------------------------------------------

static const char *plural(int count) { return count == 1 ? "" : "s"; }

static esp_status find_machine(esp_surroundings *s, esp_diagnosis *d) {
  esp_hardware h;
  const esp_limits limits = esp_limits_read();
  ESP_TRY(esp_topology_hardware(&h));
  s->machine_cores = h.cores > 0 ? h.cores : h.units;
  s->cpu_quota = limits.cpu_quota;
  ESP_TRY(esp_fact_add(d, "machine", "processor", "%s",
                       h.model[0] != '\0' ? h.model : "unknown"));
  ESP_TRY(esp_fact_add(
      d, "machine", "cores",
      "%d package%s, %d core%s, %d processing unit%s, %d NUMA node%s",
      h.packages, plural(h.packages), h.cores, plural(h.cores), h.units,
      plural(h.units), h.numa_nodes, plural(h.numa_nodes)));
  ESP_TRY(esp_fact_add(d, "machine", "memory", "%.1f GiB",
                       (double)limits.memory_bytes / (double)(1 << 30)));
  if (limits.cpu_quota <= 0) {
    return esp_fact_add(d, "machine", "cpu quota", "none");
  }
  return esp_fact_add(d, "machine", "cpu quota", "%.2f cores",
                      limits.cpu_quota);
}

static const char *launcher(void) {
  if (getenv("OMPI_COMM_WORLD_SIZE") != NULL) return "mpirun";
  const bool step = getenv("SLURM_STEP_ID") != NULL;
  return step && getenv("SLURM_PROCID") != NULL ? "srun" : "no launcher";
}

// One line for each rank: where it runs and which cores are its own.
static esp_status find_ranks(const esp_context *c, const esp_resources *r,
                             esp_diagnosis *d) {
  enum { ROOM = 128, SHOWN = 64 };
  char mine[ROOM] = "", host[64] = "", units[48];
  (void)gethostname(host, sizeof host - 1);
  (void)snprintf(mine, sizeof mine, "%s, cores %s%s", host,
                 esp_cores_text(&r->cores, units, sizeof units),
                 r->shared ? " (shared)" : "");
  const int ranks = esp_size(c);
  char *all = calloc((size_t)ranks, ROOM);
  esp_status status =
      all != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot list the ranks");
  ESP_TRY(esp_agree(c, status));
  if (c->comm != NULL) {
    esp_comm_gather_texts(c->comm, mine, ROOM, all);
  } else {
    memcpy(all, mine, ROOM);
  }
  for (int i = 0; i < ranks && i < SHOWN && esp_rank(c) == 0; i++) {
    char name[32];
    (void)snprintf(name, sizeof name, "rank %d", i);
    status = esp_fact_add(d, "launcher", name, "%s", all + (size_t)i * ROOM);
    if (status != ESP_OK) break;
  }
  free(all);
  return status;
}

static esp_status find_launcher(const esp_context *c, const esp_resources *r,
                                esp_surroundings *s, esp_diagnosis *d) {
  char units[ESP_FACT_ROOM - 16];
  s->ranks = esp_size(c);
  s->ranks_here = c->comm != NULL ? esp_comm_node_size(c->comm) : 1;
  s->mask_cores = r->mask.count;
  s->my_cores = r->cores.count;
  s->shared = r->shared;
  ESP_TRY(esp_fact_add(d, "launcher", "affinity mask", "%d core%s: %s",
                       r->mask.count, plural(r->mask.count),
                       esp_cores_text(&r->mask, units, sizeof units)));
  ESP_TRY(esp_fact_add(d, "launcher", "started by", "%s", launcher()));
  ESP_TRY(esp_fact_add(d, "launcher", "ranks", "%d, of them %d on this node",
                       s->ranks, s->ranks_here));
  return find_ranks(c, r, d);
}

static bool starts_with_one_of(const char *text, const char *const *prefix) {
  for (; *prefix != NULL; prefix++) {
    if (strncmp(text, *prefix, strlen(*prefix)) == 0) return true;
  }
  return false;
}

static bool is_set(const char *variable) {
  const char *text = getenv(variable);
  return text != NULL && *text != '\0';
}

// Variables that change what a run does, whoever set them.
static esp_status find_environment(esp_surroundings *s, esp_diagnosis *d) {
  static const char *const prefixes[] = {
      "ESPALIER_",    "OMP_",     "GOMP_",     "KMP_",
      "OPENBLAS_",    "DNNL_",    "ONEDNN_",   "OMPI_MCA_mpi_",
      "OMPI_MCA_btl", "HDF5_USE", "SLURM_CPU", "SLURM_NTASKS",
      "SLURM_JOB_ID", NULL};
  for (char **e = environ; *e != NULL; e++) {
    if (!starts_with_one_of(*e, prefixes)) continue;
    char name[64];
    const size_t length = strcspn(*e, "=");
    (void)snprintf(name, sizeof name, "%.*s", (int)length, *e);
    ESP_TRY(esp_fact_add(d, "environment", name, "%s",
                         (*e)[length] == '=' ? *e + length + 1 : ""));
  }
  s->bound_by_openmp = is_set("OMP_PROC_BIND") || is_set("OMP_PLACES") ||
                       is_set("GOMP_CPU_AFFINITY");
  s->slurm_cpus =
      is_set("SLURM_CPUS_PER_TASK") ? atoi(getenv("SLURM_CPUS_PER_TASK")) : 0;
  s->isa_limited = is_set("DNNL_MAX_CPU_ISA") || is_set("ONEDNN_MAX_CPU_ISA");
  const char *yield = getenv("OMPI_MCA_mpi_yield_when_idle");
  s->yields = yield != NULL && strcmp(yield, "0") != 0;
  return ESP_OK;
}

// Each library's line of esp_versions() is a fact.
static esp_status find_libraries(esp_diagnosis *d) {
  char *text;
  ESP_TRY(esp_versions(&text));
  esp_status status = ESP_OK;
  for (char *line = text, *end; *line != '\0' && status == ESP_OK; line = end) {
    end = line + strcspn(line, "\n");
    if (*end == '\n') *end++ = '\0';
    char *version = strpbrk(line, "0123456789"); // "Open MPI v4.1.4, ..."
    while (version != NULL && version > line && version[-1] != ' ') version--;
    if (version != NULL && version > line) version[-1] = '\0';
    status = esp_fact_add(d, "libraries", line, "%s",
                          version != NULL ? version : "");
  }
  free(text);
  return status;
}

static bool on_path(const char *program) {
  const char *path = getenv("PATH");
  while (path != NULL && *path != '\0') {
    char file[4096];
    const size_t length = strcspn(path, ":");
    (void)snprintf(file, sizeof file, "%.*s/%s", (int)length, path, program);
    if (access(file, X_OK) == 0) return true;
    path += length + (path[length] == ':');
  }
  return false;
}

static esp_status find_slurm(esp_diagnosis *d) {
  if (!on_path("sinfo") && !is_set("SLURM_JOB_ID")) {
    return esp_fact_add(d, "slurm", "found", "no");
  }
  if (!is_set("SLURM_JOB_ID")) {
    return esp_fact_add(d, "slurm", "found",
                        "yes; this is not inside an allocation");
  }
  return esp_fact_add(d, "slurm", "found", "yes; this is job %s",
                      getenv("SLURM_JOB_ID"));
}

// What a run with nothing set would use.
static esp_status find_plan(const esp_resources *r, esp_surroundings *s,
                            esp_diagnosis *d) {
  esp_resources divided = *r;
  esp_job *job;
  ESP_TRY(esp_job_create(&job));
  const esp_status status = esp_resources_divide(job, s->ranks, &divided);
  esp_job_free(job);
  if (status != ESP_OK) {
    s->refusal = esp_last_error();
    return ESP_OK;
  }
  s->workers = divided.streams * divided.workers;
  s->width = divided.width;
  return esp_fact_add(
      d, "a run", "with nothing set",
      "%d replica%s of %d rank%s; in each rank %d stream%s x %d worker%s x "
      "width %d, %s",
      divided.replicas, plural(divided.replicas), divided.ranks_per_replica,
      plural(divided.ranks_per_replica), divided.streams,
      plural(divided.streams), divided.workers, plural(divided.workers),
      divided.width, r->shared ? "not pinned" : "pinned");
}

static esp_status examine(const esp_context *c, esp_diagnosis *d) {
  esp_surroundings s = {0};
  esp_resources r;
  ESP_TRY(esp_resources_find(c->comm, &r));
  s.threads = c->comm == NULL || esp_comm_has_threads();
  ESP_TRY(esp_agree(c, find_machine(&s, d))); // what comes next is collective
  ESP_TRY(find_launcher(c, &r, &s, d));
  ESP_TRY(find_environment(&s, d));
  ESP_TRY(find_libraries(d));
  ESP_TRY(find_slurm(d));
  ESP_TRY(find_plan(&r, &s, d));
  return esp_doctor_judge(&s, d);
}

// Telling --------------------------------------------------------------------

static const char *const severities[] = {[ESP_SEVERITY_NOTE] = "note",
                                         [ESP_SEVERITY_WARNING] = "warning",
                                         [ESP_SEVERITY_PROBLEM] = "problem"};

static esp_status tell_text(const esp_diagnosis *d, char **text) {
  size_t bytes;
  FILE *out = open_memstream(text, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot tell");
  const char *section = "";
  for (size_t i = 0; i < d->nfact; i++) {
    const esp_fact *f = &d->fact[i];
    if (strcmp(section, f->section) != 0) {
      fprintf(out, "%s%s\n", i > 0 ? "\n" : "", f->section);
    }
    section = f->section;
    fprintf(out, "  %-24s %s\n", f->name, f->value);
  }
  fprintf(out, "\n");
  for (size_t i = 0; i < d->nsymptom; i++) {
    const esp_symptom *s = &d->symptom[i];
    fprintf(out, "%s: %s\n", severities[s->severity], s->what);
    if (s->fix[0] != '\0') fprintf(out, "  what to do: %s\n", s->fix);
  }
  if (d->nsymptom == 0) fprintf(out, "nothing to change\n");
  return fclose(out) == 0 ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot tell");
}

static esp_status tell_json(const esp_diagnosis *d, char **text) {
  json_t *facts = json_object(), *symptoms = json_array();
  for (size_t i = 0; i < d->nfact; i++) {
    const esp_fact *f = &d->fact[i];
    json_t *section = json_object_get(facts, f->section);
    if (section == NULL) {
      section = json_object();
      json_object_set_new(facts, f->section, section);
    }
    json_object_set_new(section, f->name, json_string(f->value));
  }
  for (size_t i = 0; i < d->nsymptom; i++) {
    const esp_symptom *s = &d->symptom[i];
    json_array_append_new(symptoms, json_pack("{s:s, s:s, s:s}", "severity",
                                              severities[s->severity], "what",
                                              s->what, "fix", s->fix));
  }
  json_t *all = json_pack("{s:o, s:o}", "facts", facts, "findings", symptoms);
  if (all == NULL) return ESP_FAIL(ESP_INTERNAL, "cannot tell as JSON");
  *text = json_dumps(all, JSON_INDENT(2));
  json_decref(all);
  return *text != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot tell");
}

esp_status esp_doctor(esp_context *context, bool json, char **text,
                      bool *healthy) {
  esp_diagnosis d = {0};
  *text = NULL;
  *healthy = true;
  esp_status status = esp_agree(context, examine(context, &d));
  if (status == ESP_OK && esp_rank(context) == 0) {
    *healthy = !esp_diagnosis_has_problem(&d);
    status = json ? tell_json(&d, text) : tell_text(&d, text);
  }
  esp_diagnosis_end(&d);
  return status;
}
