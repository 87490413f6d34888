"""Wrong documents and what is said of each: the exact place, the path, the words.

In a text the arrow `▶` stands where the complaint must point; it is taken out before the text is read.
"""

from __future__ import annotations

from typing import Any

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st
from samples import examples
from worlds import least_keys

from rnninspect.document.blocks import Document, Input, text_layers
from rnninspect.document.complaints import MOST_HINTS
from rnninspect.document.tree import read_tree
from rnninspect.document.validate import Validated, validate
from rnninspect.errors import DocumentError
from rnninspect.layers.layer import InitLayer, Layer
from rnninspect.layers.layer_norm import LayerNorm
from rnninspect.layers.registry import TYPES, kind_of

HEAD = "input: {batch_size: 3, seq_len: 5}\n"
LSTM = "layers: [{type: LSTM, input_size: 2, hidden_size: 4}]\n"


def read(text: str) -> Validated:
    return validate(read_tree(text, "doc.yaml"))


def refused(marked: str) -> DocumentError:
    """The complaint about a text, which must point at its arrow."""
    before, arrow, after = marked.partition("▶")
    assert arrow
    assert "▶" not in after
    with pytest.raises(DocumentError) as caught:
        read(before + after)
    error = caught.value
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert (error.place.source, error.place.line, error.place.column) == ("doc.yaml", line, column)
    return error


def layer(body: str) -> str:
    return f"{HEAD}layers:\n  - {{{body}}}\n"


class TestSound:
    def test_defaults(self) -> None:
        document = read(HEAD + LSTM).document
        assert (document.name, document.device, document.dtype) == (None, None, "float32")
        assert (document.input.lengths, document.input.state) == (None, "zeros")

    @pytest.mark.parametrize(
        ("keys", "field", "value"),
        [
            ("hidden_size: 1", "hidden_size", 1),
            (f"hidden_size: {2**63 - 1}", "hidden_size", 2**63 - 1),
            ("hidden_size: 3, input_size: null", "input_size", None),
            ("hidden_size: 3, dropout: 1", "dropout", 1.0),  # an integer is a number, too
            ("hidden_size: 3, dropout: 0", "dropout", 0.0),
            ("hidden_size: 3, dropout: 1e-3", "dropout", 0.001),
            ("hidden_size: 3, bias: False", "bias", False),
            ("hidden_size: 3, feeds: 'last'", "feeds", "last"),
            ("hidden_size: 3, num_layers: 10000", "num_layers", 10_000),
        ],
    )
    def test_values(self, keys: str, field: str, value: object) -> None:
        ((only, *_),) = read(layer("type: GRU, " + keys)).layers
        assert (getattr(only, field), type(getattr(only, field))) == (value, type(value))

    @pytest.mark.parametrize(("text", "shape"), [("7", 7), ("[7]", [7]), ("[3, 7]", [3, 7]), ("null", None)])
    def test_a_shape_is_a_size_or_a_list(self, text: str, shape: int | list[int] | None) -> None:
        ((only, *_),) = read(layer(f"type: LayerNorm, normalized_shape: {text}")).layers
        assert isinstance(only, LayerNorm)
        assert only.normalized_shape == shape

    @pytest.mark.parametrize(
        ("key", "texts"),
        [
            ("device", ["auto", "cpu", "mps", "meta", "cuda", "cuda:0", "cuda:7", "cuda:99", "null"]),
            ("dtype", ["float32", "float64", "float16", "bfloat16"]),
            ("name", ["every option", "é", "x" * 100, "[/]", "null"]),
        ],
    )
    def test_keys_at_the_top(self, key: str, texts: list[str]) -> None:
        documents = [read(f"{key}: {text if text == 'null' else repr(text)}\n{HEAD}{LSTM}").document for text in texts]
        assert [getattr(document, key) for document in documents] == [None if t == "null" else t for t in texts]

    @pytest.mark.parametrize("name", ["encoder", "encoder-2", "_", "élan", "2", "x" * 100, "Input"])
    def test_names_of_layers(self, name: str) -> None:
        assert [each.layer.name for each in read(layer(f"type: Dropout, name: '{name}'")).layers] == [name]

    @pytest.mark.parametrize("state", ["zeros", "random"])
    @pytest.mark.parametrize("size", ["null", "1", "3"])
    def test_inputs(self, size: str, state: str) -> None:
        given = read(f"input: {{batch_size: {size}, seq_len: 5, state: {state}}}\n{LSTM}").document.input
        assert (given.batch_size, given.state) == (None if size == "null" else int(size), state)


