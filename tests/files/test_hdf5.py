"""Files of HDF5: what h5py and Keras write is what is read, and nothing in a file leads out of it."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rnninspect.errors import DocumentError, NotInstalled
from rnninspect.files.held import Held, HeldTensor
from rnninspect.files.read import read
from rnninspect.files.readers.keras_config import TooMuch, entries_of, options

h5py = pytest.importorskip("h5py")
np = pytest.importorskip("numpy")


def zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def roles(held: Held) -> dict[str, Mapping[str, str]]:
    return {str(layer.said["name"]): layer.tensors for layer in held.layers}


# --- any HDF5 ------------------------------------------------------------------------------------------------------


def test_every_dataset_by_its_path(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x", "w") as root:
        root["a/b/kernel:0"] = zeros(7, 20)
        root["half"] = np.zeros((3, 1), np.float16)
        root["scalar"] = np.zeros((), ">i8")
        root["nothing"] = h5py.Empty("f4")
        root["yes"] = np.zeros(3, bool)
        root["brain"] = np.zeros(3, "V2")
        root["brain"].attrs["dtype"] = "bfloat16"
        root["words"] = ["a", "b"]
        root.create_dataset("packed", data=zeros(50, 4), compression="gzip", chunks=(10, 4))
        root["again"] = root["a/b/kernel:0"]
        root["typed"] = np.dtype("f4")
    held = read(str(tmp_path / "x"))
    again = "a/b/kernel:0"
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in held.tensors.items()} == {
        "a/b/kernel:0": ((7, 20), "float32"),
        "again": ((7, 20), "float32"),
        "half": ((3, 1), "float16"),
        "scalar": ((), "int64"),
        "nothing": ((), "float32"),
        "yes": ((3,), "bool"),
        "brain": ((3,), "bfloat16"),
        "words": ((2,), "object"),
        "packed": ((50, 4), "float32"),
    }
    assert held.aliases in ({"again": again}, {again: "again"})
    assert (held.format, held.layers, held.notes, held.damage) == ("HDF5", (), (), "")


def test_no_link_that_is_a_name_is_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other", "w") as root:
        root["secret"] = zeros(3)
    with h5py.File(tmp_path / "x", "w") as root:
        root["own/kernel"] = zeros(5, 3)
        root["own/soft"] = h5py.SoftLink("/own/soft")
        root["round"] = h5py.SoftLink("/")
        root["out"] = h5py.ExternalLink(str(tmp_path / "other"), "/")
        root["own/up"] = root["/"]  # a circle of the other kind
    held = read(str(tmp_path / "x"))
    assert list(held.tensors) == ["own/kernel"]
    assert held.notes == ("3 links to other places or files were not followed",)


def test_values_elsewhere_are_not_looked_for(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other", "w") as root:
        root.create_dataset("v", data=zeros(5), maxshape=(None,))
    layout = h5py.VirtualLayout((5,), "f4", maxshape=(None,))
    source = h5py.VirtualSource(str(tmp_path / "other"), "v", (5,), maxshape=(None,))
    layout[: h5py.h5s.UNLIMITED : 1] = source[: h5py.h5s.UNLIMITED : 1]
    with h5py.File(tmp_path / "x", "w") as root:
        root.create_dataset("raw", (4,), "f4", external=[("/etc/passwd", 0, 16)])
        root.create_virtual_dataset("elsewhere", layout)
    held = read(str(tmp_path / "x"))
    assert held.tensors["raw"] == HeldTensor("raw", (4,), "float32")
    assert "elsewhere" in held.tensors


def deep(root: Any) -> None:
    for _ in range(100):
        root = root.create_group("g")


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (deep, "an HDF5 file with groups more than 64 deep"),
        (lambda root: root.create_group("n" * 10_001), "an HDF5 file with a name of 10,001 letters"),
        (lambda root: [root.create_group(str(k)) for k in range(60)], "an HDF5 file of more than 50 objects"),
        (lambda root: [root.create_group(f"{k}/g") for k in range(30)], "an HDF5 file of more than 50 objects"),
        (lambda root: [root.__setitem__(str(k), root) for k in range(60)], "an HDF5 file of more than 50 objects"),
    ],
)
def test_no_file_takes_long(tmp_path: Path, write: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "50" in said:
        monkeypatch.setattr("rnninspect.files.readers.hdf5._MOST_OBJECTS", 50)
    with h5py.File(tmp_path / "x", "w") as root:
        write(root)
    with pytest.raises(DocumentError, match=said):
        read(str(tmp_path / "x"))


@pytest.mark.parametrize("length", [8, 100, 1000, 2500])
def test_a_file_that_is_cut(tmp_path: Path, length: int) -> None:
    with h5py.File(tmp_path / "x", "w") as root:
        root["a"] = zeros(400)
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:length])
    with pytest.raises(DocumentError, match="the HDF5 file is damaged: ") as raised:
        read(str(tmp_path / "x"))
    assert str(raised.value).isprintable()


def test_a_collection_of_texts_that_never_ends(tmp_path: Path) -> None:
    """The library itself would go on for ever, in C, where nothing stops it."""
    with h5py.File(tmp_path / "x", "w") as root:
        root["GCOL/vars/0"] = zeros(3)
        root["GCOL/vars"].attrs["name"] = "a text whose length is not fixed"
    data = bytearray((tmp_path / "x").read_bytes())
    at = data.index(b"GCOL\1")
    free = data.index(bytes(8), at + 16 + 16 + 32)
    assert read(str(tmp_path / "x")).tensors.keys() == {"GCOL/vars/0"}
    data[free + 8 : free + 16] = bytes(8)
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DocumentError, match=r"the HDF5 file is damaged: .*bad global heap"):
        read(str(tmp_path / "x"))


def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(tmp_path / "x", "w") as root:
        root["a"] = zeros(4)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(NotInstalled, match=r"reading HDF5 needs h5py: pip install 'rnninspect\[hdf5\]'") as raised:
        read(str(tmp_path / "x"))
    assert raised.value.exit_code == 3


# --- Keras, by hand ------------------------------------------------------------------------------------------------


def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, **config}}


def lstm(name: str, units: int, **config: Any) -> dict[str, Any]:
    return layer("LSTM", name, units=units, activation="tanh", **config)


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return layer("Sequential", "model", layers=list(layers))


def vars_of(root: Any, place: str, *arrays: Any, name: str = "") -> None:
    """As Keras 3 writes a layer; name: the user's, which later versions write too."""
    for index, array in enumerate(arrays):
        root[f"{place}/cell/vars/{index}"] = array
    if name:
        root.require_group(f"{place}/vars").attrs["name"] = name


