#!/usr/bin/env python3
"""PyTorch's side of the run against Papilio: shufflenet.cc's network, tasks and clock.

    shufflenet_torch.py [--threads N] [--seconds S] [--width W] --task TASK [WAY...]

The figures of the fastest of the ways to do it, as JSON. The ways of training are contiguous and
channels_last; those of inference eager, frozen (a jit trace) and optimized (a trace that
optimize_for_inference has seen), each of them contiguous or channels_last: "frozen,channels_last".
"""
import argparse
import json

import torch
from torch.nn import functional as F

from clock import endless, peak_mb, seconds_per_call
from shufflenet_network import ShuffleNet, parameter_count

IMPORT_MB = peak_mb()
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
WAYS = {"train": list(LAYOUTS),
        "infer": [f"{form},{layout}" for form in ("eager", "frozen", "optimized") for layout in LAYOUTS]}
CLASSES = 1000


def batches(size, batch, layout):
    return [(torch.rand(batch, 3, size, size).contiguous(memory_format=layout),
             torch.randint(CLASSES, (batch,))) for _ in range(2)]


def train(net, data, budget):
    sgd = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)

    def step():
        images, labels = next(data)
        sgd.zero_grad(set_to_none=True)
        F.cross_entropy(net(images), labels).backward()
        sgd.step()

    return seconds_per_call(budget, step)


def infer(net, form, data, budget):
    with torch.inference_mode():
        if form != "eager":
            net = torch.jit.freeze(torch.jit.trace(net, next(data)[0]))
        if form == "optimized":
            net = torch.jit.optimize_for_inference(net)
        return seconds_per_call(budget, lambda: net(next(data)[0]))


def measure(options, kind, size, batch, way):
    form, layout = (["eager"] + way.split(","))[-2:]
    layout = LAYOUTS[layout]
    net = ShuffleNet(CLASSES, options.width, image_size=size).to(memory_format=layout)
    data = endless(batches(size, batch, layout))
    if kind == "train":
        return train(net, data, options.seconds)
    return infer(net.eval(), form, data, options.seconds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--width", type=float, default=0.5)
    parser.add_argument("--task", required=True)
    parser.add_argument("ways", nargs="*", metavar="WAY")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    kind, size, batch = options.task.split("_")
    seconds, way = min((measure(options, kind, int(size), int(batch), way), way)
                       for way in options.ways or WAYS[kind])
    print(json.dumps({"images_per_s": int(batch) / seconds, "us": seconds * 1e6, "way": way,
                      "parameters": parameter_count(ShuffleNet(CLASSES, options.width)),
                      "torch": torch.__version__, "peak_mb": peak_mb(), "import_mb": IMPORT_MB}, indent=1))


if __name__ == "__main__":
    main()
