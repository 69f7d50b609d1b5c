// A dataset: one file, or several as one long dataset.
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/private.h"

// So many files of a dataset are open at once: a process may often have no more
// than 1,024.
enum { MOST_OPEN = 64 };

struct esp_dataset {
  char *spec;
  esp_part *part;
  size_t parts, room;
  int open;      // parts
  uint64_t uses; // counts reads
  esp_dataset_info info;
};

// Names -----------------------------------------------------------------------

static esp_status add_part(esp_dataset *self, const char *file, size_t length,
                           const char *rest) {
  ESP_TRY(
      esp_grow(&self->part, &self->room, self->parts + 1, sizeof *self->part));
  char *spec = NULL;
  if (asprintf(&spec, "%.*s%s", (int)length, file, rest) < 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot open %s", self->spec);
  }
  self->part[self->parts++] =
      (esp_part){.spec = spec, .file = H5I_INVALID_HID, .set = H5I_INVALID_HID};
  return ESP_OK;
}

// A pattern stands for the files that it fits, in order of name; a name that
// fits itself alone is kept, so that opening it says what is wrong.
static esp_status add_files(esp_dataset *self, const char *line,
                            size_t length) {
  char *spec = strndup(line, length);
  if (spec == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot open %s", line);
  const size_t file = esp_dataset_file_length(spec);
  char *pattern = strndup(spec, file);
  glob_t found = {0};
  esp_status status = ESP_OK;
  if (pattern == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot open %s", spec);
  } else if (strpbrk(pattern, "*?[") == NULL || esp_results_exist(pattern)) {
    status = add_part(self, pattern, file, spec + file);
  } else if (glob(pattern, 0, NULL, &found) != 0) {
    status = ESP_FAIL(ESP_IO, "no file fits %s", pattern);
  }
  for (size_t i = 0; i < found.gl_pathc && status == ESP_OK; i++) {
    const char *path = found.gl_pathv[i];
    status = add_part(self, path, strlen(path), spec + file);
  }
  globfree(&found);
  free(pattern);
  free(spec);
  return status;
}

static esp_status list_parts(esp_dataset *self) {
  const char *line = self->spec;
  for (;;) {
    const size_t length = strcspn(line, "\n");
    if (length > 0) ESP_TRY(add_files(self, line, length));
    if (line[length] == '\0') break;
    line += length + 1;
  }
  return self->parts > 0 ? ESP_OK : ESP_FAIL(ESP_USAGE, "no file is named");
}

// Files -----------------------------------------------------------------------

static void close_oldest(esp_dataset *self) {
  esp_part *oldest = NULL;
  for (size_t i = 0; i < self->parts; i++) {
    esp_part *p = &self->part[i];
    if (p->file >= 0 && (oldest == NULL || p->used < oldest->used)) oldest = p;
  }
  if (oldest == NULL) return;
  esp_part_close(oldest);
  self->open--;
}

static esp_status use(esp_dataset *self, esp_part *part) {
  part->used = ++self->uses;
  if (part->file >= 0) return ESP_OK;
  if (self->open == MOST_OPEN) close_oldest(self);
  const esp_shape before = part->info.shape;
  ESP_TRY(esp_part_open(part));
  self->open++;
  if (before.ndim == 0 || esp_shape_equal(&before, &part->info.shape)) {
    return ESP_OK;
  }
  return ESP_FAIL(ESP_IO, "%s has changed while it was read", part->spec);
}

static bool same_rows(const esp_dataset_info *a, const esp_dataset_info *b) {
  esp_shape shape = b->shape;
  if (shape.ndim > 0) shape.dim[0] = a->shape.dim[0];
  return a->type == b->type && esp_shape_equal(&a->shape, &shape);
}

// The first part says what a row is.
static esp_status join(esp_dataset *self, esp_part *part) {
  if (part == self->part) {
    self->info = part->info;
  } else if (same_rows(&self->info, &part->info)) {
    self->info.shape.dim[0] += part->info.shape.dim[0];
    self->info.bytes_stored += part->info.bytes_stored;
  } else {
    char text[ESP_SHAPE_TEXT], other[ESP_SHAPE_TEXT];
    return ESP_FAIL(ESP_BAD_INPUT,
                    "%s is %s %s and %s is %s %s: files of one dataset have "
                    "rows of one form",
                    self->part->spec, esp_dtype_text(self->part->info.type),
                    esp_shape_text(&self->part->info.shape, text), part->spec,
                    esp_dtype_text(part->info.type),
                    esp_shape_text(&part->info.shape, other));
  }
  part->end = self->info.shape.dim[0];
  return ESP_OK;
}

static esp_status open_parts(esp_dataset *self) {
  ESP_TRY(list_parts(self));
  for (size_t i = 0; i < self->parts; i++) {
    ESP_TRY(use(self, &self->part[i]));
    ESP_TRY(join(self, &self->part[i]));
  }
  return ESP_OK;
}

esp_status esp_dataset_open(const char *spec, esp_dataset **dataset) {
  esp_store_quiet();
  esp_dataset *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot open %s", spec);
  self->spec = strdup(spec);
  const esp_status status =
      self->spec != NULL ? open_parts(self)
                         : ESP_FAIL(ESP_NO_MEMORY, "cannot open %s", spec);
  if (status != ESP_OK) {
    esp_dataset_close(self);
    return status;
  }
  *dataset = self;
  return ESP_OK;
}

void esp_dataset_close(esp_dataset *dataset) {
  if (dataset == NULL) return;
  for (size_t i = 0; i < dataset->parts; i++) {
    esp_part_close(&dataset->part[i]);
    free(dataset->part[i].spec);
  }
  free(dataset->part);
  free(dataset->spec);
  free(dataset);
}

const esp_dataset_info *esp_dataset_get_info(const esp_dataset *dataset) {
  return &dataset->info;
}

// The part that holds a row; there is one.
static size_t find_part(const esp_dataset *self, int64_t row) {
  size_t low = 0, high = self->parts - 1;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (self->part[middle].end <= row) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

int64_t esp_dataset_file_end(const esp_dataset *dataset, int64_t row) {
  return dataset->part[find_part(dataset, row)].end;
}

esp_status esp_dataset_read(esp_dataset *dataset, int64_t first, int64_t count,
                            void *rows) {
  const esp_shape *shape = &dataset->info.shape;
  if (first < 0 || count < 0 || count > shape->dim[0] - first) {
    return ESP_FAIL(ESP_INTERNAL, "rows %lld to %lld of %lld", (long long)first,
                    (long long)(first + count), (long long)shape->dim[0]);
  }
  const size_t row = (size_t)esp_shape_product(shape, 1, shape->ndim) *
                     esp_dtype_bytes(dataset->info.type);
  char *to = rows;
  for (size_t p = count > 0 ? find_part(dataset, first) : 0; count > 0; p++) {
    esp_part *part = &dataset->part[p];
    const int64_t begin = part->end - part->info.shape.dim[0];
    const int64_t left = part->end - first;
    const int64_t some = count < left ? count : left;
    if (some > 0) {
      ESP_TRY(use(dataset, part));
      ESP_TRY(esp_part_read(part, first - begin, some, to));
    }
    to += (size_t)some * row;
    first += some;
    count -= some;
  }
  return ESP_OK;
}

esp_status esp_dataset_files(const char *spec, char **files) {
  esp_dataset self = {.spec = strdup(spec)};
  size_t bytes;
  esp_status status = self.spec != NULL
                          ? list_parts(&self)
                          : ESP_FAIL(ESP_NO_MEMORY, "cannot list %s", spec);
  FILE *out = status == ESP_OK ? open_memstream(files, &bytes) : NULL;
  for (size_t i = 0; i < self.parts; i++) {
    if (out != NULL) {
      fprintf(out, "%s%s", i > 0 ? "\n" : "", self.part[i].spec);
    }
    free(self.part[i].spec);
  }
  if (status == ESP_OK && (out == NULL || fclose(out) != 0)) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot list %s", spec);
  }
  free(self.part);
  free(self.spec);
  return status;
}
