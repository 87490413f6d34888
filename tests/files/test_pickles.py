"""Plain pickles of arrays: numpy writes them, and what is read of them without numpy has their names and shapes."""

from __future__ import annotations

import pickle
import sys
import tracemalloc
from collections import namedtuple
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rnninspect.files.held import Held, Unreadable
from rnninspect.files.readers.pickles import read
from rnninspect.files.source import Source

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
State = namedtuple("State", "count mu")


def held_of(data: bytes) -> Held:
    return read(Source.of(data, "made.pkl"), "made.pkl")


def shown(held: Held) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (each.shape, each.dtype) for name, each in held.tensors.items()}


HAIKU = {"lstm/linear": {"w": np.zeros((12, 28), "f4"), "b": np.zeros(28, "f4")}, "head": {"w": np.zeros((7, 2), "f4")}}
NAMES = {"lstm/linear.w": ((12, 28), "float32"), "lstm/linear.b": ((28,), "float32"), "head.w": ((7, 2), "float32")}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nested_dicts(protocol: int) -> None:
    held = held_of(pickle.dumps(HAIKU, protocol))
    assert shown(held) == NAMES
    assert (held.format, held.notes, held.damage) == ("pickle", (), "")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_dtype_and_order(protocol: int) -> None:
    dtypes = "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 complex128"
    state: dict[str, Any] = {name: np.zeros((3, 5), name) for name in dtypes.split()}
    expected = {name: ((3, 5), name) for name in state}
    state |= {
        "big_endian": np.zeros(3, ">f4"),
        "fortran": np.asfortranarray(np.zeros((2, 3))),
        "strided": np.zeros((4, 6))[::2, ::3],
        "number": np.array(1.5),
        "empty": np.zeros((0, 4)),
        "scalar": np.float32(2),
        "texts": np.array(["a", "b"]),
        "objects": np.array([np.zeros(3), None], dtype=object),
    }
    expected |= {"big_endian": ((3,), "float32"), "fortran": ((2, 3), "float64"), "strided": ((2, 2), "float64")}
    expected |= {"number": ((), "float64"), "empty": ((0, 4), "float64"), "objects.4.0": ((3,), "float64")}
    assert shown(held_of(pickle.dumps(state, protocol))) == expected


def test_values_are_passed_over() -> None:
    for protocol in PROTOCOLS:
        data = pickle.dumps({"w": np.full((1000, 500), 0.1), "b": np.zeros(500)}, protocol)
        tracemalloc.start()
        held = held_of(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert shown(held) == {"w": ((1000, 500), "float64"), "b": ((500,), "float64")}
        assert peak < 2_500_000, protocol


def test_arrays_whose_buffers_are_elsewhere() -> None:
    data = pickle.dumps(HAIKU, 5, buffer_callback=lambda buffer: None)
    assert shown(held_of(data)) == NAMES


def test_arrays_of_numpy_1() -> None:
    data = pickle.dumps(HAIKU, 2).replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core" in data
    assert shown(held_of(data)) == NAMES


def test_a_dtype_that_numpy_has_not_is_a_class_of_its_package() -> None:
    plain = pickle.dumps(np.zeros(3, "f2"), 2)
    text = b"X\2\0\0\0f2"
    assert plain.count(text) == 1
    assert shown(held_of(plain.replace(text, b"cml_dtypes\nbfloat16\n"))) == {"": ((3,), "bfloat16")}


class FromJax:
    """An array as jax writes it: by a function of jax's, with numpy's own parts."""

    def __init__(self, array: Any, function: Any) -> None:
        self.array, self.function = array, function

    def __reduce__(self) -> tuple[Any, ...]:
        function, arguments, state = self.array.__reduce__()
        return self.function, (function, arguments, state, {"weak_type": False})


@pytest.mark.parametrize(
    ("module", "name"),
    [("jax._src.array", "_reconstruct_array"), ("jax._src.device_array", "reconstruct_device_array")],
)
def test_arrays_of_jax(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    def function(*arguments: Any) -> None:
        """What stands for jax's own, which is not installed: a pickle has its name alone."""

    function.__module__, function.__qualname__ = module, name
    for each in ("jax", "jax._src", module):
        monkeypatch.setitem(sys.modules, each, ModuleType(each))
    setattr(sys.modules[module], name, function)
    params = {key: {name: FromJax(each, function) for name, each in of.items()} for key, of in HAIKU.items()}
    for protocol in PROTOCOLS:
        assert shown(held_of(pickle.dumps(params, protocol))) == NAMES


def test_objects_of_other_packages_give_their_parts_names() -> None:
    held = held_of(pickle.dumps({"params": HAIKU["head"], "state": [State(np.zeros(1), {"w": np.zeros((7, 2))})]}))
    assert list(held.tensors) == ["params.w", "state.0.0", "state.0.1.w"]
    assert held.notes == ()


def test_what_stands_behind_the_first_pickle_is_said() -> None:
    held = held_of(pickle.dumps(HAIKU) + b"more")
    assert held.notes == ("4 bytes behind the first pickle were not read",)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"word": 1}, "the pickle holds no tensor of torch, numpy or jax"),
        (["_rebuild_tensor"], "the pickle holds no tensor of torch, numpy or jax"),
        ([{"a": index} for index in range(60_000)], "the pickle holds no tensor of torch, numpy or jax"),
    ],
    ids=["plain", "a name alone", "long"],
)
def test_pickles_of_other_things(value: object, message: str) -> None:
    with pytest.raises(Unreadable, match=f"^{message}$"):
        held_of(pickle.dumps(value))


