#include "report/drawing.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/escape.h"

// Pixels.
enum {
  LEFT = 90,
  WIDE = 1020,
  LANE = 18,
  GAP = 6,
  TOP = 24,
  MOST_RANKS = 128,
  MOST_LANES = 64
};
static const double HAIR = 0.3; // a bar that is narrower joins its neighbour

// The same kind has the same colour in every drawing.
static int hue_of(const char *kind) {
  uint32_t hash = 2166136261u; // FNV-1a
  for (const char *c = kind; *c != '\0'; c++) {
    hash = (hash ^ (unsigned char)*c) * 16777619u;
  }
  return (int)(hash % 360);
}

static void write_colour(FILE *out, const esp_bar *bar) {
  if (strcmp(bar->kind, "send") == 0 || strcmp(bar->kind, "recv") == 0) {
    (void)fputs("hsl(0,0%,55%)", out);
  } else {
    fprintf(out, "hsl(%d,55%%,60%%)", hue_of(bar->kind));
  }
}

static int by_rank(const void *a, const void *b) {
  const esp_bar *x = a, *y = b;
  if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
  if (x->conductor != y->conductor) return x->conductor ? 1 : -1;
  if (x->start != y->start) return x->start < y->start ? -1 : 1;
  return (x->finish > y->finish) - (x->finish < y->finish);
}

typedef struct lanes {
  double end[MOST_LANES]; // seconds, of what is drawn
  int count;
} lanes;

static int lane_of(lanes *l, const esp_bar *bar, double seconds) {
  const double slack = 1e-9 * seconds;
  int lane = 0;
  while (lane < l->count && l->end[lane] > bar->start + slack) lane++;
  if (lane == MOST_LANES) lane--;
  if (lane == l->count) l->count++;
  l->end[lane] = bar->finish;
  return lane;
}

typedef struct canvas {
  FILE *out;
  double seconds;
  int top; // of what comes next
} canvas;

static double at(const canvas *c, double seconds) {
  return c->seconds > 0 ? LEFT + WIDE * seconds / c->seconds : LEFT;
}

static void draw_bar(const canvas *c, const esp_bar *bar, int top) {
  const double x = at(c, bar->start);
  const double wide = fmax(HAIR, at(c, bar->finish) - x);
  fprintf(c->out,
          "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"", x,
          top, wide, LANE - 2);
  write_colour(c->out, bar);
  (void)fputs("\"><title>", c->out);
  esp_write_escaped(c->out, bar->kind);
  (void)fputc(' ', c->out);
  esp_write_escaped(c->out, bar->name);
  fprintf(c->out, "\n%.3f to %.3f ms</title></rect>\n", 1e3 * bar->start,
          1e3 * bar->finish);
}

static void label(const canvas *c, int rank, bool conductor) {
  fprintf(c->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s %d</text>\n",
          LEFT - 6, c->top + LANE - 5, conductor ? "conductor" : "rank", rank);
}

// The bars of one rank of one sort; those too narrow to be seen behind another
// are left out.
static void draw_group(canvas *c, const esp_bar *bar, size_t count) {
  lanes l = {.count = 0};
  double drawn[MOST_LANES] = {0};
  label(c, bar->rank, bar->conductor);
  for (size_t i = 0; i < count; i++) {
    const int lane = lane_of(&l, &bar[i], c->seconds);
    if (drawn[lane] > 0 && at(c, bar[i].finish) < drawn[lane] + HAIR) continue;
    draw_bar(c, &bar[i], c->top + lane * LANE);
    drawn[lane] = at(c, bar[i].finish);
  }
  c->top += (l.count > 0 ? l.count : 1) * LANE + GAP;
}

static size_t end_of_group(const esp_bar *bar, size_t count, size_t first) {
  size_t i = first;
  while (i < count && bar[i].rank == bar[first].rank &&
         bar[i].conductor == bar[first].conductor) {
    i++;
  }
  return i;
}

// Lanes that the groups will take.
static int height_of(const esp_bar *bar, size_t count, double seconds) {
  int height = TOP;
  for (size_t i = 0, end; i < count && bar[i].rank < MOST_RANKS; i = end) {
    lanes l = {.count = 0};
    end = end_of_group(bar, count, i);
    for (size_t k = i; k < end; k++) (void)lane_of(&l, &bar[k], seconds);
    height += l.count * LANE + GAP;
  }
  return height;
}

static void draw_axis(const canvas *c, int height) {
  enum { TICKS = 8 };
  for (int t = 0; t <= TICKS; t++) {
    const double when = c->seconds * t / TICKS;
    fprintf(c->out,
            "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" "
            "stroke=\"#ccc\"/><text x=\"%.1f\" y=\"14\" "
            "text-anchor=\"middle\">%.3g%s</text>\n",
            at(c, when), TOP - 4, at(c, when), height, at(c, when), 1e3 * when,
            t == TICKS ? " ms" : "");
  }
}

