#!/usr/bin/env python3
"""Does PyTorch compute what Papilio wrote? See shufflenet_agreement_test.cc.

    shufflenet_agreement.py PREFIX...

PREFIX-checkpoint.safetensors is a network of Papilio; PREFIX-results.safetensors what it made of a
batch: `images`, `labels`, the output of every module in training, `train/PATH`, and in inference
after that step, `infer/PATH`, the gradients of the cross-entropy, `gradient/PATH`, and the running
statistics after the step, `after/PATH`. Here the same in double. Exits with 77 when torch is missing.
"""
import json
import pathlib
import sys

tests = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(tests / "core"), str(tests / "peers")]
import safetensors_reader  # leaves with 77 when numpy is missing

try:
    import torch
except ImportError:
    sys.exit(77)
from torch.nn import functional as F

from shufflenet_network import Block, ShuffleNet, parameter_count

TOLERANCE = 1e-4  # of the largest magnitude in a tensor
torch.set_num_threads(1)


def read(path):
    tensors, metadata = safetensors_reader.read(path)
    return {name: torch.tensor(array) for name, array in tensors.items()}, metadata


def channels_last(t):
    return t.permute(0, 2, 3, 1) if t.dim() == 4 else t


def load(net, tensors):
    own = {name: t for name, t in net.state_dict().items() if not name.endswith("num_batches_tracked")}
    assert own.keys() == tensors.keys(), sorted(own.keys() ^ tensors.keys())
    for name, t in own.items():
        assert t.shape == tensors[name].shape, f"{name} {t.shape}, in the file {tensors[name].shape}"
        t.copy_(tensors[name])


# Rounding decides on which side of 0 the input of a ReLU lies that is very close to it, and which of two
# nearly equal pixels is the largest: a whole gradient passes or doesn't. In training, where it is so
# close, the next two decide as Papilio did.

class SidedReLU(torch.nn.Module):
    def __init__(self, papilio):
        super().__init__()
        self.positive = papilio.permute(0, 3, 1, 2) > 0

    def forward(self, x):
        if not self.training:
            return F.relu(x)
        close = x.abs() <= TOLERANCE * x.abs().max()
        return x * torch.where(close, self.positive, x > 0)


class SidedMaxPool(torch.nn.Module):
    def __init__(self, papilio):
        super().__init__()
        self.input = papilio.permute(0, 3, 1, 2).relu()

    def forward(self, x):
        y = F.max_pool2d(x, 3, 2, 1)
        if not self.training:
            return y
        _, index = F.max_pool2d(self.input, 3, 2, 1, return_indices=True)
        taken = x.flatten(2).gather(2, index.flatten(2)).view_as(y)
        return torch.where(y - taken <= TOLERANCE * y.max(), taken, y)


def take_sides(net, expected):
    net.relu1 = SidedReLU(expected["train/norm1"])
    if isinstance(net.pool, torch.nn.MaxPool2d):
        net.pool = SidedMaxPool(expected["train/norm1"])
    for path, module in net.named_modules():
        if isinstance(module, Block):
            module.relu1 = SidedReLU(expected[f"train/{path}.norm1"])
            module.relu = SidedReLU(expected[f"train/{path}"])


def observe(net, prefix, results):
    def hook(path):
        def put(module, inputs, output):
            results[f"{prefix}/{path}"] = channels_last(output.detach())
        return put

    handles = [module.register_forward_hook(hook(path)) for path, module in net.named_modules()]
    return lambda: [handle.remove() for handle in handles]


def recompute(net, images, labels):
    results = {}
    stop = observe(net.train(), "train", results)
    F.cross_entropy(net(images), labels).backward()
    stop()
    for name, p in net.named_parameters():
        results[f"gradient/{name}"] = p.grad
    for name, buffer in net.named_buffers():
        results[f"after/{name}"] = buffer.clone()
    stop = observe(net.eval(), "infer", results)
    with torch.no_grad():
        net(images)
    stop()
    return results


def counterpart(name, results, theirs):
    """What Papilio's module `name` gives: its norms do the ReLU behind them, and norm3 adds the shortcut."""
    if name.endswith("norm1"):
        return results[name[:-5] + "relu1"]
    if name.endswith("norm3"):
        return results[name[:-5] + "relu"][..., -theirs.shape[-1]:]
    return results[name]


def scale(name, results):
    # norm3 takes away what norm2 adds to a channel: that gradient is 0 but for rounding.
    if name.startswith("gradient/") and name.endswith("norm2.bias"):
        name = name.replace("bias", "weight")
    return results[name].abs().max().item()


def compare(prefix):
    tensors, metadata = read(f"{prefix}-checkpoint.safetensors")
    config = json.loads(metadata["papilio"])["model"]["config"]
    net = ShuffleNet(**config).double()
    load(net, tensors)
    expected, _ = read(f"{prefix}-results.safetensors")
    images, labels = expected.pop("images").double().permute(0, 3, 1, 2), expected.pop("labels")
    take_sides(net, expected)
    results = recompute(net, images, labels)
    worst, failed = {}, 0
    for name, theirs in expected.items():
        ours = counterpart(name, results, theirs)
        assert ours.shape == theirs.shape, f"{name} {tuple(ours.shape)}, Papilio's {tuple(theirs.shape)}"
        error = (ours - theirs).abs().max().item() / scale(name, results)
        kind = name.split("/")[0]
        worst[kind] = max(worst.get(kind, (0, "")), (error, name))
        if not error <= TOLERANCE:
            failed += 1
            print(f"  {name} {tuple(ours.shape)} differs by {error:.2e} of its largest magnitude")
    missing = [name for name in results if name.startswith("gradient/") and name not in expected]
    for name in missing:
        print(f"  Papilio has no {name}")
    print(f"{config}: {len(expected)} tensors, " +
          ", ".join(f"{kind} {error:.1e}" for kind, (error, _) in worst.items()))
    return failed + len(missing)


def main():
    count = parameter_count(ShuffleNet())
    assert count == 2_531_536, f"{count} parameters"
    sys.exit(1 if sum(compare(prefix) for prefix in sys.argv[1:]) else 0)


if __name__ == "__main__":
    main()
