// One file of a dataset.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/private.h"

size_t esp_dataset_file_length(const char *spec) {
  size_t at = strlen(spec);
  for (size_t i = 0; spec[i] != '\0'; i++) {
    if (spec[i] == ':' && spec[i + 1] == '/') at = i;
  }
  return at;
}

typedef struct listing {
  FILE *out;
  int count;
  char only[512];
} listing;

static void list(void *context, const char *path) {
  listing *l = context;
  fprintf(l->out, "%s/%s", l->count > 0 ? ", " : "", path);
  (void)snprintf(l->only, sizeof l->only, "/%s", path);
  l->count++;
}

// Opens the named dataset, or the only one; else says which there are.
static esp_status open_set(esp_part *self, const char *name) {
  if (*name != '\0') self->set = H5Dopen2(self->file, name, H5P_DEFAULT);
  if (self->set >= 0) return ESP_OK;
  char *names = NULL;
  size_t bytes;
  listing l = {.out = open_memstream(&names, &bytes)};
  if (l.out == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot open a dataset");
  esp_status status = esp_store_each(self->file, list, &l);
  (void)fclose(l.out);
  if (status == ESP_OK && *name == '\0' && l.count == 1) {
    self->set = H5Dopen2(self->file, l.only, H5P_DEFAULT);
  }
  if (status == ESP_OK && self->set < 0) {
    status = ESP_FAIL(ESP_BAD_INPUT, "%s: %s; the file has: %s", self->spec,
                      *name != '\0' ? "no such dataset"
                                    : "which dataset? write FILE:/DATASET",
                      l.count > 0 ? names : "none");
  }
  free(names);
  return status;
}

// Reading in chunks that are filtered: a chunk that two blocks of rows share is
// to be decompressed once, so two rows of chunks are kept.
static void widen_cache(esp_part *self) {
  if (!self->info.chunked || !self->info.compressed) return;
  const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  const hid_t plist = H5Dget_create_plist(self->set);
  hsize_t chunk[H5S_MAX_RANK];
  if (access >= 0 && plist >= 0 &&
      H5Pget_chunk(plist, H5S_MAX_RANK, chunk) > 0) {
    size_t bytes = 2 * (size_t)chunk[0] * esp_dtype_bytes(self->info.type);
    for (int i = 1; i < self->info.shape.ndim; i++) {
      bytes *= (size_t)self->info.shape.dim[i] + (size_t)chunk[i];
    }
    enum { MOST = 512 << 20, PLACES = 12421 };
    char name[1024];
    const ssize_t length = H5Iget_name(self->set, name, sizeof name);
    if (bytes < MOST && length > 0 && length < (ssize_t)sizeof name) {
      (void)H5Pset_chunk_cache(access, PLACES,
                               bytes > 1 << 20 ? bytes : 1 << 20, 1.0);
      const hid_t again = H5Dopen2(self->file, name, access);
      if (again >= 0) {
        (void)H5Dclose(self->set);
        self->set = again;
      }
    }
  }
  if (plist >= 0) (void)H5Pclose(plist);
  if (access >= 0) (void)H5Pclose(access);
}

static esp_status open_file(esp_part *self, const char *path) {
  if (access(path, R_OK) != 0) {
    return ESP_FAIL(ESP_IO, "cannot open %s: %s", path, strerror(errno));
  }
  self->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (self->file >= 0) return ESP_OK;
  char why[200];
  return ESP_FAIL(ESP_IO, "%s is not an HDF5 file that can be read: %s", path,
                  esp_store_reason(why, sizeof why));
}

esp_status esp_part_open(esp_part *part) {
  const char *spec = part->spec;
  part->file = part->set = H5I_INVALID_HID;
  const size_t length = esp_dataset_file_length(spec);
  char *path = strndup(spec, length);
  if (path == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot open %s", spec);
  esp_status status = open_file(part, path);
  if (status == ESP_OK) {
    status = open_set(part, spec[length] == ':' ? spec + length + 1 : "");
  }
  if (status == ESP_OK) status = esp_store_info(part->set, spec, &part->info);
  if (status == ESP_OK) widen_cache(part);
  free(path);
  if (status != ESP_OK) esp_part_close(part);
  return status;
}

void esp_part_close(esp_part *part) {
  if (part->set >= 0) (void)H5Dclose(part->set);
  if (part->file >= 0) (void)H5Fclose(part->file);
  part->file = part->set = H5I_INVALID_HID;
}

// HDF5 1.10 has no native half: its type in the file, in this byte order.
static hid_t type_in_memory(const esp_part *self) {
  if (self->info.type != ESP_FLOAT16 && self->info.type != ESP_BOOL) {
    return H5Tcopy(esp_store_native(self->info.type));
  }
  const hid_t type = H5Dget_type(self->set);
  if (type >= 0 && self->info.type == ESP_FLOAT16) {
    (void)H5Tset_order(type, H5T_ORDER_LE);
  }
  return type;
}

esp_status esp_part_read(esp_part *part, int64_t first, int64_t count,
                         void *rows) {
  const hid_t type = type_in_memory(part);
  if (type < 0) return ESP_FAIL(ESP_IO, "cannot read %s", part->spec);
  esp_status status = esp_store_rows(part->set, &part->info.shape, type,
                                     H5P_DEFAULT, first, count, rows, NULL);
  (void)H5Tclose(type);
  if (status != ESP_OK) {
    status = esp_fail_within(status, "%s", part->spec);
  }
  return status;
}