class TestLayerNames:
    @pytest.mark.parametrize(
        ("layers", "names"),
        [
            ([{"type": "LSTM"}], ["lstm"]),
            ([{"type": "LSTM"}] * 3, ["lstm", "lstm2", "lstm3"]),
            ([{"type": "GRU"}, {"type": "LSTM"}, {"type": "GRU"}], ["gru", "lstm", "gru2"]),
            ([{"type": "GRU"}, {"type": "GRU", "name": "gru"}], ["gru2", "gru"]),
            ([{"type": "GRU", "name": "gru2"}, {"type": "GRU"}, {"type": "GRU"}], ["gru2", "gru", "gru3"]),
            ([{"type": "LayerNorm"}, {"type": "JordanRNN"}], ["layernorm", "jordanrnn"]),
            ([3, {}, {"name": 3}], ["layer", "none", "none2"]),
        ],
    )
    def test_unnamed_layers_are_called_by_their_type(self, layers: list[Any], names: list[str]) -> None:
        assert [layer.name for layer in text_layers({"layers": layers})] == names

    @pytest.mark.parametrize("data", [{}, {"layers": None}, {"layers": {"a": 1}}, {"layers": []}])
    def test_no_layers_no_names(self, data: dict[str, Any]) -> None:
        assert [layer.name for layer in text_layers(data)] == []

    def test_the_validated_layers_bear_them(self) -> None:
        text = f"{HEAD}layers: [{{type: Dropout}}, {{type: Dropout, name: x}}, {{type: Dropout}}]"
        assert [each.layer.name for each in read(text).layers] == ["dropout", "x", "dropout2"]


A_SIZE = "expected an integer >= 1, got "
NO_BATCH = "write batch_size: 32, or null for unbatched input"
NO_SEQ = "write seq_len: 20, or lengths, one for each sequence"

