# Reads a checkpoint with Python's standard library and numpy: the example of docs/checkpoint-format.md.
import json
import numpy as np

with open("mlp.safetensors", "rb") as file:
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
    tensors[name] = tensor
    print(name, tensor.dtype, tensor.shape)

assert about["format"] == 1 and about["model"]["config"]["hidden"] == "bpbp-complex"
assert tensors["hidden.twiddle"].shape == (1, 2, 1023, 2, 2)
assert np.iscomplexobj(tensors["hidden.twiddle"])
