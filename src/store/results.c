// A results file that is written.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/private.h"

bool esp_results_exist(const char *path) { return access(path, F_OK) == 0; }

esp_status esp_results_path(const char *group, const char *onnx_name,
                            char **path) {
  while (*onnx_name == '/') onnx_name++;
  char *made = NULL;
  const char *name = *onnx_name != '\0' ? onnx_name : "output";
  if (asprintf(&made, "%s/%s", group, name) < 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot name a result");
  }
  for (char *c = made + strlen(group) + 1; *c != '\0'; c++) {
    if (*c == '/') *c = '.';
  }
  if (strcmp(made + strlen(group) + 1, ".") == 0)
    strcpy(made + strlen(group) + 1, "_");
  *path = made;
  return ESP_OK;
}

esp_status esp_store_agree(MPI_Comm group, const char *path, esp_status mine) {
  int worst = (int)mine;
  MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_INT, MPI_MAX, group);
  if (worst != ESP_OK && mine == ESP_OK) {
    return ESP_FAIL((esp_status)worst, "another rank cannot write %s", path);
  }
  return (esp_status)worst;
}

static esp_status agree(const esp_results *self, esp_status mine) {
  return esp_store_agree(self->group, self->path, mine);
}

static esp_status failed(const esp_results *self, const char *what) {
  char why[200];
  return ESP_FAIL(ESP_IO, "%s: cannot %s: %s", self->path, what,
                  esp_store_reason(why, sizeof why));
}

static esp_status sync_folder(const char *path) {
  char *folder = strdup(path);
  if (folder == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot rename %s", path);
  char *slash = strrchr(folder, '/');
  if (slash != NULL) slash[slash == folder] = '\0';
  const int open_folder = open(slash != NULL ? folder : ".", O_RDONLY);
  if (open_folder >= 0) {
    (void)fsync(open_folder); // not every file system has that
    (void)close(open_folder);
  }
  free(folder);
  return ESP_OK;
}

esp_status esp_results_publish(const void *communicator, const char *from,
                               const char *to) {
  const MPI_Comm group = *(const MPI_Comm *)communicator;
  int rank;
  MPI_Comm_rank(group, &rank);
  esp_status status = ESP_OK;
  if (rank == 0) {
    status = rename(from, to) == 0
                 ? sync_folder(to)
                 : ESP_FAIL(ESP_IO, "cannot rename %s to %s: %s", from, to,
                            strerror(errno));
  }
  return esp_store_agree(group, to, status);
}

// Opening ---------------------------------------------------------------------

static esp_status open_set(esp_results *self, const char *path, esp_dtype type,
                           const esp_shape *want, hid_t *set) {
  char text[ESP_SHAPE_TEXT], other[ESP_SHAPE_TEXT];
  *set = H5Dopen2(self->file, path, H5P_DEFAULT);
  if (*set < 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "%s has no dataset %s", self->path, path);
  }
  esp_dataset_info info;
  ESP_TRY(esp_store_info(*set, path, &info));
  if (info.type == type && !info.chunked &&
      esp_shape_equal(&info.shape, want)) {
    return ESP_OK;
  }
  return ESP_FAIL(ESP_BAD_INPUT, "%s: %s is %s %s%s, expected %s %s",
                  self->path, path, esp_dtype_text(info.type),
                  esp_shape_text(&info.shape, text),
                  info.chunked ? " in chunks" : "", esp_dtype_text(type),
                  esp_shape_text(want, other));
}

static esp_status open_record(esp_results *self) {
  const esp_shape journal = esp_journal_shape();
  self->computed_shape = esp_computed_shape(self->rows);
  ESP_TRY(
      open_set(self, ESP_JOURNAL_PATH, ESP_INT64, &journal, &self->journal));
  ESP_TRY(open_set(self, ESP_COMPUTED_PATH, ESP_INT32, &self->computed_shape,
                   &self->computed));
  self->starts = H5Dopen2(self->file, ESP_STARTS_PATH, H5P_DEFAULT);
  if (self->starts < 0) return failed(self, "open " ESP_STARTS_PATH);
  esp_journal kept; // what is written next comes after it
  ESP_TRY(esp_results_read_journal(self, &kept));
  esp_ranges_end(&kept.done);
  return ESP_OK;
}

