// MelWeightMatrix, against triangles drawn one side after the other.
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/one_node.h"

enum { MOST = 200 * 40 };

static void edges_of(double *edge, int bands, double length, double rate,
                     double low, double high) {
  const double first = 2595 * log10(1 + low / 700);
  const double step =
      (2595 * log10(1 + high / 700) - first) / (double)(bands + 2);
  for (int i = 0; i < bands + 2; i++) {
    const double hertz = 700 * (pow(10, (i * step + first) / 2595) - 1);
    edge[i] = floor((length + 1) * hertz / rate);
  }
}

static void reference(double *w, int bands, int bins, const double *edge) {
  memset(w, 0, (size_t)(bands * bins) * sizeof *w);
  for (int b = 0; b < bands; b++) {
    const double left = edge[b], centre = edge[b + 1], right = edge[b + 2];
    for (int j = 0; j < bins; j++) {
      double *at = w + j * bands + b;
      if (centre > left && j >= left && j <= centre) {
        *at = (j - left) / (centre - left);
      }
      if (centre == left && j == centre) *at = 1;
      if (right > centre && j >= centre && j < right) {
        *at = (right - j) / (right - centre);
      }
    }
  }
}

static one_node matrix_node(double bands, double length, double rate,
                            double low, double high) {
  one_node n = one_node_of("MelWeightMatrix", 17);
  one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(bands));
  one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(length));
  one_node_input(&n, ESP_INT64, SCALAR, NUMBERS(rate));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(low));
  one_node_input(&n, ESP_FLOAT, SCALAR, NUMBERS(high));
  return n;
}

static void triangles_match_the_reference(void) {
  static const double forms[][5] = {{8, 16, 8192, 0, 4096},
                                    {40, 397, 16000, 125, 7600},
                                    {3, 31, 8000, 300, 300},
                                    {5, 20, 8000, 0, 20000}};
  static const esp_dtype types[] = {ESP_FLOAT, ESP_DOUBLE, ESP_FLOAT16};
  static double want[MOST];
  for (int f = 0; f < 4; f++) {
    for (int t = 0; t < 3; t++) {
      const double *p = forms[f];
      const int bands = (int)p[0], bins = (int)p[1] / 2 + 1;
      double edge[42];
      one_node n = matrix_node(p[0], p[1], p[2], p[3], p[4]);
      one_node_int(&n, "output_datatype", types[t]);
      CHECK_OK(one_node_run(&n, 1));
      edges_of(edge, bands, p[1], p[2], p[3], p[4]);
      reference(want, bands, bins, edge);
      one_node_check(&n, 0, types[t], SHAPE(bins, bands), want,
                     one_node_tolerance(types[t]));
      one_node_free(&n);
    }
  }
}

static void edges_out_of_order_are_refused(void) {
  static const double forms[][5] = {{8, 16, 8192, 5000, 4096},
                                    {8, 16, 8192, -1, 4096},
                                    {8, 16, 8192, 0, INFINITY},
                                    {8, 16, 0, 0, 4096},
                                    {0, 16, 8192, 0, 4096}};
  for (int f = 0; f < 5; f++) {
    const double *p = forms[f];
    one_node n = matrix_node(p[0], p[1], p[2], p[3], p[4]);
    CHECK_STATUS(one_node_run(&n, 1), ESP_BAD_INPUT);
    one_node_free(&n);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(triangles_match_the_reference),
      CASE(edges_out_of_order_are_refused),
      {NULL, NULL},
  };
  return check_run("op/mel", cases);
}
