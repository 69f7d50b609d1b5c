// What bench has found, as a table and as JSON.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/bench.h"

static void tell_ways(const esp_bench_findings *f, FILE *out) {
  const esp_bench_way *best = &f->way[f->best];
  fprintf(out, "\nstreams x workers x width   latency ms   p99 ms   samples/s"
               "   of the best\n");
  for (int w = 0; w < f->ways; w++) {
    const esp_bench_way *way = &f->way[w];
    const double part = f->throughput
                            ? way->samples_per_second / best->samples_per_second
                            : best->median_s / way->median_s;
    fprintf(out, "%7d x %7d x %5d %12.3f %8.3f %11.1f %13.2f%s\n", way->streams,
            way->workers, way->width, 1e3 * way->median_s, 1e3 * way->p99_s,
            way->samples_per_second, part, way->molded ? "  molded" : "");
  }
}

esp_status esp_bench_text(const esp_bench_findings *f, char **text) {
  size_t bytes;
  FILE *out = open_memstream(text, &bytes);
  if (out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot tell");
  const esp_bench_way *best = &f->way[f->best];
  fprintf(out, "model      %s, batch %lld\n", f->model, (long long)f->batch);
  fprintf(out, "latency    %.3f ms (median), %.3f ms (p99) of %zu batches\n",
          1e3 * best->median_s, 1e3 * best->p99_s, best->latencies);
  fprintf(out, "throughput %.1f samples per second\n",
          best->samples_per_second);
  fprintf(out, "plan       %d stream%s x %d worker%s x width %d%s%s\n",
          best->streams, best->streams == 1 ? "" : "s", best->workers,
          best->workers == 1 ? "" : "s", best->width,
          f->method != NULL ? ", " : "; walked a node at a time",
          f->method != NULL ? f->method : "");
  if (f->accuracy.precision != ESP_PRECISION_FLOAT32) {
    char *words = esp_accuracy_text(&f->accuracy);
    if (words != NULL) fprintf(out, "precision  %s\n", words);
    free(words);
  }
  if (f->flops > 0) {
    const double rate = esp_bench_flops_per_second(f);
    fprintf(out,
            "speed      %.1f GFLOP/s, %.0f %% of what %d core%s can multiply "
            "and add (%.0f)\n",
            1e-9 * rate, 100 * rate / f->peak_flops, f->cores,
            f->cores == 1 ? "" : "s", 1e-9 * f->peak_flops);
  }
  fprintf(out, "memory     %.1f MB for a batch, %.1f MB for the process\n",
          1e-6 * f->block_bytes, 1e-6 * f->process_bytes);
  fprintf(out, "load       %.3f s from the file to the first result\n",
          f->load_s);
  if (f->sweep) tell_ways(f, out);
  if (esp_bench_noisy(f)) {
    fprintf(
        out,
        "\nThe machine was noisy: rounds differ by %.0f %%, and others used "
        "%.1f of %d cores.\n",
        100 * best->spread, f->others, f->cores);
  }
  return fclose(out) == 0 ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot tell");
}

static json_t *way_json(const esp_bench_way *way) {
  return json_pack("{s:i, s:i, s:i, s:b, s:{s:f, s:f}, s:f, s:f, s:I}",
                   "streams", way->streams, "workers", way->workers, "width",
                   way->width, "molded", way->molded, "latency_ms", "median",
                   1e3 * way->median_s, "p99", 1e3 * way->p99_s,
                   "samples_per_second", way->samples_per_second, "spread",
                   way->spread, "batches", (json_int_t)way->latencies);
}

// What is not known is null.
static json_t *real_or_null(double number) {
  return number > 0 ? json_real(number) : json_null();
}

esp_status esp_bench_json(const esp_bench_findings *f, char **text) {
  const esp_bench_way *best = &f->way[f->best];
  const double rate = esp_bench_flops_per_second(f);
  json_t *all = json_pack(
      "{s:s, s:I, s:s, s:{s:f, s:f}, s:f, s:{s:i, s:i, s:i, s:s?}, s:{s:o, "
      "s:f, s:o, s:o}, s:o, s:o, s:f, s:f, s:f, s:f, s:o, s:{s:f, s:f, s:b}}",
      "model", f->model, "batch", (json_int_t)f->batch, "objective",
      f->throughput ? "throughput" : "latency", "latency_ms", "median",
      1e3 * best->median_s, "p99", 1e3 * best->p99_s, "samples_per_second",
      best->samples_per_second, "plan", "streams", best->streams, "workers",
      best->workers, "width", best->width, "method", f->method, "certificate",
      "predicted_s", real_or_null(f->predicted_s), "measured_s", best->median_s,
      "lower_bound_s", real_or_null(f->lower_bound_s), "ceiling",
      real_or_null(f->ceiling), "gflops", real_or_null(1e-9 * rate),
      "share_of_peak", real_or_null(rate / f->peak_flops), "peak_gflops",
      1e-9 * f->peak_flops, "peak_bytes", f->block_bytes, "process_bytes",
      f->process_bytes, "load_s", f->load_s, "accuracy",
      esp_accuracy_json(&f->accuracy), "noise", "spread", best->spread,
      "other_cores", f->others, "noisy", esp_bench_noisy(f));
  if (all == NULL) return ESP_FAIL(ESP_INTERNAL, "cannot build the JSON");
  if (f->sweep) {
    json_t *ways = json_array();
    for (int w = 0; w < f->ways; w++) {
      json_array_append_new(ways, way_json(&f->way[w]));
    }
    json_object_set_new(all, "sweep", ways);
  }
  *text = json_dumps(all, JSON_INDENT(2));
  json_decref(all);
  return *text != NULL ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot tell");
}
