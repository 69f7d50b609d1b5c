// Tasks on other ranks.
#ifndef ESPALIER_REMOTE_H
#define ESPALIER_REMOTE_H

#include <stddef.h>

#include <espalier/context.h>
#include <espalier/declare.h>
#include <espalier/task.h>
#include <espalier/tensor.h>

ESP_DECLARATIONS_BEGIN

// What a remote task gives back.
typedef struct esp_reply esp_reply;
// Adds a tensor to the result; the result owns it from now on, also on failure.
esp_status esp_reply_add(esp_reply *result, esp_tensor *tensor);

// A task that another rank may ask for.  The inputs are borrowed for the call.
typedef esp_status (*esp_remote_task)(esp_context *context,
                                      const esp_tensor *const *inputs,
                                      size_t ninputs, esp_reply *result);

// Makes a task known by name, on this rank; every rank that is to run it does
// so, before it is asked for.  The name is copied.  ESP_USAGE: the name is
// taken, or longer than 255 bytes.
esp_status esp_register(esp_context *context, const char *name,
                        esp_remote_task task);

// Runs a registered task on the pool of another rank (or of this one).  The
// inputs are copied before it returns.  Not collective.  The future ends with
// the task's own status and message, and holds its tensors.
// ESP_USAGE: no such rank, or the context has no remote tasks.  The future ends
// with ESP_USAGE when that rank has registered no task of the name.
esp_status esp_fork_on(esp_context *context, int rank, const char *task_name,
                       const esp_tensor *const *inputs, size_t ninputs,
                       esp_future **future);
// The tensors of a remote task that has ended: how many, and number `index`,
// which becomes the caller's (esp_tensor_free()).  NULL: none, or taken.
size_t esp_future_results(const esp_future *future);
esp_tensor *esp_future_take(esp_future *future, size_t index);

ESP_DECLARATIONS_END
#endif
