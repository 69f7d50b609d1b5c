// The service of remote tasks of a context.  Private to api/.
#ifndef ESP_API_REMOTE_H
#define ESP_API_REMOTE_H

#include "api/private.h"

// Opens the service; on one rank without a thread and without MPI.  Collective.
esp_status esp_service_open(esp_context *context, esp_service **service);
// Answers until every rank has come here and all answers have arrived, then
// ends the thread.  Collective.  NULL is allowed.
void esp_service_close(esp_service *service);

#endif
