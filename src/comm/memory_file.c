// Files in memory without a name, by which ranks of a node share pages; the
// others find one through the process that has it.
#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "comm/comm.h"
#include "comm/private.h"

bool esp_comm_all_well(const esp_comm *comm, bool mine) {
  int well = mine;
  MPI_Allreduce(MPI_IN_PLACE, &well, 1, MPI_INT, MPI_MIN, comm->node);
  return well != 0;
}

int esp_memory_file_make(const char *name, size_t bytes) {
  const int file = memfd_create(name, MFD_CLOEXEC);
  if (file >= 0 && posix_fallocate(file, 0, (off_t)bytes) != 0) {
    (void)close(file);
    return -1;
  }
  return file;
}

int esp_memory_file_open(long process, long file) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%ld/fd/%ld", process, file);
  return open(path, O_RDWR | O_CLOEXEC);
}

void *esp_memory_file_map(int file, size_t bytes) {
  void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  return block != MAP_FAILED ? block : NULL;
}
