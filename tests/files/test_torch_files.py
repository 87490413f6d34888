"""What torch saves, and what is read of it without torch: the same names, shapes and dtypes."""

from __future__ import annotations

import io
import os
import pickle
import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rnninspect.files.held import Held, Unreadable
from rnninspect.files.read import read_kind
from rnninspect.files.readers import torch_zip
from rnninspect.files.readers.torch_tensors import Rebuilt, Storage
from rnninspect.files.sniff import kind_of
from rnninspect.files.source import source_of

Described = Mapping[str, tuple[tuple[int, ...], str]]


def held_of(path: Path) -> Held:
    with source_of(str(path)) as source:
        return read_kind(kind_of(source), source, str(path))


def dtype_of(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def described(state: Mapping[str, Any]) -> Described:
    return {name: (tuple(each.shape), dtype_of(each)) for name, each in state.items()}


def shown(held: Held) -> Described:
    return {name: (each.shape, each.dtype) for name, each in held.tensors.items()}


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(5, 7, 2, batch_first=True, dropout=0.25, bidirectional=True)
        self.cell = nn.GRUCell(3, 4, bias=False)
        self.stack = nn.ModuleList([nn.RNN(3, 5, nonlinearity="relu"), nn.RNNCell(2, 6, nonlinearity="relu")])
        self.head = nn.Linear(14, 2)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0])


OPTIONS = {
    "rnn": (
        "torch.nn.modules.rnn.LSTM",
        {"mode": "LSTM", "input_size": 5, "hidden_size": 7, "num_layers": 2, "bias": True}
        | {"batch_first": True, "dropout": 0.25, "bidirectional": True, "proj_size": 0},
    ),
    "cell": ("torch.nn.modules.rnn.GRUCell", {"input_size": 3, "hidden_size": 4, "bias": False}),
    "stack.0": (
        "torch.nn.modules.rnn.RNN",
        {"mode": "RNN_RELU", "input_size": 3, "hidden_size": 5, "num_layers": 1, "bias": True}
        | {"batch_first": False, "dropout": 0.0, "bidirectional": False, "proj_size": 0, "nonlinearity": "relu"},
    ),
    "stack.1": (
        "torch.nn.modules.rnn.RNNCell",
        {"input_size": 2, "hidden_size": 6, "bias": True, "nonlinearity": "relu"},
    ),
}


def options_of(held: Held) -> dict[str, tuple[str, Mapping[str, Any]]]:
    return {layer.name: (layer.kind, layer.said) for layer in held.layers}


