"""Small checkpoints of every format that is read, by what writes them: bytes that tests spoil, and hold readers to.

Each has a bidirectional LSTM of two stacked layers, or what its format has instead, with unequal sizes.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Mapping

import h5py
import numpy
import onnx
import torch
from onnx import TensorProto, helper
from protobuf_bytes import field, varint
from safetensors import torch as safetensors

INPUT, HIDDEN = 5, 7


class Tagger(torch.nn.Module):
    """Of a class that whoever reads the file does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.LSTM(INPUT, HIDDEN, 2, bidirectional=True)
        self.head = torch.nn.Linear(2 * HIDDEN, 3)


def tagger() -> Tagger:
    """The same at every call."""
    torch.manual_seed(3)
    return Tagger()


def _torch(what: object, **how: bool) -> bytes:
    stream = io.BytesIO()
    torch.save(what, stream, **how)
    return stream.getvalue()


def _script() -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # why: torch says that TorchScript is of the past, and files of it are not.
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.GRU(INPUT, HIDDEN)), stream)
    return stream.getvalue()


def keras_arrays() -> dict[str, numpy.ndarray]:
    """Weights of a Keras LSTM by their names, each a group of a file of Keras 2."""
    return {
        f"lstm/lstm/lstm_cell/{name}:0": numpy.zeros(shape, "float32")
        for name, shape in (
            ("kernel", (INPUT, 4 * HIDDEN)),
            ("recurrent_kernel", (HIDDEN, 4 * HIDDEN)),
            ("bias", (4 * HIDDEN,)),
        )
    }


def _hdf5(arrays: Mapping[str, numpy.ndarray]) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for name, array in arrays.items():
            file[name] = array
        file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", "2.15.0"
    return stream.getvalue()


def zipped(members: Mapping[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, how)
    return stream.getvalue()


def _keras() -> bytes:
    arrays = {f"layers/lstm/cell/vars/{k}": array for k, array in enumerate(keras_arrays().values())}
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "model",
            "layers": [{"class_name": "LSTM", "config": {"name": "lstm", "units": HIDDEN, "activation": "tanh"}}],
        },
    }
    return zipped(
        {
            "metadata.json": b'{"keras_version": "3.6.0"}',
            "config.json": json.dumps(config).encode(),
            "model.weights.h5": _hdf5(arrays),
        }
    )


def _npz() -> bytes:
    stream = io.BytesIO()
    numpy.savez(stream, **{name: value.numpy() for name, value in tagger().state_dict().items()})
    return stream.getvalue()


def onnx_model() -> onnx.ModelProto:
    """A graph of one LSTM whose weights are initializers."""
    shapes = {"W": (1, 4 * HIDDEN, INPUT), "R": (1, 4 * HIDDEN, HIDDEN), "B": (1, 8 * HIDDEN)}
    weights = [
        helper.make_tensor(name, TensorProto.FLOAT, shape, numpy.zeros(shape, "float32").tobytes(), raw=True)
        for name, shape in shapes.items()
    ]
    node = helper.make_node("LSTM", ["x", "W", "R", "B"], ["y"], name="encoder", hidden_size=HIDDEN)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", (3, 2, INPUT)), ("y", (3, 1, 2, HIDDEN)))
    ]
    return helper.make_model(helper.make_graph([node], "graph", ends[:1], ends[1:], weights))


def _block(entries: Mapping[bytes, bytes]) -> bytes:
    """A block of a table of leveldb: every key whole, one restart, not compressed; its checksum is not looked at."""
    body = b"".join(b"\0" + varint(len(key)) + varint(len(value)) + key + value for key, value in entries.items())
    return body + struct.pack("<II", 0, 1) + b"\0" + bytes(4)


def tf_index() -> bytes:
    """The index of a checkpoint of TensorFlow, as one table of leveldb."""
    shapes = {"rnn/lstm_cell/bias": (4 * HIDDEN,), "rnn/lstm_cell/kernel": (INPUT + HIDDEN, 4 * HIDDEN)}
    entries = {b"": field(1, 1)}
    for name, shape in shapes.items():
        sizes = b"".join(field(2, field(1, size)) for size in shape)
        entries[name.encode()] = field(1, 1) + field(2, sizes) + field(5, 4)
    data, meta = _block(entries), _block({})
    handles = varint(0) + varint(len(data) - 5), varint(len(data)) + varint(len(meta) - 5)
    index = _block({b"z": handles[0]})
    at = varint(len(data) + len(meta)) + varint(len(index) - 5)
    footer = (handles[1] + at).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    return data + meta + index + footer


def tarred(members: Mapping[str, bytes]) -> bytes:
    """A tar of these members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return stream.getvalue()


def small_checkpoints() -> dict[str, bytes]:
    """One of each format, by a name for its file."""
    weights = tagger().state_dict()
    return {
        "zip.pt": _torch(weights),
        "legacy.pth": _torch(weights, _use_new_zipfile_serialization=False),
        "script.pt": _script(),
        "module.pt": _torch(tagger().encoder),
        "a.safetensors": safetensors.save(dict(weights)),
        "a.npz": _npz(),
        "arrays.pkl": pickle.dumps({name: value.numpy() for name, value in weights.items()}, protocol=4),
        "a.tar": tarred({"model/weights.pt": _torch(weights)}),
        "a.onnx": onnx_model().SerializeToString(),
        "a.h5": _hdf5(keras_arrays()),
        "a.keras": _keras(),
        "a.index": tf_index(),
    }
