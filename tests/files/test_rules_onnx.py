"""ONNX nodes: what a node says, what its tensors say, and torch's own exports."""

from __future__ import annotations

from typing import Any

import pytest
from holding import Shapes, agrees, differing, held, only

from rnninspect.files.found import Identified
from rnninspect.files.held import UNROLLED, Held, HeldLayer
from rnninspect.files.identify import identify
from rnninspect.files.variants import layer_of

LSTM: Shapes = {"W": (1, 28, 5), "R": (1, 28, 7), "B": (1, 56)}
GRU: Shapes = {"W": (1, 21, 5), "R": (1, 21, 7), "B": (1, 42)}
RNN: Shapes = {"W": (1, 7, 5), "R": (1, 7, 7), "B": (1, 14)}
BOTH: Shapes = {role: (2, *shape[1:]) for role, shape in LSTM.items()}


def node(kind: str, shapes: Shapes, name: str = "/rnn/LSTM", **said: Any) -> tuple[HeldLayer, Shapes]:
    """A node and its tensors."""
    named = {f"{name}_{role}": shape for role, shape in shapes.items()}
    said = {"hidden_size": 7} | {key.replace("_of_", " "): value for key, value in said.items()}
    return HeldLayer(name, kind, said, dict(zip(shapes, named, strict=True))), named


def model(
    *nodes: tuple[HeldLayer, Shapes], values: dict[str, tuple[float, ...]] | None = None, **more: Any
) -> Identified:
    tensors = {name: shape for _, shapes in nodes for name, shape in shapes.items()} | more.pop("others", {})
    file = held(tensors, [layer for layer, _ in nodes], **more)
    known = {
        name: tensor._replace(values=(values or {}).get(name), dtype="float32") for name, tensor in file.tensors.items()
    }
    return identify(Held("m.onnx", "ONNX", known, file.layers, aliases=file.aliases))


@pytest.mark.parametrize(
    ("kind", "shapes", "convention"),
    [
        ("LSTM", LSTM, "ONNX"),
        ("GRU", GRU, "ONNX"),
        ("RNN", RNN, "ONNX"),
        ("LSTM", {"W": (1, 28, 5), "R": (1, 28, 7)}, "ONNX"),
        ("LSTM", LSTM | {"P": (1, 21)}, "ONNX"),
        ("DynamicQuantizeLSTM", {"W": (1, 5, 28), "R": (1, 7, 28), "B": (1, 56)}, "ONNX quantized"),
    ],
)
def test_a_node_of_each_kind(kind: str, shapes: Shapes, convention: str) -> None:
    found = only(model(node(kind, shapes)))
    assert (found.name, found.type) == ("/rnn/LSTM", kind.removeprefix("DynamicQuantize"))
    assert (found.input_size, found.hidden_size, found.bidirectional) == (5, 7, False)
    assert (found.biases, found.peepholes) == ("two" if "B" in shapes else "none", "P" in shapes)
    assert (found.convention, found.known_from) == (convention, f"a node {kind}")
    assert agrees(found)
    assert found.unknown == {}
    assert found.known["batch_first"] is False


def test_what_a_node_is_fed_with_is_no_optimizers_whatever_it_is_called() -> None:
    found = model(node("LSTM", LSTM, name="optimizer.lstm"), others={"optimizer.step": ()})
    assert agrees(only(found))
    assert (found.set_aside, found.others) == ({"an optimizer's": 1}, 0)


@pytest.mark.parametrize(("direction", "both", "reverse"), [("bidirectional", True, False), ("reverse", False, True)])
def test_directions(direction: str, both: bool, reverse: bool) -> None:
    found = only(model(node("LSTM", BOTH if both else LSTM, direction=direction)))
    assert (found.bidirectional, found.reverse) == (both, reverse)
    assert agrees(found)


@pytest.mark.parametrize(
    ("said", "after"), [({}, False), ({"linear_before_reset": 0}, False), ({"linear_before_reset": 1}, True)]
)
def test_which_gru(said: dict[str, Any], after: bool) -> None:
    found = only(model(node("GRU", GRU, **said)))
    assert found.reset_after is after
    assert ("W_hn @ (r * h)" in layer_of(found).equations()) is not after


