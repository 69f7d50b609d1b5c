#include "report/page.h"

#include <stdlib.h>
#include <string.h>

#include "report/escape.h"

static const char STYLE[] =
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:78em;"
    "padding:0 1em;color:#222}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left;"
    "border-bottom:1px solid #ddd;vertical-align:top}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".bar{display:inline-block;height:.8em}"
    ".track{width:16em;background:#eee;white-space:nowrap;line-height:.8em}"
    ".scroll{overflow-x:auto;border:1px solid #ddd;max-height:40em}"
    ".note{background:#fff6dd;border-left:4px solid #e0b030;padding:.5em 1em}"
    ".small{color:#666;font-size:.9em}";

static void write_text(FILE *out, const char *text) {
  esp_write_escaped(out, text != NULL ? text : "");
}

static void write_row(FILE *out, const char *name, const char *text) {
  fprintf(out, "<tr><th>%s</th><td>", name);
  write_text(out, text);
  (void)fputs("</td></tr>\n", out);
}

// What it came to -------------------------------------------------------------

static void write_certificate(FILE *out, const esp_report *r) {
  (void)fputs("<h2>Certificate</h2>\n<table id=\"certificate\">\n", out);
  fprintf(out,
          "<tr><th>one batch</th><td>predicted %.3f ms (costs %s), measured "
          "%.3f ms; no plan on these cores takes less than %.3f ms</td></tr>\n",
          1e3 * r->predicted_s, r->costs, 1e3 * r->measured_s,
          1e3 * r->lower_bound_s);
  fprintf(out,
          "<tr><th>ceiling</th><td>branches alone could give %.2fx</td></tr>\n",
          r->ceiling);
  fprintf(out,
          "<tr><th>plan</th><td>%d rank(s) = %d replica(s) x %d, each rank %d "
          "stream(s) x %d worker(s) x width %d; batch %lld (",
          r->ranks, r->replicas, r->ranks_per_replica, r->streams, r->workers,
          r->width, (long long)r->batch);
  write_text(out, r->method);
  (void)fputs(")</td></tr>\n</table>\n", out);
  for (int i = 0; i < r->notes; i++) {
    (void)fputs("<p class=\"note\">", out);
    write_text(out, r->note[i]);
    (void)fputs("</p>\n", out);
  }
  if (r->notes == 0) {
    (void)fputs("<p class=\"small\">Nothing to change: the prediction held "
                "within 20 % and the cores were idle for less than 5 % of the "
                "time.</p>\n",
                out);
  }
}

static void write_summary(FILE *out, const esp_report *r) {
  (void)fputs("<table id=\"summary\">\n", out);
  write_row(out, "model", r->model);
  write_row(out, "input", r->input);
  write_row(out, "results", r->output);
  fprintf(out,
          "<tr><th>samples</th><td>%lld in %.3f s: %.0f a second%s</td></tr>\n",
          (long long)r->computed, r->seconds,
          r->seconds > 0 ? (double)r->computed / r->seconds : 0.0,
          r->stopped ? "; stopped before the end" : "");
  if (r->score_name != NULL) {
    fprintf(out, "<tr><th>");
    write_text(out, r->score_name);
    fprintf(out, "</th><td>%.2f %% (%lld of %lld)</td></tr>\n", 100 * r->score,
            (long long)r->right, (long long)r->done);
  }
  write_row(out, "hosts", r->hosts);
  (void)fputs("</table>\n", out);
}

// Schedules -------------------------------------------------------------------

static esp_status write_planned(FILE *out, const esp_page *page) {
  esp_bar *bar;
  size_t count;
  (void)fputs("<h2>The schedule of one batch, as planned</h2>\n", out);
  ESP_TRY(esp_plan_bars(page->plan, page->graph, &bar, &count));
  esp_draw_legend(out, bar, count);
  (void)fputs("<div class=\"scroll\" id=\"planned\">\n", out);
  const esp_status status =
      esp_draw_bars(out, bar, count, page->plan->ranks, page->plan->predicted);
  (void)fputs("</div>\n", out);
  free(bar);
  return status;
}

static esp_status write_ran(FILE *out, const esp_page *page) {
  (void)fputs("<h2>The same, as it ran</h2>\n", out);
  if (page->rans == 0) {
    (void)fputs("<p class=\"small\">Nothing was kept of it.</p>\n", out);
    return ESP_OK;
  }
  fprintf(
      out,
      "<p class=\"small\">%.3f ms out of the run, with every batch that was "
      "in flight; a rank's lanes are its workers, and its conductor, which "
      "reads, writes and moves messages.</p>\n"
      "<div class=\"scroll\" id=\"ran\">\n",
      1e3 * page->ran_seconds);
  const esp_status status = esp_draw_bars(
      out, page->ran, page->rans, page->report->ranks, page->ran_seconds);
  (void)fputs("</div>\n", out);
  return status;
}

// Time ------------------------------------------------------------------------

