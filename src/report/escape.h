// Text from outside inside XML and HTML.  Floor 7.
#ifndef ESP_REPORT_ESCAPE_H
#define ESP_REPORT_ESCAPE_H

#include <stdio.h>

// Names come from model files: nothing in them is markup; controls become "?".
void esp_write_escaped(FILE *out, const char *text);

#endif
