#include "cost/book.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define HEADER "espalier costs 2"
enum { MOST_NODES = 1 << 24, MOST_THREADS = 1 << 16, MOST_BATCH = 1 << 24 };

// Where ---------------------------------------------------------------------

// The folder (XDG Base Directory Specification, with a name of our own that
// goes before it); free().  NULL: the user has none.
static char *folder(void) {
  const char *own = getenv("ESPALIER_CACHE");
  const char *caches = getenv("XDG_CACHE_HOME");
  const char *home = getenv("HOME");
  char *path = NULL;
  int written = -1;
  if (own != NULL && own[0] != '\0') {
    written = asprintf(&path, "%s", own);
  } else if (caches != NULL && caches[0] == '/') {
    written = asprintf(&path, "%s/espalier", caches);
  } else if (home != NULL && home[0] == '/') {
    written = asprintf(&path, "%s/.cache/espalier", home);
  }
  return written >= 0 ? path : NULL;
}

static char *file_of(const char *key, const char *end) {
  char *place = folder(), *path = NULL;
  if (place == NULL) return NULL;
  const uint64_t hash = esp_hash(ESP_HASH_BEGIN, key, strlen(key));
  const int written =
      asprintf(&path, "%s/%016" PRIx64 ".costs%s", place, hash, end);
  free(place);
  return written >= 0 ? path : NULL;
}

// Makes the folders of a file that are missing.
static void make_folders(char *path) {
  for (char *c = path + 1; *c != '\0'; c++) {
    if (*c != '/') continue;
    *c = '\0';
    (void)mkdir(path, 0777);
    *c = '/';
  }
}

// Reading ---------------------------------------------------------------------

// Do the next lines say this?
static bool expect(FILE *in, const char *text) {
  for (const char *c = text; *c != '\0'; c++) {
    if (fgetc(in) != (unsigned char)*c) return false;
  }
  return fgetc(in) == '\n';
}

static bool is_way(const esp_way *w) {
  return w->streams > 0 && w->workers > 0 && w->width > 0 &&
         w->streams <= MOST_THREADS && w->workers <= MOST_THREADS &&
         w->width <= MOST_THREADS;
}

static bool read_seconds(FILE *in, int nodes, double **seconds) {
  *seconds = calloc((size_t)nodes + 1, sizeof **seconds);
  for (int n = 0; *seconds != NULL && n < nodes; n++) {
    double *s = &(*seconds)[n];
    if (fscanf(in, "%lf", s) != 1 || !isfinite(*s) || *s < 0) return false;
  }
  return *seconds != NULL;
}

static bool read_nodes(FILE *in, esp_book *book) {
  return read_seconds(in, book->nodes, &book->seconds) &&
         (!book->way.molded || read_seconds(in, book->nodes, &book->narrow));
}

static bool read_all(FILE *in, const char *key, esp_book *book) {
  int molded, chosen, batch_chosen;
  if (!expect(in, HEADER) || !expect(in, key)) return false;
  if (fscanf(in, "way %d %d %d %d %d\nbatch %" SCNd64 " %d\nnodes %d\n",
             &book->way.streams, &book->way.workers, &book->way.width, &molded,
             &chosen, &book->batch, &batch_chosen, &book->nodes) != 8) {
    return false;
  }
  book->way.molded = molded == 1;
  book->chosen = chosen == 1;
  book->batch_chosen = batch_chosen == 1;
  return is_way(&book->way) && book->batch > 0 && book->batch <= MOST_BATCH &&
         book->nodes > 0 && book->nodes <= MOST_NODES && read_nodes(in, book);
}

void esp_book_read(const char *key, esp_book *book) {
  *book = (esp_book){0};
  char *path = file_of(key, "");
  FILE *in = path != NULL ? fopen(path, "r") : NULL;
  free(path);
  if (in == NULL) return;
  if (!read_all(in, key, book)) esp_book_end(book);
  (void)fclose(in);
}

// Writing ---------------------------------------------------------------------

static void write_seconds(FILE *out, int nodes, const double *seconds) {
  for (int n = 0; n < nodes; n++) fprintf(out, "%.6g\n", seconds[n]);
}

static bool write_all(FILE *out, const char *key, const esp_book *book) {
  const esp_way *w = &book->way;
  fprintf(out,
          HEADER "\n%s\nway %d %d %d %d %d\nbatch %" PRId64 " %d\nnodes %d\n",
          key, w->streams, w->workers, w->width, w->molded, book->chosen,
          book->batch, book->batch_chosen, book->nodes);
  write_seconds(out, book->nodes, book->seconds);
  if (w->molded) write_seconds(out, book->nodes, book->narrow);
  const bool well = ferror(out) == 0;
  return fclose(out) == 0 && well;
}

esp_status esp_book_write(const char *key, const esp_book *book) {
  char end[32];
  (void)snprintf(end, sizeof end, ".%ld", (long)getpid());
  char *path = file_of(key, ""), *beside = file_of(key, end);
  esp_status status = ESP_IO;
  if (path != NULL && beside != NULL) {
    make_folders(beside);
    FILE *out = fopen(beside, "w");
    if (out != NULL && write_all(out, key, book) && rename(beside, path) == 0) {
      status = ESP_OK;
    } else if (out != NULL) {
      (void)unlink(beside);
    }
  }
  if (status != ESP_OK) {
    status = ESP_FAIL(ESP_IO, "cannot keep the costs in %s: %s",
                      path != NULL ? path : "a cache", strerror(errno));
  }
  free(path);
  free(beside);
  return status;
}

void esp_book_end(esp_book *book) {
  free(book->seconds);
  free(book->narrow);
  *book = (esp_book){0};
}
