#include "report/escape.h"

void esp_write_escaped(FILE *out, const char *text) {
  for (const char *c = text; *c != '\0'; c++) {
    switch (*c) {
    case '<':
      (void)fputs("&lt;", out);
      break;
    case '>':
      (void)fputs("&gt;", out);
      break;
    case '&':
      (void)fputs("&amp;", out);
      break;
    case '"':
      (void)fputs("&quot;", out);
      break;
    default: // controls are no characters of XML
      (void)fputc((unsigned char)*c < ' ' ? '?' : *c, out);
    }
  }
}
