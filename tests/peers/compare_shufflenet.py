#!/usr/bin/env python3
"""Runs shufflenet and shufflenet_torch.py in alternation and prints tables with the ratios; see run.sh.

    compare_shufflenet.py SHUFFLENET [--rounds N] [--seconds S] [--threads N] [--width W]... [--task TASK]...
                          [--json FILE]

Each figure is of a process of its own, so that its peak memory is the task's. Of PyTorch's ways the
fastest counts, with its memory.
"""
import argparse
import json
import pathlib
import subprocess
import sys

from compare import environment, medians

TASKS = ("train_64_128", "train_224_32", "infer_64_1", "infer_64_32", "infer_224_1", "infer_224_32")
MIXERS = ("shuffle", "kmatrix")
PARTS = ("forward", "loss", "backward", "optimizer", "rest")
# Ratio asked, ratio aimed at.
GOALS = {("shuffle", "train"): "2 / 3.5", ("kmatrix", "train"): "1.4 / -", ("shuffle", "infer"): "2.5 / 4",
         "step": "1.5 / 1.3", "memory": "0.7 / -"}


def run(command, options):
    command = command + ["--threads", str(options.threads), "--seconds", str(options.seconds)]
    output = subprocess.run(command, env=environment(options.threads), check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output)


def one_round(options, width, task):
    what = ["--width", str(width), "--task", task]
    torch = [sys.executable, str(pathlib.Path(__file__).with_name("shufflenet_torch.py")), *what]
    ways = [["contiguous"], ["channels_last"]] if task.startswith("train") else [[]]
    ours = [[options.shufflenet, *what, "--mixer", mixer] for mixer in MIXERS]
    theirs = [torch + way for way in ways]
    results = []
    while ours or theirs:
        for side, queue in (("ours", ours), ("theirs", theirs)):
            if queue:
                results.append((side, run(queue.pop(0), options)))
    shuffle, kmatrix = (r for side, r in results if side == "ours")
    best = max((r for side, r in results if side == "theirs"), key=lambda r: r["images_per_s"])
    if ways == [[]]:  # all ways in one process: the memory is that of the fastest alone
        best["peak_mb"] = run(torch + [best["way"]], options)["peak_mb"]
    assert best["parameters"] == shuffle["parameters"], "the networks differ"
    return {"torch": best, "shuffle": shuffle, "kmatrix": kmatrix}


def print_speed(results):
    print(f"\n{'width task':20}{'PyTorch':>9}  {'its way':28}" +
          "".join(f"{mixer:>9}{'ratio':>7}  {'asked / aim':12}" for mixer in MIXERS) +
          f"{'kmatrix step / shuffle step':>28}{'':3}asked / aim")
    for (width, task), r in results.items():
        kind = task.split("_")[0]
        print(f"{width:<6}{task:14}{r['torch']['images_per_s']:9.1f}  {r['torch']['way']:28}" + "".join(
            f"{r[m]['images_per_s']:9.1f}{r[m]['images_per_s'] / r['torch']['images_per_s']:7.2f}  "
            f"{GOALS.get((m, kind), ''):12}" for m in MIXERS) +
            f"{r['kmatrix']['us'] / r['shuffle']['us']:28.2f}   {GOALS['step'] if kind == 'train' else ''}")


def print_memory(results):
    print(f"\n{'peak memory, MB':20}{'PyTorch':>9}{'import':>9}" +
          "".join(f"{mixer:>9}{'ratio':>7}  {'asked / aim':12}" for mixer in MIXERS) + "shuffle, without import")
    for (width, task), r in results.items():
        all_of_it, at_import = r["torch"]["peak_mb"], r["torch"]["import_mb"]
        goal = GOALS["memory"] if task.startswith("train") else ""
        print(f"{width:<6}{task:14}{all_of_it:9.0f}{at_import:9.0f}" + "".join(
            f"{r[m]['peak_mb']:9.0f}{r[m]['peak_mb'] / all_of_it:7.2f}  {goal if m == 'shuffle' else '':12}"
            for m in MIXERS) + f"{r['shuffle']['peak_mb'] / (all_of_it - at_import):23.2f}")


def print_parts(results):
    print(f"\n{'a training step, ms':32}" + "".join(f"{part:>11}" for part in PARTS))
    for (width, task), r in results.items():
        for mixer in MIXERS if task.startswith("train") else ():
            parts = r[mixer]["parts"]
            print(f"{width:<6}{task:14}{mixer:12}" +
                  "".join(f"{parts[part + '_us'] / 1e3:11.2f}" for part in PARTS))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shufflenet")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="for each figure of a round")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--width", type=float, action="append", help="0.5 without it; can be repeated")
    parser.add_argument("--task", action="append", help="all without it; can be repeated: " + ", ".join(TASKS))
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    keys = [(width, task) for width in options.width or [0.5] for task in options.task or TASKS]
    rounds = []
    for i in range(options.rounds):
        rounds.append({key: one_round(options, *key) for key in keys})
        print(f"round {i + 1} of {options.rounds}", file=sys.stderr)
    results = medians(rounds)
    first = results[keys[0]]
    print(f"ShuffleNet, groups 8, 1000 classes: PyTorch {first['torch']['torch']}, Papilio with "
          f"{first['shuffle']['simd']}, {options.threads} thread(s), images/s, medians of {options.rounds} rounds")
    print_speed(results)
    print_memory(results)
    if any(task.startswith("train") for _, task in keys):
        print_parts(results)
    if options.json:
        named = {f"{width} {task}": r for (width, task), r in results.items()}
        pathlib.Path(options.json).write_text(json.dumps(named, indent=1))


if __name__ == "__main__":
    main()
