"""CoreML models, made by hand here: coremltools is not installed. Once, models that it made were read the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from protobuf_bytes import field, floats, message
from spoilt import every_cut, read_of_each

from rnninspect.files.held import Held, HeldLayer, HeldTensor, Unreadable
from rnninspect.files.read import read as read_any
from rnninspect.files.readers import coreml as reader
from rnninspect.files.source import Source

# Unequal sizes: input, hidden.
I, H = 5, 3  # noqa: E741
SIGMOID, TANH, RELU = field(40, b""), field(30, b""), field(10, b"")
GRU_GATES = ("updateGate", "resetGate", "outputGate")
LSTM_GATES = ("inputGate", "forgetGate", "blockInput", "outputGate")
ROLES = {"WeightMatrix": (H, I), "RecursionMatrix": (H, H), "BiasVector": (H,)}


def read(data: bytes) -> Held:
    return reader.read(Source.of(data, "bytes"), "bytes")


def weight(count: int, kind: str = "float32") -> bytes:
    """A WeightParams."""
    if kind == "float32":
        return field(1, floats(*[0.5] * count))
    if kind == "float16":
        return field(2, bytes(2 * count))
    if kind == "int8":
        return field(31, bytes(count))
    bits = int(kind)
    return field(30, bytes(-(-count * bits // 8))) + field(40, message((1, bits)))


def layer(name: str, number: int, params: bytes) -> tuple[int, bytes]:
    return 1, message((1, name), (2, "in"), (3, "out"), (number, params))


def model(*layers: tuple[int, bytes], kind: int = 500) -> bytes:
    return message((1, 4), (2, message((1, message((1, "in"))))), (kind, message(*layers)))


def lstm_weights(kind: str = "float32", biases: bool = True, peepholes: bool = False) -> bytes:
    fields = [
        (first + place, weight(count, kind))
        for first, count in ((1, H * I), (20, H * H), *([(40, H)] if biases else []))
        for place in range(4)
    ]
    return message(*fields, *((60 + place, weight(H, kind)) for place in range(3 if peepholes else 0)))


def lstm(name: str = "lstm", kind: str = "float32") -> tuple[int, bytes]:
    params = message((10, 1), (20, 1))
    activations = [(10, SIGMOID), (10, TANH), (10, TANH)]
    return layer(name, 420, message((1, I), (2, H), *activations, (15, params), (20, lstm_weights(kind))))


def shapes(gates: tuple[str, ...], prefix: str = "") -> dict[str, tuple[int, ...]]:
    return {f"{prefix}{gate}{end}": shape for end, shape in ROLES.items() for gate in gates}


def held_shapes(held: Held, found: HeldLayer) -> dict[str, tuple[int, ...]]:
    return {role: held.tensors[name].shape for role, name in found.tensors.items()}


# --- every layer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", [303, 403, 500])
def test_an_lstm_with_all_that_it_says(network: int) -> None:
    held = read(model(lstm(), kind=network))
    (found,) = held.layers
    assert (found.name, found.kind) == ("lstm", "uniDirectionalLSTM")
    assert found.said == {
        "inputVectorSize": I,
        "outputVectorSize": H,
        "reverseInput": False,
        "sequenceOutput": True,
        "hasBiasVectors": True,
        "forgetBias": False,
        "hasPeepholeVectors": False,
        "coupledInputAndForgetGate": False,
        "activations": ("sigmoid", "tanh", "tanh"),
    }
    assert held_shapes(held, found) == shapes(LSTM_GATES)
    assert held.tensors["lstm/blockInputWeightMatrix"] == HeldTensor("lstm/blockInputWeightMatrix", (H, I), "float32")
    assert (held.format, held.damage, held.notes) == ("CoreML", "", ())


def test_an_lstm_of_two_directions() -> None:
    params = message((30, 1), (40, 1), (50, 1), (60, 2.5))
    weights = lstm_weights(biases=False, peepholes=True)
    activations = [(10, SIGMOID), (10, TANH), (10, RELU), (11, SIGMOID), (11, TANH), (11, TANH)]
    data = message((1, I), (2, H), *activations, (15, params), (20, weights), (20, weights))
    held = read(model(layer("both", 430, data)))
    (found,) = held.layers
    assert found.said == {
        "inputVectorSize": I,
        "outputVectorSize": H,
        "sequenceOutput": False,
        "hasBiasVectors": False,
        "forgetBias": True,
        "hasPeepholeVectors": True,
        "coupledInputAndForgetGate": True,
        "cellClipThreshold": 2.5,
        "activations": ("sigmoid", "tanh", "ReLU"),
        "activationsBackwardLSTM": ("sigmoid", "tanh", "tanh"),
    }
    expected = shapes(LSTM_GATES, "forward/") | shapes(LSTM_GATES, "backward/")
    peepholes = {f"{way}/{gate}PeepholeVector" for way in ("forward", "backward") for gate in LSTM_GATES}
    assert held_shapes(held, found) == {
        **{role: shape for role, shape in expected.items() if "Bias" not in role},
        **{role: (H,) for role in peepholes if "blockInput" not in role},
    }
    assert "both/backward/inputGateWeightMatrix" in held.tensors


def test_a_gru() -> None:
    fields = [
        (first + place, weight(count)) for first, count in ((30, H * I), (50, H * H), (70, H)) for place in range(3)
    ]
    sizes = [(1, I), (2, H)]
    held = read(model(layer("gru", 410, message(*sizes, (10, SIGMOID), (10, TANH), (20, 1), *fields, (100, 1)))))
    assert held_shapes(held, held.layers[0]) == shapes(GRU_GATES)
    assert held.layers[0].said == {
        "inputVectorSize": I,
        "outputVectorSize": H,
        "sequenceOutput": False,
        "hasBiasVectors": True,
        "reverseInput": True,
        "activations": ("sigmoid", "tanh"),
    }


# The first field of each kind of weights, as NeuralNetwork.proto has it, for the gates in order.
FIELDS = {
    420: (LSTM_GATES, {"WeightMatrix": 1, "RecursionMatrix": 20, "BiasVector": 40}),
    410: (GRU_GATES, {"WeightMatrix": 30, "RecursionMatrix": 50, "BiasVector": 70}),
}


@pytest.mark.parametrize(("number", "gates", "firsts"), [(number, *said) for number, said in FIELDS.items()])
def test_every_weight_is_the_one_of_its_field(number: int, gates: tuple[str, ...], firsts: dict[str, int]) -> None:
    fields = {first + k: gate + end for end, first in firsts.items() for k, gate in enumerate(gates)}
    for place, role in fields.items():
        one = (place, weight(H * I))
        params = message((1, I), (2, H), (20, message(one)) if number == 420 else one)
        assert set(read(model(layer("rnn", number, params))).layers[0].tensors) == {role}


def test_a_simple_layer() -> None:
    fields = [(30, weight(H * I)), (31, weight(H * H)), (32, weight(H))]
    held = read(model(layer("rnn", 400, message((1, I), (2, H), (10, RELU), (15, 1), (20, 1), *fields))))
    assert held_shapes(held, held.layers[0]) == {"weightMatrix": (H, I), "recursionMatrix": (H, H), "biasVector": (H,)}
    assert held.layers[0].said["activations"] == ("ReLU",)
    assert held.layers[0].said["hasBiasVector"] is True


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("float16", "float16"), ("int8", "int8"), ("4", "4 bits, quantized"), ("8", "8 bits, quantized")],
)
def test_weights_that_are_smaller(kind: str, dtype: str) -> None:
    held = read(model(lstm(kind=kind)))
    assert {tensor.dtype for tensor in held.tensors.values()} == {dtype}
    assert held.damage == ""


def test_weights_that_are_too_few_are_damage() -> None:
    params = message((1, I), (2, H), (30, weight(7)), (31, weight(H * H)), (32, weight(0)))
    held = read(model(layer("rnn", 400, params)))
    assert held.damage == "rnn/weightMatrix (3, 5) takes 15 values, and 7 are there"
    assert set(held.tensors) == {"rnn/weightMatrix", "rnn/recursionMatrix"}


# --- ML programs -----------------------------------------------------------------------------------------

FLOAT32, INT32, BOOL, TEXT = 11, 23, 1, 2


def named(name: str, dtype: int, *sizes: int) -> bytes:
    """A NamedValueType."""
    dims = [(3, message((1, message((1, size)) if size else b""))) for size in sizes]
    return message((1, name), (2, field(1, message((1, dtype), (2, len(sizes)), *dims))))


def const(name: str, dtype: int, *sizes: int, value: bytes = b"", kind: str = "const") -> tuple[int, bytes]:
    return 3, message((1, kind), (3, named(name, dtype, *sizes)), (5, message((1, "val"), (2, value))))


def immediate(number: int, content: bytes) -> bytes:
    return field(3, message((1, message((number, content)))))


def in_file(offset: int, name: str = "@model_path/weights/weight.bin") -> bytes:
    return field(5, message((1, name), (2, offset)))


def operation(kind: str, name: str, *blocks: bytes, **inputs: str) -> tuple[int, bytes]:
    bound = [(2, message((1, key), (2, message((1, message((1, value))))))) for key, value in inputs.items()]
    return 3, message((1, kind), *bound, (3, named(name, FLOAT32, 2, H)), *((4, block) for block in blocks))


def program(*operations: tuple[int, bytes], functions: tuple[str, ...] = ("main",)) -> bytes:
    block = message((1, "CoreML5"), (2, message(*operations)))
    inner = [(2, message((1, name), (2, message((2, "CoreML5"), (3, block))))) for name in functions]
    return message((1, 6), (2, message((1, b""))), (502, message((1, 1), *inner)))


CONSTANTS = [
    const("w", FLOAT32, 4 * H, I, value=in_file(64)),
    const("r", FLOAT32, 4 * H, H, value=in_file(448), kind="constexpr_lut_to_dense"),
    const("b", 10, 4 * H, value=immediate(7, field(1, bytes(8 * H)))),
    const("way", TEXT, value=immediate(4, field(1, "reverse"))),
    const("yes", BOOL, value=immediate(3, field(1, bytes([1])))),
    const("clip", FLOAT32, value=immediate(1, field(1, floats(2.5)))),
    const("axes", INT32, 1, value=immediate(2, field(1, b"\0"))),
]


def test_the_operators_of_an_ml_program_and_their_weights(tmp_path: Path) -> None:
    inputs = {"x": "x", "initial_h": "h", "weight_ih": "w", "weight_hh": "r", "bias": "b", "peephole": "made"}
    options = {"direction": "way", "output_sequence": "yes", "clip": "clip"}
    inner = message(operation("gru", "inner", weight_ih="w", weight_hh="r", reset_after="yes"))
    data = program(*CONSTANTS, operation("lstm", "y", **inputs, **options), operation("cond", "z", inner))
    folder = tmp_path / "Data" / "com.apple.CoreML"
    (folder / "weights").mkdir(parents=True)
    (folder / "model.mlmodel").write_bytes(data)
    (folder / "weights" / "weight.bin").write_bytes(bytes(448))
    held = read_any(str(folder / "model.mlmodel"))
    assert held.tensors == {
        "w": HeldTensor("w", (4 * H, I), "float32"),
        "r": HeldTensor("r", (4 * H, H), "float32"),
        "b": HeldTensor("b", (4 * H,), "float16"),
    }
    said = {"peephole": "computed", "direction": "reverse", "output_sequence": True, "clip": 2.5}
    assert held.layers == (
        HeldLayer("y", "lstm", said, {"weight_ih": "w", "weight_hh": "r", "bias": "b"}),
        HeldLayer("inner", "gru", {"reset_after": True}, {"weight_ih": "w", "weight_hh": "r"}),
    )
    assert (held.format, held.damage) == ("CoreML (ML program)", "")
    assert read_any(str(tmp_path)).layers == held.layers
    (folder / "weights" / "weight.bin").write_bytes(bytes(447))
    damage = "weights in weights/weight.bin, which should have 448 bytes and has 447"
    assert read_any(str(tmp_path)).damage == damage


@pytest.mark.parametrize(("number", "dtype"), [(21, "int8"), (22, "int16"), (31, "uint8"), (33, "uint32")])
def test_whole_numbers_of_a_program(number: int, dtype: str) -> None:
    held = read(program(const("w", number, H, I), operation("rnn", "y", weight_ih="w")))
    assert held.tensors["w"].dtype == dtype


def test_functions_of_a_program_stay_apart() -> None:
    cell = operation("rnn", "y", weight_ih="w")
    held = read(program(const("w", FLOAT32, H, I), cell, functions=("one", "two")))
    assert set(held.tensors) == {"w", "two/w"}
    assert [(found.name, found.tensors) for found in held.layers] == [
        ("y", {"weight_ih": "w"}),
        ("two/y", {"weight_ih": "two/w"}),
    ]


def test_a_program_that_was_cut_off_anywhere_is_one_line() -> None:
    data = program(*CONSTANTS, operation("lstm", "y", weight_ih="w"))
    assert read_of_each(read, every_cut(data)) == []


def test_blocks_ten_thousand_deep_end() -> None:
    block = b""
    for _ in range(3_000):
        block = message(operation("loop", "l", block))
    with pytest.raises(Unreadable, match="blocks within blocks, more than 32 deep"):
        read(program(operation("loop", "l", block)))


def test_a_program_within_a_pipeline_is_refused_by_name() -> None:
    with pytest.raises(Unreadable, match="an ML program within a pipeline, which is not read"):
        read(message((1, 6), (202, message((1, program())))))


# --- networks within networks ----------------------------------------------------------------------------


def test_layers_in_branches_loops_and_pipelines() -> None:
    branch = layer("branch", 605, message((1, message(lstm("a"))), (2, message(lstm("b")))))
    loop = layer("loop", 615, message((3, message(lstm("c"))), (4, message(lstm("c")))))
    inner = model(layer("dense", 140, b""), branch, loop)
    pipeline = message((1, inner), (1, model(lstm("d"))))
    for whole in (
        message((202, pipeline)),
        message((200, message((1, pipeline)))),
        message((201, message((1, pipeline)))),
    ):
        held = read(message((1, 4)) + whole)
        assert {found.name for found in held.layers} == {"a", "b", "c", "c (2)", "d"}
        assert held.notes == ("3 layers that are not recurrent: their weights are not listed",)
        assert all(set(found.tensors.values()) <= set(held.tensors) for found in held.layers)
        assert len(held.tensors) == 5 * 12


def test_a_model_that_is_no_network_has_no_layer() -> None:
    assert read(message((1, 4), (2, b""), (302, message((1, 7))))).layers == ()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (message((1, 4), (2, b"")), "no CoreML model: it has no network"),
        (model(layer("x", 400, message((2, 2**40)))), "a layer of 1,099,511,627,776 units"),
        (model((1, message((1, "x"), (400, 3)))), "field 400 is a number where a text or a message is expected"),
    ],
)
def test_what_is_none_is_one_line(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable) as error:
        read(data)
    assert said in str(error.value)


def test_networks_and_models_ten_thousand_deep_end() -> None:
    network, whole = b"", model()
    for _ in range(3_000):
        network = message(layer("b", 605, message((1, network))))
        whole = message((1, 4), (202, message((1, whole))))
    for data in (message((1, 4), (500, network)), whole):
        with pytest.raises(Unreadable, match="more than 32 deep"):
            read(data)


def test_a_model_that_was_cut_off_anywhere_is_one_line() -> None:
    data = model(lstm())
    assert read_of_each(read, every_cut(data)) == []


def test_a_model_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "any name"
    path.write_bytes(model(lstm()))
    assert read_any(str(path)).layers == read(path.read_bytes()).layers
