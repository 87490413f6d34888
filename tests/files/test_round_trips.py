"""What torch, safetensors, ONNX and Keras save of a document's layers gives these layers back."""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import examples
from worlds import DOCUMENTS

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402

from rnninspect import api  # noqa: E402
from rnninspect.files.found import FoundLayer  # noqa: E402
from rnninspect.files.look import look_into  # noqa: E402

KINDS = ("RNN", "LSTM", "GRU")


class Expected(NamedTuple):
    """A layer, as a file has to give it back."""

    name: str
    type: str
    input_size: int
    hidden_size: int
    num_layers: int
    bidirectional: bool
    proj_size: int
    biases: str
    parameters: int


def found_of(found: FoundLayer) -> Expected:
    return Expected(*(getattr(found, field) for field in Expected._fields))


def expected_of(name: str, module: Any) -> Expected:
    """What torch itself says of one of its layers or cells."""
    return Expected(
        name=name,
        type=type(module).__name__.removesuffix("Cell"),
        input_size=module.input_size,
        hidden_size=module.hidden_size,
        num_layers=getattr(module, "num_layers", 1),
        bidirectional=getattr(module, "bidirectional", False),
        proj_size=getattr(module, "proj_size", 0),
        biases="two" if module.bias else "none",
        parameters=sum(each.numel() for each in module.parameters()),
    )


def recurrent_in(model: Any) -> list[Expected]:
    """Its recurrent layers of torch's own, in the order that they are registered in."""
    kinds = nn.RNNBase, nn.RNNCellBase
    # why all: a layer whose weights another has too is in a file under both names, as a layer of each.
    modules = model.named_modules(remove_duplicate=False)
    return [expected_of(name, each) for name, each in modules if isinstance(each, kinds)]


def read_back(path: Path) -> list[Expected]:
    """The layers of a file, every tensor of which is as the plan says; torch's own are all of them as it packs them."""
    looked = look_into(str(path))
    assert looked.identified.held.damage == ""
    assert [(layer.found.name, layer.differences) for layer in looked.layers if layer.differences] == []
    assert {layer.found.reverse for layer in looked.layers} <= {False}
    return [found_of(layer.found) for layer in looked.layers]


# --- every document of configs/ ----------------------------------------------------------------------------


def hollow(state: dict[str, Any]) -> dict[str, Any]:
    """The same names, shapes and dtypes, of which each tensor has one element for all."""
    return {name: torch.zeros((), dtype=each.dtype).expand(each.shape) for name, each in state.items()}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_state_dict(path: Path, tmp_path: Path) -> None:
    """Of every document, however large; what equations build is no layer of torch's, and is said to look like one."""
    model = api.load(path).build(device="meta")
    expected = recurrent_in(model)
    torch.save(hollow(model.state_dict()), tmp_path / "a.pt")
    assert read_back(tmp_path / "a.pt") == expected
    by_equations = [
        name
        for name, each in model.named_modules()
        if type(each).__name__ == "EquationRNN" and hasattr(each, "weight_ih_l0")
    ]
    undecided = look_into(str(tmp_path / "a.pt")).identified.undecided
    assert [name for name in by_equations if not any(name in said for said in undecided)] == []


# Saved by `more` alone, for their millions of parameters.
LARGE = {"language-model", "lstm-8192-1024", "lstmnet", "projected", "zaremba-large"}
ALL = [pytest.param(path, marks=pytest.mark.more) if path.stem in LARGE else path for path in DOCUMENTS]


def _zip(model: Any, path: Path) -> None:
    torch.save({"epoch": 3, "model": model.state_dict()}, path)


def _safetensors(model: Any, path: Path) -> None:
    # why a copy: this format has no tensor under two names, as that of a tied layer.
    save_file({name: each.clone() for name, each in model.state_dict().items()}, path)


def _legacy(model: Any, path: Path) -> None:
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)


def _whole(model: Any, path: Path) -> None:
    torch.save(model, path)


