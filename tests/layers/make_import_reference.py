#!/usr/bin/env python3
"""What the published PyTorch code computes from its own layouts of butterfly weights.

Prints the numbers of import_test.cc. An independent implementation of the forward passes (reference
1.2, 1.9): every function reads the layout as that code stores it, nothing is converted. Numpy only.
"""
import numpy as np


def twiddle(*shape):
    """Small whole numbers, so that all results are exact."""
    count = int(np.prod(shape))
    return ((7 * np.arange(count)) % 11 - 5).astype(float).reshape(shape)


def as_complex(t):
    return t[..., 0] + 1j * t[..., 1]


def pairs(n, stride):
    i = np.arange(n // 2)
    p = 2 * (i - i % stride) + i % stride
    return i, p, p + stride


def mix(x, stride, t):
    """t [n/2, 2, 2]: one matrix for every pair."""
    i, p, q = pairs(len(x), stride)
    y = x.copy()
    y[p] = t[i, 0, 0] * x[p] + t[i, 0, 1] * x[q]
    y[q] = t[i, 1, 0] * x[p] + t[i, 1, 1] * x[q]
    return y


def strides(n, increasing):
    levels = [2**k for k in range(n.bit_length() - 1)]
    return levels if increasing else levels[::-1]


def new(t, x, increasing):  # (nstacks, nblocks, log2 n, n/2, 2, 2)
    outputs = []
    for stack in t:
        y = x
        for b, block in enumerate(stack):
            for k, s in enumerate(strides(len(x), increasing != (b % 2 == 1))):
                y = mix(y, s, block[k])
        outputs.append(y)
    return np.concatenate(outputs)


def old(t, x, increasing):  # (log2 n, n/2, 2, 2), by stride
    for s in strides(len(x), increasing):
        x = mix(x, s, t[s.bit_length() - 1])
    return x


def old_tied(t, x, increasing):  # (n-1, 2, 2): rows s-1 ... 2s-2 for stride s
    for s in strides(len(x), increasing):
        x = mix(x, s, t[s - 1 + np.arange(len(x) // 2) % s])
    return x


def fast(t, x, increasing):  # (log2 n, 2, n), in order of application
    for k, s in enumerate(strides(len(x), increasing)):
        partner = np.arange(len(x)) ^ s
        x = t[k, 0] * x + t[k, 1] * x[partner]
    return x


def bbt(one, t, x, width):
    factors = len(x).bit_length() - 1
    for chunk in range(2 * width):
        x = one(t[chunk * factors:(chunk + 1) * factors], x, chunk % 2 == 1)
    return x


def odo(angles, diagonal, x):  # (2 w log2 n, n/2) in order of application, (w, n)
    factors = len(x).bit_length() - 1
    c, s = np.cos(angles), np.sin(angles)
    t = np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)
    for w, d in enumerate(diagonal):
        for half, increasing in enumerate([False, True]):
            first = (2 * w + half) * factors
            for k, stride in enumerate(strides(len(x), increasing)):
                x = mix(x, stride, t[first + k])
            if half == 0:
                x = d * x
    return x


def show(name, y):
    y = np.asarray(y)
    if np.iscomplexobj(y):
        y = np.stack([y.real, y.imag], -1).ravel()
    print(name, "{" + ", ".join(f"{v:.15g}" for v in y) + "}")


x = np.arange(1.0, 9.0)
for increasing in [True, False]:
    direction = "increasing" if increasing else "decreasing"
    show(f"new {direction}", new(twiddle(2, 2, 3, 4, 2, 2), x, increasing))
    show(f"new complex {direction}", new(as_complex(twiddle(1, 1, 3, 4, 2, 2, 2)), x + 0j, increasing))
    show(f"old {direction}", old(twiddle(3, 4, 2, 2), x, increasing))
    show(f"old complex {direction}", old(as_complex(twiddle(3, 4, 2, 2, 2)), x + 0j, increasing))
    show(f"old tied {direction}", old_tied(twiddle(7, 2, 2), x, increasing))
    show(f"old tied complex {direction}", old_tied(as_complex(twiddle(7, 2, 2, 2)), x + 0j, increasing))
    show(f"fast {direction}", fast(twiddle(3, 2, 8), x, increasing))
show("bbt width 2", bbt(old, twiddle(12, 4, 2, 2), x, 2))
show("fast bbt width 2", bbt(fast, twiddle(12, 2, 8), x, 2))
show("odo width 2", odo(twiddle(12, 4) / 4, twiddle(2, 8) + 0.5, x))
