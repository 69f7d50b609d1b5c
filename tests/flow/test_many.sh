# Many input files: one long dataset, or a result for each.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1
mkdir "$work/in" "$work/out"
# Pieces of uneven length, one of them empty, each with its labels.
/usr/bin/python3 - "$work" <<'P'
import sys, h5py
work = sys.argv[1]
with h5py.File(work + "/data.h5") as f:
    images, labels = f["test/images"][()], f["test/labels"][()]
    cuts = [0, 1000, 1000, 1017, 3000, 3500]
    for i in range(5):
        with h5py.File("%s/in/part%d.h5" % (work, i), "w") as part:
            part["images"] = images[cuts[i]:cuts[i + 1]]
            part["labels"] = labels[cuts[i]:cuts[i + 1]]
P
incep=$top/jobs/fashion-mnist/fmnist_incep.onnx
run() { # ranks, options
  n=$1
  shift
  ranks "$n" "$espalier" run --model "$incep" --scale 1/255 --progress none \
    "$@" >"$work/table" 2>"$work/err"
}

# The same rows from one file and from five, by pattern, by list and by options.
cat >"$work/list.yaml" <<JOB
input:
  - $work/in/part0.h5:/images
  - $work/in/part1.h5:/images
  - $work/in/part2.h5:/images
  - $work/in/part[34].h5:/images
