#!/usr/bin/env bash
# Builds the fuzz targets and runs each for a bounded time; fails when one crashes, hangs, leaks or takes much memory.
# usage: tests/fuzz/run.sh SECONDS [TARGET...]
# What they learn is kept in build/fuzz/corpus/TARGET; an input that crashes is left in build/fuzz/crashes/TARGET-*.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:?usage: tests/fuzz/run.sh SECONDS [TARGET...], such as 60 safetensors}
shift
cmake --preset fuzz
cmake --build --preset fuzz
[ $# -gt 0 ] || set -- $(basename -a -s _fuzz.cc tests/fuzz/*_fuzz.cc)

export UBSAN_OPTIONS=print_stacktrace=1
mkdir -p build/fuzz/crashes
failed=()
for target in "$@"; do
  echo "== $target: $seconds s"
  corpus=build/fuzz/corpus/$target seeds=tests/fuzz/seeds/$target words=tests/fuzz/$target.dict
  mkdir -p "$corpus"
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1
           -artifact_prefix="build/fuzz/crashes/$target-")
  if [ -e "$words" ]; then options+=(-dict="$words"); fi
  folders=("$corpus")
  if [ -d "$seeds" ]; then folders+=("$seeds"); fi
  log=build/fuzz/$target.log
  if "build/fuzz/bin/${target}_fuzz" "${options[@]}" "${folders[@]}" > "$log" 2>&1; then
    grep -E 'number_of_executed_units|peak_rss_mb' "$log"
  else
    tail -60 "$log"
    failed+=("$target")
  fi
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}; the inputs are in build/fuzz/crashes" >&2
  exit 1
fi
