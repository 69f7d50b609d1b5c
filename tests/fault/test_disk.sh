# Every write, size change or sync from some number on fails, on each of several
# numbers of ranks: the job ends in time with one message and status 1, what was
# published opens, and the same command goes on to the same bytes.
. "$(dirname "$0")/../flow/lib.sh"
. "$(dirname "$0")/lib.sh"
cp "$3" "$work/disk.so" || exit 1 # LD_PRELOAD knows no path with a space
disk=$work/disk.so
samples=1500
pack_images || exit 1
undisturbed
mkdir "$work/disk"

# disturbed RANKS KIND FROM [ONCE]
disturbed() {
  rm -rf "$work/disk/"*
  output=$work/disk/r.h5
  start "$1" "$output" -x LD_PRELOAD="$disk" -x FAULT_BELOW="$work/disk" \
    -x FAULT_KIND="$2" -x FAULT_FROM="$3" ${4:+-x FAULT_ONCE=1}
  began=$(date +%s)
  wait $launcher
  got=$?
  what="$2 from call $3 ${4:+alone }on $1 ranks"
  [ $(($(date +%s) - began)) -lt 30 ] || fail "$what: it took too long"
}

failures_seen=0
for n in 1 2 3; do
  for kind in ENOSPC EIO; do
    calls="1 2 5 9 17 40 100 250"
    [ $kind = EIO ] && calls="3 30 150"
    for from in $calls; do
      disturbed $n $kind $from
      if [ $got = 0 ]; then # fewer calls than that
        [ "$(sum "$output")" = "$whole" ] || fail "$what: other bytes"
        continue
      fi
      failures_seen=$((failures_seen + 1))
      # Ranks that end with 1 make mpirun end with it.
      [ $got = 1 ] || { cat "$work/err"; fail "$what: exit $got"; }
      said=$(grep -c '^espalier: ' "$work/err")
      [ "$said" -ge 1 ] && [ "$said" -le 2 ] ||
        { cat "$work/err"; fail "$what: $said messages"; }
      if [ -e "$output" ]; then
        sum "$output" >/dev/null || fail "$what: it does not open"
      fi
      start 2 "$output"
      wait $launcher || { cat "$work/err"; fail "$what: it does not go on"; }
      [ "$(sum "$output")" = "$whole" ] || fail "$what: other bytes"
    done
  done
  # One call fails, and the next would not.
  disturbed $n EIO 30 once
  [ $got = 0 ] || [ $got = 1 ] || fail "$what: exit $got"
  start 1 "$output"
  wait $launcher || fail "$what: it does not go on"
  [ "$(sum "$output")" = "$whole" ] || fail "$what: other bytes"
  # Short writes are no failure.
  disturbed $n SHORT 1
  [ $got = 0 ] || { cat "$work/err"; fail "$what: exit $got"; }
  [ "$(sum "$output")" = "$whole" ] || fail "$what: other bytes"
done
[ $failures_seen -gt 15 ] || fail "only $failures_seen runs met a failure"
echo "$failures_seen runs met a failure"
finish
