# Kills at random instants, COUNT of them: launcher, one rank, or all at once, by
# SIGKILL or SIGTERM, from before the file is there to its end; each followed by
# the same command with some number of ranks.  Whatever was published opens in
# h5py after every kill, and each job ends with the bytes of an undisturbed run.
# usage: test_kills.sh ESPALIER TOP COUNT    (seed: CHECK_SEED, or printed)
# What is killed takes a second to be gone: four go on side by side.
if [ $# = 3 ]; then
  seed=${CHECK_SEED:-$$}
  lanes=
  for lane in 1 2 3 4; do
    CHECK_SEED=$((seed * 4 + lane)) sh "$0" "$1" "$2" $((($3 + 4 - lane) / 4)) $lane &
    lanes="$lanes $!"
  done
  failed=0
  for lane in $lanes; do wait "$lane" || failed=1; done
  echo "seed $seed"
  exit $failed
fi
. "$(dirname "$0")/../flow/lib.sh"
. "$(dirname "$0")/lib.sh"
count=$3
samples=10000
pack_images || exit 1
undisturbed
seed=$CHECK_SEED
draw() { # below $1
  seed=$(((seed * 1103515245 + 12345) % 2147483648))
  drawn=$((seed / 65536 % $1))
}

# Children of mpirun, which is one of timeout; without the dead, which an mpirun
# that hangs does not reap.
ranks_now() {
  pgrep -r R,S,D,T -P "$(pgrep -P "$launcher" | head -n 1)" 2>/dev/null
}
# When a rank is killed while it connects to mpirun (its PID is 0 then, and PMIx
# says UNREACHABLE), mpirun now and then stops in its own end, for a lock that
# nobody holds: Open MPI 4.1.4 with PMIx 4.2.2.  It is ended when it has had no
# rank for ten seconds, and counted.
end_mpirun_that_hangs() {
  idle=0
  while mpirun=$(pgrep -P $launcher | head -n 1) && [ -n "$mpirun" ]; do
    if [ -z "$(ranks_now)" ]; then idle=$((idle + 1)); else idle=0; fi
    if [ $idle -ge 100 ]; then
      grep -q 'with PID 0\|UNREACHABLE' "$work/err" || fail "mpirun hangs: $(cat "$work/err")"
      kill -9 "$mpirun"
      hung=$((hung + 1))
      return
    fi
    sleep 0.1
  done
}
# What is dead, and has not been asked for its status yet, writes nothing; it is
# not dead while one of its threads has still to end.
is_alive() {
  /usr/bin/awk '$1 == "State:" { state = $2 } $1 == "Threads:" { threads = $2 }
    END { exit state == "" || (state ~ /[ZX]/ && threads <= 1) }' \
    "/proc/$1/status" 2>/dev/null
}
# Nobody of a run that was cut off writes any more when the next one begins.
wait_for_end() {
  end_mpirun_that_hangs
  wait $launcher 2>/dev/null
  for process in $processes; do
    for _ in $(seq 200); do
      is_alive "$process" || continue 2
      sleep 0.05
    done
    fail "rank $process is left after kill $kills, of $who; it says: $(cat "$work/err")"
    for thread in /proc/"$process"/task/*; do
      echo "$(cat "$thread/comm"): $(grep State "$thread/status"), $(cat "$thread/wchan")"
    done
    grep -E 'PPid|Sig' "/proc/$process/status"
  done
}

kills=0 jobs=0 launched=0 alone=0 all=0 hung=0
while [ $kills -lt "$count" ]; do
  output=$work/killed$jobs.h5
  while :; do
    draw 3
    n=$((drawn + 1))
    start $n "$output"
    # Some come while it starts, most while it computes or ends.
    draw 1200
    sleep "$(printf '%d.%03d' $((drawn / 1000)) $((drawn % 1000)))"
    processes=$(ranks_now)
    if ! kill -0 $launcher 2>/dev/null; then
      wait $launcher && break # it was over before
      fail "job $jobs ended by itself after kill $kills: $(cat "$work/err")"
      finish
    fi
    draw 4
    case $drawn in
    0) # the launcher and timeout, which its ranks notice
      who=launcher
      kill -9 "$(pgrep -P $launcher | head -n 1)" 2>/dev/null && launched=$((launched + 1))
      ;;
    1 | 2) # one rank
      who="a rank"
      draw 3
      victim=$(echo "$processes" | sed -n "$((drawn % n + 1))p")
      signal=KILL
      draw 4
      [ $drawn = 0 ] && signal=TERM
      [ -n "$victim" ] && kill -$signal "$victim" 2>/dev/null && alone=$((alone + 1))
      ;;
    3) # everything
      who=all
      # shellcheck disable=SC2086 # a list
      kill -9 "$(pgrep -P $launcher | head -n 1)" $processes 2>/dev/null
      all=$((all + 1))
      ;;
    esac
    kills=$((kills + 1))
    wait_for_end
    if [ -e "$output" ]; then
      sum "$output" >/dev/null || fail "after kill $kills: it does not open"
    fi
    [ $failures = 0 ] || finish
  done
  [ "$(sum "$output")" = "$whole" ] || fail "job $jobs after kill $kills: other bytes"
  rm -f "$output" "$output.part"
  jobs=$((jobs + 1))
done
echo "$kills kills ($launched of launchers, $alone of a rank, $all of all) over $jobs jobs; mpirun hung $hung times"
finish
