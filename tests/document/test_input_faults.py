"""What is said of inputs that are vectors, or whose width nobody has said, where something else is needed."""

from __future__ import annotations

import pytest
from cases import cases
from worlds import spec_of, text_of

from rnninspect.errors import DocumentError

HEAD = "input: {batch_size: 2}\ninputs: {src: {seq_len: 5}, who: {seq_len: null}}\noutputs: [a, b, c]"
SRC = "name: a, type: GRU, from: src, input_size: 3, hidden_size: 3, feeds: last"
MAX = "name: b, type: GRU, from: src, hidden_size: 3, feeds: max"

# The layers after those two, and what is said, with what to try in brackets.
# A layer, and what is said of it.
FAULTS = cases(
    """
name: c, type: GRU, from: who, input_size: 3, hidden_size: 3
    layers[2].type: layer 'c': expected a sequence, got an input of one vector of each (give that input its seq_len)
name: c, type: GRU, from: a, hidden_size: 3
    layers[2].type: layer 'c': expected a sequence, got the last state of layer 'a' (give 'a' feeds: output)
name: c, type: Conv1d, from: [b, a], out_channels: 3, kernel_size: 1
    layers[2].type: layer 'c': expected a sequence, got the maximum over the steps of layer 'b' through layer 'b + a'
      (give 'b' feeds: output)
name: c, type: Linear, from: a, out_features: 3, add: who
    layers[2].add: layer 'c': expected features to add, got the input 'who': nothing says how wide it is (give the
      input its input_size; token indices need an Embedding first)
"""
)


@pytest.mark.parametrize("layer", FAULTS)
def test_inputs_are_called_what_they_are(layer: str) -> None:
    with pytest.raises(DocumentError) as raised:
        spec_of(text_of(SRC, MAX, layer, head=HEAD))
    assert [str(raised.value).partition(": ")[2]] == FAULTS[layer]


def test_a_vector_of_each_sequence_has_no_lengths() -> None:
    head = "input: {batch_size: 2}\ninputs: {src: {seq_len: null, lengths: [3, 2]}}"
    with pytest.raises(DocumentError) as raised:
        spec_of(text_of("type: Linear, in_features: 3, out_features: 3", head=head))
    assert str(raised.value).partition(": ")[2] == (
        "inputs.src.lengths: seq_len null is one vector of each sequence, which has no lengths (leave one of them out)"
    )
