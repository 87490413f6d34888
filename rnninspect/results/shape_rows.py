"""A row of the table of shapes before it is cells."""

from __future__ import annotations

from typing import NamedTuple

from rnninspect.facts.models import LayerFacts
from rnninspect.facts.tensors import TensorFact


class Row(NamedTuple):
    """A tensor of a layer. goes: "in", "out", who reads it, whom it is from. shown: people do not have the row yet."""

    layer: LayerFacts
    tensor: TensorFact
    way: str
    goes: str
    shown: bool = True