def test_a_cut_pickle() -> None:
    data = pickle.dumps({"w": np.zeros((100, 100))})
    for length in range(60, len(data) - 1, 997):
        with pytest.raises(Unreadable, match="ends too early"):
            held_of(data[:length])


def test_joblib_is_refused_by_name() -> None:
    data = (
        b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00\x8c\x13joblib.numpy_pickle\x8c\x11NumpyArrayWrapper\x93)\x81"
        + bytes(99)
    )
    with pytest.raises(Unreadable, match="joblib"):
        held_of(data)


@pytest.mark.torch
def test_tensors_of_torch_in_a_plain_pickle() -> None:
    import torch

    state = {
        "w": torch.zeros(3, 5),
        "b": torch.zeros(9000, dtype=torch.bfloat16),
        "p": torch.nn.Parameter(torch.zeros(2)),
    }
    for protocol in PROTOCOLS:
        held = held_of(pickle.dumps(state, protocol))
        assert shown(held) == {"w": ((3, 5), "float32"), "b": ((9000,), "bfloat16"), "p": ((2,), "float32")}
        assert (held.notes, held.aliases) == ((), {})


def test_an_evil_pickle_in_a_storage_is_named(tmp_path: Path) -> None:
    marker = tmp_path / "was_here"
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    evil = b"cposix\nsystem\n(Vtouch %s\ntR." % str(marker).encode()
    for inner in (evil, magic + evil, evil + bytes(20_000)):
        loader = b"ctorch.storage\n_load_from_bytes\n(" + b"B" + len(inner).to_bytes(4, "little") + inner + b"tR."
        with pytest.raises(Unreadable, match=r"calls .*posix.system.*; nothing was run"):
            held_of(loader + b"_rebuild")
    far = magic + b"N" * 2000 + evil
    with pytest.raises(Unreadable, match=r"calls torch.storage._load_from_bytes; nothing was run"):
        held_of(b"ctorch.storage\n_load_from_bytes\n(B" + len(far).to_bytes(4, "little") + far + b"tR._rebuild")
    assert not marker.exists()


def test_what_a_pickle_calls_at_its_end_is_named_though_it_holds_no_tensor() -> None:
    words = pickle.dumps({f"word{index}": index for index in range(20_000)}, 2)
    with pytest.raises(Unreadable, match=r"^the pickle calls posix.system; nothing was run$"):
        held_of(words[:-1] + b"0cposix\nsystem\n(Vls\ntR.")