static void write_part(FILE *out, double share, const char *colour) {
  fprintf(out,
          "<span class=\"bar\" style=\"width:%.2f%%;background:%s\"></span>",
          100 * (share < 0   ? 0
                 : share > 1 ? 1
                             : share),
          colour);
}

static void write_rank_times(FILE *out, const esp_report *r) {
  enum { MOST = 64 };
  if (r->share == NULL) return;
  (void)fputs(
      "<h2>Where each rank's time went</h2>\n<table id=\"ranks\">\n"
      "<tr><th>rank</th><th>workers</th><th class=\"n\">compute</th>"
      "<th>conductor</th><th class=\"n\">read</th><th class=\"n\">write</th>"
      "<th class=\"n\">wait</th><th class=\"n\">messages under way</th></tr>\n",
      out);
  for (int i = 0; i < r->ranks && i < MOST; i++) {
    const esp_rank_shares *s = &r->share[i];
    fprintf(out, "<tr><td>%d</td><td><div class=\"track\">", i);
    write_part(out, s->computed, "#5a9");
    fprintf(out,
            "</div></td><td class=\"n\">%.1f %%</td><td><div class=\"track\">",
            100 * s->computed);
    write_part(out, s->read, "#69c");
    write_part(out, s->wrote, "#c86");
    fprintf(
        out,
        "</div></td><td class=\"n\">%.1f %%</td><td class=\"n\">%.1f %%</td>"
        "<td class=\"n\">%.1f %%</td><td class=\"n\">%.1f %%</td></tr>\n",
        100 * s->read, 100 * s->wrote, 100 * s->waited, 100 * s->sent);
  }
  (void)fputs("</table>\n", out);
  if (r->ranks > MOST) {
    fprintf(out, "<p class=\"small\">the first %d of %d ranks</p>\n", MOST,
            r->ranks);
  }
}

// Operators -------------------------------------------------------------------

typedef struct cost {
  int node;
  double seconds;
} cost;

static int dearest_first(const void *a, const void *b) {
  const cost *x = a, *y = b;
  if (x->seconds != y->seconds) return x->seconds > y->seconds ? -1 : 1;
  return x->node - y->node;
}

static void write_node(FILE *out, const esp_page *page, const cost *c,
                       double total) {
  const esp_node *node = &page->graph->node[c->node];
  (void)fputs("<tr><td>", out);
  write_text(out, node->op_type);
  (void)fputs("</td><td>", out);
  write_text(out, node->name);
  fprintf(out,
          "</td><td class=\"n\">%d</td><td class=\"n\">%.4f</td>"
          "<td class=\"n\">%.4f</td><td class=\"n\">%.1f %%</td></tr>\n",
          page->plan->rank_of[c->node], 1e3 * c->seconds,
          1e3 * page->planned[c->node],
          total > 0 ? 100 * c->seconds / total : 0.0);
}

static esp_status write_operators(FILE *out, const esp_page *page) {
  enum { SHOWN = 25 };
  if (page->measured == NULL) return ESP_OK;
  const int nodes = page->graph->nnode;
  cost *list = calloc((size_t)nodes + 1, sizeof *list);
  if (list == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot list operators");
  double total = 0;
  for (int n = 0; n < nodes; n++) {
    list[n] = (cost){n, page->measured[n]};
    total += list[n].seconds;
  }
  qsort(list, (size_t)nodes, sizeof *list, dearest_first);
  (void)fputs("<h2>The operators that cost most</h2>\n"
              "<table id=\"operators\">\n<tr><th>operator</th><th>node</th>"
              "<th class=\"n\">rank of its replica</th>"
              "<th class=\"n\">ms of a batch</th>"
              "<th class=\"n\">planned with</th>"
              "<th class=\"n\">share</th></tr>\n",
              out);
  for (int i = 0; i < nodes && i < SHOWN; i++) {
    write_node(out, page, &list[i], total);
  }
  (void)fputs("</table>\n", out);
  if (nodes > SHOWN) {
    fprintf(out, "<p class=\"small\">%d of %d nodes</p>\n", SHOWN, nodes);
  }
  free(list);
  return ESP_OK;
}

// The page --------------------------------------------------------------------

esp_status esp_page_write(FILE *out, const esp_page *page) {
  const esp_report *r = page->report;
  fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta "
               "charset=\"utf-8\">\n<title>Espalier: ");
  write_text(out, r->output);
  fprintf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", STYLE);
  write_text(out, r->output);
  (void)fputs("</h1>\n", out);
  write_summary(out, r);
  if (page->plan != NULL) {
    write_certificate(out, r);
    ESP_TRY(write_planned(out, page));
    ESP_TRY(write_ran(out, page));
    write_rank_times(out, r);
    ESP_TRY(write_operators(out, page));
  } else {
    (void)fputs("<p>There was nothing to do.</p>\n", out);
  }
  (void)fputs("<h2>Versions</h2>\n<pre>", out);
  write_text(out, r->versions);
  (void)fputs("</pre>\n</body>\n</html>\n", out);
  return ferror(out) == 0 ? ESP_OK : ESP_FAIL(ESP_IO, "cannot write the page");
}
