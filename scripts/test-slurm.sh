#!/usr/bin/env bash
# The job array on a real Slurm: Debian's slurm-wlm and munge, one node, this machine. The tiny study is
# submitted as two shards, one of them is killed in the middle, the array is submitted again, and the results
# are those of an undisturbed run. Needs root and Debian; changes /etc/slurm and installs packages, so it is
# for a machine that is thrown away, and no part of .ci/run.
#
#   scripts/test-slurm.sh [--config configs/study/tiny.toml] [--keep]
#
# FAIRBIT names the binary, target/release/fairbit by default.
set -euo pipefail
cd "$(dirname "$0")/.."
config=configs/study/tiny.toml keep=
while (($#)); do
    case $1 in
    --config) config=$2 && shift 2 ;;
    --keep) keep=yes && shift ;;
    *)
        echo "test-slurm.sh: unknown option $1" >&2
        exit 2
        ;;
    esac
done
fairbit=$(realpath "${FAIRBIT:-${CARGO_TARGET_DIR:-target}/release/fairbit}")
dir=$(mktemp -d)
say() { echo "slurm: $*"; }

say "packages"
if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq slurm-wlm munge >/dev/null
fi
host=$(hostname -s)
cpus=$(nproc)
mkdir -p /etc/slurm "$dir/state" "$dir/spool" /run/munge /var/log/munge
chown munge: /run/munge /var/log/munge
cat >/etc/slurm/slurm.conf <<CONF
ClusterName=test
SlurmctldHost=$host
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
# slurmd loads a plugin for control groups even where none are used, and this one asks nothing of the machine.
echo "CgroupPlugin=cgroup/v1" >/etc/slurm/cgroup.conf
getent hosts "$host" >/dev/null || echo "127.0.0.1 $host" >>/etc/hosts

started=()
if ! munge -n >/dev/null 2>&1; then
    runuser -u munge -- /usr/sbin/munged --foreground >/dev/null 2>&1 &
    started+=($!)
fi
finish() {
    # Only what this script started.
    ((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
    [[ -n $keep ]] || rm -rf "$dir"
}
trap finish EXIT
slurmctld -D >/dev/null 2>&1 &
started+=($!)
slurmd -D >/dev/null 2>&1 &
started+=($!)
for _ in $(seq 60); do
    [[ $(sinfo -h -o %T 2>/dev/null) == idle ]] && break
    sleep 1
done
[[ $(sinfo -h -o %T) == idle ]] || {
    sinfo
    tail -n 20 "$dir"/slurm*.log
    exit 1
}
say "$(sinfo --version), one node with $cpus processors"

submit() {
    FAIRBIT=$fairbit FAIRBIT_CACHE=$dir/cache sbatch --parsable --array=1-2 --cpus-per-task=1 \
        --output="$dir/log-%a.txt" scripts/slurm/study.sbatch "$config" "$dir/array"
}
wait_for() {
    while [[ -n $(squeue -h -j "$1" 2>/dev/null) ]]; do sleep 1; done
}

say "the undisturbed study"
FAIRBIT_CACHE=$dir/cache "$fairbit" --quiet study --config "$config" --out "$dir/calm"

job=$(submit)
say "array $job; its first task is killed when a unit is done"
# A training is in the middle of its work then.
for _ in $(seq 1200); do
    grep -qs '"event":"done"' "$dir/array/events.jsonl" && break
    sleep 0.5
done
scancel --signal=KILL --full "${job}_1"
say "the other one goes on alone"
wait_for "$job"
sed 's/^/    /' "$dir"/log-*.txt
job=$(submit)
say "submitted again as $job"
wait_for "$job"

digests() {
    (cd "$1" && find . -path ./data -prune -o -type f \( -name predictions-test.csv -o -name model.safetensors \
        -o -name sensitivity.csv -o -name draws.csv -o -name results.csv -o -name 'predictions*.csv.gz' \) \
        -print0 | sort -z | xargs -0 sha256sum)
}
diff <(digests "$dir/calm") <(digests "$dir/array") || {
    say "the results differ"
    exit 1
}
say "$(digests "$dir/calm" | wc -l) files are the same, byte for byte"
