"""Every layer kind by the `type` a document calls it, in the order the documentation lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from rnninspect.layers.dropout import Dropout
from rnninspect.layers.embedding import Embedding
from rnninspect.layers.gru import GRU, GRUCell
from rnninspect.layers.jordan import JordanRNN
from rnninspect.layers.layer import Layer
from rnninspect.layers.layer_norm import LayerNorm
from rnninspect.layers.linear import Linear
from rnninspect.layers.lstm import LSTM, LSTMCell
from rnninspect.layers.rnn import RNN, RNNCell


def _register(*kinds: type[Layer]) -> Mapping[str, type[Layer]]:
    """Kinds by their `type`; raises ValueError where two share one."""
    known: dict[str, type[Layer]] = {}
    for kind in kinds:
        (name,) = get_args(kind.model_fields["type"].annotation)
        if name in known:
            raise ValueError(f"two layer kinds are called {name}: {known[name]} and {kind}")
        known[name] = kind
    return known


KINDS = _register(Embedding, RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell, JordanRNN, Linear, Dropout, LayerNorm)
