"""What TensorFlow writes, made by hand here: it is not installed. Once, files that it wrote were read the same."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from protobuf_bytes import field, floats, message, varint
from spoilt import every_cut, read_of_each

from rnninspect.files.held import Held, HeldLayer, HeldTensor, Unreadable
from rnninspect.files.read import read as read_any
from rnninspect.files.readers import tensorflow as reader
from rnninspect.files.readers.tf_table import MAGIC, entries
from rnninspect.files.readers.tf_tensors import dtype_of
from rnninspect.files.source import Source, source_of

FLOAT, INT64, STRING = 1, 9, 7
KERNEL, BIAS = "rnn/lstm_cell/kernel", "rnn/lstm_cell/bias"


def read(path: Path) -> Held:
    with source_of(str(path)) as source:
        return reader.read(source, str(path))


def read_bytes(data: bytes) -> Held:
    return reader.read(Source.of(data, "bytes"), "bytes")


# --- writers ---------------------------------------------------------------------------------------------


def block(pairs: Sequence[tuple[bytes, bytes]], restart_each: int) -> bytes:
    """A block of a table: every so many keys one that is written in full."""
    data, restarts, last = b"", [], b""
    for count, (key, value) in enumerate(pairs):
        shared = 0
        if count % restart_each:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        else:
            restarts.append(len(data))
        data += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return data + b"".join(struct.pack("<I", place) for place in [*restarts, len(restarts)])


def table(pairs: Mapping[bytes, bytes], per_block: int = 3, compression: int = 0) -> bytes:
    data, handles = b"", []
    ordered = sorted(pairs.items())

    def add(content: bytes, kind: int = 0) -> bytes:
        nonlocal data
        handle = varint(len(data)) + varint(len(content))
        data += content + bytes([kind]) + b"crc."
        return handle

    for start in range(0, len(ordered), per_block):
        part = ordered[start : start + per_block]
        handles.append((part[-1][0] + b"~", add(block(part, 2), compression)))
    footer = add(block([], 1)) + add(block(handles, 1))
    return data + footer.ljust(40, b"\0") + MAGIC


def shape(*sizes: int) -> bytes:
    return message(*((2, message((1, size)) if size else b"") for size in sizes))


def entry(sizes: Sequence[int], offset: int = 0, size: int = 0, dtype: int = FLOAT, shard: int = 0) -> bytes:
    found = [(1, dtype), (2, shape(*sizes)), (3, shard), (4, offset), (5, size), (6, 1.0)]
    return message(*((number, value) for number, value in found if value))


def header(shards: int = 1) -> bytes:
    return message((1, shards), (3, message((1, 1))))


def bundle(**entries: bytes) -> dict[bytes, bytes]:
    return {b"": header(), **{name.encode(): value for name, value in entries.items()}}


# --- the index of a checkpoint ---------------------------------------------------------------------------

VARIABLES = {
    KERNEL: entry((8, 12), 0, 384),
    KERNEL + "/Adam": entry((8, 12), 384, 384),
    BIAS: entry((12,), 768, 48),
    "global_step": entry((), 816, 8, INT64),
    "empty": entry((0, 3), 824, 0),
}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.ckpt-7.index"
    path.write_bytes(table(bundle(**VARIABLES)))
    (tmp_path / "model.ckpt-7.data-00000-of-00001").write_bytes(bytes(824))
    return path


def test_the_variables_of_a_checkpoint(checkpoint: Path) -> None:
    held = read(checkpoint)
    assert held.tensors == {
        "empty": HeldTensor("empty", (0, 3), "float32"),
        "global_step": HeldTensor("global_step", (), "int64"),
        BIAS: HeldTensor(BIAS, (12,), "float32"),
        KERNEL: HeldTensor(KERNEL, (8, 12), "float32"),
        KERNEL + "/Adam": HeldTensor(KERNEL + "/Adam", (8, 12), "float32"),
    }
    assert (held.format, held.damage) == ("TensorFlow checkpoint", "")


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001"])
def test_a_checkpoint_is_read_by_each_of_its_names(checkpoint: Path, ending: str) -> None:
    assert read_any(str(checkpoint).removesuffix(".index") + ending).tensors == read(checkpoint).tensors


@pytest.mark.parametrize("per_block", [1, 2, 5, 100])
def test_a_table_is_read_however_it_is_cut_into_blocks(per_block: int) -> None:
    pairs = {f"some/{place:03d}".encode(): bytes([place]) * place for place in range(23)}
    data = table(pairs, per_block)
    assert dict(entries(Source.of(data, "bytes"))) == pairs


def test_values_that_are_not_there_are_damage(checkpoint: Path) -> None:
    data = checkpoint.with_name("model.ckpt-7.data-00000-of-00001")
    data.write_bytes(bytes(823))
    assert read(checkpoint).damage == f"weights in {data.name}, which should have 824 bytes and has 823"
    data.unlink()
    assert read(checkpoint).damage == f"weights in {data.name}, which is not there"
    assert len(read(checkpoint).tensors) == 5


def test_values_in_several_files(tmp_path: Path) -> None:
    pairs = bundle(a=entry((2,), 0, 8), b=entry((3,), 0, 12, shard=1)) | {b"": header(2)}
    (tmp_path / "m.index").write_bytes(table(pairs))
    (tmp_path / "m.data-00000-of-00002").write_bytes(bytes(8))
    (tmp_path / "m.data-00001-of-00002").write_bytes(bytes(11))
    assert read(tmp_path / "m.index").damage == (
        "weights in m.data-00001-of-00002, which should have 12 bytes and has 11"
    )


def test_a_variable_in_slices_has_its_whole_shape(tmp_path: Path) -> None:
    whole = message((1, FLOAT), (2, shape(4, 6)), (7, message((1, b""))))
    pairs = bundle(large=whole) | {b"\0large\0\1\x80": entry((2, 6), 0, 48)}
    (tmp_path / "m.index").write_bytes(table(pairs))
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(48))
    held = read(tmp_path / "m.index")
    assert held.tensors == {"large": HeldTensor("large", (4, 6), "float32")}
    assert held.damage == ""


def objects(names: Mapping[str, str]) -> bytes:
    """The graph of objects, as the text of one element that it is kept as."""
    nodes = [
        (1, message((2, message((1, "VARIABLE_VALUE"), (2, full), (3, key))), (1, message((1, 1)))))
        for key, full in names.items()
    ]
    graph = message(*nodes)
    return varint(len(graph)) + b"crc." + graph


def test_a_checkpoint_of_objects_calls_variables_by_their_full_names(tmp_path: Path) -> None:
    value = "/.ATTRIBUTES/VARIABLE_VALUE"
    names = {
        f"model/layer-0/cell/kernel{value}": "lstm/lstm_cell/kernel",
        f"model/layer-0/cell/kernel/.OPTIMIZER_SLOT/optimizer/m{value}": "lstm/lstm_cell/kernel/m",
        f"optimizer/iter{value}": "training/iter",
        f"model/layer-1/kernel{value}": "dense/kernel",
        f"model/layer-2/kernel{value}": "dense/kernel",
        f"model/layer-3/kernel{value}": "kernel",
        f"model/layer-4/kernel{value}": "",
    }
    graph = objects(names)
    pairs = bundle(**{key: entry((2,), 0, 8) for key in names})
    pairs[b"_CHECKPOINTABLE_OBJECT_GRAPH"] = entry((), 8, len(graph), STRING)
    pairs[b"model/.ATTRIBUTES/OBJECT_CONFIG_JSON"] = entry((), 0, 4, STRING)
    (tmp_path / "m.index").write_bytes(table(pairs))
    data = tmp_path / "m.data-00000-of-00001"
    data.write_bytes(bytes(8) + graph)
    expected = {key.removesuffix(value) for key in names} - {"model/layer-0/cell/kernel"} | {"lstm/lstm_cell/kernel"}
    assert set(read(tmp_path / "m.index").tensors) == expected
    assert read(tmp_path / "m.index").notes == ()
    for broken in (bytes(8) + graph[:-1], bytes(8) + b"\xff" * len(graph), bytes(8)):
        data.write_bytes(broken)
        held = read(tmp_path / "m.index")
        assert set(held.tensors) == {key.removesuffix(value) for key in names}


def test_what_keras_keeps_under_its_optimizer_and_what_it_keeps_twice(tmp_path: Path) -> None:
    value = "/.ATTRIBUTES/VARIABLE_VALUE"
    names = {
        "optimizer/_trainable_variables/0": "net/lstm_cell/bias",
        "optimizer/_variables/2": "adam/net_lstm_cell_bias_momentum",
        "_all_variables/0": "net/lstm_cell/kernel",
        "variables/3": "net/lstm_cell/kernel",
        "_all_variables/1": "net/other",
        "variables/4": "net/other",
        "_all_variables/2": "net/only",
    }
    graph = objects({key + value: full for key, full in names.items()})
    pairs = bundle(**{key + value: entry((3 if key == "variables/4" else 2,), 0, 8) for key in names})
    pairs[b"_CHECKPOINTABLE_OBJECT_GRAPH"] = entry((), 8, len(graph), STRING)
    (tmp_path / "m.index").write_bytes(table(pairs))
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(8) + graph)
    held = read(tmp_path / "m.index")
    assert set(held.tensors) == {
        "net/lstm_cell/bias",
        "optimizer/_variables/2",
        "net/lstm_cell/kernel",
        "_all_variables/1",
        "variables/4",
        "net/only",
    }
    assert held.notes == ("1 of its variables are kept twice: each is told once",)


@pytest.mark.parametrize(("kind", "name"), [(1, "Snappy"), (2, "zlib"), (4, "zstd"), (9, "kind 9")])
def test_an_index_that_is_compressed_is_refused_by_name(kind: int, name: str) -> None:
    with pytest.raises(Unreadable, match=f"its index is compressed \\({name}\\), which is not read"):
        read_bytes(table(bundle(**VARIABLES), compression=kind))


def test_an_index_that_was_cut_off_or_changed_anywhere_is_one_line() -> None:
    data = table(bundle(**VARIABLES))
    assert read_of_each(read_bytes, every_cut(data)) == []
    changed = [
        data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :] for place in range(len(data)) for bit in (1, 128)
    ]
    found = read_of_each(read_bytes, changed)
    assert 0 < len(found) < len(changed)
    assert all(len(held.tensors) <= len(VARIABLES) for held in found)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff" * 40 + MAGIC, "a number of its index is damaged"),
        ((varint(0) * 3 + varint(2**40)).ljust(40, b"\0") + MAGIC, "a block of its index has 1,099,511,627,776 bytes"),
        (bytes(40) + MAGIC, "it ends too early|is damaged"),
        (table({b"": message((1, 2**31))}), "its index says that it has 2,147,483,648 files of values"),
        (table(bundle(a=message((2, shape(-5))))), r"a tensor has the shape \(-5,\)"),
        (table(bundle(a=message((2, shape(*[1] * 300))))), "a tensor of more than 64 dimensions"),
        (table(bundle(a=b"\xff" * 12)), "larger than any that a message has"),
    ],
)
def test_a_hostile_index_is_one_line(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read_bytes(data)


# --- graphs ----------------------------------------------------------------------------------------------


def attribute(name: str, value: bytes) -> tuple[int, bytes]:
    return 5, message((1, name), (2, value))


def constant(name: str, *sizes: int, dtype: int = FLOAT) -> bytes:
    tensor = message((1, dtype), (2, shape(*sizes)), (4, floats(1.0)))
    return message(
        (1, name), (2, "Const"), attribute("dtype", message((6, dtype))), attribute("value", field(8, tensor))
    )


def variable(name: str, *sizes: int, op: str = "VarHandleOp", shared: str = "") -> bytes:
    more = [attribute("shared_name", field(2, shared))] if shared else []
    sized = attribute("shape", field(7, shape(*sizes)))
    return message((1, name), (2, op), attribute("dtype", message((6, FLOAT))), sized, *more)


def node(name: str, op: str, *inputs: str, **attributes: bytes) -> bytes:
    return message(
        (1, name), (2, op), *((3, text) for text in inputs), *(attribute(*pair) for pair in attributes.items())
    )


def graph(*nodes: bytes, functions: Mapping[str, Sequence[bytes]] | None = None) -> bytes:
    library = [
        (1, message((1, message((1, name))), *((3, inner) for inner in inners)))
        for name, inners in (functions or {}).items()
    ]
    return message(
        *((1, item) for item in nodes), *([(2, message(*library))] if library else []), (4, message((1, 27)))
    )


FUSED_LSTM = [
    constant("w", 8, 12),
    constant("b", 12),
    node("w/read", "Identity", "w"),
    node("w/again", "Enter", "w/read:0"),
    node("lstm", "BlockLSTM", "n", "x", "c", "h", "w/again", "gone", "zeros", "w/read", "b", "^first"),
    node("zeros", "Fill", "n", "x"),
]


def test_the_constants_of_a_frozen_graph_and_its_fused_layer() -> None:
    options = {"forget_bias": field(4, 1.0), "use_peephole": field(5, 1), "T": field(6, 1), "_x": field(2, "no")}
    data = graph(
        *FUSED_LSTM[:-2],
        node("lstm", "BlockLSTM", "n", "x", "c", "h", "w/again", "gone", "zeros", "w/read", "b", "^first", **options),
        FUSED_LSTM[-1],
        constant("axis", 2, dtype=3),
        constant("one"),
    )
    held = read_bytes(data)
    assert held.tensors == {"w": HeldTensor("w", (8, 12), "float32"), "b": HeldTensor("b", (12,), "float32")}
    assert held.layers == (
        HeldLayer(
            "lstm",
            "BlockLSTM",
            {"forget_bias": 1.0, "use_peephole": True, "wci": "given as an input", "wcf": "computed by Fill"},
            {"w": "w", "wco": "w", "b": "b"},
        ),
    )
    assert (held.format, held.notes, held.damage) == ("TensorFlow graph", (), "")


def test_the_other_fused_operators() -> None:
    tensors = [constant(name, 2) for name in ("a", "b", "c", "d", "p")]
    options = {"rnn_mode": field(2, "gru"), "seed": field(3, -1)}
    held = read_bytes(
        graph(
            *tensors,
            node("g", "GRUBlockCell", "x", "h", "a", "b", "c", "d"),
            node("cudnn", "CudnnRNNV3", "x", "h", "c0", "p", "lengths", **options),
            node("short", "CudnnRNN", "x"),
        )
    )
    assert held.layers == (
        HeldLayer("g", "GRUBlockCell", {}, {"w_ru": "a", "w_c": "b", "b_ru": "c", "b_c": "d"}),
        HeldLayer("cudnn", "CudnnRNNV3", {"rnn_mode": "gru", "seed": -1}, {"params": "p"}),
        HeldLayer("short", "CudnnRNN", {"params": "not given"}, {}),
    )


def test_what_a_function_holds() -> None:
    inner = [constant("w", 3), node("cell", "CudnnRNN", "x", "h", "c", "w:output:0")]
    given = [node("cell", "CudnnRNN", "x", "h", "c", "params")]
    held = read_bytes(graph(constant("w", 2), functions={"f": inner, "g": given}))
    assert {name: tensor.shape for name, tensor in held.tensors.items()} == {"w": (2,), "f/w": (3,)}
    assert held.layers == (HeldLayer("f/cell", "CudnnRNN", {}, {"params": "f/w"}),)
    assert held.notes == ("1 recurrent operators in its functions take their weights as inputs: not followed",)


def test_a_graph_that_is_not_frozen_says_where_the_values_are() -> None:
    data = graph(variable("v", 4, 5, shared="layer/v"), variable("u", 3, op="VariableV2"), variable("none", -1))
    held = read_bytes(data)
    assert {name: tensor.shape for name, tensor in held.tensors.items()} == {"layer/v": (4, 5), "u": (3,)}
    assert held.notes == ("2 of its tensors are variables: their values are in a checkpoint",)


def test_a_graph_whose_variables_are_inputs_says_so() -> None:
    held = read_bytes(
        graph(node("v", "Placeholder", dtype=message((6, 20))), node("x", "Placeholder", dtype=message((6, 1))))
    )
    assert (held.tensors, held.notes) == ({}, ("1 of its inputs are variables that are not in it",))


def saved_model(tmp_path: Path, variables: bool) -> Path:
    nodes = [
        variable("v", 8, 12, shared=KERNEL),
        node("v/read", "ReadVariableOp", "v"),
        variable("o", 2),
        node("lstm", "LSTMBlockCell", "x", "c", "h", "v/read", "o", "o", "o", "o"),
    ]
    path = tmp_path / "saved_model.pb"
    path.write_bytes(message((1, 1), (2, message((1, message((1, "x"))), (2, graph(*nodes))))))
    if variables:
        folder = tmp_path / "variables"
        folder.mkdir()
        (folder / "variables.index").write_bytes(table(bundle(**VARIABLES)))
        (folder / "variables.data-00000-of-00001").write_bytes(bytes(824))
    return path


def test_a_saved_model_and_its_variables(tmp_path: Path) -> None:
    path = saved_model(tmp_path, variables=True)
    held = read(path)
    assert set(held.tensors) == set(VARIABLES)
    gone = dict.fromkeys(("wci", "wcf", "wco", "b"), "the variable o")
    assert held.layers == (HeldLayer("lstm", "LSTMBlockCell", gone, {"w": KERNEL}),)
    assert (held.format, held.damage) == ("SavedModel", "")
    assert read_any(str(tmp_path)).tensors == held.tensors


def test_a_saved_model_without_its_variables(tmp_path: Path) -> None:
    held = read(saved_model(tmp_path, variables=False))
    assert {name: tensor.shape for name, tensor in held.tensors.items()} == {KERNEL: (8, 12), "o": (2,)}
    assert held.damage == "weights in variables/variables.index, which is not there"


def test_a_saved_model_with_a_damaged_index(tmp_path: Path) -> None:
    path = saved_model(tmp_path, variables=True)
    index = tmp_path / "variables" / "variables.index"
    index.write_bytes(index.read_bytes()[:-1])
    with pytest.raises(Unreadable, match="no index of a TensorFlow checkpoint"):
        read(path)


@pytest.mark.parametrize("data", [graph(*FUSED_LSTM), message((1, 1), (2, message((2, graph(*FUSED_LSTM)))))])
def test_a_graph_that_was_cut_off_anywhere_is_one_line_or_less_of_it(data: bytes) -> None:
    whole: dict[str, Any] = dict(read_bytes(data).tensors)
    found = read_of_each(read_bytes, every_cut(data))
    assert 0 < len(found) < len(data)
    assert all(held.tensors.items() <= whole.items() for held in found)


def test_a_file_of_nothing_but_layers_ends() -> None:
    nodes = [constant("w", 2), *(node(f"c{place}", "CudnnRNN", "", "", "", "w") for place in range(10_001))]
    with pytest.raises(Unreadable, match="more than the 10,000 recurrent operators that are read"):
        read_bytes(graph(*nodes))


def test_nodes_in_a_circle_end() -> None:
    held = read_bytes(
        graph(node("a", "Identity", "b"), node("b", "Identity", "a"), node("l", "CudnnRNN", "", "", "", "a"))
    )
    assert held.layers == (HeldLayer("l", "CudnnRNN", {"params": "computed"}, {}),)


def test_a_long_chain_of_names_ends() -> None:
    nodes = [node(f"v{place + 1}", "Identity", f"v{place}") for place in range(100)]
    cells = [node(f"c{last}", "CudnnRNN", "", "", "", f"v{last}") for last in (49, 50)]
    held = read_bytes(graph(constant("v0", 2), *nodes, *cells))
    assert [layer.tensors for layer in held.layers] == [{"params": "v0"}, {}]


def test_a_type_of_what_is_handed_on_by_reference_is_its_own() -> None:
    assert [dtype_of(number) for number in (1, 101, 114, 99)] == ["float32", "float32", "bfloat16", "type 99"]
