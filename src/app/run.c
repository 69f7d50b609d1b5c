#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

// The key's name as an option: dashes for underscores.
static void option_name(const esp_job_key *key, char name[64]) {
  (void)snprintf(name, 64, "--%s", key->name);
  for (char *c = name; *c != '\0'; c++) {
    if (*c == '_') *c = '-';
  }
}

static void print_help(void) {
  printf("usage: espalier run [JOB.yaml] [--KEY VALUE]...\n"
         "       mpirun -n 8 espalier run JOB.yaml\n\n"
         "Runs a model over a dataset and writes the results.  Every key may "
         "stand in the\njob file or be given as an option; what stands later "
         "wins; --input and --labels\nmay be given several times.  Under "
         "mpirun or "
         "srun all ranks are used.\n\n"
         "A run that was cut off, by whatever, goes on when the same command "
         "is given again.\nSIGTERM, SIGINT or SIGUSR1 stop it at the next "
         "safe batch (exit 75); a second\nsignal stops it at once, a third "
         "kills it.\n\n");
  int count;
  const esp_job_key *keys = esp_job_keys(&count);
  for (int i = 0; i < count; i++) {
    char name[64], option[128];
    option_name(&keys[i], name);
    (void)snprintf(option, sizeof option, "%s %s", name, keys[i].argument);
    printf("  %-32s %s\n", option, keys[i].help);
  }
  printf("\nExample:\n"
         "  espalier run --model net.onnx --input data.h5:/images \\\n"
         "               --output results.h5 --scale 1/255\n"
         "  espalier run --model net.onnx --input 'data/*.h5:/images' \\\n"
         "               --output 'results/{name}.h5' --keep-going\n");
}

// The number of an option's key; -1: there is none.
static int find_key(const char *given) {
  int count;
  const esp_job_key *keys = esp_job_keys(&count);
  for (int i = 0; i < count; i++) {
    char name[64];
    option_name(&keys[i], name);
    if (strcmp(name + 2, given) == 0) return i;
  }
  return -1;
}

// An option that is given again adds to a list.
static esp_status add_to_list(esp_job *job, const char *key,
                              const char *value) {
  char *both = NULL;
  if (asprintf(&both, "%s\n%s", esp_job_get(job, key), value) < 0) {
    return esp_fail_message(ESP_NO_MEMORY, "out of memory");
  }
  const esp_status status = esp_job_set(job, key, both);
  free(both);
  return status;
}

static esp_status read_option(app_arguments *a, bool *seen, esp_job *job) {
  int count;
  const int k = find_key(a->key);
  const esp_job_key *key = k >= 0 ? &esp_job_keys(&count)[k] : NULL;
  if (key != NULL && key->kind == ESP_KEY_FLAG) {
    return esp_job_set(job, a->key, a->value != NULL ? a->value : "true");
  }
  const char *value = app_value(a);
  const bool again = k >= 0 && k < APP_MOST_KEYS && seen[k];
  if (k >= 0 && k < APP_MOST_KEYS) seen[k] = true;
  if (again && key->kind == ESP_KEY_LIST && value != NULL) {
    return add_to_list(job, a->key, value);
  }
  return esp_job_set(job, a->key, value != NULL ? value : "");
}

esp_status app_job_argument(app_arguments *a, bool seen[APP_MOST_KEYS],
                            esp_job *job) {
  return a->key == NULL ? esp_job_load(job, a->value)
                        : read_option(a, seen, job);
}

static esp_status read_arguments(int argc, char **argv, esp_job *job) {
  app_arguments a = {.count = argc, .text = argv};
  bool seen[APP_MOST_KEYS] = {false};
  while (app_next(&a)) {
    const esp_status status = app_job_argument(&a, seen, job);
    if (status != ESP_OK) return status;
  }
  return ESP_OK;
}

static int run_job(esp_context *context, int argc, char **argv) {
  esp_job *job = NULL, **parts = NULL;
  int count = 0;
  esp_status status = esp_job_create(&job);
  if (status == ESP_OK) status = read_arguments(argc, argv, job);
  status = esp_agree(context, status);
  if (status == ESP_OK) status = esp_job_split(context, job, &parts, &count);
  int result = app_exit_of(status);
  if (status == ESP_OK) {
    app_catch_signals(esp_rank(context) == 0);
    result = app_run_jobs(context, parts, count);
    app_catch_signals(false); // mpirun ends the last ranks with one
  } else if (esp_rank(context) == 0) {
    result = app_fail(status);
  }
  esp_job_end_parts(parts, count);
  esp_job_free(job);
  return result;
}

int app_run(int argc, char **argv) {
  for (int i = 0; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0) {
      print_help();
      return EXIT_DONE;
    }
  }
  esp_context *context;
  const esp_options options = {.no_remote_tasks = true};
  const esp_status status = esp_open(&options, &context);
  if (status != ESP_OK) return app_fail(status);
  const int result = run_job(context, argc, argv);
  esp_close(context);
  return result;
}
