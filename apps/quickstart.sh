#!/usr/bin/env bash
# From a clone to trained, compressed networks: installs what is missing, builds, trains one network for each hidden layer
# on real images, evaluates the saved checkpoints from their files, and prints a table.
#
#   bash apps/quickstart.sh [--data SPEC] [--epochs N] [--out FOLDER] [--force]
#
#   --data SPEC    cifar10:DIR for CIFAR-10's binary files, or any other data set that train_mlp knows; without it the folder that
#                  PAPILIO_CIFAR10 names, or else Fashion-MNIST from Debian's package
#   --epochs N     default 5; with the build done, all takes under 3 minutes on two cores
#   --out FOLDER   default runs/quickstart-<data set>
#   --force        train again; otherwise a second call continues what was interrupted, and keeps what is finished
set -euo pipefail
export LC_ALL=C
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  sed -n '/^# From/,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

data=
epochs=5
out=
existing=--resume
while (($# > 0)); do
  case $1 in
    --data | --epochs | --out)
      (($# > 1)) || { echo "$1 needs a value" >&2 && exit 2; }
      declare "${1#--}=$2"
      shift 2
      ;;
    --force) existing=--force && shift ;;
    -h | --help) usage && exit 0 ;;
    *) echo "unknown argument '$1'; the arguments are: --data --epochs --out --force --help" >&2 && exit 2 ;;
  esac
done
if [[ -z $data ]]; then
  data=fashion-mnist
  [[ -z ${PAPILIO_CIFAR10:-} ]] || data=cifar10:$PAPILIO_CIFAR10
fi
name=${data%%:*}
# Folders are relative to where the script was called.
[[ $data != *:* ]] || data=$name:$(cd "$called_from" && realpath -m "${data#*:}")
if [[ -n $out ]]; then out=$(cd "$called_from" && realpath -m "$out"); else out=runs/quickstart-$name; fi

stopped() {
  local code=$?
  ((code == 0)) && return
  echo "quickstart: stopped while $step (exit code $code); the reason stands above. Call it again to go on from there." >&2
}
trap stopped EXIT

step="installing packages"
groups=(build)
[[ $data == fashion-mnist ]] && groups+=(data)
bash tests/setup.sh "${groups[@]}"

step="building"
cmake --preset release
cmake --build --preset release --target train_mlp evaluate
bin=build/release/bin

# Learning rates that suit the layers, found by `train_mlp --lr a,b,c`.
declare -A rate=([dense]=0.001 [butterfly]=0.02 [kmatrix]=0.02 [bpbp]=0.02 [bpbp-complex]=0.02)
layers=(dense butterfly kmatrix bpbp bpbp-complex)
began=$SECONDS
for hidden in "${layers[@]}"; do
  step="training the $hidden network"
  echo "--- $hidden"
  "$bin/train_mlp" --data "$data" --hidden "$hidden" --epochs "$epochs" --lr "${rate[$hidden]}" --seed 1 \
    --out "$out/$hidden" --json "$out/$hidden.train.json" "$existing"
  step="evaluating the $hidden network"
  "$bin/evaluate" "$out/$hidden/best.safetensors" --data "$data" --json "$out/$hidden.evaluate.json" >/dev/null
done

# The number under a key of a JSON file.
number() {
  grep -o "\"$2\": *[-+.0-9eE]*" "$1" | head -n 1 | sed 's/.*: *//'
}
step="printing the table"
echo
echo "hidden layer    hidden parameters   compression   test accuracy   latency at batch 1   throughput at batch 256"
echo "                                                                                  µs                  images/s"
for hidden in "${layers[@]}"; do
  file=$out/$hidden.evaluate.json
  printf '%-14s %18s %13.1f %15.4f %20.1f %25.0f\n' "$hidden" "$(number "$file" hidden_parameters)" \
    "$(number "$file" compression)" "$(number "$file" accuracy)" "$(number "$file" latency_us)" \
    "$(number "$file" images_per_second)"
done
echo
echo "$name, $epochs epochs, $((SECONDS - began)) s for training and evaluation. Checkpoints, metrics and logs: $out"
