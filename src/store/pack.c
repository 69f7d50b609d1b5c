#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/private.h"

static hid_t create_set(hid_t file, const char *path, const esp_packed *p) {
  hsize_t dim[ESP_MAX_NDIM] = {0};
  for (int d = 0; d < p->shape.ndim; d++) dim[d] = (hsize_t)p->shape.dim[d];
  const hid_t space = H5Screate_simple(p->shape.ndim, dim, NULL);
  const hid_t link = H5Pcreate(H5P_LINK_CREATE);
  (void)H5Pset_create_intermediate_group(link, 1);
  const hid_t set = H5Dcreate2(file, path, esp_store_native(p->type), space,
                               link, H5P_DEFAULT, H5P_DEFAULT);
  (void)H5Pclose(link);
  if (space >= 0) (void)H5Sclose(space);
  return set;
}

static esp_status copy_rows(esp_packed *p, const char *path, hid_t set) {
  enum { BLOCK_BYTES = 4 << 20 };
  const size_t row = (size_t)esp_shape_product(&p->shape, 1, p->shape.ndim) *
                     esp_dtype_bytes(p->type);
  if (row == 0) return ESP_OK;
  const int64_t most = row < BLOCK_BYTES ? (int64_t)(BLOCK_BYTES / row) : 1;
  void *block;
  ESP_TRY(esp_allocate((size_t)most * row, &block));
  esp_status status = ESP_OK;
  for (int64_t first = 0; first < p->shape.dim[0] && status == ESP_OK;) {
    const int64_t left = p->shape.dim[0] - first;
    const int64_t count = left < most ? left : most;
    status = esp_packed_read(p, path, block, (size_t)count * row);
    if (status == ESP_OK) {
      status = esp_store_rows(set, &p->shape, esp_store_native(p->type),
                              H5P_DEFAULT, first, count, NULL, block);
    }
    first += count;
  }
  esp_free(block);
  return status;
}

static esp_status pack_one(hid_t file, const esp_pack_item *item) {
  esp_packed p;
  ESP_TRY(esp_packed_open(item->file, &p));
  const hid_t set = create_set(file, item->path, &p);
  esp_status status = ESP_OK;
  char why[200];
  if (set < 0) {
    status = ESP_FAIL(ESP_BAD_INPUT, "cannot make dataset %s: %s", item->path,
                      esp_store_reason(why, sizeof why));
  }
  if (status == ESP_OK) status = copy_rows(&p, item->file, set);
  if (status == ESP_OK) status = esp_packed_end(&p, item->file);
  if (set >= 0) (void)H5Dclose(set);
  esp_packed_close(&p);
  return status;
}

static esp_status pack_all(const esp_pack_item *item, int count,
                           const char *path) {
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  char why[200];
  if (file < 0) {
    return ESP_FAIL(ESP_IO, "cannot create %s: %s", path,
                    esp_store_reason(why, sizeof why));
  }
  esp_status status = ESP_OK;
  for (int i = 0; i < count && status == ESP_OK; i++) {
    status = pack_one(file, &item[i]);
  }
  if (H5Fclose(file) < 0 && status == ESP_OK) {
    status = ESP_FAIL(ESP_IO, "cannot write %s", path);
  }
  return status;
}

esp_status esp_pack(const esp_pack_item *item, int count, const char *output,
                    bool overwrite) {
  esp_store_quiet();
  if (!overwrite && esp_results_exist(output)) {
    return ESP_FAIL(ESP_EXISTS, "%s exists: give another output, or overwrite",
                    output);
  }
  char *spare = NULL; // renamed when whole
  if (asprintf(&spare, "%s.tmp-%ld", output, (long)getpid()) < 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot pack %s", output);
  }
  esp_status status = pack_all(item, count, spare);
  if (status == ESP_OK && rename(spare, output) != 0) {
    status = ESP_FAIL(ESP_IO, "cannot rename %s to %s", spare, output);
  }
  if (status != ESP_OK) (void)unlink(spare);
  free(spare);
  return status;
}
