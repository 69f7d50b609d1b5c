#include "report/picture.h"

#include <string.h>

static void draw_row(FILE *out, const esp_profile *p, int row, int each) {
  // The lowest row shows wherever anything runs.
  const double least = row == 1 ? 1e-9 : (row - 0.5) * each;
  int end = p->columns; // nothing is written behind the last block
  while (end > 0 && p->at_once[end - 1] < least) end--;
  fprintf(out, "  %5d |", row * each);
  for (int c = 0; c < end; c++) {
    fputc(p->at_once[c] >= least ? '#' : ' ', out);
  }
  fputc('\n', out);
}

static void draw_axis(FILE *out, const esp_profile *p) {
  char middle[32], last[32];
  fprintf(out, "        +");
  for (int c = 0; c < p->columns; c++) {
    fputc(c == p->columns / 2 || c == p->columns - 1 ? '+' : '-', out);
  }
  (void)snprintf(middle, sizeof middle, "%.3g", 1e3 * p->span / 2);
  (void)snprintf(last, sizeof last, "%.3g ms", 1e3 * p->span);
  const int half = p->columns / 2;
  fprintf(out, "\n        0%*s%s%*s%s\n", half - (int)strlen(middle) / 2, "",
          middle,
          p->columns - half - (int)strlen(middle) + (int)strlen(middle) / 2 - 3,
          "", last);
}

void esp_picture_draw(FILE *out, const esp_profile *profile) {
  const int most = profile->most > 0 ? profile->most : 1;
  const int each = (most + ESP_PICTURE_ROWS - 1) / ESP_PICTURE_ROWS;
  const int rows = (most + each - 1) / each;
  for (int row = rows; row >= 1; row--) draw_row(out, profile, row, each);
  draw_axis(out, profile);
}

void esp_picture_shares(FILE *out, const esp_profile *profile) {
  int shown = 0, k = 1;
  for (; k <= profile->most && shown < ESP_PICTURE_SHARES; k++) {
    if (profile->share[k] < 0.005) continue;
    fprintf(out, shown++ == 0 ? "%d at a time %.0f %%" : ", %d %.0f %%", k,
            100 * profile->share[k]);
  }
  double rest = 0;
  for (; k <= profile->most; k++) rest += profile->share[k];
  if (rest >= 0.005) fprintf(out, ", more %.0f %%", 100 * rest);
  fputc('\n', out);
}
