"""Every layer kind by the `type` a document calls it, in the order the documentation lists them.

Only the kinds that a document uses are imported: each costs a millisecond or two, at every start.
"""

from __future__ import annotations

from importlib import import_module

from rnninspect.layers.layer import Layer

_MODULES = {
    "Embedding": "embedding",
    "RNN": "rnn",
    "LSTM": "lstm",
    "GRU": "gru",
    "RNNCell": "rnn",
    "LSTMCell": "lstm",
    "GRUCell": "gru",
    "JordanRNN": "jordan",
    "Linear": "linear",
    "Dropout": "dropout",
    "LayerNorm": "layer_norm",
    "BatchNorm1d": "batch_norm",
    **dict.fromkeys(("ReLU", "Tanh", "Sigmoid", "LeakyReLU", "ELU", "GELU", "SiLU", "Hardtanh"), "activations"),
    **dict.fromkeys(("Softplus", "Softmax", "LogSoftmax", "PReLU"), "activations"),
    "Conv1d": "convolution",
    "MaxPool1d": "pooling",
    "AvgPool1d": "pooling",
}

TYPES = tuple(_MODULES)


def kind_of(type_name: str) -> type[Layer]:
    """The class of a layer kind; raises KeyError for a type that there is none of."""
    kind: type[Layer] = getattr(import_module(f"rnninspect.layers.{_MODULES[type_name]}"), type_name)
    return kind
