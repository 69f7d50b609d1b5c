// What is left of a job's time, as Slurm writes it.
#include "api/job_run.h"
#include "support/check.h"

static void times_are_read_as_slurm_writes_them(void) {
  static const struct {
    const char *text;
    double seconds;
  } pairs[] = {{"0:00", 0},
               {"4:05\n", 245},
               {"59:59", 3599},
               {"1:00:00\n", 3600},
               {"23:59:59", 86399},
               {"1-00:00:00", 86400},
               {"10-12:30:15\n", 909015},
               {"2-6", 2 * 86400 + 6 * 3600},
               {"2-6:30", 2 * 86400 + 6 * 3600 + 30 * 60},
               {"UNLIMITED\n", -1},
               {"NOT_SET", -1},
               {"INVALID\n", -1},
               {"", -1},
               {"1:2:3:4", -1},
               {"12:xx", -1},
               {"slurm_load_jobs error: Invalid job id specified\n", -1}};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    CU_ASSERT_EQUAL(esp_walltime_read(pairs[i].text), pairs[i].seconds);
  }
}

int main(void) {
  static const check_case cases[] = {
      CASE(times_are_read_as_slurm_writes_them),
      {NULL, NULL},
  };
  return check_run("api/walltime", cases);
}