def keras_zip(path: Path, config: object, write: Any, method: int = zipfile.ZIP_STORED) -> str:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as root:
        write(root)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        archive.writestr("model.weights.h5", stream.getvalue())
    return str(path)


def arrays(inputs: int, units: int) -> tuple[Any, ...]:
    return zeros(inputs, 4 * units), zeros(units, 4 * units), zeros(4 * units)


def places(place: str) -> dict[str, str]:
    return {role: f"{place}/cell/vars/{k}" for k, role in enumerate(("kernel", "recurrent_kernel", "bias"))}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_layers_of_keras_3_bear_their_own_names(tmp_path: Path, method: int) -> None:
    def write(root: Any) -> None:
        vars_of(root, "layers/lstm", *arrays(5, 5), name="second")
        vars_of(root, "layers/lstm_1", *arrays(5, 5), name="first")

    config = sequential(lstm("first", 5), lstm("second", 5, go_backwards=True))
    held = read(keras_zip(tmp_path / "x", config, write, method))
    assert held.format == "Keras (zip)"
    assert roles(held) == {"first": places("layers/lstm_1"), "second": places("layers/lstm")}
    assert [(each.name, each.kind, each.said["units"], each.said.get("go_backwards")) for each in held.layers] == [
        ("layers/lstm_1/cell/vars", "LSTM", 5, None),
        ("layers/lstm/cell/vars", "LSTM", 5, True),
    ]
    assert held.notes == ()


def test_without_names_the_order_of_a_class_tells(tmp_path: Path) -> None:
    def write(root: Any) -> None:
        vars_of(root, "layers/lstm", *arrays(7, 5))
        root["layers/dense/vars/0"] = zeros(5, 2)
        vars_of(root, "layers/lstm_1", *arrays(2, 3))

    config = sequential(lstm("z", 5), layer("Dense", "d"), lstm("a", 3))
    assert roles(read(keras_zip(tmp_path / "x", config, write))) == {
        "z": places("layers/lstm"),
        "a": places("layers/lstm_1"),
    }


