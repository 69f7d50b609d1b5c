# A model of several inputs, each fed by a dataset of its own.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 "$top/tests/flow/make_two.py" "$work/two.onnx" || exit 1
/usr/bin/python3 - "$work/data.h5" <<'P'
import sys, h5py
import numpy as np
random = np.random.default_rng(1)
with h5py.File(sys.argv[1], "w") as f:
    f["a"] = random.standard_normal((1003, 5)).astype(np.float32)
    f["b"] = random.integers(-100, 100, (1003, 5), dtype=np.int16)
    f["b1"] = f["b"][:400]
    f["b2"] = f["b"][400:]
    f["short"] = f["b"][:1000]
    f["other"] = f["b"][()][::-1]
P
data=$work/data.h5
run() { # ranks, options
  n=$1
  shift
  ranks "$n" "$espalier" run --model "$work/two.onnx" --progress none "$@" \
    >"$work/table" 2>"$work/err"
}
expect() { # exit status, part of the message, options
  want=$1 part=$2
  shift 2
  run 2 "$@"
  got=$?
  if [ $got != "$want" ] || ! grep -q "$part" "$work/err"; then
    fail "exit $got: $(cat "$work/err"), expected $want and \"$part\""
  fi
}

for n in 1 2; do
  run $n --input "$data:/a" --inputs "b=$data:/b" --output "$work/$n.h5" ||
    { cat "$work/err"; fail "on $n ranks"; }
done
run 1 --input "$data:/b" --input-name b --inputs "a=$data:/a" \
  --output "$work/turned.h5" || { cat "$work/err"; fail "the other way round"; }
cat >"$work/job.yaml" <<JOB
input: $data:/a
inputs:
  - b=$data:/b1
  - b=$data:/b2
JOB
run 2 "$work/job.yaml" --output "$work/pieces.h5" --batch 64 ||
  { cat "$work/err"; fail "in pieces"; }
# A batch that the model fixes, of more rows than there are left, and of more than
# there are at all.
for batch in 8 2000; do
  /usr/bin/python3 "$top/tests/flow/make_two.py" "$work/$batch.onnx" $batch || exit 1
  run 2 --model "$work/$batch.onnx" --input "$data:/a" --inputs "b=$data:/b" \
    --output "$work/fixed$batch.h5" ||
    { cat "$work/err"; fail "a fixed batch of $batch"; }
done
/usr/bin/python3 - "$work" <<'P' || fail "the results"
import sys, h5py
import numpy as np
work = sys.argv[1]
with h5py.File(work + "/data.h5") as f:
    want = f["a"][()] - 2 * f["b"][()].astype(np.float32)
for name in ("1", "2", "turned", "pieces", "fixed8", "fixed2000"):
    with h5py.File("%s/%s.h5" % (work, name)) as f:
        assert (f["outputs/y"][()] == want).all(), name
P
expect 2 "give the others as inputs" --input "$data:/a" --output "$work/x.h5"
expect 2 'no input named "c"; it has a, b' --input "$data:/a" \
  --inputs "c=$data:/b" --output "$work/x.h5"
expect 2 "expected NAME=FILE:/DATASET" --input "$data:/a" --inputs "$data:/b" \
  --output "$work/x.h5"
expect 3 "1000 rows for 1003 samples" --input "$data:/a" \
  --inputs "b=$data:/short" --output "$work/x.h5"
# All that feeds the model belongs to the job.
expect 3 "input_data" --input "$data:/a" --inputs "b=$data:/other" \
  --output "$work/1.h5"
finish
