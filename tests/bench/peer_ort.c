// Runs a model with ONNX Runtime's library, as a user of its C API would, and
// prints one line of JSON.  The library is opened while it runs, and its
// functions are called by their places in its table, which only grows (true of
// 1.13 to 1.30): neither its headers nor its code are needed.
//
// usage: peer_ort LIBRARY MODEL.onnx BATCH THREADS SESSIONS SECONDS
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>

typedef void (*entry)(void);
typedef struct api_base {
  const entry *(*get_api)(uint32_t version);
} api_base;
typedef const api_base *(*get_base)(void);

// Places in the table.
enum {
  GET_ERROR_MESSAGE = 2,
  CREATE_ENV = 3,
  CREATE_SESSION = 7,
  RUN = 9,
  CREATE_SESSION_OPTIONS = 10,
  SET_INTRA_OP_THREADS = 24,
  INPUT_COUNT = 30,
  OUTPUT_COUNT = 31,
  INPUT_TYPE = 33,
  INPUT_NAME = 36,
  OUTPUT_NAME = 37,
  CREATE_TENSOR = 49,
  TENSOR_INFO = 55,
  ELEMENT_TYPE = 60,
  DIMENSIONS_COUNT = 61,
  DIMENSIONS = 62,
  CREATE_MEMORY_INFO = 69,
  DEFAULT_ALLOCATOR = 78,
  RELEASE_VALUE = 96
};
enum { TABLE_VERSION = 13, FLOAT = 1, INT64 = 7, MOST_VALUES = 8, MOST = 8 };
static const entry *api;

typedef void *(*getter)(void *, void *);
typedef void *(*indexed)(void *, size_t, void *);
typedef void *(*named)(void *, size_t, void *, char **);

static void check(void *status, const char *what) {
  if (status == NULL) return;
  typedef const char *(*message)(void *);
  fprintf(stderr, "peer_ort: %s: %s\n", what,
          ((message)api[GET_ERROR_MESSAGE])(status));
  exit(1);
}

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct setting {
  const char *model;
  int64_t batch;
  int threads, sessions;
  double seconds;
} setting;

// A session on a thread of its own.
typedef struct stream {
  const setting *s;
  void *session;
  size_t inputs, outputs;
  char *input_name[MOST_VALUES], *output_name[MOST_VALUES];
  void *input[MOST_VALUES];
  double *latency;
  size_t count, room;
  double until;
} stream;

static void *env, *memory, *allocator;

static void make_input(stream *t, size_t i) {
  typedef void *(*dimensions)(void *, int64_t *, size_t);
  typedef void *(*create)(void *, void *, size_t, const int64_t *, size_t, int,
                          void **);
  void *type, *info;
  int element;
  size_t ndim, count = 1;
  int64_t dim[MOST];
  check(((indexed)api[INPUT_TYPE])(t->session, i, &type), "type");
  check(((getter)api[TENSOR_INFO])(type, &info), "tensor");
  check(((getter)api[ELEMENT_TYPE])(info, &element), "element");
  check(((getter)api[DIMENSIONS_COUNT])(info, &ndim), "dimensions");
  check(((dimensions)api[DIMENSIONS])(info, dim, ndim), "dimensions");
  for (size_t d = 0; d < ndim; d++) {
    if (dim[d] < 0) dim[d] = t->s->batch;
    count *= (size_t)dim[d];
  }
  const size_t bytes = count * (element == INT64 ? 8 : 4);
  void *data = calloc(1, bytes);
  if (data == NULL || (element != FLOAT && element != INT64)) exit(1);
  for (size_t k = 0; k < count; k++) {
    if (element == INT64) ((int64_t *)data)[k] = (int64_t)(k % 2);
    if (element == FLOAT) ((float *)data)[k] = (float)(k * 7919 % 1009) / 1009;
  }
  check(((create)api[CREATE_TENSOR])(memory, data, bytes, dim, ndim, element,
                                     &t->input[i]),
        "input");
}

static void open_stream(const setting *s, stream *t) {
  typedef void *(*make)(void **);
  typedef void *(*set)(void *, int);
  typedef void *(*create)(void *, const char *, void *, void **);
  void *options;
  *t = (stream){.s = s};
  check(((make)api[CREATE_SESSION_OPTIONS])(&options), "options");
  check(((set)api[SET_INTRA_OP_THREADS])(options, s->threads), "threads");
  check(((create)api[CREATE_SESSION])(env, s->model, options, &t->session),
        "session");
  check(((getter)api[INPUT_COUNT])(t->session, &t->inputs), "inputs");
  check(((getter)api[OUTPUT_COUNT])(t->session, &t->outputs), "outputs");
  if (t->inputs > MOST_VALUES || t->outputs > MOST_VALUES) exit(1);
  for (size_t i = 0; i < t->inputs; i++) {
    check(((named)api[INPUT_NAME])(t->session, i, allocator, &t->input_name[i]),
          "name");
    make_input(t, i);
  }
  for (size_t i = 0; i < t->outputs; i++) {
    check(
        ((named)api[OUTPUT_NAME])(t->session, i, allocator, &t->output_name[i]),
        "name");
  }
}

