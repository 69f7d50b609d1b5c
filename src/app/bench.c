// bench: a model and how it is to be measured.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

enum { MOST_DIMS = 16 };

typedef struct request {
  const char *model;
  esp_bench_setting setting;
  esp_dim dim[MOST_DIMS];
  char name[MOST_DIMS][128];
  bool json, help;
} request;

// NAME=N
static bool add_dim(request *r, const char *text) {
  esp_dim *dim = &r->dim[r->setting.dims];
  char *name = r->name[r->setting.dims];
  const char *equals = text != NULL ? strrchr(text, '=') : NULL;
  if (equals == NULL || equals == text || r->setting.dims == MOST_DIMS ||
      equals - text >= (ptrdiff_t)sizeof r->name[0] ||
      !app_integer(equals + 1, 1, &dim->size)) {
    return false;
  }
  (void)snprintf(name, sizeof r->name[0], "%.*s", (int)(equals - text), text);
  dim->name = name;
  r->setting.dims++;
  return true;
}

static bool set_objective(request *r, const char *text) {
  r->setting.throughput = text != NULL && strcmp(text, "throughput") == 0;
  return r->setting.throughput ||
         (text != NULL && strcmp(text, "latency") == 0);
}

static bool set_seconds(request *r, const char *text) {
  char *end = NULL;
  r->setting.seconds = text != NULL ? strtod(text, &end) : 0;
  return end != NULL && *end == '\0' && r->setting.seconds > 0 &&
         r->setting.seconds < 1e6;
}

static bool set_option(request *r, const char *key, const char *text) {
  int64_t number;
  esp_bench_setting *s = &r->setting;
  if (strcmp(key, "objective") == 0) return set_objective(r, text);
  if (strcmp(key, "seconds") == 0) return set_seconds(r, text);
  if (strcmp(key, "dim") == 0) return add_dim(r, text);
  if (strcmp(key, "precision") == 0) {
    return text != NULL && esp_precision_named(text, &s->precision) == ESP_OK;
  }
  if (strcmp(key, "packed-cache") == 0) {
    s->packed_cache = text;
    return text != NULL;
  }
  if (!app_integer(text, 1, &number) || number > 1 << 20) return false;
  const struct {
    const char *key;
    int *place;
  } places[] = {
      {"streams", &s->streams}, {"workers", &s->workers}, {"width", &s->width}};
  if (strcmp(key, "batch") == 0) s->batch = number;
  if (strcmp(key, "micro-batch") == 0) s->micro_batch = number;
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    if (strcmp(key, places[i].key) == 0) *places[i].place = (int)number;
  }
  return strcmp(key, "batch") == 0 || strcmp(key, "micro-batch") == 0 ||
         strcmp(key, "streams") == 0 || strcmp(key, "workers") == 0 ||
         strcmp(key, "width") == 0;
}

static int read_request(int argc, char **argv, request *r) {
  app_arguments a = {.count = argc, .text = argv};
  while (app_next(&a)) {
    if (a.key == NULL) {
      if (r->model != NULL) {
        return app_usage("bench", "more than one model: %s", a.value);
      }
      r->model = a.value;
    } else if (strcmp(a.key, "json") == 0) {
      r->json = true;
    } else if (strcmp(a.key, "sweep") == 0) {
      r->setting.sweep = true;
    } else if (strcmp(a.key, "help") == 0) {
      r->help = true;
    } else {
      const char *text = app_value(&a);
      if (!set_option(r, a.buffer, text)) {
        return app_usage("bench", "option --%s %s is not understood", a.buffer,
                         text != NULL ? text : "(without a value)");
      }
    }
  }
  r->setting.dim = r->dim;
  if (r->model == NULL && !r->help) return app_usage("bench", "which model?");
  return EXIT_DONE;
}

static int measure(const request *r) {
  const esp_options options = {.no_remote_tasks = true};
  esp_context *context;
  esp_status status = esp_open(&options, &context);
  if (status != ESP_OK) return app_fail(status);
  char *text = NULL;
  status = esp_bench(context, r->model, &r->setting, r->json, &text);
  const int result = status == ESP_OK ? app_print(text) : app_fail(status);
  esp_close(context);
  return result;
}

int app_bench(int argc, char **argv) {
  request r = {0};
  const int wrong = read_request(argc, argv, &r);
  if (wrong != EXIT_DONE) return wrong;
  if (!r.help) return measure(&r);
  printf(
      "usage: espalier bench MODEL.onnx [--objective latency|throughput]\n"
      "                      [--batch N] [--precision P] [--sweep] "
      "[--json]\n\n"
      "Measures a model on made-up inputs, as a session runs it in a C "
      "program, on the\ncores that this process may use: short trials find "
      "the best way, which is then\nmeasured in seven rounds.\n\n"
      "  --objective O  latency of one batch (the default), or throughput: "
      "samples a\n                 second, also of several batches at "
      "once\n"
      "  --batch N      samples in a batch (1, or what the model fixes)\n"
      "  --dim NAME=N   size of another dimension that the model leaves "
      "open\n"
      "  --streams N, --workers N, --width N\n"
      "                 batches at once, operators side by side (inter-op), "
      "threads of\n                 an operator (intra-op), instead of "
      "trying\n"
      "  --micro-batch N\n                 rows of a piece of the batch, "
      "instead of as suits the cache of a core\n"
      "  --precision P  float32 (the default), bf16 or int8, as espalier run "
      "has it; the\n                 cost in accuracy is printed\n"
      "  --packed-cache FOLDER\n                 keep weights as they were "
      "packed, so that the next start need not pack\n"
      "  --seconds S    to measure each way for (5)\n"
      "  --sweep        measure all ways in turn, and print them\n"
      "  --json         all of it as JSON\n");
  return EXIT_DONE;
}
