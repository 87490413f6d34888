"""The Python that `explain --code` prints is the document: the same parameters, values, outputs and states."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from printed_code import CPU, compare
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence
from worlds import CONFIGS, DOCUMENTS, RECURRENT, WIRED, least_keys, spec_of

from rnninspect.document.chain import Spec
from rnninspect.document.library import library_names
from rnninspect.document.load import load_spec
from rnninspect.errors import DocumentError
from rnninspect.layers.registry import kind_of
from rnninspect.plan import plan
from rnninspect.runtime.modules import make_feed
from rnninspect.study import code_cells as module
from rnninspect.study.code import code, sketch
from rnninspect.study.code_cells import OF_TORCH
from rnninspect.study.code_lines import WIDTH
from rnninspect.study.code_names import TAKEN, attributes

# More is not drawn here but laid out on meta.
MOST = 5_000_000
# why: torch says that oneDNN does not do it, and takes another kernel.
PROJECTED = "ignore:LSTM with projections is not supported"


@pytest.mark.filterwarnings(PROJECTED)
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_documents_code_is_the_document(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = load_spec(str(path))
    large = plan(spec).counts.parameters > MOST
    # why: on meta torch takes its time over each step.
    spec = spec.cut(2) if large else spec
    planned, text = plan(spec), code(spec)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= WIDTH
    if not large:
        compare(spec)
    with torch.device("meta" if large else "cpu"):
        exec(compile(text, "printed", "exec"), {"__name__": "__main__"})
    names = attributes(spec)
    emitted = {each.layer.name: each.emitted.tensor("output", "H_out", spec.dtype) for each in spec.links}
    returned = [
        f"{names[name] if len(spec.returns) > 1 else 'output'} {emitted[name].unpacked_shape or emitted[name].shape}"
        for name in spec.returns
    ]
    states = [f"{names[each.name]} {t.name} {t.shape}" for each in planned.layers for t in each.outputs[1:]]
    assert capsys.readouterr().out.splitlines() == [*returned, *states]


# --- every kind, in every way --------------------------------------------------------------------------------

INPUTS = {
    "batch": {"batch_size": 3, "seq_len": 4},
    "unbatched": {"batch_size": None, "seq_len": 4},
    "packed": {"lengths": [2, 4, 1]},
}


def ways(kind: str, input: str) -> Iterator[Spec]:
    """Documents with one layer of a kind in every shape it can have, each with a state, axes and biases in turn."""
    fields = kind_of(kind).model_fields
    shapes = {"feeds": ("output", "last"), "bidirectional": (False, True), "num_layers": (1, 2), "proj_size": (0, 2)}
    own = {key: values for key, values in shapes.items() if key in fields}
    for number, values in enumerate(itertools.product(*own.values())):
        turns = {"bias": number % 3 > 0, "batch_first": number.bit_count() % 2 > 0}
        way = dict(zip(own, values, strict=True)) | {key: turn for key, turn in turns.items() if key in fields}
        layer = {"type": kind, "name": "a-layer", "input_size": 5, **least_keys(kind), **way}
        head = {"type": "Linear", "name": "head", "out_features": 2, "trainable": False}
        state = ("zeros", "random")[number % 2]
        yield spec_of({"input": {**INPUTS[input], "state": state}, "layers": [layer, head]})


@pytest.mark.filterwarnings(PROJECTED)
@pytest.mark.parametrize("input", INPUTS)
@pytest.mark.parametrize("kind", RECURRENT)
def test_whatever_a_layer_is_given(kind: str, input: str) -> None:
    for spec in ways(kind, input):
        compare(spec)


@pytest.mark.filterwarnings(PROJECTED)
@pytest.mark.parametrize("input", INPUTS)
@pytest.mark.parametrize("kind", OF_TORCH)
def test_what_is_written_from_equations_computes_what_torch_does(
    monkeypatch: pytest.MonkeyPatch, kind: str, input: str
) -> None:
    monkeypatch.setattr(module, "OF_TORCH", ())
    for spec in ways(kind, input):
        compare(spec)


def test_the_kinds_that_are_called_torchs_are() -> None:
    assert [kind for kind in RECURRENT if hasattr(nn, kind)] == list(OF_TORCH)


# --- what else a document can say ------------------------------------------------------------------------------


def test_no_layer_takes_a_name_that_a_module_has() -> None:
    assert {name for name in dir(nn.Module()) if not name.startswith("_")} <= TAKEN
    names = ["train", "in", "_x", "9", "\u7f16", "a-b", "a_b", "x", "layer_0"]
    layers = [{"type": "Linear", "name": name, "out_features": 2} for name in names]
    layers[0] |= {"in_features": 2}
    spec = spec_of({"input": INPUTS["batch"], "layers": layers})
    assert list(attributes(spec).values()) == [
        "layer_0", "layer_1", "layer_2", "layer_3", "layer_4", "a_b", "a_b_", "layer_7", "layer_0_",
    ]  # fmt: skip
    compare(spec)


def test_a_document_without_a_recurrent_layer_returns_its_output_alone() -> None:
    layers = [
        {"type": "Linear", "in_features": 2, "out_features": 3},
        {"type": "LayerNorm", "normalized_shape": [4, 3]},
    ]
    spec = spec_of({"input": {"batch_size": 3, "seq_len": 4}, "layers": layers[:1]})
    assert "return x\n" in code(spec)
    compare(spec)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_the_dtype_is_the_documents(dtype: str) -> None:
    layer = {"type": "LSTM", "input_size": 2, "hidden_size": 3, "init": {"weight_hh": "orthogonal"}}
    spec = spec_of({"dtype": dtype, "input": INPUTS["batch"] | {"state": "random"}, "layers": [layer]})
    compare(spec)
    assert f"self.to(torch.{dtype})" in code(spec)


def test_a_device_that_the_document_names_is_where_the_script_runs(capsys: pytest.CaptureFixture[str]) -> None:
    layer = {"type": "GRU", "input_size": 2, "hidden_size": 3}
    spec = spec_of({"device": "meta", "input": INPUTS["packed"], "layers": [layer]})
    text = code(spec) + "    print(output.device)\n"
    exec(compile(text, "printed", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.splitlines() == ["output (7, 3)", "gru h_n (1, 3, 3)", "meta"]


LAWS: tuple[dict[str, object], ...] = (
    {"weight": {"uniform": 0.1}, "bias": {"normal": 0.01}},
    {"weight": "orthogonal_packed", "weight_ih": "xavier_normal", "bias": 0.5},
    {"weight_hh": {"normal": 0.02}, "bias": {"uniform": 0.1}, "forget_bias": {"b_hf": 3}},
    {"weight": None, "weight_hh": "orthogonal"},
    {"weight": None, "bias": None},
)


@pytest.mark.parametrize("init", LAWS, ids=str)
def test_first_values_by_laws_are_drawn_alike(init: Mapping[str, object]) -> None:
    """Whichever layer has them, a row of padding and a weight that is tied among them."""
    of_linear = {key: law for key, law in init.items() if key in ("weight", "bias")}
    layers: list[dict[str, Any]] = [
        {"type": "Embedding", "num_embeddings": 9, "embedding_dim": 4, "padding_idx": -2},
        {"type": "LSTM", "hidden_size": 5, "num_layers": 2, "bidirectional": True, "init": dict(init)},
        {"type": "Linear", "name": "narrow", "out_features": 4, "trainable": False, "init": of_linear},
        {"type": "Linear", "tied_to": "embedding", "init": {"bias": init.get("bias")}},
    ]
    if init.get("weight") != "orthogonal_packed":
        layers[0]["init"] = {"weight": init.get("weight")}
    compare(spec_of({"input": INPUTS["batch"], "layers": layers}))


# --- cells that a document or the library describes --------------------------------------------------------------

OPTIONS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({}, INPUTS["batch"]),
    ({"num_layers": 2, "bidirectional": True}, INPUTS["batch"] | {"state": "random"}),
    ({"bidirectional": True, "feeds": "last"}, {"lengths": [2, 4, 1, 4], "state": "random"}),
    ({"num_layers": 2, "batch_first": True}, INPUTS["batch"]),
    ({"bias": False}, INPUTS["unbatched"]),
)


def cells(layer: Mapping[str, Any], **definitions: Any) -> Iterator[Spec]:
    """Documents of a layer with every set of options that it takes."""
    for options, given in OPTIONS:
        with suppress(DocumentError):
            layers = [{"name": "a", "input_size": 4, "hidden_size": 4, **layer, **options}]
            # why: from a random state some run away, and with them what single precision rounds off.
            dtype = "float64" if "state" in given or "num_layers" in options else "float32"
            yield spec_of({"dtype": dtype, "input": given, "cells": definitions, "layers": layers})


@pytest.mark.parametrize("number", [0, *(pytest.param(more, marks=pytest.mark.more) for more in (1, 2, 3))])
def test_every_cell_of_the_library(number: int) -> None:
    for place, name in enumerate(library_names()):
        specs = list(cells({"type": name}))
        compare(specs[(place + number) % len(specs)])


CELL = {
    "equations": """
