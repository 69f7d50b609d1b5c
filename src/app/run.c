#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
         "wins.  Under mpirun or srun\nall ranks are used.\n\n"
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
         "               --output results.h5 --scale 1/255\n");
}

static bool is_flag(const char *given) {
  int count;
  const esp_job_key *keys = esp_job_keys(&count);
  for (int i = 0; i < count; i++) {
    char name[64];
    option_name(&keys[i], name);
    if (strcmp(name + 2, given) == 0) return keys[i].kind == ESP_KEY_FLAG;
  }
  return false;
}

static esp_status read_arguments(int argc, char **argv, esp_job *job) {
  app_arguments a = {.count = argc, .text = argv};
  while (app_next(&a)) {
    esp_status status;
    if (a.key == NULL) {
      status = esp_job_load(job, a.value);
    } else if (is_flag(a.key)) {
      status = esp_job_set(job, a.key, a.value != NULL ? a.value : "true");
    } else {
      const char *value = app_value(&a);
      status = esp_job_set(job, a.key, value != NULL ? value : "");
    }
    if (status != ESP_OK) return status;
  }
  return ESP_OK;
}

static esp_status write_summary(const char *path, const esp_report *report) {
  char *text;
  esp_status status = esp_report_json(report, &text);
  if (status != ESP_OK) return status;
  FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
  bool wrong = out == NULL || fprintf(out, "%s\n", text) < 0;
  if (out != NULL)
    wrong = (out == stdout ? fflush(out) : fclose(out)) != 0 || wrong;
  free(text);
  if (wrong) fprintf(stderr, "espalier: cannot write the summary %s\n", path);
  return wrong ? ESP_IO : ESP_OK;
}

// The table goes where it does not mix with a summary on standard output.
static int tell(const esp_report *report, const char *summary) {
  char *table;
  const esp_status status = esp_report_table(report, &table);
  if (status != ESP_OK) return app_fail(status);
  const bool to_stdout = summary == NULL || strcmp(summary, "-") != 0;
  fputs(table, to_stdout ? stdout : stderr);
  free(table);
  if (summary != NULL && write_summary(summary, report) != ESP_OK) {
    return EXIT_FAILED;
  }
  return EXIT_DONE;
}

static int run_job(esp_context *context, int argc, char **argv) {
  esp_job *job = NULL;
  esp_report *report = NULL;
  esp_status status = esp_job_create(&job);
  if (status == ESP_OK) status = read_arguments(argc, argv, job);
  status = esp_agree(context, status);
  const char *how = status == ESP_OK ? esp_job_get(job, "progress") : "none";
  app_progress progress = {
      .bar = strcmp(how, "bar") == 0 ||
             (strcmp(how, "auto") == 0 && isatty(STDERR_FILENO))};
  const esp_listener listener = {
      .context = &progress,
      .progress = strcmp(how, "none") == 0 ? NULL : app_show_progress,
      .asked_to_stop = app_asked_to_stop};
  app_catch_signals(esp_rank(context) == 0);
  if (status == ESP_OK) {
    status = esp_job_run(context, job, &listener, &report);
  }
  int result = app_exit_of(status);
  if (esp_rank(context) == 0 && report != NULL) {
    const int told = tell(report, esp_job_get(job, "summary"));
    if (told != EXIT_DONE) result = told;
  } else if (esp_rank(context) == 0) {
    result = app_fail(status);
  }
  esp_report_free(report);
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
