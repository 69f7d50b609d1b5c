#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "submit.h"

static void print_help(void) {
  printf(
      "usage: espalier submit JOB.yaml [OPTIONS] [--KEY VALUE]... "
      "[-- SBATCH OPTIONS]\n\n"
      "Writes a batch script for Slurm that runs the job, and submits it.  "
      "Keys are those\nof espalier run; what stands after -- is given to "
      "sbatch as it is.\n\n"
      "  --nodes N            nodes; default: 1\n"
      "  --time T             wall time, as sbatch takes it: 90, 2:00:00, "
      "1-12:00:00;\n                       default: the partition's\n"
      "  --partition P        default: the site's\n"
      "  --name NAME          of the job; default: the job file's\n"
      "  --ranks-per-node N   default: 1, which uses all cores of the node and "
      "holds the\n                       weights once\n"
      "  --cores-per-rank N   default: whole nodes, shared by their ranks\n"
      "  --launcher WHICH     auto, srun or mpirun; auto: srun where Slurm has "
      "PMIx,\n                       else mpirun\n"
      "  --warning SECONDS    before the end of the wall time, the job is told "
      "to stop at\n                       the next batch; default: 120\n"
      "  --requeue            when it has stopped early, Slurm starts it "
      "again\n"
      "  --chain N            or the next job is submitted, N jobs at most\n"
      "  --array FILE         a job for each line of FILE, an input; with "
      "{name} in the\n                       output, its name stands there, "
      "else the results are the\n                       output with -0, -1, "
      "... before its .h5\n"
      "  --dry-run            prints the script, submits nothing\n\n"
      "Example:\n"
      "  espalier submit job.yaml --nodes 4 --time 2:00:00 --requeue\n");
}

// Reads a number; false when there is none.
static bool read_number(app_arguments *a, int64_t *number) {
  return app_integer(app_value(a), 1, number);
}

// Takes one option of submit's own; *known is false when it is none.
static const char *take_option(app_arguments *a, submit_request *r,
                               bool *known) {
  const struct {
    const char *name;
    int64_t *number;
    const char **text;
    bool *flag;
    const char *expected;
  } options[] = {
      {"nodes", &r->nodes, NULL, NULL, "a number of nodes"},
      {"ranks-per-node", &r->ranks_per_node, NULL, NULL, "a number of ranks"},
      {"cores-per-rank", &r->cores_per_rank, NULL, NULL, "a number of cores"},
      {"warning", &r->warning_seconds, NULL, NULL, "seconds, at least 1"},
      {"chain", &r->chain, NULL, NULL, "a number of jobs"},
      {"time", NULL, &r->time, NULL, "a time, e.g. 2:00:00"},
      {"partition", NULL, &r->partition, NULL, "a name"},
      {"name", NULL, &r->name, NULL, "a name"},
      {"launcher", NULL, &r->launcher, NULL, "auto, srun or mpirun"},
      {"array", NULL, &r->array, NULL, "a file with an input on each line"},
      {"requeue", NULL, NULL, &r->requeue, NULL},
      {"dry-run", NULL, NULL, &r->dry_run, NULL},
  };
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    if (strcmp(options[i].name, a->key) != 0) continue;
    *known = true;
    if (options[i].flag != NULL) {
      *options[i].flag = true;
      return NULL;
    }
    if (options[i].number != NULL) {
      return read_number(a, options[i].number) ? NULL : options[i].expected;
    }
    *options[i].text = app_value(a);
    return *options[i].text != NULL ? NULL : options[i].expected;
  }
  *known = false;
  return NULL;
}

// Slurm's names and times have no blanks, and end no line of the script.
static bool is_word(const char *text) {
  return text[0] != '\0' &&
         strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "0123456789._:,+-") == strlen(text);
}

static int check_request(const submit_request *r) {
  const struct {
    const char *name, *text;
  } words[] = {
      {"time", r->time}, {"partition", r->partition}, {"name", r->name}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (words[i].text == NULL || is_word(words[i].text)) continue;
    return app_usage("submit", "--%s is \"%s\"", words[i].name, words[i].text);
  }
  if (strcmp(r->launcher, "auto") != 0 && strcmp(r->launcher, "srun") != 0 &&
      strcmp(r->launcher, "mpirun") != 0) {
    return app_usage("submit",
                     "--launcher is \"%s\", expected auto, srun or "
                     "mpirun",
                     r->launcher);
  }
  if (r->requeue && r->chain > 0) {
    return app_usage("submit", "--requeue and --chain: one of them");
  }
  for (int i = 0; i < r->nsbatch; i++) {
    if (strpbrk(r->sbatch[i], "\n\r") == NULL) continue;
    return app_usage("submit", "an option of sbatch has several lines");
  }
  return r->job_files > 0 ? EXIT_DONE : app_usage("submit", "which job?");
}

