# Reads a checkpoint with Python's standard library and numpy: the example of docs/checkpoint-format.md.
import json
import numpy as np


def read(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    about = json.loads(header.pop("__metadata__")["papilio"])
    dtypes = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}

    tensors = {}
    for name, entry in header.items():
        values = data[slice(*entry["data_offsets"])]
        tensor = np.frombuffer(values, dtypes[entry["dtype"]]).reshape(entry["shape"])
        if name in about.get("complex", []):
            tensor = tensor[..., 0] + 1j * tensor[..., 1]
        if name in about.get("frozen", []):
            tensor = twiddle(tensor)
        tensors[name] = tensor
        print(name, tensor.dtype, tensor.shape)
    return about, tensors


def twiddle(frozen):
    stacks, rows, pairs, _ = frozen.shape
    matrices = np.ones((stacks, rows - 1, pairs, 2, 2), frozen.dtype)
    matrices[..., 0, 1], matrices[..., 1, 0] = frozen[:, :-1, :, 0], frozen[:, :-1, :, 1]
    matrices[:, -1, :, 0, 0], matrices[:, -1, :, 1, 1] = frozen[:, -1, :, 0], frozen[:, -1, :, 1]
    return matrices.reshape(stacks, -1, pairs.bit_length(), pairs, 2, 2)


about, tensors = read("mlp.safetensors")
assert about["format"] == 1 and about["model"]["config"]["hidden"] == "bpbp-complex"
assert tensors["hidden.twiddle"].shape == (1, 2, 1023, 2, 2)
assert np.iscomplexobj(tensors["hidden.twiddle"])


def dense(twiddle):  # of one stack and one block of increasing strides
    n = 2 * twiddle.shape[3]
    rows = np.eye(n)
    for k, factor in enumerate(twiddle[0, 0].astype(float)):
        x = rows.reshape(n, -1, 2, 2**k)
        rows = np.einsum("gsij,ngjs->ngis", factor.reshape(-1, 2**k, 2, 2), x).reshape(n, n)
    return rows.T


about, frozen = read("mixnet-frozen.safetensors")
assert about["format"] == 2 and about["frozen"] == ["mix.twiddle"]
expected = dense(read("mixnet.safetensors")[1]["mix.twiddle"])
assert np.abs(dense(frozen["mix.twiddle"]) - expected).max() < 1e-6 * np.abs(expected).max()
