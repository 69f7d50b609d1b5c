// TfIdfVectorizer: how often the n-grams of a vocabulary are in a text.
#include <stdlib.h>
#include <string.h>

#include "op/check.h"
#include "op/family.h"
#include "op/number.h"
#include "op/samples.h"

typedef enum weighting { TF, IDF, TFIDF } weighting;

// The node's attributes.  N-grams are numbered through the pool, the shortest
// first; those of one length stand together.
typedef struct vocabulary {
  esp_tensor pool;       // int64 or string, [items]
  const int64_t *start;  // [lengths] of the items of each length
  int lengths;           // the longest n-grams that the pool can have
  const int64_t *column; // [count] of the output
  const float *weight;   // [count] NULL: all are 1
  int64_t count, columns, least, most, skips;
  weighting weighting;
} vocabulary;

static esp_status pool_of(const esp_node *node, esp_tensor *pool) {
  const esp_attribute *texts =
      esp_node_attribute(node, "pool_strings", ESP_ATTRIBUTE_STRINGS);
  const esp_attribute *numbers =
      esp_node_attribute(node, "pool_int64s", ESP_ATTRIBUTE_INTS);
  if ((texts == NULL) == (numbers == NULL)) {
    return ESP_FAIL(ESP_BAD_INPUT, "expected one of pool_strings, pool_int64s");
  }
  const esp_attribute *given = texts != NULL ? texts : numbers;
  *pool = (esp_tensor){.type = texts != NULL ? ESP_STRING : ESP_INT64,
                       .shape = {1, {given->count}}};
  const void *data = texts != NULL ? (const void *)texts->strings
                                   : (const void *)numbers->ints;
  memcpy(&pool->data, &data, sizeof data); // only read
  return ESP_OK;
}

// Items of the pool that belong to n-grams of length n, from *begin on.
static int64_t items_of(const vocabulary *v, int64_t n, int64_t *begin) {
  *begin = v->start[n - 1];
  return (n < v->lengths ? v->start[n] : v->pool.shape.dim[0]) - *begin;
}

// Counts the n-grams, and checks that the pool is cut into whole ones.
static esp_status count_grams(vocabulary *v) {
  v->count = 0;
  for (int n = 1; n <= v->lengths; n++) {
    int64_t begin;
    const int64_t items = items_of(v, n, &begin);
    if (begin < 0 || items < 0 || items % n != 0) {
      return ESP_FAIL(ESP_BAD_INPUT,
                      "ngram_counts gives %lld items from %lld on to n-grams "
                      "of length %d",
                      (long long)items, (long long)begin, n);
    }
    v->count += items / n;
  }
  return ESP_OK;
}

static esp_status check_lengths(const esp_node *node, vocabulary *v) {
  v->least = esp_node_int(node, "min_gram_length", 0);
  v->most = esp_node_int(node, "max_gram_length", 0);
  v->skips = esp_node_int(node, "max_skip_count", 0);
  if (v->least >= 1 && v->most >= v->least && v->most <= v->lengths &&
      v->skips >= 0) {
    return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT,
                  "n-grams of length %lld to %lld with %lld skips, expected "
                  "lengths from 1 to %d, as ngram_counts has, and skips from 0",
                  (long long)v->least, (long long)v->most, (long long)v->skips,
                  v->lengths);
}

static esp_status check_columns(const esp_node *node, vocabulary *v) {
  int count;
  v->column = esp_node_ints(node, "ngram_indexes", &count);
  const esp_attribute *weights =
      esp_node_attribute(node, "weights", ESP_ATTRIBUTE_FLOATS);
  if (weights != NULL) v->weight = weights->floats;
  if (count != v->count || (weights != NULL && weights->count != v->count)) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%lld n-grams have %d ngram_indexes and %lld weights",
                    (long long)v->count, count,
                    weights != NULL ? (long long)weights->count : -1LL);
  }
  for (int64_t i = 0; i < v->count; i++) {
    if (v->column[i] < 0 || v->column[i] == INT64_MAX) {
      return ESP_FAIL(ESP_BAD_INPUT, "ngram_indexes has %lld",
                      (long long)v->column[i]);
    }
    if (v->column[i] >= v->columns) v->columns = v->column[i] + 1;
  }
  return ESP_OK;
}

static esp_status read_vocabulary(const esp_node *node, vocabulary *v) {
  static const char *const names[] = {"TF", "IDF", "TFIDF", NULL};
  int chosen;
  *v = (vocabulary){0};
  ESP_TRY(esp_choice_of(node, "mode", "TF", names, &chosen));
  v->weighting = (weighting)chosen;
  ESP_TRY(pool_of(node, &v->pool));
  v->start = esp_node_ints(node, "ngram_counts", &v->lengths);
  ESP_TRY(count_grams(v));
  ESP_TRY(check_lengths(node, v));
  return check_columns(node, v);
}

static esp_status infer(const esp_args *args) {
  vocabulary v;
  ESP_TRY(esp_check_arity(args, 1, 1, 1));
  ESP_TRY(read_vocabulary(args->node, &v));
  ESP_TRY(esp_check_type(args, 0,
                         v.pool.type == ESP_STRING
                             ? ESP_TYPE(ESP_STRING)
                             : ESP_TYPE(ESP_INT32) | ESP_TYPE(ESP_INT64)));
  ESP_TRY(esp_check_ndim(args, 0, 1, 2));
  esp_shape shape = args->in[0]->shape;
  shape.dim[shape.ndim - 1] = v.columns;
  esp_set_output(args, 0, ESP_FLOAT, &shape);
  return ESP_OK;
}

