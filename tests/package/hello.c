// A user's program: forks a task, and adds two tensors with ONNX's Add.
#include <espalier/espalier.h>
#include <stdio.h>

static esp_status greet(esp_context *context, void *argument) {
  (void)context;
  *(const char **)argument = "forked";
  return ESP_OK;
}

static esp_status add(esp_context *context, float *sum) {
  const int64_t two = 2;
  const char *in[] = {"a", "a"}, *out = "b";
  float data[] = {20, 21};
  esp_builder *builder;
  esp_session *session;
  esp_tensor *a, *b = NULL;
  esp_status status = esp_builder_create(0, &builder);
  if (status != ESP_OK) return status;
  esp_builder_add_input(builder, "a", ESP_FLOAT, &two, 1);
  esp_builder_add_node(builder, "Add", NULL, in, 2, &out, 1);
  esp_builder_add_output(builder, "b");
  status = esp_session_open_builder(context, builder, NULL, &session);
  esp_builder_free(builder);
  if (status != ESP_OK) return status;
  status = esp_tensor_wrap(ESP_FLOAT, &two, 1, data, &a);
  if (status == ESP_OK) {
    const esp_tensor *inputs[] = {a};
    status = esp_run(session, inputs, &b);
    esp_tensor_free(a);
  }
  if (status == ESP_OK) *sum = ((const float *)esp_tensor_data(b))[1];
  esp_tensor_free(b);
  esp_session_close(session);
  return status;
}

int main(void) {
  esp_context *context;
  esp_future *future;
  const esp_options options = {.alone = true};
  const char *word = "";
  float sum = 0;
  esp_status status = esp_open(&options, &context);
  if (status != ESP_OK) {
    fprintf(stderr, "%s\n", esp_last_error());
    return 1;
  }
  status = esp_fork(context, greet, &word, &future);
  if (status == ESP_OK) status = esp_wait(future);
  if (status == ESP_OK) status = add(context, &sum);
  esp_future_free(future);
  esp_close(context);
  printf("%s %g: %s\n", word, (double)sum, esp_status_text(status));
  return status == ESP_OK ? 0 : 1;
}