def _script(model: Any, path: Path) -> None:
    class Held(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(
                each if isinstance(each, nn.RNNBase | nn.RNNCellBase) else nn.Identity() for each in model.layers
            )

        def forward(self, x):  # type: ignore[no-untyped-def]
            return x

    with warnings.catch_warnings():
        # why: torch says that TorchScript is of the past, and files of it are not.
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Held()), path)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "save", [_safetensors, *(pytest.param(way, marks=pytest.mark.more) for way in (_zip, _legacy))]
)
def test_values_and_all(path: Path, save: Callable[[Any, Path], None], tmp_path: Path) -> None:
    model = api.load(path).build(device="cpu")
    save(model, tmp_path / "file")
    prefix = "model." if save is _zip else ""
    # why sorted: one of the formats has its tensors by name, `layers.10` before `layers.2`.
    expected = sorted(each._replace(name=f"{prefix}{each.name}") for each in recurrent_in(model))
    assert sorted(read_back(tmp_path / "file")) == expected


@pytest.mark.more
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("save", [_whole, _script])
def test_a_module_says_more(path: Path, save: Callable[[Any, Path], None], tmp_path: Path) -> None:
    """Its options too, which no state dict has."""
    model = api.load(path).build(device="cpu")
    save(model, tmp_path / "file")
    expected = recurrent_in(model)
    assert read_back(tmp_path / "file") == expected
    modules = dict(model.named_modules())
    for layer in look_into(str(tmp_path / "file")).layers:
        if layer.found.name not in modules:
            continue  # a module that stands there twice says its options once
        for option, said in layer.found.known.items():
            assert said == getattr(modules[layer.found.name], option), (layer.found.name, option)
        if save is _whole and isinstance(modules[layer.found.name], nn.RNNBase):
            assert {"batch_first", "dropout"} <= layer.found.known.keys()
            assert not {"batch_first", "dropout"} & layer.found.unknown.keys()


# --- layers of every option --------------------------------------------------------------------------------

SIZES = st.sampled_from([1, 2, 3, 5, 7, 11])
DTYPES = ("float32", "float64", "float16", "bfloat16")
# What stands before a layer's own names, as models have it.
PREFIXES = ("", "encoder", "model.rnn", "module.0.l0", "a.weight_ih_l0", "lstm.lstm", "état", "optimizer_rnn")


@st.composite
def layers(draw: st.DrawFn) -> Any:
    """A layer or a cell of torch's, of any options."""
    kind = draw(st.sampled_from(KINDS))
    sizes = draw(SIZES), draw(SIZES)
    bias = draw(st.booleans())
    dtype = getattr(torch, draw(st.sampled_from(DTYPES)))
    if draw(st.integers(0, 4)) == 0:
        return getattr(nn, f"{kind}Cell")(*sizes, bias=bias, dtype=dtype)
    options = {
        "num_layers": draw(st.integers(1, 3)),
        "bidirectional": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
    }
    if kind == "LSTM" and sizes[1] > 1 and draw(st.booleans()):
        options["proj_size"] = draw(st.integers(1, sizes[1] - 1))
    return getattr(nn, kind)(*sizes, bias=bias, dtype=dtype, **options)


def is_honest(found: list[Expected], undecided: tuple[str, ...], expected: Expected) -> bool:
    """Whether it is the layer, or nothing is claimed of it and that is said."""
    return found == [expected] or (found == [] and undecided != ())


@examples(40)
@given(layers(), st.sampled_from(PREFIXES), st.booleans(), st.booleans())
def test_any_layer_of_torchs(
    tmp_path_factory: pytest.TempPathFactory, layer: Any, prefix: str, zipped: bool, alone: bool
) -> None:
    state = {f"{prefix}.{name}" if prefix else name: each for name, each in layer.state_dict().items()}
    if not alone:
        state |= {"head.weight": torch.zeros(4, 3), "head.bias": torch.zeros(4)}
    path = tmp_path_factory.mktemp("any") / "file"
    (torch.save if zipped else save_file)(state, path)
    looked = look_into(str(path))
    found = [found_of(each.found) for each in looked.layers]
    expected = expected_of(prefix, layer)
    assert is_honest(found, looked.identified.undecided, expected), (found, expected, looked.identified.undecided)
    # Ambiguous is only what is small; whatever is as large as layers are is found.
    if prefix != "optimizer_rnn" and layer.hidden_size > 4:
        assert found == [expected], looked.identified
    assert [each.differences for each in looked.layers if each.differences] == []