@pytest.mark.parametrize(
    "config",
    [
        sequential(lstm("a", 5), lstm("b", 5), lstm("c", 5)),  # one is saved elsewhere, and nobody knows which
        sequential(lstm("a", 3), lstm("b", 3)),  # other sizes than the file's
        sequential(lstm("a", 5, use_bias=False), lstm("b", 5, use_bias=False)),
        sequential(layer("GRU", "a", units=5), layer("GRU", "b", units=5)),
        sequential(layer("RNN", "a", cell=layer("MyCell", "cell", units=5))),
        sequential(lstm("a", True), lstm("b", "5")),
    ],
)
def test_nothing_is_guessed(tmp_path: Path, config: dict[str, Any]) -> None:
    def write(root: Any) -> None:
        vars_of(root, "layers/lstm", *arrays(5, 5))
        vars_of(root, "layers/lstm_1", *arrays(5, 5))

    held = read(keras_zip(tmp_path / "x", config, write))
    assert held.layers
    assert not any(roles(held).values())
    assert held.notes[0].startswith("which tensors are those of 'a'")


def test_a_recurrent_kernel_of_other_rows_is_not_the_layers(tmp_path: Path) -> None:
    def write(root: Any) -> None:
        vars_of(root, "layers/lstm", zeros(7, 20), zeros(6, 20), zeros(20))

    assert roles(read(keras_zip(tmp_path / "x", sequential(lstm("a", 5)), write))) == {"a": {}}


def test_cells_of_a_stack_are_layers_of_their_own(tmp_path: Path) -> None:
    def write(root: Any) -> None:
        for place, inputs, units in (("lstm_cell", 7, 3), ("gru_cell", 3, 2), ("lstm_cell_1", 2, 3)):
            gates = 3 if "gru" in place else 4
            for index, rows in enumerate((inputs, units)):
                root[f"layers/rnn/cell/cells/{place}/vars/{index}"] = zeros(rows, gates * units)

    kinds = [("LSTMCell", 3, "tanh"), ("GRUCell", 2, "relu"), ("LSTMCell", 3, "elu")]
    cells = [layer(kind, "c", units=units, activation=act, use_bias=False) for kind, units, act in kinds]
    config = sequential(layer("RNN", "stack", cell=layer("StackedRNNCells", "s", cells=cells)))
    held = read(keras_zip(tmp_path / "x", config, write))
    assert [(each.name, each.kind, each.said.get("activation")) for each in held.layers] == [
        ("layers/rnn/cell/cells", "RNN", None),
        ("layers/rnn/cell/cells/lstm_cell/vars", "LSTMCell", "tanh"),
        ("layers/rnn/cell/cells/gru_cell/vars", "GRUCell", "relu"),
        ("layers/rnn/cell/cells/lstm_cell_1/vars", "LSTMCell", "elu"),
    ]
    assert held.layers[3].said["name"] == "stack/2"
    assert held.layers[3].tensors["kernel"] == "layers/rnn/cell/cells/lstm_cell_1/vars/0"


def test_two_layers_of_one_name_are_not_told_apart(tmp_path: Path) -> None:
    def write(root: Any) -> None:
        vars_of(root, "layers/lstm", *arrays(5, 5), name="a")
        vars_of(root, "layers/lstm_1", *arrays(5, 5), name="a")

    assert roles(read(keras_zip(tmp_path / "x", sequential(lstm("a", 5)), write))) == {"a": {}}


def keras_2(path: Path, weights: Mapping[str, Mapping[str, Any]], config: object) -> str:
    with h5py.File(path, "w") as root:
        root.attrs["keras_version"] = b"2.4.0"
        root.attrs["model_config"] = json.dumps(config).encode()
        for name, tensors in weights.items():
            for tensor, array in tensors.items():
                root[f"model_weights/{name}/{tensor}"] = array
            root[f"model_weights/{name}"].attrs["weight_names"] = [tensor.encode() for tensor in tensors]
    return str(path)


def named(prefix: str, *tensors: Any) -> dict[str, Any]:
    return {
        f"{prefix}/{role}:0": array
        for role, array in zip(("kernel", "recurrent_kernel", "bias"), tensors, strict=False)
    }


