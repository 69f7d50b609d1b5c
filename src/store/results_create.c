// Making a results file: by rank 0 alone, the others hear how it went.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/private.h"

typedef struct making {
  const char *path;
  hid_t file;
  hsize_t bytes; // where the last dataset ends
} making;

static esp_status failed(const making *self, const char *what) {
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
static esp_status touch(const making *self) {
  const int file = open(self->path, O_WRONLY | O_CREAT, 0666);
  if (file < 0) {
    return ESP_FAIL(ESP_IO, "cannot create %s: %s", self->path,
                    strerror(errno));
  }
  (void)close(file);
  return ESP_OK;
}

static esp_status create_file(making *self) {
  ESP_TRY(touch(self));
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  (void)H5Pset_fapl_mpio(access, MPI_COMM_SELF, MPI_INFO_NULL);
  self->file = H5Fcreate(self->path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  (void)H5Pclose(access);
  return self->file >= 0 ? ESP_OK : failed(self, "create it");
}

static hid_t text_type(size_t bytes) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  (void)H5Tset_size(type, bytes > 0 ? bytes : 1);
  (void)H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

static herr_t set_attribute(hid_t object, const char *name, hid_t type,
                            const void *value) {
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute =
      H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const herr_t error = attribute >= 0 ? H5Awrite(attribute, type, value) : -1;
  if (attribute >= 0) (void)H5Aclose(attribute);
  (void)H5Sclose(space);
  return error;
}

static herr_t set_text(hid_t object, const char *name, const char *text) {
  const hid_t type = text_type(strlen(text));
  const herr_t error = set_attribute(object, name, type, text);
  (void)H5Tclose(type);
  return error;
}

static esp_status create_set(making *self, const char *path, hid_t type,
                             const esp_shape *shape, const char *onnx_name) {
  hsize_t dim[ESP_MAX_NDIM] = {0};
  for (int d = 0; d < shape->ndim; d++) dim[d] = (hsize_t)shape->dim[d];
  const hid_t space = H5Screate_simple(shape->ndim, dim, NULL);
  const hid_t create = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t link = H5Pcreate(H5P_LINK_CREATE);
  (void)H5Pset_layout(create, H5D_CONTIGUOUS);
  (void)H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY);
  (void)H5Pset_fill_time(create, H5D_FILL_TIME_NEVER);
  (void)H5Pset_obj_track_times(create, false); // no header changes later
  (void)H5Pset_create_intermediate_group(link, 1);
  const hid_t set =
      H5Dcreate2(self->file, path, type, space, link, create, H5P_DEFAULT);
  esp_status status = ESP_OK;
  if (set < 0 ||
      (onnx_name != NULL && set_text(set, "onnx_name", onnx_name) < 0)) {
    status = failed(self, "create a dataset");
  } else {
    const haddr_t begin = H5Dget_offset(set);
    const hsize_t end = begin + H5Dget_storage_size(set);
    if (begin != HADDR_UNDEF && end > self->bytes) self->bytes = end;
  }
  if (set >= 0) (void)H5Dclose(set);
  (void)H5Pclose(link);
  (void)H5Pclose(create);
  if (space >= 0) (void)H5Sclose(space);
  return status;
}

static esp_status create_results(making *self, const esp_result *result,
                                 int count) {
  for (int i = 0; i < count; i++) {
    const hid_t type = esp_store_native(result[i].type);
    if (type < 0) {
      return ESP_FAIL(ESP_UNSUPPORTED, "%s is %s, which cannot be stored",
                      result[i].path, esp_dtype_text(result[i].type));
    }
    ESP_TRY(create_set(self, result[i].path, type, &result[i].shape,
                       result[i].onnx_name));
  }
  return ESP_OK;
}

static esp_status create_record(making *self, int64_t rows) {
  const esp_shape journal = esp_journal_shape(),
                  computed = esp_computed_shape(rows),
                  starts = {.ndim = 1, .dim = {ESP_STARTS}};
  ESP_TRY(create_set(self, ESP_JOURNAL_PATH, H5T_NATIVE_INT64, &journal, NULL));
  ESP_TRY(
      create_set(self, ESP_COMPUTED_PATH, H5T_NATIVE_INT32, &computed, NULL));
  const hid_t type = text_type(ESP_START_BYTES);
  const esp_status status =
      create_set(self, ESP_STARTS_PATH, type, &starts, NULL);
  (void)H5Tclose(type);
  return status;
}

static esp_status set_notes(making *self, const esp_note *note, int notes) {
  const double no = 0;
  bool bad = set_attribute(self->file, "complete", H5T_NATIVE_DOUBLE, &no) < 0;
  for (int i = 0; i < notes && !bad; i++) {
    bad = set_text(self->file, note[i].name, note[i].text) < 0;
  }
  return bad ? failed(self, "note what it is") : ESP_OK;
}

// Of the disk that a file lies on; infinite where the system does not tell.
static double free_bytes(int file) {
  struct statvfs disk;
  return fstatvfs(file, &disk) == 0
             ? (double)disk.f_bavail * (double)disk.f_frsize
             : HUGE_VAL;
}

// That a file takes already.
static double own_bytes(int file) {
  enum {
    BLOCK = 512
  }; // whatever the disk's are: POSIX leaves it open, Linux
     // says so
  struct stat about;
  return fstat(file, &about) == 0 ? (double)about.st_blocks * BLOCK : 0;
}

// Asks the system for the whole length now: a full disk is found before
// anything is computed.
static esp_status reserve(const making *self) {
  const int file = open(self->path, O_WRONLY);
  if (file < 0) return ESP_FAIL(ESP_IO, "cannot open %s", self->path);
  const off_t length = (off_t)self->bytes;
  const double free = free_bytes(file);
  // What is asked for in vain would fill the disk for a moment.
  int error = (double)length - own_bytes(file) > free ? ENOSPC : 0;
  if (error == 0 && length > 0) error = posix_fallocate(file, 0, length);
  const bool unsynced = fsync(file) != 0;
  (void)close(file);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return ESP_FAIL(ESP_IO,
                    "no room for %s: %lld bytes are needed, %.0f are free",
                    self->path, (long long)length, free);
  }
  if (!unsynced) return ESP_OK;
  return ESP_FAIL(ESP_IO, "%s cannot be brought to the disk", self->path);
}

