// Pictures of profiles that are known.
#include "report/picture.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/toy.h"

enum { COLUMNS = 60 };

typedef void (*drawing)(FILE *, const esp_profile *);

// What is drawn of a graph whose nodes take 1 ms each; free().
static char *draw(esp_graph *graph, drawing how) {
  double seconds[256];
  for (int n = 0; n < graph->nnode; n++) seconds[n] = 1e-3;
  esp_profile p = {0};
  char *text = NULL;
  size_t bytes;
  CHECK_OK(esp_profile_create(graph, seconds, COLUMNS, &p));
  FILE *out = open_memstream(&text, &bytes);
  how(out, &p);
  fclose(out);
  esp_profile_end(&p);
  esp_graph_free(graph);
  return text;
}

static int lines(const char *text) {
  int count = 0;
  for (; *text != '\0'; text++) count += *text == '\n';
  return count;
}

static void a_chain_is_one_row(void) {
  char *text = draw(toy_branches(1, 9, 16), esp_picture_draw);
  CU_ASSERT_EQUAL(lines(text), 3);
  CU_ASSERT_EQUAL(strspn(text, " 1|"), 9);
  CU_ASSERT_EQUAL(strspn(text + 9, "#"), COLUMNS);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "10 ms\n"));
  free(text);
}

static void towers_fill_eight_rows(void) {
  char *text = draw(toy_branches(16, 4, 16), esp_picture_draw);
  CU_ASSERT_EQUAL(lines(text), 10);
  // Sixteen of four milliseconds, then one of one.
  CU_ASSERT_EQUAL(strncmp(text, "     16 |################", 25), 0);
  CU_ASSERT_EQUAL(strcspn(text, "\n"), 9 + COLUMNS * 4 / 5);
  const char *lowest = strstr(text, "\n      2 |");
  CU_ASSERT_PTR_NOT_NULL_FATAL(lowest);
  CU_ASSERT_EQUAL(strspn(lowest + 10, "#"), COLUMNS);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "5 ms\n"));
  free(text);
}

static void shares_are_named(void) {
  char *text = draw(toy_branches(16, 4, 16), esp_picture_shares);
  CU_ASSERT_STRING_EQUAL(text, "1 at a time 20 %, 16 80 %\n");
  free(text);
  text = draw(toy_branches(1, 4, 16), esp_picture_shares);
  CU_ASSERT_STRING_EQUAL(text, "1 at a time 100 %\n");
  free(text);
}

static void every_graph_fits_the_page(void) {
  for (int nodes = 1; nodes <= 200; nodes += 7) {
    char *text = draw(toy_random(nodes, 16), esp_picture_draw);
    CU_ASSERT(lines(text) <= ESP_PICTURE_ROWS + 2);
    for (const char *line = text; *line != '\0';) {
      const size_t length = strcspn(line, "\n");
      CU_ASSERT(length < 80);
      line += length + 1;
    }
    free(text);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(a_chain_is_one_row),
      CASE(towers_fill_eight_rows),
      CASE(shares_are_named),
      CASE(every_graph_fits_the_page),
      {NULL, NULL},
  };
  return check_run("picture", cases);
}
