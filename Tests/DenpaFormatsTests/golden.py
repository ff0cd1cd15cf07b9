"""Makes Golden.swift: files written by the reference implementation of safetensors, as hexadecimal digits.

"denpa" is a checksummed file, made here after the description in Safetensors.swift and with another XXH64.

    python3 -m venv /tmp/v && /tmp/v/bin/pip install safetensors numpy xxhash
    /tmp/v/bin/python golden.py > Golden.swift
"""

from importlib.metadata import version

import numpy as np
import xxhash
from safetensors import TensorSpec, serialize
from safetensors.numpy import load, save

TENSORS = {
    "b": np.array([1, 2, 3], np.uint8),
    "a": np.array([[1.5, -2.25], [np.inf, 1e-45]], np.float32),
    "dense_1.W": np.arange(12, dtype=np.float32).reshape(2, 3, 2),
    "optimizer/step": np.array(2**62 + 1, np.int64),
    "classes": np.array([-1, 2**31 - 1], np.int32),
    "loss": np.array([0.1, -0.0], np.float64),
    "empty": np.zeros((0, 5), np.float32),
    "伝播 \"quoted\" \\ \t\x01": np.array(7, np.uint8),
}


def with_checksum(data: bytes) -> bytes:
    """Adds metadata with a checksum to a file that has none; the reference implementation still reads it."""
    length = int.from_bytes(data[:8], "little")
    header, body = data[8 : 8 + length].rstrip(b" "), data[8 + length :]
    header = b'{"__metadata__":{"denpa.checksum":"' + b"0" * 16 + b'","graph":"{}"},' + header[1:]
    header += b" " * (-len(header) % 8)
    data = len(header).to_bytes(8, "little") + header + body
    result = data.replace(b"0" * 16, xxhash.xxh64(data, seed=0).hexdigest().encode(), 1)
    loaded = load(result)
    assert all(np.array_equal(loaded[name], TENSORS[name]) for name in TENSORS) and len(loaded) == len(TENSORS)
    return result


HALF = np.array([0, 0x3F80], np.uint16)

FILES = {
    "every dtype": save(TENSORS, {"format": "np"}),
    "denpa": with_checksum(save(TENSORS)),
    "no metadata": save({"x": np.array([1, 2, 3], np.float32)}),
    "no tensors": save({}, {"note": "two\nlines, \"quoted\", 伝播"}),
    "float16": save({"half": HALF.view(np.float16)}),
    "bfloat16": bytes(
        serialize({"half": TensorSpec(dtype="bfloat16", shape=(2,), data_ptr=HALF.ctypes.data, data_len=HALF.nbytes)})
    ),
}

if __name__ == "__main__":
    print(f"// Written by golden.py with safetensors {version('safetensors')}; do not edit.\n")
    print("let golden: [String: String] = [")
    for name, data in FILES.items():
        digits = data.hex()
        lines = [digits[i : i + 100] for i in range(0, len(digits), 100)]
        print(f'  "{name}": """')
        for line in lines[:-1]:
            print(f"  {line}\\")
        print(f'  {lines[-1]}\n  """,')
    print("]")
