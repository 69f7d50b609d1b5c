#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

static void print_help(void) {
  printf(
      "usage: espalier pack [PATH=]FILE... --output D.h5 [--overwrite]\n\n"
      "Puts files into a new HDF5 file, each as a dataset whose first axis is "
      "the sample.\nIDX (as MNIST's, also gzipped) and NPY are told by their "
      "content.  PATH is the\ndataset's path in the file; without it, the "
      "file's name up to the first dot.\n\nExample:\n"
      "  espalier pack test/images=t10k-images-idx3-ubyte.gz "
      "--output mnist.h5\n");
}

// "PATH=FILE" or "FILE"; *path is the caller's to free, and the item's path.
static bool read_item(const char *text, esp_pack_item *item, char **path) {
  const char *equals = strchr(text, '=');
  item->file = equals != NULL ? equals + 1 : text;
  const char *slash = strrchr(item->file, '/');
  const char *name = slash != NULL ? slash + 1 : item->file;
  const char *begin = equals != NULL ? text : name;
  const size_t length =
      equals != NULL ? (size_t)(equals - text) : strcspn(name, ".");
  if (asprintf(path, "%s%.*s", *begin == '/' ? "" : "/", (int)length, begin) <
      0) {
    *path = NULL;
    return false;
  }
  item->path = *path;
  return true;
}

static int pack(esp_pack_item *item, char **path, int argc, char **argv) {
  const char *output = NULL;
  bool overwrite = false, help = false;
  int count = 0;
  app_arguments a = {.count = argc, .text = argv};
  while (app_next(&a)) {
    if (a.key == NULL) {
      if (!read_item(a.value, &item[count], &path[count])) return EXIT_FAILED;
      count++;
    } else if (strcmp(a.key, "output") == 0) {
      output = app_value(&a);
    } else if (strcmp(a.key, "overwrite") == 0) {
      overwrite = true;
    } else if (strcmp(a.key, "help") == 0) {
      help = true;
    } else {
      return app_usage("pack", "there is no option --%s", a.key);
    }
  }
  if (help) {
    print_help();
    return EXIT_DONE;
  }
  if (count == 0) return app_usage("pack", "which files?");
  if (output == NULL) return app_usage("pack", "--output is missing");
  const esp_status status = esp_pack(item, count, output, overwrite);
  return status == ESP_OK ? EXIT_DONE : app_fail(status);
}

int app_pack(int argc, char **argv) {
  esp_pack_item *item = calloc((size_t)argc + 1, sizeof *item);
  char **path = calloc((size_t)argc + 1, sizeof *path);
  const int result =
      item != NULL && path != NULL ? pack(item, path, argc, argv) : EXIT_FAILED;
  for (int i = 0; path != NULL && i < argc; i++) free(path[i]);
  free(path);
  free(item);
  return result;
}
