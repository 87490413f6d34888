"""The names of haiku, Flax, MXNet and CoreML, as their own documentation has them."""

from __future__ import annotations

from typing import Any

import pytest
from holding import Shapes, agrees, below, differing, held, identified, only

from rnninspect.files.found import Identified
from rnninspect.files.held import Held, HeldLayer
from rnninspect.files.identify import identify
from rnninspect.files.variants import layer_of

# --- haiku -------------------------------------------------------------------------------------------------

HAIKU = {
    "LSTM": {"lstm/linear/w": (12, 28), "lstm/linear/b": (28,)},
    "GRU": {"gru/w_i": (5, 21), "gru/w_h": (7, 21), "gru/b": (21,)},
    "RNN": {
        "vanilla_rnn/linear/w": (5, 7),
        "vanilla_rnn/linear/b": (7,),
        "vanilla_rnn/linear_1/w": (7, 7),
        "vanilla_rnn/linear_1/b": (7,),
    },
}


@pytest.mark.parametrize("kind", HAIKU)
@pytest.mark.parametrize("prefix", ["net/~/", "", "a\nb."])
def test_haiku(kind: str, prefix: str) -> None:
    found = only(identified(below(prefix, HAIKU[kind])))
    assert found.name == prefix + next(iter(HAIKU[kind])).partition("/")[0]
    assert (found.type, found.input_size, found.hidden_size, found.convention) == (kind, 5, 7, "haiku")
    assert found.biases == ("two" if kind == "RNN" else "one")
    more = {"RNN": {"nonlinearity"}, "LSTM": {"forget_bias"}, "GRU": set()}
    assert found.unknown.keys() == {"batch_first", "reverse"} | more[kind]
    assert agrees(found)


def test_haiku_adds_to_the_forget_gate_when_it_runs() -> None:
    found = only(identified(HAIKU["LSTM"]))
    assert found.remarks == ("haiku adds 1 to b_f when the layer runs; the file holds it without.",)
    assert "+ b_f + 1)" in layer_of(found).equations()


def test_an_rnn_of_haiku_with_one_bias() -> None:
    shapes = {name: shape for name, shape in HAIKU["RNN"].items() if not name.endswith("linear_1/b")}
    found = only(identified(shapes))
    assert found.biases == "one"
    assert agrees(found)


def test_two_linear_layers_of_haiku_are_no_rnn_but_in_one() -> None:
    found = identified({"mlp/linear/w": (5, 7), "mlp/linear/b": (7,), "mlp/linear_1/w": (7, 7), "mlp/linear_1/b": (7,)})
    assert (found.layers, found.undecided, found.others) == ((), (), 4)
    found = identified({"my_lstm_head/linear/w": (12, 28), "my_lstm_head/linear/b": (27,)})
    assert (found.layers, found.undecided, found.others) == ((), (), 2)


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({"my_lstm_head/linear/w": (12, 28), "my_lstm_head/linear/b": (28,)}, "may be an LSTM of haiku, or any other"),
        ({"lstm/linear/w": (7, 28)}, "no LSTM's of x and h"),
        ({"lstm/linear/w": (12,)}, "no LSTM's of x and h"),
        ({"lstm/w_i": (5, 28), "lstm/w_h": (7, 28), "lstm/b": (28,)}, "no GRU's of haiku"),
        ({"gru/w_i": (5, 21), "gru/w_h": (7, 21), "gru/b": (2, 21)}, "no GRU's of haiku"),
        ({"gru/w_i": (5, 20), "gru/w_h": (7, 21)}, "are no kind's"),
        ({"vanilla_rnn_1/linear/w": (5, 7), "vanilla_rnn_1/linear_1/w": (7, 8)}, "are no RNN's"),
        ({"vanilla_rnn/linear/w": (5, 8), "vanilla_rnn/linear_1/w": (7, 7)}, "are no RNN's"),
    ],
)
def test_what_cannot_be_of_haiku_is_undecided(shapes: Shapes, says: str) -> None:
    found = identified(shapes)
    assert found.layers == ()
    assert says in found.undecided[0]


