// IDX and NPY into HDF5; broken files leave nothing behind.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "store/store.h"
#include "support/check.h"

static char folder[64] = "/tmp/esp-pack-XXXXXX";
static char paths[4][128];

static const char *in_folder(int slot, const char *name) {
  (void)snprintf(paths[slot], sizeof paths[slot], "%s/%s", folder, name);
  return paths[slot];
}

static void write_file(const char *path, const void *bytes, size_t count) {
  FILE *file = fopen(path, "wb");
  (void)fwrite(bytes, 1, count, file);
  (void)fclose(file);
}

// Three rows of two 16-bit numbers, big endian.
static const unsigned char idx[] = {0, 0, 0x0b, 2, 0,    0,    0, 3,
                                    0, 0, 0,    2, 0,    1,    0, 2,
                                    0, 3, 1,    0, 0xff, 0xff, 0, 6};
static const int16_t want[] = {1, 2, 3, 256, -1, 6};

static esp_status pack(const char *file, bool overwrite) {
  const esp_pack_item item = {file, "/group/x"};
  return esp_pack(&item, 1, in_folder(3, "d.h5"), overwrite);
}

static void check_packed(const int16_t *values) {
  esp_dataset *set = NULL;
  int16_t got[6] = {0};
  char spec[160];
  (void)snprintf(spec, sizeof spec, "%s:/group/x", in_folder(3, "d.h5"));
  CHECK_OK(esp_dataset_open(spec, &set));
  CU_ASSERT_EQUAL(esp_dataset_get_info(set)->type, ESP_INT16);
  CHECK_OK(esp_dataset_read(set, 0, 3, got));
  check_same_bytes(got, values, sizeof got);
  esp_dataset_close(set);
}

static void idx_is_turned_to_native(void) {
  write_file(in_folder(0, "x.idx"), idx, sizeof idx);
  CHECK_OK(pack(in_folder(0, "x.idx"), true));
  check_packed(want);
}

static void gzip_is_unpacked(void) {
  gzFile file = gzopen(in_folder(0, "x.gz"), "wb");
  (void)gzwrite(file, idx, sizeof idx);
  (void)gzclose(file);
  CHECK_OK(pack(in_folder(0, "x.gz"), true));
  check_packed(want);
}

static void npy_is_read(void) {
  char bytes[128 + sizeof want];
  memset(bytes, ' ', 128);
  const char *header = "\x93NUMPY\x01\x00\x76\x00{'descr': '<i2', "
                       "'fortran_order': False, 'shape': (3, 2), }";
  memcpy(bytes, header, 10 + strlen(header + 10));
  bytes[127] = '\n';
  memcpy(bytes + 128, want, sizeof want);
  write_file(in_folder(0, "x.npy"), bytes, sizeof bytes);
  CHECK_OK(pack(in_folder(0, "x.npy"), true));
  check_packed(want);
}

static void every_truncation_is_refused(void) {
  (void)unlink(in_folder(3, "d.h5"));
  for (size_t n = 0; n < sizeof idx; n++) {
    write_file(in_folder(0, "cut"), idx, n);
    CHECK_STATUS(pack(in_folder(0, "cut"), false), ESP_BAD_INPUT);
  }
  CU_ASSERT(!esp_results_exist(in_folder(3, "d.h5")));
}

static void what_follows_the_data_is_refused(void) {
  unsigned char more[sizeof idx + 1] = {0};
  memcpy(more, idx, sizeof idx);
  write_file(in_folder(0, "more"), more, sizeof more);
  CHECK_STATUS(pack(in_folder(0, "more"), false), ESP_BAD_INPUT);
  check_message("longer");
}

static void huge_dimensions_are_refused(void) {
  unsigned char huge[32] = {0, 0, 0x0e, 6};
  memset(huge + 4, 0xff, 24);
  write_file(in_folder(0, "huge"), huge, sizeof huge);
  CHECK_STATUS(pack(in_folder(0, "huge"), false), ESP_BAD_INPUT);
  check_message("too large");
}

static void an_existing_file_stays(void) {
  write_file(in_folder(3, "d.h5"), "precious", 8);
  CHECK_STATUS(pack(in_folder(0, "x.idx"), false), ESP_EXISTS);
  char bytes[9] = {0};
  FILE *file = fopen(in_folder(3, "d.h5"), "rb");
  (void)fread(bytes, 1, 8, file);
  (void)fclose(file);
  CU_ASSERT_STRING_EQUAL(bytes, "precious");
}

int main(void) {
  static const check_case cases[] = {
      CASE(idx_is_turned_to_native),
      CASE(gzip_is_unpacked),
      CASE(npy_is_read),
      CASE(every_truncation_is_refused),
      CASE(what_follows_the_data_is_refused),
      CASE(huge_dimensions_are_refused),
      CASE(an_existing_file_stays),
      {NULL, NULL},
  };
  if (mkdtemp(folder) == NULL) return 1;
  const int result = check_run("store/pack", cases);
  static const char *const names[] = {"x.idx", "x.gz", "x.npy", "cut",
                                      "more",  "huge", "d.h5"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    (void)unlink(in_folder(0, names[i]));
  }
  (void)rmdir(folder);
  return result;
}
