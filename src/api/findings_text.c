// The findings in words.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/findings.h"
#include "report/picture.h"

enum { PAGE = 78, COLUMN = 13, LABEL = 38 };

// One bullet, broken into lines.
static void write_wrapped(FILE *out, const char *text) {
  int at = fprintf(out, "  -");
  while (*text != '\0') {
    const int length = (int)strcspn(text, " ");
    if (at + 1 + length > PAGE) at = fprintf(out, "\n   ") - 1;
    at += fprintf(out, " %.*s", length, text);
    text += length;
    text += strspn(text, " ");
  }
  fputc('\n', out);
}

static const char *plural(int count) { return count == 1 ? "" : "s"; }

static void write_model(FILE *out, const char *path, const esp_findings *f) {
  fprintf(out,
          "%s\nopset %d, made by %s; weights %.1f MB\n"
          "%.3f GFLOP and %.1f MB of memory traffic for a batch of %lld\n",
          path, f->info.opset, f->info.producer[0] ? f->info.producer : "?",
          (double)f->info.weight_bytes / 1e6, f->flops / 1e9, f->bytes / 1e6,
          (long long)f->batch);
  if (f->coupling.kind == ESP_COUPLING_FOUND) {
    fprintf(out,
            "The samples of a batch influence one another, first in node %s:\n"
            "results depend on how a dataset is cut into batches.\n",
            f->coupling.where);
  } else if (f->coupling.kind == ESP_COUPLING_UNTOLD) {
    fprintf(out,
            "It cannot be told whether the samples of a batch influence one "
            "another (%s).\n",
            f->coupling.where);
  }
}

static const esp_operator_kind *same_kind(const esp_view *v,
                                          const char *op_type) {
  int k = 0;
  while (k < v->kinds && strcmp(v->kind[k].op_type, op_type) != 0) k++;
  return k < v->kinds ? &v->kind[k] : NULL;
}

static void write_cost(FILE *out, double seconds, double total) {
  fprintf(out, "%10.3f ms %5.1f %%", 1e3 * seconds,
          total > 0 ? 100 * seconds / total : 0.0);
}

static void write_operators(FILE *out, const esp_findings *f) {
  enum { SHOWN = 12 };
  const esp_view *best = esp_findings_best_view(f);
  fprintf(out, "\n%-36s%21s%s\n", "Operators after optimisation", "estimated",
          f->measured ? "             measured" : "");
  for (int k = 0; k < best->kinds && k < SHOWN; k++) {
    const esp_operator_kind *kind = &best->kind[k];
    const esp_operator_kind *guess = same_kind(&f->estimated, kind->op_type);
    fprintf(out, "  %5d  %-27s", kind->count, kind->op_type);
    write_cost(out, guess->seconds, f->estimated.profile.total);
    if (f->measured) write_cost(out, kind->seconds, best->profile.total);
    fputc('\n', out);
  }
  if (best->kinds > SHOWN) {
    fprintf(out, "  and %d more kinds\n", best->kinds - SHOWN);
  }
}

static void write_path(FILE *out, const esp_findings *f) {
  enum { SHOWN = 4 };
  const esp_view *v = esp_findings_best_view(f);
  const esp_profile *p = &v->profile;
  const esp_graph *graph = f->built.graph;
  fprintf(out,
          "\nThe critical path has %d of the %d operators.  All operators take "
          "%.3f ms (T1),\nthe path %.3f ms (Tinf): the ceiling of branches, "
          "T1/Tinf, is %.2fx.  Its dearest:\n",
          p->path_nodes, graph->nnode, 1e3 * p->total, 1e3 * p->span,
          esp_profile_ceiling(p));
  double limit = (double)INFINITY;
  for (int i = 0; i < SHOWN && i < p->path_nodes; i++) {
    int best = -1;
    for (int k = 0; k < p->path_nodes; k++) {
      const double s = v->seconds[p->path[k]];
      if (s < limit && (best < 0 || s > v->seconds[best])) best = p->path[k];
    }
    if (best < 0) break;
    limit = v->seconds[best];
    fprintf(out, "  %8.3f ms  %s (%s)\n", 1e3 * limit, graph->node[best].name,
            graph->node[best].op_type);
  }
}

