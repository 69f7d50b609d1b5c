#include "report/accuracy.h"

#include <stdio.h>
#include <stdlib.h>

char *esp_accuracy_text(const esp_accuracy *a) {
  char *text = NULL;
  size_t bytes;
  FILE *out = open_memstream(&text, &bytes);
  if (out == NULL) return NULL;
  (void)fputs(esp_precision_name(a->precision), out);
  if (a->samples > 0) {
    fprintf(out,
            "; from float32 on the first %lld sample%s: at most %.2g where "
            "outputs reach %.3g, %.2g %% (root mean square)",
            (long long)a->samples, a->samples == 1 ? "" : "s", a->largest,
            a->of, 100 * a->relative);
  } else {
    (void)fputs("; not compared with float32", out);
  }
  if (a->ranked > 0) {
    fprintf(out, ", the same largest output for %lld of %lld",
            (long long)a->same, (long long)a->ranked);
  }
  if (a->without) {
    (void)fputs("; no gain here: this machine has no instructions for it, and "
                "multiplies rounded numbers as float32",
                out);
  }
  return fclose(out) == 0 ? text : NULL;
}

json_t *esp_accuracy_json(const esp_accuracy *a) {
  if (a->precision == ESP_PRECISION_FLOAT32) return json_null();
  return json_pack("{s:s, s:b, s:I, s:f, s:f, s:f, s:I, s:I}", "precision",
                   esp_precision_name(a->precision), "instructions",
                   !a->without, "samples", (json_int_t)a->samples,
                   "largest_difference", a->largest, "largest_value", a->of,
                   "relative_rms", a->relative, "same_argmax",
                   (json_int_t)a->same, "ranked", (json_int_t)a->ranked);
}
