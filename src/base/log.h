// Lines for people, on standard error.  Floor 0.
#ifndef ESP_BASE_LOG_H
#define ESP_BASE_LOG_H

typedef enum esp_log_level {
  ESP_LOG_ERROR,
  ESP_LOG_WARNING,
  ESP_LOG_INFO,
  ESP_LOG_DEBUG
} esp_log_level;

// Writes one line "espalier: <text>" when `level` is at or below the limit.
// Safe from any thread: a line is one write.
void esp_log(esp_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Sets the limit of this process.  The first limit comes from ESPALIER_LOG
// (error, warning, info, debug); without it, warning.  Rank 0 speaks for all:
// comm lowers the others to errors of their own.
void esp_log_limit(esp_log_level level);

#endif
