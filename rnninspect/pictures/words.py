"""A picture in words, for whoever does not see it: what comes in, the equations, what goes out."""

from __future__ import annotations

from rnninspect.cells.notation import Shapes
from rnninspect.cells.tree import Cell, Value
from rnninspect.cells.write import name, write
from rnninspect.errors import counted, listed

# Of a long loop the others are said to be there.
_MOST_EQUATIONS = 30


def description(cell: Cell, shape: Shapes, *, reverse: bool = False) -> str:
    """The sentences."""

    def vector(value: Value) -> str:
        (width,) = shape(value)
        return f"{name(cell, value, reverse=reverse)} with {counted(width, 'number')}"

    given = [Value("x", 0)] * (Value("x", 0) in cell.nodes)
    before = [vector(Value(state, 0)) for state in cell.states]
    after = [vector(cell.last(state)) for state in cell.states]
    written = [equation.text for equation in write(cell, shape, reverse=reverse)]
    left_out = f"; and {len(written) - _MOST_EQUATIONS:,} more" * (len(written) > _MOST_EQUATIONS)
    sentences = [f"{vector(value)} comes in." for value in given]
    if before:
        sentences.append(f"From the step before: {listed(before)}.")
    sentences.append(f"{'; '.join(written[:_MOST_EQUATIONS])}{left_out}.")
    sentences.append(f"{vector(cell.result)} is put out.")
    if after:
        sentences.append(f"To the next step: {listed(after)}.")
    return " ".join(sentences)
