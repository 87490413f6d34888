"""The documents that `init` starts from."""

from __future__ import annotations

from enum import StrEnum


class Starter(StrEnum):
    """What `--from` accepts besides the library's cells: the documents in the folder `starters`."""

    LSTM = "lstm"
    GRU = "gru"
    RNN = "rnn"
    TAGGER = "tagger"
    CLASSIFIER = "classifier"
    SEQ = "seq"
    SEQ2SEQ = "seq2seq"
    CELL = "cell"
