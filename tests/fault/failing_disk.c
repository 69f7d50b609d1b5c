// A disk that fails, for a program that preloads this: of all writes, size
// changes and syncs to files whose path begins with FAULT_BELOW, those from
// number FAULT_FROM on (1 is the first) fail.
// FAULT_KIND: ENOSPC, EIO, or SHORT: all of them write at most seven bytes at a
// time, which is no failure.  FAULT_ONCE set: only that one fails.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

static bool is_watched(int file) {
  const char *below = getenv("FAULT_BELOW");
  char link[64], path[PATH_MAX];
  if (below == NULL) return false;
  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return strncmp(path, below, strlen(below)) == 0;
}

static bool is_short(void) {
  const char *kind = getenv("FAULT_KIND");
  return kind != NULL && strcmp(kind, "SHORT") == 0;
}

// Counts the call; true: it fails, and errno is set.
static bool fails(int file) {
  if (is_short() || !is_watched(file)) return false;
  const char *from = getenv("FAULT_FROM"), *kind = getenv("FAULT_KIND");
  const long call = atomic_fetch_add(&calls, 1) + 1;
  const long first = from != NULL ? atol(from) : 1;
  if (getenv("FAULT_ONCE") != NULL ? call != first : call < first) return false;
  errno = kind != NULL && strcmp(kind, "EIO") == 0 ? EIO : ENOSPC;
  return true;
}

static size_t allowed(int file, size_t bytes) {
  return is_short() && bytes > 7 && is_watched(file) ? 7 : bytes;
}

// The C library's own, found at the first call.
#define REAL(result, name, ...)                                                \
  static result (*real)(__VA_ARGS__);                                          \
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *bytes, size_t count) {
  REAL(ssize_t, write, int, const void *, size_t);
  return fails(file) ? -1 : real(file, bytes, allowed(file, count));
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
  REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
  return fails(file) ? -1 : real(file, bytes, allowed(file, count), at);
}
ssize_t pwrite64(int file, const void *bytes, size_t count, off_t at) {
  REAL(ssize_t, pwrite64, int, const void *, size_t, off_t);
  return fails(file) ? -1 : real(file, bytes, allowed(file, count), at);
}
ssize_t writev(int file, const struct iovec *part, int parts) {
  REAL(ssize_t, writev, int, const struct iovec *, int);
  return fails(file) ? -1 : real(file, part, parts);
}
ssize_t pwritev(int file, const struct iovec *part, int parts, off_t at) {
  REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t);
  return fails(file) ? -1 : real(file, part, parts, at);
}
int ftruncate(int file, off_t length) {
  REAL(int, ftruncate, int, off_t);
  return fails(file) ? -1 : real(file, length);
}
int ftruncate64(int file, off_t length) {
  REAL(int, ftruncate64, int, off_t);
  return fails(file) ? -1 : real(file, length);
}
int fsync(int file) {
  REAL(int, fsync, int);
  return fails(file) ? -1 : real(file);
}
int fdatasync(int file) {
  REAL(int, fdatasync, int);
  return fails(file) ? -1 : real(file);
}
int posix_fallocate(int file, off_t at, off_t length) {
  REAL(int, posix_fallocate, int, off_t, off_t);
  return fails(file) ? errno : real(file, at, length);
}
int posix_fallocate64(int file, off_t at, off_t length) {
  REAL(int, posix_fallocate64, int, off_t, off_t);
  return fails(file) ? errno : real(file, at, length);
}
