#!/usr/bin/env bash
# Whether the kernels still compile to what they are written for, and whether the feature `cuda` builds:
# with NVIDIA's compilers, without a GPU or an installed CUDA. From nothing, on 2 busy cores, in minutes:
#   wheels    0.1   pinned, kept in ~/.cache/fairbit-cuda
#   kernels   8     6 to build CubeCL without burn, 2 for 40 variants on 4 architectures
#   features  4.5   metadata of burn with CUDA
# `--kernels-only` leaves out the last. Source, PTX, cubin and SASS stay in cuda-report of the target
# directory.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}

case "${1:-}" in
"" | --kernels-only) ;;
*)
    echo "usage: scripts/check-cuda.sh [--kernels-only]" >&2
    exit 2
    ;;
esac

stage() {
    local name=$1 began=$SECONDS
    shift
    echo "== $name: $*"
    "$@"
    echo "== $name took $((SECONDS - began)) s"
}

wheels() {
    local exports
    # On its own line: `eval` of a failed substitution would succeed.
    exports=$(scripts/cuda-wheels.sh)
    eval "$exports"
}

stage wheels wheels
# The features of the kernels' tests, so that one build serves both.
stage kernels cargo run --release -p fairbit-kernels --no-default-features --features cube-wgpu,nvrtc \
    --example cuda_report -- "$target/cuda-report"
if [[ "${1:-}" != --kernels-only ]]; then
    stage features cargo check --release --features cuda
fi
