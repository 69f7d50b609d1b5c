#include <stdio.h>
#include <string.h>

#include "store/private.h"

const char *esp_store_library(char *text, size_t room) {
  unsigned major = 0, minor = 0, release = 0;
  (void)H5get_libversion(&major, &minor, &release);
  (void)snprintf(text, room, "HDF5 %u.%u.%u, parallel", major, minor, release);
  return text;
}

void esp_store_quiet(void) {
  // What could not be written would be tried again at exit, without MPI.
  (void)H5dont_atexit();
  (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static bool broken;

bool esp_store_is_broken(void) { return broken; }

bool esp_store_close(hid_t file) {
  const bool closed = H5Fclose(file) >= 0;
  broken = broken || !closed;
  return closed;
}

typedef struct reason {
  char *text;
  size_t room;
} reason;

static herr_t note(unsigned n, const H5E_error2_t *error, void *context) {
  reason *r = context;
  (void)n; // the walk ends with the innermost
  (void)snprintf(r->text, r->room, "%s",
                 error->desc != NULL ? error->desc : "");
  return 0;
}

const char *esp_store_reason(char *text, size_t room) {
  reason r = {text, room};
  (void)snprintf(text, room, "HDF5 gives no reason");
  (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, note, &r);
  return text;
}

static esp_dtype integer_of(size_t bytes, bool is_signed) {
  switch (bytes) {
  case 1:
    return is_signed ? ESP_INT8 : ESP_UINT8;
  case 2:
    return is_signed ? ESP_INT16 : ESP_UINT16;
  case 4:
    return is_signed ? ESP_INT32 : ESP_UINT32;
  case 8:
    return is_signed ? ESP_INT64 : ESP_UINT64;
  default:
    return ESP_UNDEFINED;
  }
}

esp_dtype esp_store_dtype(hid_t type) {
  const size_t bytes = H5Tget_size(type);
  switch (H5Tget_class(type)) {
  case H5T_INTEGER:
    return integer_of(bytes, H5Tget_sign(type) == H5T_SGN_2);
  case H5T_FLOAT:
    return bytes == 4                                   ? ESP_FLOAT
           : bytes == 8                                 ? ESP_DOUBLE
           : bytes == 2 && H5Tget_precision(type) == 16 ? ESP_FLOAT16
                                                        : ESP_UNDEFINED;
  case H5T_ENUM: // h5py writes bool as an enumeration of one byte
    return bytes == 1 && H5Tget_nmembers(type) == 2 ? ESP_BOOL : ESP_UNDEFINED;
  default:
    return ESP_UNDEFINED;
  }
}

hid_t esp_store_native(esp_dtype type) {
  switch (type) {
  case ESP_FLOAT:
    return H5T_NATIVE_FLOAT;
  case ESP_DOUBLE:
    return H5T_NATIVE_DOUBLE;
  case ESP_INT8:
    return H5T_NATIVE_INT8;
  case ESP_UINT8:
  case ESP_BOOL:
    return H5T_NATIVE_UINT8;
  case ESP_INT16:
    return H5T_NATIVE_INT16;
  case ESP_UINT16:
    return H5T_NATIVE_UINT16;
  case ESP_INT32:
    return H5T_NATIVE_INT32;
  case ESP_UINT32:
    return H5T_NATIVE_UINT32;
  case ESP_INT64:
    return H5T_NATIVE_INT64;
  case ESP_UINT64:
    return H5T_NATIVE_UINT64;
  default:
    return H5I_INVALID_HID;
  }
}

static void read_layout(hid_t dataset, esp_dataset_info *info) {
  const hid_t plist = H5Dget_create_plist(dataset);
  if (plist < 0) return;
  hsize_t chunk[H5S_MAX_RANK];
  if (H5Pget_layout(plist) == H5D_CHUNKED &&
      H5Pget_chunk(plist, H5S_MAX_RANK, chunk) > 0) {
    info->chunked = true;
    info->chunk_rows = (int64_t)chunk[0];
    info->compressed = H5Pget_nfilters(plist) > 0;
  }
  (void)H5Pclose(plist);
}

static esp_status read_extent(hid_t space, const char *name, esp_shape *shape) {
  const int ndim = H5Sget_simple_extent_ndims(space);
  if (ndim < 1 || ndim > ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "dataset %s has %d dimensions, expected 1 to %d", name,
                    ndim, ESP_MAX_NDIM);
  }
  hsize_t dim[ESP_MAX_NDIM];
  (void)H5Sget_simple_extent_dims(space, dim, NULL);
  *shape = (esp_shape){.ndim = ndim};
  for (int i = 0; i < ndim; i++) shape->dim[i] = (int64_t)dim[i];
  return ESP_OK;
}

esp_status esp_store_info(hid_t dataset, const char *name,
                          esp_dataset_info *info) {
  const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  esp_status status = ESP_OK;
  *info = (esp_dataset_info){0};
  if (type < 0 || space < 0) {
    status = ESP_FAIL(ESP_IO, "cannot read what dataset %s is", name);
    goto done;
  }
  if ((status = read_extent(space, name, &info->shape)) != ESP_OK) goto done;
  info->type = esp_store_dtype(type);
  info->bytes_stored = (int64_t)H5Dget_storage_size(dataset);
  read_layout(dataset, info);
  if (info->type == ESP_UNDEFINED) {
    status =
        ESP_FAIL(ESP_BAD_INPUT,
                 "dataset %s is not of numbers (integers, floats, bool)", name);
  }

done:
  if (space >= 0) (void)H5Sclose(space);
  if (type >= 0) (void)H5Tclose(type);
  return status;
}

esp_status esp_store_rows(hid_t dataset, const esp_shape *shape, hid_t type,
                          hid_t transfer, int64_t first, int64_t count,
                          void *read, const void *write) {
  if (first < 0 || count < 0 || count > shape->dim[0] - first) {
    return ESP_FAIL(ESP_INTERNAL, "rows %lld to %lld of %lld", (long long)first,
                    (long long)(first + count), (long long)shape->dim[0]);
  }
  if (count == 0 || esp_shape_product(shape, 1, shape->ndim) == 0)
    return ESP_OK;
  hsize_t start[ESP_MAX_NDIM] = {(hsize_t)first}, block[ESP_MAX_NDIM];
  for (int i = 0; i < shape->ndim; i++) block[i] = (hsize_t)shape->dim[i];
  block[0] = (hsize_t)count;
  const hid_t file = H5Dget_space(dataset);
  const hid_t memory = H5Screate_simple(shape->ndim, block, NULL);
  herr_t error = -1;
  if (file >= 0 && memory >= 0 &&
      H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, block, NULL) >=
          0) {
    error = read != NULL
                ? H5Dread(dataset, type, memory, file, transfer, read)
                : H5Dwrite(dataset, type, memory, file, transfer, write);
  }
  esp_status status = ESP_OK;
  char why[200];
  if (error < 0) {
    status = ESP_FAIL(ESP_IO, "cannot %s rows %lld to %lld: %s",
                      read != NULL ? "read" : "write", (long long)first,
                      (long long)(first + count - 1),
                      esp_store_reason(why, sizeof why));
  }
  if (memory >= 0) (void)H5Sclose(memory);
  if (file >= 0) (void)H5Sclose(file);
  return status;
}

typedef struct walk {
  void (*visit)(void *, const char *);
  void *context;
} walk;

static herr_t visit_object(hid_t file, const char *name, const H5O_info_t *info,
                           void *context) {
  const walk *w = context;
  (void)file;
  if (info->type == H5O_TYPE_DATASET) w->visit(w->context, name);
  return 0;
}

esp_status esp_store_each(hid_t file,
                          void (*visit)(void *context, const char *path),
                          void *context) {
  walk w = {visit, context};
  if (H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, visit_object, &w) < 0) {
    return ESP_FAIL(ESP_IO, "cannot list the datasets");
  }
  return ESP_OK;
}