# (the text, the path, all of the message, some of the hint)
STRUCTURE = [
    ("▶[1, 2]", "", "expected a mapping with input and layers, got a list", "a model needs `input:` and `layers:`"),
    ("▶model", "", "expected a mapping with input and layers, got 'model'", "a model needs `input:` and `layers:`"),
    ("▶3", "", "expected a mapping with input and layers, got 3", "a model needs `input:` and `layers:`"),
    (f"▶{LSTM}", "input", "required key input is missing", "for example input: {batch_size: 32, seq_len: 20}"),
    (f"▶{HEAD}", "layers", "required key layers is missing", "for example layers: [{type: LSTM"),
    (f"input: ▶3\n{LSTM}", "input", "expected a mapping with batch_size and seq_len, got 3", ""),
    (f"input: ▶null\n{LSTM}", "input", "expected a mapping with batch_size and seq_len, got null", ""),
    (f"input: ▶[3, 5]\n{LSTM}", "input", "expected a mapping with batch_size and seq_len, got a list", ""),
    (f"input: ▶{{seq_len: 5}}\n{LSTM}", "input.batch_size", "required key batch_size is missing", NO_BATCH),
    (f"input: ▶{{batch_size: 5}}\n{LSTM}", "input.seq_len", "required key seq_len is missing", NO_SEQ),
    (f"{HEAD}layers: ▶3", "layers", "expected a list of at least one layer, got 3", ""),
    (f"{HEAD}layers: ▶null", "layers", "expected a list of at least one layer, got null", ""),
    (f"{HEAD}layers: ▶[]", "layers", "expected a list of at least one layer, got an empty list", ""),
    (
        f"{HEAD}layers:\n  ▶a: {{type: LSTM}}",
        "layers",
        "expected a list of at least one layer, got a mapping",
        "- {name: a, type: LSTM, ...} for each layer",
    ),
    (f"{HEAD}layers:\n  - ▶3", "layers[0]", "expected a mapping with type, got 3", ""),
    (
        f"{HEAD}layers:\n  - ▶LSTM",
        "layers[0]",
        "expected a mapping with type, got 'LSTM'",
        "write - {type: LSTM, hidden_size: 50}",
    ),
    (f"{HEAD}layers:\n  - ▶~", "layers[0]", "expected a mapping with type, got null", ""),
    (f"{HEAD}layers:\n  - ▶- type: LSTM", "layers[0]", "expected a mapping with type, got a list", ""),
    (f"{HEAD}layers:\n  - type: Dropout\n  - ▶3", "layers[1]", "expected a mapping with type, got 3", ""),
    (layer("▶hidden_size: 3").replace("- {▶", "- ▶{"), "layers[0].type", "required key type is missing", "one of Emb"),
    (layer("type: ▶lstm"), "layers[0].type", "expected a layer type, got 'lstm'", "did you mean 'LSTM'?"),
    (layer("type: ▶LTSM"), "layers[0].type", "expected a layer type, got 'LTSM'", "did you mean 'LSTM'?"),
    (layer("type: ▶Conv2d"), "layers[0].type", "expected a layer type, got 'Conv2d'", "it is not described"),
    (layer("type: ▶3"), "layers[0].type", "expected a layer type, got 3", "known: Embedding, RNN"),
    (layer("type: ▶null"), "layers[0].type", "expected a layer type, got null", "known: Embedding, RNN"),
    (layer("type: ▶[1]"), "layers[0].type", "expected a layer type, got a list", "known: Embedding, RNN"),
]

# A text, or one layer of it, in which ⏎ is a line break: the path ! the message (the hint). A misspelt key is both
# unknown and missing: the complaint that says what to do wins.
KEYS = cases(
    """
HEADBODY▶nmae: x
    nmae ! unknown key 'nmae' (did you mean 'name'?)
input: {batch_size: 3, ▶sequence_len: 5}⏎BODY
    input.sequence_len ! unknown key 'sequence_len' (did you mean 'seq_len'?)
HEADBODY▶optimizer: 3
    optimizer ! unknown key 'optimizer' (known: name, input, device, dtype, budget, sweep, cases, cells, inputs,
      outputs, layers)
input: {batch_size: 3, seq_len: 5, ▶length: [1]}⏎BODY
    input.length ! unknown key 'length' (did you mean 'lengths'?)
input: {batch_size: 3, seq_len: 5, ▶device: cpu}⏎BODY
    input.device ! unknown key 'device' (write device at the top of the document)
input: {batch_size: 3, seq_len: 5, ▶'a b': 1}⏎BODY
    input.'a b' ! unknown key 'a b' (known: batch_size, seq_len, lengths, state)
- {type: GRU, hidden_size: 3, ▶bidirectonal: true}
    layers[0].bidirectonal ! unknown key 'bidirectonal' (did you mean 'bidirectional'?)
- {type: GRU, hidden_size: 3, ▶Bias: true}
    layers[0].Bias ! unknown key 'Bias' (did you mean 'bias'?)
- {type: LayerNorm, normalized_shape: [1, ▶x]}
    layers[0].normalized_shape[1] ! expected an integer >= 1, got 'x'
- {type: Dropout, ▶rate: 0.5}
    layers[0].rate ! unknown key 'rate' (did you mean 'p'?)
- {type: RNN, hidden_size: 3, ▶proj_size: 2}
    layers[0].proj_size ! unknown key 'proj_size' (LSTM has it)
- {type: LSTMCell, hidden_size: 3, ▶proj_size: 2}
    layers[0].proj_size ! unknown key 'proj_size' (LSTM has it)
- {type: JordanRNN, hidden_size: 3, output_size: 2, ▶proj_size: 2}
    layers[0].proj_size ! unknown key 'proj_size' (LSTM has it)
- {type: LSTM, hidden_size: 3, ▶nonlinearity: relu}
    layers[0].nonlinearity ! unknown key 'nonlinearity' (RNN, RNNCell and JordanRNN have it)
- {type: GRUCell, hidden_size: 3, ▶nonlinearity: relu}
    layers[0].nonlinearity ! unknown key 'nonlinearity' (RNN, RNNCell and JordanRNN have it)
- ▶{type: LSTM}
    layers[0].hidden_size ! required key hidden_size is missing
- ▶{type: JordanRNN, hidden_size: 3}
    layers[0].output_size ! required key output_size is missing
- {type: Dropout, name: a}⏎  - {type: Dropout, name: ▶a}
    layers[1].name ! the name 'a' is taken by layers[0] (--set and the tables tell layers apart by name)
- {type: Dropout, name: ▶input}
    layers[0].name ! the name 'input' is the input block's (call the layer otherwise)
""",
    HEAD=HEAD.replace("\n", "⏎"),
    BODY=LSTM.replace("\n", "⏎"),
)

