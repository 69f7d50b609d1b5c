#!/bin/sh
# From a fresh Debian 12 machine to scored results: installs, builds, packs
# Debian's Fashion-MNIST into HDF5 and classifies its 10,000 test images on all
# cores.  May be run again; what is done is not done twice.
set -eu
cd "$(dirname "$0")/.."

jobs/setup.sh run
mkdir -p build
cmake --preset release >build/configure.log 2>&1 || {
  cat build/configure.log >&2
  exit 1
}
cmake --build --preset release -- --quiet
espalier=build/release/bin/espalier

out=build/quickstart
data=$out/fashion-mnist.h5
mkdir -p "$out"
source=/usr/share/datasets/fashion-mnist
if [ ! -e "$data" ]; then
  # Under another name first: half a file must not pass for the whole.
  echo "quickstart: packing 70,000 images into $data"
  "$espalier" pack \
    "train/images=$source/train-images-idx3-ubyte.gz" \
    "train/labels=$source/train-labels-idx1-ubyte.gz" \
    "test/images=$source/t10k-images-idx3-ubyte.gz" \
    "test/labels=$source/t10k-labels-idx1-ubyte.gz" \
    --output "$data.part" --overwrite
  mv "$data.part" "$data"
fi

# One rank for each core that this process may use; nproc alone would count
# OMP_NUM_THREADS instead.  Open MPI runs as root only when told so twice; ranks
# yield, should there be fewer cores than they think.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cores=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)
export OMPI_MCA_mpi_yield_when_idle=1
mpirun --oversubscribe --bind-to none -n "$cores" \
  "$espalier" run jobs/fashion-mnist/fmnist_incep.yaml --restart
