"""How many elementwise operations a published cell takes, counted while Python itself runs its text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from library_runs import AS_WIDE
from worlds import document, spec_of

from rnninspect.cells.functions import FUNCTIONS
from rnninspect.document.library import library_names
from rnninspect.layers.defined import DefinedLayer
from rnninspect.runtime.plain import PlainRNN
from rnninspect.runtime.recurrence import Level


class Counter:
    """The operations so far."""

    total = 0


class Vector:
    """A vector without numbers: all it knows is its length, and what is done with it is counted."""

    def __init__(self, length: int, counter: Counter) -> None:
        self.length, self.counter = length, counter

    def done(self, cost: int, other: Any = None) -> Vector:
        length = max(self.length, other.length) if isinstance(other, Vector) else self.length
        assert not isinstance(other, Vector) or {self.length, other.length} <= {1, length}
        self.counter.total += cost * length
        return Vector(length, self.counter)

    def one(self, other: Any = None) -> Vector:
        return self.done(1, other)

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = one
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __neg__ = one


class Rows:
    """A matrix of so many rows and columns."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns

    @property
    def T(self) -> Rows:  # noqa: N802
        return Rows(self.columns, self.rows)

    def __matmul__(self, operand: Vector) -> Vector:
        assert operand.length == self.columns
        return Vector(self.rows, operand.counter)


def of_one(name: str) -> Callable[[Any], Any]:
    function = FUNCTIONS[name]
    return lambda given: given.done(function.forward) if isinstance(given, Vector) else function.number(given)  # type: ignore[misc]


def of_two(a: Any, b: Any) -> Any:
    vector, other = (a, b) if isinstance(a, Vector) else (b, a)
    return vector.one(other) if isinstance(vector, Vector) else 1.0


@pytest.mark.parametrize("name", sorted(library_names()))
def test_elementwise_operations_are_what_python_does(name: str) -> None:
    width = 5 if name in AS_WIDE else 3
    (link,) = spec_of(document(f"type: {name}, input_size: {width}, hidden_size: 5", steps=6, size=4)).links
    layer, counter = link.layer, Counter()
    assert isinstance(layer, DefinedLayer)
    scope: dict[str, Any] = {name: of_one(name) for name in FUNCTIONS} | {"max": of_two, "min": of_two, "range": range}
    scope |= {"__builtins__": {}, "x": Vector(width, counter), **layer.numbers}
    facts = layer.inputs(link.signal, "float64")[1:]
    scope |= {state: Vector(fact.shape[-1], counter) for state, fact in zip(layer.cell.states, facts, strict=True)}
    families: dict[str, dict[int, Any]] = defaultdict(dict)
    for weight, block in PlainRNN(layer).blocks(Level(0, 0, "_l0")).items():
        shape = block.values.shape
        scope[weight] = Rows(*shape) if len(shape) == 2 else Vector(*shape, counter)
        if place := re.fullmatch(r"(\w+)_(\d+)", weight):
            families[place[1]][int(place[2])] = scope[weight]
    exec(layer.equations(), {**families, **scope})
    assert layer.forward_ops(link.signal).elementwise == 6 * 4 * counter.total


# The others are run by one kernel each, whatever their derivative is written as.
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "exp", "log", "sin", "cos", "abs", "softplus", "softsign"])
def test_a_gradient_costs_what_it_is_worked_out_with(name: str) -> None:
    counter = Counter()
    g, a, y = (Vector(1, counter) for _ in range(3))
    FUNCTIONS[name].gradient(g, a, y, defaultdict(lambda: Vector.one))
    assert counter.total == FUNCTIONS[name].backward
