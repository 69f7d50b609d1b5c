// A lock with a condition to wait for, and a thread.  Floor 0.
//
// POSIX threads rather than C11's: the thread sanitizer does not see the
// latter.
#ifndef ESP_BASE_LOCK_H
#define ESP_BASE_LOCK_H

#include <pthread.h>

#include "base/status.h"

typedef struct esp_lock {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
} esp_lock;

void esp_lock_init(esp_lock *lock);
void esp_lock_fini(esp_lock *lock);
void esp_lock_take(esp_lock *lock);
void esp_lock_give(esp_lock *lock);
// Gives the lock up until somebody calls esp_lock_changed(), or now and then
// without a reason; returns with the lock.
void esp_lock_wait(esp_lock *lock);
void esp_lock_changed(esp_lock *lock); // wakes all who wait

// Starts a thread that calls run(argument), named for debuggers (at most 15
// characters).  ESP_NO_MEMORY: the system refuses.
typedef struct esp_thread {
  pthread_t id;
} esp_thread;
esp_status esp_thread_start(esp_thread *thread, const char *name,
                            void *(*run)(void *), void *argument);
void esp_thread_join(esp_thread *thread);

#endif