esp_status esp_draw_bars(FILE *out, esp_bar *bar, size_t count, int ranks,
                         double seconds) {
  if (count > 0) qsort(bar, count, sizeof *bar, by_rank);
  const bool cut = ranks > MOST_RANKS;
  const int height = height_of(bar, count, seconds);
  canvas c = {.out = out, .seconds = seconds, .top = TOP};
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
          "height=\"%d\" font-family=\"sans-serif\" font-size=\"11\">\n"
          "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
          LEFT + WIDE + 40, height + (cut ? LANE : 0));
  draw_axis(&c, height);
  for (size_t i = 0, end; i < count && bar[i].rank < MOST_RANKS; i = end) {
    end = end_of_group(bar, count, i);
    draw_group(&c, bar + i, end - i);
  }
  if (cut) {
    fprintf(out, "<text x=\"%d\" y=\"%d\">the first %d of %d ranks</text>\n",
            LEFT, c.top + LANE - 5, MOST_RANKS, ranks);
  }
  (void)fputs("</svg>\n", out);
  return ferror(out) == 0 ? ESP_OK : ESP_FAIL(ESP_IO, "cannot draw");
}

// Legend ----------------------------------------------------------------------

typedef struct kind_sum {
  const esp_bar *bar;
  double seconds;
} kind_sum;

static int dearest_first(const void *a, const void *b) {
  const kind_sum *x = a, *y = b;
  if (x->seconds != y->seconds) return x->seconds > y->seconds ? -1 : 1;
  return strcmp(x->bar->kind, y->bar->kind);
}

void esp_draw_legend(FILE *out, const esp_bar *bar, size_t count) {
  enum { KINDS = 256, SHOWN = 12 };
  kind_sum sum[KINDS];
  int kinds = 0;
  for (size_t i = 0; i < count; i++) {
    if (bar[i].conductor) continue;
    int k = 0;
    while (k < kinds && strcmp(sum[k].bar->kind, bar[i].kind) != 0) k++;
    if (k == KINDS) continue;
    if (k == kinds) sum[kinds++] = (kind_sum){.bar = &bar[i]};
    sum[k].seconds += bar[i].finish - bar[i].start;
  }
  qsort(sum, (size_t)kinds, sizeof *sum, dearest_first);
  (void)fputs("<p class=\"legend\">", out);
  for (int k = 0; k < kinds && k < SHOWN; k++) {
    (void)fputs("<span style=\"background:", out);
    write_colour(out, sum[k].bar);
    (void)fputs("\">&#160;&#160;</span> ", out);
    esp_write_escaped(out, sum[k].bar->kind);
    (void)fputs("&#160; ", out);
  }
  (void)fputs("</p>\n", out);
}

// Plans -----------------------------------------------------------------------

esp_status esp_plan_bars(const esp_plan *plan, const esp_graph *graph,
                         esp_bar **bar, size_t *count) {
  size_t steps = 0;
  for (int r = 0; r < plan->ranks; r++) steps += (size_t)plan->rank[r].nstep;
  esp_bar *list = calloc(steps + 1, sizeof *list);
  if (list == NULL)
    return ESP_FAIL(ESP_NO_MEMORY, "cannot draw %zu steps", steps);
  size_t made = 0;
  for (int r = 0; r < plan->ranks; r++) {
    for (int s = 0; s < plan->rank[r].nstep; s++) {
      const esp_step *step = &plan->rank[r].step[s];
      const bool run = step->kind == ESP_STEP_RUN;
      list[made++] = (esp_bar){.rank = r,
                               .conductor = !run,
                               .start = step->start,
                               .finish = step->finish,
                               .kind = run ? graph->node[step->node].op_type
                                       : step->kind == ESP_STEP_SEND ? "send"
                                                                     : "recv",
                               .name = run ? graph->node[step->node].name
                                           : graph->value[step->value].name};
    }
  }
  *bar = list;
  *count = made;
  return ESP_OK;
}

esp_status esp_plan_draw(const esp_plan *plan, const esp_graph *graph,
                         const char *path) {
  esp_bar *bar;
  size_t count;
  ESP_TRY(esp_plan_bars(plan, graph, &bar, &count));
  FILE *out = fopen(path, "w");
  esp_status status = ESP_OK;
  if (out != NULL) {
    status = esp_draw_bars(out, bar, count, plan->ranks, plan->predicted);
    if (fclose(out) != 0) status = ESP_IO;
  }
  if (out == NULL || status != ESP_OK) {
    status = ESP_FAIL(ESP_IO, "cannot write %s: %s", path, strerror(errno));
  }
  free(bar);
  return status;
}
