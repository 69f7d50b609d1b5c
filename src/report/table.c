// The table at the end of a run.
#include <stdio.h>
#include <stdlib.h>

#include "report/report.h"

void esp_report_free(esp_report *report) {
  if (report == NULL) return;
  free(report->model);
  free(report->input);
  free(report->output);
  free(report->score_name);
  free(report->nodes_per_rank);
  free(report->method);
  free(report->versions);
  free(report->hosts);
  free(report->summary_file);
  free(report->share);
  free(report->weight_bytes);
  free(report->value_bytes);
  for (int i = 0; i < report->notes; i++) free(report->note[i]);
  free(report);
}

static void write_plan(FILE *out, const esp_report *r) {
  fprintf(out, "plan       %d rank%s = %d replica%s x %d, ", r->ranks,
          r->ranks == 1 ? "" : "s", r->replicas, r->replicas == 1 ? "" : "s",
          r->ranks_per_replica);
  fprintf(out, "each rank %d stream%s x %d worker%s x width %d%s; batch %lld\n",
          r->streams, r->streams == 1 ? "" : "s", r->workers,
          r->workers == 1 ? "" : "s", r->width, r->molded ? ", molded" : "",
          (long long)r->batch);
  if (r->ranks_per_replica > 1) {
    fprintf(out, "           nodes of the graph on ranks:");
    for (int i = 0; i < r->ranks_per_replica; i++) {
      fprintf(out, " %d", r->nodes_per_rank[i]);
    }
    fprintf(out, " (%s)\n", r->method);
  }
}

static void write_memory(FILE *out, const esp_report *r) {
  if (r->memory_limit <= 0) return;
  fprintf(out, "memory     at most %.0f MB a rank:", 1e-6 * r->memory_limit);
  for (int i = 0; i < r->ranks_per_replica; i++) {
    fprintf(out, "%s %.1f + %.1f", i > 0 ? "," : "", 1e-6 * r->weight_bytes[i],
            1e-6 * r->value_bytes[i]);
  }
  fprintf(out, " MB of weights + values\n");
}

static void write_shares(FILE *out, const char *who, const esp_rank_shares *s,
                         bool several) {
  fprintf(out,
          "%-10s computed %.1f %%, read %.1f %%, wrote %.1f %%, waited "
          "%.1f %%",
          who, 100 * s->computed, 100 * s->read, 100 * s->wrote,
          100 * s->waited);
  if (several) fprintf(out, ", messages %.1f %%", 100 * s->sent);
  fprintf(out, " of the time\n");
}

// Every rank where they are few, else the one that computed least and most.
static void write_ranks(FILE *out, const esp_report *r) {
  enum { FEW = 8 };
  int least = 0, most = 0;
  const bool several = r->ranks_per_replica > 1;
  for (int i = 0; i < r->ranks; i++) {
    char who[32];
    (void)snprintf(who, sizeof who, "rank %d", i);
    if (r->share[i].computed < r->share[least].computed) least = i;
    if (r->share[i].computed > r->share[most].computed) most = i;
    if (r->ranks <= FEW) write_shares(out, who, &r->share[i], several);
  }
  if (r->ranks <= FEW) return;
  write_shares(out, "least", &r->share[least], several);
  write_shares(out, "most", &r->share[most], several);
}

static void write_certificate(FILE *out, const esp_report *r) {
  fprintf(out,
          "batch      predicted %.3f ms (costs %s), measured %.3f ms, lower "
          "bound %.3f ms; branches alone could give %.2fx\n",
          1e3 * r->predicted_s, r->costs, 1e3 * r->measured_s,
          1e3 * r->lower_bound_s, r->ceiling);
  if (r->seconds > 0 && r->share != NULL) write_ranks(out, r);
  for (int i = 0; i < r->notes; i++)
    fprintf(out, "note       %s\n", r->note[i]);
}

static void write_samples(FILE *out, const esp_report *r) {
  fprintf(out, "samples    %lld in %.3f s: %.0f samples per second\n",
          (long long)r->computed, r->seconds,
          r->seconds > 0 ? (double)r->computed / r->seconds : 0.0);
  if (r->resumed_from > 0) {
    fprintf(out, "resumed    from %lld samples that were done before\n",
            (long long)r->resumed_from);
  }
  if (r->stopped) {
    fprintf(out,
            "stopped    %lld of %lld samples are done; the same command goes "
            "on from there\n",
            (long long)r->done, (long long)r->samples);
  }
}

static void write_precision(FILE *out, const esp_report *r) {
  if (r->accuracy.precision == ESP_PRECISION_FLOAT32) return;
  char *text = esp_accuracy_text(&r->accuracy);
  if (text != NULL) fprintf(out, "precision  %s\n", text);
  free(text);
}

esp_status esp_report_table(const esp_report *r, char **text) {
  size_t bytes;
  FILE *out = open_memstream(text, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot write the table");
  if (r->nothing_to_do) {
    fprintf(out,
            "%s holds all %lld samples: nothing to do (restart computes them "
            "again)\n",
            r->output, (long long)r->samples);
    return fclose(out) == 0 ? ESP_OK
                            : ESP_FAIL(ESP_NO_MEMORY, "cannot write the table");
  }
  fprintf(out, "model      %s\n", r->model);
  if (r->score_name != NULL) {
    fprintf(out, "%-10s %.2f %% (%lld of %lld)\n", r->score_name,
            100 * r->score, (long long)r->right, (long long)r->done);
  }
  write_samples(out, r);
  write_precision(out, r);
  write_plan(out, r);
  write_memory(out, r);
  write_certificate(out, r);
  fprintf(out, "results    %s\n", r->output);
  if (r->summary_file != NULL) {
    fprintf(out, "summary    %s\n", r->summary_file);
  }
  if (fclose(out) != 0)
    return ESP_FAIL(ESP_NO_MEMORY, "cannot write the table");
  return ESP_OK;
}