// Items of a tensor, the first one and how far apart.
typedef struct gram {
  const esp_tensor *of;
  int64_t first, step;
} gram;

static int compare(gram a, gram b, int64_t n) {
  for (int64_t k = 0; k < n; k++) {
    const int64_t i = a.first + k * a.step, j = b.first + k * b.step;
    int order;
    if (a.of->type == ESP_STRING) {
      order = strcmp(((char *const *)a.of->data)[i],
                     ((char *const *)b.of->data)[j]);
    } else {
      const int64_t x = esp_whole_at(a.of, i), y = esp_whole_at(b.of, j);
      order = (x > y) - (x < y);
    }
    if (order != 0) return order;
  }
  return 0;
}

// N-grams of one length: their numbers begin at `number`.
typedef struct group {
  const vocabulary *v;
  int64_t n, begin, number, count;
} group;

static gram member(const group *g, int64_t number) {
  return (gram){&g->v->pool, g->begin + (number - g->number) * g->n, 1};
}

static int compare_members(const void *a, const void *b, void *argument) {
  const group *g = argument;
  const int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
  const int order = compare(member(g, i), member(g, j), g->n);
  return order != 0 ? order : (i > j) - (i < j);
}

static group group_of(const vocabulary *v, int64_t n) {
  group g = {.v = v, .n = n};
  for (int64_t shorter = 1; shorter < n; shorter++) {
    g.number += items_of(v, shorter, &g.begin) / shorter;
  }
  g.count = items_of(v, n, &g.begin) / n;
  return g;
}

// Leaves the numbers of all n-grams, sorted within each length.
static esp_status prepare(const esp_args *args, int width, esp_prepared *made) {
  vocabulary v;
  (void)width;
  ESP_TRY(read_vocabulary(args->node, &v));
  int64_t *sorted = calloc((size_t)v.count + 1, sizeof *sorted);
  if (sorted == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot sort n-grams");
  made->state = sorted;
  made->scratch_bytes = (size_t)v.count * sizeof(int64_t);
  for (int64_t i = 0; i < v.count; i++) sorted[i] = i;
  for (int n = 1; n <= v.lengths; n++) {
    group g = group_of(&v, n);
    qsort_r(sorted + g.number, (size_t)g.count, sizeof *sorted, compare_members,
            &g);
  }
  return ESP_OK;
}

// Where an n-gram begins among the sorted ones of the group, or would.
static int64_t find(const group *g, const int64_t *sorted, gram wanted) {
  int64_t low = g->number, high = g->number + g->count;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (compare(member(g, sorted[middle]), wanted, g->n) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Counts an n-gram once for each time that the pool has it.
static void count_gram(const group *g, const int64_t *sorted, gram wanted,
                       int64_t *counts) {
  const int64_t end = g->number + g->count;
  for (int64_t i = find(g, sorted, wanted);
       i < end && compare(member(g, sorted[i]), wanted, g->n) == 0; i++) {
    counts[sorted[i]]++;
  }
}

// Counts the n-grams of one length in x[first .. first + length), with up to
// `skips` items between theirs; single items have none.
static void count_group(const group *g, const int64_t *sorted,
                        const esp_tensor *x, int64_t first, int64_t length,
                        int64_t *counts) {
  const int64_t most = g->n == 1 ? 0 : g->v->skips;
  for (int64_t skip = 0; skip <= most; skip++) {
    const int64_t step = skip + 1;
    if (g->n > 1 && step > (length - 1) / (g->n - 1)) return;
    const int64_t reach = (g->n - 1) * step;
    for (int64_t i = 0; i + reach < length; i++) {
      count_gram(g, sorted, (gram){x, first + i, step}, counts);
    }
  }
}

static void write_row(const vocabulary *v, const int64_t *counts, float *y) {
  for (int64_t i = 0; i < v->columns; i++) y[i] = 0;
  for (int64_t i = 0; i < v->count; i++) {
    if (counts[i] == 0) continue;
    const float weight =
        v->weighting == TF || v->weight == NULL ? 1 : v->weight[i];
    y[v->column[i]] += weight * (v->weighting == IDF ? 1.0F : (float)counts[i]);
  }
}

static esp_status run(const esp_args *args, const void *state, esp_team team) {
  const esp_shape *x = &args->in[0]->shape;
  const int64_t length = x->dim[x->ndim - 1];
  int64_t *counts = team.scratch;
  vocabulary v;
  ESP_TRY(read_vocabulary(args->node, &v));
  for (int64_t r = 0; r < esp_shape_product(x, 0, x->ndim - 1); r++) {
    for (int64_t i = 0; i < v.count; i++) counts[i] = 0;
    for (int64_t n = v.least; n <= v.most; n++) {
      const group g = group_of(&v, n);
      if (g.count == 0) continue;
      count_group(&g, state, args->in[0], r * length, length, counts);
    }
    write_row(&v, counts, (float *)args->out[0]->data + r * v.columns);
  }
  return ESP_OK;
}

static void samples(const esp_args *args, int64_t batch, const esp_samples *in,
                    esp_samples *out) {
  if (args->in[0]->shape.ndim == 2) {
    esp_samples_leading(args, batch, in, out);
  } else {
    esp_samples_all_mixed(args, batch, in, out);
  }
}

const esp_op esp_op_ngrams = {.samples = samples,
                              .infer = infer,
                              .prepare = prepare,
                              .release = free,
                              .run = run};
