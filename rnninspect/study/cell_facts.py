"""What a layer's equations come to beside what they say: numbers, loops, widths left open, and how they can be run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rnninspect.cells.scan import Reads, scannable
from rnninspect.cells.tree import Apply, Cell, Value
from rnninspect.cells.widths import widths
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.weights import first_of
from rnninspect.study.code_cells import is_written

# Of more rounds of a loop than these, the first two and the last are shown.
MOST_ROUNDS = 4
_RANGES = {
    **dict.fromkeys(("sigmoid", "hardsigmoid", "softmax"), "between 0 and 1"),
    **dict.fromkeys(("tanh", "softsign"), "between -1 and 1"),
}


class CellFacts(NamedTuple):
    """One layer's. of_torch: torch has this kind. numbers: constants and sizes. rounds: of its longest loop.

    open: the vectors whose width the equations leave open. fixed: the weights that are not trained.
    firsts: by h_0 what the states start as that have a number of their own. learned: those that are parameters.
    """

    of_torch: bool
    source: str
    numbers: Mapping[str, float]
    rounds: int
    scan: Reads
    open: tuple[str, ...]
    fixed: tuple[str, ...]
    firsts: Mapping[str, float]
    learned: tuple[str, ...]


def facts_of(layer: Recurrent) -> CellFacts:
    """What can be read off its equations."""
    cell = layer.cell
    return CellFacts(
        of_torch=not is_written(layer),
        source=layer.source,
        numbers=layer.numbers,
        rounds=max(map(len, _rounds(cell).values())),
        scan=scannable(cell),
        open=widths(cell, layer.declared(0)).open,
        fixed=tuple(weight.name for weight in cell.weights if weight.name in cell.fixed),
        firsts={first_of(state): first for state, first in layer.first_values.items()},
        learned=tuple(map(first_of, layer.learned)),
    )


def shown(cell: Cell) -> frozenset[Value]:
    """What the equations assign that a page shows: of a long loop the first two rounds and the last."""
    every = _rounds(cell).values()
    rounds = (targets if len(targets) <= MOST_ROUNDS else (*targets[:2], targets[-1]) for targets in every)
    return frozenset(target for targets in rounds for target in targets)


def role(cell: Cell, vector: str) -> str:
    """What a vector is, as the equations alone tell."""
    if vector in cell.states:
        return "a state: what the next step reads" + ", and what the layer puts out" * (vector == cell.output)
    if vector == cell.output:
        return "what the layer puts out"
    made = next(equation.expression for equation in cell.equations if equation.target == cell.last(vector))
    return _RANGES.get(made.function, "") if isinstance(made, Apply) else ""


def _rounds(cell: Cell) -> dict[tuple[int, str], list[Value]]:
    """By line of the text what it assigns: in a loop once for each round."""
    rounds: dict[tuple[int, str], list[Value]] = {}
    for line, equation in zip(cell.lines, cell.equations, strict=True):
        rounds.setdefault((line, equation.target.name), []).append(equation.target)
    return rounds
