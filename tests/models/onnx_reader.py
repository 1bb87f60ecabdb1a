"""Reads an ONNX file with nothing but NumPy, checks it, and computes its output.

    onnx_reader.py MODEL.onnx X.npy Y.npy

Where the package onnx is installed, its checker must accept the file too. Exit code 3: no NumPy.
"""
import struct
import sys

try:
    import numpy as np
except ImportError:
    sys.exit(3)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value - (1 << 64) if value >= 1 << 63 else value, at


def fields(data):
    """The fields of a protobuf message: number -> list of values."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 5:
            value, at = struct.unpack_from("<f", data, at)[0], at + 4
        elif kind == 2:
            size, at = varint(data, at)
            assert at + size <= len(data)
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"wire type {kind}")
        found.setdefault(key >> 3, []).append(value)
    return found


def text(message, field):
    return bytes(message[field][0]).decode()


def tensor(data):
    message = fields(data)
    dtype = {1: "<f4", 7: "<i8"}[message[2][0]]
    return text(message, 8), np.frombuffer(message[9][0], dtype).reshape(message.get(1, []))


def attributes(node):
    result = {}
    for data in node.get(5, []):
        message = fields(data)
        field = {1: 2, 2: 3, 7: 8}[message[20][0]]
        result[text(message, 1)] = message[field] if field == 8 else message[field][0]
    return result


def windows(x, kernel, strides, pads, fill, dilations=(1, 1)):
    """[batch, channels, oh, ow, kh, kw]"""
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])), constant_values=fill)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, (2, 3))
    return view[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


def conv(x, w, bias=None, *, group, strides, pads, dilations, kernel_shape):
    parts = []
    for inputs, weights in zip(np.split(x, group, 1), np.split(w, group, 0)):
        view = windows(inputs, kernel_shape, strides, pads, 0, dilations)
        parts.append(np.einsum("nchwij,ocij->nohw", view, weights, optimize=True))
    y = np.concatenate(parts, 1)
    return y if bias is None else y + bias[:, None, None]


def norm(x, scale, bias, mean, variance, epsilon):
    column = lambda v: v.reshape(-1, *[1] * (x.ndim - 2))
    return (x - column(mean)) / np.sqrt(column(variance) + epsilon) * column(scale) + column(bias)


def max_pool(x, kernel_shape, strides, pads):
    return windows(x, kernel_shape, strides, pads, -np.inf).max((4, 5))


def average_pool(x, kernel_shape, strides, pads, count_include_pad):
    assert count_include_pad == 1
    return windows(x, kernel_shape, strides, pads, 0).mean((4, 5))


def slice_of(x, begin, end, axes):
    index = [slice(None)] * x.ndim
    for b, e, a in zip(begin, end, axes):
        index[a] = slice(b, e)
    return x[tuple(index)]


OPS = {
    "Identity": lambda x: x,
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "MatMul": np.matmul,
    "Relu": lambda x: np.maximum(x, 0),
    "Reshape": lambda x, shape: x.reshape(shape),
    "Transpose": lambda x, perm: x.transpose(perm),
    "Gather": lambda x, index, axis: np.take(x, index, axis),
    "Concat": lambda *x, axis: np.concatenate(x, axis),
    "Slice": slice_of,
    "Pad": lambda x, pads: np.pad(x, list(zip(pads[: x.ndim], pads[x.ndim :]))),
    "Conv": conv,
    "BatchNormalization": norm,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdims=True),
}


def evaluate(data, x):
    model = fields(data)
    assert model[1] == [7] and [fields(o).get(2) for o in model[8]] == [[13]]
    graph = fields(model[7][0])
    (given,), (result,) = graph[11], graph[12]
    assert text(fields(given), 1) == "x" and text(fields(result), 1) == "y"
    values = {"x": x}
    for name, value in map(tensor, graph.get(5, [])):
        assert name not in values, name
        values[name] = value
    for node in map(fields, graph[1]):
        inputs = [values[bytes(name).decode()] for name in node[1]]
        output = text(node, 2)
        assert output not in values, output
        values[output] = OPS[text(node, 4)](*inputs, **attributes(node))
        assert values[output].dtype == np.float32, output
    return values["y"]


def official_check(path):
    try:
        import onnx
    except ImportError:
        print("onnx is not installed: not checked by it")
        return
    onnx.checker.check_model(onnx.load(path), full_check=True)
    print("accepted by onnx", onnx.__version__)


model_file, x_file, y_file = sys.argv[1:]
with open(model_file, "rb") as file:
    np.save(y_file, evaluate(file.read(), np.load(x_file)))
official_check(model_file)
