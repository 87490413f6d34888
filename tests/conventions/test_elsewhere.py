"""Layers in other frameworks: printed lines of numpy against the cells of the page, and what is none."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from worlds import spec_of

from rnninspect.conventions.elsewhere import FRAMEWORKS
from rnninspect.conventions.python import script
from rnninspect.conventions.translate import Translation, translated
from rnninspect.layers.recurrent import Recurrent

IN, H = 5, 7
KEYS = [
    f"type: {kind}{cell}{more}"
    for kind in ("RNN", "LSTM", "GRU")
    for cell, options in (("", ("", ", num_layers: 2, bidirectional: true")), ("Cell", ("",)))
    for each in options
    for more in (each, f"{each}, bias: false")
]
KEYS += ["type: RNN, nonlinearity: relu", "type: LSTM, proj_size: 3", "type: LSTM, proj_size: 3, bidirectional: true"]


def layer_of(keys: str) -> Recurrent:
    keys = f"{{name: encoder, input_size: {IN}, hidden_size: {H}, {keys}}}"
    spec = spec_of(f"input: {{batch_size: 2, seq_len: 3}}\nlayers: [{keys}]\n")
    layer = spec.links[0].layer
    assert isinstance(layer, Recurrent)
    return layer


def drawn(layer: Recurrent) -> tuple[dict[str, Any], dict[tuple[int, int], dict[str, Any]]]:
    """A state_dict with random arrays, and by stacked layer and direction the part of each symbol."""
    random = np.random.default_rng(0)
    arrays, parts = {}, {}
    for weight in layer.weights("float32"):
        array = arrays[weight.name] = random.uniform(-1, 1, weight.shape).astype("float32")
        of = parts.setdefault((weight.layer or 0, int(weight.direction == "reverse")), {})
        of |= {gate.name: array[slice(*gate.rows)] for gate in weight.gates} or {weight.symbol: array}
    return arrays, parts


def made(translation: Translation, framework: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """What the printed function returns."""
    names: dict[str, Any] = {}
    exec("\n".join(script([translation], FRAMEWORKS[framework])), names)
    returned: dict[str, Any] = names["encoder"](arrays)
    return returned


EXACT = [
    (name, keys)
    for name, framework in FRAMEWORKS.items()
    for keys in KEYS
    if not translated(layer_of(keys), framework).refusal
]


@pytest.mark.parametrize(("framework", "keys"), EXACT)
def test_the_lines_make_what_the_page_shows(framework: str, keys: str) -> None:
    layer = layer_of(keys)
    translation = translated(layer, FRAMEWORKS[framework])
    arrays, parts = drawn(layer)
    there = made(translation, framework, arrays)
    assert {name: array.shape for name, array in there.items()} == {t.name: t.shape for t in translation.tensors}
    assert list(there) == [tensor.name for tensor in translation.tensors]
    assert {array.dtype for array in there.values()} == {np.dtype("float32")}
    for tensor in translation.tensors:
        other = {"forward": r"backward|bw/|\br\d", "reverse": r"forward|fw/|\bl\d"}.get(tensor.direction or "")
        assert other is None or not re.search(other, tensor.name)
        seen = np.zeros(tensor.shape, bool)
        for block in tensor.blocks:
            index = eval(f"np.s_{block.at}")
            seen[index] = True
            # Of both directions, which one stands in the index, before or after oneDNN's layer.
            held = tensor.direction is None and tensor.layer is not None
            lead = block.at.strip("[]").split(", ")
            direction = int(lead[framework == "onednn"]) if held else int(tensor.direction == "reverse")
            symbols = parts[tensor.layer or 0, direction]
            expected = eval(block.value, {}, symbols)
            if np.ndim(expected) == 0:
                expected = np.full(block.shape, expected, "float32")
            part = there[tensor.name][index]
            assert part.shape == block.shape
            assert np.array_equal(part, expected) or np.array_equal(part, expected.T)
        assert seen.all() or not tensor.blocks


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_gate_of_a_tensor_is_named(framework: str) -> None:
    for keys in KEYS:
        for tensor in translated(layer_of(keys), FRAMEWORKS[framework]).tensors:
            gates = [block.value.split()[0][-1] for block in tensor.blocks]
            named = [letter for letter in re.findall(r"\b\w\b", tensor.order) if letter not in "xh"]
            if "RNN" in keys or "projection" in tensor.name or tensor.name.endswith(("h2r_weight", "matrix[8]")):
                assert named == []
            else:
                assert named
                assert set(gates) <= {*named, "0", "1"}


# What no weights elsewhere compute, by the framework.
NONE = {
    "type: GRU": ("tf", "haiku", "coreml"),
    "type: GRUCell": ("tf", "haiku", "coreml"),
    "type: RNN": ("haiku",),
    "type: RNN, nonlinearity: relu": (),
    "type: LSTM": (),
    "type: LSTM, proj_size: 3": ("keras", "onnx", "flax", "haiku", "miopen", "coreml"),
    "type: MGU": tuple(FRAMEWORKS),
    "type: JordanRNN, output_size: 3": tuple(FRAMEWORKS),
}


@pytest.mark.parametrize("keys", NONE)
def test_what_has_no_exact_translation(keys: str) -> None:
    layer = layer_of(keys)
    refused = {name: translated(layer, framework).refusal for name, framework in FRAMEWORKS.items()}
    assert tuple(name for name, why in refused.items() if why) == NONE[keys]


def test_why_there_is_none() -> None:
    def verdict(keys: str, framework: str) -> str:
        return translated(layer_of(keys), FRAMEWORKS[framework]).verdict

    assert verdict("type: GRU", "tf") == (
        "none: the reset gate of TensorFlow's GRU multiplies before the product with W_hn, torch's after it: no "
        "weights of the one compute the other"
    )
    assert verdict("type: RNN", "haiku") == "none: an RNN of haiku computes relu, this one tanh"
    assert verdict("type: LSTM, proj_size: 3", "keras") == "none: an LSTM of Keras has no projection"
    assert verdict("type: MGU", "keras") == "none: no convention: it is not torch's"


# Of 5 inputs and 7 units, what a layer has there, and what becomes of its biases.
VERDICTS = [
    ("type: LSTM", "keras", 4 * 7 * (5 + 7 + 1), "exact: b = b_ih + b_hh"),
    ("type: LSTM", "onnx", 4 * 7 * (5 + 7 + 2), "exact"),
    (
        "type: LSTM",
        "tf",
        4 * 7 * (5 + 7 + 1),
        "exact: b = b_ih + b_hh, b_f less the 1 that is added to it when the layer runs",
    ),
    ("type: GRU", "keras", 3 * 7 * (5 + 7 + 2), "exact"),
    ("type: GRU", "flax", 3 * 7 * (5 + 7) + 4 * 7, "exact: b_r = b_ir + b_hr and b_z = b_iz + b_hz"),
    ("type: GRU", "onednn", 3 * 7 * (5 + 7) + 4 * 7, "exact: b_r = b_ir + b_hr and b_z = b_iz + b_hz"),
    ("type: LSTM, bias: false", "keras", 4 * 7 * (5 + 7), "exact"),
    ("type: LSTM, bias: false", "flax", 4 * 7 * (5 + 7 + 1), "exact: its biases are zeros"),
    ("type: LSTM, proj_size: 3", "cudnn", 4 * 7 * (5 + 3 + 2) + 3 * 7, "exact"),
    (
        "type: RNN, nonlinearity: relu",
        "coreml",
        7 * (5 + 7 + 1),
        "exact: b = b_ih + b_hh, where nothing that relu is given is beyond 50, which CoreML cuts off",
    ),
]


@pytest.mark.parametrize(("keys", "framework", "parameters", "verdict"), VERDICTS)
def test_counts_and_verdicts(keys: str, framework: str, parameters: int, verdict: str) -> None:
    translation = translated(layer_of(keys), FRAMEWORKS[framework])
    assert (translation.parameters, translation.verdict) == (parameters, verdict)


def test_a_function_that_no_file_says_is_none_of_ours() -> None:
    layer = layer_of("type: RNN")
    of = {name: translated(layer, FRAMEWORKS[name], knows_function=False).verdict for name in ("haiku", "onnx")}
    assert of == {
        "haiku": "exact: if its function is relu, which the file does not say",
        "onnx": "exact: if its function is tanh, which the file does not say",
    }


def test_names_of_functions_are_pythons_own() -> None:
    framework = FRAMEWORKS["keras"]
    layer = layer_of("type: LSTM")
    names = ["a.b", "a b", "7th", "class", "np", "gates", "", 'x"""\n', "ä", "dict", "layer", "a", "a_part"]
    translations = [translated(layer, framework)._replace(name=name) for name in names]
    text = "\n".join(script(translations, framework))
    defined: dict[str, Any] = {}
    exec(text, defined)
    functions = [name for name, value in defined.items() if callable(value)]
    assert functions == [
        *("a_b", "a_b_2", "layer_7th", "layer_class", "np_2", "gates_2", "layer_", "x____", "layer__"),
        *("dict_2", "layer_2", "a", "a_part_2"),
    ]


def test_a_layer_that_cannot_be_translated_is_a_comment() -> None:
    framework = FRAMEWORKS["tf"]
    lines = list(script([translated(layer_of("type: GRU"), framework)._replace(name="a\nimport os")], framework))
    assert [line for line in lines if line and not line.startswith("#")] == ["import numpy as np"]