# --- other frameworks --------------------------------------------------------------------------------------


def _exported(layer: Any, *, dynamo: bool) -> bytes:
    stream = io.BytesIO()
    steps = torch.zeros(3, 2, layer.input_size)
    with warnings.catch_warnings():
        # why: torch says that the other way of export is of the past, and files of it are not.
        warnings.simplefilter("ignore")
        torch.onnx.export(layer.eval(), (steps,), stream, dynamo=dynamo, verbose=False)
    return stream.getvalue()


def _stack(expected: Expected) -> list[Expected]:
    """What a format without stacked layers has: one layer for each, of which those above read all directions."""
    directions = 1 + expected.bidirectional
    inputs = [expected.input_size, *[directions * expected.hidden_size] * (expected.num_layers - 1)]
    return [expected._replace(input_size=size, num_layers=1) for size in inputs]


def _plain(each: Expected) -> tuple[object, ...]:
    return each.type, each.input_size, each.hidden_size, each.num_layers, each.bidirectional


def torchs_layers(path: Path) -> list[Any]:
    """The layers of a document that ONNX and Keras have too: no cells, and no projections."""
    model = api.load(path).build(device="meta")
    made = [each for each in model.modules() if isinstance(each, nn.RNNBase) and each.proj_size == 0]
    for each in made:
        # why values too: an exporter writes weights that are the same once.
        each.to_empty(device="cpu").reset_parameters()
    return made


# With one of these, and no more than one can wait for.
WITH_LAYERS = [
    path
    for path in DOCUMENTS
    if re.search(r"type: (RNN|LSTM|GRU)\b", path.read_text()) and path.stem not in ("lstm-8192-1024", "projected")
]


@pytest.mark.more
@pytest.mark.parametrize("path", WITH_LAYERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("dynamo", [False, True])
def test_onnx(path: Path, dynamo: bool, tmp_path: Path) -> None:
    """By either of torch's ways to export; by one of them an RNN is no node RNN, but a product and a tanh a step."""
    pytest.importorskip("onnx")
    layers = torchs_layers(path)
    assert layers
    for number, layer in enumerate(layers):
        file = tmp_path / f"{number}.onnx"
        file.write_bytes(_exported(layer.float(), dynamo=dynamo))
        expected = expected_of("", layer)
        found = read_back(file)
        if dynamo and isinstance(layer, nn.RNN):
            assert found == []
            continue
        # Nodes, or torch's own tensors where the graph puts all that the nodes have together of those.
        assert [_plain(each) for each in found] in ([_plain(each) for each in _stack(expected)], [_plain(expected)])
        assert {each.biases for each in found} == {expected.biases}
        assert sum(each.parameters for each in found) == expected.parameters


@pytest.mark.more
@pytest.mark.parametrize("path", WITH_LAYERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("ending", [".keras", ".h5", ".weights.h5"])
def test_keras(path: Path, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = pytest.importorskip("keras")
    layers = torchs_layers(path)
    assert layers
    for number, layer in enumerate(layers):
        stacked = _stack(expected_of("", layer))
        kinds = {"RNN": keras.layers.SimpleRNN, "LSTM": keras.layers.LSTM, "GRU": keras.layers.GRU}
        made = [kinds[each.type](each.hidden_size, return_sequences=True, use_bias=layer.bias) for each in stacked]
        model = keras.Sequential(
            [
                keras.Input((3, layer.input_size)),
                *(keras.layers.Bidirectional(each) if layer.bidirectional else each for each in made),
            ]
        )
        file = tmp_path / f"{number}{ending}"
        with warnings.catch_warnings():
            # why: Keras says that HDF5 is of the past, and files of it are not.
            warnings.simplefilter("ignore")
            model.save_weights(file) if ending == ".weights.h5" else model.save(file)
        found = read_back(file)
        # In no order: that of layers is not in every file of Keras'.
        assert sorted(map(_plain, found)) == sorted(map(_plain, stacked))
        assert sum(each.parameters for each in found) == model.count_params()
