#include <errno.h>
#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/private.h"

struct esp_results {
  MPI_Comm group;
  int rank;
  char *path;
  hid_t file;
  int count;
  hid_t *set;
  esp_shape *shape;
  hid_t *type;
};

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

// The worst of all ranks; each has said its own message, rank 0's is kept.
static esp_status agree(const esp_results *self, esp_status mine) {
  int worst = (int)mine;
  MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_INT, MPI_MAX, self->group);
  if (worst != ESP_OK && mine == ESP_OK) {
    return ESP_FAIL((esp_status)worst, "another rank cannot write %s",
                    self->path);
  }
  return (esp_status)worst;
}

static esp_status failed(const esp_results *self, const char *what) {
  char why[200];
  return ESP_FAIL(ESP_IO, "%s: cannot %s: %s", self->path, what,
                  esp_store_reason(why, sizeof why));
}

static bool inside(const char *outer, const char *inner) {
  const size_t n = strlen(outer);
  return strncmp(outer, inner, n) == 0 && (inner[n] == '\0' || inner[n] == '/');
}

static esp_status check_paths(const esp_result *result, int count) {
  for (int a = 0; a < count; a++) {
    for (int b = 0; b < count; b++) {
      if (a == b || !inside(result[a].path, result[b].path)) continue;
      return ESP_FAIL(ESP_BAD_INPUT, "results %s and %s cannot both be written",
                      result[a].path, result[b].path);
    }
  }
  return ESP_OK;
}

// Tries to make the file before MPI does: its reasons are plainer.
static esp_status touch(const esp_results *self) {
  const int file = open(self->path, O_WRONLY | O_CREAT, 0666);
  if (file < 0) {
    return ESP_FAIL(ESP_IO, "cannot create %s: %s", self->path,
                    strerror(errno));
  }
  (void)close(file);
  return ESP_OK;
}

static esp_status create_file(esp_results *self) {
  const esp_status status = self->rank == 0 ? touch(self) : ESP_OK;
  ESP_TRY(agree(self, status));
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  (void)H5Pset_fapl_mpio(access, self->group, MPI_INFO_NULL);
  self->file = H5Fcreate(self->path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  (void)H5Pclose(access);
  return agree(self, self->file >= 0 ? ESP_OK : failed(self, "create it"));
}

static herr_t set_text(hid_t object, const char *name, const char *text) {
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  (void)H5Tset_size(type, strlen(text) > 0 ? strlen(text) : 1);
  (void)H5Tset_cset(type, H5T_CSET_UTF8);
  const hid_t attribute =
      H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const herr_t error = attribute >= 0 ? H5Awrite(attribute, type, text) : -1;
  if (attribute >= 0) (void)H5Aclose(attribute);
  (void)H5Sclose(space);
  (void)H5Tclose(type);
  return error;
}

static herr_t set_number(hid_t object, const char *name, double number) {
  if (H5Aexists(object, name) > 0) (void)H5Adelete(object, name);
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(object, name, H5T_NATIVE_DOUBLE, space,
                                     H5P_DEFAULT, H5P_DEFAULT);
  const herr_t error =
      attribute >= 0 ? H5Awrite(attribute, H5T_NATIVE_DOUBLE, &number) : -1;
  if (attribute >= 0) (void)H5Aclose(attribute);
  (void)H5Sclose(space);
  return error;
}

static esp_status create_set(esp_results *self, int i,
                             const esp_result *result) {
  hsize_t dim[ESP_MAX_NDIM] = {0};
  for (int d = 0; d < result->shape.ndim; d++) {
    dim[d] = (hsize_t)result->shape.dim[d];
  }
  self->shape[i] = result->shape;
  self->type[i] = esp_store_native(result->type);
  if (self->type[i] < 0) {
    return ESP_FAIL(ESP_UNSUPPORTED, "%s is %s, which cannot be stored",
                    result->path, esp_dtype_text(result->type));
  }
  const hid_t space = H5Screate_simple(result->shape.ndim, dim, NULL);
  const hid_t create = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t link = H5Pcreate(H5P_LINK_CREATE);
  (void)H5Pset_layout(create, H5D_CONTIGUOUS);
  (void)H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY);
  (void)H5Pset_fill_time(create, H5D_FILL_TIME_NEVER);
  (void)H5Pset_create_intermediate_group(link, 1);
  self->set[i] = H5Dcreate2(self->file, result->path, self->type[i], space,
                            link, create, H5P_DEFAULT);
  esp_status status = ESP_OK;
  if (self->set[i] < 0 ||
      (result->onnx_name != NULL &&
       set_text(self->set[i], "onnx_name", result->onnx_name) < 0)) {
    status = failed(self, "create a dataset");
  }
  (void)H5Pclose(link);
  (void)H5Pclose(create);
  if (space >= 0) (void)H5Sclose(space);
  return status;
}

