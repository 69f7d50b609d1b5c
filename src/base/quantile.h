// Order statistics of measurements.  Floor 0.
#ifndef ESP_BASE_QUANTILE_H
#define ESP_BASE_QUANTILE_H

// The value below which `part` of the list, of at least one number, lies; sorts
// it.
double esp_quantile(double *list, int count, double part);

#endif