static void write_picture(FILE *out, const esp_findings *f) {
  fprintf(out,
          "\nHow many operators can run at once along the path, with no end "
          "of threads\n(%s times):\n\n",
          f->measured ? "measured" : "estimated");
  esp_picture_draw(out, &esp_findings_best_view(f)->profile);
  fprintf(out, "\n  ");
  esp_picture_shares(out, &esp_findings_best_view(f)->profile);
}

// "1.23x", or "-" for what is not known.
static void write_gain(FILE *out, double gain) {
  char text[32] = "-";
  if (gain > 0) (void)snprintf(text, sizeof text, "%.2fx", gain);
  fprintf(out, "%*s", COLUMN, text);
}

static void write_row(FILE *out, const esp_findings *f, const char *label,
                      double estimated, double replanned, double measured) {
  fprintf(out, "  %-*s", LABEL, label);
  write_gain(out, estimated);
  if (f->measured) {
    write_gain(out, replanned);
    write_gain(out, measured);
  }
  fputc('\n', out);
}

static void write_workers(FILE *out, const esp_findings *f) {
  char label[64];
  for (int i = 0; i < f->estimated.worker_steps; i++) {
    const esp_gain *g = &f->estimated.workers[i];
    if (g->count == 1) continue;
    const double run = g->count == f->trial.cores
                           ? esp_findings_measured_gain(f, ESP_TRIAL_WORKERS)
                           : 0;
    (void)snprintf(label, sizeof label, "%d inter-op threads", g->count);
    write_row(out, f, label, g->gain,
              f->measured ? f->real.workers[i].gain : 0.0, run);
  }
  const int last = f->estimated.worker_steps - 1;
  if (last > 0) { // 1, 2, 4 ...
    (void)snprintf(label, sizeof label, "no schedule on %d gives more than",
                   f->estimated.workers[last].count);
    write_row(out, f, label, f->estimated.workers[last].most,
              f->measured ? f->real.workers[last].most : 0.0, 0);
  }
  write_row(out, f, "any number, each on a core of its own",
            f->estimated.unlimited.gain,
            f->measured ? f->real.unlimited.gain : 0.0, 0);
}

static void write_others(FILE *out, const esp_findings *f) {
  char label[64];
  for (int i = 0; i < f->width_steps; i++) {
    const double run = f->width[i].count == f->trial.cores
                           ? esp_findings_measured_gain(f, ESP_TRIAL_WIDTH)
                           : 0;
    (void)snprintf(label, sizeof label, "%d intra-op threads",
                   f->width[i].count);
    write_row(out, f, label, f->width[i].gain, 0, run);
  }
  (void)snprintf(label, sizeof label, "%d ranks, %d message%s (%.2g MB)",
                 f->ranks.count, f->messages, plural(f->messages),
                 f->bytes_sent / 1e6);
  write_row(out, f, label, f->ranks.gain, 0,
            f->ranks_seconds > 0
                ? f->trial.seconds[ESP_TRIAL_ONE] / f->ranks_seconds
                : 0);
  if (f->parts > 0) {
    fprintf(out, "    with heavy operators in %d parts\n", f->parts);
  }
  if (f->cores == 1) return;
  (void)snprintf(label, sizeof label, "%d replicas, each on batches of its own",
                 f->replicas.count);
  const double run = f->replicas.count == f->trial.cores
                         ? esp_findings_measured_gain(f, ESP_TRIAL_REPLICAS)
                         : 0;
  write_row(out, f, label, f->replicas.gain, 0, run);
}

static void write_gains(FILE *out, const esp_findings *f) {
  fprintf(out, "\n%-*s%*s", LABEL + 2, "Against one thread", COLUMN,
          "estimated");
  if (f->measured) {
    fprintf(out, "%*s%*s", COLUMN, "replanned", COLUMN, "measured");
  }
  fputc('\n', out);
  write_workers(out, f);
  write_others(out, f);
  if (f->measured) {
    fprintf(out,
            "  (replanned: the schedule again, from the measured times of the "
            "operators)\n");
  }
}

