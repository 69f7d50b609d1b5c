#include "report/trace.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

// A text in quotation marks; what is no UTF-8 has another name.
static char *quoted(const char *text) {
  json_t *value = json_string(text);
  if (value == NULL) value = json_string("a name that is no UTF-8");
  char *made = json_dumps(value, JSON_ENCODE_ANY);
  json_decref(value);
  return made;
}

typedef struct names {
  char **node[ESP_TRACE_ENGINES], **value[ESP_TRACE_ENGINES];
} names;

typedef struct drawing {
  FILE *out;
  const esp_trace_picture *p;
  names names;
  int64_t *order; // events of one rank: nodes by engine, batch and node
  bool began;     // something stands in the list
} drawing;

static void end_list(char **list, int count) {
  for (int i = 0; list != NULL && i < count; i++) free(list[i]);
  free(list);
}

static void end_names(const esp_trace_picture *p, names *n) {
  for (int e = 0; e < ESP_TRACE_ENGINES; e++) {
    if (p->graph[e] == NULL) continue;
    end_list(n->node[e], p->graph[e]->nnode);
    end_list(n->value[e], p->graph[e]->nvalue);
  }
}

static esp_status make_names(const esp_trace_picture *p, names *n) {
  bool whole = true;
  for (int e = 0; e < ESP_TRACE_ENGINES; e++) {
    const esp_graph *g = p->graph[e];
    if (g == NULL) continue;
    n->node[e] = calloc((size_t)g->nnode + 1, sizeof *n->node[e]);
    n->value[e] = calloc((size_t)g->nvalue + 1, sizeof *n->value[e]);
    if (n->node[e] == NULL || n->value[e] == NULL) {
      return ESP_FAIL(ESP_NO_MEMORY, "cannot draw the trace");
    }
    for (int i = 0; i < g->nnode; i++) {
      n->node[e][i] = quoted(g->node[i].name);
      whole = whole && n->node[e][i] != NULL;
    }
    for (int i = 0; i < g->nvalue; i++) {
      n->value[e][i] = quoted(g->value[i].name);
      whole = whole && n->value[e][i] != NULL;
    }
  }
  return whole ? ESP_OK : ESP_FAIL(ESP_NO_MEMORY, "cannot draw the trace");
}

static void next(drawing *d) {
  (void)fputs(d->began ? ",\n" : "\n", d->out);
  d->began = true;
}

static double micros(double seconds) { return seconds * 1e6; }

// Names of ranks and lanes ----------------------------------------------------

static void name_lane(drawing *d, int rank, int lane) {
  const int width = d->p->plan[0]->width, place = lane - 1;
  char name[64] = "conductor";
  if (lane == ESP_TRACE_LISTENER) {
    (void)snprintf(name, sizeof name, "listener");
  } else if (lane > 0 && d->p->plan[0]->molded) {
    (void)snprintf(name, sizeof name, "worker %d, OpenMP thread %d of %d",
                   place / width, place % width, width);
  } else if (lane > 0 && width > 1) {
    (void)snprintf(name, sizeof name, "worker %d, OpenMP team of %d", place,
                   width);
  } else if (lane > 0) {
    (void)snprintf(name, sizeof name, "worker %d", place);
  }
  next(d);
  fprintf(d->out,
          "{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"name\":\"thread_name\","
          "\"args\":{\"name\":\"%s\"}}",
          rank, lane, name);
}

static void name_rank(drawing *d, int rank) {
  const esp_trace_picture *p = d->p;
  char *host = quoted(p->host + (size_t)rank * p->host_room);
  next(d);
  fprintf(d->out,
          "{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_name\",\"args\":{"
          "\"name\":\"rank %d\"}}",
          rank, rank);
  next(d);
  fprintf(d->out,
          "{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_labels\",\"args\":{"
          "\"labels\":%s}}",
          rank, host != NULL ? host : "\"\"");
  free(host);
  // Events stand lane by lane.
  for (int64_t i = p->first[rank]; i < p->first[rank + 1]; i++) {
    const bool again =
        i > p->first[rank] && p->event[i - 1].lane == p->event[i].lane;
    if (!again) name_lane(d, rank, p->event[i].lane);
  }
}

// Slices ----------------------------------------------------------------------

static const esp_rank_plan *plan_of(const drawing *d, int rank, int engine) {
  const esp_plan *plan = d->p->plan[engine];
  return &plan->rank[rank % d->p->ranks_per_replica];
}

// A message has one name on both sides.
static void write_id(const drawing *d, int rank, const esp_trace_event *e) {
  const esp_step *step = &plan_of(d, rank, e->engine)->step[e->what];
  fprintf(d->out, "\"id\":\"%d.%d.%lld.%d\"", rank / d->p->ranks_per_replica,
          e->engine, (long long)e->batch, step->message);
}

static void draw_message(drawing *d, int rank, const esp_trace_event *e) {
  const esp_step *step = &plan_of(d, rank, e->engine)->step[e->what];
  const bool sent = e->kind == ESP_TRACE_SEND;
  const char *value = d->names.value[e->engine][step->value];
  for (int end = 0; end < 2; end++) {
    next(d);
    fprintf(d->out,
            "{\"ph\":\"%s\",\"cat\":\"message\",\"pid\":%d,\"tid\":%d,"
            "\"ts\":%.3f,\"name\":%s,",
            end == 0 ? "b" : "e", rank, ESP_TRACE_CONDUCTOR,
            micros(end == 0 ? e->begin : e->end), value);
    fprintf(d->out, "\"id2\":{\"local\":\"%s%lld.%d.%d\"}", sent ? "s" : "r",
            (long long)e->batch, e->engine, step->message);
    fprintf(d->out, ",\"args\":{\"batch\":%lld,\"%s\":%d}}",
            (long long)e->batch, sent ? "to" : "from",
            rank / d->p->ranks_per_replica * d->p->ranks_per_replica +
                step->peer);
  }
}

