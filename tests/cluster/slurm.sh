# shellcheck shell=bash disable=SC2154
# A real Slurm over the hosts of lab.sh.  Sourced after it.
slurm= # its folder, once there is one

# Brings up so many hosts below $work and Slurm over them, to be ended with the
# script; skips the test where that cannot be.
slurm_begin() { # number of hosts
  lab_needs slurmctld slurmd munged sbatch
  trap 'slurm_down; lab_down; rm -rf "$work"' EXIT
  chmod 755 "$work"
  lab_up "$work/lab" "$1" && slurm_up && return
  cat "$work"/lab/slurm/log/* 2>/dev/null | tail -20
  exit 1
}

slurm_up() { # uses $lab and $hosts
  slurm=$lab/slurm
  mkdir -p "$slurm/state" "$slurm/log" "$slurm/run" "$slurm/munge"
  chmod 755 "$slurm" "$slurm/munge"
  dd if=/dev/urandom of="$slurm/munge/key" bs=1024 count=1 2>/dev/null
  chmod 600 "$slurm/munge/key"
  munged --force --key-file="$slurm/munge/key" --socket="$slurm/munge/sock" \
    --pid-file="$slurm/munge/pid" --log-file="$slurm/munge/log" \
    --seed-file="$slurm/munge/seed" --num-threads=2
  slurm_configuration >"$slurm/slurm.conf"
  export SLURM_CONF="$slurm/slurm.conf"
  lab_exec head slurmctld -c
  for i in $(seq "$hosts"); do lab_exec "node$i" slurmd; done
  for _ in $(seq 150); do
    [ "$(lab_exec head sinfo -h -N -t idle | wc -l)" = "$hosts" ] && return 0
    sleep 0.1
  done
  echo "slurm: the nodes do not come up" >&2
  return 1
}

slurm_configuration() {
  cat <<CONF
ClusterName=lab
SlurmctldHost=head(10.77.0.254)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$slurm/munge/sock,cred_expire=5
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool-%n
TmpFS=$slurm/tmp-%n
SlurmctldPidFile=$slurm/run/slurmctld.pid
SlurmdPidFile=$slurm/run/slurmd-%n.pid
SlurmctldLogFile=$slurm/log/slurmctld.log
SlurmdLogFile=$slurm/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=pmix
ReturnToService=2
KillWait=2
MailProg=/bin/true
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=0
PartitionName=main Nodes=node[1-$hosts] Default=YES MaxTime=INFINITE State=UP
CONF
  for i in $(seq "$hosts"); do
    mkdir -p "$slurm/spool-node$i" "$slurm/tmp-node$i"
    echo "NodeName=node$i NodeAddr=10.77.0.$i CPUs=$(nproc) Sockets=1" \
      "CoresPerSocket=$(nproc) ThreadsPerCore=1 RealMemory=2000"
  done
}

# Waits for a batch job, four minutes at most: a run that others disturb takes
# six times as long.  Its exit status is ours.
slurm_wait() { # job; of an array: all of its tasks
  for _ in $(seq 480); do
    state=$(lab_exec head scontrol show job "$1" |
      sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' | sort -u | tr '\n' ' ')
    case $state in
    *PENDING* | *RUNNING* | *COMPLETING* | *REQUEUED*) ;;
    "COMPLETED ") return 0 ;;
    *FAILED* | *CANCELLED* | *TIMEOUT* | *NODE_FAIL*) return 1 ;;
    esac
    sleep 0.5
  done
  echo "slurm: job $1 is still $state" >&2
  return 1
}

slurm_down() {
  # Without a folder of ours, the files below would be those of the machine's
  # own Slurm.
  [ -n "$slurm" ] || return 0
  for file in "$slurm/run/slurmctld.pid" "$slurm/munge/pid"; do
    [ -e "$file" ] && kill "$(cat "$file")" 2>/dev/null
  done
  true
}