static void write_reasons(FILE *out, const esp_findings *f) {
  static const char *const subject[][2] = {
      {"all", "Why no kind of thread helps, or not as it could:"},
      {"workers", "Why inter-op threads give no more:"},
      {"width", "Why intra-op threads give no more:"},
      {"ranks", "Why ranks that share a batch give no more:"}};
  for (size_t s = 0; s < sizeof subject / sizeof subject[0]; s++) {
    bool begun = false;
    for (int r = 0; r < f->reasons; r++) {
      if (strcmp(f->reason[r].concerns, subject[s][0]) != 0) continue;
      if (!begun) fprintf(out, "\n%s\n", subject[s][1]);
      begun = true;
      write_wrapped(out, f->reason[r].text);
    }
  }
  if (f->reasons == 0) {
    fprintf(out, "\nNo reason was found why threads should not help here.\n");
  }
}

// The best of what shortens one batch.
static void write_advice(FILE *out, const esp_findings *f) {
  static const double WORTH = 1.05;
  const esp_view *v = esp_findings_best_view(f);
  double workers = v->workers[v->worker_steps - 1].gain;
  double width = f->width_steps > 0 ? f->width[f->width_steps - 1].gain : 1;
  double replicas = f->replicas.gain;
  if (f->measured && f->trial.cores == f->cores && f->cores > 1) {
    workers = esp_findings_measured_gain(f, ESP_TRIAL_WORKERS);
    width = esp_findings_measured_gain(f, ESP_TRIAL_WIDTH);
    replicas = esp_findings_measured_gain(f, ESP_TRIAL_REPLICAS);
  }
  fprintf(out, "\nOne batch as fast as can be: ");
  if (fmax(workers, width) < WORTH) {
    fprintf(out, "one thread; more give nothing.\n");
  } else if (workers >= width) {
    fprintf(out, "--workers %d --width 1 (%.2fx).\n", f->cores, workers);
  } else {
    fprintf(out, "--workers 1 --width %d (%.2fx).\n", f->cores, width);
  }
  if (f->cores > 1) {
    fprintf(out,
            "A whole dataset: %d replicas, whatever the graph looks like "
            "(%.2fx).\n",
            f->cores, replicas);
  }
}

static void write_basis(FILE *out, const esp_findings *f) {
  fprintf(out,
          "\nMeasured on this machine: %.0f GFLOP/s and %.1f GB/s for one "
          "core, %.1f GB/s for all;\nhanding work to another thread %.1f us",
          f->machine.flops_per_second / 1e9, f->machine.bytes_per_second / 1e9,
          f->overheads.bytes_per_second / 1e9,
          1e6 * f->overheads.handover_seconds);
  if (f->cores > 1) {
    fprintf(out, ", a team of threads %.1f us for each operator",
            1e6 * f->overheads.region_seconds);
  }
  if (!f->measured) {
    fprintf(out, ".\nThe rest is estimated from operations and bytes; "
                 "--measure runs the model.\n");
    return;
  }
  fprintf(out,
          ".\nThe model ran on random input, medians of %d rounds; one "
          "thread takes %.3f ms a batch.\n",
          f->trial.rounds, 1e3 * f->trial.seconds[ESP_TRIAL_ONE]);
  if (esp_trial_noisy(&f->trial)) {
    fprintf(out,
            "The machine was noisy: rounds differ by %.0f %% (quartiles), and "
            "others used %.1f of the\n%d core%s.  Measure again when it is "
            "quiet.\n",
            100 * esp_trial_spread(&f->trial), f->trial.others, f->trial.cores,
            plural(f->trial.cores));
  }
}

esp_status esp_findings_text(const char *model, const esp_findings *f,
                             char **text) {
  size_t bytes;
  FILE *out = open_memstream(text, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot explain");
  write_model(out, model, f);
  write_operators(out, f);
  write_path(out, f);
  write_picture(out, f);
  write_gains(out, f);
  write_reasons(out, f);
  write_advice(out, f);
  write_basis(out, f);
  if (fclose(out) != 0) return ESP_FAIL(ESP_NO_MEMORY, "cannot explain");
  return ESP_OK;
}
