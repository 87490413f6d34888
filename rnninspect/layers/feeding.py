"""What of a recurrent layer's output goes on to the next layer, where it is worked out from it: `merge` and `feeds`.

First the two directions of the last stacked layer become one (`merge`: sum, mean, mul), then all steps become one
vector for each sequence (`feeds`):

    last    the last states of the last stacked layer: of the reverse direction that at t = 0, which has read it all
    step    output[-1], the output at the last step: its reverse half has read one token
    max     the largest of each feature over the steps
    mean    the mean of each feature over the steps

Of a packed batch the steps are those of each sequence's real tokens. `runtime.feeding` computes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from rnninspect.facts.amounts import ITEM_BYTES, Ops
from rnninspect.layers.layer import Kept, Layer, Misfit, Stack
from rnninspect.layers.signal import Signal

# What is handed on, as a sentence has it.
WORDS = {
    "output": "output",
    "last": "last state",
    "step": "output at the last step",
    "max": "maximum over the steps",
    "mean": "mean over the steps",
}
# How two directions become one.
MERGED = {
    "sum": "the two directions added",
    "mean": "the mean of the two directions",
    "mul": "the two directions multiplied",
}


def words(layer: Stack) -> str:
    """What the layer hands on, in words: `output, the two directions added`."""
    merged = f", {MERGED[layer.merging]}" if layer.merging in MERGED else ""
    return WORDS[layer.feeds] + merged


def forward_ops(layer: Stack, signal: Signal) -> Ops:
    """The elementwise operations of it: an addition is one, a comparison is one, and so is the division of a mean."""
    each = {"sum": 1, "mean": 2, "mul": 1}.get(layer.merging, 0)
    tokens, sequences = signal.tokens, signal.batch.letters["N"]
    # Of n steps the largest takes n - 1 comparisons, a mean n - 1 additions and a division.
    pooled = {"max": tokens - sequences, "mean": tokens}.get(layer.feeds, 0)
    return Ops(0, (each * merged_vectors(layer, signal) + pooled) * layer.width_on)


def backward_ops(layer: Stack, signal: Signal) -> Ops:
    """The same of the backward pass: a maximum's gradient goes where it was found, a sum's to both sides as it is."""
    each = {"mean": 1, "mul": 2}.get(layer.merging, 0)
    pooled = signal.batch.letters["N"] if layer.feeds == "mean" else 0
    return Ops(0, (each * merged_vectors(layer, signal) + pooled) * layer.width_on)


def kept(layer: Stack, signal: Signal, dtype: str, below: Kept) -> Kept:
    """What the layer keeps for the backward pass with what this takes: both factors, and where a maximum was found.

    below: what the layer keeps without it.
    """
    nbytes = below.nbytes
    if layer.merging == "mul" and not below.output:
        nbytes += merged_vectors(layer, signal) * layer.width_out * ITEM_BYTES[dtype]
    if layer.feeds == "max":
        nbytes += signal.batch.letters["N"] * layer.width_on * ITEM_BYTES["int64"]
    # What is merged or pooled is another tensor than the output, and what the next layer keeps of it is its own.
    same = layer.merging == "concat" and layer.feeds not in ("max", "mean")
    return Kept(nbytes, below.input, below.output and same)


def merged_vectors(layer: Stack, signal: Signal) -> int:
    """How many vectors are merged: at every step, or of each sequence one where no other is read."""
    return signal.batch.letters["N"] if layer.feeds in ("last", "step") else signal.tokens


def no_sequence(signal: Signal, earlier: Mapping[str, Layer]) -> Misfit:
    """What is wrong where a recurrent layer would read one vector of each sequence.

    earlier: the layers before it by name, one of which hands that on, where no input is that.
    """
    name = signal.pooled_by or signal.producer
    if name is None:
        return Misfit("type", "expected a sequence, got an input of one vector of each", "give that input its seq_len")
    what = WORDS[getattr(earlier.get(name), "feeds", "last")]
    through = f" through layer {signal.producer!r}" if name != signal.producer else ""
    return Misfit(
        "type", f"expected a sequence, got the {what} of layer {name!r}{through}", f"give {name!r} feeds: output"
    )
