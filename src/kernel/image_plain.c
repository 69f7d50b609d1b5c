// BMP and PNM: pixels as they are.
#include <stdlib.h>
#include <string.h>

#include "kernel/image_private.h"

static esp_status cut_off(const char *format) {
  return ESP_FAIL(ESP_BAD_INPUT, "a %s picture that is cut off", format);
}

// BMP -------------------------------------------------------------------------

static uint32_t number(const uint8_t *at, int bytes) {
  uint32_t value = 0;
  for (int i = bytes - 1; i >= 0; i--) value = value << 8 | at[i];
  return value;
}

typedef struct bmp {
  int64_t height, width;
  bool upright; // the first row is the uppermost
  int bits;
  size_t pixels; // where they begin
  const uint8_t *palette;
  uint32_t colours, step; // of the palette; bytes of an entry
} bmp;

static esp_status read_palette(const uint8_t *b, size_t count, uint32_t header,
                               bmp *m) {
  if (m->bits > 8) return ESP_OK;
  const uint32_t all = 1u << m->bits;
  m->colours = header >= 40 ? number(b + 46, 4) : 0;
  if (m->colours == 0 || m->colours > all) m->colours = all;
  m->step = header >= 40 ? 4 : 3;
  m->palette = b + 14 + header;
  const size_t end = 14 + (size_t)header + (size_t)m->colours * m->step;
  return end <= count ? ESP_OK : cut_off("BMP");
}

static esp_status read_bmp_header(const uint8_t *b, size_t count, bmp *m) {
  if (count < 54) return cut_off("BMP");
  const uint32_t header = number(b + 14, 4);
  if (header == 12) {
    *m = (bmp){.width = number(b + 18, 2),
               .height = number(b + 20, 2),
               .bits = (int)number(b + 24, 2)};
  } else if (header >= 40 && header < count) {
    *m = (bmp){.width = (int32_t)number(b + 18, 4),
               .height = (int32_t)number(b + 22, 4),
               .bits = (int)number(b + 28, 2)};
    const uint32_t way = number(b + 30, 4);
    if (way != 0) {
      return ESP_FAIL(ESP_UNSUPPORTED, "a BMP picture of compression %u", way);
    }
  } else {
    return ESP_FAIL(ESP_BAD_INPUT, "a BMP header of %u bytes", header);
  }
  m->upright = m->height < 0;
  if (m->upright) m->height = -m->height;
  m->pixels = number(b + 10, 4);
  if (m->bits != 1 && m->bits != 4 && m->bits != 8 && m->bits != 24 &&
      m->bits != 32) {
    return ESP_FAIL(ESP_UNSUPPORTED, "a BMP picture of %d bits a pixel",
                    m->bits);
  }
  return read_palette(b, count, header, m);
}

static void bmp_pixel(const bmp *m, const uint8_t *row, int64_t x,
                      uint8_t *to) {
  const uint8_t *bgr;
  if (m->bits >= 24) {
    bgr = row + x * (m->bits / 8);
  } else {
    const int each = 8 / m->bits;
    const int shift = (int)(each - 1 - x % each) * m->bits;
    uint32_t index = (row[x / each] >> shift) & ((1u << m->bits) - 1);
    if (index >= m->colours) index = 0;
    bgr = m->palette + (size_t)index * m->step;
  }
  to[0] = bgr[2];
  to[1] = bgr[1];
  to[2] = bgr[0];
}

esp_status esp_image_read_bmp(const uint8_t *bytes, size_t count,
                              esp_image *image) {
  bmp m;
  ESP_TRY(read_bmp_header(bytes, count, &m));
  ESP_TRY(esp_image_allocate(m.height, m.width, image));
  const size_t line = ((size_t)m.width * (size_t)m.bits + 31) / 32 * 4;
  if (m.pixels > count || (count - m.pixels) / line < (size_t)m.height) {
    return cut_off("BMP");
  }
  for (int64_t y = 0; y < m.height; y++) {
    const int64_t from = m.upright ? y : m.height - 1 - y;
    const uint8_t *row = bytes + m.pixels + (size_t)from * line;
    for (int64_t x = 0; x < m.width; x++) {
      bmp_pixel(&m, row, x, image->rgb + 3 * (y * m.width + x));
    }
  }
  return ESP_OK;
}

// PNM -------------------------------------------------------------------------

typedef struct text {
  const uint8_t *at, *end;
} text;

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The next number, behind white space and comments; -1: there is none.
static int64_t next_number(text *t) {
  while (t->at < t->end && (is_space(*t->at) || *t->at == '#')) {
    const bool comment = *t->at == '#';
    t->at++;
    while (comment && t->at < t->end && *t->at != '\n') t->at++;
  }
  if (t->at == t->end || *t->at < '0' || *t->at > '9') return -1;
  int64_t value = 0;
  while (t->at < t->end && *t->at >= '0' && *t->at <= '9') {
    value = value * 10 + (*t->at++ - '0');
    if (value > INT32_MAX) return -1;
  }
  return value;
}

// A bit of a text stands alone: "0110".
static int64_t next_bit(text *t) {
  while (t->at < t->end && is_space(*t->at)) t->at++;
  if (t->at == t->end || (*t->at != '0' && *t->at != '1')) return -1;
  return *t->at++ - '0';
}

typedef struct pnm {
  int kind; // 1 to 6
  int64_t most;
  text left;
  int64_t column; // of a picture of packed bits
} pnm;

static int64_t next_sample(pnm *p) {
  if (p->kind == 1) return next_bit(&p->left);
  if (p->kind <= 3) return next_number(&p->left);
  if (p->kind == 4) {
    if (p->left.at == p->left.end) return -1;
    const int bit = (*p->left.at >> (7 - p->column % 8)) & 1;
    if (p->column++ % 8 == 7) p->left.at++;
    return bit;
  }
  const int bytes = p->most > 255 ? 2 : 1;
  if (p->left.end - p->left.at < bytes) return -1;
  const int64_t value =
      bytes == 2 ? p->left.at[0] << 8 | p->left.at[1] : p->left.at[0];
  p->left.at += bytes;
  return value;
}

static esp_status read_pixels(pnm *p, esp_image *image) {
  const bool colour = p->kind % 3 == 0, bits = p->kind % 3 == 1;
  for (int64_t i = 0; i < image->height * image->width; i++) {
    if (p->kind == 4 && i % image->width == 0 && p->column % 8 != 0) {
      p->left.at++; // each row begins with a byte
      p->column = 0;
    }
    for (int c = 0; c < 3; c++) {
      uint8_t *to = image->rgb + 3 * i + c;
      if (c > 0 && !colour) {
        *to = to[-1];
        continue;
      }
      const int64_t value = next_sample(p);
      if (value < 0 || value > p->most) return cut_off("PNM");
      *to = (uint8_t)(bits ? 255 * (1 - value)
                           : (value * 255 + p->most / 2) / p->most);
    }
  }
  return ESP_OK;
}

esp_status esp_image_read_pnm(const uint8_t *bytes, size_t count,
                              esp_image *image) {
  pnm p = {.kind = bytes[1] - '0', .left = {bytes + 2, bytes + count}};
  const int64_t width = next_number(&p.left), height = next_number(&p.left);
  p.most = p.kind % 3 == 1 ? 1 : next_number(&p.left);
  if (p.most < 1 || p.most > 65535) {
    return ESP_FAIL(ESP_BAD_INPUT, "a PNM picture without a largest value");
  }
  ESP_TRY(esp_image_allocate(height, width, image));
  if (p.kind > 3 && p.left.at < p.left.end) p.left.at++; // one white space
  return read_pixels(&p, image);
}
