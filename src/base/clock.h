// Time.  Floor 0.
#ifndef ESP_BASE_CLOCK_H
#define ESP_BASE_CLOCK_H

// Seconds since a fixed moment of this machine's monotonic clock.
double esp_clock_seconds(void);

#endif
