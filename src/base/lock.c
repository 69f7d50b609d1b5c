#include "base/lock.h"

void esp_lock_init(esp_lock *lock) {
  (void)pthread_mutex_init(&lock->mutex, NULL);
  (void)pthread_cond_init(&lock->changed, NULL);
}

void esp_lock_fini(esp_lock *lock) {
  (void)pthread_cond_destroy(&lock->changed);
  (void)pthread_mutex_destroy(&lock->mutex);
}

void esp_lock_take(esp_lock *lock) { (void)pthread_mutex_lock(&lock->mutex); }
void esp_lock_give(esp_lock *lock) { (void)pthread_mutex_unlock(&lock->mutex); }

void esp_lock_wait(esp_lock *lock) {
  (void)pthread_cond_wait(&lock->changed, &lock->mutex);
}

void esp_lock_changed(esp_lock *lock) {
  (void)pthread_cond_broadcast(&lock->changed);
}

esp_status esp_thread_start(esp_thread *thread, const char *name,
                            void *(*run)(void *), void *argument) {
  if (pthread_create(&thread->id, NULL, run, argument) != 0) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot start the thread %s", name);
  }
  (void)pthread_setname_np(thread->id, name);
  return ESP_OK;
}

void esp_thread_join(esp_thread *thread) {
  (void)pthread_join(thread->id, NULL);
}
