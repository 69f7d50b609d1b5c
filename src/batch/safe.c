// From written to safe: rows are in the file when a batch ends, on the disk
// when the file was synced after that, and known to be there when rank 0 has
// noted it in the journal.
#include <sched.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "batch/private.h"

esp_status esp_safe_add(esp_runner *runner, int64_t number) {
  esp_safe *s = &runner->safe;
  ESP_TRY(esp_grow(&s->written, &s->room, s->nwritten + 1, sizeof *s->written));
  s->written[s->nwritten++] = number;
  return ESP_OK;
}

// Half of the interval: a batch waits for the next sync, and then for its end.
static bool is_due(const esp_runner *runner) {
  return esp_clock_seconds() - runner->safe.synced >=
         runner->options->journal_seconds / 2;
}

static esp_status tell_synced(esp_runner *runner) {
  esp_safe *s = &runner->safe;
  const esp_tidings tidings = {.safe = s->written, .nsafe = s->nsyncing};
  ESP_TRY(esp_dealer_tell(runner->dealer, &tidings));
  s->nwritten -= s->nsyncing;
  memmove(s->written, s->written + s->nsyncing,
          s->nwritten * sizeof *s->written);
  s->nsyncing = 0;
  return ESP_OK;
}

esp_status esp_safe_move(esp_runner *runner, bool hurry) {
  esp_safe *s = &runner->safe;
  esp_results *results = runner->options->results;
  if (s->syncing) {
    esp_status status;
    if (!esp_results_synced(results, &status)) return ESP_OK;
    s->syncing = false;
    if (status != ESP_OK) {
      s->nwritten = s->nsyncing = 0; // to be computed again
      return status;
    }
    if (s->nsyncing > 0) ESP_TRY(tell_synced(runner));
  }
  if (s->nwritten > 0 && (hurry || is_due(runner))) {
    s->syncing = true;
    s->nsyncing = s->nwritten;
    s->synced = esp_clock_seconds();
    esp_results_sync(results);
  }
  return ESP_OK;
}

bool esp_safe_all(const esp_runner *runner) {
  return !runner->safe.syncing && runner->safe.nwritten == 0;
}

bool esp_safe_waits(const esp_runner *runner) { return runner->safe.syncing; }

esp_status esp_safe_journal(esp_runner *runner) {
  const esp_batch_options *o = runner->options;
  size_t count;
  const int64_t *number = esp_dealer_safe(runner->dealer, &count);
  if (count == 0) return ESP_OK;
  for (size_t i = 0; i < count; i++) {
    int64_t first, rows;
    esp_runner_rows(o, number[i], &first, &rows);
    ESP_TRY(esp_ranges_add(&o->journal->done, first, first + rows));
  }
  return esp_results_write_journal(o->results, o->journal);
}

esp_status esp_safe_end(esp_runner *runner) {
  esp_results *results = runner->options->results;
  esp_status status;
  esp_results_sync(results);
  while (!esp_results_synced(results, &status)) (void)sched_yield();
  return status;
}