nn = W_ix @ x + w_t * torch + W_s @ torch
x_t = len * layernorm(nn) + exp(0.5 * len) * max(nn, len)
for j in range(features):
    torch = min(x_t, W_m[j].T @ torch + b_m[j]) / (1 + torch ** 2)
m = W_k @ torch + b_k
""",
    "sizes": {"features": 2, "k": 3},
    "widths": {"m": "k", "x_t": "hidden_size"},
    "constants": {"len": 0.3},
    "output": "m",
    "init": {"W_*": "orthogonal", "b_*": 0.5, "w_t": {"normal": 0.1}, "W_ix": {"uniform": 2}},
    "fixed": ["W_k"],
    "source": 'it\'s \\ "quoted"\n""" and \u017bywot',
}


def test_whatever_a_cell_is_called_and_whatever_else_it_has() -> None:
    specs = list(cells({"type": "Odd"}, Odd=CELL))
    assert len(specs) == 4  # as its output is no state, none has a last one
    for spec in specs:
        assert code(spec).isascii()
        compare(spec)


@pytest.mark.parametrize("initial", [{"h": "learned"}, {"h": 0.5, "m": "learned"}, {"h": "learned", "m": "learned"}])
def test_states_start_as_the_cell_says(initial: dict[str, object]) -> None:
    text = "m = m * h + x_2\nx_2 = W_ii @ x\nh = tanh(W_hh @ m + W_hn @ h)"
    cell = {"equations": text, "initial": initial, "output": "m", "widths": {"h": 3, "m": 3}}
    for spec in cells({"type": "Started"}, Started=cell):
        compare(spec)


