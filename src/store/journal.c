// The journal of a results file.  Two records of 64-bit numbers, written in
// turn: [0] the format, 1; [1] a number that rises with each record; [2] how
// often a run has begun; [3] the ranges; [4] when it was written, in seconds
// since 1970; [5] rows of the results; [6] the batch; [7] the checksum of all
// others (FNV-1a, 64 bits); then first row and end of each range.  The valid
// one with the larger number counts; none: nothing is done.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/private.h"

enum {
  RECORDS = 2,
  FORMAT = 1,
  SEQUENCE = 1, // places in a record
  STARTS,
  COUNT,
  SECONDS,
  ROWS,
  BATCH,
  CHECKSUM,
  HEAD,
  WORDS = HEAD + 2 * ESP_JOURNAL_RANGES,
  BLOCKS = 65536, // of "/espalier/computed"
  FIELDS = 3
};

esp_shape esp_journal_shape(void) {
  return (esp_shape){.ndim = 2, .dim = {RECORDS, WORDS}};
}

static int64_t block_rows(int64_t rows) { return (rows + BLOCKS - 1) / BLOCKS; }

esp_shape esp_computed_shape(int64_t rows) {
  const int64_t each = block_rows(rows);
  return (esp_shape){.ndim = 2,
                     .dim = {each > 0 ? (rows + each - 1) / each : 0, FIELDS}};
}

static int64_t checksum(const int64_t *record, size_t words) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t w = 0; w < words; w++) {
    const uint64_t word = w == CHECKSUM ? 0 : (uint64_t)record[w];
    for (int byte = 0; byte < 8; byte++) {
      hash = (hash ^ (word >> (8 * byte) & 0xff)) * 0x100000001b3u;
    }
  }
  return (int64_t)hash;
}

static bool valid(const int64_t *record) {
  if (record[0] != FORMAT || record[COUNT] < 0 ||
      record[COUNT] > ESP_JOURNAL_RANGES) {
    return false;
  }
  return record[CHECKSUM] == checksum(record, HEAD + 2 * (size_t)record[COUNT]);
}

static esp_status decode(const int64_t *record, esp_journal *journal) {
  journal->starts = record[STARTS];
  journal->seconds = record[SECONDS];
  journal->rows = record[ROWS];
  journal->batch = record[BATCH];
  for (int64_t i = 0; i < record[COUNT]; i++) {
    ESP_TRY(esp_ranges_add(&journal->done, record[HEAD + 2 * i],
                           record[HEAD + 2 * i + 1]));
  }
  return ESP_OK;
}

// *sequence: of the record that counts.
static esp_status read_journal(hid_t set, esp_journal *journal,
                               int64_t *sequence) {
  *journal = (esp_journal){.rows = -1};
  *sequence = 0;
  const esp_shape shape = esp_journal_shape();
  void *block = NULL;
  ESP_TRY(esp_allocate(sizeof(int64_t) * RECORDS * WORDS, &block));
  esp_status status = esp_store_rows(set, &shape, H5T_NATIVE_INT64, H5P_DEFAULT,
                                     0, RECORDS, block, NULL);
  const int64_t *best = NULL;
  for (int r = 0; r < RECORDS && status == ESP_OK; r++) {
    const int64_t *record = (const int64_t *)block + (size_t)r * WORDS;
    if (!valid(record) || record[SEQUENCE] <= *sequence) continue;
    *sequence = record[SEQUENCE];
    best = record;
  }
  if (best != NULL) status = decode(best, journal);
  if (status != ESP_OK) esp_ranges_end(&journal->done);
  esp_free(block);
  return status;
}

esp_status esp_results_read_journal(esp_results *results,
                                    esp_journal *journal) {
  return read_journal(results->journal, journal, &results->sequence);
}

// What does not fit is left out, the shortest first: it is computed again.
static void encode_ranges(const esp_ranges *done, int64_t *record) {
  size_t left_out =
      done->count > ESP_JOURNAL_RANGES ? done->count - ESP_JOURNAL_RANGES : 0;
  int64_t shortest = 0, next = HEAD;
  for (int64_t most = 1; left_out > 0; most *= 2) {
    size_t shorter = 0;
    for (size_t i = 0; i < done->count; i++) {
      shorter += done->range[i].end - done->range[i].first <= most;
    }
    if (shorter < left_out) continue;
    shortest = most;
    break;
  }
  for (size_t i = 0; i < done->count; i++) {
    const esp_range range = done->range[i];
    if (left_out > 0 && range.end - range.first <= shortest) {
      left_out--;
      continue;
    }
    record[next++] = range.first;
    record[next++] = range.end;
  }
  record[COUNT] = (next - HEAD) / 2;
}