A_DEPTH = "expected an integer from 1 to 10000, got "
A_FLAG = "expected true or false, got "
A_PROBABILITY = "expected a number from 0 to 1, got "
A_POSITIVE = "expected a number > 0, got "
A_SHAPE = "expected an integer >= 1 or a list of them, got "
A_NAME = "expected a name of letters, digits, _ and -, got "
PLAIN = "write a plain decimal number, without quotes or separators"
UNQUOTED = "write true or false, without quotes"

# (the layer's keys but for the value, the value, the message, the hint)
VALUES: list[tuple[str, str, str, str]] = [
    *(
        ("type: GRU, hidden_size: {}", text, A_SIZE + got, hint)
        for text, got, hint in [
            ("0", "0", ""),
            ("-3", "-3", ""),
            ("50.0", "50.0", "write 50"),
            ("-50.0", "-50.0", "write -50"),
            ("50.5", "50.5", ""),
            ("1e3", "1000.0", "write 1000"),
            ("'50'", "'50'", PLAIN),
            ("1_000", "'1_000'", PLAIN),
            ("0x10", "'0x10'", PLAIN),
            ("010", "'010'", PLAIN),
            ("1:30", "'1:30'", PLAIN),
            ("big", "'big'", ""),
            ("true", "true", ""),
            ("false", "false", ""),
            ("yes", "'yes'", ""),
            ("null", "null", ""),
            (".nan", "nan", ""),
            (".inf", "inf", ""),
            ("[50]", "a list", ""),
            ("{a: 50}", "a mapping", ""),
            (str(2**63), str(2**63), f"the most is {2**63 - 1}"),
            ("9" * 100, "9" * 57 + "...", f"the most is {2**63 - 1}"),
        ]
    ),
    ("type: GRU, hidden_size: 3, num_layers: {}", "0", A_DEPTH + "0", ""),
    ("type: GRU, hidden_size: 3, num_layers: {}", "10001", A_DEPTH + "10001", "the most is 10000"),
    ("type: LSTM, hidden_size: 3, proj_size: {}", "-1", "expected an integer >= 0, got -1", ""),
    ("type: LSTM, hidden_size: 3, proj_size: {}", "null", "expected an integer >= 0, got null", ""),
    *(
        ("type: GRU, hidden_size: 3, bias: {}", text, A_FLAG + got, hint)
        for text, got, hint in [
            ("1", "1", ""),
            ("0.0", "0.0", ""),
            ("yes", "'yes'", UNQUOTED),
            ("'False'", "'False'", UNQUOTED),
        ]
    ),
    *(
        ("type: GRU, hidden_size: 3, dropout: {}", text, A_PROBABILITY + got, hint)
        for text, got, hint in [
            ("-0.1", "-0.1", ""),
            ("1.5", "1.5", "the most is 1.0"),
            (".nan", "nan", ""),
            ("true", "true", ""),
            ("'0.5'", "'0.5'", PLAIN),
        ]
    ),
    *(
        ("type: LayerNorm, eps: {}", text, A_POSITIVE + got, "")
        for text, got in [("0", "0"), ("-1e-5", "-1e-05"), ("true", "true"), (".inf", "inf"), ("null", "null")]
    ),
    ("type: Embedding, num_embeddings: 9, embedding_dim: 2, max_norm: {}", "0", A_POSITIVE + "0", ""),
    ("type: Embedding, num_embeddings: 9, embedding_dim: 2, max_norm: {}", "x", A_POSITIVE + "'x'", ""),
    (
        "type: Embedding, num_embeddings: 9, embedding_dim: 2, padding_idx: {}",
        "0.0",
        "expected an integer, got 0.0",
        "write 0",
    ),
    (
        "type: Embedding, num_embeddings: 9, embedding_dim: 2, padding_idx: {}",
        "true",
        "expected an integer, got true",
        "",
    ),
    ("type: RNN, hidden_size: 3, nonlinearity: {}", "sigmoid", "expected tanh or relu, got 'sigmoid'", ""),
    ("type: RNN, hidden_size: 3, nonlinearity: {}", "true", "expected tanh or relu, got true", ""),
    ("type: RNN, hidden_size: 3, feeds: {}", "first", "expected output, last, step, max or mean, got 'first'", ""),
    *(
        ("type: LayerNorm, normalized_shape: {}", text, A_SHAPE + got, hint)
        for text, got, hint in [
            ("0", "0", ""),
            ("7.0", "7.0", "write 7"),
            ("'7'", "'7'", PLAIN),
            ("[]", "an empty list", ""),
            ("[1, 1, 1, 1, 1, 1, 1, 1, 1]", "a list", "the most is 8"),
        ]
    ),
    *(
        ("type: Dropout, name: {}", text, A_NAME + got, hint)
        for text, got, hint in [
            ("''", "''", ""),
            ("a b", "'a b'", ""),
            ("a.b", "'a.b'", ""),
            ("a=b", "'a=b'", ""),
            ('"a\\n"', r"'a\n'", ""),
            ('"\\e[31m"', r"'\x1b[31m'", ""),
            ('"a\\x01"', r"'a\x01'", ""),
            ("3", "3", ""),
            ("true", "true", ""),
            ("x" * 101, "'" + "x" * 56 + "...", "the most is 100"),
        ]
    ),
    ("type: Linear, out_features: 3, tied_to: {}", "3", "expected the name of an Embedding, got 3", ""),
]


