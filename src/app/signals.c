// Signals that ask a run to stop.  The first: at the next safe batch; the
// second: at once; the third does what it does to any program.
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "app.h"

static volatile sig_atomic_t asked;
static volatile sig_atomic_t speaks;

static void say(const char *text) {
  if (speaks) (void)!write(STDERR_FILENO, text, strlen(text));
}

static void count(int signal) {
  asked = asked + 1;
  if (asked == 1) {
    say("\nespalier: asked to stop: finishing the batches at hand (a second "
        "signal: at once)\n");
  } else if (asked > 2) {
    const struct sigaction as_ever = {.sa_handler = SIG_DFL};
    (void)sigaction(signal, &as_ever, NULL);
    (void)raise(signal);
  }
}

void app_catch_signals(bool speak) {
  static const int signals[] = {SIGTERM, SIGINT, SIGUSR1};
  speaks = speak;
  struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
  (void)sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    (void)sigaction(signals[i], &action, NULL);
  }
}

int app_asked_to_stop(void *context) {
  (void)context;
  return asked;
}
