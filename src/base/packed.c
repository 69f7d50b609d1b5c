#include "base/packed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/constant.h"
#include "base/hash.h"
#include "base/log.h"

// Bytes before the block: a page, so that it can be mapped.
enum { HEAD = 4096 };

typedef struct head {
  char magic[8];
  uint64_t bytes, hash;
  char machine[256], how[448];
} head;

static struct {
  pthread_mutex_t lock;
  char *folder; // NULL: nothing is kept
  char machine[256];
  atomic_bool warned;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

esp_status esp_packed_use(const char *folder, const char *machine) {
  char *mine = NULL;
  if (folder != NULL) {
    struct stat about;
    if (mkdir(folder, 0777) != 0 &&
        (errno != EEXIST || stat(folder, &about) != 0 ||
         !S_ISDIR(about.st_mode))) {
      return ESP_FAIL(ESP_IO, "packed_cache: %s is no folder: %s", folder,
                      strerror(errno == EEXIST ? ENOTDIR : errno));
    }
    mine = strdup(folder);
    if (mine == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot name a folder");
  }
  (void)pthread_mutex_lock(&cache.lock);
  free(cache.folder);
  cache.folder = mine;
  (void)snprintf(cache.machine, sizeof cache.machine, "%s", machine);
  (void)pthread_mutex_unlock(&cache.lock);
  return ESP_OK;
}

// The name of a block's file, with something at its end; false: none is kept.
static bool path_of(const esp_packed *p, const char *end,
                    char path[static PATH_MAX]) {
  (void)pthread_mutex_lock(&cache.lock);
  int used = -1;
  if (cache.folder != NULL) {
    used = snprintf(path, PATH_MAX, "%s/%016llx.packed%s", cache.folder,
                    (unsigned long long)p->hash, end);
  }
  (void)pthread_mutex_unlock(&cache.lock);
  return used > 0 && used < PATH_MAX;
}

static head head_of(const esp_packed *p, size_t bytes) {
  head h;
  memset(&h, 0, sizeof h); // all of it is written
  memcpy(h.magic, "ESPPACK1", sizeof h.magic);
  h.bytes = bytes;
  h.hash = p->hash;
  (void)snprintf(h.machine, sizeof h.machine, "%s", cache.machine);
  (void)snprintf(h.how, sizeof h.how, "%s", p->how);
  return h;
}

static void *map(const esp_packed *p, size_t bytes) {
  char path[PATH_MAX];
  const int file = path_of(p, "", path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return NULL;
  const head wanted = head_of(p, bytes);
  head found;
  struct stat about;
  void *block = MAP_FAILED;
  if (fstat(file, &about) == 0 && (uint64_t)about.st_size == HEAD + bytes &&
      pread(file, &found, sizeof found, 0) == (ssize_t)sizeof found &&
      memcmp(&found, &wanted, sizeof found) == 0) {
    block = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, HEAD);
  }
  (void)close(file);
  if (block == MAP_FAILED) return NULL;
  if (esp_constant_adopt(block, bytes) == ESP_OK) return block;
  (void)munmap(block, bytes);
  return NULL;
}

bool esp_packed_asks(size_t bytes) {
  (void)pthread_mutex_lock(&cache.lock);
  const bool asks = cache.folder != NULL && bytes >= ESP_CONSTANT_LEAST;
  (void)pthread_mutex_unlock(&cache.lock);
  return asks;
}

esp_packed esp_packed_find(const void *source, size_t source_bytes,
                           size_t bytes, void **block, const char *how, ...) {
  esp_packed p = {.asked = false};
  *block = NULL;
  if (!esp_packed_asks(bytes)) return p;
  va_list arguments;
  va_start(arguments, how);
  const int used = vsnprintf(p.how, sizeof p.how, how, arguments);
  va_end(arguments);
  p.asked = used > 0 && (size_t)used < sizeof p.how;
  if (!p.asked) return p;
  p.hash = esp_hash(ESP_HASH_BEGIN, cache.machine, strlen(cache.machine));
  p.hash = esp_hash(p.hash, p.how, (size_t)used);
  p.hash = esp_hash(p.hash, source, source_bytes);
  *block = map(&p, bytes);
  return p;
}

// Under a name of this process's first, so that what has the block's name is
// whole, whoever is killed.
void esp_packed_keep(const esp_packed *packed, const void *block,
                     size_t bytes) {
  char path[PATH_MAX], draft[PATH_MAX], host[64] = "", end[128];
  (void)gethostname(host, sizeof host - 1); // the folder may be everybody's
  (void)snprintf(end, sizeof end, ".%s.%ld", host, (long)getpid());
  if (!packed->asked || !path_of(packed, "", path) ||
      !path_of(packed, end, draft)) {
    return;
  }
  unsigned char page[HEAD] = {0};
  const head h = head_of(packed, bytes);
  memcpy(page, &h, sizeof h);
  FILE *out = fopen(draft, "we");
  bool kept = out != NULL && fwrite(page, sizeof page, 1, out) == 1 &&
              fwrite(block, bytes, 1, out) == 1 && fflush(out) == 0 &&
              fsync(fileno(out)) == 0;
  if (out != NULL) kept = fclose(out) == 0 && kept;
  kept = kept && rename(draft, path) == 0;
  if (kept) return;
  const int reason = errno;
  (void)unlink(draft);
  if (!atomic_exchange(&cache.warned, true)) {
    esp_log(ESP_LOG_WARNING,
            "packed_cache: cannot write %s: %s; packed weights "
            "are not kept",
            path, strerror(reason));
  }
}
