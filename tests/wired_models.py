"""Documents with wires, over unequal sizes: what is computed with wires is held on all of them."""

from __future__ import annotations

import re

# By what is shown: what stands before the layers, and the layers, each as `type: GRU, hidden_size: 3`.
PACKED = "input: {batch_size: 3, lengths: [7, 4, 6]}"
PADDED = "input: {batch_size: 3, seq_len: 7}"
TWO = "input: {batch_size: 3}\ninputs: {src: {seq_len: 7}, tgt: {seq_len: 5}}"
TWO_PACKED = "input: {batch_size: 3}\ninputs: {src: {seq_len: 7, lengths: [2, 7, 4]}, tgt: {seq_len: 5}}"
UNBATCHED = "input: {batch_size: null}\ninputs: {src: {seq_len: 7}, tgt: {seq_len: 5}}"

_SEQ2SEQ = (
    "name: words, type: Embedding, from: src, num_embeddings: 11, embedding_dim: 4",
    "name: encoder, type: GRU, hidden_size: 5, feeds: last",
    "name: own, type: Embedding, from: tgt, num_embeddings: 13, embedding_dim: 3",
    "name: decoder, type: GRU, from: [own, encoder], hidden_size: 5, state_from: encoder",
    "name: head, type: Linear, from: [own, decoder, encoder], out_features: 13",
)
_STACK = (
    "name: a, type: LSTM, input_size: 4, hidden_size: 4, add: input",
    "name: b, type: LSTM, hidden_size: 4, add: input",
    "name: norm, type: LayerNorm, from: b, add: a",
    "name: head, type: Linear, from: [norm, a, input], out_features: 3",
)
_TOWERS = (
    "name: left, type: GRU, from: src, input_size: 4, hidden_size: 5, bidirectional: true, merge: sum, feeds: max",
    "name: right, same_as: left, from: tgt",
    "name: head, type: Linear, from: [left, right], out_features: 2",
)
_STATES = (
    "name: enc, type: LSTM, from: src, input_size: 4, hidden_size: 3, bidirectional: true",
    "name: dec, type: LSTM, from: tgt, input_size: 2, hidden_size: 6, state_from: {layer: enc, directions: concat}",
    "name: other, type: GRU, from: tgt, hidden_size: 3, state_from: {layer: enc, directions: sum}",
    "name: cell, type: GRUCell, from: dec, hidden_size: 3, state_from: other",
    "name: head, type: Linear, from: [cell, dec, other], out_features: 2",
)
_HEADS = (
    "name: trunk, type: GRU, input_size: 4, hidden_size: 5, merge: mul, bidirectional: true",
    "name: last, type: RNN, hidden_size: 3, feeds: last",
    "name: each, type: Linear, from: [trunk, last], out_features: 3",
    "name: value, type: Linear, from: last, out_features: 1",
    "name: step, type: LSTM, from: trunk, hidden_size: 3, feeds: step, add: last",
    "name: mean, same_as: step, from: trunk, feeds: mean",
)
# Sequences of one length, which a convolution leaves in the order of the ones that it read.
TIES = (
    "name: conv, type: Conv1d, from: src, in_channels: 4, out_channels: 3, kernel_size: 2, stride: 2",
    "name: both, type: GRU, from: [tgt, conv], hidden_size: 3, add: conv",
    "name: back, type: GRU, from: conv, hidden_size: 3, add: both",
    "name: head, type: Linear, from: [both, back, tgt], out_features: 2",
)
ANOTHER_ORDER = "input: {batch_size: 3}\ninputs: {src: {lengths: [4, 5, 6]}, tgt: {lengths: [2, 2, 3], input_size: 2}}"

MODELS: dict[str, tuple[str, tuple[str, ...]]] = {
    "seq2seq": (TWO, _SEQ2SEQ),
    "seq2seq, packed source": (TWO_PACKED, _SEQ2SEQ),
    "seq2seq, unbatched": (UNBATCHED, _SEQ2SEQ),
    "seq2seq, batch first": (
        TWO,
        tuple(layer.replace("type: GRU", "type: GRU, batch_first: true") for layer in _SEQ2SEQ),
    ),
    "residual": (PADDED, _STACK),
    "residual, packed": (PACKED, _STACK),
    "towers": (TWO, _TOWERS),
    "towers, packed": (TWO_PACKED, _TOWERS),
    "states": (TWO, _STATES),
    "states, unbatched": (UNBATCHED, _STATES),
    "heads": (f"outputs: [each, value, step, mean]\n{PADDED}", _HEADS),
    "heads, packed": (f"outputs: [each, value, step, mean]\n{PACKED}", _HEADS),
}


def larger(text: str, times: int) -> str:
    """The text of a document with every size of a layer and of a batch so many times as large."""

    def size(match: re.Match[str]) -> str:
        return f"{match[1]}: {int(match[2]) * times}"

    text = re.sub(
        r"lengths: \[(.*?)\]", lambda match: f"lengths: {[int(n) * times for n in match[1].split(',')]}", text
    )
    # why not of a packed batch: it has as many sequences as lengths.
    sizes = "(input_size|hidden_size|embedding_dim|out_features|seq_len)"
    return re.sub(rf"\b{sizes}: (\d+)", size, text)
