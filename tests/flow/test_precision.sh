# Rounded operands: how far results are off is told, true, and the same for
# every layout.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1
model=$top/jobs/fashion-mnist/fmnist_incep.onnx

run() { # ranks, precision, output, further options
  n=$1 precision=$2 output=$3
  shift 3
  ranks "$n" "$espalier" run --model "$model" --precision "$precision" \
    --input "$work/data.h5:/test/images" --labels "$work/data.h5:/test/labels" \
    --scale 1/255 --samples 2000 --output "$output" --progress none \
    --summary "${output%.h5}.json" "$@" >"$work/log" 2>&1
}

for precision in float32 bf16 int8; do
  run 1 $precision "$work/$precision.h5" || {
    cat "$work/log"
    fail "$precision"
    continue
  }
  grep -q "^precision" "$work/log"
  [ $? = "$([ $precision = float32 ] && echo 1 || echo 0)" ] ||
    fail "$precision: $(cat "$work/log")"
  while read -r n options; do
    rm -f "$work/other.h5"
    # shellcheck disable=SC2086 -- options are words
    if ! run "$n" $precision "$work/other.h5" $options; then
      cat "$work/log"
      fail "$precision -n $n $options"
    elif ! h5diff "$work/$precision.h5" "$work/other.h5" /outputs/logits; then
      fail "$precision -n $n $options gives other bytes"
    fi
  done <<LIST
1 --workers 1 --width 2 --batch 7
1 --workers 2 --width 1 --batch 64 --micro-batch 4
2 --replicas 1 --batch 50
LIST
done

# What the summary says of the first samples is what the files have; accuracy
# hardly suffers.
/usr/bin/python3 - "$work" <<'P' || fail "what the precision costs"
import json, sys
import h5py, numpy as np
def logits(name):
    return h5py.File(f"{sys.argv[1]}/{name}.h5")["outputs/logits"][()].astype(float)
def summary(name):
    return json.load(open(f"{sys.argv[1]}/{name}.json"))
exact, plain = logits("float32"), summary("float32")
assert plain["accuracy"] is None
for name, most in ("bf16", 0.01), ("int8", 0.04):
    a, got = summary(name)["accuracy"], logits(name)
    n = a["samples"]
    assert a["precision"] == name and n == 16, a
    apart = got[:n] - exact[:n]
    assert abs(a["largest_difference"] - abs(apart).max()) < 1e-4, a
    assert abs(a["largest_value"] - abs(exact[:n]).max()) < 1e-4, a
    rms = np.sqrt((apart ** 2).sum() / (exact[:n] ** 2).sum())
    assert 0 < rms < most and abs(a["relative_rms"] - rms) < 1e-5, (a, rms)
    assert a["same_argmax"] == (got[:n].argmax(1) == exact[:n].argmax(1)).sum() and a["ranked"] == n, a
    off = summary(name)["score"]["value"] - plain["score"]["value"]
    print(f"{name}: {100 * rms:.2f} % of the outputs, accuracy {100 * off:+.2f} points")
    assert abs(off) < 0.01, off
P

# Another precision is another job.
run 1 bf16 "$work/int8.h5" && fail "a file of another precision was gone on with"
grep -q "begun with precision int8, and this run has bf16" "$work/log" ||
  fail "$(cat "$work/log")"
refuse 2 'precision is "fp16", expected one of float32|bf16|int8' run \
  --model "$model" --input "$work/data.h5:/test/images" --output "$work/x.h5" \
  --precision fp16
refuse 2 "--precision half is not understood" bench "$model" --precision half

"$espalier" bench "$model" --batch 4 --precision int8 --seconds 0.2 --json \
  >"$work/bench.json" || fail "bench"
/usr/bin/python3 - "$work/bench.json" <<'P' || fail "bench as JSON"
import json, sys
a = json.load(open(sys.argv[1]))["accuracy"]
assert a["samples"] == 4 and 0 < a["relative_rms"] < 0.1 and a["ranked"] == 4, a
P
finish
