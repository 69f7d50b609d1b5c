// What exec/ relies on, verified from the plan alone.
#include <stdlib.h>
#include <string.h>

#include "plan/private.h"

typedef struct checker {
  const esp_plan *plan;
  const esp_graph *graph;
  int **left;   // [rank][step] waits still open
  char **state; // [rank][step] 0 waiting, 1 begun, 2 ended
} checker;

static const esp_step *step_of(const checker *c, int rank, int step) {
  return &c->plan->rank[rank].step[step];
}

// The other side of a message: its step on rank `peer`, -1 when missing.
static int partner(const checker *c, const esp_step *step) {
  const esp_rank_plan *peer = &c->plan->rank[step->peer];
  for (int s = 0; s < peer->nstep; s++) {
    if (peer->step[s].message == step->message &&
        peer->step[s].kind != step->kind) {
      return s;
    }
  }
  return -1;
}

static esp_status check_nodes(const checker *c) {
  int *times = calloc((size_t)c->graph->nnode + 1, sizeof *times);
  if (times == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot check the plan");
  esp_status status = ESP_OK;
  for (int r = 0; r < c->plan->ranks; r++) {
    for (int s = 0; s < c->plan->rank[r].nstep; s++) {
      const esp_step *step = step_of(c, r, s);
      if (step->kind == ESP_STEP_RUN) {
        times[step->node]++;
      } else if (partner(c, step) < 0) {
        status = ESP_FAIL(ESP_INTERNAL, "message %d has one side only",
                          step->message);
      }
    }
  }
  for (int n = 0; n < c->graph->nnode && status == ESP_OK; n++) {
    if (times[n] != 1) {
      status = ESP_FAIL(ESP_INTERNAL, "node %s is planned %d times",
                        c->graph->node[n].name, times[n]);
    }
  }
  free(times);
  return status;
}

static void end_step(const checker *c, int rank, int step) {
  const esp_rank_plan *r = &c->plan->rank[rank];
  c->state[rank][step] = 2;
  for (int i = r->first[step]; i < r->first[step + 1]; i++) {
    c->left[rank][r->waiting[i]]--;
  }
}

static bool touches(const checker *c, int rank, int step, int value) {
  const esp_step *s = step_of(c, rank, step);
  if (s->kind != ESP_STEP_RUN) return s->value == value;
  const esp_node *node = &c->graph->node[s->node];
  for (int i = 0; i < node->nin; i++) {
    if (node->in[i] == value) return true;
  }
  for (int i = 0; i < node->nout; i++) {
    if (node->out[i] == value) return true;
  }
  return false;
}

// Has the rank done with a value?
static bool has_read(const checker *c, int rank, int value) {
  for (int s = 0; s < c->plan->rank[rank].nstep; s++) {
    if (c->state[rank][s] != 2 && touches(c, rank, s, value)) return false;
  }
  return true;
}

// Begins and ends what can be; true when anything moved.  A message ends when
// both of its sides have begun, as a large one does; where the value is lent,
// for the sender when it has been read.
static bool advance(const checker *c, int rank, int step) {
  const esp_step *s = step_of(c, rank, step);
  if (c->state[rank][step] == 2 || c->left[rank][step] > 0) return false;
  if (s->kind == ESP_STEP_RUN) {
    end_step(c, rank, step);
    return true;
  }
  bool moved = c->state[rank][step] == 0;
  c->state[rank][step] = 1;
  const int other = partner(c, s);
  const bool kept =
      s->lent && s->kind == ESP_STEP_SEND && !has_read(c, s->peer, s->value);
  if (c->state[s->peer][other] != 0 && !kept) {
    end_step(c, rank, step);
    moved = true;
  }
  return moved;
}

static esp_status check_ends(const checker *c) {
  for (bool moved = true; moved;) {
    moved = false;
    for (int r = 0; r < c->plan->ranks; r++) {
      for (int s = 0; s < c->plan->rank[r].nstep; s++) {
        moved = advance(c, r, s) || moved;
      }
    }
  }
  for (int r = 0; r < c->plan->ranks; r++) {
    for (int s = 0; s < c->plan->rank[r].nstep; s++) {
      if (c->state[r][s] == 2) continue;
      return ESP_FAIL(ESP_INTERNAL, "step %d of rank %d never ends", s, r);
    }
  }
  return ESP_OK;
}

// reach[a * steps + b]: b comes after a by waiting.
static char *reachable(const esp_rank_plan *r) {
  const size_t n = (size_t)r->nstep;
  char *reach = calloc(n * n + 1, 1);
  for (int a = r->nstep - 1; reach != NULL && a >= 0; a--) {
    char *mine = reach + (size_t)a * n;
    for (int i = r->first[a]; i < r->first[a + 1]; i++) {
      const int b = r->waiting[i];
      mine[b] = 1;
      for (size_t k = 0; k < n; k++) mine[k] |= reach[(size_t)b * n + k];
    }
  }
  return reach;
}

static bool makes(const checker *c, int rank, int step, int value) {
  const esp_step *s = step_of(c, rank, step);
  return s->kind == ESP_STEP_RUN && c->graph->value[value].producer == s->node;
}

// Is the value lent to another rank, or by one?
static bool is_lent(const checker *c, int rank, int value, esp_step_kind kind) {
  for (int s = 0; s < c->plan->rank[rank].nstep; s++) {
    const esp_step *step = step_of(c, rank, s);
    if (step->kind == kind && step->lent && step->value == value) return true;
  }
  return false;
}

// Does every step that touches `a` come before every step that touches `b`?
// Where b takes a's place, the step that makes b may read a.
static bool all_before(const checker *c, int rank, const char *reach, int a,
                       int b) {
  const int n = c->plan->rank[rank].nstep;
  if (c->graph->value[a].is_output && rank == 0) return false;
  if (c->graph->value[b].is_input && rank == 0) return false;
  if (is_lent(c, rank, a, ESP_STEP_SEND)) return false;
  const bool over = c->plan->rank[rank].over[b] == a;
  if (over && is_lent(c, rank, a, ESP_STEP_RECV)) return false;
  for (int x = 0; x < n; x++) {
    if (!touches(c, rank, x, a)) continue;
    for (int y = 0; y < n; y++) {
      if (over && x == y && makes(c, rank, x, b)) continue;
      if (touches(c, rank, y, b) && !reach[(size_t)x * (size_t)n + (size_t)y]) {
        return false;
      }
    }
  }
  return true;
}

static esp_status check_memory(const checker *c, int rank) {
  const esp_rank_plan *r = &c->plan->rank[rank];
  char *reach = reachable(r);
  if (reach == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot check the plan");
  esp_status status = ESP_OK;
  for (int a = 0; a < c->plan->nvalue && status == ESP_OK; a++) {
    for (int b = a + 1; b < c->plan->nvalue && status == ESP_OK; b++) {
      if (r->place[a] == ESP_NO_PLACE || r->place[b] == ESP_NO_PLACE) continue;
      const size_t end_a =
          r->place[a] + esp_tensor_bytes(&c->graph->value[a].tensor);
      const size_t end_b =
          r->place[b] + esp_tensor_bytes(&c->graph->value[b].tensor);
      if (end_a <= r->place[b] || end_b <= r->place[a]) continue;
      if (all_before(c, rank, reach, a, b) ||
          all_before(c, rank, reach, b, a)) {
        continue;
      }
      status =
          ESP_FAIL(ESP_INTERNAL, "values %s and %s share memory on rank %d",
                   c->graph->value[a].name, c->graph->value[b].name, rank);
    }
  }
  free(reach);
  return status;
}

static esp_status open_checker(checker *c) {
  c->left = calloc((size_t)c->plan->ranks, sizeof *c->left);
  c->state = calloc((size_t)c->plan->ranks, sizeof *c->state);
  for (int r = 0; c->left != NULL && c->state != NULL && r < c->plan->ranks;
       r++) {
    const size_t n = (size_t)c->plan->rank[r].nstep;
    c->left[r] = calloc(n + 1, sizeof **c->left);
    c->state[r] = calloc(n + 1, 1);
    if (c->left[r] == NULL || c->state[r] == NULL) break;
    memcpy(c->left[r], c->plan->rank[r].nwait, n * sizeof **c->left);
    if (r + 1 == c->plan->ranks) return ESP_OK;
  }
  return ESP_FAIL(ESP_NO_MEMORY, "cannot check the plan");
}

static void close_checker(checker *c) {
  for (int r = 0; r < c->plan->ranks; r++) {
    if (c->left != NULL) free(c->left[r]);
    if (c->state != NULL) free(c->state[r]);
  }
  free(c->left);
  free(c->state);
}

esp_status esp_plan_check(const esp_plan *plan, const esp_graph *graph) {
  checker c = {.plan = plan, .graph = graph};
  esp_status status = open_checker(&c);
  if (status == ESP_OK) status = check_nodes(&c);
  if (status == ESP_OK) status = check_ends(&c);
  for (int r = 0; r < plan->ranks && status == ESP_OK; r++) {
    status = check_memory(&c, r);
  }
  close_checker(&c);
  return status;
}
