#!/usr/bin/env python3
"""Writes optimizer_reference.h, PyTorch's values for optimizer_test.cc:

    /usr/bin/python3 tests/optim/make_reference.py > tests/optim/optimizer_reference.h

Three float64 parameters are stepped 100 times: a real weight with decay; a bias at half the rate, without decay, that has
no gradient in every third step, the first included; and a complex weight. Their gradients are a linear function of
the value and a periodic one of the step, so that errors of a step come back in the next ones.
"""
import json

import torch

STEPS = 100
RECORDED = (1, 2, 10, 100)
CASES = [
    ("sgd", {"lr": 0.05}),
    ("sgd", {"lr": 0.05, "weight_decay": 0.1}),
    ("sgd", {"lr": 0.02, "momentum": 0.9}),
    ("sgd", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.05}),
    ("sgd", {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
    ("adam", {}),
    ("adam", {"lr": 0.03, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3}),
    ("adam", {"lr": 0.03, "weight_decay": 0.2}),
    ("adamw", {}),
    ("adamw", {"lr": 0.03, "beta1": 0.7, "beta2": 0.9, "weight_decay": 0.3}),
    ("rmsprop", {}),
    ("rmsprop", {"lr": 0.005, "alpha": 0.9, "epsilon": 1e-4, "weight_decay": 0.1}),
    ("rmsprop", {"lr": 0.002, "alpha": 0.95, "momentum": 0.9}),
]
CLASSES = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}


def start(count, first):
    """count reals, none of them round, around 0."""
    i = torch.arange(first, first + count, dtype=torch.float64)
    return (i * 37 % 19 - 9) / 16


def force(count, first, step):
    """The part of the gradient that doesn't depend on the value."""
    i = torch.arange(first, first + count, dtype=torch.float64)
    return ((i * 7 + step * 13) % 11 - 5) / 8


def pull(count, first):
    i = torch.arange(first, first + count, dtype=torch.float64)
    return (i % 3 + 1) / 4


def torch_options(options):
    options = dict(options)
    if "beta1" in options:
        options["betas"] = (options.pop("beta1"), options.pop("beta2"))
    if "epsilon" in options:
        options["eps"] = options.pop("epsilon")
    return options


def run(kind, options):
    weight = start(5, 0).requires_grad_()
    bias = start(3, 5).requires_grad_()
    spectrum = torch.view_as_complex(start(6, 8).reshape(3, 2)).clone().requires_grad_()
    rate = options.get("lr", 0.01 if kind in ("sgd", "rmsprop") else 1e-3)
    optimizer = CLASSES[kind](
        [{"params": [weight, spectrum]},
         {"params": [bias], "lr": rate / 2, "weight_decay": 0}],
        **{"lr": rate, **torch_options(options)})
    for step in range(STEPS):
        with torch.no_grad():
            weight.grad = force(5, 0, step) + pull(5, 0) * weight
            bias.grad = None if step % 3 == 0 else force(3, 5, step) + pull(3, 5) * bias
            reals = torch.view_as_real(spectrum).reshape(6)
            spectrum.grad = torch.view_as_complex(
                (force(6, 8, step) + pull(6, 8) * reals).reshape(3, 2))
        optimizer.step()
        if step + 1 in RECORDED:
            with torch.no_grad():
                yield [*weight.tolist(), *bias.tolist(),
                       *torch.view_as_real(spectrum).reshape(6).tolist()]


def main():
    print("// PyTorch's values for optimizer_test.cc, written by make_reference.py (which see).")
    print(f"// torch {torch.__version__}")
    print("#pragma once\n")
    print("namespace papilio::optim {\n")
    print("struct Reference {\n  const char* optimizer;\n  const char* options;   // JSON\n"
          f"  double values[{len(RECORDED)}][14];  // after the steps kRecorded: weight, bias, spectrum\n}};\n")
    print(f"inline constexpr int kRecorded[] = {{{', '.join(map(str, RECORDED))}}};\n")
    print("// clang-format off\ninline constexpr Reference kReferences[] = {")
    for kind, options in CASES:
        print(f'  {{"{kind}", R"({json.dumps(options)})", {{')
        for row in run(kind, options):
            print("    {" + ", ".join(map(repr, row)) + "},")
        print("  }},")
    print("};\n// clang-format on\n\n}  // namespace papilio::optim")


main()
