"""TensorFlow's cells by the names that its layers give them, as lists of variables have them."""

from __future__ import annotations

import pytest
from holding import Shapes, agrees, below, differing, identified, only

from rnninspect.files.variants import layer_of

LSTM: Shapes = {"lstm_cell/kernel": (12, 28), "lstm_cell/bias": (28,)}
GRU: Shapes = {
    "gru_cell/gates/kernel": (12, 14),
    "gru_cell/gates/bias": (14,),
    "gru_cell/candidate/kernel": (12, 7),
    "gru_cell/candidate/bias": (7,),
}
RNN: Shapes = {"basic_rnn_cell/kernel": (12, 7), "basic_rnn_cell/bias": (7,)}


@pytest.mark.parametrize(("shapes", "kind"), [(LSTM, "LSTM"), (GRU, "GRU"), (RNN, "RNN")])
@pytest.mark.parametrize("prefix", ["rnn/", "", "a\nb/"])
def test_a_cell(shapes: Shapes, kind: str, prefix: str) -> None:
    found = only(identified(below(prefix, shapes)))
    assert found.name == prefix + next(iter(shapes)).partition("/")[0]
    assert (found.type, found.input_size, found.hidden_size, found.num_layers) == (kind, 5, 7, 1)
    assert (found.biases, found.reset_after) == ("one", False if kind == "GRU" else None)
    assert (found.bidirectional, found.reverse, found.convention) == (False, False, "TensorFlow")
    assert agrees(found)


@pytest.mark.parametrize(
    "names",
    [
        ("basic_lstm_cell/kernel", "basic_lstm_cell/bias"),
        ("lstm_cell/weights", "lstm_cell/biases"),
        ("BasicLSTMCell/Linear/Matrix", "BasicLSTMCell/Linear/Bias"),
        ("cudnn_compatible_lstm_cell/kernel", "cudnn_compatible_lstm_cell/bias"),
        ("lstm_cell_3/kernel", "lstm_cell_3/bias"),
    ],
)
def test_what_else_cells_are_called(names: tuple[str, str]) -> None:
    found = only(identified({f"rnn/{names[0]}": (12, 28), f"rnn/{names[1]}": (28,)}))
    assert (found.input_size, found.hidden_size) == (5, 7)
    assert agrees(found)


def test_peepholes_and_a_projection() -> None:
    more = {f"lstm_cell/w_{gate}_diag": (7,) for gate in "fio"}
    found = only(identified(LSTM | more))
    assert found.peepholes
    assert agrees(found)
    assert "w_co * c" in layer_of(found).equations()
    narrow = {"lstm_cell/kernel": (8, 28), "lstm_cell/bias": (28,), "lstm_cell/projection/kernel": (7, 3)}
    projected = only(identified(narrow))
    assert (projected.input_size, projected.hidden_size, projected.proj_size) == (5, 7, 3)
    assert agrees(projected)


def test_directions_are_told_by_name() -> None:
    backward = below("bidirectional_rnn/bw/", GRU)
    found = only(identified(backward | below("bidirectional_rnn/fw/", GRU)))
    assert (found.name, found.bidirectional, found.reverse) == ("bidirectional_rnn", True, False)
    assert {part.tensor.name for part in found.parts if part.direction} == backward.keys()
    assert agrees(found)


def test_one_direction_alone_is_a_layer() -> None:
    assert only(identified(below("b/bw/", LSTM))).reverse
    assert not only(identified(below("b/fw/", LSTM))).reverse
    uneven = identified(below("b/fw/", LSTM) | below("b/bw/", RNN))
    assert [(layer.type, layer.reverse) for layer in uneven.layers] == [("LSTM", False), ("RNN", True)]
    wide = identified(below("b/fw/", LSTM) | below("b/bw/", {**LSTM, next(iter(LSTM)): (13, 28)}))
    assert [(layer.input_size, layer.reverse) for layer in wide.layers] == [(5, False), (6, True)]


def stack(prefix: str, number: int, hidden: int = 7) -> Shapes:
    return {
        f"{prefix}cell_{k}/lstm_cell/{name}": shape
        for k in range(number)
        for name, shape in {"kernel": ((5 if k == 0 else hidden) + hidden, 4 * hidden), "bias": (4 * hidden,)}.items()
    }


def test_cells_above_each_other_are_one_layer() -> None:
    found = only(identified(stack("rnn/multi_rnn_cell/", 3)))
    assert (found.name, found.num_layers, found.bidirectional) == ("rnn", 3, False)
    assert "dropout" in found.unknown
    assert agrees(found)


