#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/private.h"

typedef struct tour {
  hid_t file;
  const esp_store_visitor *visitor;
} tour;

static void visit_dataset(void *context, const char *path) {
  const tour *t = context;
  char *full = NULL;
  if (asprintf(&full, "/%s", path) < 0) return;
  const hid_t set = H5Dopen2(t->file, full, H5P_DEFAULT);
  esp_dataset_info info;
  if (set >= 0) {
    // A dataset of no numbers is still shown, as undefined.
    (void)esp_store_info(set, full, &info);
    t->visitor->dataset(t->visitor->context, full, &info);
    (void)H5Dclose(set);
  }
  free(full);
}

static void text_of(hid_t attribute, hid_t type, char *text, size_t room) {
  double number;
  if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) <= 0) {
    const size_t bytes = H5Tget_size(type);
    char *held = calloc(bytes + 1, 1);
    if (held != NULL && H5Aread(attribute, type, held) >= 0) {
      (void)snprintf(text, room, "%s", held);
    }
    free(held);
  } else if (H5Aread(attribute, H5T_NATIVE_DOUBLE, &number) >= 0) {
    (void)snprintf(text, room, "%.15g", number);
  }
}

static herr_t visit_attribute(hid_t file, const char *name,
                              const H5A_info_t *info, void *context) {
  const tour *t = context;
  (void)info;
  const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  if (attribute < 0) return 0;
  const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  char text[1024] = "?";
  if (H5Sget_simple_extent_npoints(space) == 1) {
    text_of(attribute, type, text, sizeof text);
  }
  t->visitor->attribute(t->visitor->context, name, text);
  (void)H5Sclose(space);
  (void)H5Tclose(type);
  (void)H5Aclose(attribute);
  return 0;
}

esp_status esp_store_visit(const char *path, const esp_store_visitor *visitor) {
  esp_store_quiet();
  if (access(path, R_OK) != 0) {
    return ESP_FAIL(ESP_IO, "cannot open %s: %s", path, strerror(errno));
  }
  tour t = {.visitor = visitor};
  t.file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  char why[200];
  if (t.file < 0) {
    return ESP_FAIL(ESP_IO, "%s is not an HDF5 file that can be read: %s", path,
                    esp_store_reason(why, sizeof why));
  }
  esp_status status = esp_store_each(t.file, visit_dataset, &t);
  if (status == ESP_OK && H5Aiterate2(t.file, H5_INDEX_NAME, H5_ITER_INC, NULL,
                                      visit_attribute, &t) < 0) {
    status = ESP_FAIL(ESP_IO, "%s: cannot list the attributes", path);
  }
  (void)H5Fclose(t.file);
  return status;
}
