# What the fault tests share: a small job and its undisturbed results.  Sourced
# after flow/lib.sh.
model=$top/jobs/fashion-mnist/fmnist_incep.onnx

# start RANKS OUTPUT OPTIONS...: in the background, as $launcher.
start() {
  n=$1 output=$2
  shift 2
  timeout 60 mpirun --oversubscribe --bind-to none -n "$n" "$@" "$espalier" run \
    --model "$model" --input "$work/data.h5:/test/images" --scale 1/255 --batch 8 \
    --samples "$samples" --journal-seconds 0 --progress none --output "$output" \
    >"$work/out" 2>"$work/err" &
  launcher=$!
}

undisturbed() {
  start 1 "$work/whole.h5"
  wait $launcher || { cat "$work/err"; fail "the undisturbed run"; exit 1; }
  whole=$(sum "$work/whole.h5")
}
