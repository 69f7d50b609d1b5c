# Hosts made of namespaces, on one machine.  Sourced by bash; needs root.
#
# A host has a network, a hostname, mounts, IPC and process ids of its own: its
# address is 10.77.0.N, its /dev/shm is its own, and killing its first process
# is pulling its plug.  The switch between them sits in a network namespace too:
# nothing is added to the machine's own.  Everything is kept below $lab, and
# ended by process id.

lab_skip() {
  echo "skipped: $*"
  exit 77
}

# Skips the test where hosts cannot be had, or one of the commands is missing.
lab_needs() { # commands...
  PATH=$PATH:/usr/sbin:/sbin
  [ "$(id -u)" = 0 ] || lab_skip "hosts made of namespaces need root"
  for tool in ip nsenter unshare "$@"; do
    command -v "$tool" >/dev/null || lab_skip "there is no $tool"
  done
  unshare -n -u -m -i true 2>/dev/null || lab_skip "no namespaces are to be had"
  # Messages between hosts go over their own network.
  export OMPI_MCA_btl_tcp_if_include=10.77.0.0/24
  export OMPI_MCA_oob_tcp_if_include=10.77.0.0/24
}

lab_up() { # folder, number of hosts
  lab=$1 hosts=$2
  mkdir -p "$lab"
  {
    echo "127.0.0.1 localhost"
    echo "10.77.0.254 head"
    for i in $(seq "$hosts"); do echo "10.77.0.$i node$i"; done
  } >"$lab/hosts"
  unshare -n sleep infinity &
  echo $! >"$lab/switch.pid"
  disown # its end is no news
  lab_wait_for_namespace "$(cat "$lab/switch.pid")"
  lab_in_switch sh -c \
    'ip link set lo up && ip link add br0 type bridge forward_delay 0 && ip link set br0 up'
  lab_host head 254 ""
  for i in $(seq "$hosts"); do
    lab_host "node$i" "$i" "-p --fork --mount-proc --kill-child"
  done
  cat >"$lab/shell" <<SHELL
#!/bin/sh
# Runs a command on a host, as ssh would: HOST COMMAND...
pid=\$(cat "$lab/\$1.pid") || exit 255
shift
exec nsenter -t "\$pid" -n -u -m -i -p -- sh -c "\$*"
SHELL
  chmod 755 "$lab/shell"
}

# A namespace is there when it differs from ours.
lab_wait_for_namespace() { # process
  for _ in $(seq 200); do
    [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ] && return
    sleep 0.02
  done
  echo "lab: no namespace" >&2
  return 1
}

lab_host() { # name, last number of the address, further options of unshare
  first="sleep infinity"
  # The first of a process namespace reaps what others leave behind.
  [ -n "$3" ] && first="bash -c 'while :; do sleep 1000 & wait \$!; done'"
  # shellcheck disable=SC2086 -- the options are words
  unshare -n -u -m -i $3 sh -c "hostname $1
    mount -t tmpfs tmpfs /dev/shm
    mount --bind '$lab/hosts' /etc/hosts
    ip link set lo up
    echo ready >'$lab/$1.ready'
    exec $first" </dev/null >/dev/null 2>&1 &
  outer=$!
  disown
  echo $outer >"$lab/$1.outer.pid"
  for _ in $(seq 200); do
    [ -s "$lab/$1.ready" ] && break
    sleep 0.02
  done
  inner=$outer # with a process namespace, unshare waits outside of it
  [ -n "$3" ] && inner=$(tr -d ' ' <"/proc/$outer/task/$outer/children")
  echo "$inner" >"$lab/$1.pid"
  lab_in_switch sh -c "
    ip link add v$2 type veth peer name eth0 netns $inner
    ip link set v$2 master br0 up"
  nsenter -t "$inner" -n sh -c \
    "ip addr add 10.77.0.$2/24 dev eth0 && ip link set eth0 up"
}

# The host hears and is heard no more; nothing tells it, or the others.
lab_cut() { # host
  lab_in_switch ip link set "v${1#node}" nomaster
}
lab_mend() { # host
  lab_in_switch ip link set "v${1#node}" master br0
}
# The plug is pulled.
lab_unplug() { # host
  lab_cut "$1"
  kill -9 "$(cat "$lab/$1.outer.pid")" "$(cat "$lab/$1.pid")"
}

# Each frame between hosts takes so long; and at once again.  A host cannot be
# cut off meanwhile.
lab_delay() { # the program of switch.c, microseconds
  program=$1 delay=$2
  # shellcheck disable=SC2046 -- words
  set -- v254 $(seq -f v%g "$hosts")
  for link; do lab_in_switch ip link set "$link" nomaster; done
  nsenter -t "$(cat "$lab/switch.pid")" -n "$program" "$delay" "$@" &
  echo $! >"$lab/delay.pid"
  disown
}
lab_no_delay() {
  kill "$(cat "$lab/delay.pid")"
  rm "$lab/delay.pid"
  for link in v254 $(seq -f v%g "$hosts"); do
    lab_in_switch ip link set "$link" master br0
  done
}
lab_in_switch() { # command
  nsenter -t "$(cat "$lab/switch.pid")" -n "$@"
}

# mpirun on the head, over hosts with two slots each, through a shell that
# goes to a host by its name.
lab_mpirun() { # "node1 node2", options and command...
  hosts_used=$(for host in $1; do printf '%s:2,' "$host"; done)
  shift
  lab_exec head mpirun --bind-to none --host "${hosts_used%,}" \
    --mca plm_rsh_agent "$lab/shell" "$@"
}

lab_exec() { # host, command...
  host=$1
  shift
  ids=-p
  [ "$host" = head ] && ids= # the head sees the hosts' processes
  nsenter -t "$(cat "$lab/$host.pid")" -n -u -m -i $ids --wdns="$PWD" -- "$@"
}

lab_down() {
  for file in "$lab"/*.pid; do
    [ -e "$file" ] && kill -9 "$(cat "$file")" 2>/dev/null
    rm -f "$file"
  done
  true
}
