# Bad input: the documented exit status, one message, files left as they were.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1
model=$top/jobs/fashion-mnist/fmnist_incep.onnx
images=$work/data.h5:/test/images

# expect STATUS PART_OF_THE_MESSAGE options...: a run on one and on two ranks.
expect() {
  want=$1 part=$2
  shift 2
  for n in 1 2; do
    ranks $n "$espalier" run --progress none --scale 1/255 "$@" \
      >"$work/out" 2>"$work/err"
    got=$?
    lines=$(grep -c '^espalier: ' "$work/err")
    if [ $got != "$want" ]; then
      fail "exit $got, expected $want, on $n ranks: $*"
      cat "$work/err"
    elif [ "$lines" != 1 ]; then
      fail "$lines messages on $n ranks: $*"
      cat "$work/err"
    elif ! grep -q "$part" "$work/err"; then
      fail "the message does not say \"$part\": $(cat "$work/err")"
    else
      echo "refused on $n: $(grep '^espalier: ' "$work/err" | cut -c1-150)"
    fi
  done
}

expect 1 "cannot open" --model "$work/none.onnx" --input "$images" --output "$work/r.h5"
head -c 100000 "$model" >"$work/cut.onnx"
expect 3 "cut.onnx" --model "$work/cut.onnx" --input "$images" --output "$work/r.h5"
expect 1 "none.h5" --model "$model" --input "$work/none.h5:/x" --output "$work/r.h5"
expect 3 "no such dataset" --model "$model" --input "$work/data.h5:/x" --output "$work/r.h5"
expect 3 "a row of the dataset is" --model "$model" --input "$work/data.h5:/test/labels" --output "$work/r.h5"
expect 2 "output is missing" --model "$model" --input "$images"
expect 2 "did you mean" --modle "$model"
expect 2 "whole number" --model "$model" --input "$images" --output "$work/r.h5" --batch many
expect 2 "must divide" --model "$model" --input "$images" --output "$work/r.h5" --replicas 7
printf 'model: a.onnx\nbatsch: 7\n' >"$work/job.yaml"
expect 3 "job.yaml:2: .*batsch.*batch" "$work/job.yaml"
printf 'model: a.onnx\nbatch: seven\n' >"$work/job.yaml"
expect 3 "job.yaml:2: batch is" "$work/job.yaml"
printf 'not YAML: [' >"$work/job.yaml"
expect 3 "job.yaml" "$work/job.yaml"
echo "precious" >"$work/r.h5"
expect 3 "exists" --model "$model" --input "$images" --output "$work/r.h5"
[ "$(cat "$work/r.h5")" = precious ] || fail "the existing file was touched"
rm "$work/r.h5"
# A name that nobody has, in place of one of the same length.
case_of_relu=/usr/share/libonnx-testdata/data/node/test_relu/model.onnx
if [ -e $case_of_relu ]; then
  LC_ALL=C sed 's/Relu/Rleu/' $case_of_relu >"$work/rleu.onnx"
  expect 3 "Rleu (node" --model "$work/rleu.onnx" --input "$images" --output "$work/r.h5"
fi
[ -e "$work/r.h5" ] && fail "a refused job left a results file"

# A chunk that is damaged inside the file is met in the middle of the run, by one
# rank: it ends all of them with its message.
/usr/bin/python3 - "$work/torn.h5" <<'P'
import sys
import h5py
import numpy as np
with h5py.File(sys.argv[1], "w") as f:
    x = np.random.default_rng(0).integers(0, 255, (2000, 28, 28), dtype=np.uint8)
    f.create_dataset("x", data=x, chunks=(50, 28, 28), compression="gzip")
    place = f["x"].id.get_chunk_info(29).byte_offset
with open(sys.argv[1], "r+b") as f:
    f.seek(place)
    f.write(bytes(200))
P
expect 1 "cannot read rows" --model "$model" --input "$work/torn.h5:/x" --output "$work/r.h5" --batch 50 --restart
rm -f "$work/r.h5"
expect 1 "cannot create" --model "$model" --input "$images" --output "$work/none/r.h5"
finish
