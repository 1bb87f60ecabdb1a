#!/usr/bin/env bash
# Installs the Debian packages that Papilio needs and that are missing. When none is missing it does nothing and needs no
# network. This is the one list of packages.
#
#   bash tests/setup.sh [build] [data] [test] [bench] [format] [deep] [neon] [peers]      (default: build test)
#
#   build   compiler, build tools, libraries: all it takes to build the library and the executables
#   data    Fashion-MNIST, 30 MB
#   test    what the tests use besides
#   bench   what the benchmarks use besides
#   format  clang-format
#   deep    clang, its sanitizers and clang-tidy
#   neon    cross compiler for arm64, emulator, sources of GoogleTest
#   peers   PyTorch, which tests/peers and a test of models compare with, and ONNX's checker of exported files: 570 MB
#
# PAPILIO_SKIP_SETUP=1 turns it off, for systems whose packages have other names.
set -euo pipefail

declare -A packages=(
  [build]="g++ cmake ninja-build libdnnl-dev libopenblas-dev libstb-dev libspdlog-dev libhwy-dev libcli11-dev
           nlohmann-json3-dev zlib1g-dev libjpeg62-turbo-dev libcairo2-dev"
  [data]="dataset-fashion-mnist"
  [test]="libgtest-dev libgmock-dev libfftw3-dev python3 python3-numpy dataset-fashion-mnist"
  [bench]="libbenchmark-dev libfftw3-dev"
  [format]="clang-format"
  [deep]="clang clang-tidy libclang-rt-dev"
  [neon]="cmake ninja-build libhwy-dev g++-aarch64-linux-gnu qemu-user googletest"
  [peers]="python3 python3-torch python3-onnx"
)

fail() {
  echo "setup: $*" >&2
  exit 1
}

[[ -n ${PAPILIO_SKIP_SETUP:-} ]] && exit 0
(($# > 0)) || set -- build test
wanted=()
for group in "$@"; do
  [[ -n ${packages[$group]:-} ]] || fail "unknown group '$group'; the groups are: build data test bench format deep neon peers"
  read -r -d '' -a names <<<"${packages[$group]}" || true
  wanted+=("${names[@]}")
done

remedy="Install the equivalents of: ${wanted[*]}; then run again with PAPILIO_SKIP_SETUP=1."
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
  fail "this is no Debian-like system (dpkg-query and apt-get are missing). $remedy"

missing=()
for name in $(printf '%s\n' "${wanted[@]}" | sort -u); do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
  [[ $status == installed* ]] || missing+=("$name")
done
((${#missing[@]} > 0)) || exit 0

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null ||
    fail "these packages are missing and neither root nor sudo is at hand: ${missing[*]}. As root: apt-get install ${missing[*]}"
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}${as_root:+ with sudo}"
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null
}
install update -q || fail "apt-get update failed; is there a network?"
install install -q -y --no-install-recommends "${missing[@]}" ||
  fail "apt-get could not install ${missing[*]}; Papilio is developed on Debian 12, where all of them exist"
