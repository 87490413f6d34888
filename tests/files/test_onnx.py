"""ONNX models that onnx itself and torch write, read without either."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from protobuf_bytes import field, message
from spoilt import every_cut, read_of_each

from rnninspect.files.held import UNROLLED, Held, HeldLayer, Unreadable
from rnninspect.files.protobuf_kind import protobuf_kind
from rnninspect.files.readers import onnx as reader
from rnninspect.files.source import Source, source_of

# Unequal sizes: input, hidden.
I, H = 5, 3  # noqa: E741
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
TORCH = pytest.mark.torch


def read(path: Path) -> Held:
    with source_of(str(path)) as source:
        return reader.read(source, str(path))


def read_bytes(data: bytes) -> Held:
    return reader.read(Source.of(data, "bytes"), "bytes")


def array(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return (np.arange(math.prod(shape)) % 7).reshape(shape).astype(dtype)


def weights(op: str, directions: int = 1, peepholes: bool = False, dtype: Any = np.float32) -> dict[str, np.ndarray]:
    gates = GATES[op]
    found = {
        "W": array(directions, gates * H, I, dtype=dtype),
        "R": array(directions, gates * H, H, dtype=dtype),
        "B": array(directions, 2 * gates * H, dtype=dtype),
    }
    return found | ({"P": array(directions, 3 * H, dtype=dtype)} if peepholes else {})


def model(
    nodes: Sequence[onnx.NodeProto],
    tensors: Mapping[str, np.ndarray],
    functions: Sequence[onnx.FunctionProto] = (),
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, None, I])],
        [],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 21), *(helper.make_opsetid(name, 1) for name in domains)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions)


def layers_of(made: onnx.ModelProto) -> tuple[HeldLayer, ...]:
    return read_bytes(made.SerializeToString()).layers


# --- every operator, every option ------------------------------------------------------------------------

OPTIONS = [
    ("LSTM", {"hidden_size": H}),
    ("LSTM", {"hidden_size": H, "direction": "reverse", "layout": 1, "input_forget": 1, "clip": 2.5}),
    ("LSTM", {"hidden_size": H, "direction": "bidirectional", "activations": ["Sigmoid", "Tanh", "Relu"] * 2}),
    ("GRU", {"hidden_size": H, "linear_before_reset": 1}),
    ("GRU", {"hidden_size": H, "linear_before_reset": 0, "direction": "bidirectional"}),
    ("GRU", {"activations": ["HardSigmoid", "Affine"], "activation_alpha": [0.25, 0.5], "activation_beta": [0.5, 2.0]}),
    ("RNN", {"hidden_size": H, "activations": ["Relu"]}),
    ("RNN", {"hidden_size": H, "direction": "bidirectional", "activations": ["Tanh", "Tanh"]}),
]


@pytest.mark.parametrize(("op", "options"), OPTIONS)
@pytest.mark.parametrize("peepholes", [False, True])
def test_a_node_is_a_layer_with_all_that_it_says(op: str, options: dict[str, Any], peepholes: bool) -> None:
    peepholes = peepholes and op == "LSTM"
    values = weights(op, 2 if options.get("direction") == "bidirectional" else 1, peepholes)
    inputs = ["X", "W", "R", "B", "", "", *(["", "P"] if peepholes else [])]
    made = model([helper.make_node(op, inputs, ["Y"], name="layer", **options)], values)
    held = read_bytes(made.SerializeToString())
    expected = {key: tuple(map(str, value)) if isinstance(value, list) else value for key, value in options.items()}
    assert held.layers == (HeldLayer("layer", op, expected, {role: role for role in values}),)
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in held.tensors.items()} == {
        name: (value.shape, "float32") for name, value in values.items()
    }
    assert held.tensors["B"].values == tuple(values["B"].ravel().tolist())
    assert [name for name, tensor in held.tensors.items() if tensor.values is not None] == ["B"]
    assert (held.format, held.damage, held.notes) == ("ONNX", "", ())


def test_a_layer_without_a_bias_and_without_a_name() -> None:
    values = weights("GRU")
    made = model([helper.make_node("GRU", ["X", "W", "R"], ["", "last"], hidden_size=H)], values)
    assert layers_of(made) == (HeldLayer("last", "GRU", {"hidden_size": H}, {"W": "W", "R": "R"}),)


def test_layers_of_one_name_stay_apart() -> None:
    values = weights("RNN")
    nodes = [helper.make_node("RNN", ["X", "W", "R"], [f"Y{count}"], name="same") for count in range(3)]
    assert [layer.name for layer in layers_of(model(nodes, values))] == ["same", "same (2)", "same (3)"]


def test_the_dynamic_one_of_onnx_runtime() -> None:
    values = {"W": array(1, I, 4 * H, dtype=np.int8), "R": array(1, H, 4 * H, dtype=np.int8), "B": array(1, 8 * H)}
    extra = {name: array(1) for name in ("ws", "wz", "rs", "rz")}
    inputs = ["X", "W", "R", "B", "", "", "", "", "ws", "wz", "rs", "rz"]
    node = helper.make_node("DynamicQuantizeLSTM", inputs, ["Y"], domain="com.microsoft", name="q", hidden_size=H)
    held = read_bytes(model([node], values | extra, domains=["com.microsoft"]).SerializeToString())
    assert held.layers == (HeldLayer("q", "DynamicQuantizeLSTM", {"hidden_size": H}, {"W": "W", "R": "R", "B": "B"}),)
    assert held.tensors["W"] == ("W", (1, I, 4 * H), "int8", None)


@pytest.mark.parametrize(
    ("op", "domain", "kind"),
    [("LSTM", "ai.onnx", "LSTM"), ("LSTM", "my.own", "my.own.LSTM"), ("AttnLSTM", "com.microsoft", None)],
)
def test_an_operator_of_another_domain_is_called_so(op: str, domain: str, kind: str | None) -> None:
    made = model([helper.make_node(op, ["X", "W", "R"], ["Y"], domain=domain)], weights("LSTM"), domains=[domain])
    assert [layer.kind for layer in layers_of(made)] == [kind or f"{domain}.{op}"]


# --- tensors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
@pytest.mark.parametrize("raw", [True, False])
def test_a_bias_is_read_however_it_is_kept(dtype: Any, raw: bool) -> None:
    values = weights("LSTM", dtype=dtype)
    made = model([helper.make_node("LSTM", ["X", "W", "R", "B"], ["Y"])], values)
    if not raw:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        for tensor in made.graph.initializer:
            tensor.CopyFrom(helper.make_tensor(tensor.name, kind, tensor.dims, values[tensor.name].ravel().tolist()))
    held = read_bytes(made.SerializeToString())
    assert held.tensors["B"].dtype == np.dtype(dtype).name
    assert held.tensors["B"].values == tuple(values["B"].ravel().tolist())
    assert held.damage == ""


@TORCH
def test_every_tensor_is_what_onnx_says(tmp_path: Path) -> None:
    skipped = {"UNDEFINED", "UINT2", "INT2", "FLOAT6E2M3", "FLOAT6E3M2"}
    made = model([], {})
    for name, number in TensorProto.DataType.items():
        if name not in skipped:
            values = ["a", "b"] if name == "STRING" else [1, 0]
            made.graph.initializer.append(helper.make_tensor(name, number, (2, 1), values))
    onnx.save(made, tmp_path / "m.onnx")
    held = read(tmp_path / "m.onnx")
    assert list(held.tensors) == [tensor.name for tensor in onnx.load(tmp_path / "m.onnx").graph.initializer]
    assert {tensor.shape for tensor in held.tensors.values()} == {(2, 1)}
    assert held.damage == ""
    torch = pytest.importorskip("torch")
    theirs = {"STRING": "string", "UINT4": "uint4", "INT4": "int4", "FLOAT4E2M1": "float4_e2m1"}
    for name, tensor in held.tensors.items():
        if name in theirs:
            assert tensor.dtype == theirs[name]
        else:
            assert isinstance(getattr(torch, tensor.dtype), torch.dtype)


def test_a_sparse_tensor_has_the_shape_that_it_stands_for() -> None:
    made = model([], {})
    values = helper.make_tensor("S", TensorProto.FLOAT, [2], [1.0, 2.0])
    indices = helper.make_tensor("S_indices", TensorProto.INT64, [2], [3, 7])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4, 6]))
    held = read_bytes(made.SerializeToString())
    assert held.tensors["S"].shape == (4, 6)
    assert held.notes == ("1 of its tensors are sparse: the shapes are the dense ones",)


@pytest.mark.parametrize(
    ("change", "damage"),
    [
        (lambda tensor: tensor.ClearField("raw_data"), "W has no elements"),
        (lambda tensor: setattr(tensor, "raw_data", b"123"), "W of float32 (1, 9, 5) takes 180 bytes, and 3 are there"),
    ],
)
def test_elements_that_are_missing_are_damage(change: Any, damage: str) -> None:
    made = model([helper.make_node("GRU", ["X", "W", "R"], ["Y"])], weights("GRU"))
    change(next(tensor for tensor in made.graph.initializer if tensor.name == "W"))
    held = read_bytes(made.SerializeToString())
    assert held.damage == damage
    assert held.tensors["W"].shape == (1, 3 * H, I)


# --- weights beside the model ----------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    made = model([helper.make_node("LSTM", ["X", "W", "R", "B"], ["Y"])], weights("LSTM"))
    path = tmp_path / "m.onnx"
    onnx.save(made, path, save_as_external_data=True, location="m.data", size_threshold=0)
    return path


def test_weights_beside_a_model_are_not_read(outside: Path) -> None:
    held = read(outside)
    assert {name: tensor.shape for name, tensor in held.tensors.items()} == {
        name: value.shape for name, value in weights("LSTM").items()
    }
    assert (held.damage, held.tensors["B"].values) == ("", None)


def test_weights_that_are_not_there_are_damage(outside: Path) -> None:
    (outside.parent / "m.data").unlink()
    held = read(outside)
    assert held.damage == "weights in m.data, which is not there"
    assert held.layers[0].tensors == {"W": "W", "R": "R", "B": "B"}


def test_weights_that_were_cut_off_are_damage(outside: Path) -> None:
    data = outside.parent / "m.data"
    size = data.stat().st_size
    data.write_bytes(data.read_bytes()[:-1])
    assert read(outside).damage == f"weights in m.data, which should have {size:,} bytes and has {size - 1:,}"


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../m.data", "a/../../m.data", r"..\m.data", "C:/m.data", "", ".", "a\0b"]
)
def test_weights_outside_of_the_folder_are_not_looked_for(outside: Path, location: str) -> None:
    made = onnx.load(outside, load_external_data=False)
    for tensor in made.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    outside.write_bytes(made.SerializeToString())
    assert "which is not in the model's folder: not looked for" in read(outside).damage


def test_a_link_is_looked_at_as_caches_have_them(outside: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "m.onnx").write_bytes(outside.read_bytes())
    (inner / "m.data").symlink_to(tmp_path / "m.data")
    assert read(inner / "m.onnx").damage == ""


def test_a_folder_that_is_a_link_leads_nowhere_else(outside: Path, tmp_path: Path) -> None:
    made = onnx.load(outside, load_external_data=False)
    for tensor in made.graph.initializer:
        tensor.external_data[0].value = "weights/m.data"
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "m.onnx").write_bytes(made.SerializeToString())
    (inner / "weights").symlink_to(tmp_path)
    assert "which is not in the model's folder: not looked for" in read(inner / "m.onnx").damage


# --- where a weight comes from ---------------------------------------------------------------------------


def of_one_lstm(nodes: Sequence[onnx.NodeProto], tensors: Mapping[str, np.ndarray], weight: str = "V") -> Held:
    made = model([*nodes, helper.make_node("LSTM", ["X", weight, "R", "B"], ["Y"])], weights("LSTM") | tensors)
    return read_bytes(made.SerializeToString())


def test_an_identity_is_a_second_name() -> None:
    nodes = [helper.make_node("Identity", ["W"], ["U"]), helper.make_node("Identity", ["U"], ["V"])]
    held = of_one_lstm(nodes, {})
    assert held.aliases == {"U": "W", "V": "W"}
    assert held.layers[0].tensors == {"W": "W", "R": "R", "B": "B"}


def test_a_constant_is_a_tensor() -> None:
    value = array(1, 4 * H, I)
    nodes = [
        helper.make_node("Constant", [], ["V"], value=numpy_helper.from_array(value, "inner")),
        helper.make_node("Constant", [], ["axes"], value=numpy_helper.from_array(np.array([0]))),
        helper.make_node("Constant", [], ["one"], value=numpy_helper.from_array(np.float32(1))),
        helper.make_node("Constant", [], ["other"], value_float=1.0),
    ]
    held = of_one_lstm(nodes, {})
    assert held.layers[0].tensors["W"] == "V"
    assert held.tensors["V"].shape == value.shape
    assert set(held.tensors) == {"W", "R", "B", "V"}


@pytest.mark.parametrize("domain", ["", "com.microsoft"])
def test_a_quantized_weight_is_the_one_that_is_kept(domain: str) -> None:
    kept = {"q": array(1, 4 * H, I, dtype=np.int8), "scale": array(1), "zero": array(1, dtype=np.int8)}
    node = helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["V"], domain=domain)
    held = of_one_lstm([node], kept)
    assert held.layers[0].tensors["W"] == "q"
    assert held.tensors["q"].dtype == "int8"


def test_a_weight_in_another_shape_says_through_what() -> None:
    nodes = [helper.make_node("Cast", ["w"], ["c"], to=1), helper.make_node("Unsqueeze", ["c", "axes"], ["V"])]
    held = of_one_lstm(nodes, {"w": array(4 * H, I), "axes": np.array([0])})
    assert held.layers[0].tensors["W"] == "w"
    assert held.layers[0].said == {"W seen through": ("Unsqueeze",)}


def test_a_weight_of_parts_says_of_which() -> None:
    nodes = [
        helper.make_node("Slice", ["w", "starts", "ends"], ["s"]),
        helper.make_node("Transpose", ["u"], ["t"]),
        helper.make_node("Concat", ["s", "t", "s"], ["c"], axis=0),
        helper.make_node("Unsqueeze", ["c", "axes"], ["V"]),
    ]
    numbers = {name: np.array([0]) for name in ("starts", "ends", "axes")}
    held = of_one_lstm(nodes, {"w": array(H, I), "u": array(I, H), **numbers})
    assert held.layers[0].tensors == {"R": "R", "B": "B"}
    assert held.layers[0].said == {"W": "computed by Concat", "W made of": ("w", "u")}


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([helper.make_node("MatMul", ["W", "R"], ["V"])], "computed by MatMul"),
        (
            [helper.make_node("MatMul", ["W", "R"], ["M"]), helper.make_node("Concat", ["M", "W"], ["V"])],
            "computed by Concat",
        ),
        ([helper.make_node("Identity", ["X"], ["V"])], "given as an input"),
        ([], "given as an input"),
        ([helper.make_node("Identity", ["V"], ["V"])], "computed"),
        ([helper.make_node("Identity", ["W"], ["V"], domain="my.own")], "computed by Identity"),
    ],
)
def test_a_weight_that_is_computed_is_said_so(nodes: list[onnx.NodeProto], said: str) -> None:
    layer = of_one_lstm(nodes, {}).layers[0]
    assert (layer.tensors, layer.said) == ({"R": "R", "B": "B"}, {"W": said})


def test_an_initializer_that_is_an_input_too_is_a_tensor() -> None:
    made = model([helper.make_node("RNN", ["X", "W", "R"], ["Y"])], weights("RNN"))
    made.graph.input.append(helper.make_tensor_value_info("W", TensorProto.FLOAT, [1, H, I]))
    assert layers_of(made)[0].tensors == {"W": "W", "R": "R"}


# --- graphs within graphs --------------------------------------------------------------------------------


def branch(name: str, tensors: Mapping[str, np.ndarray], weight: str = "W") -> onnx.GraphProto:
    node = helper.make_node("GRU", ["X", weight, "R"], ["Y"], name="inner")
    return helper.make_graph(
        [node], name, [], [], [numpy_helper.from_array(value, key) for key, value in tensors.items()]
    )


def test_layers_in_branches_read_the_graph_around_them() -> None:
    values = weights("GRU")
    del values["B"]
    own = {"W": array(1, 3 * H, 2)}
    node = helper.make_node(
        "If", ["c"], ["Y"], name="choice", then_branch=branch("a", {}), else_branch=branch("b", own)
    )
    held = read_bytes(model([node], values).SerializeToString())
    # onnx writes attributes by their names: else_branch first.
    assert held.layers == (
        HeldLayer("inner", "GRU", {}, {"W": "choice/W", "R": "R"}),
        HeldLayer("choice/inner", "GRU", {}, {"W": "W", "R": "R"}),
    )
    assert held.tensors["choice/W"] == ("choice/W", (1, 3 * H, 2), "float32", None)


def test_what_a_loop_carries_is_an_input() -> None:
    body = branch("body", {}, "carried")
    body.input.append(helper.make_tensor_value_info("carried", TensorProto.FLOAT, None))
    node = helper.make_node("Loop", ["n", "c", "W"], ["Z"], body=body)
    held = read_bytes(model([node], weights("GRU") | {"carried": array(1)}).SerializeToString())
    assert (held.layers[0].tensors, held.layers[0].said) == ({"R": "R"}, {"W": "given as an input"})


def function(name: str, nodes: Sequence[onnx.NodeProto], inputs: Sequence[str], **more: Any) -> onnx.FunctionProto:
    return helper.make_function("my.own", name, inputs, ["Y"], nodes, [helper.make_opsetid("", 21)], **more)


def referring(op: str, inputs: Sequence[str], **refers: str) -> onnx.NodeProto:
    node = helper.make_node(op, inputs, ["Y"], name="cell", layout=1)
    for name, other in refers.items():
        kind = onnx.AttributeProto.STRING if name == "direction" else onnx.AttributeProto.INT
        node.attribute.append(onnx.AttributeProto(name=name, ref_attr_name=other, type=kind))
    return node


def test_a_function_is_read_at_each_call() -> None:
    inner = function(
        "inner",
        [referring("GRU", ["x", "w", "r", "b"], hidden_size="units", direction="way", linear_before_reset="lbr")],
        ["x", "w", "r", "b"],
        attributes=["units", "lbr"],
        attribute_protos=[helper.make_attribute("way", "forward")],
    )
    outer = function("outer", [helper.make_node("inner", ["x", "w", "R"], ["Y"], domain="my.own", units=H)], ["x", "w"])
    outer.node[0].input[2] = "r"
    outer.node.insert(0, helper.make_node("Constant", [], ["r"], value=numpy_helper.from_array(array(1, 3 * H, H))))
    values = weights("GRU") | {"W2": array(1, 3 * H, 2)}
    nodes = [
        helper.make_node("inner", ["X", "W", "R", "B"], ["a"], domain="my.own", name="first", units=H, way="reverse"),
        helper.make_node("outer", ["X", "W2"], ["b"], domain="my.own", name="second"),
    ]
    held = read_bytes(model(nodes, values, [outer, inner], ["my.own"]).SerializeToString())
    assert held.layers == (
        HeldLayer(
            "first/cell", "GRU", {"layout": 1, "hidden_size": H, "direction": "reverse"}, {"W": "W", "R": "R", "B": "B"}
        ),
        HeldLayer(
            "second/Y/cell", "GRU", {"layout": 1, "hidden_size": H, "direction": "forward"}, {"W": "W2", "R": "r"}
        ),
    )


def test_a_function_that_calls_itself_ends() -> None:
    one = function("one", [helper.make_node("one", ["x"], ["Y"], domain="my.own")], ["x"])
    made = model([helper.make_node("one", ["X"], ["b"], domain="my.own")], {}, [one], ["my.own"])
    with pytest.raises(Unreadable, match="more than 64 graphs within each other"):
        read_bytes(made.SerializeToString())


def test_functions_that_double_end() -> None:
    names = [f"f{count}" for count in range(40)]
    functions = [
        function(name, [helper.make_node(below, ["x"], ["Y"], domain="my.own") for _ in range(2)], ["x"])
        for name, below in zip(names, [*names[1:], "none"], strict=True)
    ]
    made = model([helper.make_node("f0", ["X"], ["b"], domain="my.own")], {}, functions, ["my.own"])
    with pytest.raises(Unreadable, match="or 20,000 in all"):
        read_bytes(made.SerializeToString())


# --- what is none, or hostile ----------------------------------------------------------------------------


def test_a_model_that_was_cut_off_anywhere_is_one_line() -> None:
    made = model([helper.make_node("GRU", ["X", "W", "R", "B"], ["Y"], name="g", hidden_size=H)], weights("GRU"))
    data = made.SerializeToString()
    whole = read_bytes(data)
    found = read_of_each(read_bytes, every_cut(data))
    # What stands behind the graph is of no interest: its end is a model too.
    assert 0 < len(found) < 3
    assert all(held.tensors == whole.tensors for held in found)


def test_a_model_that_was_cut_off_within_its_graph_is_known_as_one() -> None:
    data = model([helper.make_node("GRU", ["X", "W", "R"], ["Y"])], weights("GRU")).SerializeToString()
    cut = data[: len(data) // 2]
    assert protobuf_kind(Source.of(cut)) == "ONNX"
    with pytest.raises(Unreadable, match="it ends too early") as error:
        read_bytes(cut)
    assert error.value.hint == "copy or download it again"


def nested(depth: int) -> bytes:
    """If within If."""
    graph = b""
    for _ in range(depth):
        graph = message((1, message((4, "If"), (5, message((1, "then_branch"), (6, graph), (20, 5))))))
    return message((1, 8), (7, graph))


def test_graphs_ten_thousand_deep_end() -> None:
    assert read_bytes(nested(60)).layers == ()
    with pytest.raises(Unreadable, match="more than 64 graphs within each other"):
        read_bytes(nested(10_000))


def node_of(op: str, *names: str) -> tuple[int, bytes]:
    return 1, message((1, names[0]), (2, names[1]), (4, op))


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (message((5, message((1, -3), (8, "W")))), "a tensor has the shape (-3,)"),
        (message(*[(5, message(*[(1, 2)] * 65))]), "a tensor of more than 64 dimensions"),
        (message((5, 3)), "field 5 is a number where a text or a message is expected"),
        (message((1, message((4, 3)))), "field 4 is a number where a text or a message is expected"),
        (message((15, b"")), "has no values"),
    ],
)
def test_what_is_wrong_within_a_graph_is_one_line(graph: bytes, said: str) -> None:
    with pytest.raises(Unreadable) as error:
        read_bytes(message((1, 8), (7, graph)))
    assert said in str(error.value)


def test_a_file_of_nothing_but_layers_ends() -> None:
    node = field(1, message((1, "x"), (1, "w"), (4, "LSTM")))
    with pytest.raises(Unreadable, match="tensors and 10,000 recurrent nodes that are read of one"):
        read_bytes(message((1, 8), (7, node * 10_001)))


def test_a_million_names_of_one_tensor_end() -> None:
    count = 5_000
    nodes = [node_of("Identity", f"v{place}", f"v{place + 1}") for place in range(count)]
    held = read_bytes(message((1, 8), (7, message(*nodes, (5, message((2, 1), (8, "v0")))))))
    assert set(held.aliases.values()) == {"v0"}
    assert 100 < len(held.aliases) < count


def test_a_shape_that_no_memory_has_is_a_shape() -> None:
    tensor = message((1, 2**62), (1, 2**62), (2, 1), (8, "W"), (9, b"1234"))
    held = read_bytes(message((1, 8), (7, message((5, tensor)))))
    assert held.tensors["W"].elements == 2**124
    assert held.damage.endswith("bytes, and 4 are there")


def test_a_bias_of_any_length_is_not_read() -> None:
    made = model([helper.make_node("LSTM", ["X", "W", "R", "B"], ["Y"])], {"B": array(2**18 + 1)})
    assert read_bytes(made.SerializeToString()).tensors["B"].values is None


def test_names_from_a_file_do_not_break_a_line() -> None:
    made = model([], {"W\n::warning": array(2)})
    made.graph.initializer[0].raw_data = b""
    assert "\n" not in read_bytes(made.SerializeToString()).damage


# --- what torch writes -----------------------------------------------------------------------------------


@TORCH
@pytest.mark.filterwarnings("ignore")  # the exporter's own: that it is old, and what it cannot trace
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("folded", [True, False])
def test_what_torch_exports(kind: str, folded: bool) -> None:
    torch = pytest.importorskip("torch")
    module = getattr(torch.nn, kind)(I, H, num_layers=2, bidirectional=True).eval()
    stream = io.BytesIO()
    torch.onnx.export(module, (torch.zeros(4, 2, I),), stream, dynamo=False, do_constant_folding=folded)
    held = read_bytes(stream.getvalue())
    gates = GATES[kind]
    assert [layer.kind for layer in held.layers] == [kind, kind]
    for layer, inputs, number in zip(held.layers, (I, 2 * H), (0, 1), strict=True):
        assert layer.said["hidden_size"] == H
        assert layer.said["direction"] == "bidirectional"
        assert layer.said.get("linear_before_reset") == (1 if kind == "GRU" else None)
        if folded:
            shapes = {role: held.tensors[name].shape for role, name in layer.tensors.items()}
            assert shapes == {"W": (2, gates * H, inputs), "R": (2, gates * H, H), "B": (2, 2 * gates * H)}
            assert held.tensors[layer.tensors["B"]].values is not None
        else:
            assert layer.tensors == {}
            assert layer.said["W made of"] == (f"weight_ih_l{number}", f"weight_ih_l{number}_reverse")
    if not folded:
        assert {f"bias_hh_l{number}{end}" for number in (0, 1) for end in ("", "_reverse")} <= set(held.tensors)


@TORCH
@pytest.mark.more
@pytest.mark.filterwarnings("ignore")  # the exporter's own
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("optimized", [True, False])
def test_what_the_newer_exporter_of_torch_writes(kind: str, optimized: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    module = getattr(torch.nn, kind)(I, H).eval()
    path = tmp_path / "m.onnx"
    torch.onnx.export(module, (torch.zeros(4, 2, I),), path, dynamo=True, optimize=optimized, external_data=False)
    held = read(path)
    assert [layer.kind for layer in held.layers] == [kind]
    if optimized:
        shapes = {role: held.tensors[name].shape for role, name in held.layers[0].tensors.items()}
        assert shapes == {"W": (1, GATES[kind] * H, I), "R": (1, GATES[kind] * H, H), "B": (1, 2 * GATES[kind] * H)}
    else:
        assert held.layers[0].said["W made of"] == ("weight_ih_l0",)


def test_a_first_cell_state_of_another_width_is_said() -> None:
    values = weights("LSTM") | {"C": array(1, 2, H + 2)}
    made = model([helper.make_node("LSTM", ["X", "W", "R", "B", "", "", "C"], ["Y"], hidden_size=H)], values)
    assert layers_of(made)[0].said == {"hidden_size": H, "initial_c columns": H + 2}
    made.graph.initializer[-1].CopyFrom(numpy_helper.from_array(array(1, 2, H), "C"))
    assert layers_of(made)[0].said == {"hidden_size": H}


@pytest.mark.parametrize(
    ("shape", "times", "told"), [((7, 7), 3, True), ((7, 21), 3, True), ((7, 7), 2, False), ((7, 9), 3, False)]
)
def test_a_matrix_that_several_products_have_is_told(shape: tuple[int, ...], times: int, told: bool) -> None:
    made = model([helper.make_node("MatMul", ["X", "W"], [f"Y{step}"]) for step in range(times)], {"W": array(*shape)})
    assert layers_of(made) == (HeldLayer("W", UNROLLED, {"times": times}, {"matrix": "W"}),) * told
