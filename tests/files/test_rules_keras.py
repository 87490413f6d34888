"""Keras' names: those of its own layers, those of older files, and what a configuration adds to them."""

from __future__ import annotations

from typing import Any

import pytest
from holding import Shapes, agrees, below, differing, identified, only

from rnninspect.files.found import FoundLayer
from rnninspect.files.held import HeldLayer
from rnninspect.files.variants import layer_of

LSTM: Shapes = {"kernel": (5, 28), "recurrent_kernel": (7, 28), "bias": (28,)}
GRU: Shapes = {"kernel": (5, 21), "recurrent_kernel": (7, 21), "bias": (2, 21)}
RNN: Shapes = {"kernel": (5, 7), "recurrent_kernel": (7, 7), "bias": (7,)}


def numbered(shapes: Shapes) -> Shapes:
    return {str(number): shape for number, shape in enumerate(shapes.values())}


def is_of(found: FoundLayer) -> tuple[Any, ...]:
    return found.name, found.type, found.input_size, found.hidden_size, found.biases, found.bidirectional


@pytest.mark.parametrize(
    ("shapes", "name"),
    [
        (below("layers/lstm/cell/vars/", numbered(LSTM)), "layers/lstm"),
        (below("model_weights/enc/sequential/enc/lstm_cell/", LSTM), "enc"),
        (below("model_weights/lstm_1/lstm_1/", LSTM, ":0"), "lstm_1"),
        (below("model_weights/inner/lstm_1/", LSTM, ":0"), "inner/lstm_1"),
        (below("lstm_1/lstm_1/", LSTM, ":0"), "lstm_1/lstm_1"),
        (below("layer_with_weights-0/cell/", LSTM, "/.ATTRIBUTES/VARIABLE_VALUE"), "layer_with_weights-0"),
        (below("layers/rnn/cell/cells/lstm_cell/vars/", numbered(LSTM)), "layers/rnn/cell/cells/lstm_cell"),
        (below("a\nb/", LSTM), "a\nb"),
        (LSTM, ""),
    ],
)
def test_where_keras_has_its_names(shapes: Shapes, name: str) -> None:
    found = only(identified(shapes))
    assert is_of(found) == (name, "LSTM", 5, 7, "one", False)
    assert agrees(found)
    assert found.convention == "Keras"


@pytest.mark.parametrize(
    ("shapes", "kind", "biases", "after", "convention"),
    [
        (LSTM | {"bias": (56,)}, "LSTM", "two", None, "Keras CuDNN"),
        (GRU, "GRU", "two", True, "Keras"),
        (GRU | {"bias": (21,)}, "GRU", "one", False, "Keras"),
        (GRU | {"bias": (42,)}, "GRU", "two", True, "Keras CuDNN"),
        (RNN, "RNN", "one", None, "Keras"),
    ],
)
def test_biases_tell_variants_apart(
    shapes: Shapes, kind: str, biases: str, after: bool | None, convention: str
) -> None:
    found = only(identified(below(f"my_{kind.lower()}/", shapes)))
    assert (found.type, found.biases, found.reset_after, found.convention) == (kind, biases, after, convention)
    assert agrees(found)


def test_without_biases_which_gru_is_not_in_the_file() -> None:
    shapes = below("my_gru/", GRU)
    del shapes["my_gru/bias"]
    found = only(identified(shapes))
    assert (found.biases, found.reset_after) == ("none", None)
    assert found.unknown["reset_after"].startswith("not in the file")
    assert agrees(found)


PAIRS = [
    ("layers/bidirectional/{}_layer/cell/vars/", "layers/bidirectional"),
    ("model_weights/both/sequential/both/{}_lstm_1/lstm_cell/", "both"),
    ("bidirectional_1/bidirectional_1/{}_lstm_1/", "bidirectional_1/bidirectional_1"),
]


@pytest.mark.parametrize(("prefix", "name"), PAIRS)
def test_a_pair_is_told_by_name_and_not_by_order(prefix: str, name: str) -> None:
    shapes = numbered(LSTM) if "vars" in prefix else LSTM
    backward = below(prefix.format("backward"), shapes)
    found = only(identified(backward | below(prefix.format("forward"), shapes)))
    assert is_of(found) == (name, "LSTM", 5, 7, "one", True)
    assert {part.tensor.name for part in found.parts if part.direction} == backward.keys()
    assert agrees(found)


def test_cells_that_are_counted_up_are_a_pair() -> None:
    shapes = below("b/forward_lstm/lstm_cell_4/", LSTM) | below("b/backward_lstm/lstm_cell_5/", LSTM)
    assert only(identified(shapes)).bidirectional


