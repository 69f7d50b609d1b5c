#include "workers/fiber.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

// What the sanitizers must be told of a change of stacks.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ESP_TSAN 1
#endif
#if __has_feature(address_sanitizer)
#define ESP_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ESP_ASAN 1
#endif
#if defined(ESP_TSAN)
#include <sanitizer/tsan_interface.h>
#endif
#if defined(ESP_ASAN)
#include <sanitizer/asan_interface.h>
#endif
#if defined(ESP_VALGRIND)
#include <valgrind/valgrind.h>
#endif

struct esp_fiber_machine {
  ucontext_t registers;
  void (*entry)(void *argument);
  void *argument;
  void *block; // of the mapping; NULL: the thread's own stack
  size_t block_bytes;
  void *sanitizer;  // tsan's fiber
  void *fake_stack; // asan's, while the fiber does not run
  unsigned valgrind;
};

static atomic_int fibers; // of the process

// Tells asan that the switch to `self` has happened.
static void arrive(esp_fiber *self) {
#if defined(ESP_ASAN)
  const void *low;
  size_t bytes;
  __sanitizer_finish_switch_fiber(self->machine->fake_stack, &low, &bytes);
#endif
  (void)self;
}

esp_status esp_fiber_of_thread(esp_fiber *fiber) {
  pthread_attr_t attributes;
  void *low;
  size_t bytes;
  *fiber = (esp_fiber){.machine = calloc(1, sizeof *fiber->machine)};
  if (fiber->machine == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot describe a thread");
  }
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
    free(fiber->machine);
    fiber->machine = NULL;
    return ESP_FAIL(ESP_INTERNAL, "cannot find a thread's stack");
  }
  (void)pthread_attr_getstack(&attributes, &low, &bytes);
  (void)pthread_attr_destroy(&attributes);
  fiber->high = (unsigned char *)low + bytes;
  // The first thread's stack may be without a limit: count on what is usual.
  const size_t usual = (size_t)8 << 20;
  fiber->low = bytes > (usual << 3) ? fiber->high - usual : low;
#if defined(ESP_TSAN)
  fiber->machine->sanitizer = __tsan_get_current_fiber();
#endif
  return ESP_OK;
}

void esp_fiber_end_thread(esp_fiber *fiber) {
  free(fiber->machine);
  fiber->machine = NULL;
}

// makecontext() hands over ints only: an address goes in two halves.
static void begin(unsigned high, unsigned low) {
  esp_fiber *self = (esp_fiber *)(((uintptr_t)high << 32) | low);
  arrive(self);
  self->machine->entry(self->machine->argument);
  abort(); // entry() never returns
}

static esp_status map_stack(esp_fiber *self, size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t rounded = (bytes + page - 1) / page * page;
  void *block =
      mmap(NULL, rounded + page, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (block == MAP_FAILED) {
    return ESP_FAIL(ESP_NO_MEMORY,
                    "no memory for the stack of a task that "
                    "waits (%zu bytes)",
                    rounded);
  }
  (void)mprotect(block, page, PROT_NONE);
  self->machine->block = block;
  self->machine->block_bytes = rounded + page;
  self->low = (unsigned char *)block + page;
  self->high = self->low + rounded;
#if defined(ESP_ASAN)
  ASAN_UNPOISON_MEMORY_REGION(self->low, rounded); // of a stack freed before
#endif
  return ESP_OK;
}

static void prepare(esp_fiber *self) {
  struct esp_fiber_machine *m = self->machine;
  (void)getcontext(&m->registers);
  m->registers.uc_stack.ss_sp = self->low;
  m->registers.uc_stack.ss_size = (size_t)(self->high - self->low);
  m->registers.uc_link = NULL;
  const uintptr_t address = (uintptr_t)self;
  makecontext(&m->registers, (void (*)(void))begin, 2,
              (unsigned)(address >> 32), (unsigned)(address & 0xffffffffu));
#if defined(ESP_TSAN)
  m->sanitizer = __tsan_create_fiber(0);
#endif
#if defined(VALGRIND_STACK_REGISTER)
  m->valgrind = VALGRIND_STACK_REGISTER(self->low, self->high);
#endif
}

esp_status esp_fiber_create(size_t bytes, void (*entry)(void *argument),
                            void *argument, esp_fiber **fiber) {
  if (atomic_fetch_add(&fibers, 1) >= ESP_MAX_FIBERS) {
    atomic_fetch_sub(&fibers, 1);
    return ESP_FAIL(ESP_LIMIT,
                    "more than %d tasks wait at once for others "
                    "that have not ended",
                    ESP_MAX_FIBERS);
  }
  esp_fiber *self = calloc(1, sizeof *self);
  if (self != NULL) self->machine = calloc(1, sizeof *self->machine);
  esp_status status =
      self != NULL && self->machine != NULL
          ? map_stack(self, bytes)
          : ESP_FAIL(ESP_NO_MEMORY, "no memory for a task that waits");
  if (status != ESP_OK) {
    if (self != NULL) free(self->machine);
    free(self);
    atomic_fetch_sub(&fibers, 1);
    return status;
  }
  self->machine->entry = entry;
  self->machine->argument = argument;
  prepare(self);
  *fiber = self;
  return ESP_OK;
}

void esp_fiber_free(esp_fiber *fiber) {
#if defined(ESP_TSAN)
  __tsan_destroy_fiber(fiber->machine->sanitizer);
#endif
#if defined(VALGRIND_STACK_DEREGISTER)
  VALGRIND_STACK_DEREGISTER(fiber->machine->valgrind);
#endif
  (void)munmap(fiber->machine->block, fiber->machine->block_bytes);
  free(fiber->machine);
  free(fiber);
  atomic_fetch_sub(&fibers, 1);
}

void esp_fiber_switch(esp_fiber *from, esp_fiber *to) {
#if defined(ESP_ASAN)
  __sanitizer_start_switch_fiber(&from->machine->fake_stack, to->low,
                                 (size_t)(to->high - to->low));
#endif
#if defined(ESP_TSAN)
  __tsan_switch_to_fiber(to->machine->sanitizer, 0);
#endif
  (void)swapcontext(&from->machine->registers, &to->machine->registers);
  arrive(from);
}

size_t esp_fiber_left(const esp_fiber *fiber) {
  const unsigned char *here = __builtin_frame_address(0);
  return here > fiber->low ? (size_t)(here - fiber->low) : 0;
}
