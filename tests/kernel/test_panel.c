// Products with a panel of columns: every number of rows, against double.
#include "kernel/panel.h"

#include <string.h>

#include "support/check.h"

enum { ROWS = 11, INNER = 37, GUARD = 16 };

static void rows_times_columns_are_added(void) {
  for (int rows = 0; rows <= ROWS; rows++) {
    float w[ROWS * INNER], columns[INNER * ESP_PANEL];
    float y[ROWS * ESP_PANEL + GUARD], want[ROWS * ESP_PANEL + GUARD];
    double w64[ROWS * INNER], columns64[INNER * ESP_PANEL];
    double y64[ROWS * ESP_PANEL];
    check_fill(w, ROWS * INNER);
    check_fill(columns, INNER * ESP_PANEL);
    check_fill(y, ROWS * ESP_PANEL + GUARD);
    memcpy(want, y, sizeof y);
    for (int i = 0; i < ROWS * INNER; i++) w64[i] = (double)w[i];
    for (int i = 0; i < INNER * ESP_PANEL; i++)
      columns64[i] = (double)columns[i];
    for (int i = 0; i < ROWS * ESP_PANEL; i++) y64[i] = (double)y[i];
    for (int i = 0; i < rows * ESP_PANEL; i++) {
      double sum = (double)y[i];
      for (int k = 0; k < INNER; k++)
        sum += w64[i / ESP_PANEL * INNER + k] *
               columns64[k * ESP_PANEL + i % ESP_PANEL];
      want[i] = (float)sum;
    }
    esp_panel_f32(rows, INNER, w, columns, y);
    check_close(y, want, ROWS * ESP_PANEL + GUARD, 1e-5, 1e-5);
    esp_panel_f64(rows, INNER, w64, columns64, y64);
    for (int i = 0; i < ROWS * ESP_PANEL; i++)
      CU_ASSERT_DOUBLE_EQUAL(y64[i], (double)want[i], 1e-5);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(rows_times_columns_are_added),
      {NULL, NULL},
  };
  return check_run("kernel/panel", cases);
}