def test_a_stack_of_each_direction_is_no_bidirectional_layer() -> None:
    shapes = stack("b/fw/multi_rnn_cell/", 2) | stack("b/bw/multi_rnn_cell/", 2)
    forward, backward = identified(shapes).layers
    assert [(layer.name, layer.num_layers, layer.reverse) for layer in (forward, backward)] == [
        ("b/fw", 2, False),
        ("b/bw", 2, True),
    ]
    assert not forward.bidirectional
    assert not backward.bidirectional
    assert all("no bidirectional layer of torch's" in layer.remarks[0] for layer in (forward, backward))
    assert agrees(forward)
    assert agrees(backward)


def test_bidirectional_layers_above_each_other_are_layers_of_their_own() -> None:
    shapes = {
        f"stack_bidirectional_rnn/cell_{k}/bidirectional_rnn/{way}/lstm_cell/{name}": shape
        for k in range(2)
        for way in ("fw", "bw")
        for name, shape in {"kernel": ((5 if k == 0 else 14) + 7, 28), "bias": (28,)}.items()
    }
    found = identified(shapes)
    assert [(layer.bidirectional, layer.input_size) for layer in found.layers] == [(True, 5), (True, 14)]
    assert all(map(agrees, found.layers))


@pytest.mark.parametrize("change", [{"m/cell_1/lstm_cell/kernel": (10, 12), "m/cell_1/lstm_cell/bias": (12,)}])
def test_cells_of_unequal_sizes_are_layers_of_their_own(change: Shapes) -> None:
    found = identified(stack("m/", 2) | change)
    assert [(layer.name, layer.hidden_size) for layer in found.layers] == [
        ("m/cell_0/lstm_cell", 7),
        ("m/cell_1/lstm_cell", 3),
    ]
    assert all(map(agrees, found.layers))


def test_a_cell_that_is_missing_makes_no_stack() -> None:
    shapes = {name: shape for name, shape in stack("m/", 3).items() if "cell_1" not in name}
    assert [layer.num_layers for layer in identified(shapes).layers] == [1, 1]


def test_a_missing_bias_is_a_difference() -> None:
    shapes = below("b/fw/", LSTM) | below("b/bw/", LSTM)
    del shapes["b/bw/lstm_cell/bias"]
    (difference,) = differing(only(identified(shapes)))
    assert difference == ("b bias, reverse", "not in the file", (28,), None)


@pytest.mark.parametrize(
    ("shapes", "unknown"),
    [
        (LSTM, {"batch_first", "activation", "forget_bias"}),
        (GRU, {"batch_first", "activation"}),
        (RNN, {"batch_first", "nonlinearity"}),
    ],
)
def test_what_the_file_does_not_say_is_unknown(shapes: Shapes, unknown: set[str]) -> None:
    found = only(identified(shapes))
    assert found.unknown.keys() == unknown
    assert all(what.startswith("not in the file") for what in found.unknown.values())
    assert found.known == {}


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({"lstm_cell/kernel": (5, 28), "lstm_cell/bias": (28,)}, "no LSTM's of x and h"),
        ({"lstm_cell/kernel": (12, 27)}, "no LSTM's of x and h"),
        ({"coupled_input_forget_gate_lstm_cell/kernel": (13, 24)}, "another cell"),
        ({"layer_norm_basic_lstm_cell/kernel": (12, 28)}, "another cell"),
        ({"lstm_cell/kernel": (12,)}, "no LSTM's of x and h"),
        (GRU | {"gru_cell/candidate/kernel": (12, 6)}, "are no GRU's"),
        (LSTM | {"lstm_cell/input/gamma": (7,)}, "norms within its step"),
        ({"gru_cell/w_ru": (12, 14), "gru_cell/w_c": (12, 7)}, "no rule reads them"),
        ({"cudnn_lstm/opaque_kernel": (1234,)}, "no rule reads them"),
    ],
)
def test_what_cannot_be_is_undecided(shapes: Shapes, says: str) -> None:
    found = identified(below("rnn/", shapes))
    assert found.layers == ()
    assert says in found.undecided[0]


def test_slots_and_averages_are_set_aside() -> None:
    slots = {f"{name}/{slot}": shape for name, shape in LSTM.items() for slot in ("Adam", "Adam_1", "Momentum")}
    averages = {f"{name}/ExponentialMovingAverage": shape for name, shape in LSTM.items()}
    keras = below("training/Adam/", LSTM)
    found = identified(LSTM | slots | averages | keras | {"beta1_power": (), "global_step": ()})
    assert agrees(only(found))
    assert found.set_aside == {"an optimizer's": 8, "moving averages of weights": 2}
    assert found.others == 2


def test_a_dense_layer_beside_a_cell_is_none() -> None:
    found = identified(LSTM | {"dense/kernel": (12, 28), "dense/bias": (28,)})
    assert (len(found.layers), found.others, found.undecided) == (1, 2, ())
