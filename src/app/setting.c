// explain and plan: a model and for what it is asked.
#include <stdio.h>
#include <string.h>

#include "app.h"

typedef struct request {
  const char *model;
  esp_setting setting;
  bool json, help;
} request;

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
      r->setting.measure = true;
    } else if (strcmp(a.key, "help") == 0) {
      r->help = true;
    } else {
      const char *text = app_value(&a);
      if (!set_number(r, a.buffer, text)) {
        return app_usage(subcommand, "option --%s %s is not understood",
                         a.buffer, text != NULL ? text : "(without a value)");
      }
    }
  }
  if (r->model == NULL && !r->help) {
    return app_usage(subcommand, "which model?");
  }
  return EXIT_DONE;
}

typedef esp_status (*answer)(const char *, const esp_setting *, bool, char **);

static int answer_request(const char *subcommand, int argc, char **argv,
                          const char *help, answer ask) {
  request r = {0};
  const int wrong = read_request(subcommand, argc, argv, &r);
  if (wrong != EXIT_DONE) return wrong;
  if (r.help) {
    fputs(help, stdout);
    return EXIT_DONE;
  }
  char *text;
  const esp_status status = ask(r.model, &r.setting, r.json, &text);
  return status == ESP_OK ? app_print(text) : app_fail(status);
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
      "[--width N]\n                     [--json]\n\n"
      "Prints the plan of one replica: for each rank the steps (run, send, "
      "recv) with their\npredicted times, and the memory of a batch.\n",
      esp_plan_model);
}
