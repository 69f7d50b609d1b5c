// What rounding the operands of products costs in accuracy.  Floor 7.
#ifndef ESP_REPORT_ACCURACY_H
#define ESP_REPORT_ACCURACY_H

#include <espalier/tensor.h>
#include <jansson.h>
#include <stdbool.h>

// How far outputs are from those of float32, on the same samples.
typedef struct esp_accuracy {
  esp_precision precision;
  bool without;    // this machine has no instructions for it
  int64_t samples; // that were compared; 0: none
  double largest;  // difference
  double of;       // largest magnitude in float32
  double relative; // root mean square of the differences, over the values'
  int64_t same;    // samples whose largest number is at the same place, of
  int64_t ranked;  // so many; 0: outputs are no lists of numbers
} esp_accuracy;

// One line without its end, and an object, null for float32; free both.
char *esp_accuracy_text(const esp_accuracy *accuracy);
json_t *esp_accuracy_json(const esp_accuracy *accuracy);

#endif
