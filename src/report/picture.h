// How many operators can run at once along the critical path, drawn in plain
// characters.  Floor 7.
#ifndef ESP_REPORT_PICTURE_H
#define ESP_REPORT_PICTURE_H

#include <stdio.h>

#include "plan/profile.h"

enum { ESP_PICTURE_ROWS = 8, ESP_PICTURE_SHARES = 7 };

// One column for each slice of the profile, at most ESP_PICTURE_ROWS rows, and
// below them the time in milliseconds.  With more operators at once than rows,
// a row stands for several.
void esp_picture_draw(FILE *out, const esp_profile *profile);
// "1 at a time 61 %, 2 19 %, ..." in one line: at most ESP_PICTURE_SHARES
// entries; what lies above is put together.  Shares below half a percent are
// left out.
void esp_picture_shares(FILE *out, const esp_profile *profile);

#endif
