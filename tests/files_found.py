"""A layer as it might be found, for tests that change what they are about."""

from __future__ import annotations

from rnninspect.files.found import FoundLayer

FOUND = FoundLayer(
    name="a.b",
    type="LSTM",
    input_size=5,
    hidden_size=7,
    num_layers=1,
    bidirectional=False,
    reverse=False,
    proj_size=0,
    biases="two",
    reset_after=None,
    peepholes=False,
    convention="PyTorch",
    parts=(),
    known_from="names",
)
