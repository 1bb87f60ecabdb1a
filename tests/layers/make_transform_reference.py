#!/usr/bin/env python3
"""Writes transform_reference.h: transforms of one input by SciPy, PyWavelets and NumPy.

    python3 tests/layers/make_transform_reference.py > tests/layers/transform_reference.h
    bash tests/format.sh --fix
"""
import numpy as np
import pywt
import scipy.fft
import scipy.linalg
import scipy.special


def fill(n, a, b, m):  # fill() of recorded_values.h
    return ((a * np.arange(n) + b) % m) / m - 0.5


def hartley(x):
    spectrum = np.fft.fft(x)
    return spectrum.real - spectrum.imag


def legendre(x):
    n = len(x)
    points = np.linspace(-1, 1, n + 2)[1:-1]
    return np.array([scipy.special.eval_legendre(j, points) @ x for j in range(n)])


def orthogonal_dst(x, kind):
    """SciPy's orthonormal sine transforms of types 2 and 3 scale entry 0 instead of the last one, and
    are not orthogonal."""
    if kind == 3:
        x = np.concatenate([x[:-1], x[-1:] * np.sqrt(2)])
    y = scipy.fft.dst(x, kind, norm="ortho", orthogonalize=False)
    if kind == 2:
        y[-1] /= np.sqrt(2)
    return y


def rows():
    for n in (2, 3, 4, 5, 8, 13):
        x = fill(n, 5, 2, 13)
        yield "dft", n, np.fft.fft(x)
        yield "idft", n, np.fft.ifft(x)
        yield "dft ortho", n, np.fft.fft(x, norm="ortho")
        for kind in (2, 3, 4):
            yield f"dct{kind}", n, scipy.fft.dct(x, kind)
            yield f"dct{kind} ortho", n, scipy.fft.dct(x, kind, norm="ortho")
            yield f"dst{kind}", n, scipy.fft.dst(x, kind)
            yield f"dst{kind} ortho", n, orthogonal_dst(x, kind)
        yield "hartley", n, hartley(x)
        yield "legendre", n, legendre(x)
        yield "hilbert", n, scipy.linalg.hilbert(n) @ x / np.linalg.norm(scipy.linalg.hilbert(n), 2)
        c, r = fill(n, 7, 1, 11), fill(n, 3, 1, 11)
        yield "circulant", n, scipy.linalg.circulant(c) @ x
        yield "toeplitz", n, scipy.linalg.toeplitz(c, r) @ x
        if n & (n - 1) == 0:
            yield "hadamard", n, scipy.linalg.hadamard(n) @ x
            yield "haar", n, np.concatenate(pywt.wavedec(x, "haar"))


print(f"""// Written by make_transform_reference.py with NumPy {np.__version__}, SciPy {scipy.__version__} and PyWavelets {pywt.__version__}.
// Long because it is recorded numbers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace papilio {{

/// y of x = fill({{n}}, 5, 2, 13); complex ones with re and im in turn. Of circulant and toeplitz the
/// first column is fill({{n}}, 7, 1, 11), the first row of toeplitz behind its corner that of
/// fill({{n}}, 3, 1, 11).
struct RecordedTransform {{
  std::string_view name;
  int64_t n;
  std::vector<double> y;
}};

inline const std::vector<RecordedTransform>& recorded_transforms() {{
  static const std::vector<RecordedTransform> all = {{""")
for name, n, y in rows():
    numbers = np.stack([y.real, y.imag], -1).ravel() if np.iscomplexobj(y) else y
    print(f'    {{"{name}", {n}, {{{", ".join(repr(float(v)) for v in numbers)}}}}},')
print("""  };
  return all;
}

}  // namespace papilio""")