@pytest.mark.parametrize(("text", "path", "message", "hint"), STRUCTURE)
def test_structure(text: str, path: str, message: str, hint: str) -> None:
    error = refused(text)
    assert (error.path, error.message) == (path, message)
    assert hint in error.hint
    assert bool(hint) == bool(error.hint)
    assert str(error).isprintable()


@pytest.mark.parametrize("text", KEYS)
def test_keys(text: str) -> None:
    error = refused((f"{HEAD}layers:\n  {text}\n" if text.startswith("- ") else text).replace("⏎", "\n"))
    said = f"{error.path} ! {error.message} ({error.hint})".removesuffix(" ()")
    assert [said] == KEYS[text]
    assert str(error).isprintable()


@pytest.mark.parametrize(("keys", "value", "message", "hint"), VALUES)
def test_values_of_layers(keys: str, value: str, message: str, hint: str) -> None:
    error = refused(layer(keys.format("▶" + value)))
    key = keys.removesuffix(": {}").rsplit(", ")[-1]
    assert (error.path, error.message, error.hint) == (f"layers[0].{key}", message, hint)
    assert str(error).isprintable()


A_BATCH = "expected an integer >= 1, or null for unbatched input, got "
EACH = "one for each sequence"
NO_EMPTY = (
    "torch packs no empty sequence: leave it out of the batch, or give it length 1 with a padding token and ignore its "
    "output"
)
LENGTHS = "expected a list of integers >= 1, one for each sequence, got "
A_DEVICE = "expected auto, cpu, cuda, cuda:N, mps or meta, got "
A_DTYPE = "expected float32, float64, float16 or bfloat16, got "
A_TITLE = "expected 1 to 100 printable characters, got "


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        ("input: {batch_size: ▶0, seq_len: 5}", "input.batch_size", A_BATCH + "0", ""),
        ("input: {batch_size: ▶true, seq_len: 5}", "input.batch_size", A_BATCH + "true", ""),
        ("input: {batch_size: ▶3.0, seq_len: 5}", "input.batch_size", A_BATCH + "3.0", "write 3"),
        ("input: {batch_size: ▶none, seq_len: 5}", "input.batch_size", A_BATCH + "'none'", ""),
        ("input: {batch_size: ▶[3], seq_len: 5}", "input.batch_size", A_BATCH + "a list", ""),
        ("input: {batch_size: 3, seq_len: ▶0}", "input.seq_len", A_SIZE + "0", ""),
        ("input: {batch_size: 3, seq_len: ▶null}", "input.seq_len", A_SIZE + "null", ""),
        ("input: {batch_size: 3, seq_len:▶ }", "input.seq_len", A_SIZE + "null", ""),
        ("input: {batch_size: 3, seq_len: 5, lengths: ▶5}", "input.lengths", LENGTHS + "5", ""),
        ("input: {batch_size: 3, seq_len: 5, lengths: ▶'5'}", "input.lengths", LENGTHS + "'5'", ""),
        ("input: {batch_size: 3, seq_len: 5, lengths: ▶{a: 5}}", "input.lengths", LENGTHS + "a mapping", ""),
        ("input: {batch_size: 3, seq_len: 5, lengths: [▶0]}", "input.lengths[0]", A_SIZE + "0", NO_EMPTY),
        ("input: {lengths: [5, ▶0]}", "input.lengths[1]", A_SIZE + "0", NO_EMPTY),
        ("input: {batch_size: 3, seq_len: 5, lengths: [▶-1]}", "input.lengths[0]", A_SIZE + "-1", ""),
        ("input: {lengths: [5, ▶x]}", "input.lengths[1]", A_SIZE + "'x'", ""),
        ("input: {lengths: ▶[]}", "input.lengths", "expected at least one length, got none", EACH),
        ("input: {batch_size: 3, lengths: ▶[]}", "input.lengths", "expected at least one length, got none", EACH),
        ("input: ▶{lengths: null}", "input.batch_size", "required key batch_size is missing", NO_BATCH),
        ("input: ▶{batch_size: 3, lengths: null}", "input.seq_len", "required key seq_len is missing", NO_SEQ),
        ("input: {lengths: [5], batch_size: ▶0}", "input.batch_size", A_BATCH + "0", ""),
        ("input: {batch_size: 3, seq_len: 5, lengths: [5, ▶x]}", "input.lengths[1]", A_SIZE + "'x'", ""),
        ("input: {batch_size: 3, seq_len: 5, lengths: [5, 4,\n ▶true]}", "input.lengths[2]", A_SIZE + "true", ""),
        ("input: {batch_size: 3, seq_len: 5, lengths: [▶1.0, x]}", "input.lengths[0]", A_SIZE + "1.0", "write 1"),
        ("input: {batch_size: 3, seq_len: 5, state: ▶ones}", "input.state", "expected zeros or random, got 'ones'", ""),
        ("input: {batch_size: 3, seq_len: 5, state: ▶0}", "input.state", "expected zeros or random, got 0", ""),
        *(
            (f"{HEAD}device: ▶{text}", "device", A_DEVICE + got, "")
            for text, got in [
                ("' cpu'", "' cpu'"),
                ('"cpu\\n"', r"'cpu\n'"),
                ("cpu:1", "'cpu:1'"),
                ("'cuda:'", "'cuda:'"),
                ("cuda:01", "'cuda:01'"),
                ("cuda:100", "'cuda:100'"),
                ("cuda:-1", "'cuda:-1'"),
                ("xla", "'xla'"),
                ("0", "0"),
                ("true", "true"),
                ("[cpu]", "a list"),
            ]
        ),
        *(
            (f"{HEAD}dtype: ▶{text}", "dtype", A_DTYPE + got, "")
            for text, got in [("float8", "'float8'"), ("32", "32"), ("null", "null")]
        ),
        *(
            (f"{HEAD}name: ▶{text}", "name", A_TITLE + got, hint)
            for text, got, hint in [
                ("''", "''", ""),
                ('"a\\u0007"', r"'a\x07'", ""),
                ('"a\\nb"', r"'a\nb'", ""),
                ('"\\u202e"', r"'\u202e'", ""),
                ("3", "3", ""),
                ("[a]", "a list", ""),
                ("x" * 101, "'" + "x" * 56 + "...", "the most is 100"),
            ]
        ),
    ],
)
def test_values_outside_layers(text: str, path: str, message: str, hint: str) -> None:
    error = refused(f"{text}\n{LSTM}")
    assert (error.path, error.message, error.hint) == (path, message, hint)
    assert str(error).isprintable()