@pytest.mark.parametrize(
    "shapes",
    [
        below("model_weights/forward_lstm/forward_lstm/", LSTM)
        | below("model_weights/backward_lstm/backward_lstm/", LSTM),
        below("forward_lstm/", LSTM) | below("backward_lstm/", LSTM),
        below("b/forward_lstm/", LSTM) | below("b/backward_lstm/", GRU),
        below("b/forward_lstm/", LSTM) | below("c/backward_lstm/", LSTM),
    ],
)
def test_two_layers_are_no_pair(shapes: Shapes) -> None:
    found = identified(shapes)
    assert [layer.bidirectional for layer in found.layers] == [False, False]
    assert all(map(agrees, found.layers))


def test_a_missing_bias_of_one_direction_is_a_difference() -> None:
    shapes = below("b/forward_lstm/", LSTM) | below("b/backward_lstm/", LSTM)
    del shapes["b/backward_lstm/bias"]
    (difference,) = differing(only(identified(shapes)))
    assert difference == ("b bias, reverse", "not in the file", (28,), None)


def test_what_the_file_does_not_say_is_unknown() -> None:
    shapes = below("b/forward_lstm/", LSTM) | below("b/backward_lstm/", LSTM)
    found = only(identified(shapes))
    assert found.known == {}
    assert found.unknown == dict.fromkeys(
        ("activation", "recurrent_activation", "merge_mode", "batch_first"), "not in the file"
    )
    rnn = only(identified(below("rnn/", RNN)))
    assert rnn.unknown == {
        "nonlinearity": "not in the file: any activation of Keras'",
        "batch_first": "not in the file",
        "reverse": "not in the file",
    }


SAID = {"units": 7, "activation": "tanh", "recurrent_activation": "sigmoid", "go_backwards": False}


def described(kind: str, said: dict[str, Any], shapes: Shapes) -> HeldLayer:
    """What a description says of the layer that has these tensors."""
    return HeldLayer("", kind, said, {str(number): name for number, name in enumerate(shapes)})


def test_a_configuration_says_it() -> None:
    shapes = below("lstm/lstm_cell/", LSTM)
    found = only(identified(shapes, [described("LSTM", SAID, shapes)]))
    assert (found.known_from, found.unknown, found.remarks) == ("model_config", {}, ())
    assert found.known["batch_first"] is True
    options = {"recurrent_activation": "hard_sigmoid", "go_backwards": True, "time_major": True}
    changed = only(identified(shapes, [described("LSTM", SAID | options, shapes)]))
    assert changed.reverse
    assert changed.known["batch_first"] is False
    assert changed.remarks == ("It has recurrent_activation hard_sigmoid, where torch has tanh and sigmoid.",)
    rnn = below("m/", RNN)
    relu = only(identified(rnn, [described("SimpleRNN", {"units": 7, "activation": "relu"}, rnn)]))
    assert relu.known["nonlinearity"] == "relu"
    assert "relu" in layer_of(relu).equations()
    assert "nonlinearity" not in relu.unknown
    hard = only(identified(rnn, [described("SimpleRNN", {"units": 7, "activation": "hard_sigmoid"}, rnn)]))
    assert hard.unknown["nonlinearity"] == "none that torch has: hard_sigmoid"
    assert hard.remarks == ("It has activation hard_sigmoid, where torch has tanh.",)


def test_a_configuration_of_another_size_is_of_another_layer() -> None:
    shapes = below("lstm/", LSTM)
    found = only(identified(shapes, [described("LSTM", SAID | {"units": 8}, shapes)]))
    assert found.known_from == "names"
    assert "activation" in found.unknown


def test_a_pair_that_is_merged_otherwise_says_so() -> None:
    shapes = below("b/forward_lstm/", LSTM) | below("b/backward_lstm/", LSTM)
    said = {"merge_mode": "sum", "units": 7}
    found = only(identified(shapes, [described("Bidirectional", said, shapes)]))
    assert "merged by sum" in found.remarks[0]
    other = said | {"merge_mode": "concat", "backward_activation": "relu", "backward_go_backwards": True}
    assert only(identified(shapes, [described("Bidirectional", other, shapes)])).remarks == (
        "Its second direction has other options: backward_activation relu.",
    )