labels: $work/in/*.h5:/labels
JOB
run 2 --input "$work/data.h5:/test/images" --samples 3500 --batch 64 \
  --labels "$work/data.h5:/test/labels" --output "$work/one.h5" || fail "one"
accuracy=$(grep accuracy "$work/table")
run 2 --input "$work/in/*.h5:/images" --labels "$work/in/*.h5:/labels" \
  --batch 50 --output "$work/five.h5" || { cat "$work/err"; fail "a pattern"; }
[ "$(grep accuracy "$work/table")" = "$accuracy" ] || fail "labels of a pattern"
h5diff "$work/one.h5" "$work/five.h5" /outputs /outputs || fail "a pattern"
run 1 "$work/list.yaml" --output "$work/list.h5" || { cat "$work/err"; fail "a list"; }
h5diff "$work/one.h5" "$work/list.h5" /outputs /outputs || fail "a list"
run 1 --input "$work/in/part0.h5:/images" --input "$work/in/part[1-4].h5:/images" \
  --output "$work/options.h5" || { cat "$work/err"; fail "two options"; }
h5diff "$work/one.h5" "$work/options.h5" /outputs /outputs || fail "two options"
run 1 --input "$work/none*.h5:/images" --output "$work/none.h5"
[ $? = 1 ] && grep -q 'no file fits' "$work/err" || fail "a pattern that fits nothing"

# A result for each, of which some cannot be done.
head -c 300000 "$work/in/part3.h5" >"$work/in/part5.h5"
/usr/bin/python3 - "$work" <<'P'
import sys, h5py
work = sys.argv[1]
with h5py.File(work + "/in/part6.h5", "w") as part:
    part["pictures"] = [1, 2, 3]
with h5py.File(work + "/in/part7.h5", "w") as part:
    part["images"] = [[1, 2], [3, 4]]
    part["labels"] = [1, 2]
P
each() {
  run 2 --input "$work/in/*.h5:/images" --output "$work/out/{name}.h5" \
    --labels '{file}:/labels' --summary "$work/summary.json" "$@"
}
each
[ $? != 0 ] && [ -e "$work/out/part4.h5" ] || fail "it did not stop at the first"
each --keep-going
status=$?
[ $status = 1 ] || { cat "$work/err"; fail "exit $status, expected 1"; }
grep -q '5 of 8 files are done, 3 failed:' "$work/err" || {
  cat "$work/err"
  fail "no table of what failed"
}
grep -q 'part6.h5:/images: .*the file has: /pictures' "$work/err" || fail "why"
/usr/bin/python3 - "$work" <<'P' || fail "the results of each"
import json, sys, h5py
work = sys.argv[1]
summary = json.load(open(work + "/summary.json"))
assert [s["exit"] for s in summary] == [0, 0, 0, 0, 0, 1, 3, 3], summary
assert "truncated" in summary[5]["message"], summary[5]
with h5py.File(work + "/one.h5") as one:
    at = 0
    for i in range(5):
        with h5py.File("%s/out/part%d.h5" % (work, i)) as part:
            rows = part["outputs/logits"][()]
            assert (one["outputs/logits"][at:at + len(rows)] == rows).all(), i
            assert part.attrs["complete"] == 1
            at += len(rows)
    assert at == 3500
P
[ -e "$work/out/part5.h5" ] && fail "a file that failed left a result"
# Mended, and started again: what is done is left alone.
cp "$work/in/part3.h5" "$work/in/part5.h5"
rm "$work/in/part6.h5" "$work/in/part7.h5"
each --keep-going || { cat "$work/err"; fail "started again"; }
[ "$(grep -c 'nothing to do' "$work/table")" = 5 ] || fail "$(cat "$work/table")"
grep -q '6 of 6 files are done' "$work/err" || fail "$(cat "$work/err")"

# A row that fails while it is computed, on ranks that share each batch: the
# first node that failed is named, whichever rank has it; the others are done.
mkdir "$work/rows"
/usr/bin/python3 - "$work/rows" <<'P'
import sys, h5py, numpy as np
for name, bad in ("first", None), ("second", 15), ("third", None):
    with h5py.File("%s/%s.h5" % (sys.argv[1], name), "w") as f:
        f["x"] = np.arange(600, dtype="f4")[:, None] % 10
        if bad is not None:
            f["x"][407, 0] = bad
P
for tables in "10 20 a" "20 10 b"; do
  set -- $tables
  /usr/bin/python3 "$top/tests/flow/make_lookup.py" "$work/lookup.onnx" "$1" "$2"
  look_up() { # ranks, options
    n=$1
    shift
    ranks "$n" "$espalier" run --model "$work/lookup.onnx" --batch 50 \
      --input "$work/rows/*.h5:/x" --progress none --replicas 1 "$@" \
      >"$work/table" 2>"$work/err"
  }
  for n in 1 2 3; do
    look_up $n --output "$work/rows/$n-{name}.out" --keep-going --restart
    [ $? = 1 ] && grep -q '2 of 3 files are done, 1 failed' "$work/err" &&
      grep -q "samples 400 to 449: node look_up_$3\(\[[0-9:]*\]\)\? (Gather): .*15" "$work/err" || {
      cat "$work/err"
      fail "tables of $tables rows on $n ranks"
    }
    for name in first third; do
      h5diff "$work/rows/1-$name.out" "$work/rows/$n-$name.out" /outputs /outputs ||
        fail "$name beside one that failed, on $n ranks"
    done
  done
  "$espalier" inspect "$work/rows/2-second.out" | grep -q ' of 600 samples are done' ||
    fail "nothing is left of the file that failed"
done

# What cannot be meant.
run 1 --input "$work/in/*.h5:/images" --output "$work/x.h5" --keep-going
[ $? = 2 ] && grep -q 'put {name} into output' "$work/err" || fail "keep going"
mkdir "$work/in/a" && cp "$work/in/part0.h5" "$work/in/a"
run 1 --input "$work/in/part0.h5:/images" --input "$work/in/a/part0.h5:/images" \
  --output "$work/out/{name}.h5"
[ $? = 2 ] && grep -q 'would both be written' "$work/err" || fail "two of a name"
run 1 --input "$work/in/part0.h5:/images" --input "$work/in/part0.h5:/labels" \
  --output "$work/x.h5"
[ $? = 3 ] && grep -q 'rows of one form' "$work/err" || fail "two forms"
finish