class TestTheFirstFault:
    def test_in_reading_order(self) -> None:
        error = refused(layer("type: GRU, num_layers: ▶0, hidden_size: x, bias: 3"))
        assert error.path == "layers[0].num_layers"

    def test_wherever_the_kind_declares_the_field(self) -> None:
        error = refused(layer("bias: ▶3, type: GRU, hidden_size: x"))
        assert error.path == "layers[0].bias"

    def test_of_two_layers_the_earlier_is_complained_of(self) -> None:
        error = refused(layer("type: GRU, hidden_size: ▶x}\n  - {type: Nope"))
        assert error.path == "layers[0].hidden_size"

    def test_the_place_of_an_alias_is_where_the_value_stands(self) -> None:
        text = f"{HEAD}layers:\n  - &a {{type: GRU, hidden_size: ▶x}}\n  - *a"
        assert refused(text).path == "layers[0].hidden_size"

    def test_of_a_merged_key_it_is_where_it_was_written(self) -> None:
        text = (
            f"{HEAD}layers:\n  - &a {{type: GRU, hidden_size: 3, dropout: ▶0.5}}\n"
            "  - {<<: *a, type: GRUCell, hidden_size: 3}"
        )
        with pytest.raises(DocumentError) as caught:
            read(text.replace("▶", ""))
        assert caught.value.path == "layers[1].dropout"
        # An unknown key points at the key.
        assert (caught.value.place.line, caught.value.place.column) == (3, text.splitlines()[2].index("dropout") + 1)