def test_a_file_of_keras_2(tmp_path: Path) -> None:
    both = layer("Bidirectional", "both", layer=lstm("inner", 3), merge_mode="sum")
    config = layer("Model", "m", layers=[lstm("l", 5), both, sequential(lstm("n", 2), layer("Dense", "d"))])
    weights = {
        "l": named("l/lstm_cell", *arrays(7, 5)),
        "both": named("both/backward_inner/c", *arrays(5, 3)) | named("both/forward_inner/c", *arrays(5, 3)),
        "model": named("n/lstm_cell_2", *arrays(3, 2)) | named("d", zeros(2, 4)),
    }
    held = read(keras_2(tmp_path / "x", weights, config))
    assert held.format == "Keras HDF5"
    found = roles(held)
    assert found["l"]["recurrent_kernel"] == "model_weights/l/l/lstm_cell/recurrent_kernel:0"
    assert found["model/n"]["bias"] == "model_weights/model/n/lstm_cell_2/bias:0"
    assert found["both"] == {}  # why: they stand the other way round than Keras writes them
    weights["both"] = named("both/forward_inner/c", *arrays(5, 3)) | named("both/backward_inner/c", *arrays(5, 3))
    both_roles = roles(read(keras_2(tmp_path / "x", weights, config)))["both"]
    assert both_roles["forward/kernel"] == "model_weights/both/both/forward_inner/c/kernel:0"
    assert both_roles["backward/bias"] == "model_weights/both/both/backward_inner/c/bias:0"
    assert len(both_roles) == 6
    both_layer = read(str(tmp_path / "x")).layers[1]
    assert (both_layer.name, both_layer.kind) == ("model_weights/both/both", "Bidirectional")


# --- the description of a model ------------------------------------------------------------------------------------


def said_of(config: object) -> dict[str, object]:
    model = entries_of(json.dumps(sequential(config)))  # type: ignore[arg-type]
    assert model is not None
    (entry,) = model.inside
    assert entry.is_recurrent
    return options(entry)


def test_options_are_plain_values() -> None:
    custom = {"module": "builtins", "class_name": "function", "config": "my_tanh"}
    leaky = {"class_name": "LeakyReLU", "config": {"negative_slope": 0.3}}
    policy = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    one = layer(
        "GRU", "g", units=3, activation=custom, recurrent_activation=leaky, dtype=policy, bias_initializer={}, seed=None
    )
    assert said_of(one) == {
        "units": 3,
        "activation": "my_tanh",
        "recurrent_activation": "LeakyReLU",
        "dtype": "mixed_float16",
    }


def test_of_two_directions_what_differs_is_said() -> None:
    both = layer(
        "Bidirectional", "b", layer=lstm("f", 3), backward_layer=lstm("g", 4, go_backwards=True), merge_mode=None
    )
    assert said_of(both) == {
        "layer": "LSTM",
        "units": 3,
        "activation": "tanh",
        "merge_mode": None,
        "backward_units": 4,
        "backward_go_backwards": True,
    }


def test_of_cells_each_is_said() -> None:
    one = layer("RNN", "r", cell=layer("LSTMCell", "c", units=3), return_sequences=True)
    assert said_of(one) == {"return_sequences": True, "cell": "LSTMCell", "units": 3}
    cells = [layer("LSTMCell", "c", units=3), layer("GRUCell", "d", units=2)]
    several = layer("RNN", "r", cell=layer("StackedRNNCells", "s", cells=cells))
    assert said_of(several) == {"cells": ("LSTMCell", "GRUCell"), "0/units": 3, "1/units": 2}


def test_a_sequential_of_keras_1_is_a_list() -> None:
    model = entries_of(json.dumps({"class_name": "Sequential", "config": [lstm("a", 3)]}))
    assert model is not None
    assert [entry.name for entry in model.inside] == ["a"]


def nested(depth: int) -> str:
    return '{"class_name": "Sequential", "config": {"layers": [' * depth + "]}}" * depth


@pytest.mark.parametrize(
    "text", ["", "[]", "{" * 9, "[" * 100_000, '{"class_name": 3}', '{"class_name": "A", "config": 3}']
)
def test_what_describes_no_model(tmp_path: Path, text: str) -> None:
    assert entries_of(text) is None
    held = read(keras_zip(tmp_path / "x", text, lambda root: root.create_dataset("a", (3,), "f4")))
    assert held.notes == ("the description of its layers cannot be read",)
    assert "a" in held.tensors


