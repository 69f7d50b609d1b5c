# What the flow tests share.  Sourced with: espalier command, top of the tree.
espalier=$1
top=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_mpi_yield_when_idle=1
export ESPALIER_CACHE=$work/cache
failures=0

# mpirun would read what a loop around it reads.
ranks() { # number of ranks, then the command
  n=$1
  shift
  timeout 60 mpirun --oversubscribe --bind-to none -n "$n" "$@" </dev/null
}

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

pack_images() {
  source=/usr/share/datasets/fashion-mnist
  "$espalier" pack "test/images=$source/t10k-images-idx3-ubyte.gz" \
    "test/labels=$source/t10k-labels-idx1-ubyte.gz" --output "$work/data.h5"
}

# Waits until a run has something on the disk to go on with.
wait_for_some() { # output, seconds at most
  for _ in $(seq $((20 * $2))); do
    case $("$espalier" inspect "$1" 2>/dev/null | grep 'samples are done') in
    "" | "0 of"*) sleep 0.05 ;;
    *) return 0 ;;
    esac
  done
  fail "$1: nothing was done in $2 seconds"
  return 1
}

# Of all bytes of /outputs, and whether the file says that it is whole; fails
# when h5py cannot open it.
sum() {
  /usr/bin/python3 - "$1" <<'P'
import hashlib, sys, h5py
with h5py.File(sys.argv[1]) as f:
    digest = hashlib.sha256()
    for name in sorted(f["outputs"]):
        digest.update(f["outputs"][name][()].tobytes())
    print(digest.hexdigest()[:16], int(f.attrs["complete"]))
P
}

# A call of the command that ends with this exit status and a message with these
# words, and prints nothing.
refuse() { # exit status, part of the message, arguments
  status=$1 words=$2
  shift 2
  "$espalier" "$@" >"$work/out" 2>"$work/err"
  got=$?
  [ $got = "$status" ] || fail "$*: exit status $got, not $status"
  [ -s "$work/out" ] && fail "$*: printed something"
  grep -q -- "$words" "$work/err" || fail "$*: $(cat "$work/err")"
}

finish() {
  [ $failures = 0 ] && echo "all right"
  exit $failures
}