# --- every field of every kind ----------------------------------------------------------------------------


def _least(name: str) -> dict[str, str]:
    return {key: str(size) for key, size in least_keys(name).items()}


# What each field takes, by hand; a name here that a kind has not, or one that is missing, fails a test below.
SORTS: dict[str, set[str]] = {
    field: set(sorts.split())
    for sorts, fields in [
        ("int", "hidden_size num_layers proj_size output_size num_embeddings embedding_dim num_parameters"),
        ("int", "out_channels kernel_size padding dilation groups"),
        ("int null", "input_size in_features in_channels num_features out_features padding_idx dim stride"),
        ("int list null", "normalized_shape"),
        ("bool", "bias batch_first bidirectional trainable scale_grad_by_freq sparse inplace elementwise_affine"),
        ("bool", "ceil_mode return_indices count_include_pad affine track_running_stats"),
        ("int float", "dropout p norm_type eps negative_slope alpha min_val max_val beta threshold"),
        ("int float null", "max_norm momentum"),
        ("word", "nonlinearity feeds merge name type approximate padding_mode"),
        ("word quoted null", "tied_to"),
        ("mapping null", "init"),
    ]
    for field in fields.split()
}
# Where a kind's field of a name is of another sort.
OF_KIND = {("PReLU", "init"): {"int", "float"}, ("Conv1d", "stride"): {"int"}}
WRONG = {
    "int": st.integers().map(str),
    "float": st.one_of(
        st.floats(allow_nan=False, allow_infinity=False).map(lambda number: f"{number:.3e}"),
        st.sampled_from([".nan", ".inf", "-.inf", "1.0", "0.5"]),
    ),
    "bool": st.sampled_from(["true", "false", "True", "FALSE"]),
    "null": st.sampled_from(["null", "~", "Null"]),
    "word": st.sampled_from(["big", "yes", "off", "1_000", "0x1F", "1:30", "None"]),
    "quoted": st.sampled_from(["'3'", '"true"', "'0.5'", "''", '"\\e[0m"']),
    "list": st.sampled_from(["[]", "[1]", "[true, x]", "[[1]]"]),
    "mapping": st.sampled_from(["{}", "{a: 1}", "{type: LSTM}"]),
}


