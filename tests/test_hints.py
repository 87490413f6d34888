"""What people type who know the thing by another name, and what they are told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ended import Run
from torch import nn
from worlds import least_keys

from rnninspect.document import synonyms
from rnninspect.document.blocks import WIRE_KEYS, Budget, Document, Input
from rnninspect.document.tree import read_tree
from rnninspect.document.validate import validate
from rnninspect.errors import DocumentError
from rnninspect.layers.layer import InitLayer
from rnninspect.layers.registry import TYPES, kind_of

HEAD = "input: {batch_size: 3, seq_len: 5}\n"
NOT_DESCRIBED = (
    "it is not described: leave it out, and make what it puts out an input, as wide as its input_size says, "
    "or see all of it from Python, rnninspect.inspect(module, inputs)"
)
LSTM = "layers: [{type: LSTM, input_size: 2, hidden_size: 4}]\n"


def faults(text: str) -> tuple[DocumentError, ...]:
    with pytest.raises(DocumentError) as caught:
        validate(read_tree(text, "doc.yaml"))
    return caught.value.faults


def layer(keys: str) -> str:
    return f"{HEAD}layers:\n  - {{{keys}}}\n"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f"{HEAD}layers:\n  - LSTM: {{hidden_size: 5}}", "write - {type: LSTM, hidden_size: 5}"),
        (f"{HEAD}layers:\n  - LSTM:\n    hidden_size: 5", "write - {type: LSTM, hidden_size: 50}"),
        (f"{HEAD}layers: [LSTM]", "write - {type: LSTM, hidden_size: 50}"),
        (
            f"{HEAD}layers:\n  encoder: {{type: GRU, hidden_size: 5}}",
            "write a list, - {name: encoder, type: GRU, ...} for each layer",
        ),
        (f"{HEAD}layers:\n  LSTM: {{hidden_size: 5}}", "write a list, - {name: LSTM, type: LSTM, ...} for each layer"),
        (f"{HEAD}layers:\n  type: LSTM\n  hidden_size: 5", "write - before the layer's first key"),
        (f"{HEAD}layers:\n  'a b': [3]", "write a list, - {name: 'a b', type: LSTM, ...} for each layer"),
        (f"{HEAD}layers: {{}}", "write a list, - {name: encoder, type: LSTM, ...} for each layer"),
        (LSTM, "for example input: {batch_size: 32, seq_len: 20}"),
        (HEAD, "for example layers: [{type: LSTM, input_size: 300, hidden_size: 50}]"),
        (f"{HEAD}{LSTM}hidden_size: 3", "RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell and JordanRNN have it"),
        (f"{HEAD}{LSTM}batch_size: 3", "write batch_size in the input block"),
        (f"input: {{batch_size: 3, seq_len: 5, input_size: 2}}\n{LSTM}", "write input_size in the first layer"),
        (f"input: {{batch_size: 3, seq_len: 5, dtype: float32}}\n{LSTM}", "write dtype at the top of the document"),
        *(
            (f"{HEAD}{LSTM}{key}: {given}", f"did you mean {meant!r}?")
            for key, words in {
                "device": {"gpu": "cuda", "GPU": "cuda", "gpu:1": "cuda:1", "CPU": "cpu", "metal": "mps"},
                "dtype": {"fp16": "float16", "half": "float16", "bf16": "bfloat16", "double": "float64"}
                | {"torch.float32": "float32", "torch.half": "float16", "Float32": "float32"},
            }.items()
            for given, meant in words.items()
        ),
        (layer("type: RNN, hidden_size: 3, nonlinearity: ReLU"), "did you mean 'relu'?"),
    ],
)
def test_blocks_and_values(text: str, hint: str) -> None:
    (fault,) = faults(text)
    assert fault.hint == hint


# By the name that others have, or misspelt.
RENAMED = {
    "LSTM": {
        "units": "hidden_size",
        "Units": "hidden_size",
        "n_layers": "num_layers",
        "input_dim": "input_size",
        "bi": "bidirectional",
        "dropout_rate": "dropout",
        "residual": "add",
        "hiden_size": "hidden_size",
    },
    "GRU": {"nhid": "hidden_size", "initial_state": "state_from"},
    "RNN": {"hidden_dim": "hidden_size", "activation": "nonlinearity"},
    "JordanRNN": {"output_dim": "output_size"},
    "Linear": {"units": "out_features", "input_dim": "in_features", "hidden_size": "out_features", "source": "from"},
    "Embedding": {
        "input_dim": "num_embeddings",
        "vocab_size": "num_embeddings",
        "output_dim": "embedding_dim",
        "shared_with": "same_as",
    },
    "Dropout": {"dropout": "p"},
    "LayerNorm": {"epsilon": "eps"},
}


@pytest.mark.parametrize(
    ("kind", "key", "hint"),
    [
        *((kind, key, f"did you mean {meant!r}?") for kind, keys in RENAMED.items() for key, meant in keys.items()),
        ("LSTM", "return_sequences", synonyms.REMARKS["return_sequences"]),
        ("LSTM", "vocab_size", "Embedding has num_embeddings"),
        ("LSTM", "activation", "RNN, RNNCell and JordanRNN have nonlinearity"),
        ("GRU", "proj_size", "LSTM has it"),
        ("LSTMCell", "num_layers", "LSTM has it"),
        ("LSTMCell", "n_layers", "LSTM has num_layers"),
        ("GRUCell", "bidirectional", "GRU has it"),
        ("RNNCell", "dropout", "RNN has it"),
        ("JordanRNN", "num_layers", "RNN, LSTM and GRU have it"),
        ("LSTM", "batch_size", "write batch_size in the input block"),
        ("LSTM", "device", "write device at the top of the document"),
    ],
)
def test_keys_of_layers(kind: str, key: str, hint: str) -> None:
    keys = {"type": kind, **least_keys(kind)}
    (fault,) = faults(yaml.safe_dump({"input": {"batch_size": 2, "seq_len": 3}, "layers": [{**keys, key: 1}]}))
    assert (fault.message, fault.hint) == (f"unknown key {key!r}", hint)


def test_every_key_that_is_meant_is_one() -> None:
    blocks: list[Any] = [Document, Input, *map(kind_of, TYPES)]
    blocks += [kind.init_block() for kind in blocks if issubclass(kind, InitLayer)]
    fields = {name for block in blocks for name in block.model_fields}
    meant = {name for names in synonyms._KEYS.values() for name in names}
    assert meant <= fields | WIRE_KEYS
    assert {name for names in synonyms._TYPES.values() for name in names} <= set(TYPES)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("BiLSTM", "write type: LSTM and bidirectional: true"),
        ("bi-gru", "write type: GRU and bidirectional: true"),
        ("BidirectionalRNN", "write type: RNN and bidirectional: true"),
        ("SimpleRNN", "did you mean 'RNN'?"),
        ("Dense", "did you mean 'Linear'?"),
        ("nn.LSTM", "did you mean 'LSTM'?"),
        ("torch.nn.Linear", "did you mean 'Linear'?"),
        ("lstm", "did you mean 'LSTM'?"),
        ("LTSM", "did you mean 'LSTM'?"),
        ("Jordan", "did you mean 'JordanRNN'?"),
        ("Mish", "it has no weights and keeps the shape: leave it out"),
        ("relu", "did you mean 'ReLU'?"),
        ("swish", "did you mean 'SiLU'?"),
        ("leaky_relu", "did you mean 'LeakyReLU'?"),
        ("ReLU6", "write Hardtanh with min_val: 0.0 and max_val: 6.0"),
        ("Dropout2d", "Dropout counts the same"),
        ("BatchNorm", "did you mean 'BatchNorm1d'?"),
        (
            "InstanceNorm1d",
            "the norms that are described are LayerNorm and BatchNorm1d: put one in its place, or leave it out",
        ),
        *((name, NOT_DESCRIBED) for name in ("Conv2d", "Attention", "nn.TransformerEncoder", "WhileLoop", "BiLinear")),
        ("Concatenate", "write from: [a, b] in the layer that reads them side by side"),
        ("Add", "write add: input, or add: a, in the layer that hands the sum on"),
        ("Residual", "write add: input, or add: a, in the layer that hands the sum on"),
        ("InputLayer", "write inputs at the top of the document, such as inputs: {src: {seq_len: 30}}"),
        ("Bidirectional", "write bidirectional: true in the recurrent layer"),
        ("TimeDistributed", "write the layer that is in it, which is given every step"),
        ("GlobalMaxPooling1D", "write feeds: max in the recurrent layer before"),
        ("GlobalAveragePooling1D", "write feeds: mean in the recurrent layer before"),
        ("pack_padded_sequence", "write lengths in the input block: the batch is packed, and unpacked, by itself"),
        ("Permute", "what only moves axes about is no layer: leave it out"),
        ("RepeatVector", "a vector beside a sequence is given to every step: from: [words, encoder]"),
        ("Loop", "what goes round from step to step is a cell of equations, or JordanRNN"),
        ("Repeat", "write repeat: 4, and layers: with the block, without a type"),
        ("AttnDecoderRNN", "write the layers of it; from and state_from connect them"),
    ],
)
def test_types(name: str, hint: str) -> None:
    (fault,) = faults(layer(f"type: {name}"))
    assert (fault.message, fault.hint) == (f"expected a layer type, got {name!r}", hint)


def torch_layers() -> Iterator[str]:
    for name, value in vars(nn).items():
        if isinstance(value, type) and issubclass(value, nn.Module) and name not in TYPES:
            yield name


def test_of_every_other_layer_of_torch_it_is_said_what_to_do() -> None:
    names = list(torch_layers())
    assert len(names) > 100
    assert [name for name in names if not synonyms.in_place_of_type(name)] == []


@pytest.mark.parametrize("name", sorted(set(torch_layers()) & set(nn.modules.activation.__all__)))
def test_what_has_no_weights_has_none_in_torch(name: str) -> None:
    options = {"Softmax2d": (), "Threshold": (0.1, 0.0), "MultiheadAttention": (4, 2)}.get(name, ())
    said = synonyms.in_place_of_type(name) == synonyms._NO_WEIGHTS or name == "ReLU6"
    assert said is (sum(1 for _ in getattr(nn, name)(*options).parameters()) == 0 and name != "GLU")


# --- options and files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--hidden_size", "4"), "--hidden_size: no such option (a key of a document: --set LAYER.hidden_size=4)"),
        (("--hidden-size=4",), "--hidden-size: no such option (a key of a document: --set LAYER.hidden_size=4)"),
        (("--units", "--plan"), "--units: no such option (a key of a document: --set LAYER.hidden_size=VALUE)"),
        (("--units",), "--units: no such option (a key of a document: --set LAYER.hidden_size=VALUE)"),
        (("--batch_size", "4"), "--batch_size: no such option (a key of a document: --set input.batch_size=4)"),
        (("--name", "a\x1b"), r"--name: no such option (a key of a document: --set name=a\x1b)"),
    ],
)
def test_a_key_given_as_an_option(here: Run, tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    path = tmp_path / "doc.yaml"
    path.write_text(HEAD + LSTM)
    done = here("params", path, *args)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {said}\n")


@pytest.mark.parametrize("args", [("--wat", "4"), ("--plann",), ("-n", "4"), ("-nt",)])
def test_what_is_no_key_is_no_option_as_ever(here: Run, args: tuple[str, ...]) -> None:
    done = here("params", "x.yaml", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such option" in done.stderr


@pytest.mark.parametrize(
    ("name", "near"),
    [("modl.yaml", "model.yaml"), ("model", "model.yaml"), ("model.yml", "model.yaml"), ("nothing.yaml", ""), ("", "")],
)
def test_a_near_file(here: Run, tmp_path: Path, name: str, near: str) -> None:
    for there in ("model.yaml", "model.x", "other.json"):
        (tmp_path / there).touch()
    hint = f"did you mean '{tmp_path / near}'?" if near else "check the path, or use - for stdin"
    path = str(tmp_path / name) if name else "nowhere/model.yaml"
    assert here("params", path).stderr == f"error: {path}: no such file or directory ({hint})\n"


# --- no word of another library's ---------------------------------------------------------------------------

# PyYAML's own in C, where it was built with one.
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
FOREIGN = re.compile(r"value error|should be|should have|input|field|extra|validat|pydantic|type=", re.IGNORECASE)
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**63, 10**30, 0.5, 2.0, -0.0, 1e308, float("inf"), float("nan")),
    *("", "x", "3", "3.5", "true", "::error", "a##[b", "\x1b[31m", "é" * 200, "range(3)", "20M", "1 GB", "cuda:0"),
    *([], [1], [0], ["x", 1], [[1]], [None, True], [1] * 9, [{}], [{"name": ""}], [{"a": 1}, 3]),
    *({}, {"a": 1}, {"name": 3}),
]


def blocks_and_fields() -> Iterator[tuple[str, str]]:
    for block, model in {"": Document, "input": Input, "budget": Budget}.items():
        yield from ((block, field) for field in [*model.model_fields, "odd"])
    for kind in TYPES:
        yield from ((kind, field) for field in [*kind_of(kind).model_fields, "odd"])
    yield from (("init", field) for field in ("weight_ih", "weight_hh", "bias", "forget_bias", "odd"))


def blocks_before(block: str, field: str) -> int:
    """How many kinds before `block` have the very same field."""
    if block not in TYPES:
        return 0
    if field == "odd":
        return TYPES.index(block)
    fields = [kind_of(kind).model_fields.get(field) for kind in TYPES[: TYPES.index(block)]]
    return [repr(each) for each in fields].count(repr(kind_of(block).model_fields[field]))


@pytest.mark.parametrize(("block", "field"), list(blocks_and_fields()))
def test_every_fault_is_told_in_words_of_ours(block: str, field: str) -> None:
    """Every value where a field is met for the first time, and then a third of them, which third changes."""
    told = 0
    met = blocks_before(block, field)
    for value in ODD[met % 3 :: 3] if met else ODD:
        data: dict[str, Any] = {
            "input": {"batch_size": 2, "seq_len": 3},
            "layers": [{"type": "LSTM", **least_keys("LSTM")}],
        }
        if block == "init":
            data["layers"][0]["init"] = {field: value}
        elif block in TYPES:
            data["layers"] = [{"type": block, **least_keys(block), field: value}]
        else:
            (data.setdefault(block, {}) if block else data)[field] = value
        try:
            validate(read_tree(yaml.dump(data, Dumper=DUMPER, allow_unicode=True), "doc"))
        except DocumentError as error:
            for fault in error.faults:
                told += 1
                expected, got, given = fault.message.partition(", got ")
                assert re.match("expected |unknown key |required key |the name |more than |text cannot ", expected), (
                    expected
                )
                own = re.sub(r"\binputs?\b|input_size|a plain decimal number", "", f"{expected} {fault.hint}")
                assert not FOREIGN.search(own), (expected, fault.hint)
                assert bool(got) == bool(given)
    assert told > 3