def test_a_state_that_is_weights_alone_is_that_of_every_sequence() -> None:
    for spec in cells({"type": "Cell", "equations": "y = tanh(W_ih @ x + W_hh @ h)\nh = b_h", "output": "y"}):
        compare(spec)


def test_layers_that_are_alike_have_one_class_and_others_one_of_their_own() -> None:
    layers = [{"type": "coRNN", "name": f"a{k}", "hidden_size": 3 + k, "dt": 0.1 * (k // 2 + 1)} for k in range(4)]
    layers[0]["input_size"] = 2
    layers.append({"type": "Model", "name": "b", "hidden_size": 2})
    cells = {"Model": {"equations": "h = tanh(W_ih @ x + W_hh @ h)"}}
    spec = spec_of({"input": INPUTS["batch"], "layers": layers, "cells": cells})
    made = [line.split(" = ")[1] for line in sketch(spec).code if line.startswith(("a", "b")) and "nn." not in line]
    assert made[:5] == ["coRNN(2, 3)", "coRNN(3, 4)", "coRNN_2(4, 5)", "coRNN_2(5, 6)", "Model_2(6, 2)"]
    assert re.findall(r"^(?:class|import|from) (\w+)", code(spec), re.MULTILINE) == [
        *("torch", "torch", "coRNN", "coRNN_2", "Model_2", "Model"),
    ]  # fmt: skip
    compare(spec)


# --- its lines alone, for a page -------------------------------------------------------------------------------


def test_one_layer_is_two_lines_with_the_shapes_in_a_comment() -> None:
    found = sketch(load_spec(str(CONFIGS / "lstm.yaml")))
    assert found.chain == ""
    assert found.code == (
        "encoder = nn.LSTM(300, 50, num_layers=2)",
        "# (20, 32, 50), (2, 32, 50), (2, 32, 50)",
        "output, (h_n, c_n) = encoder(x, (h_0, c_0))",
    )


def test_the_lines_of_a_page_run_too() -> None:
    # why without wires: those are held in test_code_wires.
    for path in (path for path in DOCUMENTS if path not in WIRED):
        spec = load_spec(str(path))
        if len(spec.links) < 2 or plan(spec).counts.parameters > MOST:
            continue
        feed = make_feed(spec, CPU)
        x = pad_packed_sequence(feed.input)[0] if isinstance(feed.input, PackedSequence) else feed.input
        pairs = zip(attributes(spec).values(), feed.states, strict=True)
        names: dict[str, Any] = {"__name__": "printed"}
        exec(compile(code(spec), "printed", "exec"), names)  # what kinds that torch lacks are written as
        names |= {"x": x, "lengths": spec.batch.lengths}
        names["states"] = {name: states if len(states) > 1 else states[0] for name, states in pairs if states}
        with torch.device("cpu"):
            before = torch.get_default_dtype()
            try:
                exec(compile("\n".join(sketch(spec).code), "lines", "exec"), names)
            finally:
                torch.set_default_dtype(before)
        last = spec.links[-1]
        handed_on = last.layer.emits(last.signal).tensor("output", "H_out", spec.dtype)
        assert names["x"].shape == (handed_on.unpacked_shape or handed_on.shape)


def test_one_layer_of_several_stands_alone() -> None:
    found = sketch(load_spec(str(CONFIGS / "tagger.yaml")), "head")
    assert (found.chain, found.code) == ("", ("head = nn.Linear(100, 10)", "output = head(x)  # (20, 32, 10)"))
