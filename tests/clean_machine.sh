#!/bin/sh
# Tries what a newcomer does: a Debian 12 with nothing installed, a fresh clone,
# and the two commands.  As root; makes a folder with debootstrap (from the
# mirror that this machine's apt uses) and takes some ten minutes, so it is no
# part of tests/run.sh.
#
# usage: tests/clean_machine.sh FOLDER    (FOLDER must not exist; it is left)
set -eu
folder=${1:?usage: tests/clean_machine.sh FOLDER}
[ -e "$folder" ] && {
  echo "clean_machine: $folder exists" >&2
  exit 2
}
top=$(cd "$(dirname "$0")/.." && pwd)
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
  grep -v security | head -n 1)
debootstrap --variant=minbase bookworm "$folder" "$mirror"
git clone -q "$top" "$folder/espalier"
# The machine's own way to reach its packages.
cp -r /etc/apt/sources.list* /etc/apt/apt.conf* "$folder/etc/apt/" 2>/dev/null || true
cp -r /usr/share/keyrings/. "$folder/usr/share/keyrings/" 2>/dev/null || true
cp /etc/resolv.conf /etc/hosts "$folder/etc/"

# No package may start a daemon: it would outlive the test and hold its mounts.
printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
chmod 755 "$folder/usr/sbin/policy-rc.d"

unmount() {
  for place in dev/shm dev/pts sys proc; do
    mountpoint -q "$folder/$place" && umount "$folder/$place"
  done
  true
}
trap unmount EXIT
mount -t proc proc "$folder/proc"
mount -t sysfs sysfs "$folder/sys"
mkdir -p "$folder/dev/shm" "$folder/dev/pts"
mount -t tmpfs tmpfs "$folder/dev/shm"
mount -t devpts devpts "$folder/dev/pts"
inside() {
  chroot "$folder" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}
inside /espalier/jobs/quickstart.sh
inside /espalier/tests/run.sh
