// Files of task graphs.  Floor 1.
//
//   graph NAME processors P [optimum L]
//   task ID WEIGHT
//   edge FROM TO COST
//   end
//
// Words stand apart by blanks, one statement a line, empty lines are skipped,
// any number of graphs in a file.  Numbers are whole and not negative; a
// message costs nothing inside a processor and COST between two.  What stands
// after `optimum` is for those who check schedules: it is read past.
#ifndef ESP_SCHEDULE_TASK_FILE_H
#define ESP_SCHEDULE_TASK_FILE_H

#include "schedule/schedule.h"

typedef struct esp_task_graph {
  char *name;
  int processors;
  int64_t *id; // [dag->count] as in the file, in its order
  esp_dag *dag;
} esp_task_graph;

typedef struct esp_task_file {
  int count;
  esp_task_graph *graph;
} esp_task_file;

// Reads all graphs of a file.  ESP_IO: cannot read; ESP_BAD_INPUT: anything
// that is not as above, a task given twice or not at all, an edge given twice,
// a cycle, sums beyond 2^53; the message names file and line and what was
// expected.  Ended with esp_task_file_end().
esp_status esp_task_file_read(const char *path, esp_task_file *file);
void esp_task_file_end(esp_task_file *file);

// One line of JSON, without the end of the line; free with free().
esp_status esp_schedule_json(const esp_task_graph *graph,
                             const esp_schedule *schedule, char **text);

#endif