def test_functions() -> None:
    relu = only(model(node("RNN", RNN, activations=("Relu",))))
    assert relu.known["nonlinearity"] == "relu"
    assert only(model(node("RNN", RNN))).known["nonlinearity"] == "tanh"
    two = {role: (2, *shape[1:]) for role, shape in RNN.items()}
    mixed = only(model(node("RNN", two, direction="bidirectional", activations=("Tanh", "Relu"))))
    assert "nonlinearity" not in mixed.known
    assert "nonlinearity" in mixed.unknown
    assert mixed.remarks == ("Its functions are tanh, relu; torch's are tanh.",)
    lstm = only(model(node("LSTM", LSTM, activations=("HardSigmoid", "Relu", "Relu"), clip=3.0)))
    assert lstm.remarks == (
        "Its functions are hardsigmoid, relu, relu; torch's are sigmoid, tanh, tanh.",
        "What its gates are functions of is clipped to 3.0.",
    )
    assert only(model(node("LSTM", LSTM, activations=("Sigmoid", "Tanh", "Tanh")))).remarks == ()


@pytest.mark.parametrize(
    ("second", "remarks"),
    [
        ((0.0,) * 28, ("Its second bias vector is all zeros, as from Keras, whose layers have one.",)),
        ((0.0,) * 27 + (1.0,), ()),
    ],
)
def test_a_second_bias_of_zeros_is_told(second: tuple[float, ...], remarks: tuple[str, ...]) -> None:
    bias = (*(1.0,) * 28, *second)
    assert only(model(node("LSTM", LSTM), values={"/rnn/LSTM_B": bias})).remarks == remarks
    one = (*(1.0,) * 28, *(0.0,) * 28)
    both = only(model(node("LSTM", BOTH, direction="bidirectional"), values={"/rnn/LSTM_B": one + bias}))
    assert both.remarks == remarks


def test_two_nodes_are_two_layers_and_could_be_one() -> None:
    second = node("LSTM", {"W": (1, 28, 7), "R": (1, 28, 7), "B": (1, 56)}, name="/rnn/LSTM_1")
    found = model(node("LSTM", LSTM), second, others={"/rnn/Constant_output_0": (1, 2, 7)})
    assert [layer.name for layer in found.layers] == ["/rnn/LSTM", "/rnn/LSTM_1"]
    assert found.layers[1].remarks == (
        "With /rnn/LSTM before it, it has the weights of one torch.nn.LSTM with one more of num_layers.",
    )
    assert (found.undecided, found.others) == ((), 1)


@pytest.mark.parametrize(("width", "told"), [(14, 1), (7, 0), (5, 0)])
def test_a_node_that_could_stand_above_another_reads_all_that_the_other_gives(width: int, told: int) -> None:
    wide = BOTH | {"W": (2, 28, width)}
    first, second = node("LSTM", BOTH, direction="bidirectional"), node("LSTM", wide, "2", direction="bidirectional")
    assert len(model(first, second).layers[1].remarks) == told


def test_what_contradicts_the_node_is_a_difference() -> None:
    quantized = {"W": (1, 5, 28), "R": (1, 7, 28), "B": (1, 56)}
    assert only(model(node("DynamicQuantizeLSTM", quantized, hidden_size=None))).hidden_size == 7
    (difference, *_) = differing(only(model(node("LSTM", LSTM, hidden_size=8))))
    assert difference[1:] == ("shape", (1, 32, 5), (1, 28, 5))


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (node("ai.onnx.contrib.LSTM", LSTM), "it is a node ai.onnx.contrib.LSTM, which no rule reads"),
        (node("LSTM", {"R": (1, 28, 7)}), "the W of the node LSTM is not there"),
        (node("LSTM", {"R": (1, 28, 7)}, W="computed by MatMul"), "the W of the node LSTM is computed by MatMul"),
        (node("LSTM", {"W": (1, 28, 5), "R": (1, 28, 7)}, B="computed by Add"), "the B of the node LSTM is computed"),
        (node("LSTM", {"W": (28, 5), "R": (28, 7)}), "2 and 2 axes"),
        (node("LSTM", LSTM, input_forget=1), "one with its forget gate"),
        (node("LSTM", LSTM, W_of_seen_of_through=("Reshape",)), "seen through Reshape"),
    ],
)
def test_what_cannot_be_is_undecided(layer: tuple[HeldLayer, Shapes], says: str) -> None:
    found = model(layer)
    assert found.layers == ()
    assert says in found.undecided[0]


def test_weights_with_one_axis_less_are_unsqueezed() -> None:
    through = dict.fromkeys(("W_of_seen_of_through", "R_of_seen_of_through"), ("Unsqueeze",))
    assert agrees(only(model(node("LSTM", {"W": (28, 5), "R": (28, 7)}, **through))))


def test_other_names_of_its_tensors_are_read_with_them() -> None:
    found = model(node("LSTM", LSTM), aliases={"lstm/again": "/rnn/LSTM_W"})
    assert (found.undecided, found.others) == ((), 0)