static void run_once(stream *t) {
  typedef void *(*run)(void *, void *, char *const *, void *const *, size_t,
                       char *const *, size_t, void **);
  typedef void (*release)(void *);
  void *output[MOST_VALUES] = {0};
  check(((run)api[RUN])(t->session, NULL, t->input_name, t->input, t->inputs,
                        t->output_name, t->outputs, output),
        "run");
  for (size_t i = 0; i < t->outputs; i++) {
    ((release)api[RELEASE_VALUE])(output[i]);
  }
}

static int serve(void *argument) {
  enum { FEWEST = 3 };
  stream *t = argument;
  while (t->count < FEWEST || now() < t->until) {
    if (t->count == t->room) {
      t->room = 2 * t->room + 64;
      t->latency = realloc(t->latency, t->room * sizeof *t->latency);
      if (t->latency == NULL) exit(1);
    }
    const double began = now();
    run_once(t);
    t->latency[t->count++] = now() - began;
  }
  return 0;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// A line of proc(5)'s status in bytes: "VmRSS:" is what the process has now,
// "VmHWM:" the most that it had.
static long status_bytes(const char *name) {
  char line[256];
  long kilobytes = 0;
  FILE *in = fopen("/proc/self/status", "r");
  while (in != NULL && fgets(line, sizeof line, in) != NULL) {
    if (strncmp(line, name, strlen(name)) != 0) continue;
    kilobytes = strtol(line + strlen(name), NULL, 10);
  }
  if (in != NULL) (void)fclose(in);
  return 1024 * kilobytes;
}

// From here on the most that the process had is what it has.
static void forget_peak(void) {
  FILE *out = fopen("/proc/self/clear_refs", "w"); // proc(5): 5
  if (out != NULL) {
    (void)fputs("5", out);
    (void)fclose(out);
  }
}

static void open_library(const char *path) {
  typedef void *(*create_env)(int, const char *, void **);
  typedef void *(*create_memory)(int, int, void **);
  typedef void *(*make)(void **);
  enum { ERRORS_ONLY = 3 };
  void *library = dlopen(path, RTLD_NOW);
  entry base = NULL;
  if (library != NULL) *(void **)&base = dlsym(library, "OrtGetApiBase");
  if (base == NULL) {
    fprintf(stderr, "peer_ort: %s\n", dlerror());
    exit(1);
  }
  api = ((get_base)base)()->get_api(TABLE_VERSION);
  check(((create_env)api[CREATE_ENV])(ERRORS_ONLY, "peer", &env), "env");
  check(((create_memory)api[CREATE_MEMORY_INFO])(0, 0, &memory), "memory");
  check(((make)api[DEFAULT_ALLOCATOR])(&allocator), "allocator");
}

static void measure(const setting *s, stream *t, double load) {
  thrd_t thread[MOST];
  double first = 0;
  size_t batches = 0;
  forget_peak();
  const long before = status_bytes("VmRSS:");
  for (int i = 0; i < s->sessions; i++) {
    const double began = now();
    run_once(&t[i]);
    if (i == 0) first = now() - began;
    run_once(&t[i]);
  }
  const double began = now();
  for (int i = 0; i < s->sessions; i++) {
    t[i].until = began + s->seconds;
    if (thrd_create(&thread[i], serve, &t[i]) != thrd_success) exit(1);
  }
  for (int i = 0; i < s->sessions; i++) {
    (void)thrd_join(thread[i], NULL);
    batches += t[i].count;
  }
  const double took = now() - began;
  qsort(t->latency, t->count, sizeof *t->latency, ascending);
  printf("{\"median_ms\": %.6f, \"samples_per_second\": %.3f, "
         "\"process_bytes\": %ld, \"run_bytes\": %ld, \"load_s\": %.4f}\n",
         1e3 * t->latency[t->count / 2],
         (double)batches * (double)s->batch / took, status_bytes("VmHWM:"),
         status_bytes("VmHWM:") - before, load + first);
}

int main(int argc, char **argv) {
  if (argc != 7) {
    fprintf(stderr, "usage: peer_ort LIBRARY MODEL.onnx BATCH THREADS SESSIONS "
                    "SECONDS\n");
    return 2;
  }
  const setting s = {.model = argv[2],
                     .batch = strtoll(argv[3], NULL, 10),
                     .threads = (int)strtol(argv[4], NULL, 10),
                     .sessions = (int)strtol(argv[5], NULL, 10),
                     .seconds = strtod(argv[6], NULL)};
  stream t[MOST];
  if (s.sessions < 1 || s.sessions > MOST) return 2;
  open_library(argv[1]);
  const double began = now();
  open_stream(&s, &t[0]);
  const double load = now() - began;
  for (int i = 1; i < s.sessions; i++) open_stream(&s, &t[i]);
  measure(&s, t, load);
  return 0;
}
