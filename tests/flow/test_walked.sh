# Models whose shapes or branches depend on data run over datasets too.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1
/usr/bin/python3 "$(dirname "$0")/make_if.py" "$work/if.onnx" 0.28 || exit 1

run() { # ranks, results, options
  n=$1 output=$2
  shift 2
  ranks "$n" "$espalier" run --model "$work/if.onnx" --scale 1/255 \
    --input "$work/data.h5:/test/images" --samples 600 --batch 1 \
    --output "$output" --restart "$@"
}

run 1 "$work/one.h5" || fail "on one rank"
/usr/bin/python3 - "$work" <<'P' || fail "other results than NumPy's"
import sys, h5py, numpy
folder = sys.argv[1]
with h5py.File(folder + "/data.h5") as data, h5py.File(folder + "/one.h5") as results:
    x = data["test/images"][:600].astype("f4") / numpy.float32(255)
    y = results["outputs/y"][:]
mean = x.mean(axis=(1, 2))
clear = abs(mean - 0.28) > 1e-4  # sums in another order decide the rest
want = numpy.where((mean > 0.28)[:, None, None], 2 * x, -x)
share = (mean > 0.28).mean()
assert 0.2 < share < 0.8, share
assert clear.sum() > 500 and (y[clear] == want[clear]).all()
P
for options in "1 --streams 1" "2" "3"; do
  # shellcheck disable=SC2086 # a number and options
  set -- $options
  n=$1
  shift
  run "$n" "$work/other.h5" "$@" >"$work/log" 2>&1 || fail "$options: $(cat "$work/log")"
  h5diff "$work/one.h5" "$work/other.h5" /outputs/y || fail "$options: other bytes"
done
run 1 "$work/other.h5" --batch 7 >/dev/null || fail "a batch that leaves a rest"
run 2 "$work/other.h5" --replicas 1 2>&1 | grep -q "cannot be divided among 2 ranks" ||
  fail "branches over ranks are not refused"

# Rows of another size than the first ones have no place in the results.
/usr/bin/python3 "$(dirname "$0")/make_if.py" "$work/if.onnx" 0.28 twice
run 1 "$work/twice.h5" >"$work/log" 2>&1
[ $? = 3 ] || fail "results of many sizes: $(cat "$work/log")"
grep -q "results whose size depends on the data cannot be written" "$work/log" ||
  fail "no reason: $(cat "$work/log")"
finish