// Counts the lines of a list of inputs; the last may lack its end.
static int count_inputs(submit_request *r) {
  FILE *file = fopen(r->array, "r");
  if (file == NULL) {
    fprintf(stderr, "espalier: cannot open %s: %s\n", r->array,
            strerror(errno));
    return EXIT_FAILED;
  }
  int last = '\n';
  for (int c = getc(file); c != EOF; c = getc(file)) {
    r->inputs += c == '\n';
    last = c;
  }
  (void)fclose(file);
  r->inputs += last != '\n';
  if (r->inputs > 0) return EXIT_DONE;
  fprintf(stderr, "espalier: %s names no input\n", r->array);
  return EXIT_BAD_INPUT;
}

// The job is checked here, so that a wrong key is no queued job.
static int read_request(int argc, char **argv, submit_request *r,
                        esp_job *job) {
  app_arguments a = {.count = argc, .text = argv};
  bool seen[APP_MOST_KEYS] = {false};
  for (int begin = 0; app_next(&a); begin = a.next) {
    bool known = false;
    if (a.key == NULL && strcmp(a.value, "--") == 0) {
      r->sbatch = argv + a.next;
      r->nsbatch = argc - a.next;
      break;
    }
    const char *expected = a.key != NULL ? take_option(&a, r, &known) : NULL;
    if (expected != NULL) {
      return app_usage("submit", "--%s: expected %s", a.key, expected);
    }
    if (known) continue;
    r->job_files += a.key == NULL;
    if (a.key == NULL && r->job_file == NULL) r->job_file = a.value;
    const esp_status status = app_job_argument(&a, seen, job);
    if (status != ESP_OK) return app_fail(status);
    while (begin < a.next) r->run[r->nrun++] = argv[begin++];
  }
  const int wrong = check_request(r);
  if (wrong != EXIT_DONE) return wrong;
  r->output = esp_job_get(job, "output");
  if (r->array == NULL) return EXIT_DONE;
  if (r->output == NULL) {
    return app_usage("submit", "--array needs an output, also in the job file");
  }
  return count_inputs(r);
}

// sbatch reads the script from its standard input.
static int submit(const submit_request *r) {
  int ends[2];
  (void)fflush(stdout);
  if (pipe(ends) != 0) return EXIT_FAILED;
  const pid_t child = fork();
  if (child == 0) {
    (void)dup2(ends[0], STDIN_FILENO);
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)execlp("sbatch", "sbatch", (char *)NULL);
    fprintf(stderr,
            "espalier: cannot start sbatch: %s; --dry-run prints the "
            "script\n",
            strerror(errno));
    _exit(EXIT_FAILED);
  }
  (void)close(ends[0]);
  (void)signal(SIGPIPE, SIG_IGN); // its exit status tells enough
  FILE *out = fdopen(ends[1], "w");
  if (out != NULL && child > 0) submit_write(out, r);
  if (out != NULL) (void)fclose(out);
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child) return EXIT_FAILED;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? EXIT_DONE
                                                       : EXIT_FAILED;
}

int app_submit(int argc, char **argv) {
  for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (strcmp(argv[i], "--help") != 0) continue;
    print_help();
    return EXIT_DONE;
  }
  submit_request r = {.nodes = 1,
                      .ranks_per_node = 1,
                      .warning_seconds = 120,
                      .launcher = "auto",
                      .run = calloc((size_t)argc + 1, sizeof *r.run)};
  esp_job *job = NULL;
  int result = EXIT_FAILED;
  if (r.run != NULL && esp_job_create(&job) == ESP_OK) {
    result = read_request(argc, argv, &r, job);
    if (result == EXIT_DONE && r.dry_run) {
      submit_write(stdout, &r);
    } else if (result == EXIT_DONE) {
      result = submit(&r);
    }
  }
  esp_job_free(job);
  free(r.run);
  return result;
}
