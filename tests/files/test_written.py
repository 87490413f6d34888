"""A layer of a file written as a document: it loads, its plan has the file's weights, and nothing stands as a fact."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import examples
from torch import nn

from rnninspect.conventions.packing import Biases
from rnninspect.document.chain import Link, Spec
from rnninspect.document.load import spec_of
from rnninspect.document.tree import read_tree
from rnninspect.facts.models import LayerFacts
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.held import HeldTensor, Said
from rnninspect.files.variants import layer_of
from rnninspect.files.written import layer_names, written
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Batch, Signal
from rnninspect.plan import owned_weights, plan, plan_layers

KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def found_of(module: nn.RNNBase, prefix: str = "encoder.rnn", **more: Any) -> FoundLayer:
    """What a file that holds the module's state_dict has of it."""
    start = f"{prefix}." if prefix else ""
    tensors = [
        HeldTensor(start + name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in module.state_dict().items()
    ]
    facts: dict[str, Any] = {
        "name": prefix,
        "type": module.mode.partition("_")[0],
        "input_size": module.input_size,
        "hidden_size": module.hidden_size,
        "num_layers": module.num_layers,
        "bidirectional": module.bidirectional,
        "reverse": False,
        "proj_size": module.proj_size,
        "biases": "two" if module.bias else "none",
        "reset_after": True if isinstance(module, nn.GRU) else None,
        "peepholes": False,
        "convention": "torch",
        "parts": tuple(Part(tensor, tensor.name.removeprefix(start)) for tensor in tensors),
        "known_from": "names",
    }
    return FoundLayer(**{**facts, **more})


def loaded(text: str) -> Spec:
    return spec_of(read_tree(text, "written.yaml"), "written.yaml")


def weights_of(spec: Spec) -> Mapping[str, tuple[int, ...]]:
    (layer,) = plan(spec).layers
    return {weight.name: weight.shape for weight in layer.weights}


def as_written(found: FoundLayer) -> str:
    return written(found, "model.pt", layer_names([found])[0])


GRID = [
    (kind, {"num_layers": depth, "bidirectional": both, "bias": bias, **projected})
    for kind, depth, both, bias in itertools.product(KINDS, (1, 3), (False, True), (False, True))
    for projected in ([{}, {"proj_size": 2}] if kind == "LSTM" else [{}])
]


@pytest.mark.parametrize(("kind", "options"), GRID)
def test_the_plan_of_a_written_document_has_the_weights_of_the_file(kind: str, options: dict[str, Any]) -> None:
    module = KINDS[kind](5, 7, device="meta", **options)
    spec = loaded(as_written(found_of(module)))
    assert weights_of(spec) == {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    (link,) = spec.links
    assert {**options, "dropout": 0.0}.items() <= {**link.layer.arguments()}.items()
    assert (link.layer.name, link.layer.type, spec.notes) == ("encoder_rnn", kind, ())


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_the_dtype_is_the_files(dtype: str) -> None:
    module = nn.GRU(3, 2, device="meta", dtype=getattr(torch, dtype))
    assert loaded(as_written(found_of(module))).dtype == dtype


def test_a_dtype_that_no_module_has_is_told() -> None:
    found = found_of(nn.LSTM(3, 2))
    parts = tuple(part._replace(tensor=part.tensor._replace(dtype="int8")) for part in found.parts)
    text = as_written(found._replace(parts=parts))
    assert loaded(text).dtype == "float32"
    assert "# The file holds its tensors as int8; here they are float32.\n" in text


# --- what is not in the file ----------------------------------------------------------------------------------


def test_what_the_file_does_not_say_is_marked_so() -> None:
    lines = as_written(found_of(nn.RNN(5, 7, num_layers=2))).splitlines()
    assert lines[lines.index("input:") :] == [
        "input:",
        "  batch_size: 1  # not in the file: any",
        "  seq_len: 1  # not in the file: any",
        "layers:",
        "  - name: encoder_rnn",
        "    type: RNN",
        "    input_size: 5",
        "    hidden_size: 7",
        "    num_layers: 2",
        "    nonlinearity: tanh  # not in the file: tanh or relu",
        "    # batch_first: true  # not in the file: torch's default is false",
        "    # dropout: 0.5  # not in the file: torch's default is 0.0",
    ]


def test_a_commented_key_works_once_it_is_none() -> None:
    text = as_written(found_of(nn.LSTM(5, 7, num_layers=2)))
    freed = text.replace("    # batch_first", "    batch_first").replace("    # dropout", "    dropout")
    (link,) = loaded(freed).links
    assert link.layer.arguments().items() >= {"batch_first": True, "dropout": 0.5}.items()


@pytest.mark.parametrize(
    ("known", "lines", "fields"),
    [
        ({"nonlinearity": "relu"}, ["nonlinearity: relu"], {"nonlinearity": "relu"}),
        ({"batch_first": True}, ["batch_first: true"], {"batch_first": True}),
        ({"dropout": 0.25}, ["dropout: 0.25"], {"dropout": 0.25}),
        ({"dropout": 1}, ["dropout: 1.0"], {"dropout": 1.0}),
        (
            {"nonlinearity": "gelu"},
            ["nonlinearity: tanh  # in the file: 'gelu', which torch has not"],
            {"nonlinearity": "tanh"},
        ),
        ({"merge_mode": "sum"}, ["# in the file: merge_mode: 'sum'"], {}),
        ({"activations": ("tanh", "relu")}, ["# in the file: activations: 'tanh', 'relu'"], {}),
    ],
)
def test_what_the_file_says_is_a_key(known: dict[str, Said], lines: list[str], fields: dict[str, object]) -> None:
    text = as_written(found_of(nn.RNN(5, 7, num_layers=2), known=known))
    (link,) = loaded(text).links
    assert [f"    {line}" for line in lines] == [line for line in text.splitlines() if line[4:] in lines]
    assert fields.items() <= link.layer.arguments().items()
    assert not any(f"{key}: " in line and "not in the file" in line for line in text.splitlines() for key in known)


@pytest.mark.parametrize("dropout", [2.0, -0.5, float("nan"), True, "0.5"])
def test_a_dropout_that_is_none_is_not_taken_over(dropout: Said) -> None:
    text = as_written(found_of(nn.GRU(5, 7, num_layers=2), known={"dropout": dropout}))
    (link,) = loaded(text).links
    assert link.layer.arguments()["dropout"] == 0.0


def test_unknowns_that_are_no_key_are_told() -> None:
    unknown = {"forget_bias": "added at run time\nx: y", "batch_first": "not in the file"}
    text = as_written(found_of(nn.LSTM(5, 7), unknown=unknown))
    assert "    # forget_bias: added at run time\\nx: y\n" in text
    assert text.count("batch_first") == 1
    loaded(text)


@pytest.mark.parametrize(("kind", "more"), [("LSTM", 2 * 3 * 4 * 7), ("RNN", 2 * 3 * 7)])
def test_the_second_bias_vector_of_a_file_with_one_is_told_and_counted(kind: str, more: int) -> None:
    module = KINDS[kind](5, 7, num_layers=3, bidirectional=True)
    whole = found_of(module)
    one = whole._replace(biases="one", parts=tuple(part for part in whole.parts if "bias_hh" not in part.role))
    text = as_written(one)
    assert plan(loaded(text)).parameters == one.parameters + more
    sentence = f"the second is zeros, and counted: {more:,} parameters more than the file's {one.parameters:,}."
    assert sentence in text.replace("\n# ", " ")


def test_a_layer_that_reads_from_the_end_says_so() -> None:
    assert "reads the sequence from its end" in as_written(found_of(nn.GRU(5, 7), reverse=True))


# --- what torch has no module for -----------------------------------------------------------------------------


@pytest.mark.parametrize("biases", ["two", "one", "none"])
@pytest.mark.parametrize(
    ("kind", "changed", "cell"),
    [
        ("RNN", {}, False),
        ("RNN", {"known": {"nonlinearity": "relu"}}, False),
        ("RNN", {"known": {"activation": "softsign"}}, True),
        ("LSTM", {}, False),
        ("LSTM", {"peepholes": True}, True),
        ("LSTM", {"peepholes": True, "proj_size": 3}, True),
        ("LSTM", {"known": {"activation": "relu"}}, True),
        ("GRU", {}, False),
        ("GRU", {"reset_after": None}, False),
        ("GRU", {"reset_after": False}, True),
    ],
)
def test_what_torch_has_no_module_for_is_a_cell_with_the_files_parameters(
    kind: str, changed: dict[str, Any], cell: bool, biases: Biases
) -> None:
    found = found_of(KINDS[kind](5, 7, num_layers=2, bidirectional=True), **{**changed, "biases": biases})
    text = written(found, "model.h5", "rnn")
    planned = plan(loaded(text))
    cell = cell or (kind, biases) == ("GRU", "one")
    assert planned.layers[0].type == ("Cell" if cell else kind)
    second = 2 * 2 * 7 * {"RNN": 1, "LSTM": 4, "GRU": 3}[kind]
    more = second if biases == "one" and not cell else 0
    expected = plan_of(layer_of(found)).counts.parameters
    assert planned.parameters == expected + more
    assert ("parameters more than the file's" in text) == bool(more)


def plan_of(layer: Recurrent) -> LayerFacts:
    """The plan of a layer that is fitted."""
    batch = Batch(size=1, seq_len=1)
    link = Link(layer, Signal(batch, batch.padded_axes, layer.input_size))
    (facts,) = plan_layers([link], owned_weights([link], "float32"), "float32", input_grad=False)
    return facts


def test_why_it_is_a_cell_is_said() -> None:
    text = written(found_of(nn.GRU(5, 7), reset_after=False, biases="one"), "model.h5", "gru")
    assert "    type: Cell  # torch.nn.GRU multiplies by the reset gate after the product, this one before it\n" in text
    assert "      n = tanh(W_in @ x + W_hn @ (r * h) + b_n)\n" in text


# --- names ----------------------------------------------------------------------------------------------------


def test_names_are_the_prefixes_in_letters_that_a_document_takes() -> None:
    prefixes = ["", "", "encoder.rnn", "encoder/rnn", "input", "a" * 300, "a" * 300, "..", "läyer:0", "-x-"]
    layers = [found_of(nn.LSTM(2, 3, device="meta"), prefix) for prefix in prefixes]
    assert layer_names(layers) == [
        *("lstm", "lstm-2", "encoder_rnn", "encoder_rnn-2", "input-2"),
        *("a" * 90, "a" * 90 + "-2", "lstm-3", "l_yer_0", "x"),
    ]


@pytest.mark.parametrize("name", ["null", "No", "123", "1e5", "0x1F", "a-b", "_", "on"])
def test_a_name_that_yaml_takes_for_something_else_is_quoted(name: str) -> None:
    text = written(found_of(nn.GRU(2, 3)), "model.pt", name)
    assert loaded(text).links[0].layer.name == name


@examples(50)
@given(st.lists(st.text(max_size=120), max_size=4), st.text(max_size=200), st.dictionaries(st.text(), st.text()))
def test_whatever_a_file_says_the_document_is_the_layers(
    prefixes: list[str], remark: str, said: dict[str, str]
) -> None:
    layers = [
        found_of(nn.GRU(2, 3, device="meta"), prefix, remarks=(remark,), known=said, unknown=said)
        for prefix in prefixes
    ]
    names = layer_names(layers)
    assert len(set(names)) == len(names)
    for layer, name in zip(layers, names, strict=True):
        spec = loaded(written(layer, remark, name))
        assert [link.layer.name for link in spec.links] == [name]
        assert spec.links[0].layer.arguments().items() >= {"input_size": 2, "hidden_size": 3, "bias": True}.items()
