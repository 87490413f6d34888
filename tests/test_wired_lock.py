"""What a lock makes of wires: a changed one can keep every count, and is told all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import spec_of

from rnninspect.document.chain import Spec
from rnninspect.guard.causes import causes
from rnninspect.guard.changes import Change, changes, differences
from rnninspect.guard.lock_lines import parse_lock, render_lock
from rnninspect.guard.locked import LockedModel, locked_model
from rnninspect.plan import plan

DOCUMENT = """\
input: {batch_size: 3}
inputs: {src: {lengths: [7, 4, 5]}, tgt: {seq_len: 6}, who: {seq_len: null}}
outputs: [head, aux]
layers:
  - {name: enc, type: LSTM, from: src, input_size: 5, hidden_size: 4, bidirectional: true}
  - {name: person, type: Embedding, from: who, num_embeddings: 9, embedding_dim: 2}
  - {name: words, type: Embedding, from: tgt, num_embeddings: 11, embedding_dim: 8}
  - repeat: 2
    layers:
      - {name: rnn, type: GRU, hidden_size: 8, add: input}
  - {name: dec, type: LSTM, from: [rnn_1, person], hidden_size: 8, state_from: {layer: enc, directions: concat}}
  - {name: again, same_as: dec, from: [words, person], add: rnn_0}
  - {name: head, type: Linear, from: [dec, again], out_features: 3}
  - {name: aux, type: Linear, from: dec, out_features: 1}
"""


def model(text: str = DOCUMENT) -> tuple[Spec, LockedModel]:
    spec = spec_of(text)
    return spec, locked_model(spec, plan(spec))


def changed(*pairs: tuple[str, str]) -> tuple[Spec, tuple[Change, ...]]:
    """What differs once each text of a pair stands in place of the other."""
    text = DOCUMENT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    spec, now = model(text)
    return spec, changes(now, model()[1])


def sentences(spec: Spec, differing: tuple[Change, ...]) -> list[str]:
    return [cause.sentence(1000) for cause in causes(spec, differing)]


def test_wires_are_settings_and_what_needs_no_word_is_none() -> None:
    _, locked = model()
    wires = {
        name: {key: value for key, value in (layer.settings or {}).items() if key.partition(".")[0] in KEYS}
        for name, layer in locked.layers.items()
    }
    assert wires == {
        "enc": {"from": ("src",)},
        "person": {"from": ("who",)},
        "words": {"from": ("tgt",)},
        "rnn_0": {"add": "input"},
        "rnn_1": {"add": "input"},
        "dec": {"from": ("rnn_1", "person"), "state_from": "enc", "state_from.directions": "concat"},
        "again": {"from": ("words", "person"), "add": "rnn_0", "same_as": "dec"},
        "head": {"from": ("dec", "again")},
        "aux": {"from": ("dec",)},
    }
    assert locked.settings == {
        "input.batch_size": 3,
        "outputs": ("head", "aux"),
        "inputs.src.seq_len": 7,
        "inputs.src.lengths": (7, 4, 5),
        "inputs.tgt.seq_len": 6,
        "inputs.who.seq_len": "one vector of each sequence",
    }
    assert sum(layer.parameters for layer in locked.layers.values()) == plan(spec_of(DOCUMENT)).parameters


KEYS = ("from", "add", "same_as", "state_from")


def test_a_lock_with_wires_is_read_as_it_was_written() -> None:
    locked = {"doc.yaml": model()[1]}
    assert parse_lock(Path("rnninspect.lock"), render_lock(locked).encode()).models == locked


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("from: [words, person]", "from: [rnn_1, person]", "again: from [words, person] → [rnn_1, person]"),
        ("add: rnn_0", "add: rnn_1", "again: add rnn_0 → rnn_1"),
        ("[head, aux]", "[aux, head]", "the model: outputs [head, aux] → [aux, head]"),
    ],
)
def test_a_wire_that_changes_no_count_is_told(old: str, new: str, sentence: str) -> None:
    spec, differing = changed((old, new))
    assert not any(change.field in ("parameters", "macs") for change in differing)
    assert sentences(spec, differing) == [sentence]


def test_an_input_that_is_longer_is_told_once() -> None:
    spec, differing = changed(("tgt: {seq_len: 6}", "tgt: {seq_len: 9}"))
    (sentence,) = sentences(spec, differing)
    assert sentence.startswith("the model: inputs.tgt.seq_len 6 → 9: MACs ")


def test_what_shares_weights_changes_with_their_owner() -> None:
    """Its own sentence would say what the owner's says."""
    spec, differing = changed(("hidden_size: 4", "hidden_size: 5"), ("_dim: 8", "_dim: 10"), ("size: 8", "size: 10"))
    assert "again.hidden_size" in {change.field for change in differing}
    told = [sentence.partition(":")[0] for sentence in sentences(spec, differing)]
    assert told == ["enc", "words", "rnn_0 and 1 more alike", "dec", "the model"]


def test_copies_that_changed_alike_are_one_sentence() -> None:
    assert sentences(*changed(("add: input", "bias: false"))) == [
        "rnn_0 and 1 more alike: bias true → false, add input → null: parameters 432 → 384 (-11.1 %) each",
        "the model: parameters 2,022 → 1,926 (-4.75 %)",
    ]


def test_a_layer_of_another_name_is_one_change_though_others_name_it() -> None:
    spec, differing = changed(("dec", "decoder"), ("person", "who_speaks"))
    assert {change.field for change in differing} == {"decoder.name", "who_speaks.name"}
    assert sorted(sentences(spec, differing)) == [
        "layer 'dec' is named 'decoder' now",
        "layer 'person' is named 'who_speaks' now",
    ]


def test_a_document_without_wires_has_none_in_its_lock() -> None:
    spec = spec_of("input: {batch_size: 3, seq_len: 5}\nlayers: [{type: GRU, input_size: 2, hidden_size: 3}]\n")
    locked = locked_model(spec, plan(spec))
    assert locked.settings == {"input.batch_size": 3, "input.seq_len": 5}
    assert locked.layers["gru"].settings == {"input_size": 2, "hidden_size": 3}
    assert differences(locked, locked) == ()