# --- Flax --------------------------------------------------------------------------------------------------


def flax(kind: str, sign: str = "/") -> Shapes:
    gates = "ifgo" if kind == "LSTM" else "rzn"
    biased = [f"h{gate}" for gate in gates] if kind == "LSTM" else ["ir", "iz", "in", "hn"]
    return (
        {f"i{gate}{sign}kernel": (5, 7) for gate in gates}
        | {f"h{gate}{sign}kernel": (7, 7) for gate in gates}
        | {f"{name}{sign}bias": (7,) for name in biased}
    )


@pytest.mark.parametrize("sign", ["/", "."])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_flax(kind: str, sign: str) -> None:
    found = only(identified(below(f"params{sign}{kind}Cell_0{sign}", flax(kind, sign))))
    assert (found.name, found.type) == (f"params{sign}{kind}Cell_0", kind)
    assert (found.input_size, found.hidden_size, found.convention) == (5, 7, "Flax")
    assert found.reset_after is (True if kind == "GRU" else None)
    assert found.biases == "one"
    assert found.unknown == dict.fromkeys(("batch_first", "activation", "reverse"), "not in the file")
    assert agrees(found)
    assert found.parameters == (4 * 7 * 13 if kind == "LSTM" else 3 * 7 * 12 + 4 * 7)


def test_an_rnn_of_flax() -> None:
    found = only(
        identified({"SimpleCell_0/i/kernel": (5, 7), "SimpleCell_0/i/bias": (7,), "SimpleCell_0/h/kernel": (7, 7)})
    )
    assert (found.type, found.input_size, found.hidden_size) == ("RNN", 5, 7)
    assert {"nonlinearity", "residual", "reverse"} < found.unknown.keys()
    assert agrees(found)
    assert only(identified({"a/cell/i/kernel": (5, 7), "a/cell/h/kernel": (7, 7)})).type == "RNN"


def test_what_python_cannot_call_if() -> None:
    shapes = {name.replace("if/", "if_/"): shape for name, shape in flax("LSTM").items()}
    found = only(identified(below("encoder/cell/", shapes)))
    assert (found.type, found.input_size, found.hidden_size) == ("LSTM", 5, 7)
    assert agrees(found)


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({"SimpleCell_0/i/kernel": (5, 6), "SimpleCell_0/h/kernel": (7, 7)}, "are no RNN's"),
        ({"a/dense_i/kernel": (5, 21), "a/dense_i/bias": (21,), "a/dense_h/kernel": (7, 21)}, "as in nnx"),
        ({"a/ih/kernel": (5, 28), "a/hh/kernel": (7, 28)}, "ih and hh are of x and of h"),
        ({"a/ih/kernel": (3, 3, 5, 28), "a/hh/kernel": (3, 3, 7, 28), "a/hh/bias": (28,)}, "convolutions"),
    ],
)
def test_other_cells_of_flax_are_undecided(shapes: Shapes, says: str) -> None:
    found = identified(shapes)
    assert (found.layers, found.others) == ((), 0)
    assert says in found.undecided[0]


def test_what_optax_keeps_of_weights_is_set_aside() -> None:
    shapes = {
        f"{place}params/cell/{name}": shape
        for place in ("0/", "1/0/mu/", "1/0/nu/")
        for name, shape in flax("LSTM").items()
    }
    found = identified(shapes)
    assert only(found).name == "0/params/cell"
    assert found.set_aside == {"an optimizer's": 2 * len(flax("LSTM"))}
    for alone in ("mu", "nu"):
        assert identified(below(f"net/{alone}/", flax("LSTM"))).set_aside == {}


@pytest.mark.parametrize("sign", ["/", "."])
def test_both_directions_of_flax(sign: str) -> None:
    ways = [below(f"b{sign}{way}_rnn{sign}cell{sign}", flax("GRU", sign)) for way in ("backward", "forward")]
    found = only(identified(ways[0] | ways[1]))
    assert (found.name, found.bidirectional) == ("b", True)
    assert all(("backward" in part.tensor.name) is bool(part.direction) for part in found.parts)
    assert agrees(found)


