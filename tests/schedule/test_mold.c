// Moldable tasks: legal schedules, never below the bound, and the shortest
// where that is known.
#include <math.h>
#include <stdlib.h>

#include "schedule/schedule.h"
#include "support/check.h"

enum { MOST = 60 };

typedef struct problem {
  int tasks, arcs;
  double narrow[MOST], wide[MOST];
  esp_arc arc[MOST * MOST];
  esp_mold mold;
} problem;

static void add_arc(problem *p, int from, int to) {
  p->arc[p->arcs++] = (esp_arc){.from = from, .to = to};
}

static int width_of(const esp_schedule *s, int task) { return s->width[task]; }

static double end_of(const problem *p, const esp_schedule *s, int task) {
  return s->start[task] +
         (width_of(s, task) > 1 ? p->wide[task] : p->narrow[task]);
}

// Do two tasks use a processor at the same time?
static bool collide(const problem *p, const esp_schedule *s, int a, int b) {
  static const double ROUNDING = 1e-9;
  if (end_of(p, s, a) <= s->start[b] + ROUNDING ||
      end_of(p, s, b) <= s->start[a] + ROUNDING) {
    return false;
  }
  return width_of(s, a) > 1 || width_of(s, b) > 1 ||
         s->processor[a] == s->processor[b];
}

static void check_legal(const problem *p, const esp_schedule *s) {
  double last = 0;
  for (int a = 0; a < p->tasks; a++) {
    CU_ASSERT(s->start[a] >= -1e-9);
    CU_ASSERT(s->processor[a] >= 0 && s->processor[a] < p->mold.processors);
    CU_ASSERT(width_of(s, a) == 1 || width_of(s, a) == p->mold.processors);
    last = fmax(last, end_of(p, s, a));
    for (int b = 0; b < a; b++) CU_ASSERT_FALSE(collide(p, s, a, b));
  }
  CU_ASSERT_DOUBLE_EQUAL(last, s->makespan, 1e-9);
  for (int i = 0; i < p->arcs; i++) {
    CU_ASSERT(end_of(p, s, p->arc[i].from) <= s->start[p->arc[i].to] + 1e-9);
  }
  CU_ASSERT(s->makespan >= s->lower_bound - 1e-9);
}

static esp_schedule schedule_of(problem *p, int processors, double wake) {
  p->mold = (esp_mold){.processors = processors,
                       .wide = p->wide,
                       .wake_seconds = wake,
                       .placements = 100000};
  esp_dag *dag;
  esp_schedule s = {0};
  CHECK_OK(esp_dag_create(p->tasks, p->narrow, p->arcs, p->arc, NULL, &dag));
  CHECK_OK(esp_schedule_mold(dag, &p->mold, &s));
  check_legal(p, &s);
  esp_dag_free(dag);
  return s;
}

static void a_chain_is_as_wide_as_pays(void) {
  problem p = {.tasks = 4, .narrow = {4, 4, 4, 4}, .wide = {2, 3, 5, 4}};
  for (int t = 1; t < 4; t++) add_arc(&p, t - 1, t);
  esp_schedule s = schedule_of(&p, 2, 0);
  CU_ASSERT_DOUBLE_EQUAL(s.makespan, 2 + 3 + 4 + 4, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(s.lower_bound, 13, 1e-9);
  CU_ASSERT_EQUAL(s.width[0], 2);
  CU_ASSERT_EQUAL(s.width[2], 1);
  esp_schedule_free(&s);
}

// Two branches of three between a head and a tail: the branches side by side,
// though each of their tasks is faster on both processors.
static void branches_go_side_by_side(void) {
  problem p = {.tasks = 8};
  for (int t = 0; t < 8; t++) {
    p.narrow[t] = 10;
    p.wide[t] = t == 0 || t == 7 ? 5 : 8;
  }
  for (int branch = 0; branch < 2; branch++) {
    const int first = 1 + 3 * branch;
    add_arc(&p, 0, first);
    add_arc(&p, first, first + 1);
    add_arc(&p, first + 1, first + 2);
    add_arc(&p, first + 2, 7);
  }
  esp_schedule s = schedule_of(&p, 2, 0);
  CU_ASSERT_DOUBLE_EQUAL(s.makespan, 5 + 30 + 5, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(s.lower_bound, 40, 1e-9);
  esp_schedule_free(&s);
  s = schedule_of(&p, 2, 0.25); // the second branch has to be woken
  CU_ASSERT_DOUBLE_EQUAL(s.makespan, 40.25, 1e-9);
  esp_schedule_free(&s);
}

static void drawn_graphs_have_legal_schedules(void) {
  for (int round = 0; round < 200; round++) {
    problem p = {.tasks = 1 + round % MOST};
    double row = 0;
    for (int t = 0; t < p.tasks; t++) {
      p.narrow[t] = (double)(check_random() % 10);
      p.wide[t] = (double)(check_random() % 8);
      row += p.narrow[t];
      for (int u = 0; u < t; u++) {
        if (check_random() % 5 == 0) add_arc(&p, u, t);
      }
    }
    esp_schedule s = schedule_of(&p, 2 + round % 4, 0);
    CU_ASSERT(s.makespan <= row + 1e-9);
    esp_schedule_free(&s);
  }
}

static void nothing_takes_no_time(void) {
  problem p = {.tasks = 0};
  esp_schedule s = schedule_of(&p, 3, 1);
  CU_ASSERT_EQUAL(s.makespan, 0);
  esp_schedule_free(&s);
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_chain_is_as_wide_as_pays),
      CASE(branches_go_side_by_side),
      CASE(drawn_graphs_have_legal_schedules),
      CASE(nothing_takes_no_time),
      {NULL, NULL},
  };
  return check_run("mold", cases);
}
