#!/usr/bin/env python3
"""Runs mlp and mlp_torch.py in alternation and prints one table with the ratios; see run.sh.

    compare.py MLP [--all] [--json FILE] [--rounds N] [--threads N] [--seconds S]

--all measures every hidden layer of compression_table, for inference alone.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

# PyTorch's memory, which is 3 to 13 times slower where glibc gives blocks back to the system.
MALLOC = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "MALLOC_MMAP_THRESHOLD_": "4000000000",
          "MALLOC_TRIM_THRESHOLD_": "8000000000", "MALLOC_TOP_PAD_": "268435456"}
HIDDEN = ("dense", "butterfly", "kmatrix", "bpbp-complex")
ALL = ("dense", "bpbp-complex", "bpbp", "kmatrix", "kmatrix-orthogonal", "ldr-td", "ldr-sd", "toeplitz-like",
       "fastfood", "circulant", "low-rank", "monarch", "butterfly")
TASKS = ("train_50", "train_256", "infer_1", "infer_256")
# numerator, denominator, the ratio that each task must reach and the one it aims at
GOALS = {
    ("dense", "torch_dense"): {"train_50": (1.3, 1.6), "train_256": (1.1, 1.2), "infer_1": (4, 6)},
    ("kmatrix", "dense"): {"train_50": (5, 8), "train_256": (8, 12), "infer_1": (20, 40),
                           "infer_256": (10, 15)},
}


def environment(threads):
    # OpenBLAS chooses its kernels by the processor, and its own threads stay out of the way.
    kept = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    return kept | MALLOC | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads),
                            "OMP_WAIT_POLICY": "passive"}


def run(command, options):
    command = command + ["--json", "--threads", str(options.threads), "--seconds", str(options.seconds)]
    output = subprocess.run(command, env=environment(options.threads), check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output)


def medians(rounds):
    """Of each number; of each text the last one."""
    if isinstance(rounds[0], dict):
        return {key: medians([r[key] for r in rounds]) for key in rounds[0]}
    return statistics.median(rounds) if isinstance(rounds[0], (int, float)) else rounds[-1]


def print_table(results):
    rate = {name: {task: results[name][task]["images_per_s"] for task in TASKS}
            for name in ("torch_dense",) + HIDDEN}
    print(f"\n{'images/s':28}" + "".join(f"{task:>12}" for task in TASKS) + f"{'batch 1, us':>14}")
    for name in rate:
        print(f"{name:28}" + "".join(f"{rate[name][task]:12,.0f}" for task in TASKS) +
              f"{results[name]['infer_1']['us']:14.2f}")
    print()
    for (a, b), goals in GOALS.items():
        ratio = {task: rate[a][task] / rate[b][task] for task in TASKS}
        print(f"{a + ' / ' + b:28}" + "".join(f"{ratio[task]:12.2f}" for task in TASKS))
        for i, word in enumerate(("asked", "aim")):
            print(f"{'  ' + word:28}" +
                  "".join(f"{goals[task][i] if task in goals else '':>12}" for task in TASKS))
    print(f"\n{'a step, us':28}" + "".join(f"{part:>12}" for part in
                                         ("forward", "loss", "backward", "optimizer", "rest")))
    for name in HIDDEN:
        for task in ("train_50", "train_256"):
            parts = results[name][task]["parts"]
            print(f"{name + ' ' + task:28}" +
                  "".join(f"{parts[p + '_us']:12.1f}" for p in
                          ("forward", "loss", "backward", "optimizer", "rest")))


def print_all(results):
    print(f"\n{'':22}{'batch 1, us':>12}{'over PyTorch dense':>20}{'over our dense':>16}"
          f"{'images/s, 256':>15}{'over PyTorch dense':>20}{'over our dense':>16}")
    for name in ("torch_dense",) + ALL:
        def over(rival, task):
            return results[name][task]["images_per_s"] / results[rival][task]["images_per_s"]
        print(f"{name:22}{results[name]['infer_1']['us']:12.2f}{over('torch_dense', 'infer_1'):20.2f}"
              f"{over('dense', 'infer_1'):16.2f}{results[name]['infer_256']['images_per_s']:15,.0f}"
              f"{over('torch_dense', 'infer_256'):20.2f}{over('dense', 'infer_256'):16.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mlp")
    parser.add_argument("--all", action="store_true", help="every hidden layer, inference alone")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each figure of a round")
    options = parser.parse_args()
    torch = [sys.executable, str(pathlib.Path(__file__).with_name("mlp_torch.py"))]
    rounds = []
    for i in range(options.rounds):
        what = [*ALL, "--task", "infer_1", "--task", "infer_256"] if options.all else HIDDEN
        rounds.append(run([options.mlp, *what], options) | run(torch, options))
        print(f"round {i + 1} of {options.rounds}", file=sys.stderr)
    results = medians(rounds)
    print(f"PyTorch {results['torch']}, Papilio with {results['simd']}, {options.threads} thread(s), "
          f"medians of {options.rounds} rounds")
    (print_all if options.all else print_table)(results)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"medians": results, "rounds": rounds}, indent=1))


if __name__ == "__main__":
    main()