// Asks the system for the whole length now: a full disk is found before
// anything is computed.
static esp_status reserve(const esp_results *self, hsize_t bytes) {
  const int file = open(self->path, O_WRONLY);
  if (file < 0) return ESP_FAIL(ESP_IO, "cannot open %s", self->path);
  const int error = bytes > 0 ? posix_fallocate(file, 0, (off_t)bytes) : 0;
  (void)fsync(file);
  (void)close(file);
  if (error != ENOSPC && error != EDQUOT && error != EFBIG) return ESP_OK;
  struct statvfs disk = {0};
  (void)statvfs(self->path, &disk);
  return ESP_FAIL(ESP_IO,
                  "no room for %s: %llu bytes are needed, %llu are free",
                  self->path, (unsigned long long)bytes,
                  (unsigned long long)disk.f_bavail * disk.f_frsize);
}

static esp_status settle(esp_results *self) {
  const bool bad =
      set_number(self->file, "complete", 0) < 0 ||
      set_text(self->file, "creator", "espalier " ESPALIER_VERSION) < 0 ||
      H5Fflush(self->file, H5F_SCOPE_GLOBAL) < 0;
  ESP_TRY(agree(self, bad ? failed(self, "settle it") : ESP_OK));
  // The library gives the file its length only when it is closed: the datasets'
  // ends tell.
  hsize_t bytes = 0;
  for (int i = 0; i < self->count; i++) {
    const haddr_t begin = H5Dget_offset(self->set[i]);
    const hsize_t end = begin + H5Dget_storage_size(self->set[i]);
    if (begin != HADDR_UNDEF && end > bytes) bytes = end;
  }
  return agree(self, self->rank == 0 ? reserve(self, bytes) : ESP_OK);
}

static esp_status open_results(esp_results *self, const esp_result *result,
                               int count) {
  self->set = calloc((size_t)count + 1, sizeof *self->set);
  self->shape = calloc((size_t)count + 1, sizeof *self->shape);
  self->type = calloc((size_t)count + 1, sizeof *self->type);
  esp_status status = check_paths(result, count);
  if (self->set == NULL || self->shape == NULL || self->type == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot create %s", self->path);
  }
  ESP_TRY(agree(self, status));
  self->count = count;
  for (int i = 0; i < count; i++) self->set[i] = H5I_INVALID_HID;
  ESP_TRY(create_file(self));
  for (int i = 0; i < count && status == ESP_OK; i++) {
    status = create_set(self, i, &result[i]);
  }
  ESP_TRY(agree(self, status));
  return settle(self);
}

esp_status esp_results_create(const void *communicator, const char *path,
                              const esp_result *result, int count,
                              esp_results **results) {
  esp_store_quiet();
  esp_results *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot create %s", path);
  MPI_Comm_dup(*(const MPI_Comm *)communicator, &self->group);
  MPI_Comm_rank(self->group, &self->rank);
  self->file = H5I_INVALID_HID;
  self->path = strdup(path);
  const esp_status status = open_results(self, result, count);
  if (status != ESP_OK) {
    const bool made = self->file >= 0;
    const bool first = self->rank == 0;
    esp_results_close(self);
    if (made && first) (void)unlink(path);
    return status;
  }
  *results = self;
  return ESP_OK;
}

esp_status esp_results_write(esp_results *results, int which, int64_t first,
                             int64_t count, const void *rows) {
  const esp_status status = esp_store_rows(
      results->set[which], &results->shape[which], results->type[which],
      H5P_DEFAULT, first, count, NULL, rows);
  return status == ESP_OK ? ESP_OK
                          : esp_fail_within(status, "%s", results->path);
}

esp_status esp_results_note(esp_results *results, const char *name,
                            const char *text) {
  const herr_t error = set_text(results->file, name, text);
  return agree(results, error < 0 ? failed(results, "note") : ESP_OK);
}

esp_status esp_results_note_number(esp_results *results, const char *name,
                                   double number) {
  const herr_t error = set_number(results->file, name, number);
  return agree(results, error < 0 ? failed(results, "note") : ESP_OK);
}

esp_status esp_results_finish(esp_results *results) {
  const bool bad = set_number(results->file, "complete", 1) < 0 ||
                   H5Fflush(results->file, H5F_SCOPE_GLOBAL) < 0;
  return agree(results, bad ? failed(results, "finish it") : ESP_OK);
}

void esp_results_close(esp_results *results) {
  if (results == NULL) return;
  for (int i = 0; i < results->count; i++) {
    if (results->set[i] >= 0) (void)H5Dclose(results->set[i]);
  }
  if (results->file >= 0) (void)H5Fclose(results->file);
  MPI_Comm_free(&results->group);
  free(results->set);
  free(results->shape);
  free(results->type);
  free(results->path);
  free(results);
}
