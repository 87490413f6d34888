"""The cells of the library beside one another: what each takes at one size, and how its steps depend on each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from rnninspect.cells.scan import Reads, scannable
from rnninspect.document.library import library_names, published
from rnninspect.errors import OptionError, nearest, printable
from rnninspect.layers.defined import kind_from
from rnninspect.layers.definition import Published
from rnninspect.layers.lstm import LSTM
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import TYPES

# The input_size and hidden_size that parameters are counted at.
SIZE = 128


class PublishedFacts(NamedTuple):
    """One cell. gates: how many blocks its largest parameter has; weights: how many parameter tensors.

    parameters: at SIZE, with the cell's own sizes at their defaults. scannable: its steps can be run in log2 L rounds.
    """

    name: str
    cell: Published
    gates: int
    weights: int
    parameters: int
    scannable: bool


def names_asked(names: Sequence[str]) -> tuple[str, ...]:
    """The cells of these names, each once; all where there are none. Raises OptionError for what is no cell of it."""
    known = library_names()
    for name in names:
        if name not in known:
            raise OptionError(f"{printable(name)}: the library has no such cell ({_instead(name, known)})")
    return tuple(dict.fromkeys(names)) or tuple(sorted(known, key=str.lower))


def _instead(name: str, known: Sequence[str]) -> str:
    if name in TYPES:
        return f"{name} is a class of its own: rnninspect explain shows its equations"
    near = nearest(name, known)
    return f"did you mean {near}?" if near else "rnninspect cells lists them"


def facts_of(name: str) -> PublishedFacts:
    """What there is to say of a cell. Raises KeyError where there is none of that name."""
    cell = published(name)
    layer = kind_from(name, cell).model_validate(_at_size(name))
    return PublishedFacts(
        name=name,
        cell=cell,
        gates=layer.gates,
        weights=len(layer.weights("float32")),
        parameters=_parameters(layer),
        scannable=scannable(layer.cell) is not Reads.BOUND,
    )


def lstm_parameters() -> int:
    """Those of torch.nn.LSTM at SIZE."""
    return _parameters(LSTM.model_validate(_at_size("LSTM")))


def _at_size(kind: str) -> dict[str, object]:
    return {"name": "rnn", "type": kind, "input_size": SIZE, "hidden_size": SIZE}


def _parameters(layer: Recurrent) -> int:
    return sum(math.prod(weight.shape) for weight in layer.weights("float32"))
