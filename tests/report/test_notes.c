// Notes: each reason where it holds, with the option that changes it.
#include "report/notes.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"

// A run that leaves nothing to say: two ranks, a stream on each of two cores.
static esp_report good_run(esp_rank_shares share[2]) {
  share[0] = share[1] =
      (esp_rank_shares){.computed = 0.99, .read = 0.02, .waited = 0.9};
  return (esp_report){.seconds = 10,
                      .measured_s = 1.1e-3,
                      .predicted_s = 1e-3,
                      .costs = "measured by an earlier run",
                      .ranks = 2,
                      .replicas = 2,
                      .ranks_per_replica = 1,
                      .streams = 2,
                      .workers = 1,
                      .width = 1,
                      .batch = 16,
                      .ceiling = 1.5,
                      .share = share};
}

static esp_note_figures figures = {.cores = 2, .batches = 1000};

static void said(esp_report *r, const char *words) {
  CHECK_OK(esp_notes_find(&figures, r));
  if (words == NULL) {
    CU_ASSERT_EQUAL(r->notes, 0);
  } else {
    CU_ASSERT_EQUAL_FATAL(r->notes, 1);
    const bool found = strstr(r->note[0], words) != NULL;
    if (!found) printf("\n    %s\n    %s", words, r->note[0]);
    CU_ASSERT(found);
  }
  for (int i = 0; i < r->notes; i++) free(r->note[i]);
  r->notes = 0;
}

static void a_good_run_needs_none(void) {
  esp_rank_shares share[2];
  esp_report r = good_run(share);
  said(&r, NULL);
  r.seconds = 0; // nothing ran
  r.measured_s = 5;
  said(&r, NULL);
}

static void a_wrong_prediction_is_told(void) {
  esp_rank_shares share[2];
  esp_report r = good_run(share);
  r.measured_s = 2e-3;
  said(&r, "tune: again measures anew");
  r.costs = "estimated";
  said(&r, "2.00 of what was predicted, as the times of operators were only "
           "estimated: the next run");
  figures.tune_off = true;
  said(&r, "tune: auto");
  figures.tune_off = false;
  figures.others = 0.7;
  said(&r, "other processes took 0.7 cores");
  figures.others = 0;
  r.measured_s = 0.5e-3;
  said(&r, "0.50 of what was predicted");
}

static void idle_cores_have_a_reason(void) {
  esp_rank_shares share[2];
  esp_report r = good_run(share);
  share[0].computed = 0.8;
  said(&r, "idle for 10 % of the time between batches");
  figures.batches = 9;
  said(&r, "9 batches are few for 4 at once; a smaller batch (16 now)");
  figures.batches = 1000;
  share[0].read = share[1].read = 0.9;
  said(&r, "conductor read for 90 %");
  share[0].read = share[1].read = 0;
  share[0].wrote = share[1].wrote = 0.6;
  said(&r, "conductor wrote for 60 %");
  share[0].wrote = share[1].wrote = 0;
  r.workers = 2;
  r.streams = 1;
  said(&r, "width: 2 instead");
  r.workers = 1;
  said(&r, NULL); // one core was asked for
  r.replicas = 1;
  r.ranks_per_replica = 2;
  said(&r, "objective: throughput, or replicas: 2");
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_good_run_needs_none),
      CASE(a_wrong_prediction_is_told),
      CASE(idle_cores_have_a_reason),
      {NULL, NULL},
  };
  return check_run("notes", cases);
}