def fields_of(name: str) -> list[str]:
    return list(kind_of(name).model_fields)


@pytest.mark.parametrize(("name", "field"), [(name, field) for name in TYPES for field in fields_of(name)])
@examples(3)
@given(data=st.data())
def test_a_value_of_a_wrong_sort_is_refused_where_it_stands(name: str, field: str, data: st.DataObject) -> None:
    sort = data.draw(st.sampled_from([sort for sort in WRONG if sort not in OF_KIND.get((name, field), SORTS[field])]))
    if field == "name" and sort == "quoted":
        value = data.draw(st.sampled_from(["''", "'a b'", '"\\e[0m"']))
    else:
        value = data.draw(WRONG[sort])
    keys = list(({"type": name} | _least(name) | {field: value}).items())
    order = data.draw(st.permutations(keys))
    indent, blank = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 3))
    lines = [HEAD + "\n" * blank + "layers:"]
    for i, (key, text) in enumerate(order):
        arrow = "▶" if key == field else ""
        lines.append(" " * indent + ("  " if i else "- ") + f"{key}: {arrow}{text}")
    error = refused("\n".join(lines))
    assert error.path == f"layers[0].{field}"
    assert str(error).isprintable()
    assert error.message.startswith("expected ")


def test_the_table_of_sorts_is_complete() -> None:
    assert {field for name in TYPES for field in fields_of(name)} == SORTS.keys()
    assert all(SORTS[field] <= WRONG.keys() for field in SORTS)


@pytest.mark.parametrize("model", [Document, Input, *map(kind_of, TYPES)], ids=lambda model: model.__name__)
def test_every_field_says_what_it_expects(model: type[Layer] | type[Document] | type[Input]) -> None:
    """A mapping is of the right sort for no field but those that are blocks, so each must find words for it."""
    for field in model.model_fields:
        if model is Document:
            text = f"{HEAD}{LSTM}" if field not in ("input", "layers") else ""
            text += f"{field}: {'3' if field in ('input', 'inputs', 'budget', 'sweep', 'cells') else '{a: 1}'}\n"
            text += {"input": LSTM, "layers": HEAD}.get(field, "")
        elif model is Input:
            keys = {"batch_size": "3", "seq_len": "5"} | {field: "{a: 1}"}
            text = "input: {" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}\n" + LSTM
        else:
            keys = (
                {"type": model.__name__}
                | _least(model.__name__)
                | {field: "3" if field == "init" and issubclass(model, InitLayer) else "{a: 1}"}
            )
            text = layer(", ".join(f"{key}: {value}" for key, value in keys.items()))
        with pytest.raises(DocumentError, match=r"expected .+, got (a mapping|3)"):
            read(text)


@pytest.mark.parametrize(
    ("each", "least"),
    [
        ("  {}: 1\n", f"{HEAD}layers:\n- type: LSTM\n  hidden_size: 4\n"),
        ("- type: {}\n", f"{HEAD}layers:\n"),
        ("- {{type: GRU, hidden_size: 4, init: {{weight_hh: {}}}}}\n", f"{HEAD}layers:\n"),
    ],
    ids=["keys", "types", "laws"],
)
def test_of_very_many_faults_only_the_first_have_a_hint_that_takes_time(each: str, least: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(least + "".join(each.format(f"wrong{i}") for i in range(MOST_HINTS + 50)))
    hints = [fault.hint for fault in caught.value.faults]
    assert [bool(hint) for hint in hints] == [True] * MOST_HINTS + [False] * 50
