#!/bin/sh
# Espalier beside ONNX Runtime (npm's onnxruntime-node) and libtorch (Debian's):
# sets all of it up in $PEERS, makes the models, measures and prints the tables.
#   tests/bench/peers.sh [options of peers.py]
set -eu
cd "$(dirname "$0")/../.."
PEERS=${PEERS:-${TMPDIR:-/tmp}/espalier-peers}
jobs/setup.sh run test peers
command -v npm >/dev/null || jobs/setup.sh npm
cmake --preset release >/dev/null
cmake --build --preset release --target espalier peer_ort -- --quiet
mkdir -p "$PEERS/npm"
[ -d "$PEERS/npm/node_modules/onnxruntime-node" ] ||
  (cd "$PEERS/npm" && npm init -y && npm install --ignore-scripts onnxruntime-node@1.30.0) >/dev/null
library=$(find "$PEERS/npm/node_modules/onnxruntime-node/bin" \
  -path '*linux/x64/libonnxruntime.so*' | head -n 1)
/usr/bin/python3 tests/bench/make_peers.py "$PEERS/models"
exec /usr/bin/python3 tests/bench/peers.py build/release/bin/espalier build/release/bin/peer_ort \
  "$library" "$PEERS/models" "$@"
