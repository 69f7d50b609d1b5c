#!/bin/sh
# Measures what a job costs beside computing: reading, the journal, weights of
# several ranks.  usage: tests/bench/batch.sh [--rounds N]
set -eu
cd "$(dirname "$0")/../.."
jobs/setup.sh run test bench
cmake --preset release >/dev/null
cmake --build --preset release -- --quiet
exec /usr/bin/python3 tests/bench/batch.py build/release/bin/espalier "$@"
