#!/bin/bash
# Fuzzes the readers, SECONDS each, two at a time.
#   tests/fuzz/run.sh SECONDS [FOLDER OF TARGETS] [TARGET]...
# Targets: model tensor packed job.  Starts from tests/fuzz/corpus, from ONNX's
# own cases where they are installed, and from what was found in earlier runs,
# which is kept, with findings and logs, beside the targets.  Ends with a line a
# target; exit status 1 when anything was found.
set -u
here=$(cd "$(dirname "$0")" && pwd)
seconds=${1:?usage: tests/fuzz/run.sh SECONDS [FOLDER] [TARGET]...}
bin=${2:-$here/../../build/fuzz/bin}
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- model tensor packed job
cases=/usr/share/libonnx-testdata/data
work=$(cd "$bin" && cd .. && pwd)/fuzzing || exit 1

# The declared limits: memory of the process and of one allocation in MB,
# seconds of one input, bytes of one input.
limits=(-rss_limit_mb=2048 -malloc_limit_mb=512 -timeout=20)

seeds() { # target
  case $1 in
  model) find "$cases" -name model.onnx -size -64k 2>/dev/null ;;
  tensor) find "$cases/node" -name '*.pb' -size -4k 2>/dev/null ;;
  esac
}

fuzz() { # target
  local found=$work/$1 status=0 n=0 file length=4096
  [ "$1" = model ] && length=65536
  mkdir -p "$found/corpus" "$found/seeds" "$found/findings"
  seeds "$1" | while read -r file; do
    n=$((n + 1))
    cp "$file" "$found/seeds/$n"
  done
  # The address sanitizer is to refuse what is too large, not to end.
  ASAN_OPTIONS=allocator_may_return_null=1 OMP_NUM_THREADS=1 \
    "$bin/fuzz_$1" -max_total_time="$seconds" "${limits[@]}" -max_len=$length \
    -print_final_stats=1 -reload=0 -artifact_prefix="$found/findings/" \
    "$found/corpus" "$here/corpus/$1" "$found/seeds" >"$found/log" 2>&1 ||
    status=1
  echo "fuzz.$1: $(sed -n 's/stat::number_of_executed_units: *//p' "$found/log")" \
    "executions in $seconds s, status $status"
  [ $status = 0 ] || grep -E -A12 'ERROR|SUMMARY|runtime error|fuzz:' "$found/log" | head -60
  return $status
}

bad=0
while [ $# -gt 0 ]; do
  fuzz "$1" &
  first=$!
  second=
  [ $# -gt 1 ] && { fuzz "$2" & second=$!; }
  wait $first || bad=1
  [ -z "$second" ] || wait $second || bad=1
  shift $(($# < 2 ? $# : 2))
done
exit $bad
