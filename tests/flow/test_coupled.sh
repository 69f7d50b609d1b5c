# A model that mixes the samples of a batch: the batch is kept whole, and it is
# said.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1
/usr/bin/python3 "$top/tests/flow/make_mixing.py" "$work/mixing.onnx" || exit 1
run() { # ranks, options
  n=$1
  shift
  ranks "$n" "$espalier" run --model "$work/mixing.onnx" --progress none \
    --input "$work/data.h5:/test/images" --samples 1000 "$@" \
    >"$work/table" 2>"$work/err"
}
said="samples of a batch influence one another in node"

# By default all samples are one batch, on any number of ranks.
for n in 1 2 3; do
  run $n --output "$work/$n.h5" || { cat "$work/err"; fail "$n ranks"; }
  grep -q "$said .*ReduceMean.* in batches of 1000$" "$work/err" ||
    fail "it was not said on $n ranks: $(cat "$work/err")"
  h5diff "$work/1.h5" "$work/$n.h5" /outputs /outputs || fail "$n ranks differ"
done
run 2 --batch 300 --output "$work/300.h5" || fail "batches of 300"
grep -q "in batches of 300 and a smaller last one" "$work/err" || fail "the last"
/usr/bin/python3 - "$work" <<'P' || fail "the results"
import sys, h5py
import numpy as np
work = sys.argv[1]
with h5py.File(work + "/data.h5") as data:
    x = data["test/images"][:1000].astype(np.float64)
with h5py.File(work + "/1.h5") as whole, h5py.File(work + "/300.h5") as cut:
    assert np.allclose(whole["outputs/y"][()], x - x.mean(0), atol=1e-3)
    for first in range(0, 1000, 300):
        part = x[first:first + 300]
        got = cut["outputs/y"][first:first + 300]
        assert np.allclose(got, part - part.mean(0), atol=1e-3), first
P
# The batch belongs to the results: another one does not go on with them.
run 1 --batch 200 --output "$work/300.h5"
[ $? = 3 ] && grep -q "coupled_batch 300, and this run has 200" "$work/err" ||
  fail "another batch: $(cat "$work/err")"
"$espalier" explain "$work/mixing.onnx" | tr '\n' ' ' |
  grep -q "samples of a batch influence one another" || fail "explain"
"$espalier" explain "$work/mixing.onnx" --json | /usr/bin/python3 -c '
import json, sys
coupling = json.load(sys.stdin)["coupling"]
assert coupling["found"] is True and "ReduceMean" in coupling["where"], coupling' ||
  fail "explain --json"
"$espalier" explain "$top/jobs/fashion-mnist/fmnist_incep.onnx" |
  grep -q "influence one another" && fail "explain of a usual model"
# A batch that the model fixes is not filled up when its samples would notice.
/usr/bin/python3 "$top/tests/flow/make_mixing.py" "$work/fixed.onnx" 300 || exit 1
run 2 --model "$work/fixed.onnx" --output "$work/fixed.h5" &&
  fail "a batch of 300 for 1000 samples was filled up"
grep -q "300 samples at a time, which influence one another, and 1000" \
  "$work/err" || fail "a fixed batch: $(cat "$work/err")"
# Where it cannot be told, that is said.
/usr/bin/python3 "$top/tests/flow/make_if.py" "$work/if.onnx" 100
ranks 1 "$espalier" run --model "$work/if.onnx" --progress none --batch 10 \
  --input "$work/data.h5:/test/images" --samples 20 --output "$work/if.h5" \
  >"$work/table" 2>"$work/err" || { cat "$work/err"; fail "an If"; }
grep -q "cannot be told whether" "$work/err" || fail "an If: $(cat "$work/err")"
finish
