# Several models over the same rows: each gives the bytes that it gives alone.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1
jobs=$top/jobs/fashion-mnist
images="$work/data.h5:/test/images"
run() { # ranks, options
  n=$1
  shift
  ranks "$n" "$espalier" run --input "$images" --scale 1/255 --samples 600 --progress none \
    "$@" >"$work/table" 2>"$work/err"
}
same() { # file of several, output, file of one, output
  /usr/bin/python3 - "$@" <<'P' || fail "$2 differs"
import sys, h5py
several, name, one, alone = sys.argv[1:]
with h5py.File(several) as s, h5py.File(one) as o:
    assert (s["outputs"][name][()] == o["outputs"][alone][()]).all()
P
}
for m in incep bilstm; do
  run 1 --model "$jobs/fmnist_$m.onnx" --output "$work/$m.h5" || fail "$m alone"
done
both() { # ranks, options
  run "$@" --models "$jobs/fmnist_incep.onnx" --models "lstm=$jobs/fmnist_bilstm.onnx"
}
for how in "1" "1 --workers 2 --width 1" "2" "2 --replicas 1" "3 --replicas 1"; do
  # shellcheck disable=SC2086
  both $how --restart --output "$work/both.h5" --labels "$work/data.h5:/test/labels" ||
    { cat "$work/err"; fail "both with $how"; }
  same "$work/both.h5" fmnist_incep.logits "$work/incep.h5" logits
  same "$work/both.h5" lstm.logits "$work/bilstm.h5" logits
done
grep -q '^accuracy' "$work/table" || fail "the first output is not scored"
# The branches are on several ranks, where one of them has none.
grep -q 'nodes of the graph on ranks: [1-9][0-9]* [1-9]' "$work/table" || fail "not spread"
# In a job file; the second takes rows of another form, from the same dataset.
/usr/bin/python3 - "$work/mean.onnx" <<'P'
import sys
from onnx import TensorProto, helper, save
node = helper.make_node("ReduceMean", ["x"], ["y"], axes=[1, 2], keepdims=0)
graph = helper.make_graph(
    [node], "mean", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 28, 28])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7),
     sys.argv[1])
P
cat >"$work/job.yaml" <<Y
models:
  - $jobs/fmnist_incep.onnx
  - $work/mean.onnx
input: $images
scale: 1/255
samples: 600
output: $work/forms.h5
Y
ranks 2 "$espalier" run "$work/job.yaml" --progress none >"$work/table" 2>"$work/err" ||
  { cat "$work/err"; fail "a job file"; }
same "$work/forms.h5" fmnist_incep.logits "$work/incep.h5" logits
/usr/bin/python3 - "$work" <<'P' || fail "the means"
import sys, h5py
import numpy as np
work = sys.argv[1]
with h5py.File(f"{work}/data.h5") as d, h5py.File(f"{work}/forms.h5") as f:
    want = (d["test/images"][:600] / 255).mean((1, 2))
    assert np.allclose(f["outputs/mean.y"][()], want, atol=1e-5)
P
# The same command goes on, or has nothing to do; other models are refused.
ranks 2 "$espalier" run "$work/job.yaml" --progress none 2>&1 | grep -q "nothing to do" ||
  fail "not done"
run 1 --models "$jobs/fmnist_incep.onnx" --models "mean=$jobs/fmnist_bilstm.onnx" \
  --output "$work/forms.h5"
[ $? = 3 ] && grep -q "model_hash" "$work/err" || fail "other models: $(cat "$work/err")"
refuse_run() { # words, options
  words=$1
  shift
  run 1 --output "$work/none.h5" "$@"
  [ $? = 2 ] && grep -q -- "$words" "$work/err" || fail "$*: $(cat "$work/err")"
}
refuse_run "one of them" --model "$jobs/fmnist_incep.onnx" \
  --models "lstm=$jobs/fmnist_bilstm.onnx"
refuse_run "two are named fmnist_incep" --models "$jobs/fmnist_incep.onnx" \
  --models "$jobs/fmnist_incep.onnx"
refuse_run "expected FILE or NAME=FILE" --models "a/b=$jobs/fmnist_incep.onnx"
refuse_run "expected FILE or NAME=FILE" --models "=$jobs/fmnist_incep.onnx"
finish
