#!/usr/bin/env bash
# CUDA's compilers and LLVM's libraries without CUDA, a GPU or root: from pinned wheels on PyPI.
#
#   wheels=$(scripts/cuda-wheels.sh) && eval "$wheels"
#
# fetches what is missing and sets what the builds read: CUDA_PATH (headers, as cubecl-cuda looks for
# them), LD_LIBRARY_PATH (NVRTC), PATH (ptxas, nvdisasm, cuobjdump) and XDG_DATA_HOME (the LLVM bundle of
# cubecl's `cuda` backend). Needs python3 with pip on x86-64 Linux. 230 MB are fetched into
# ${FAIRBIT_CUDA:-$HOME/.cache/fairbit-cuda}, where they take 0.7 GB.
set -euo pipefail
shopt -s inherit_errexit

cuda=(
    nvidia-cuda-nvrtc-cu12==12.9.86
    nvidia-cuda-nvcc-cu12==12.9.86
    nvidia-cuda-runtime-cu12==12.9.79
    nvidia-cuda-cccl-cu12==12.9.27
    # There is no wheel of these two for CUDA 12; newer ones read its cubins.
    nvidia-cuda-nvdisasm==13.2.51
    nvidia-cuda-cuobjdump==13.2.51
)
llvm=(
    mlc-llvm-static==23.1.1.post0
    mlc-llvm-static-extra-targets==23.1.1.post0
)
# The folder that cubecl's build looks for. It follows tracel-llvm-bundler in Cargo.lock.
bundle=tracel-llvm-23.1.0-4
# Goes up when `arrange_*` below change.
layout=1

cache=${FAIRBIT_CUDA:-$HOME/.cache/fairbit-cuda}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

# fetched KIND PIN... prints the folder that holds these wheels as `arrange_KIND` lays them out.
fetched() {
    local kind=$1 hash folder made
    shift
    hash=$(sha256sum <<<"$layout $bundle $*" | cut -c1-12)
    folder=$cache/$kind-$hash
    if [[ ! -d $folder ]]; then
        made=$(mktemp -d "$cache/.$kind-XXXXXX")
        # shellcheck disable=SC2064 # now: `made` is gone when the trap runs
        trap "rm -rf '$made'" EXIT
        echo "fetching $*" >&2
        python3 -m pip download --quiet --disable-pip-version-check --no-input --no-deps \
            --only-binary=:all: --dest "$made/wheels" "$@" >&2
        unpack "$made/wheels" "$made/raw"
        mkdir "$made/done"
        "arrange_$kind" "$made/raw" "$made/done"
        # Another run may have been faster.
        mv -T "$made/done" "$folder" 2>/dev/null || [[ -d $folder ]]
        rm -rf "$made"
        trap - EXIT
    fi
    echo "$folder"
}

# All wheels of one folder into another.
unpack() {
    python3 - "$1" "$2" <<'PYTHON'
import pathlib, sys, zipfile

for wheel in sorted(pathlib.Path(sys.argv[1]).glob("*.whl")):
    zipfile.ZipFile(wheel).extractall(sys.argv[2])
PYTHON
}

# A folder as the toolkit's installer makes it: bin, lib, nvvm, include and include/cccl.
arrange_cuda() {
    local raw=$1/nvidia to=$2 part
    mkdir "$to/include" "$to/lib" "$to/bin"
    for part in cuda_runtime cuda_nvcc cuda_nvrtc; do
        cp -a "$raw/$part/include/." "$to/include/"
    done
    mv "$raw/cuda_cccl/include" "$to/include/cccl"
    mv "$raw"/cuda_nvrtc/lib/libnvrtc{,-builtins}.so.* "$to/lib/"
    mv "$raw/cuda_nvcc/nvvm" "$to/nvvm"
    mv "$raw/cuda_nvcc/bin/"* "$raw/cu13/bin/"* "$to/bin/"
    # zipfile forgets modes.
    chmod +x "$to/bin/"*
}

# The SDK under the name that cubecl's build expects, with its mark of a finished download.
arrange_llvm() {
    local to=$2/tracel
    mkdir "$to"
    mv "$1/mlc_llvm_static/static" "$to/$bundle"
    chmod +x "$to/$bundle/bin/"*
    touch "$to/$bundle/.tracel-llvm-installed"
}

cuda_home=$(fetched cuda "${cuda[@]}")
llvm_home=$(fetched llvm "${llvm[@]}")
printf 'export CUDA_PATH=%q\n' "$cuda_home"
printf 'export LD_LIBRARY_PATH=%q${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\n' "$cuda_home/lib"
printf 'export PATH=%q:$PATH\n' "$cuda_home/bin"
printf 'export XDG_DATA_HOME=%q\n' "$llvm_home"
