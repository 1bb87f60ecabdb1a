#!/usr/bin/env bash
# Installs a build into a temporary folder, moves that, and builds and runs this project against it:
# `bash tests/consumer/run.sh build/release`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${1:?usage: run.sh BUILD_FOLDER}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/first" >/dev/null
mv "$scratch/first" "$scratch/papilio"

cmake -S "$here" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$scratch/papilio"
cmake --build "$scratch/build"
ctest --test-dir "$scratch/build" --output-on-failure
for program in "$scratch"/papilio/bin/papilio-*; do
  [[ -e $program ]] || continue
  "$program" --help >/dev/null
  echo "$(basename "$program") runs"
done
