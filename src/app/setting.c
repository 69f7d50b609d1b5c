// explain and plan: a model and for what it is asked.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

typedef struct request {
  const char *model;
  const char *tasks; // plan: instead of a model
  esp_setting setting;
  bool json, help;
  bool others; // options that ask for something about a model
} request;

// The options of `plan` alone.
static bool set_plan_option(request *r, const char *key, const char *text) {
  const struct {
    const char *key;
    const char **place;
  } texts[] = {{"tasks", &r->tasks},
               {"cluster", &r->setting.cluster},
               {"svg", &r->setting.svg}};
  if (text == NULL) return false;
  if (strcmp(key, "objective") == 0) {
    r->setting.latency = strcmp(text, "latency") == 0;
    return r->setting.latency || strcmp(text, "throughput") == 0;
  }
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (strcmp(key, texts[i].key) != 0) continue;
    *texts[i].place = text;
    return true;
  }
  return false;
}

static bool set_number(request *r, const char *key, const char *text) {
  int64_t number;
  if (!app_integer(text, 1, &number) || number > 1 << 20) return false;
  const struct {
    const char *key;
    int *place;
  } places[] = {{"ranks", &r->setting.ranks},
                {"workers", &r->setting.workers},
                {"width", &r->setting.width},
                {"cores", &r->setting.cores}};
  if (strcmp(key, "batch") == 0) {
    r->setting.batch = number;
    return true;
  }
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    if (strcmp(key, places[i].key) != 0) continue;
    *places[i].place = (int)number;
    return true;
  }
  return false;
}

// EXIT_DONE, or the status of a complaint that has been printed.
static int read_request(const char *subcommand, int argc, char **argv,
                        request *r) {
  app_arguments a = {.count = argc, .text = argv};
  while (app_next(&a)) {
    if (a.key == NULL) {
      if (r->model != NULL) {
        return app_usage(subcommand, "more than one model: %s", a.value);
      }
      r->model = a.value;
    } else if (strcmp(a.key, "json") == 0) {
      r->json = true;
    } else if (strcmp(a.key, "measure") == 0) {
      r->setting.measure = r->others = true;
    } else if (strcmp(a.key, "help") == 0) {
      r->help = true;
    } else {
      const char *text = app_value(&a);
      const bool plans = strcmp(subcommand, "plan") == 0;
      if (!(plans && set_plan_option(r, a.buffer, text)) &&
          !set_number(r, a.buffer, text)) {
        return app_usage(subcommand, "option --%s %s is not understood",
                         a.buffer, text != NULL ? text : "(without a value)");
      }
      if (strcmp(a.buffer, "tasks") != 0) r->others = true;
    }
  }
  if (r->tasks != NULL && r->model != NULL) {
    return app_usage(subcommand, "a model, or --tasks: not both");
  }
  if (r->tasks != NULL && r->others) {
    return app_usage(subcommand, "with --tasks there is --json alone: the file "
                                 "says all else");
  }
  const esp_setting *s = &r->setting;
  if (s->cluster != NULL &&
      (s->ranks > 0 || s->workers > 0 || s->width > 0 || s->cores > 0)) {
    return app_usage(subcommand, "with --cluster, ranks and threads are those "
                                 "of the file");
  }
  if (r->model == NULL && r->tasks == NULL && !r->help) {
    return app_usage(subcommand, "which model?");
  }
  return EXIT_DONE;
}

typedef esp_status (*answer)(const char *, const esp_setting *, bool, char **);

// By mpirun or srun; alone, there is no need of MPI.
static bool is_launched(void) {
  return getenv("OMPI_COMM_WORLD_SIZE") != NULL ||
         (getenv("SLURM_STEP_ID") != NULL && getenv("SLURM_PROCID") != NULL);
}

// Rank 0 speaks for all.
static int answer_on_ranks(const request *r, answer ask) {
  char *text = NULL;
  const esp_status status = ask(r->model, &r->setting, r->json, &text);
  const esp_context *c = r->setting.context;
  if (c != NULL && esp_rank(c) != 0) {
    free(text); // of an answer that each rank finds alone
    return app_exit_of(status);
  }
  return status == ESP_OK ? app_print(text) : app_fail(status);
}

static int answer_request(const char *subcommand, int argc, char **argv,
                          const char *help, answer ask) {
  request r = {0};
  const int wrong = read_request(subcommand, argc, argv, &r);
  if (wrong != EXIT_DONE) return wrong;
  if (r.help) {
    fputs(help, stdout);
    return EXIT_DONE;
  }
  if (r.tasks != NULL) return app_plan_tasks(r.tasks, r.json);
  esp_status status = ESP_OK;
  if (is_launched()) {
    const esp_options options = {.num_interop_threads = 1,
                                 .oversubscribe = true,
                                 .no_remote_tasks = true};
    status = esp_open(&options, &r.setting.context);
  }
  const int result =
      status == ESP_OK ? answer_on_ranks(&r, ask) : app_fail(status);
  esp_close(r.setting.context);
  return result;
}

int app_explain(int argc, char **argv) {
  return answer_request(
      "explain", argc, argv,
      "usage: espalier explain MODEL.onnx [--measure] [--batch N] [--cores N]\n"
      "                        [--ranks N] [--json]\n\n"
      "Tells what the model is made of, its critical path, how many operators "
      "can run at\nonce along it, and what more inter-op threads (branches "
      "side by side), wider\noperators, ranks and replicas give, and why not "
      "more.\n\n"
      "  --measure   run the model on random input: times of its operators, "
      "and "
      "of one\n              batch with a worker, or a wider operator, or a "
      "batch for each core\n"
      "              (under mpirun -n N also of one batch over N ranks)\n"
      "  --batch N   samples in a batch (1, or what the model fixes)\n"
      "  --cores N   as if there were N cores (those that this process may "
      "use)\n"
      "  --ranks N   ranks that share one batch (2)\n"
      "  --json      all of it as JSON\n",
      esp_explain);
}

int app_plan(int argc, char **argv) {
  return answer_request(
      "plan", argc, argv,
      "usage: espalier plan MODEL.onnx [--batch N] [--ranks N] [--workers N] "
      "[--width N]\n                     [--svg FILE] [--json]\n"
      "       espalier plan MODEL.onnx --cluster FILE.yaml [--batch N]\n"
      "                     [--objective throughput|latency] [--svg FILE] "
      "[--json]\n"
      "       espalier plan --tasks FILE.dag [--json]\n\n"
      "Prints the plan of one replica: for each rank the steps (run, send, "
      "recv) with their\npredicted times, and the memory of a batch.\n\n"
      "  --cluster F the best way to divide the ranks of machines that one "
      "need "
      "not have,\n              and what others come to: nodes, ranks, cores, "
      "latencies, bandwidths\n              as docs/cluster-file.md says\n"
      "  --objective what that aims at: samples a second (throughput), or the "
      "time of one\n              batch (latency)\n"
      "  --svg F     also draw the schedule into F\n"
      "  --tasks F   schedules of bare task graphs instead, one line each: "
      "processors,\n              tasks with weights and edges with costs, as "
      "docs/task-graphs.md says\n"
      "  --json      all of it as JSON\n",
      esp_plan_model);
}