static esp_status open_sets(esp_results *self, const esp_result *result,
                            int count) {
  self->set = calloc((size_t)count + 1, sizeof *self->set);
  self->shape = calloc((size_t)count + 1, sizeof *self->shape);
  self->type = calloc((size_t)count + 1, sizeof *self->type);
  if (self->set == NULL || self->shape == NULL || self->type == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot open %s", self->path);
  }
  for (int i = 0; i < count; i++) {
    self->shape[i] = result[i].shape;
    self->type[i] = esp_store_native(result[i].type);
    ESP_TRY(open_set(self, result[i].path, result[i].type, &result[i].shape,
                     &self->set[i]));
    self->count++;
  }
  if (count > 0) self->rows = result[0].shape.dim[0];
  return open_record(self);
}

static esp_status open_file(esp_results *self) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  // Each rank for itself: nothing that one cannot write holds up another.
  (void)H5Pset_fapl_mpio(access, MPI_COMM_SELF, MPI_INFO_NULL);
  self->file = H5Fopen(self->path, H5F_ACC_RDWR, access);
  (void)H5Pclose(access);
  return agree(self, self->file >= 0 ? ESP_OK : failed(self, "open it"));
}

esp_status esp_results_open(const void *communicator, const char *path,
                            const esp_result *result, int count,
                            esp_results **results) {
  esp_store_quiet();
  esp_results *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot open %s", path);
  MPI_Comm_dup(*(const MPI_Comm *)communicator, &self->group);
  self->file = self->journal = self->computed = self->starts = H5I_INVALID_HID;
  self->path = strdup(path);
  esp_status status = open_file(self);
  if (status == ESP_OK) {
    status = open_sets(self, result, count);
    if (status == ESP_OK) status = esp_syncer_open(path, &self->syncer);
    status = agree(self, status);
  }
  if (status != ESP_OK) {
    esp_results_close(self);
    return status;
  }
  *results = self;
  return ESP_OK;
}

// Rows ------------------------------------------------------------------------

esp_status esp_results_write(esp_results *results, int which, int64_t first,
                             int64_t count, const void *rows) {
  const esp_status status = esp_store_rows(
      results->set[which], &results->shape[which], results->type[which],
      H5P_DEFAULT, first, count, NULL, rows);
  return status == ESP_OK ? ESP_OK
                          : esp_fail_within(status, "%s", results->path);
}

esp_status esp_results_read(esp_results *results, int which, int64_t first,
                            int64_t count, void *rows) {
  const esp_status status = esp_store_rows(
      results->set[which], &results->shape[which], results->type[which],
      H5P_DEFAULT, first, count, rows, NULL);
  return status == ESP_OK ? ESP_OK
                          : esp_fail_within(status, "%s", results->path);
}

void esp_results_sync(esp_results *results) {
  esp_syncer_begin(results->syncer);
}

bool esp_results_synced(esp_results *results, esp_status *status) {
  return esp_syncer_ended(results->syncer, status);
}

// In place: the attribute has been there from the beginning.
static herr_t set_complete(const esp_results *self) {
  const double yes = 1;
  const hid_t attribute = H5Aopen(self->file, "complete", H5P_DEFAULT);
  if (attribute < 0) return -1;
  const herr_t error = H5Awrite(attribute, H5T_NATIVE_DOUBLE, &yes);
  (void)H5Aclose(attribute);
  return error;
}

esp_status esp_results_finish(esp_results *results) {
  int rank;
  MPI_Comm_rank(results->group, &rank);
  const bool bad = rank == 0 && (set_complete(results) < 0 ||
                                 H5Fflush(results->file, H5F_SCOPE_GLOBAL) < 0);
  return agree(results, bad ? failed(results, "finish it") : ESP_OK);
}

static void close_set(hid_t set) {
  if (set >= 0) (void)H5Dclose(set);
}

void esp_results_close(esp_results *results) {
  if (results == NULL) return;
  esp_syncer_close(results->syncer);
  for (int i = 0; i < results->count; i++) close_set(results->set[i]);
  close_set(results->journal);
  close_set(results->computed);
  close_set(results->starts);
  if (results->file >= 0) (void)esp_store_close(results->file);
  MPI_Comm_free(&results->group);
  free(results->set);
  free(results->shape);
  free(results->type);
  free(results->path);
  free(results);
}
