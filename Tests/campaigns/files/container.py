"""The files as trees: the header of a safetensors file, and the graph inside its metadata.

An object is a list of (key, value) pairs, `Pairs`, so that keys may be repeated and in any order; `Raw` is
text that is written as it is, which need not be JSON.
"""

from __future__ import annotations

import json
import struct

import xxhash

PREFIX = b'{"__metadata__":{"denpa.checksum":"'
DIGITS = slice(8 + len(PREFIX), 8 + len(PREFIX) + 16)
GRAPH = "denpa.graph"
SIZES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "U8": 1}


class Pairs(list):
    """The members of an object."""

    def get(self, key):
        return next((value for name, value in self if name == key), None)

    def put(self, key, value):
        for at, (name, _) in enumerate(self):
            if name == key:
                self[at] = (name, value)


class Raw(str):
    """Text that is written without quotes."""


def parsed(text):
    return json.loads(text, object_pairs_hook=Pairs)


def written(value):
    """Returns the JSON text of a tree, without spaces, as Denpa writes it."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{written(key)}:{written(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def parts(data):
    """Returns the header's text and the bytes of the tensors."""
    (length,) = struct.unpack_from("<Q", data)
    return data[8 : 8 + length], data[8 + length :]


def tree(data):
    """Returns (header, graph or None, bytes of the tensors)."""
    text, tensors = parts(data)
    header = parsed(text)
    graph = (header.get("__metadata__") or Pairs()).get(GRAPH)
    return header, None if graph is None else parsed(graph), tensors


def joined(header, graph, tensors, pad=True):
    """Returns the file of a tree."""
    if graph is not None and isinstance(header, Pairs):
        metadata = header.get("__metadata__")
        if isinstance(metadata, Pairs):
            metadata.put(GRAPH, written(graph))
    text = written(header).encode("utf-8", "surrogatepass")
    if pad:
        text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + tensors


def sealed(data):
    """Returns the file with the checksum put right, if it has one in its place."""
    if len(data) < DIGITS.stop or data[8 : DIGITS.start] != PREFIX:
        return data
    zeros = data[: DIGITS.start] + b"0" * 16 + data[DIGITS.stop :]
    return data[: DIGITS.start] + b"%016x" % xxhash.xxh64_intdigest(zeros) + data[DIGITS.stop :]


def laid_out(header, filler):
    """Gives each tensor the place that its type and shape call for; returns their bytes, or None if a shape is
    none or takes more than a file of a test should. `filler` is repeated."""
    end = 0
    for name, entry in header:
        if name == "__metadata__" or not isinstance(entry, Pairs):
            continue
        size, shape = (
            SIZES.get(entry.get("dtype")) if isinstance(entry.get("dtype"), str) else None,
            entry.get("shape"),
        )
        if size is None or not isinstance(shape, list):
            return None
        for extent in shape:
            if type(extent) is not int or not 0 <= extent <= 1 << 20:
                return None
            size *= extent
        if end + size > 1 << 20:
            return None
        entry.put("data_offsets", [end, end + size])
        end += size
    return (filler * (end // max(len(filler), 1) + 1))[:end] if filler else bytes(end)
