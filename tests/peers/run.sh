#!/usr/bin/env bash
# Sets up, builds and compares Papilio with PyTorch on the network of the compression experiment, one thread each, in
# alternating rounds: `bash tests/peers/run.sh [--rounds N] [--seconds S] [--threads N] [--json FILE]`. Takes two
# minutes. Nothing else should run meanwhile.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

bash "$here/../setup.sh" build test peers
(
  cd "$here/../.."
  cmake --preset release
  cmake --build --preset release --target peers_mlp
) >&2
# The system's Python: another one on the path would not see the packages.
/usr/bin/python3 "$here/compare.py" "$here/../../build/release/tests/peers/mlp" "$@"