# --- every way to save ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_state_dict(tmp_path: Path, zipped: bool, protocol: int) -> None:
    path = tmp_path / "model.pt"
    torch.save(Model().state_dict(), path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    held = held_of(path)
    assert held.format == f"torch ({'zip' if zipped else 'legacy'})"
    assert (held.damage, held.notes, held.layers, held.aliases) == ("", (), (), {})
    assert shown(held) == described(torch.load(path, weights_only=False))


def test_a_tensor_without_elements_is_no_second_name_of_another(tmp_path: Path) -> None:
    empty = torch.zeros(0)
    torch.save({"a": empty, "b": empty}, tmp_path / "m.pt")
    assert held_of(tmp_path / "m.pt").aliases == {}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_whole_module(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "model.pt"
    model = Model()
    torch.save(model, path, _use_new_zipfile_serialization=zipped)
    held = held_of(path)
    assert shown(held) == described(model.state_dict())
    assert options_of(held) == OPTIONS
    assert (held.damage, held.notes, held.aliases) == ("", (), {})


def test_a_module_as_torch_wrote_it_with_its_source(tmp_path: Path) -> None:
    class Pickler(pickle.Pickler):
        """What torch once was: a class stands outside of the pickle, beside its source; a storage with a view of it."""

        inside: type | None = None

        def persistent_id(self, value: object) -> object:
            if isinstance(value, type) and issubclass(value, nn.Module) and value is not self.inside:
                self.inside = value
                return ("module", value, "rnn.py", "class LSTM(RNNBase): ...")
            if isinstance(value, torch.TypedStorage):
                raw = value._untyped_storage
                return ("storage", torch.FloatStorage, str(raw.data_ptr()), "cpu", raw.nbytes() // 4, None)
            return None

    model = nn.LSTM(3, 5, batch_first=True)
    stream = io.BytesIO()
    for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(each, stream, 2)
    Pickler(stream, 2).dump(model)
    keys = [str(each.untyped_storage().data_ptr()) for each in model.parameters()]
    pickle.dump(keys, stream, 2)
    stream.write(bytes(sum(8 + each.nbytes for each in model.parameters())))
    path = tmp_path / "model.pt"
    path.write_bytes(stream.getvalue())
    held = held_of(path)
    assert shown(held) == described(model.state_dict())
    assert options_of(held)[""][0] == "torch.nn.modules.rnn.LSTM"
    assert options_of(held)[""][1]["batch_first"] is True
    assert (held.damage, held.notes) == ("", ())


def test_a_module_in_a_plain_pickle(tmp_path: Path) -> None:
    model = Model().half()
    for protocol in range(2, 6):
        path = tmp_path / f"{protocol}.pkl"
        path.write_bytes(pickle.dumps({"model": model, "epoch": 3}, protocol))
        held = held_of(path)
        assert shown(held) == {f"model.{name}": each for name, each in described(model.state_dict()).items()}
        assert [layer.name for layer in held.layers] == [f"model.{name}" for name in OPTIONS]
        assert held.notes == ()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripts_say_the_options_in_their_code(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    model = Model()
    torch.jit.script(model).save(str(path))
    held = held_of(path)
    assert held.format == "TorchScript"
    assert shown(held) == described(model.state_dict())
    for name, (kind, said) in options_of(held).items():
        told = {key: value for key, value in OPTIONS[name][1].items() if key in said}
        assert (kind, said) == (OPTIONS[name][0], told)
    assert options_of(held)["rnn"] == OPTIONS["rnn"]
    # 5 and 5.0 are equal, and a size is a whole number.
    assert [type(value) for _, value in sorted(options_of(held)["rnn"][1].items())] == [
        type(value) for _, value in sorted(OPTIONS["rnn"][1].items())
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_traces_do_not_say_options(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    model = Model()
    torch.jit.trace(model, torch.randn(2, 3, 5), check_trace=False).save(str(path))
    held = held_of(path)
    assert shown(held).items() <= described(model.state_dict()).items()
    assert "rnn.weight_hh_l1_reverse" in held.tensors
    assert next(layer for layer in held.layers if layer.name == "rnn").said == {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_frozen_script_keeps_its_tensors_as_constants(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.jit.freeze(torch.jit.script(nn.LSTM(5, 7).eval())).save(str(path))
    assert sorted(shape for shape, _ in shown(held_of(path)).values()) == [(28,), (28,), (28, 5), (28, 7)]


def test_a_checkpoint_of_training(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    model = nn.DataParallel(nn.GRU(3, 5))
    slots = {  # why by hand: an optimizer imports what takes seconds
        index: {"step": torch.tensor(1.0), "exp_avg": torch.zeros_like(each), "exp_avg_sq": torch.zeros_like(each)}
        for index, each in enumerate(model.parameters())
    }
    optimizer = {"state": slots, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0, 1, 2, 3]}]}
    saved = {"epoch": 7, "lr": 0.1, "state_dict": model.state_dict(), "optimizer": optimizer, "best": None}
    torch.save(saved, path)
    held = held_of(path)
    weights = {f"state_dict.{name}": each for name, each in described(model.state_dict()).items()}
    assert "state_dict.module.weight_ih_l0" in weights
    assert {name: each for name, each in shown(held).items() if not name.startswith("optimizer.")} == weights
    assert shown(held)["optimizer.state.0.exp_avg"] == ((15, 3), "float32")
    assert len(held.tensors) == 4 + 4 * 3


# --- every kind of tensor -------------------------------------------------------------------------------------


class Marked(nn.Parameter):
    """A subclass, which torch writes with its class."""


DTYPES = (
    *("float64", "float32", "float16", "bfloat16", "complex64", "complex128", "int64", "int32", "int16", "int8"),
    *("uint8", "bool", "uint16", "float8_e4m3fn"),
)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_every_dtype_and_form(tmp_path: Path, zipped: bool) -> None:
    state: dict[str, Any] = {name: torch.zeros(3, 5).to(getattr(torch, name)) for name in DTYPES}
    if not zipped:  # why: torch's format before zip has no storage for these
        del state["uint16"], state["float8_e4m3fn"]
    state["empty"] = torch.zeros(0, 7)
    state["number"] = torch.tensor(2.5)
    state["turned"] = torch.zeros(5, 3).t()
    state["spread"] = torch.zeros(1, 3).expand(4, 3)
    state["meta"] = torch.zeros(9, 2, device="meta")
    state["parameter"] = nn.Parameter(torch.zeros(2, 3))
    state["subclass"] = Marked(torch.zeros(2, 4))
    state["noted"] = nn.Parameter(torch.zeros(1))
    state["noted"].why = "a state"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state["quantized"] = torch.quantize_per_tensor(torch.zeros(3, 4), 0.1, 0, torch.qint8)
    path = tmp_path / "tensors.pt"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    held = held_of(path)
    assert shown(held) == described(state)
    assert (held.damage, held.notes, held.aliases) == ("", (), {})


def test_what_is_no_plain_tensor_is_said_to_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "tensors.pt"
    torch.save({"a": torch.eye(3).to_sparse(), "b": torch.zeros(2)}, path)
    held = held_of(path)
    assert list(held.tensors) == ["b"]
    assert held.notes == ("a is not read: it is a sparse tensor",)


def test_names_of_all_kinds_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "tensors.pt"
    one = torch.zeros(1)
    state = {0: [one, {"x": (one + 1,)}], "0": {"0": one + 2}, ("a", 1): one + 3, "a\nb": one + 4, b"c": one + 5}
    torch.save(OrderedDict(state), path)
    assert list(held_of(path).tensors) == ["0.0", "0.1.x.0", "0.0 (2)", "a/1", "a\nb", "c"]


def test_a_tensor_alone(tmp_path: Path) -> None:
    path = tmp_path / "tensor.pt"
    torch.save(torch.zeros(3, 2), path)
    assert shown(held_of(path)) == {"": ((3, 2), "float32")}


@pytest.mark.parametrize("value", [{}, {"epoch": 3, "name": "a"}, []], ids=str)
def test_a_checkpoint_without_tensors_holds_none(tmp_path: Path, value: object) -> None:
    path = tmp_path / "nothing.pt"
    torch.save(value, path)
    held = held_of(path)
    assert (held.tensors, held.layers, held.damage) == ({}, (), "")


# --- what is there twice --------------------------------------------------------------------------------------


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 5)
        self.rnn = nn.GRU(5, 5)
        self.head = nn.Linear(5, 11)
        self.head.weight = self.embedding.weight
        self.again = self.rnn
        self.me_in_a_list = [self]


@pytest.mark.parametrize("whole", [True, False])
def test_tied_weights_are_second_names(tmp_path: Path, whole: bool) -> None:
    path = tmp_path / "tied.pt"
    model = Tied()
    torch.save(model if whole else model.state_dict(), path)
    held = held_of(path)
    assert shown(held) == described(model.state_dict())
    rnn = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    assert held.aliases == {"head.weight": "embedding.weight"} | {f"again.{each}": f"rnn.{each}" for each in rnn}
    assert [layer.name for layer in held.layers] == (["rnn"] if whole else [])


def test_parts_of_one_storage_are_no_second_names(tmp_path: Path) -> None:
    flat = torch.arange(12.0)
    state = {"a": flat[:6].view(2, 3), "b": flat[6:].view(2, 3), "c": flat[:6].view(3, 2), "d": flat[:6].view(2, 3)}
    torch.save(state, tmp_path / "parts.pt")
    assert held_of(tmp_path / "parts.pt").aliases == {"d": "a"}


class Derived(nn.LSTM):
    """A class of somebody's own."""


def test_a_derived_class_says_its_options_under_its_own_name(tmp_path: Path) -> None:
    torch.save(nn.ModuleDict({"x": Derived(3, 5, proj_size=2)}), tmp_path / "derived.pt")
    (layer,) = held_of(tmp_path / "derived.pt").layers
    assert layer.name == "x"
    assert layer.kind.endswith("Derived")
    assert layer.said["proj_size"] == 2


def test_methods_that_are_hooks_are_no_alarm(tmp_path: Path) -> None:
    """Lazy modules are saved with methods of their own, which a pickle looks up in them."""
    torch.save(nn.ModuleList([nn.LazyLinear(3), nn.GRU(3, 5)]), tmp_path / "lazy.pt")
    held = held_of(tmp_path / "lazy.pt")
    assert list(held.tensors) == [f"1.{name}" for name in nn.GRU(3, 5).state_dict()]
    assert held.notes == ()


@pytest.mark.parametrize("whole", [True, False])
def test_quantized_layers(tmp_path: Path, whole: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.ao.quantization.quantize_dynamic(Model(), {nn.LSTM}, dtype=torch.qint8)
        torch.save(model if whole else model.state_dict(), tmp_path / "quantized.pt")
    held = held_of(tmp_path / "quantized.pt")
    assert shown(held)["head.weight"] == ((2, 14), "float32")
    packed = [each.shape for name, each in held.tensors.items() if name.startswith("rnn.") and each.dtype == "qint8"]
    assert packed == ([(28, 5), (28, 7)] * 2 + [(28, 14), (28, 7)] * 2 if whole else packed)
    if whole:
        layer = next(each for each in held.layers if each.name == "rnn")
        assert layer.kind == "torch.ao.nn.quantized.dynamic.modules.rnn.LSTM"
        assert layer.said == {key: value for key, value in OPTIONS["rnn"][1].items() if key != "proj_size"}


# --- damage ---------------------------------------------------------------------------------------------------


def test_a_part_of_a_storage_needs_it_up_to_its_last_element() -> None:
    part = Rebuilt((2, 3), "float32", Storage("0", "float32", 400), offset=10, strides=(20, 2))
    assert part.needed == 4 * (10 + 20 + 4 + 1)


def test_an_unknown_version_of_the_legacy_format_is_refused(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "m.pt", _use_new_zipfile_serialization=False)
    known = (tmp_path / "m.pt").read_bytes()
    (tmp_path / "m.pt").write_bytes(known.replace(b"M\xe9\x03.", b"M\xea\x03.", 1))
    with pytest.raises(Unreadable):
        held_of(tmp_path / "m.pt")


def test_the_pickle_of_an_archive_is_the_one_nearest_to_its_top(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / "m.pt")
    with zipfile.ZipFile(tmp_path / "m.pt", "a") as archive:
        archive.writestr("m/extra/data.pkl", pickle.dumps({}))
    assert set(held_of(tmp_path / "m.pt").tensors) == {"a"}


@pytest.mark.parametrize("cut", [1, 10, 399])
def test_of_a_legacy_file_of_one_tensor_every_byte_that_is_missing_is_told(tmp_path: Path, cut: int) -> None:
    torch.save({"a": torch.zeros(100)}, tmp_path / "m.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "m.pt").write_bytes((tmp_path / "m.pt").read_bytes()[:-cut])
    assert f"promises 400 bytes, the file has {400 - cut}" in held_of(tmp_path / "m.pt").damage


def test_a_legacy_file_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    state = Model().state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    total = sum(each.nbytes for each in state.values())
    path.write_bytes(data[:-1000])
    held = held_of(path)
    assert shown(held) == described(state)
    promised, has = (int(word.replace(",", "")) for word in held.damage.split() if word[0].isdigit())
    assert promised == total
    assert total - 1000 <= has < total  # why not the very number: a cut goes through the counts between values too
    assert held.damage.startswith("the header promises ")
    for length in range(100, data.index(b"rnn.weight_ih_l1"), 97):
        path.write_bytes(data[:length])
        with pytest.raises(Unreadable, match="ends too early"):
            held_of(path)


def test_a_zip_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(Model().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(Unreadable, match="cut off or damaged"):
        held_of(path)


def test_a_storage_that_is_shorter_than_its_tensors(tmp_path: Path) -> None:
    whole, cut = tmp_path / "model.pt", tmp_path / "cut.pt"
    torch.save({"a": torch.zeros(5, 7), "b": torch.zeros(3)}, whole)
    with zipfile.ZipFile(whole) as read, zipfile.ZipFile(cut, "w") as written:
        for entry in read.infolist():
            written.writestr(entry.filename, read.read(entry)[: -8 if entry.filename.endswith("data/0") else None])
    held = held_of(cut)
    assert held.damage == "the header promises 152 bytes, the file has 144"
    assert shown(held) == {"a": ((5, 7), "float32"), "b": ((3,), "float32")}


def written(path: Path, members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_an_evil_pickle_is_named_beside_its_tensors(tmp_path: Path, zipped: bool) -> None:
    path, marker = tmp_path / "model.pt", tmp_path / "was_here"
    where = "data.pkl" if zipped else "its pickle"
    called = f"{where} calls {os.name}.system; nothing was run"
    torch.save({"w": torch.zeros(2), "x": Evil(marker)}, path, _use_new_zipfile_serialization=zipped)
    held = held_of(path)
    assert list(held.tensors) == ["w"]
    assert held.notes == (called,)
    torch.save([Evil(marker)], path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(Unreadable, match=f"^{called}$"):
        held_of(path)
    assert not marker.exists()


@pytest.mark.parametrize("place", range(5))
def test_each_pickle_of_a_legacy_file_is_looked_at(tmp_path: Path, place: int) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    evil = b"cposix\nsystem\n(Vls\ntR0"
    starts = [found.start() for found in re.finditer(rb"\x80\x02[\x8aM}\]]", data)]
    assert len(starts) == 5
    start = starts[place]
    path.write_bytes(data[: start + 2] + evil + data[start + 2 :])
    held = held_of(path) if place else read_kind_of_legacy(path)
    assert held.notes == ("its pickle calls posix.system; nothing was run",)
    assert list(held.tensors) == ["w"]


def read_kind_of_legacy(path: Path) -> Held:
    with source_of(str(path)) as source:
        return read_kind("torch legacy", source, str(path))


def test_a_pickle_that_unpacks_to_very_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_zip, "_LONGEST_PICKLE", 1_000_000)  # why: to write as much as the limit takes a second
    bomb = written(tmp_path / "bomb.pt", {"a/data.pkl": b"N" * 2_000_000 + b"."}, zipfile.ZIP_DEFLATED)
    with pytest.raises(Unreadable, match="larger than 1,000,000 bytes when unpacked"):
        held_of(bomb)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a/data.pkl": b"\x80\x02}q\x00"}, "ends too early"),
        ({"a/data.pkl": b""}, "ends too early"),
        ({"a/data.pkl": b"ctorch._utils\n_rebuild_tensor_v2\n)R."}, "_rebuild_tensor_v2 has 0 arguments"),
        (
            {"a/data.pkl": b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nfloat32\n(J\xff\xff\xff\xffttR."},
            "no shape",
        ),
        (
            {
                "a/data.pkl": b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nfloat32\n("
                + b"K\1" * 65
                + b"ttR."
            },
            "no shape",
        ),
        ({"a/data.pkl/": b"", "b": b""}, "without data.pkl"),
    ],
)
def test_damaged_archives(tmp_path: Path, members: Mapping[str, bytes], message: str) -> None:
    path = written(tmp_path / "model.pt", members)
    with source_of(str(path)) as source, pytest.raises(Unreadable, match=message):
        torch_zip.read(source, str(path))


def test_sizes_in_a_file_are_believed_and_never_allocated(tmp_path: Path) -> None:
    code = (
        b"ctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI9000000000000\ntQI0\n"
        b"(I3000000\nI3000000\nt(I3000000\nI1\ntI00\nNtR."
    )
    held = held_of(written(tmp_path / "model.pt", {"a/data.pkl": code, "a/data/0": b"1234"}))
    assert shown(held) == {"": ((3_000_000, 3_000_000), "float32")}
    assert held.damage == "the header promises 36,000,000,000,000 bytes, the file has 4"
