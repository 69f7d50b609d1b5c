// The command: one file per subcommand, written on the public header alone.
#ifndef ESP_APP_APP_H
#define ESP_APP_APP_H

#include <espalier/espalier.h>
#include <stdio.h>

// Exit statuses.
enum {
  EXIT_DONE = 0,
  EXIT_FAILED = 1,
  EXIT_USAGE = 2,
  EXIT_BAD_INPUT = 3,
  EXIT_STOPPED = 75 // can be resumed
};

// A subcommand gets what stands after its name, and gives the exit status.
int app_run(int argc, char **argv);
int app_explain(int argc, char **argv);
int app_plan(int argc, char **argv);
int app_bench(int argc, char **argv);
int app_verify(int argc, char **argv);
int app_pack(int argc, char **argv);
int app_doctor(int argc, char **argv);
int app_inspect(int argc, char **argv);
int app_operators(int argc, char **argv);
int app_submit(int argc, char **argv);

// The exit status that stands for a status.
int app_exit_of(esp_status status);
// Prints "espalier: <last message>" and returns app_exit_of(status).
int app_fail(esp_status status);
// Prints "espalier: <format>; see espalier <subcommand> --help"; EXIT_USAGE.
int app_usage(const char *subcommand, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Prints a text that was given to us, and frees it.
int app_print(char *text);

// Writes a text as JSON, in quotation marks; what is no UTF-8 is replaced.
void app_write_json_text(FILE *out, const char *text);

// One argument after another: options "--key value", "--key=value" and
// "--flag", and plain arguments.
typedef struct app_arguments {
  int count, next;
  char **text;
  const char *key;   // of the option found, without dashes; NULL: plain
  const char *value; // after '='; or the plain argument; NULL: none
  char buffer[128];  // of key
} app_arguments;
// Takes the next argument; false when there are no more.
bool app_next(app_arguments *a);
// The value of the option just taken: after '=', or the next argument; NULL
// when there is none.
const char *app_value(app_arguments *a);
// Reads an integer of at least `least`; false when it is none.
bool app_integer(const char *text, int64_t least, int64_t *number);

// From now on signals are counted, not obeyed (signals.c); `speak`: with a line
// on standard error.
void app_catch_signals(bool speak);
int app_asked_to_stop(void *context); // as esp_listener wants it

// Runs the jobs one after the other, tells of them on rank 0, and gives the
// exit status.  Collective (jobs.c).
int app_run_jobs(esp_context *context, esp_job *const *job, int count);

// plan --tasks F: one line for each graph of the file.
int app_plan_tasks(const char *path, bool json);

// Sets in the job what the argument just taken says: a job file, or a key; a
// list's key that is given again adds to it.  `seen`: which were, all false at
// first.
enum { APP_MOST_KEYS = 256 };
esp_status app_job_argument(app_arguments *a, bool seen[APP_MOST_KEYS],
                            esp_job *job);

// Shows progress on standard error: as the job's key "progress" says.
typedef struct app_progress {
  bool bar;
  double next_line; // seconds after the beginning when the next line is due
} app_progress;
void app_show_progress(void *context, const esp_progress *progress);

#endif
