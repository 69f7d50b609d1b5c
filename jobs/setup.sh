#!/bin/sh
# Installs what Espalier needs from Debian 12; what is there is left alone, so a
# second call costs nothing and needs no network.
#
# usage: jobs/setup.sh [run] [test] [cluster]     (default: run)
set -eu

# To build and to run the quickstart.
run="
gcc libc6-dev cmake ninja-build pkg-config
openmpi-bin libopenmpi-dev
libhdf5-openmpi-dev
libdnnl-dev
libhwloc-dev
protobuf-c-compiler libprotobuf-c-dev libonnx-dev
libcyaml-dev libyaml-dev
libjansson-dev
zlib1g-dev
libcunit1-dev
dataset-fashion-mnist
"
# To run the tests: another reader of HDF5, ONNX's own cases, the formatter,
# the second compiler, a clone of the repository.
test="
python3 python3-h5py python3-numpy hdf5-tools libonnx-testdata clang-format git
"
# To run the tests on a real Slurm over hosts made of namespaces.
cluster="
slurm-wlm slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge iproute2
util-linux procps
"

wanted=
for group in "${@:-run}"; do
  case $group in
  run) wanted="$wanted $run" ;;
  test) wanted="$wanted $test" ;;
  cluster) wanted="$wanted $cluster" ;;
  *)
    echo "setup: no group \"$group\"; there are run, test and cluster" >&2
    exit 2
    ;;
  esac
done

missing=
for package in $wanted; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "setup: everything is installed ($*)"
  exit 0
fi

as_root=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "setup: as root, or with sudo, this would install:$missing" >&2
    exit 1
  fi
  as_root=sudo
fi
echo "setup: installing from Debian:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -o DPkg::Lock::Timeout=500 update -qq
$as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get -o DPkg::Lock::Timeout=500 install -y -qq --no-install-recommends \
  $missing >/dev/null
echo "setup: done"