static esp_status make(making *self, const esp_result *result, int count,
                       const esp_note *note, int notes) {
  ESP_TRY(check_paths(result, count));
  ESP_TRY(create_file(self));
  ESP_TRY(create_results(self, result, count));
  ESP_TRY(create_record(self, count > 0 ? result[0].shape.dim[0] : 0));
  ESP_TRY(set_notes(self, note, notes));
  // What the library would write too much of is asked for before it can fail.
  ESP_TRY(reserve(self));
  const bool closed = esp_store_close(self->file);
  self->file = H5I_INVALID_HID;
  if (!closed) return failed(self, "close it");
  return reserve(self);
}

static esp_status make_or_remove(const char *path, const esp_result *result,
                                 int count, const esp_note *note, int notes) {
  making self = {.path = path, .file = H5I_INVALID_HID};
  const esp_status status = make(&self, result, count, note, notes);
  if (self.file >= 0) (void)esp_store_close(self.file);
  if (status != ESP_OK) (void)unlink(path);
  return status;
}

esp_status esp_results_create(const void *communicator, const char *path,
                              const esp_result *result, int count,
                              const esp_note *note, int notes) {
  esp_store_quiet();
  const MPI_Comm group = *(const MPI_Comm *)communicator;
  int rank;
  MPI_Comm_rank(group, &rank);
  return esp_store_agree(
      group, path,
      rank == 0 ? make_or_remove(path, result, count, note, notes) : ESP_OK);
}
