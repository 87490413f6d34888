"""Small checkpoints for tests: what torch would save, as safetensors whose values are a hole in the file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

_DTYPES = {"float32": ("F32", 4), "float16": ("F16", 2), "bfloat16": ("BF16", 2), "float64": ("F64", 8)}

Tensors = Mapping[str, tuple[Sequence[int], str]]

GRU: Tensors = {
    "rnn.weight_ih_l0": ((12, 6), "float32"),
    "rnn.weight_hh_l0": ((12, 4), "float32"),
    "rnn.bias_ih_l0": ((12,), "float32"),
    "rnn.bias_hh_l0": ((12,), "float32"),
}
# A kernel that Keras has: the reset gate before the product.
KERAS_GRU: Tensors = {
    "gru/gru_cell/kernel": ((6, 12), "float32"),
    "gru/gru_cell/recurrent_kernel": ((4, 12), "float32"),
    "gru/gru_cell/bias": ((12,), "float32"),
}


def safetensors(path: Path, tensors: Tensors) -> Path:
    """A file with these tensors, by name their shape and dtype."""
    header, end = {}, 0
    for name, (shape, dtype) in tensors.items():
        code, size = _DTYPES[dtype]
        start, end = end, end + size * prod(shape)
        header[name] = {"dtype": code, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + end)
    return path
