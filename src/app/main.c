#include <stdio.h>
#include <string.h>

#include "app.h"

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *help;
} subcommands[] = {
    {"run", app_run,
     "run a model over a dataset (under mpirun or srun: on all ranks)"},
    {"submit", app_submit, "the same as a job of Slurm's"},
    {"explain", app_explain,
     "what each kind of parallelism can gain for a model"},
    {"plan", app_plan, "the plan of a model: who computes what, when, where"},
    {"bench", app_bench,
     "how fast a model is on this machine, and by which way"},
    {"verify", app_verify, "run ONNX test-case directories"},
    {"pack", app_pack, "put IDX and NPY files into an HDF5 dataset"},
    {"doctor", app_doctor,
     "what this machine and launcher will do to a run, and what to change"},
    {"operators", app_operators, "the operators that are known"},
    {"inspect", app_inspect, "a model, a dataset or a results file in words"},
};
enum { SUBCOMMANDS = sizeof subcommands / sizeof subcommands[0] };

static void print_help(FILE *out) {
  fprintf(out, "Runs ONNX models over HDF5 datasets on threads and ranks.\n\n"
               "usage: espalier SUBCOMMAND [ARGUMENTS]\n\n");
  for (size_t i = 0; i < SUBCOMMANDS; i++) {
    fprintf(out, "  %-9s  %s\n", subcommands[i].name, subcommands[i].help);
  }
  fprintf(out, "\n"
               "espalier SUBCOMMAND --help tells more; espalier --version "
               "names the libraries.\n"
               "Exit status: 0 done, 1 failed, 2 wrong usage, 3 bad input "
               "(model, data, job\n"
               "file), 75 stopped early and resumable.\n");
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
    print_help(stdout);
    return EXIT_DONE;
  }
  if (strcmp(name, "--version") == 0) {
    char *text;
    const esp_status status = esp_versions(&text);
    return status == ESP_OK ? app_print(text) : app_fail(status);
  }
  for (size_t i = 0; i < SUBCOMMANDS; i++) {
    if (strcmp(name, subcommands[i].name) == 0) {
      return subcommands[i].run(argc - 2, argv + 2);
    }
  }
  if (argc > 1) {
    fprintf(stderr, "espalier: no subcommand \"%s\"; see espalier --help\n",
            name);
  } else {
    print_help(stderr);
  }
  return EXIT_USAGE;
}
