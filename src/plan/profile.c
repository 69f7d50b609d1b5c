#include "plan/profile.h"

#include <math.h>
#include <stdlib.h>

// When each node runs, and the moments at which their number changes.
typedef struct moment {
  double time;
  int change; // +1 a node begins, -1 it ends
} moment;

typedef struct unlimited {
  const esp_graph *graph;
  const double *seconds;
  double *finish; // [nnode]
  int *from;      // [nnode] the node that was waited for last, or -1
  int *next;      // [nnode] the next node of the same chain, or negative
  bool *first;    // [nnode] does a chain begin here?
  moment *moment;
  double *area; // [moments] node-seconds up to each moment
  int moments;
} unlimited;

static int maker(const esp_graph *graph, const esp_node *node, int input) {
  const int value = node->in[input];
  return value >= 0 ? graph->value[value].producer : -1;
}

static void run_all(unlimited *u, esp_profile *p) {
  int last = -1;
  for (int n = 0; n < u->graph->nnode; n++) {
    const esp_node *node = &u->graph->node[n];
    double ready = 0;
    u->from[n] = -1;
    for (int i = 0; i < node->nin; i++) {
      const int before = maker(u->graph, node, i);
      if (before < 0 || u->finish[before] <= ready) continue;
      ready = u->finish[before];
      u->from[n] = before;
    }
    u->finish[n] = ready + u->seconds[n];
    p->total += u->seconds[n];
    if (last < 0 || u->finish[n] > u->finish[last]) last = n;
  }
  p->span = last >= 0 ? u->finish[last] : 0;
  for (int n = last; n >= 0; n = u->from[n]) p->path_nodes++;
  for (int n = last, at = p->path_nodes; n >= 0; n = u->from[n]) {
    p->path[--at] = n;
  }
}

// Ends come before beginnings at the same time: a chain is never two at once.
static int earlier(const void *a, const void *b) {
  const moment *x = a, *y = b;
  if (x->time != y->time) return x->time < y->time ? -1 : 1;
  return x->change - y->change;
}

static void list_moments(unlimited *u, esp_profile *p) {
  for (int n = 0; n < u->graph->nnode; n++) {
    if (u->seconds[n] <= 0) continue;
    u->moment[u->moments++] = (moment){u->finish[n] - u->seconds[n], +1};
    u->moment[u->moments++] = (moment){u->finish[n], -1};
  }
  qsort(u->moment, (size_t)u->moments, sizeof *u->moment, earlier);
  int running = 0;
  for (int m = 0; m < u->moments; m++) {
    const double passed =
        m > 0 ? u->moment[m].time - u->moment[m - 1].time : 0.0;
    u->area[m] = (m > 0 ? u->area[m - 1] : 0.0) + running * passed;
    running += u->moment[m].change;
    // A rounding apart is the same moment: as in the order above.
    const bool lasts =
        m + 1 < u->moments &&
        u->moment[m + 1].time - u->moment[m].time > 1e-12 * p->span;
    if (lasts && running > p->most) p->most = running;
  }
}

static void add_shares(const unlimited *u, esp_profile *p) {
  int running = 0;
  for (int m = 0; m + 1 < u->moments && p->span > 0; m++) {
    running += u->moment[m].change;
    const double lasts = u->moment[m + 1].time - u->moment[m].time;
    const int k = running < p->most ? running : p->most;
    p->share[k] += lasts / p->span;
  }
}

