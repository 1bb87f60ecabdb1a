#!/usr/bin/env python3
"""PyTorch's side of the run against Papilio: mlp.cc's dense network, tasks and clock.

    mlp_torch.py [--json] [--threads N] [--seconds S]

Its inputs count as standardised already, which the network of mlp.cc still does. Every figure is the
best of the ways to do it: SGD with and without foreach; inference eager, as a frozen trace, and as
one that optimize_for_inference has seen.
"""
import argparse
import json

import torch
from torch import nn
from torch.nn import functional as F

from clock import endless, seconds_per_call

INPUTS, WIDTH, CLASSES, IMAGES = 1024, 1024, 10, 10240


def batches(size):
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(IMAGES, INPUTS, generator=generator)
    labels = torch.randint(CLASSES, (IMAGES,), generator=generator)
    return list(zip(images.split(size), labels.split(size)))[:IMAGES // size]


def make_model():
    return nn.Sequential(nn.Linear(INPUTS, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES))


def train(size, way, budget):
    model = make_model()
    sgd = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9,
                          foreach=way == "foreach")
    data = endless(batches(size))

    def step():
        images, labels = next(data)
        sgd.zero_grad(set_to_none=True)
        F.cross_entropy(model(images), labels).backward()
        sgd.step()

    return seconds_per_call(budget, step)


def infer(size, way, budget):
    model = make_model().eval()
    data = batches(size)
    if way != "eager":
        model = torch.jit.freeze(torch.jit.trace(model, data[0][0]))
    if way == "optimized":
        model = torch.jit.optimize_for_inference(model)
    data = endless(data)
    with torch.inference_mode():
        return seconds_per_call(budget, lambda: model(next(data)[0]))


def measure(size, task, ways, budget):
    seconds, way = min((task(size, way, budget), str(way)) for way in ways)
    return {"images_per_s": size / seconds, "us": seconds * 1e6, "way": way}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    results = {}
    for size in (50, 256):
        results[f"train_{size}"] = measure(size, train, ("plain", "foreach"), options.seconds)
    for size in (1, 256):
        results[f"infer_{size}"] = measure(size, infer, ("eager", "frozen", "optimized"),
                                           options.seconds)
    report = {"threads": options.threads, "torch": torch.__version__, "torch_dense": results}
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        for task, result in results.items():
            print(task, result)


if __name__ == "__main__":
    main()
