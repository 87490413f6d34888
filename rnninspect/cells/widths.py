"""The width of every vector and the rows and columns of every matrix, derived from a cell's equations.

A kind declares the widths of a few vectors in dimension letters, `{"x": ("H_in",), "h": ("H_out",),
"c": ("H_cell",)}`; elementwise operations make widths equal and a product ties a matrix to its operand, which
settles all others. The declaration speaks of what enters and leaves a step: with `h = W_hr @ h` the h in between
is as wide as the equations make it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from rnninspect.cells.language import Apply, Bias, Binary, Cell, CellError, Expr, Matrix, Number, Product, Value
from rnninspect.letters import LETTERS, letters_of

# The letters each named vector is as wide as, more than one where they mean the same size (RNN: H_cell, H_out).
Declared = tuple[tuple[str, tuple[str, ...]], ...]
_Thing = Value | Bias | Matrix | tuple[str, Matrix] | str  # a letter is a str; (cols, matrix) its column count


@dataclass(frozen=True)
class Widths:
    """Widths in letters. Ask with a Value or Bias for its length, with a Matrix for its rows."""

    _letters: Mapping[_Thing, tuple[str, ...]]
    _declared: Mapping[Value, str]

    def length(self, thing: Value | Bias | Matrix) -> str:
        """The letter of a vector's length or a matrix's rows: the cell's own width before what it puts out."""
        return self._letters[thing][0]

    def operand(self, value: Value) -> str:
        """The letter of a product's operand, as the kind declared it where it did."""
        return self._declared.get(value) or self._letters[value][0]


@cache
def widths(cell: Cell, declared: Declared) -> Widths:
    """Solve for every width. Raises CellError where the equations leave one open."""
    groups = _Groups()
    outward: dict[Value, str] = {}
    for name, letters in declared:
        for value in _outward(cell, name):
            outward[value] = letters[-1]
            for letter in letters:
                groups.join(value, letter)
    for equation in cell.equations:
        groups.join(equation.target, _width(equation.expression, groups))
    groups.check({frozenset(letters) for _, letters in declared})
    return Widths({thing: groups.letters(thing) for thing in groups.things()}, outward)


def _outward(cell: Cell, name: str) -> list[Value]:
    """The versions of a vector that cross the step's boundary: as it came in, and as it goes out."""
    first_read = [node for node in cell.nodes if isinstance(node, Value) and node == Value(name, 0)][:1]
    assigned = [equation.target for equation in cell.equations if equation.target.name == name]
    return first_read + assigned[-1:]


def _width(expression: Expr, groups: _Groups) -> _Thing | None:
    match expression:
        case Number():
            return None
        case Value() | Bias():
            return expression
        case Apply(argument=argument):
            return _width(argument, groups)
        case Product(matrix=matrix, operand=operand):
            groups.join(("columns", matrix), operand)
            return matrix
        case Binary(left=left, right=right):
            a, b = _width(left, groups), _width(right, groups)
            if a is not None and b is not None:
                groups.join(a, b)
            return a if a is not None else b


class _Groups:
    """Union-find over things of equal width."""

    def __init__(self) -> None:
        self._parent: dict[_Thing, _Thing] = {}

    def join(self, a: _Thing, b: _Thing | None) -> None:
        if b is None:
            raise CellError(f"{a} is set to a constant, which has no width")
        self._parent[self._root(a)] = self._root(b)

    def things(self) -> list[_Thing]:
        return [thing for thing in self._parent if not isinstance(thing, str)]

    def check(self, equal: set[frozenset[str]]) -> None:
        """Raise CellError where the equations make letters equal that the kind has not declared so."""
        for thing in self.things():
            width = frozenset(self.letters(thing))
            if not any(width <= letters for letters in equal):
                raise CellError(f"the equations make {thing} as wide as {' and '.join(sorted(width))} at once")

    def letters(self, thing: _Thing) -> tuple[str, ...]:
        root = self._root(thing)
        letters = [other for other in self._parent if isinstance(other, str) and self._root(other) == root]
        if not letters:
            raise CellError(f"the equations leave the width of {thing} open")
        order = list(LETTERS)
        return tuple(sorted(letters, key=lambda letter: order.index(letters_of(letter)[-1])))

    def _root(self, thing: _Thing) -> _Thing:
        parent = self._parent.setdefault(thing, thing)
        while parent != thing:
            thing, parent = parent, self._parent[parent]
        return thing