def test_biases_of_flax_are_those_of_either_direction() -> None:
    bare = {name: shape for name, shape in flax("LSTM").items() if "bias" not in name}
    assert only(identified(bare)).biases == "none"
    found = only(identified(below("b/forward_rnn/cell/", bare) | below("b/backward_rnn/cell/", flax("LSTM"))))
    assert (found.biases, len(differing(found))) == ("one", 4)


def test_directions_of_flax_that_are_no_pair_stay_apart() -> None:
    assert only(identified(below("rnn/backward_rnn/cell/", flax("LSTM")))).reverse
    assert not only(identified(below("rnn/forward_rnn/cell/", flax("LSTM")))).reverse
    uneven = identified(below("a/forward_rnn/cell/", flax("LSTM")) | below("a/backward_rnn/cell/", flax("GRU")))
    assert [(layer.type, layer.reverse) for layer in uneven.layers] == [("LSTM", False), ("GRU", True)]


def test_a_gate_of_another_size_is_a_difference() -> None:
    found = only(identified(flax("LSTM") | {"ho/kernel": (7, 8)}))
    assert differing(found) == (("ho/kernel", "shape", (7, 7), (7, 8)),)


@pytest.mark.parametrize("missing", ["hf/kernel", "io/kernel"])
def test_a_gate_that_is_missing_is_undecided(missing: str) -> None:
    shapes = {name: shape for name, shape in flax("LSTM").items() if name != missing}
    found = identified(below("cell/", shapes))
    assert found.layers == ()
    assert "are no kind's" in found.undecided[0]


# --- MXNet -------------------------------------------------------------------------------------------------


def gluon(gates: int, layers: int = 1, ways: str = "l") -> Shapes:
    return {
        f"{way}{k}_{role}": shape
        for k in range(layers)
        for way in ways
        for role, shape in {
            "i2h_weight": (7 * gates, 5 if k == 0 else 7 * len(ways)),
            "h2h_weight": (7 * gates, 7),
            "i2h_bias": (7 * gates,),
            "h2h_bias": (7 * gates,),
        }.items()
    }


