#!/bin/sh
# Measures what the runtime costs.  usage: tests/bench/runtime.sh [--rounds N]
set -eu
cd "$(dirname "$0")/../.."
jobs/setup.sh run test bench
cmake --preset release >/dev/null
cmake --build --preset release --target bench -- --quiet
exec python3 tests/bench/runtime.py build/release/bin "$@"
