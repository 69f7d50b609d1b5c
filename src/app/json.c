// Texts in JSON.
#include "app.h"

// Bytes of the UTF-8 sequence that begins here; 0 when it is none.
static int sequence_length(const unsigned char *c) {
  const int length = *c < 0x80                  ? 1
                     : *c >= 0xc2 && *c <= 0xdf ? 2
                     : *c >= 0xe0 && *c <= 0xef ? 3
                     : *c >= 0xf0 && *c <= 0xf4 ? 4
                                                : 0;
  for (int i = 1; i < length; i++) {
    if ((c[i] & 0xc0) != 0x80) return 0;
  }
  // Not the shortest form, half of a pair, or past the last character.
  if ((*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) ||
      (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] > 0x8f)) {
    return 0;
  }
  return length;
}

// Names in a model may be any bytes; JSON is text.
void app_write_json_text(FILE *out, const char *text) {
  const unsigned char *c = (const unsigned char *)text;
  (void)fputc('"', out);
  while (*c != '\0') {
    const int length = sequence_length(c);
    if (length == 0) {
      fprintf(out, "\\ufffd");
    } else if (*c == '"' || *c == '\\') {
      fprintf(out, "\\%c", *c);
    } else if (*c < 0x20) {
      fprintf(out, "\\u%04x", *c);
    } else {
      (void)fwrite(c, 1, (size_t)length, out);
    }
    c += length > 0 ? length : 1;
  }
  (void)fputc('"', out);
}
