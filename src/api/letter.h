// Letters of the service of remote tasks: how a request and an answer are
// written as bytes.  Private to api/.
//
// A letter is a header, the text, and the tensors, each a head and its bytes,
// all padded to 64 bytes.  Both sides are the same program on machines of one
// kind (MPI_BYTE is sent): no byte order is fixed.
#ifndef ESP_API_LETTER_H
#define ESP_API_LETTER_H

#include "base/status.h"
#include "tensor/tensor.h"

typedef enum esp_letter_kind {
  ESP_LETTER_REQUEST,
  ESP_LETTER_ANSWER
} esp_letter_kind;

typedef struct esp_letter {
  esp_letter_kind kind;
  uint64_t number;                 // of the request, at the rank that asks
  esp_status status;               // of an answer
  const char *text;                // name of the task, or message of the answer
  size_t count;                    // of tensors
  const esp_tensor *const *tensor; // written: borrowed
} esp_letter;

// Writes a letter into bytes that malloc() gives.
esp_status esp_letter_write(const esp_letter *letter, void **bytes,
                            size_t *length);

// Reads a letter: text and tensors point into the bytes, which must outlive
// them; *list, which holds the tensors, is to be free()d.
// ESP_INTERNAL: it is not one of ours.
esp_status esp_letter_read(void *bytes, size_t length, esp_letter *letter,
                           esp_tensor **list);

#endif
