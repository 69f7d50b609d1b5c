#!/bin/sh
# Voice-activity models with their state over a dataset, against another engine.
# usage: test_state.sh ESPALIER FOLDER     (FOLDER keeps what was fetched)
# Exit status 77 where they cannot be had.
set -u
espalier=$1 folder=$2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fetch.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
vad=$folder/node_modules/@ricky0123/vad-web/dist

compare() { # model, values of a frame, shape of the state, INPUT=OUTPUT...
  model=$1 width=$2 shape=$3
  shift 3
  /usr/bin/python3 - "$work" "$width" <<'P' || return 1
import sys, h5py
import numpy as np
work, width = sys.argv[1], int(sys.argv[2])
random = np.random.default_rng(5)
t = np.arange(width * 300) / 16000
voice = np.sin(2 * np.pi * 220 * t) * np.sign(np.sin(2 * np.pi * 5 * t)) * (np.sin(2 * np.pi * t) > 0)
frames = (0.3 * voice + 0.01 * random.standard_normal(t.size)).astype(np.float32).reshape(300, width)
frames.tofile(work + "/frames")
with h5py.File(work + "/calls.h5", "w") as f:
    f["frames"] = frames
    f["call"] = np.repeat([7, 8, 7], 100)
P
  node "$here/run_frames.js" "$folder/node_modules" "$vad/$model" \
    "$work/frames" "$width" "$work/want" "$shape" "$@" || return 1
  ties=
  for tie in "$@"; do ties="$ties --state $tie"; done
  # shellcheck disable=SC2086 # a list of options
  timeout 100 mpirun --oversubscribe --bind-to none -n 2 "$espalier" run \
    --model "$vad/$model" --input "$work/calls.h5:/frames" --input-name input \
    --sequence "$work/calls.h5:/call" $ties --inputs sr=16000 --restart \
    --output "$work/got.h5" --progress none >"$work/table" || return 1
  /usr/bin/python3 - "$work" "$model" <<'P'
import sys, h5py
import numpy as np
want = np.fromfile(sys.argv[1] + "/want", np.float32)
with h5py.File(sys.argv[1] + "/got.h5") as f:
    got = f["outputs/output"][()].reshape(-1)
error = np.abs(got - want).max()
print("%s: largest difference %.1e, outputs %.3f to %.3f" % (sys.argv[2], error, want.min(), want.max()))
assert want.max() > 2 * want.min(), "the frames are all alike"
assert np.allclose(got, want, rtol=1e-4, atol=1e-5)
P
}

failures=0
compare silero_vad_v5.onnx 512 2x1x128 state=stateN || failures=1
compare silero_vad_v6.onnx 512 2x1x128 state=stateN || failures=1
compare silero_vad_legacy.onnx 1536 2x1x64 h=hn c=cn || failures=1
exit $failures
