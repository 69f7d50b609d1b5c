# packed_cache: the next start maps what an earlier one has packed; results are
# the same, whatever stands in the folder.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1
model=$top/jobs/fashion-mnist/fmnist_incep.onnx
/usr/bin/python3 "$top/tests/flow/make_deep.py" "$work" deep 4 || exit 1
run() { # ranks, output, options
  n=$1 output=$2
  shift 2
  ranks "$n" "$espalier" run --model "$work/deep.onnx" --input "$work/data.h5:/test/images" \
    --scale 1/255 --samples 500 --batch 50 --tune=off --restart --progress none \
    --output "$output" "$@" >"$work/table" 2>"$work/err" || { cat "$work/err"; fail "$*"; }
}
kept=$work/kept
files() { find "$kept" -type f | wc -l; }
run 1 "$work/without.h5"
want=$(sum "$work/without.h5")
expect() { [ "$(sum "$1")" = "$want" ] || fail "$2: other bytes"; }

run 1 "$work/first.h5" --packed-cache "$kept"
expect "$work/first.h5" "the first start"
first=$(files)
[ "$first" -ge 4 ] || fail "$first files of four products"
find "$kept" -type f -exec stat -c '%n %Y %i' {} + | sort >"$work/before"
run 1 "$work/second.h5" --packed-cache "$kept"
expect "$work/second.h5" "the second start"
find "$kept" -type f -exec stat -c '%n %Y %i' {} + | sort | cmp -s - "$work/before" ||
  fail "the second start wrote anew"
run 3 "$work/ranks.h5" --packed-cache "$kept"
expect "$work/ranks.h5" "three ranks"

# Cut off, and of other bytes in front: packed again, and written anew.
one=$(find "$kept" -type f | sort | head -n 1)
two=$(find "$kept" -type f | sort | sed -n 2p)
size=$(stat -c %s "$one")
truncate -s $((size / 2)) "$one"
printf 'another' | dd of="$two" conv=notrunc status=none
run 1 "$work/broken.h5" --packed-cache "$kept"
expect "$work/broken.h5" "files that are broken"
[ "$(stat -c %s "$one")" = "$size" ] || fail "a file that was cut off stays so"
[ "$(head -c 8 "$two")" = ESPPACK1 ] || fail "a file of another kind stays"
[ "$(files)" = "$first" ] || fail "$(files) files, $first before"

# Where a file cannot be written: said once, and nothing else comes of it.
rm "$one" "$two"
mkdir "$one" "$two"
run 1 "$work/shut.h5" --packed-cache "$kept"
expect "$work/shut.h5" "files that cannot be written"
[ "$(grep -c 'packed weights are not kept' "$work/err")" = 1 ] || fail "$(cat "$work/err")"
[ "$(files)" = $((first - 2)) ] || fail "drafts are left: $(ls "$kept")"

# A file where the folder should be.
ranks 2 "$espalier" run --model "$model" --input "$work/data.h5:/test/images" \
  --output "$work/none.h5" --packed-cache "$model" >"$work/out" 2>"$work/err"
[ $? = 1 ] && [ "$(grep -c 'packed_cache: .* is no folder' "$work/err")" = 1 ] &&
  [ ! -e "$work/none.h5" ] || fail "a file as folder: $(cat "$work/err")"
timeout 60 "$espalier" bench "$model" --seconds 0.1 --packed-cache "$work/bench" >/dev/null ||
  fail "bench"
[ -d "$work/bench" ] || fail "bench made no folder"
finish