@pytest.mark.parametrize("text", [nested(30), json.dumps(sequential(*[lstm("a", 3)] * 10_000))])
def test_a_description_without_end(tmp_path: Path, text: str) -> None:
    with pytest.raises(TooMuch):
        entries_of(text)
    held = read(keras_zip(tmp_path / "x", text, lambda root: root.create_dataset("a", (3,), "f4")))
    assert held.notes == ("the description of its layers is deeper or longer than any model's, and was not read",)


# --- Keras itself --------------------------------------------------------------------------------------------------


def keras() -> Any:
    pytest.importorskip("torch")
    return pytest.importorskip("keras")


def models() -> dict[str, Any]:
    L = keras().layers  # noqa: N806 (as everybody calls it)
    inner = keras().Sequential([keras().Input((None, 7)), L.LSTM(5, return_sequences=True, name="deep")], name="inner")
    given = keras().Input((None, 7), name="given")
    out = L.Dense(5)(L.LSTM(5, name="z", return_sequences=True)(inner(given)))
    out = L.Bidirectional(L.GRU(3, return_sequences=True, use_bias=False), merge_mode="sum", name="both")(out)
    out = L.Bidirectional(L.LSTM(2, return_sequences=True), name="also")(out)
    cells = [L.LSTMCell(3), L.GRUCell(2, reset_after=False), L.LSTMCell(5)]
    out = L.RNN(cells, return_sequences=True, name="stack")(out)
    out = L.SimpleRNN(4, return_sequences=True, activation="relu", name="plain")(out)
    out = L.RNN(L.GRUCell(6), return_sequences=True, name="one")(out)
    shared = L.LSTM(6, return_sequences=True, name="shared")
    out = shared(shared(out))
    out = L.TimeDistributed(L.LSTM(2, name="timed"), name="time")(keras().ops.expand_dims(out, -1))
    out = L.LSTM(5, name="a")(out)
    functional = keras().Model(given, out, name="m")
    rows = [L.LSTM(5, return_sequences=True, name=name) for name in ("y", "x", "w")]
    return {"functional": functional, "sequential": keras().Sequential([keras().Input((None, 5)), *rows], name="s")}


@pytest.mark.more
@pytest.mark.torch
@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("which", ["functional", "sequential"])
@pytest.mark.filterwarnings("ignore")
def test_what_keras_saves_is_what_is_read(tmp_path: Path, which: str, ending: str, monkeypatch: Any) -> None:
    """Each weight has its own values, so that a tensor that is taken for another one is seen."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    model = models()[which]
    for index, weight in enumerate(model.weights):
        weight.assign(np.full(weight.shape, index, np.float32))
    path = tmp_path / f"x.{ending}"
    model.save(path)
    held = read(str(path))
    assert held.notes == ()
    assert len(held.tensors) == len(model.weights)
    layers = [layer for layer in held.layers if not layer.kind.endswith("Cell")]
    assert len(layers) == {"functional": 10, "sequential": 3}[which]
    file = path
    if ending == "keras":
        with zipfile.ZipFile(path) as archive:
            file = Path(archive.extract("model.weights.h5", tmp_path))
    with h5py.File(file) as root:
        for found in layers:
            own: Any = model
            for name in str(found.said["name"]).split("/"):
                own = own.get_layer(name) if hasattr(own, "get_layer") else own.layer
            values = [float(root[name][(0,) * root[name].ndim]) for name in found.tensors.values()]
            expected = [float(np.asarray(weight.value.detach()).flat[0]) for weight in own.weights]
            assert values == expected, found
            assert [held.tensors[name].shape for name in found.tensors.values()] == [w.shape for w in own.weights]


@pytest.mark.more
@pytest.mark.torch
def test_classes_are_called_as_keras_calls_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from rnninspect.files.readers.keras_roles import _snake

    monkeypatch.setenv("KERAS_BACKEND", "torch")
    naming = keras().src.utils.naming
    for name in [name for name in dir(keras().layers) if name[0].isupper()] + ["MyLSTMCell2", "A", "aBC", "X_Y1z"]:
        assert _snake(name) == naming.to_snake_case(name)
