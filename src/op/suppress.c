// NonMaxSuppression: of boxes that overlap the one with the best score stays.
#include <stdlib.h>

#include "op/check.h"
#include "op/family.h"

typedef struct problem {
  const float *boxes, *scores; // [batches,n,4], [batches,classes,n]
  int64_t batches, classes, n;
  int64_t most; // of each class
  float overlap, least;
  bool has_least, centred;
} problem;

static esp_status check(const esp_args *args) {
  ESP_TRY(esp_check_arity(args, 2, 5, 1));
  ESP_TRY(esp_check_type(args, 0, ESP_TYPE(ESP_FLOAT)));
  ESP_TRY(esp_check_type(args, 1, ESP_TYPE(ESP_FLOAT)));
  ESP_TRY(esp_check_ndim(args, 0, 3, 3));
  ESP_TRY(esp_check_ndim(args, 1, 3, 3));
  const esp_shape *b = &args->in[0]->shape, *s = &args->in[1]->shape;
  if (b->dim[2] == 4 && b->dim[0] == s->dim[0] && b->dim[1] == s->dim[2]) {
    return ESP_OK;
  }
  char have[ESP_SHAPE_TEXT], text[ESP_SHAPE_TEXT];
  return ESP_FAIL(ESP_BAD_INPUT,
                  "boxes are %s and scores %s, expected [batches,boxes,4] and "
                  "[batches,classes,boxes]",
                  esp_shape_text(b, have), esp_shape_text(s, text));
}

static esp_status one_of(const esp_args *args, int i, esp_dtype type) {
  if (!esp_has_input(args, i)) return ESP_OK;
  ESP_TRY(esp_check_type(args, i, ESP_TYPE(type)));
  if (esp_shape_count(&args->in[i]->shape) == 1) return ESP_OK;
  return ESP_FAIL(ESP_BAD_INPUT, "input %d has %lld elements, expected one", i,
                  (long long)esp_shape_count(&args->in[i]->shape));
}

static esp_status read_problem(const esp_args *args, problem *p) {
  const esp_shape *s = &args->in[1]->shape;
  ESP_TRY(one_of(args, 2, ESP_INT64));
  ESP_TRY(one_of(args, 3, ESP_FLOAT));
  ESP_TRY(one_of(args, 4, ESP_FLOAT));
  *p = (problem){.boxes = args->in[0]->data,
                 .scores = args->in[1]->data,
                 .batches = s->dim[0],
                 .classes = s->dim[1],
                 .n = s->dim[2],
                 .has_least = esp_has_input(args, 4),
                 .centred =
                     esp_node_int(args->node, "center_point_box", 0) != 0};
  if (esp_has_input(args, 2)) p->most = *(const int64_t *)args->in[2]->data;
  if (esp_has_input(args, 3)) p->overlap = *(const float *)args->in[3]->data;
  if (p->has_least) p->least = *(const float *)args->in[4]->data;
  return ESP_OK;
}

// The corners of a box, the lower ones first.
typedef struct corners {
  float y0, x0, y1, x1;
} corners;

static corners corners_of(const problem *p, int64_t batch, int64_t i) {
  const float *b = p->boxes + (batch * p->n + i) * 4;
  if (p->centred) { // x, y, width, height
    return (corners){b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2,
                     b[0] + b[2] / 2};
  }
  return (corners){b[0] < b[2] ? b[0] : b[2], b[1] < b[3] ? b[1] : b[3],
                   b[0] < b[2] ? b[2] : b[0], b[1] < b[3] ? b[3] : b[1]};
}

static float area(corners c) { return (c.y1 - c.y0) * (c.x1 - c.x0); }

static bool overlaps(const problem *p, int64_t batch, int64_t i, int64_t k) {
  const corners a = corners_of(p, batch, i), b = corners_of(p, batch, k);
  const corners both = {a.y0 > b.y0 ? a.y0 : b.y0, a.x0 > b.x0 ? a.x0 : b.x0,
                        a.y1 < b.y1 ? a.y1 : b.y1, a.x1 < b.x1 ? a.x1 : b.x1};
  if (both.y1 <= both.y0 || both.x1 <= both.x0) return false;
  const float common = area(both);
  return common / (area(a) + area(b) - common) > p->overlap;
}

// The best box that is left and has no less than the least score; the first of
// equals; -1: none.
static int64_t best_left(const problem *p, const float *score,
                         const bool *gone) {
  int64_t best = -1;
  for (int64_t i = 0; i < p->n; i++) {
    if (gone[i] || (p->has_least && !(score[i] >= p->least))) continue;
    if (best < 0 || score[i] > score[best]) best = i;
  }
  return best;
}

// Selects for one class; writes [batch,class,box] triples unless `to` is NULL.
static int64_t select_class(const problem *p, int64_t batch, int64_t class,
                            bool *gone, int64_t *to) {
  const float *score = p->scores + (batch * p->classes + class) * p->n;
  int64_t count = 0;
  for (int64_t i = 0; i < p->n; i++) gone[i] = false;
  while (count < p->most) {
    const int64_t best = best_left(p, score, gone);
    if (best < 0) break;
    if (to != NULL) {
      to[3 * count] = batch;
      to[3 * count + 1] = class;
      to[3 * count + 2] = best;
    }
    count++;
    gone[best] = true;
    for (int64_t i = 0; i < p->n; i++) {
      if (!gone[i]) gone[i] = overlaps(p, batch, best, i);
    }
  }
  return count;
}

static int64_t select_all(const problem *p, bool *gone, int64_t *to) {
  int64_t count = 0;
  for (int64_t b = 0; b < p->batches; b++) {
    for (int64_t c = 0; c < p->classes; c++) {
      count += select_class(p, b, c, gone, to != NULL ? to + 3 * count : NULL);
    }
  }
  return count;
}

static esp_status infer(const esp_args *args) {
  problem p;
  ESP_TRY(check(args));
  for (int i = 0; i < args->nin; i++) {
    if (esp_has_input(args, i)) ESP_TRY(esp_check_known(args, i));
  }
  ESP_TRY(read_problem(args, &p));
  bool *gone = calloc((size_t)p.n + 1, sizeof *gone);
  if (gone == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot select boxes");
  const esp_shape shape = {2, {select_all(&p, gone, NULL), 3}};
  free(gone);
  esp_set_output(args, 0, ESP_INT64, &shape);
  return ESP_OK;
}

static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  (void)width;
  made->scratch_bytes = (size_t)args->in[0]->shape.dim[1] + 1;
  return ESP_OK;
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  problem p;
  (void)state;
  ESP_TRY(read_problem(args, &p));
  (void)select_all(&p, team.scratch, args->out[0]->data);
  return ESP_OK;
}

const esp_op esp_op_suppress = {.infer = infer, .prepare = prepare, .run = run};
