# Job files, scoring, argmax and top k, summaries, and the other subcommands.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1
cat >"$work/job.yaml" <<JOB
model: $top/jobs/fashion-mnist/fmnist_incep.onnx
input: $work/data.h5:/test/images
scale: 1/255
labels: $work/data.h5:/test/labels
output: $work/results.h5
argmax: true
top_k: 3
JOB
ranks 2 "$espalier" run "$work/job.yaml" --summary "$work/summary.json" \
  >"$work/table" 2>"$work/log" || {
  cat "$work/log"
  fail "the job file"
}
grep -q '9115 of 10000' "$work/table" || fail "accuracy: $(cat "$work/table")"
grep -q 'samples/s' "$work/log" || fail "no progress lines"
/usr/bin/python3 - "$work" <<'P' || fail "the results"
import json, sys
import h5py
import numpy as np
work = sys.argv[1]
summary = json.load(open(work + "/summary.json"))
assert summary["samples"] == 10000 and summary["score"]["right"] == 9115
for name in ("seconds", "samples_per_second", "latency_ms", "plan", "certificate", "io",
             "score", "resumed_from", "versions", "hosts", "exit"):
    assert name in summary, name
with h5py.File(work + "/results.h5") as f, h5py.File(work + "/data.h5") as d:
    logits = f["outputs/logits"][:]
    assert logits.shape == (10000, 10) and logits.dtype == np.float32
    assert (f["outputs/logits_argmax"][:] == logits.argmax(1)).all()
    top = f["outputs/logits_top_k_values"][:]
    assert (top == -np.sort(-logits, 1)[:, :3]).all()
    rows = np.arange(10000)[:, None]
    assert (logits[rows, f["outputs/logits_top_k_indices"][:]] == top).all()
    assert (logits.argmax(1) == d["test/labels"][:]).sum() == 9115
    assert f["outputs/logits"].attrs["onnx_name"].decode() == "logits" \
        if isinstance(f["outputs/logits"].attrs["onnx_name"], bytes) \
        else f["outputs/logits"].attrs["onnx_name"] == "logits"
    assert f.attrs["complete"] == 1
P
"$espalier" run "$work/job.yaml" --samples 0 --restart >/dev/null 2>&1 ||
  fail "a job of no samples"
"$espalier" inspect "$work/data.h5" | grep -q '/test/images  uint8 \[10000,28,28\]' ||
  fail "inspect a dataset"
"$espalier" inspect "$top/jobs/fashion-mnist/fmnist_bilstm.onnx" | grep -q LSTM ||
  fail "inspect a model"
"$espalier" explain "$top/jobs/fashion-mnist/fmnist_incep.onnx" | grep -q ceiling ||
  fail "explain"
"$espalier" explain "$top/jobs/fashion-mnist/fmnist_incep.onnx" --json |
  /usr/bin/python3 -c 'import json,sys; assert json.load(sys.stdin)["ceiling"] > 1' ||
  fail "explain --json"
"$espalier" plan "$top/jobs/fashion-mnist/fmnist_incep.onnx" --batch 64 --ranks 2 \
  --json | /usr/bin/python3 -c 'import json,sys; assert len(json.load(sys.stdin)["schedule"]) == 2' ||
  fail "plan --json"
# Names are any bytes, and what verify prints is JSON all the same.
"$espalier" verify "$work/$(printf '\377"\355\240\200\303\251')" | /usr/bin/python3 -c '
import json, sys
case = json.loads(sys.stdin.buffer.read().decode())["case"]
assert case.endswith("\ufffd\"\ufffd\ufffd\ufffd\u00e9"), case' ||
  fail "verify of a name that is no text"
"$espalier" --help >/dev/null && "$espalier" run --help | grep -q -- --top-k ||
  fail "help"
finish
