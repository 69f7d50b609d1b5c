// Every scheduler: name, function, what it does.  Each is tried on the graph
// and on the reversed graph; the one with the earliest end wins, and of equals
// the one that stands first.
SCHEDULER("sequential", esp_schedule_sequential,
          "one task after the other on processor 0")
SCHEDULER("HEFT", esp_schedule_heft,
          "by longest remaining path, messages counted, where it ends first")
SCHEDULER("HEFT, half the costs", esp_schedule_heft_half,
          "the same, messages counted half")
SCHEDULER("static levels", esp_schedule_static,
          "the same, messages not counted")
SCHEDULER("HEFT on few", esp_schedule_few, "HEFT on 2, 4, 8 ... processors")
SCHEDULER("ETF", esp_schedule_etf,
          "the task that can begin first, where it can begin first")
SCHEDULER("DLS", esp_schedule_dls,
          "what has the largest level less its beginning, where it has it")
SCHEDULER("linear clusters", esp_schedule_linear,
          "longest paths kept together, clusters then merged")
