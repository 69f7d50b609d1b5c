#!/bin/bash
# Installs from Debian 12 what Espalier needs, and only what is missing.
#   jobs/setup.sh [run] [test] [cluster] [bench] [peers] [npm] [tsan]  (default: run)
# A call with nothing to install needs neither network nor root.
set -eu

# Every package, with its group and the reason; there is no other list.
packages() {
  cat <<'LIST'
run      gcc                      compiles the program; brings OpenMP
run      libc6-dev                the C library's headers
run      cmake                    configures the build
run      ninja-build              runs the build
run      pkg-config               finds libraries for CMake
run      openmpi-bin              mpirun
run      libopenmpi-dev           MPI: ranks and their messages
run      libhdf5-openmpi-dev      parallel HDF5: datasets and results
run      libdnnl-dev              oneDNN: the heavy operators
run      libhwloc-dev             the machine's cores
run      protobuf-c-compiler      makes a C reader of the schema
run      libprotobuf-c-dev        what that reader calls
run      libyaml-dev              job files
run      libjansson-dev           summaries and profiles in JSON
run      zlib1g-dev               IDX files packed with gzip
run      libpcre2-dev             patterns beyond POSIX (RegexFullMatch; may be missing)
run      libjpeg62-turbo-dev      pictures in JPEG (ImageDecoder; each may be missing)
run      libpng-dev               in PNG
run      libwebp-dev              in WebP
run      libtiff-dev              in TIFF
run      libopenjp2-7-dev         in JPEG 2000
run      libcunit1-dev            unit tests, which every build compiles
run      dataset-fashion-mnist    70,000 labelled images: the first job
test     git                      the clean clone that CI tries
test     clang-format             checks the layout of the sources
test     libonnx-testdata         ONNX's own cases for every operator
test     hdf5-tools               h5diff: compares results to the byte
test     python3                  checks the results of whole jobs
test     python3-h5py             reads them with another HDF5
test     python3-numpy            compares them
test     python3-pil              makes pictures, and decodes them
test     python3-onnx             names the versions of operators; makes models to measure
test     dpkg-dev                 the dependencies of the Debian package
test     file                     cpack strips what it packs
test     valgrind                 looks over the runtime's memory
test     groff                    manual pages are looked over
test     chromium                 looks at the pages that runs write
cluster  slurmctld                Slurm's controller
cluster  slurmd                   Slurm's daemon of a node
cluster  slurm-client             sbatch, srun, squeue
cluster  slurm-wlm-basic-plugins  Slurm's way to start MPI, pmix
cluster  munge                    how Slurm's daemons trust one another
cluster  iproute2                 the network between two hosts of a test
bench    libstarpu-dev            a task runtime to compare with
peers    python3-torch            libtorch, to compare with; writes models
peers    python3-torchvision      architectures of the models
peers    libopenblas0-openmp      without it torch multiplies with the reference
npm      npm                      brings ONNX Runtime, to compare with
tsan     clang                    the preset tsan
tsan     libomp-14-dev            an OpenMP whose races it can see
tsan     libclang-rt-14-dev       the thread sanitizer itself
LIST
}

in_groups() {
  packages | awk -v groups=" $* " 'index(groups, " " $1 " ")'
}

missing_of() {
  local group package reason
  while read -r group package reason; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" \
      = installed ] || echo "$group $package $reason"
  done
}

refuse() {
  echo "jobs/setup.sh: $1"
  echo "These packages of Debian 12 are missing here:"
  echo "$missing" | awk '{printf "  %-25s", $2; $1 = $2 = ""; print}'
  echo "Install them, or what your system has in their place, and try again."
  exit 1
} >&2

is_debian_12() {
  # shellcheck disable=SC1091
  (. /etc/os-release && [ "${ID:-}:${VERSION_ID:-}" = debian:12 ]) 2>/dev/null
}

[ $# -gt 0 ] || set -- run
for group in "$@"; do
  packages | grep -q "^$group " && continue
  echo "jobs/setup.sh: no group \"$group\"; the groups are:" \
    "$(packages | cut -d' ' -f1 | uniq | tr '\n' ' ')" >&2
  exit 2
done

missing=$(in_groups "$@" | missing_of)
if [ -z "$missing" ]; then
  echo "setup: all packages are installed ($*)"
  exit 0
fi
is_debian_12 || refuse "this is not Debian 12, so nothing was installed."
as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || refuse "neither root nor sudo to install with."
  as_root=(sudo)
fi

echo "setup: installing from Debian ($*):"
echo "$missing" | awk '{printf "  %-25s", $2; $1 = $2 = ""; print}'
as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o
  DPkg::Lock::Timeout=500)
# Without a terminal for dpkg's bar, and without what is merely recommended.
"${as_root[@]}" update ||
  echo "setup: apt-get update failed; trying with the lists that are here" >&2
mapfile -t names < <(echo "$missing" | awk '{print $2}')
"${as_root[@]}" install -y --no-install-recommends -o Dpkg::Use-Pty=0 \
  "${names[@]}" </dev/null || refuse "apt-get could not install them."
echo "setup: done"
