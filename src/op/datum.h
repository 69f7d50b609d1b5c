// Values of every kind while a graph is walked: tensors, sequences, optionals.
// Floor 3.
//
// A datum is shared and counted: whoever holds one has a reference, and what
// has been made does not change any more, so that handing a value on, putting
// it into a sequence or giving it back from a branch copies nothing.
#ifndef ESP_OP_DATUM_H
#define ESP_OP_DATUM_H

#include <stdatomic.h>

#include "graph/graph.h"

typedef struct esp_datum esp_datum;
struct esp_datum {
  esp_kind kind;
  atomic_int references;
  int depth;           // of sequences and optionals in each other
  esp_tensor tensor;   // of a tensor; else `type` alone: of the tensors inside,
                       // ESP_UNDEFINED while there are none
  bool owned;          // tensor.data dies with the datum
  int64_t count;       // elements of a sequence; of an optional 0 or 1
  esp_datum **element; // [count]
};

// Makes a tensor of this type and shape, row major; its data are undefined.
// ESP_BAD_INPUT: the shape is open or too large.  ESP_NO_MEMORY: it has more
// bytes than the machine.
esp_status esp_datum_tensor(esp_dtype type, const esp_shape *shape,
                            esp_datum **made);
// Makes a tensor whose data the caller keeps for as long as it is used.
esp_status esp_datum_borrow(const esp_tensor *tensor, esp_datum **made);
esp_status esp_datum_int64(int64_t number, esp_datum **made); // a scalar
esp_status esp_datum_bool(bool truth, esp_datum **made);      // a scalar
// Makes a sequence or an optional of `count` elements, and takes a reference
// of its own to each.  `type` counts when there are none.
// ESP_UNSUPPORTED: nested deeper than 16.
esp_status esp_datum_list(esp_kind kind, esp_dtype type,
                          esp_datum *const *element, int64_t count,
                          esp_datum **made);
// Takes one more reference, and gives the datum back; NULL is allowed.
esp_datum *esp_datum_keep(esp_datum *datum);
// Gives a reference up; the last one frees.  NULL is allowed.
void esp_datum_drop(esp_datum *datum);

// The same for a list, whose entries become NULL; a NULL list is allowed.
void esp_datum_drop_all(esp_datum **list, int64_t count);

const char *esp_kind_text(esp_kind kind); // "tensor" and so on, with article

#endif
