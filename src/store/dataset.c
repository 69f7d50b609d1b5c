#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/private.h"

struct esp_dataset {
  char *spec;
  hid_t file, set;
  esp_dataset_info info;
};

// Splits at the last ":/": a file's name may hold colons.
static size_t length_of_file(const char *spec) {
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
static esp_status open_set(esp_dataset *self, const char *name) {
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
static void widen_cache(esp_dataset *self) {
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

static esp_status open_file(esp_dataset *self, const char *path) {
  if (access(path, R_OK) != 0) {
    return ESP_FAIL(ESP_IO, "cannot open %s: %s", path, strerror(errno));
  }
  self->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (self->file >= 0) return ESP_OK;
  char why[200];
  return ESP_FAIL(ESP_IO, "%s is not an HDF5 file that can be read: %s", path,
                  esp_store_reason(why, sizeof why));
}

esp_status esp_dataset_open(const char *spec, esp_dataset **dataset) {
  esp_store_quiet();
  esp_dataset *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot open %s", spec);
  self->file = self->set = H5I_INVALID_HID;
  self->spec = strdup(spec);
  const size_t length = length_of_file(spec);
  char *path = strndup(spec, length);
  esp_status status = ESP_OK;
  if (path == NULL || self->spec == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot open %s", spec);
  }
  if (status == ESP_OK) status = open_file(self, path);
  if (status == ESP_OK) {
    status = open_set(self, spec[length] == ':' ? spec + length + 1 : "");
  }
  if (status == ESP_OK) status = esp_store_info(self->set, spec, &self->info);
  if (status == ESP_OK) widen_cache(self);
  free(path);
  if (status != ESP_OK) {
    esp_dataset_close(self);
    return status;
  }
  *dataset = self;
  return ESP_OK;
}

void esp_dataset_close(esp_dataset *dataset) {
  if (dataset == NULL) return;
  if (dataset->set >= 0) (void)H5Dclose(dataset->set);
  if (dataset->file >= 0) (void)H5Fclose(dataset->file);
  free(dataset->spec);
  free(dataset);
}

const esp_dataset_info *esp_dataset_get_info(const esp_dataset *dataset) {
  return &dataset->info;
}

// HDF5 1.10 has no native half: its type in the file, in this byte order.
static hid_t type_in_memory(const esp_dataset *self) {
  if (self->info.type != ESP_FLOAT16 && self->info.type != ESP_BOOL) {
    return H5Tcopy(esp_store_native(self->info.type));
  }
  const hid_t type = H5Dget_type(self->set);
  if (type >= 0 && self->info.type == ESP_FLOAT16) {
    (void)H5Tset_order(type, H5T_ORDER_LE);
  }
  return type;
}

esp_status esp_dataset_read(esp_dataset *dataset, int64_t first, int64_t count,
                            void *rows) {
  const hid_t type = type_in_memory(dataset);
  if (type < 0) return ESP_FAIL(ESP_IO, "cannot read %s", dataset->spec);
  esp_status status = esp_store_rows(dataset->set, &dataset->info.shape, type,
                                     H5P_DEFAULT, first, count, rows, NULL);
  (void)H5Tclose(type);
  if (status != ESP_OK) {
    status = esp_fail_within(status, "%s", dataset->spec);
  }
  return status;
}