// Writes the beginning of one row of a dataset of numbers in rows.
static herr_t write_row(hid_t set, hid_t type, hsize_t row, hsize_t numbers,
                        const void *from) {
  const hsize_t start[2] = {row, 0}, block[2] = {1, numbers};
  const hid_t file = H5Dget_space(set);
  const hid_t memory = H5Screate_simple(2, block, NULL);
  herr_t error =
      H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, block, NULL);
  if (error >= 0) {
    error = H5Dwrite(set, type, memory, file, H5P_DEFAULT, from);
  }
  (void)H5Sclose(memory);
  (void)H5Sclose(file);
  return error;
}

static esp_status failed(const esp_results *self, const char *what) {
  char why[200];
  return ESP_FAIL(ESP_IO, "%s: cannot write %s: %s", self->path, what,
                  esp_store_reason(why, sizeof why));
}

esp_status esp_results_write_journal(esp_results *results,
                                     const esp_journal *journal) {
  void *block = NULL;
  ESP_TRY(esp_allocate_zero(WORDS, sizeof(int64_t), &block));
  int64_t *record = block;
  record[0] = FORMAT;
  record[SEQUENCE] = results->sequence + 1;
  record[STARTS] = journal->starts;
  record[SECONDS] = (int64_t)time(NULL);
  record[ROWS] = results->rows;
  record[BATCH] = journal->batch;
  encode_ranges(&journal->done, record);
  const size_t words = HEAD + 2 * (size_t)record[COUNT];
  record[CHECKSUM] = checksum(record, words);
  const herr_t error =
      write_row(results->journal, H5T_NATIVE_INT64,
                (hsize_t)(record[SEQUENCE] % RECORDS), words, record);
  if (error >= 0) results->sequence++;
  esp_free(block);
  return error >= 0 ? ESP_OK : failed(results, "the journal");
}

esp_status esp_results_note_start(esp_results *results, int64_t start,
                                  const char *line) {
  char text[ESP_START_BYTES] = "";
  (void)snprintf(text, sizeof text, "%s", line);
  const hsize_t first = (hsize_t)(start % ESP_STARTS), one = 1;
  const hid_t type = H5Dget_type(results->starts);
  const hid_t file = H5Dget_space(results->starts);
  const hid_t memory = H5Screate_simple(1, &one, NULL);
  herr_t error =
      H5Sselect_hyperslab(file, H5S_SELECT_SET, &first, NULL, &one, NULL);
  if (error >= 0) {
    error = H5Dwrite(results->starts, type, memory, file, H5P_DEFAULT, text);
  }
  (void)H5Sclose(memory);
  (void)H5Sclose(file);
  (void)H5Tclose(type);
  return error >= 0 ? ESP_OK : failed(results, "that a run has begun");
}

esp_status esp_results_note_computed(esp_results *results, int64_t first,
                                     int64_t count, int64_t start, int rank,
                                     double seconds) {
  enum { AT_ONCE = 64 };
  if (count == 0) return ESP_OK;
  int32_t rows[AT_ONCE][FIELDS];
  for (int i = 0; i < AT_ONCE; i++) {
    rows[i][0] = (int32_t)(start + 1); // 0: nobody
    rows[i][1] = (int32_t)rank;
    rows[i][2] = (int32_t)seconds;
  }
  const int64_t each = block_rows(results->rows);
  const int64_t end = (first + count - 1) / each + 1;
  for (int64_t b = first / each; b < end; b += AT_ONCE) {
    const int64_t some = end - b < AT_ONCE ? end - b : AT_ONCE;
    ESP_TRY(esp_store_rows(results->computed, &results->computed_shape,
                           H5T_NATIVE_INT32, H5P_DEFAULT, b, some, NULL, rows));
  }
  return ESP_OK;
}

esp_status esp_store_journal(const char *path, esp_journal *journal) {
  esp_store_quiet();
  *journal = (esp_journal){.rows = -1};
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) {
    char why[200];
    return ESP_FAIL(ESP_IO, "%s is not an HDF5 file that can be read: %s", path,
                    esp_store_reason(why, sizeof why));
  }
  const hid_t set = H5Dopen2(file, ESP_JOURNAL_PATH, H5P_DEFAULT);
  esp_dataset_info info;
  const esp_shape shape = esp_journal_shape();
  esp_status status = ESP_OK;
  int64_t sequence;
  if (set >= 0 && esp_store_info(set, path, &info) == ESP_OK &&
      info.type == ESP_INT64 && esp_shape_equal(&info.shape, &shape)) {
    status = read_journal(set, journal, &sequence);
    if (journal->rows < 0) journal->rows = 0; // a run that has just begun
  }
  if (set >= 0) (void)H5Dclose(set);
  (void)H5Fclose(file);
  return status;
}
