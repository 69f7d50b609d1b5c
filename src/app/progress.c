// A bar on a terminal; lines, at most one in five seconds, elsewhere.
#include <stdio.h>

#include "app.h"

static void write_time(char text[16], double seconds) {
  const int whole = (int)(seconds + 0.5);
  if (whole >= 3600) {
    (void)snprintf(text, 16, "%d:%02d:%02d", whole / 3600 % 10000,
                   whole / 60 % 60, whole % 60);
  } else {
    (void)snprintf(text, 16, "%d:%02d", whole / 60, whole % 60);
  }
}

static void show_bar(double share, double rate, const char *left, bool last) {
  enum { CELLS = 30 };
  char cells[CELLS + 1];
  for (int i = 0; i < CELLS; i++) {
    cells[i] = (i + 0.5) / CELLS < share ? '#' : '.';
  }
  cells[CELLS] = '\0';
  fprintf(stderr, "\r[%s] %3.0f %%  %.0f samples/s  %s left %s", cells,
          100 * share, rate, left, last ? "\n" : "");
  (void)fflush(stderr);
}

void app_show_progress(void *context, const esp_progress *p) {
  static const double LINE_INTERVAL = 5;
  app_progress *self = context;
  const double share = p->total > 0 ? (double)p->samples / (double)p->total : 1;
  const int64_t computed = p->samples - p->resumed_from;
  const double rate = p->seconds > 0 ? (double)computed / p->seconds : 0;
  char left[16] = "?";
  if (rate > 0) {
    write_time(left, (double)(p->total - p->samples) / rate);
  }
  if (self->bar) {
    show_bar(share, rate, left, p->last);
    return;
  }
  if (!p->last && p->seconds < self->next_line) return;
  self->next_line = p->seconds + LINE_INTERVAL;
  fprintf(stderr,
          "espalier: %lld of %lld samples (%.0f %%), %.0f samples/s, %s left\n",
          (long long)p->samples, (long long)p->total, 100 * share, rate, left);
}