@pytest.mark.parametrize(("kind", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
@pytest.mark.parametrize("prefix", ["encoder.", "lstm0_", "a\nb_", ""])
def test_mxnet(kind: str, gates: int, prefix: str) -> None:
    found = only(identified(below(prefix, gluon(gates, layers=3, ways="rl"))))
    assert (found.name, found.type) == (prefix[:-1], kind)
    assert (found.num_layers, found.bidirectional, found.convention) == (3, True, "MXNet")
    assert {part.direction for part in found.parts if "r1_" in part.tensor.name} == {1}
    assert agrees(found)


def test_cells_of_mxnet() -> None:
    cell = {name.removeprefix("l0_"): shape for name, shape in gluon(4).items()}
    found = identified(below("net_lstm0_", cell) | below("net_lstm1_", cell))
    assert [layer.name for layer in found.layers] == ["net_lstm0", "net_lstm1"]
    assert all(map(agrees, found.layers))


def test_what_cannot_be_of_mxnet_is_undecided() -> None:
    found = identified({"l0_h2h_weight": (28, 7), "l0_i2h_bias": (28,)})
    assert found.layers == ()
    assert "not both there" in found.undecided[0]


# --- CoreML ------------------------------------------------------------------------------------------------

NAMES = {
    "LSTM": ("inputGate", "forgetGate", "blockInput", "outputGate"),
    "GRU": ("updateGate", "resetGate", "outputGate"),
}


def coreml(kind: str, way: str = "", peepholes: bool = False) -> Shapes:
    if kind == "RNN":
        return {"weightMatrix": (7, 5), "recursionMatrix": (7, 7), "biasVector": (7,)}
    ends = {"WeightMatrix": (7, 5), "RecursionMatrix": (7, 7), "BiasVector": (7,)}
    shapes = {f"{way}{name}{end}": shape for end, shape in ends.items() for name in NAMES[kind]}
    names = [name for name in NAMES[kind] if name.endswith("Gate")]
    return shapes | ({f"{way}{name}PeepholeVector": (7,) for name in names} if peepholes else {})


def network(layer: str, shapes: Shapes, **said: Any) -> Identified:
    names = {role: f"rnn/{role}" for role in shapes}
    said = {"inputVectorSize": 5, "outputVectorSize": 7, "activations": ("sigmoid", "tanh", "tanh")} | said
    file = held({names[role]: shape for role, shape in shapes.items()})
    return identify(Held("m.mlmodel", "CoreML", file.tensors, (HeldLayer("rnn", layer, said, names),)))


@pytest.mark.parametrize(
    ("layer", "kind", "shapes", "functions"),
    [
        ("simpleRecurrent", "RNN", coreml("RNN"), ("ReLU",)),
        ("gru", "GRU", coreml("GRU"), ("sigmoid", "tanh")),
        ("uniDirectionalLSTM", "LSTM", coreml("LSTM"), ("sigmoid", "tanh", "tanh")),
        ("uniDirectionalLSTM", "LSTM", coreml("LSTM", peepholes=True), ("sigmoid", "tanh", "tanh")),
        (
            "biDirectionalLSTM",
            "LSTM",
            coreml("LSTM", "forward/") | coreml("LSTM", "backward/"),
            ("sigmoid", "tanh", "tanh"),
        ),
    ],
)
def test_coreml(layer: str, kind: str, shapes: Shapes, functions: tuple[str, ...]) -> None:
    found = only(network(layer, shapes, activations=functions))
    assert (found.name, found.type, found.input_size, found.hidden_size) == ("rnn", kind, 5, 7)
    assert (found.bidirectional, found.biases) == (layer == "biDirectionalLSTM", "one")
    assert found.known.get("nonlinearity") == ("relu" if kind == "RNN" else None)
    assert (found.unknown, found.remarks, found.known_from) == ({}, (), f"a layer {layer}")
    assert agrees(found)


def test_what_a_layer_of_coreml_says() -> None:
    found = only(network("uniDirectionalLSTM", coreml("LSTM"), reverseInput=True, forgetBias=True))
    assert found.reverse
    assert "CoreML adds 1 to b_f" in found.remarks[0]
    assert "+ b_f + 1)" in layer_of(found).equations()
    other = only(network("gru", coreml("GRU"), activations=("sigmoidHard", "ReLU")))
    assert other.remarks == ("Its functions are sigmoidhard, relu; torch's are sigmoid, tanh.",)
    usual = ("sigmoid", "tanh", "tanh")
    both = coreml("LSTM", "forward/") | coreml("LSTM", "backward/")
    backward = only(network("biDirectionalLSTM", both, activationsBackwardLSTM=("sigmoid", "ReLU", "tanh")))
    assert backward.remarks[0].startswith("Its second direction's functions are sigmoid, relu, tanh; torch's are ")
    assert only(network("biDirectionalLSTM", both, activationsBackwardLSTM=usual)).remarks == ()
    silent = only(network("gru", coreml("GRU"), activations=()))
    assert silent.unknown == {"activation": "not in the file"}


def test_coupled_gates_are_undecided() -> None:
    found = network("uniDirectionalLSTM", coreml("LSTM"), coupledInputAndForgetGate=True)
    assert found.layers == ()
    assert "input and forget gates are one" in found.undecided[0]


# --- what a file calls recurrent and no rule reads ---------------------------------------------------------


def test_a_pickled_module_without_its_tensors_is_undecided() -> None:
    found = identified({"other.weight": (3, 4)}, [HeldLayer("a.rnn", "torch.nn.modules.rnn.LSTM", {"hidden_size": 7})])
    assert found.undecided == (
        "a.rnn looks recurrent: the file calls it torch.nn.modules.rnn.LSTM, and its tensors are not there",
    )


def test_a_layer_that_the_file_calls_recurrent_is_never_left_out() -> None:
    shapes = {"w": (3, 4), "r": (3, 3)}
    found = identified(shapes, [HeldLayer("x", "BlockLSTM", {}, {"W": "w", "R": "r"})])
    assert found.undecided == ("2 tensors look recurrent (x...), the file calls it BlockLSTM, which no rule reads",)
