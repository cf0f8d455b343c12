#!/usr/bin/env bash
# A study killed at random moments, a disk filled once, results damaged once: in the end every result is
# the undisturbed run's, byte for byte.
#
#   scripts/chaos.sh [--config configs/study/tiny.toml] [--kills 20] [--seed 1] [--workers 2] [--dir DIR]
#
# FAIRBIT names the binary, target/release/fairbit by default. Exit code 0: all is the same.
set -euo pipefail
cd "$(dirname "$0")/.."
config=configs/study/tiny.toml kills=20 seed=1 workers=2 dir=
while (($#)); do
    case $1 in
    --config) config=$2 ;;
    --kills) kills=$2 ;;
    --seed) seed=$2 ;;
    --workers) workers=$2 ;;
    --dir) dir=$2 ;;
    *)
        echo "chaos.sh: unknown option $1" >&2
        exit 2
        ;;
    esac
    shift 2
done
fairbit=${FAIRBIT:-${CARGO_TARGET_DIR:-target}/release/fairbit}
[[ -n $dir ]] || dir=$(mktemp -d)
mkdir -p "$dir"
RANDOM=$seed
say() { echo "chaos: $*"; }
export FAIRBIT_CACHE=${FAIRBIT_CACHE:-$dir/cache}
study() { "$fairbit" --quiet study --config "$config" --out "$1" "${@:2}"; }

# All processes below one, itself last.
family() {
    local child
    for child in $(pgrep -P "$1" || true); do family "$child"; done
    echo "$1"
}

# The files that a study computes, with their digests; times and logs are not among them.
digests() {
    (cd "$1" && find . -path ./set-aside -prune -o -path ./data -prune -o -type f \
        \( -name predictions-test.csv -o -name model.safetensors -o -name sensitivity.csv -o -name draws.csv \
        -o -name results.csv -o -name 'predictions*.csv.gz' -o -name groups.csv -o -name hypotheses.json \) \
        -print0 | sort -z | xargs -0 sha256sum)
}

say "the undisturbed study, in $dir/calm"
began=$SECONDS
study "$dir/calm"
took=$((SECONDS - began))
say "it took $took s"

say "a disk that is full: no file may grow beyond 1 MiB"
if (
    trap '' XFSZ
    ulimit -f 1024
    study "$dir/wild" 2>"$dir/full.txt"
); then
    say "it should have failed"
    exit 1
fi
grep -q 'the same command goes on' "$dir/full.txt" || {
    cat "$dir/full.txt"
    exit 1
}

# Each life lasts up to twice its share of what the study takes, so that there is work for all of them; where
# there is none left, a unit is lost altogether.
share=$((1 + 2 * took * 1000 / kills))
done_kills=0 finished=0
while ((done_kills < kills)); do
    # No function here: its shell would be what is killed.
    "$fairbit" --quiet study --config "$config" --out "$dir/wild" --workers "$workers" >/dev/null 2>>"$dir/wild.txt" &
    parent=$!
    ms=$((200 + (RANDOM * 32768 + RANDOM) % share))
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
    # Any process of it; the parent in every third life.
    mapfile -t all < <(family "$parent")
    victim=${all[$((RANDOM % ${#all[@]}))]}
    ((done_kills % 3)) || victim=$parent
    if kill -KILL "$victim" 2>/dev/null; then
        done_kills=$((done_kills + 1))
    fi
    if [[ $victim != "$parent" ]]; then
        # It goes on without its child; for a while only, or one life would last to the end.
        sleep 1
        kill -KILL "$parent" 2>/dev/null || true
    fi
    if wait "$parent" 2>/dev/null; then
        finished=$((finished + 1))
        mapfile -t units < <(find "$dir/wild/runs" -name 'seed-*' -type d)
        rm -rf "${units[$((RANDOM % ${#units[@]}))]}"
    fi
done
say "$done_kills kills; it came to its end $finished times in between, and lost a unit then"

study "$dir/wild" --workers "$workers" || study "$dir/wild"
say "one results file damaged"
damaged=$(find "$dir/wild/runs" -name predictions-test.csv | sort | head -n 1)
sed -i '2s/0/1/' "$damaged"
study "$dir/wild" 2>"$dir/damaged.txt"
[[ -d $dir/wild/set-aside ]] || {
    say "the damage was not noticed"
    exit 1
}
diff <(digests "$dir/calm") <(digests "$dir/wild") || {
    say "the results differ"
    exit 1
}
left=$(find "$dir/wild" -name '.*.part' | wc -l)
((left == 0)) || {
    say "$left temporary folders are left"
    exit 1
}
say "$(digests "$dir/calm" | wc -l) files are the same, byte for byte"