// Node-seconds from the beginning to `time`.
static double area_until(const unlimited *u, double time) {
  int low = 0, high = u->moments; // the first moment after `time`
  while (low < high) {
    const int middle = (low + high) / 2;
    if (u->moment[middle].time <= time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return 0;
  if (low == u->moments) return u->area[low - 1];
  const double lasts = u->moment[low].time - u->moment[low - 1].time;
  const double part = (time - u->moment[low - 1].time) / lasts;
  return u->area[low - 1] + part * (u->area[low] - u->area[low - 1]);
}

static void fill_columns(const unlimited *u, esp_profile *p) {
  const double slice = p->span / p->columns;
  for (int c = 0; c < p->columns && slice > 0; c++) {
    p->at_once[c] =
        (area_until(u, (c + 1) * slice) - area_until(u, c * slice)) / slice;
  }
}

// The only maker of what a node reads, and the only reader of what it makes: -1
// there is none, -2 there are several.
static void link_chains(unlimited *u) {
  const esp_graph *graph = u->graph;
  int *reader = u->next, *sole = u->from;
  for (int n = 0; n < graph->nnode; n++) reader[n] = -1;
  for (int n = 0; n < graph->nnode; n++) {
    sole[n] = -1;
    for (int i = 0; i < graph->node[n].nin; i++) {
      const int m = maker(graph, &graph->node[n], i);
      if (m < 0) continue;
      if (m != sole[n]) sole[n] = sole[n] == -1 ? m : -2;
      if (n != reader[m]) reader[m] = reader[m] == -1 ? n : -2;
    }
  }
  for (int n = 0; n < graph->nnode; n++) {
    u->first[n] = sole[n] < 0 || reader[sole[n]] != n;
  }
  for (int n = 0; n < graph->nnode; n++) {
    if (reader[n] >= 0 && u->first[reader[n]]) reader[n] = -1;
  }
}

static void count_branches(const unlimited *u, esp_profile *p) {
  double sum = 0;
  for (int n = 0; n < u->graph->nnode; n++) {
    if (!u->first[n]) continue;
    int last = n;
    double seconds = u->seconds[n];
    for (int m = u->next[n]; m >= 0; m = u->next[m]) {
      seconds += u->seconds[m];
      last = m;
    }
    const double end = u->finish[last];
    const double begin = u->finish[n] - u->seconds[n];
    const double beside = area_until(u, end) - area_until(u, begin) - seconds;
    if (seconds <= 0 || beside <= 1e-9 * p->span) continue;
    p->branches++;
    sum += seconds;
  }
  if (p->branches > 0) p->branch_seconds = sum / p->branches;
}

static bool allocate(unlimited *u, esp_profile *p) {
  const size_t n = (size_t)u->graph->nnode + 1;
  u->finish = calloc(n, sizeof *u->finish);
  u->from = calloc(n, sizeof *u->from);
  u->next = calloc(n, sizeof *u->next);
  u->first = calloc(n, sizeof *u->first);
  u->moment = calloc(2 * n, sizeof *u->moment);
  u->area = calloc(2 * n, sizeof *u->area);
  p->path = calloc(n, sizeof *p->path);
  p->at_once = calloc((size_t)p->columns, sizeof *p->at_once);
  p->share = calloc(n + 1, sizeof *p->share);
  return u->finish != NULL && u->from != NULL && u->next != NULL &&
         u->first != NULL && u->moment != NULL && u->area != NULL &&
         p->path != NULL && p->at_once != NULL && p->share != NULL;
}

esp_status esp_profile_create(const esp_graph *graph, const double *seconds,
                              int columns, esp_profile *profile) {
  unlimited u = {.graph = graph, .seconds = seconds};
  esp_profile made = {.columns = columns};
  const bool room = allocate(&u, &made);
  if (room) {
    run_all(&u, &made);
    list_moments(&u, &made);
    add_shares(&u, &made);
    fill_columns(&u, &made);
    link_chains(&u);
    count_branches(&u, &made);
  }
  free(u.finish);
  free(u.from);
  free(u.next);
  free(u.first);
  free(u.moment);
  free(u.area);
  if (!room) {
    esp_profile_end(&made);
    return ESP_FAIL(ESP_NO_MEMORY, "cannot follow %d nodes", graph->nnode);
  }
  *profile = made;
  return ESP_OK;
}

void esp_profile_end(esp_profile *profile) {
  free(profile->path);
  free(profile->at_once);
  free(profile->share);
  *profile = (esp_profile){0};
}

double esp_profile_ceiling(const esp_profile *profile) {
  return profile->span > 0 ? profile->total / profile->span : 1;
}
