#!/bin/sh
# Sets up and runs every test.  usage: tests/run.sh [--quick]
# --quick: the release build alone, without the cluster.
# Otherwise four builds: release; asan (addresses, undefined behaviour) for all
# but whole jobs; tsan (races, by clang) for what has threads; fuzz, a minute
# for each reader of files; and valgrind over tests of the runtime.
set -u
cd "$(dirname "$0")/.." || exit 1
quick=0
[ "${1:-}" = --quick ] && quick=1

if [ $quick = 1 ]; then
  jobs/setup.sh run test || exit 1
  presets=release
else
  jobs/setup.sh run test cluster tsan || exit 1
  presets="release asan tsan fuzz"
fi
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# What runs measure does not go to the user's own caches.
ESPALIER_CACHE=$(mktemp -d)
export ESPALIER_CACHE
trap 'rm -rf "$ESPALIER_CACHE"' EXIT

passed=0 failed=0 skipped=0
count() { # name, exit status
  if [ "$2" = 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $1"
  fi
}

echo "== format"
clang-format --dry-run -Werror $(find src include tests -name '*.[ch]')
count format $?

for preset in $presets; do
  echo "== build $preset"
  cmake --preset "$preset" >/dev/null && cmake --build --preset "$preset" -- --quiet
  built=$?
  count "build $preset" $built
  [ $built = 0 ] || continue
  echo "== test $preset"
  log=build/$preset/tests.log
  set --
  [ $quick = 1 ] && set -- -LE cluster
  [ "$preset" = asan ] && set -- -LE "cluster|flow|valgrind"
  [ "$preset" = tsan ] && set -- -LE "cluster|flow|valgrind" \
    -R '^(workers|comm|exec|api\.(fork|session|remote))'
  ctest --preset "$preset" --no-tests=error "$@" >"$log" 2>&1
  status=$?
  grep -E '^ *[0-9]+/[0-9]+ Test' "$log"
  # ctest's lines: "... Passed", "***Skipped", "***Failed", "***Timeout" ...
  passed=$((passed + $(grep -cE '^ *[0-9]+/[0-9]+ Test.*   Passed' "$log")))
  skipped=$((skipped + $(grep -cE '^ *[0-9]+/[0-9]+ Test.*\*\*\*Skipped' "$log")))
  bad=$(grep -E '^ *[0-9]+/[0-9]+ Test.*\*\*\*' "$log" | grep -vc Skipped)
  failed=$((failed + bad))
  # No line to count, yet it failed: ctest itself, or a build without tests.
  [ $status != 0 ] && [ "$bad" = 0 ] && count "ctest $preset, see $log" $status
  # What a test that failed has said follows its line.
  awk '/^ *[0-9]+\/[0-9]+ Test/ { failed = /\*\*\*/ && !/Skipped/ }
       /^ +Start +[0-9]+:/ { next }
       /^[0-9]+% tests passed/ { exit }
       failed' "$log" | head -200
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
