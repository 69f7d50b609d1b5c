// From what was found to what it means.
#include "api/doctor.h"

static esp_status judge_cores(const esp_surroundings *s, esp_diagnosis *d) {
  if (s->mask_cores * s->ranks_here < s->machine_cores) {
    ESP_TRY(esp_symptom_add(
        d, ESP_SEVERITY_NOTE,
        "nothing, if that is what you asked for; else: more cores per task "
        "(srun --cpus-per-task, mpirun --map-by slot:PE=N), or no taskset",
        "the affinity mask has %d of the machine's %d cores: only those are "
        "used",
        s->mask_cores, s->machine_cores));
  }
  if (s->shared) {
    ESP_TRY(esp_symptom_add(
        d, ESP_SEVERITY_WARNING,
        "start at most one rank for each core, or bind ranks to different "
        "cores (mpirun --bind-to core)",
        "%d ranks on this node share too few cores: each gets one thread, and "
        "none is bound",
        s->ranks_here));
  }
  if (s->cpu_quota > 0 && s->cpu_quota < s->mask_cores) {
    ESP_TRY(esp_symptom_add(
        d, ESP_SEVERITY_WARNING,
        "raise the quota of the container, or start on as many cores as it "
        "has (taskset)",
        "the control group gives the time of %.1f cores, the mask has %d: "
        "threads will be stopped again and again",
        s->cpu_quota, s->mask_cores));
  }
  return ESP_OK;
}

static esp_status judge_threads(const esp_surroundings *s, esp_diagnosis *d) {
  if (s->refusal != NULL) {
    ESP_TRY(esp_symptom_add(d, ESP_SEVERITY_PROBLEM, "as the message says",
                            "a run would be refused: %s", s->refusal));
  }
  if (s->bound_by_openmp && s->width > 1) {
    ESP_TRY(esp_symptom_add(
        d, ESP_SEVERITY_WARNING,
        "unset OMP_PROC_BIND, OMP_PLACES and GOMP_CPU_AFFINITY: workers bind "
        "their teams themselves",
        "OpenMP is told to bind threads: the teams of all workers would be "
        "bound to the same cores"));
  }
  if (s->refusal == NULL && s->workers * s->width < s->my_cores) {
    ESP_TRY(esp_symptom_add(
        d, ESP_SEVERITY_WARNING,
        "unset OMP_NUM_THREADS, ESPALIER_WIDTH and ESPALIER_WORKERS, or give "
        "numbers whose product is the number of cores",
        "%d worker%s x width %d leave %d of %d cores idle", s->workers,
        s->workers == 1 ? "" : "s", s->width,
        s->my_cores - s->workers * s->width, s->my_cores));
  }
  return ESP_OK;
}

static esp_status judge_launcher(const esp_surroundings *s, esp_diagnosis *d) {
  if (s->slurm_cpus > s->mask_cores) {
    ESP_TRY(esp_symptom_add(
        d, ESP_SEVERITY_WARNING,
        "srun --cpus-per-task=N --cpu-bind=cores, or mpirun --map-by "
        "slot:PE=N: since Slurm 22.05 srun does not take it from sbatch",
        "Slurm was asked for %d cores for each task, but this process may use "
        "%d: the launcher did not hand them on",
        s->slurm_cpus, s->mask_cores));
  }
  if (s->shared && !s->yields) {
    ESP_TRY(esp_symptom_add(
        d, ESP_SEVERITY_WARNING, "export OMPI_MCA_mpi_yield_when_idle=1",
        "ranks share cores and Open MPI does not yield: one that waits takes "
        "the core from one that works"));
  }
  if (!s->threads) {
    ESP_TRY(esp_symptom_add(d, ESP_SEVERITY_NOTE,
                            "an Open MPI built with thread support",
                            "this MPI has no MPI_THREAD_MULTIPLE: "
                            "esp_fork_on() is not possible"));
  }
  if (s->isa_limited) {
    ESP_TRY(esp_symptom_add(d, ESP_SEVERITY_WARNING,
                            "unset DNNL_MAX_CPU_ISA and ONEDNN_MAX_CPU_ISA",
                            "oneDNN is kept to an older instruction set than "
                            "this processor has"));
  }
  return ESP_OK;
}

esp_status esp_doctor_judge(const esp_surroundings *s, esp_diagnosis *d) {
  ESP_TRY(judge_cores(s, d));
  ESP_TRY(judge_threads(s, d));
  return judge_launcher(s, d);
}
