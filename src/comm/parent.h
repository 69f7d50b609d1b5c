// Notices when what started a rank is gone.  Private to comm/.
//
// MPI's own library tells a rank of it while it runs, and not every launcher
// has one that does.  A rank whose launcher is dead is in nobody's hands: no
// signal, time limit or cancelling of the job reaches it.
#ifndef ESP_COMM_PARENT_H
#define ESP_COMM_PARENT_H

#include "base/status.h"

typedef struct esp_parent esp_parent;

// From here on the process ends, with status 1, within a second after the one
// that started it.  *parent is NULL where no launcher did: a command may
// outlive its shell.  To be called before MPI_Init.  ESP_NO_MEMORY.
esp_status esp_parent_watch(esp_parent **parent);
void esp_parent_end(esp_parent *parent); // NULL is allowed

#endif
