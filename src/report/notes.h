// What a run could do better, from its certificate: a sentence each, with the
// option to change.  Floor 7.
#ifndef ESP_REPORT_NOTES_H
#define ESP_REPORT_NOTES_H

#include "report/report.h"

// What the notes are made from, beside the report.
typedef struct esp_note_figures {
  int cores;       // of a rank
  int64_t batches; // that were run, of all replicas
  bool tune_off;   // nothing is kept
  double others;   // cores that other processes took meanwhile
} esp_note_figures;

// Adds the notes to a report whose figures are complete.
esp_status esp_notes_find(const esp_note_figures *figures, esp_report *report);

#endif