def test_what_the_model_calls_it_is_told_where_the_file_calls_it_something_else() -> None:
    shapes = below("layers/lstm/cell/vars/", numbered(LSTM))
    called = described("LSTM", SAID | {"name": "encoder"}, shapes)
    assert only(identified(shapes, [called])).remarks == ("The model calls it encoder.",)
    assert only(identified(shapes, [described("LSTM", SAID | {"name": "lstm"}, shapes)])).remarks == ()


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({"kernel": (3, 3, 5, 28), "recurrent_kernel": (3, 3, 7, 28), "bias": (28,)}, "a kernel of 4 axes"),
        ({"kernel": (5, 14), "recurrent_kernel": (7, 14)}, "are no kind's"),
        ({"kernel": (5, 28), "recurrent_kernel": (7, 21)}, "are no kind's"),
        ({"kernel": (5,), "recurrent_kernel": (7, 28)}, "are no kind's"),
        (LSTM | {"kernel_norm/gamma": (28,)}, "norms within its step"),
        (LSTM | {"input_gate_peephole_weights": (7,)}, "more weights in its step"),
        (GRU | {"bias": (21,), "recurrent_bias": (21,)}, "more weights in its step"),
        (LSTM | {"gamma_h": (7,)}, "more weights in its step"),
        (LSTM | {"U_a": (7, 7)}, "more weights in its step"),
        (GRU | {"bias": (21,)}, "other cells' with three gates"),
        ({"kernel": (5, 21), "recurrent_kernel": (7, 21)}, "other cells' with three gates"),
        (RNN, "of much else"),
    ],
)
def test_what_cannot_be_is_undecided(shapes: Shapes, says: str) -> None:
    found = identified(below("lstm/", shapes))
    assert found.layers == ()
    assert says in found.undecided[0]


@pytest.mark.parametrize("format", ["torch (zip)", "safetensors"])
def test_names_that_another_library_has_too_do_not_say_the_order_of_gates(format: str) -> None:
    assert identified(below("enc.lstm.", LSTM), format=format).layers == ()
    assert "Keras and haste" in identified(below("enc.gru.", GRU), format=format).undecided[0]
    assert only(identified(below("_torch_params.m/lstm/", LSTM), format=format)).type == "LSTM"


def test_directions_of_names_of_their_own_are_a_pair_where_they_are_alone() -> None:
    shapes = below("b/forward_lstm_8/", LSTM) | below("b/backward_lstm_9/", LSTM)
    assert only(identified(shapes)).bidirectional
    three = identified(shapes | below("b/backward_lstm_10/", LSTM))
    assert [layer.bidirectional for layer in three.layers] == [False, False, False]


def test_a_gru_of_another_variant_is_no_direction() -> None:
    said = {"merge_mode": "concat", "units": 7, "activation": "relu", "reset_after": True}
    shapes = below("b/forward_gru/", GRU) | below("b/backward_gru/", GRU | {"bias": (21,)})
    found = identified(shapes, [described("Bidirectional", said, shapes)])
    assert [layer.reset_after for layer in found.layers] == [True, False]
    assert [(layer.known, layer.unknown["reverse"]) for layer in found.layers] == [({}, "not in the file")] * 2


def test_cells_of_two_directions_that_are_stacked_are_no_pairs() -> None:
    places = [f"b/{way}_rnn/stacked_rnn_cells/lstm_cell{end}/" for way in ("forward", "backward") for end in ("", "_1")]
    shapes = {name: shape for place in places for name, shape in below(place, LSTM | {"kernel": (7, 28)}).items()}
    found = identified(shapes)
    assert [f"{layer.name}/" for layer in found.layers] == places
    assert all(map(agrees, found.layers))


def test_vars_of_other_layers_are_others() -> None:
    shapes = below("layers/dense/vars/", {"0": (7, 28), "1": (28,)}) | below(
        "layers/custom/vars/", {"0": (5, 28), "1": (6, 28), "2": (28,)}
    )
    shapes |= below("layers/my_cell/vars/", {"0": (5, 7), "1": (7, 7)})
    assert identified(shapes)[1:5] == ((), {}, (), 7)


@pytest.mark.more
def test_what_keras_calls_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((None, 5)),
            layers.LSTM(7, return_sequences=True, name="one"),
            layers.Bidirectional(layers.GRU(3, return_sequences=True), name="two"),
            layers.RNN([layers.LSTMCell(4), layers.GRUCell(6, reset_after=False)], return_sequences=True, name="three"),
            layers.RNN(layers.SimpleRNNCell(2, use_bias=False), return_sequences=True, name="four"),
            layers.Bidirectional(layers.LSTM(4, use_bias=False), merge_mode="sum", name="five"),
            layers.Dense(3, name="six"),
        ]
    )
    found = identified({weight.path: tuple(weight.shape) for weight in model.weights})
    assert found.undecided == ()
    assert found.others == 2
    assert [is_of(layer)[1:] for layer in found.layers] == [
        ("LSTM", 5, 7, "one", False),
        ("GRU", 7, 3, "two", True),
        ("LSTM", 6, 4, "one", False),
        ("GRU", 4, 6, "one", False),
        ("RNN", 6, 2, "none", False),
        ("LSTM", 2, 4, "none", True),
    ]
    assert all(map(agrees, found.layers))
    assert sum(layer.parameters for layer in found.layers) == model.count_params() - (4 * 3 + 3)
