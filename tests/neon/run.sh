#!/usr/bin/env bash
# Cross-compiles the SIMD kernels for NEON and runs their tests under QEMU: `bash tests/neon/run.sh [argument of ctest...]`.
# The last line says how many tests passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bash tests/setup.sh neon
build=build/neon
cmake -S tests/neon -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release
cmake --build "$build"
OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive} \
  ctest --test-dir "$build" --output-on-failure --no-tests=error -j 2 "$@" | tee "$build/tests.log"
echo "neon: $(sed -n 's/^100% tests passed, 0 tests failed out of //p' "$build/tests.log") passed, 0 failed"
