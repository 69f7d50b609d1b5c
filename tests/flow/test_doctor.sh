# doctor tells what is there and what to change; runs keep to the mask.
. "$(dirname "$0")/lib.sh"
unset OMP_NUM_THREADS

says() { # what, command...
  what=$1
  shift
  "$@" >"$work/said" 2>&1
  status=$?
  grep -q -- "$what" "$work/said" || {
    fail "does not say \"$what\": $*"
    cat "$work/said"
  }
  return $status
}

says "started by  *no launcher" "$espalier" doctor || fail "alone: status $?"
says "1 core: 0" taskset -c 0 "$espalier" doctor || fail "taskset: status $?"
says "width 1, pinned" taskset -c 0 "$espalier" doctor
OMP_NUM_THREADS=2 says "would be refused: 1 stream x 1 inter-op x 2 intra-op" \
  taskset -c 0 "$espalier" doctor && fail "a problem must be an exit status"
DNNL_MAX_CPU_ISA=AVX2 says "what to do: unset DNNL_MAX_CPU_ISA" "$espalier" doctor
says '"findings"' "$espalier" doctor --json
says "what is jason" "$espalier" doctor --jason && fail "a wrong option"
if [ "$(nproc)" -ge 2 ]; then
  says "rank 1  *.*, cores 1" mpirun --bind-to core -n 2 "$espalier" doctor
  says "2 replicas of 1 rank" mpirun --bind-to none -n 2 "$espalier" doctor
fi
says "share too few cores" mpirun --oversubscribe --bind-to none -n 9 \
  taskset -c 0 "$espalier" doctor

# A run does the same with what it finds.
pack_images || exit 1
run() { # model's options
  "$espalier" run --model "$top/jobs/fashion-mnist/fmnist_incep.onnx" \
    --input "$work/data.h5:/test/images" --scale 1/255 --samples 64 \
    --output "$work/r.h5" --restart "$@"
}
says "more than the 1 core that this process may use" taskset -c 0 \
  "$espalier" run --model "$top/jobs/fashion-mnist/fmnist_incep.onnx" \
  --input "$work/data.h5:/test/images" --scale 1/255 --output "$work/r.h5" \
  --workers 2 && fail "more threads than cores"
says "samples" run --workers 64 --oversubscribe || fail "oversubscribe: $?"
ESPALIER_WIDTH=2 OMP_NUM_THREADS=1 says "unset OMP_NUM_THREADS" run &&
  fail "a contradiction"

# Threads are where pin says.
threads_with() { # pin: the cores on which the worker may be, while a run lasts
  "$espalier" run --model "$top/jobs/fashion-mnist/fmnist_incep.onnx" \
    --input "$work/data.h5:/test/images" --scale 1/255 --output "$work/r.h5" \
    --restart --workers 1 --streams 1 --pin "$1" >"$work/log" 2>&1 &
  pid=$!
  for _ in $(seq 200); do
    for task in /proc/$pid/task/*; do
      [ "$(cat "$task/comm" 2>/dev/null)" = esp-worker-0 ] &&
        awk '/Cpus_allowed_list/ {print $2}' "$task/status" 2>/dev/null
    done
    kill -0 $pid 2>/dev/null || break
    sleep 0.01
  done >"$work/where"
  wait $pid
  tail -n 3 "$work/where" | head -n 1
}
if [ "$(nproc)" = 2 ]; then
  where=$(threads_with no)
  [ "$where" = 0-1 ] || fail "--pin no: $where"
  where=$(threads_with yes)
  [ "$where" = 0 ] || fail "--pin yes: $where"
fi
finish
