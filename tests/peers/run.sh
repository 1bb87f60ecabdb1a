#!/usr/bin/env bash
# Sets up, builds and compares Papilio with PyTorch on one network, with the same number of threads, in alternating rounds:
#   bash tests/peers/run.sh [mlp] [--all] [--rounds N] [--seconds S] [--threads N] [--json FILE]
#   bash tests/peers/run.sh shufflenet [the same] [--width W]... [--task TASK]...
#   bash tests/peers/run.sh shufflenet --profile TASK [--mixer M] [--width W] [--threads N] [--seconds S]
# mlp is the network of the compression experiment and takes two minutes; with --all, every compressed layer, inference
# alone. shufflenet at its only default width, 0.5, takes twenty. --profile, of Papilio alone, lists what a step of training
# spends in which kind of layer. Nothing else should run meanwhile.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

network=mlp
if [[ ${1:-} != -* && -n ${1:-} ]]; then
  network=$1
  shift
fi
case $network in
mlp) compare=compare.py ;;
shufflenet) compare=compare_shufflenet.py ;;
*)
  echo "run.sh: no network '$network'; the networks are mlp and shufflenet" >&2
  exit 1
  ;;
esac

bash "$here/../setup.sh" build test peers
(
  cd "$here/../.."
  cmake --preset release
  cmake --build --preset release --target "peers_$network"
) >&2
program=$here/../../build/release/tests/peers/$network
if [[ ${1:-} == --profile ]]; then
  exec "$program" "$@"
fi
# The system's Python: another one on the path would not see the packages.
/usr/bin/python3 "$here/$compare" "$program" "$@"
