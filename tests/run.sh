#!/usr/bin/env bash
# Sets up, builds and runs every test: `bash tests/run.sh [argument of ctest...]`, for example `-R butterfly`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tests/setup.sh build test
cmake --preset release
cmake --build --preset release
# Several tests run at once: their threads should sleep, not spin, when they wait for each other.
OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive} ctest --preset release --no-tests=error -j 2 "$@"
