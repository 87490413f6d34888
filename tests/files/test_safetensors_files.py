"""Files of safetensors, one and several: what the library writes is what is read, and what is damaged is said."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from rnninspect.errors import DocumentError
from rnninspect.files.held import HeldTensor
from rnninspect.files.read import read
from rnninspect.files.readers.tensors import nbytes

safetensors = pytest.importorskip("safetensors.numpy")
save, save_file = safetensors.save, safetensors.save_file

ARRAYS = {
    "encoder.weight_ih_l0": np.zeros((20, 7), np.float32),
    "encoder.bias": np.zeros(20, np.float16),
    "steps": np.zeros((), np.int64),
    "mask": np.zeros((3, 0, 5), np.bool_),
    "a\nb": np.zeros((2, 1), np.uint8),
}
TENSORS = {name: HeldTensor(name, array.shape, str(array.dtype)) for name, array in ARRAYS.items()}


def header(entries: object, data: bytes = b"") -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(shape: list[object], begin: int, end: int, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_what_is_saved_is_what_is_read(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "model.bin", metadata={"format": "pt"})
    held = read(str(tmp_path / "model.bin"))
    assert held.tensors == TENSORS
    assert (held.format, held.damage, held.notes, held.layers) == ("safetensors", "", (), ())


@pytest.mark.torch
def test_dtypes_are_called_as_torch_calls_them(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    names = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool float8_e4m3fn float8_e5m2 complex64"
    save_torch({name: torch.zeros(3, dtype=getattr(torch, name)) for name in names.split()}, tmp_path / "x")
    assert {name: tensor.dtype for name, tensor in read(str(tmp_path / "x")).tensors.items()} == {
        name: name for name in names.split()
    }


@pytest.mark.parametrize("lost", [1, 100, 600])
def test_lost_values_are_damage_and_the_tensors_are_there(tmp_path: Path, lost: int) -> None:
    data = save(ARRAYS)
    (tmp_path / "cut").write_bytes(data[:-lost])
    held = read(str(tmp_path / "cut"))
    assert held.tensors == TENSORS
    assert held.damage == f"the header promises {len(data):,} bytes, the file has {len(data) - lost:,}"


@pytest.mark.parametrize(
    ("entries", "data", "damage"),
    [
        ({"a": entry([1], 0, 4), "b": entry([1], 2, 6)}, 6, "the values of 'a' and 'b' overlap"),
        ({"a": entry([1], 0, 4), "b": entry([1], 6, 10)}, 10, "2 bytes before the values of 'b' belong to no tensor"),
        ({"a": entry([1], 0, 4)}, 5, "promises"),
        ({"a": entry([2**30, 2**30], 0, 2**62)}, 0, "promises"),
    ],
)
def test_values_that_are_not_one_behind_the_other(tmp_path: Path, entries: object, data: int, damage: str) -> None:
    (tmp_path / "x").write_bytes(header(entries, bytes(data)))
    assert damage in read(str(tmp_path / "x")).damage


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (header({})[:9], "ends too early: 10 bytes are needed, and 9"),
        ((2**30).to_bytes(8, "little") + b"{}", "a header of 1,073,741,824 bytes, of which at most 10,000,000"),
        (header(b'{"a": 1, "a": 2}'), "names 'a' twice"),
        (header(b'{"a": {"dtype": "F32", "dtype": "F64"}}'), "names 'dtype' twice"),
        (header(b"{" * 90), "no JSON"),
        (header(b'{"a":' * 50_000), "no JSON"),
        (header(b'{"a": NaN}'), "no JSON"),
        (header(b'{"\xff": 1}'), "no JSON"),
        (header({"a": 3}), "says nothing of 'a'"),
        (header({"a": entry([True], 0, 4)}), "no dtype, shape and data_offsets of 'a'"),
        (header({"a": entry([-1], 0, 4)}), "no dtype, shape"),
        (header({"a": entry([1] * 65, 0, 4)}), "no dtype, shape"),
        (header({"a": entry([2**63], 0, 4)}), "no dtype, shape"),
        (header({"a": entry([2], 0, 4)}), "contradicts itself: 'a' of F32 '[2]' in 4 bytes"),
        (header({"a\n": entry([2], 4, 0)}), "contradicts itself: 'a\\n' of F32"),
    ],
)
def test_a_header_that_cannot_be(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DocumentError) as raised:
        read(str(tmp_path / "x"))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


# --- several files -----------------------------------------------------------------------------------------------

INDEX = "model.safetensors.index.json"


def written(folder: Path, weight_map: object, **files: dict[str, np.ndarray]) -> str:
    for name, arrays in files.items():
        save_file(arrays, folder / name)
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    return str(folder / INDEX)


A, B = {"a": np.zeros((5, 7), np.float32)}, {"b": np.zeros(3, np.float16), "c": np.zeros(2, np.float16)}


def test_the_tensors_of_all_files(tmp_path: Path) -> None:
    held = read(written(tmp_path, {"a": "one", "b": "two", "c": "two"}, one=A, two=B))
    assert {name: tensor.shape for name, tensor in held.tensors.items()} == {"a": (5, 7), "b": (3,), "c": (2,)}
    assert (held.format, held.damage) == ("safetensors, 2 files", "")


@pytest.mark.torch
def test_files_of_torch(tmp_path: Path) -> None:
    pytest.importorskip("rnninspect.files.readers.torch_zip")
    import torch

    torch.save({"a": torch.zeros(5, 3)}, tmp_path / "pytorch_model-00001-of-00001.bin")
    held = read(written(tmp_path, {"a": "pytorch_model-00001-of-00001.bin"}))
    assert held.tensors["a"].shape == (5, 3)


def test_what_is_missing_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    held = read(written(tmp_path, {"a": "one", "b": "two", "c": "two", "z": "one"}, one=A))
    assert list(held.tensors) == ["a"]
    assert held.damage == "'two' of the index is missing; 'z' of the index is in no file"


def test_links_to_files_are_followed_as_caches_have_them(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "here").mkdir()
    save_file(A, tmp_path / "store" / "0f")
    (tmp_path / "here" / "one").symlink_to(tmp_path / "store" / "0f")
    assert list(read(written(tmp_path / "here", {"a": "one"})).tensors) == ["a"]


@pytest.mark.parametrize(
    "name", ["../one", "/etc/passwd", "x/../../one", "out/one", "", ".", "a\0b", "\ud800/a", "C:/a"]
)
def test_no_file_of_another_folder_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "out").symlink_to(tmp_path)
    save_file(A, tmp_path / "one")
    with pytest.raises(DocumentError, match="the index names "):
        read(written(tmp_path / "here", {"a": name}))


@pytest.mark.parametrize(
    ("weight_map", "said"),
    [
        ({"a": INDEX}, "an index within an index"),
        ({"a": "round/x"}, "none of the 1 files of the index is there"),
        ({"a": "gone"}, "none of the 1 files of the index is there"),
        ({}, "names no files"),
        ({"a": 3}, "names no files"),
        ({"a": "text"}, "'text': not a checkpoint"),
        ({"a": "one", "b": "copy"}, "two of its files hold 'a'"),
        ({str(k): str(k) for k in range(1001)}, "an index of 1,001 files"),
    ],
)
def test_an_index_that_cannot_be(tmp_path: Path, weight_map: object, said: str) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(DocumentError, match=said):
        read(written(tmp_path, weight_map, one=A, copy=A))


def test_an_index_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnninspect.files.readers.shards._LONGEST_INDEX", 20)
    with pytest.raises(DocumentError, match=r"an index of .* bytes, of which at most 20 are read"):
        read(written(tmp_path, {"a": "one"}, one=A))


def test_a_pipe_is_no_file_of_an_index(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DocumentError, match="none of the 1 files"):
        read(written(tmp_path, {"a": "pipe"}))


def test_elements_of_half_a_byte_fill_whole_bytes() -> None:
    assert [nbytes("int4", count) for count in range(4)] == [0, 1, 1, 2]
