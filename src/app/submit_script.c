// The batch script of a job.  slurm/ holds some that were made here.
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "submit.h"

// A word for the shell.
static void quote(FILE *out, const char *text) {
  if (text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789._:,/=+-")] == '\0' &&
      text[0] != '\0') {
    fputs(text, out);
    return;
  }
  putc('\'', out);
  for (; *text != '\0'; text++) {
    if (*text == '\'') {
      fputs("'\\''", out);
    } else {
      putc(*text, out);
    }
  }
  putc('\'', out);
}

// The job file's name up to its last dot, of what Slurm's names may hold.
static void write_name(FILE *out, const char *path) {
  const char *slash = strrchr(path, '/');
  const char *name = slash != NULL ? slash + 1 : path;
  const char *dot = strrchr(name, '.');
  for (const char *c = name; *c != '\0' && c != dot; c++) {
    const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                       (*c >= '0' && *c <= '9') || strchr("._-", *c) != NULL;
    putc(plain ? *c : '_', out);
  }
}

static void write_head(FILE *out, const submit_request *r) {
  fputs("#!/bin/bash\n# Made by espalier submit.\n#SBATCH --job-name=", out);
  write_name(out, r->name != NULL ? r->name : r->job_file);
  fprintf(out, "\n#SBATCH --nodes=%lld\n#SBATCH --ntasks-per-node=%lld\n",
          (long long)r->nodes, (long long)r->ranks_per_node);
  if (r->cores_per_rank > 0) {
    fprintf(out, "#SBATCH --cpus-per-task=%lld\n",
            (long long)r->cores_per_rank);
  } else {
    fputs("#SBATCH --exclusive\n", out);
  }
  if (r->time != NULL) fprintf(out, "#SBATCH --time=%s\n", r->time);
  if (r->partition != NULL) {
    fprintf(out, "#SBATCH --partition=%s\n", r->partition);
  }
  if (r->array != NULL) {
    fprintf(out, "#SBATCH --array=0-%lld\n", (long long)r->inputs - 1);
  }
  fprintf(out,
          "#SBATCH --output=%s.out\n#SBATCH --open-mode=append\n"
          "#SBATCH --requeue\n#SBATCH --signal=B:USR1@%lld\n",
          r->array != NULL ? "%x-%A_%a" : "%x-%j",
          (long long)r->warning_seconds);
  for (int i = 0; i < r->nsbatch; i++) {
    fprintf(out, "#SBATCH %s\n", r->sbatch[i]);
  }
  fputs("set -u\n", out);
}

// The command that is running now, so that the nodes run the same.
static void write_command(FILE *out) {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  path[length > 0 ? length : 0] = '\0';
  fputs("espalier=${ESPALIER:-", out);
  quote(out, length > 0 ? path : "espalier");
  fputs("}\n\n", out);
}

// Its own limit is eight minutes; and asked to end a job by a rank that noticed
// sooner, it waits for the lost host for ever (docs/adr/0010).
static void write_keepalive(FILE *out) {
  fputs("# mpirun gives up a host that is silent for 6 s.\n"
        "export OMPI_MCA_oob_tcp_keepalive_time=3\n"
        "export OMPI_MCA_oob_tcp_keepalive_intvl=1\n"
        "export OMPI_MCA_oob_tcp_keepalive_probes=3\n",
        out);
}

// The ranks of a node share its cores among themselves, so that no launcher
// binds them.
static void write_launcher(FILE *out, const submit_request *r) {
  char srun[128], cores[64] = "";
  if (r->cores_per_rank > 0) { // srun does not take it over from sbatch
    (void)snprintf(cores, sizeof cores, " --cpus-per-task=%lld",
                   (long long)r->cores_per_rank);
  }
  (void)snprintf(srun, sizeof srun, "srun --mpi=pmix --cpu-bind=none%s", cores);
  const char *mpirun = "mpirun --bind-to none";
  if (strcmp(r->launcher, "srun") != 0) write_keepalive(out);
  if (strcmp(r->launcher, "auto") != 0) {
    fprintf(out, "launch=\"%s\"\n",
            strcmp(r->launcher, "srun") == 0 ? srun : mpirun);
    return;
  }
  fprintf(out,
          "# srun starts the ranks where Slurm speaks PMIx; elsewhere mpirun "
          "does.\n"
          "launch=\"%s\"\n"
          "srun --mpi=list 2>&1 | grep -q pmix || launch=\"%s\"\n",
          srun, mpirun);
}

// One input of the array, and where its results go.
static void write_part(FILE *out, const char *output) {
  fputs(" \\\n  --input \"$input\"", out);
  if (strstr(output, "{name}") != NULL) return; // says that by itself
  const size_t length = strlen(output);
  const bool h5 = length > 3 && strcmp(output + length - 3, ".h5") == 0;
  char *stem = strndup(output, h5 ? length - 3 : length);
  fputs(" --output ", out);
  quote(out, stem != NULL ? stem : "results");
  fputs("-\"$SLURM_ARRAY_TASK_ID.h5\"", out);
  free(stem);
}

static void write_run(FILE *out, const submit_request *r) {
  fputs("\n# The warning comes to this shell and goes on to the ranks, which "
        "stop at the\n# next batch and end with 75.  A cancelled job's ranks "
        "are told by Slurm itself.\n"
        "ranks=\n"
        "trap '[ -z \"$ranks\" ] || kill -USR1 \"$ranks\"' USR1\n"
        "trap : TERM\n",
        out);
  if (r->array != NULL) {
    fputs("input=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" ", out);
    quote(out, r->array);
    fputs(")\n", out);
  }
  fputs("$launch \"$espalier\" run", out);
  for (int i = 0; i < r->nrun; i++) {
    putc(' ', out);
    quote(out, r->run[i]);
  }
  if (r->array != NULL) write_part(out, r->output);
  fputs(" \"$@\" &\n"
        "ranks=$!\n"
        "while kill -0 \"$ranks\" 2>/dev/null; do # a signal ends the wait\n"
        "  wait \"$ranks\"\n"
        "done\n"
        "wait \"$ranks\"\n"
        "status=$?\n",
        out);
}

static void write_again(FILE *out, const submit_request *r) {
  if (r->requeue) {
    fputs("\n# Stopped early: this script again, which goes on where it was.\n"
          "[ $status = 75 ] && scontrol requeue \"$SLURM_JOB_ID\"\n",
          out);
  }
  if (r->chain > 0) {
    fprintf(out,
            "\n# Stopped early: the next job of the chain goes on where it "
            "was.\n"
            "left=${ESPALIER_CHAIN:-%lld}\n"
            "if [ $status = 75 ] && [ \"$left\" -gt 1 ]; then\n"
            "  export ESPALIER_CHAIN=$((left - 1))\n"
            "  sbatch --dependency=afterany:\"$SLURM_JOB_ID\" \"$0\" \"$@\"\n"
            "fi\n",
            (long long)r->chain);
  }
  fputs("exit $status\n", out);
}

void submit_write(FILE *out, const submit_request *request) {
  write_head(out, request);
  write_command(out);
  write_launcher(out, request);
  write_run(out, request);
  write_again(out, request);
}
