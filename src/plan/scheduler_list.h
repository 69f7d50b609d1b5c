// Every scheduler: name, function, what it does.  All are tried, and the one
// with the earliest end wins; of equals the one that stands first.
SCHEDULER("sequential", esp_schedule_in_row,
          "one node after the other on one worker of rank 0")
SCHEDULER("one rank", esp_schedule_one_rank,
          "list schedule by longest remaining path on the workers of rank 0")
SCHEDULER("all ranks", esp_schedule_all_ranks,
          "the same on the workers of all ranks, messages counted")
