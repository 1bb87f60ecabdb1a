"""An independent reader and writer of safetensors: json and numpy only.

usage: safetensors_reader.py IN OUT

Reads IN and writes OUT: every tensor of IN twice as large under its own name, the metadata of IN, and all 65,536
numbers of F16 and of BF16 beside the same numbers as F32. Exits with 77 when numpy is missing.
"""
import json
import struct
import sys

try:
    import numpy as np
except ImportError:
    sys.exit(77)

DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "F16": "<f2", "BF16": "<u2", "I32": "<i4"}


def read(path):
    data = open(path, "rb").read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    assert start % 64 == 0, f"the data begin at byte {start}"
    header = json.loads(data[8:start].decode())
    metadata = header.pop("__metadata__", {})
    end, tensors = start, {}
    for name, field in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = (start + offset for offset in field["data_offsets"])
        dtype = np.dtype(DTYPES[field["dtype"]])
        assert begin % dtype.itemsize == 0, f"{name} begins at byte {begin}"
        tensors[name] = np.frombuffer(data[begin:end], dtype).reshape(field["shape"])
    assert end == len(data)
    return tensors, metadata


def write(path, tensors, metadata):
    header, blocks, offset = {"__metadata__": metadata}, [], 0
    for name, (dtype, array) in tensors.items():
        blocks.append(array.astype(DTYPES[dtype]).tobytes())
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [offset, offset + len(blocks[-1])]}
        offset += len(blocks[-1])
    text = json.dumps(header).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + b"".join(blocks))


def main():
    tensors, metadata = read(sys.argv[1])
    names = {np.dtype(code): name for name, code in DTYPES.items() if name != "BF16"}
    result = {name: (names[array.dtype], array * 2) for name, array in tensors.items()}
    bits = np.arange(65536, dtype="<u2")
    result["half"] = ("F16", bits.view("<f2"))
    result["half as F32"] = ("F32", bits.view("<f2").astype("<f4"))
    result["bfloat"] = ("BF16", bits)
    result["bfloat as F32"] = ("F32", (bits.astype("<u4") << 16).view("<f4"))
    result["int32"] = ("I32", np.array([[-(2**31)], [2**31 - 1]]))
    write(sys.argv[2], result, metadata)


if __name__ == "__main__":
    main()