static void draw_slice(drawing *d, int rank, const esp_trace_event *e) {
  const esp_graph *graph = d->p->graph[e->engine];
  const bool node = e->kind == ESP_TRACE_NODE;
  next(d);
  fprintf(d->out,
          "{\"ph\":\"X\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,"
          "\"dur\":%.3f,\"name\":%s,\"args\":{\"batch\":%lld",
          node ? "operator" : "file", rank, e->lane, micros(e->begin),
          micros(e->end - e->begin),
          node                        ? d->names.node[e->engine][e->what]
          : e->kind == ESP_TRACE_READ ? "\"read\""
                                      : "\"write\"",
          (long long)e->batch);
  if (node) {
    fprintf(d->out, ",\"operator\":\"%s\"", graph->node[e->what].op_type);
  }
  fprintf(d->out, "}}");
}

// Arrows ----------------------------------------------------------------------

static int compare(const esp_trace_event *a, const esp_trace_event *b) {
  const int64_t x[] = {a->kind != ESP_TRACE_NODE, a->engine, a->batch, a->what};
  const int64_t y[] = {b->kind != ESP_TRACE_NODE, b->engine, b->batch, b->what};
  for (int i = 0; i < 4; i++) {
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  }
  return 0;
}

static int by_node(const void *a, const void *b, void *events) {
  const esp_trace_event *event = events;
  return compare(&event[*(const int64_t *)a], &event[*(const int64_t *)b]);
}

static void sort_rank(drawing *d, int rank) {
  const int64_t first = d->p->first[rank], end = d->p->first[rank + 1];
  for (int64_t i = first; i < end; i++) d->order[i - first] = i;
  union { // only read
    const esp_trace_event *given;
    void *taken;
  } events = {.given = d->p->event};
  qsort_r(d->order, (size_t)(end - first), sizeof *d->order, by_node,
          events.taken);
}

// The slice of a node in a message's batch; NULL: it is not there.
static const esp_trace_event *slice_of(const drawing *d, int rank, int node,
                                       const esp_trace_event *message) {
  const esp_trace_event wanted = {.kind = ESP_TRACE_NODE,
                                  .engine = message->engine,
                                  .batch = message->batch,
                                  .what = node};
  int64_t low = 0, high = d->p->first[rank + 1] - d->p->first[rank];
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    const esp_trace_event *e = &d->p->event[d->order[middle]];
    const int order = compare(e, &wanted);
    if (order == 0) return e;
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return NULL;
}

// The node on the way of a message that is on this rank: that made the value,
// or that waits for it first; -1: it is the conductor.
static int neighbour(const drawing *d, int rank, const esp_trace_event *e) {
  const esp_rank_plan *plan = plan_of(d, rank, e->engine);
  const esp_graph *graph = d->p->graph[e->engine];
  if (e->kind == ESP_TRACE_SEND) {
    return graph->value[plan->step[e->what].value].producer;
  }
  for (int i = plan->first[e->what]; i < plan->first[e->what + 1]; i++) {
    const esp_step *step = &plan->step[plan->waiting[i]];
    if (step->kind == ESP_STEP_RUN) return step->node;
  }
  return -1;
}

static void draw_arrow(drawing *d, int rank, const esp_trace_event *e) {
  const bool sent = e->kind == ESP_TRACE_SEND;
  const int node = neighbour(d, rank, e);
  const esp_trace_event *slice = node >= 0 ? slice_of(d, rank, node, e) : NULL;
  if (slice == NULL) return; // an arrow without an end is not shown
  next(d);
  fprintf(d->out,
          "{\"ph\":\"%s\",\"cat\":\"value\",\"name\":\"value\",\"pid\":%d,"
          "\"tid\":%d,\"ts\":%.3f,",
          sent ? "s" : "f\",\"bp\":\"e", rank, slice->lane,
          micros(slice->begin));
  write_id(d, rank, e);
  fprintf(d->out, "}");
}

static void draw_rank(drawing *d, int rank) {
  name_rank(d, rank);
  sort_rank(d, rank);
  for (int64_t i = d->p->first[rank]; i < d->p->first[rank + 1]; i++) {
    const esp_trace_event *e = &d->p->event[i];
    if (e->kind == ESP_TRACE_SEND || e->kind == ESP_TRACE_RECV) {
      draw_message(d, rank, e);
      draw_arrow(d, rank, e);
    } else {
      draw_slice(d, rank, e);
    }
  }
}

esp_status esp_trace_draw(FILE *out, const esp_trace_picture *picture) {
  drawing d = {.out = out, .p = picture};
  int64_t most = 0;
  for (int r = 0; r < picture->ranks; r++) {
    const int64_t count = picture->first[r + 1] - picture->first[r];
    if (count > most) most = count;
  }
  d.order = malloc(((size_t)most + 1) * sizeof *d.order);
  esp_status status = d.order != NULL
                          ? make_names(picture, &d.names)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot draw the trace");
  if (status == ESP_OK) {
    fprintf(out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
    for (int r = 0; r < picture->ranks; r++) draw_rank(&d, r);
    fprintf(out, "\n]}\n");
  }
  end_names(picture, &d.names);
  free(d.order);
  return status;
}
