# Ways are tried in the first batches of a long run, and the next one knows them;
# results are the same bytes.
. "$(dirname "$0")/lib.sh"
[ "$(nproc)" -gt 1 ] || { echo "one core: there are no ways"; exit 77; }
pack_images || exit 1
incep=$top/jobs/fashion-mnist/fmnist_incep.onnx
images="$work/data.h5:/test/images"
many=$(for _ in $(seq 400); do printf -- '--input %s ' "$images"; done)
run() { # options; leaves $work/summary.json
  # shellcheck disable=SC2086
  ESPALIER_LOG=info timeout 100 "$espalier" run --model "$incep" --scale 1/255 \
    --progress none --summary "$work/summary.json" "$@" >"$work/table" 2>"$work/err"
}
told() { # python expression over the summary `s`
  /usr/bin/python3 - "$work/summary.json" "$1" <<'P' || fail "not so: $1: $(cat "$work/table")"
import json, sys
s = json.load(open(sys.argv[1]))
plan, certificate = s["plan"], s["certificate"]
sys.exit(not eval(sys.argv[2]))
P
}
books() { ls "$ESPALIER_CACHE" 2>/dev/null | wc -l; }

# A short run tries nothing, and its times are known to the next.
run --input "$images" --samples 600 --output "$work/a.h5" || fail "a short run"
told 'certificate["costs"] == "estimated"'
told 'plan["streams"] == 2 or plan["streams"] > 2'
[ "$(books)" = 1 ] || fail "$(books) books"
run --input "$images" --samples 600 --output "$work/b.h5" || fail "the next run"
told 'certificate["costs"] == "measured by an earlier run"'
told 'len(certificate["ranks"]) == 1 and 0 < certificate["ranks"][0]["computed"] <= 1'
grep -q '^batch .*(costs measured by an earlier run)' "$work/table" || fail "the table"
[ "$(sum "$work/a.h5")" = "$(sum "$work/b.h5")" ] || fail "the bytes differ"
run --input "$images" --samples 600 --tune off --output "$work/c.h5" || fail "tune off"
told 'certificate["costs"] == "estimated"'

# Four million images: ways are tried, and the run is stopped then.
for objective in throughput latency; do
  # shellcheck disable=SC2086
  run $many --objective $objective --batch 50 --max-seconds 12 --output "$work/$objective.h5"
  [ $? = 75 ] || fail "$objective: not stopped: $(tail -3 "$work/err")"
  tried=$(grep -c "^espalier: tried .* of the first way's time" "$work/err")
  [ "$tried" -ge 1 ] || fail "$objective: $tried ways tried"
  told 'certificate["costs"] == "measured in the first batches"'
  told 's["done"] > 0 and plan["streams"] * plan["workers"] * plan["width"] >= 2'
  chosen=$(/usr/bin/python3 -c 'import json, sys
p = json.load(open(sys.argv[1]))["plan"]
print(p["streams"], p["workers"], p["width"])' "$work/summary.json")
  # shellcheck disable=SC2086
  run $many --objective $objective --batch 50 --max-seconds 5 --output "$work/$objective.h5"
  [ $? = 75 ] || fail "$objective: the second was not stopped"
  grep -q "^espalier: tried" "$work/err" && fail "$objective: tried again"
  told 'certificate["costs"] == "measured by an earlier run"'
  told "[plan['streams'], plan['workers'], plan['width']] == [int(n) for n in '$chosen'.split()]"
  told 's["resumed_from"] > 0'
done
# Where the batch is open, batches are tried too, and the next job begins with the
# best; one that goes on keeps its own.
batch_of() { /usr/bin/python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["plan"]["batch"])' "$work/summary.json"; }
# shellcheck disable=SC2086
run $many --max-seconds 8 --output "$work/open.h5"
[ $? = 75 ] && grep -q "^espalier: tried batches of 8: " "$work/err" ||
  fail "no batches were tried: $(tail -3 "$work/err")"
chosen=$(batch_of)
# shellcheck disable=SC2086
run $many --max-seconds 4 --output "$work/next.h5"
[ $? = 75 ] || fail "the next job was not stopped"
grep -q "tried batches" "$work/err" && fail "batches were tried again"
[ "$(batch_of)" = "$chosen" ] || fail "the next job has batches of $(batch_of), not $chosen"
# shellcheck disable=SC2086
run $many --max-seconds 4 --tune again --output "$work/open.h5"
[ $? = 75 ] && [ "$(batch_of)" = "$chosen" ] || fail "another batch when going on"
# What was done in one way or another is what a plain run gives.
run --input "$images" --samples 10000 --tune off --batch 16 --output "$work/plain.h5" ||
  fail "a plain run"
/usr/bin/python3 - "$work" <<'P' || fail "the rows differ"
import sys, h5py
work = sys.argv[1]
with h5py.File(f"{work}/plain.h5") as p, h5py.File(f"{work}/throughput.h5") as t, \
        h5py.File(f"{work}/latency.h5") as l, h5py.File(f"{work}/open.h5") as o:
    for name in p["outputs"]:
        plain = p["outputs"][name][:10000]
        assert (t["outputs"][name][:10000] == plain).all()
        assert (l["outputs"][name][:10000] == plain).all()
        assert (o["outputs"][name][:10000] == plain).all()
P
# Ranks that share a batch plan anew from what they measured; a rank without
# batches goes along.
ranks 2 "$espalier" run --model "$incep" --scale 1/255 --input "$images" --replicas 1 \
  --progress none --output "$work/two.h5" >"$work/table" 2>&1 || fail "two ranks"
[ "$(sum "$work/two.h5")" = "$(sum "$work/plain.h5")" ] || fail "two ranks differ"
ranks 3 "$espalier" run --model "$incep" --scale 1/255 --input "$images" --samples 20 \
  --batch 20 --progress none --output "$work/three.h5" >"$work/table" 2>&1 || fail "three ranks"
# A cache that cannot be written is no failure.
ESPALIER_CACHE=/dev/null/x "$espalier" run --model "$incep" --scale 1/255 --input "$images" \
  --samples 100 --progress none --output "$work/d.h5" >/dev/null 2>"$work/err" ||
  fail "no cache: $(cat "$work/err")"
finish