@pytest.mark.torch
@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("LSTM", {"num_layers": 2, "bidirectional": True}),
        ("GRU", {"batch_first": True}),
        ("RNN", {"nonlinearity": "relu", "bias": False}),
        ("RNN", {"nonlinearity": "relu", "num_layers": 2}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_torch_exports(tmp_path: Any, kind: str, options: dict[str, Any], folded: bool) -> None:
    import torch
    from torch import nn

    from rnninspect.files.read import read

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = getattr(nn, kind)(5, 7, **options)

        def forward(self, x: Any) -> Any:
            return self.rnn(x)[0]

    path = str(tmp_path / "m.onnx")
    module = Whole().eval()
    torch.onnx.export(module, (torch.zeros(4, 2, 5),), path, dynamo=False, do_constant_folding=folded)
    found = identify(read(path))
    assert found.undecided == ()
    assert all(map(agrees, found.layers))
    assert sum(layer.parameters for layer in found.layers) == sum(p.numel() for p in module.parameters())
    if kind == "RNN":
        assert {layer.known["nonlinearity"] for layer in found.layers} == {"relu"}
    else:
        assert {layer.type for layer in found.layers} == {kind}
        assert {layer.reset_after for layer in found.layers} == {True if kind == "GRU" else None}


def of_torchs(**made_of: tuple[str, ...]) -> dict[str, Any]:
    """What a node says of inputs that are put together of other tensors."""
    computed = dict.fromkeys(made_of, "computed by Concat")
    return {**computed, **{f"{role} made of": names for role, names in made_of.items()}}


@pytest.mark.parametrize("both", [False, True])
def test_weights_that_are_torchs_beside_a_bias_that_is_not(both: bool) -> None:
    """Torch's export computes what is small, and that loses its name: its weights alone would have no biases."""
    endings = ("_l0", "_l0_reverse") if both else ("_l0",)
    weights = {f"weight_{which}{end}": (28, size) for which, size in (("ih", 5), ("hh", 7)) for end in endings}
    names = {role: tuple(f"weight_{which}{end}" for end in endings) for role, which in (("W", "ih"), ("R", "hh"))}
    said = of_torchs(**names) | {"direction": "bidirectional"} if both else of_torchs(**names)
    found = only(model(node("LSTM", {"B": (1 + both, 56)}, **said), others=weights))
    assert (found.type, found.input_size, found.hidden_size, found.bidirectional) == ("LSTM", 5, 7, both)
    assert (found.biases, found.convention) == ("two", "ONNX")
    assert found.parameters == (28 * 5 + 28 * 7 + 56) * (1 + both)
    assert agrees(found)
    assert f"The graph puts its R together of {' and '.join(names['R'])}." in found.remarks


def test_one_weight_that_is_torchs_beside_one_that_is_not() -> None:
    shapes = {"W": (1, 28, 5), "B": (1, 56)}
    found = only(model(node("LSTM", shapes, **of_torchs(R=("weight_hh_l0",))), others={"weight_hh_l0": (28, 7)}))
    assert (found.input_size, found.hidden_size, found.biases) == (5, 7, "two")
    assert agrees(found)


def test_not_as_many_of_torchs_as_there_are_directions() -> None:
    shapes = {"W": (1, 28, 5), "B": (1, 56)}
    told = model(
        node("LSTM", shapes, **of_torchs(R=("weight_hh_l0", "weight_hh_l1"))),
        others={"weight_hh_l0": (28, 7), "weight_hh_l1": (28, 7)},
    )
    assert told.layers == ()
    assert "the R of the node LSTM is computed by Concat" in told.undecided[0]


def test_a_cell_state_of_another_width_is_no_lstm_of_onnx() -> None:
    """As torch's exporter writes a layer with a projection: the weights of three units in place of seven."""
    found = model(node("LSTM", LSTM, **{"initial_c columns": 9}))
    assert found.layers == ()
    assert found.undecided == (
        "3 tensors look recurrent (/rnn/LSTM...), its first cell state has 9 columns and its h 7, which no LSTM of "
        "ONNX has",
    )


def test_a_matrix_of_several_products_may_be_a_step_s() -> None:
    steps = HeldLayer("val_3", UNROLLED, {"times": 4}, {"matrix": "val_3"})
    found = model((steps, {"val_3": (7, 7), "val_5": (7, 9)}))
    assert found.undecided == (
        "1 tensor looks recurrent (val_3...), several products have each, as where a layer's steps are unrolled",
    )
    assert found.others == 1
