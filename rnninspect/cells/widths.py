"""The width of every vector and the rows and columns of every matrix, derived from a cell's equations.

A kind declares the widths of a few vectors in dimension letters, `{"x": ("H_in",), "h": ("H_out",),
"c": ("H_cell",)}`; elementwise operations make widths equal, a product ties a matrix to its operand, and a state is as
wide as its own last version, which settles all others. The declaration speaks of what enters and leaves a step: with
`h = W_hr @ h` the h in between is as wide as the equations make it. Beside a vector, what is declared one wide is a
number to all its elements.

`*` declares what the equations leave open; without it that is a fault. With it two letters may turn out to mean one
size, `u * x + (1 - u) * p` of an input and a hidden vector: a condition, which sizes meet or do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from rnninspect.cells.language import located
from rnninspect.cells.tree import (
    Apply,
    Bias,
    Binary,
    Cell,
    CellError,
    Expr,
    Matrix,
    Negative,
    Product,
    Value,
    Weight,
    WeightVector,
    symbols_of,
)
from rnninspect.errors import did_you_mean
from rnninspect.letters import LETTERS, letters_of

# The letters each named vector is as wide as, more than one where they mean the same size (RNN: H_cell, H_out).
Declared = tuple[tuple[str, tuple[str, ...]], ...]


class _Columns(NamedTuple):
    matrix: Matrix


_Thing = Value | Weight | _Columns | str  # a letter is a str

_OPEN = "*"
_ONE = "1"


@dataclass(frozen=True)
class Widths:
    """Widths in letters. Ask with a Value, Bias or WeightVector for its length, with a Matrix for its rows.

    open: the vectors whose width the equations leave open. conditions: letters that must mean one size.
    """

    _letters: Mapping[_Thing, tuple[str, ...]]
    _declared: Mapping[Value, str]
    _operands: Mapping[Matrix, Expr]
    open: tuple[str, ...]
    conditions: tuple[tuple[str, ...], ...]

    def length(self, thing: Value | Weight) -> str:
        """The letter of a vector's length or a matrix's rows: the cell's own width before what it puts out."""
        return self._letters[thing][0]

    def columns(self, matrix: Matrix) -> str:
        """The letter of a matrix's columns, as that of a vector it multiplies was declared where one was."""
        operand = self._operands.get(matrix)
        return self._letters[_Columns(matrix)][0] if operand is None else self.operand(operand)

    def operand(self, expression: Expr) -> str:
        """The letter of a product's operand, as the kind declared it where it did."""
        declared = self._declared.get(expression) if isinstance(expression, Value) else None
        return declared or self.of(expression)

    def of(self, expression: Expr) -> str:
        """The letter of an expression's length; of a number 1."""
        match expression:
            case Value() | Bias() | WeightVector():
                return self.length(expression)
            case Product(matrix=matrix, transposed=transposed):
                return self.columns(matrix) if transposed else self.length(matrix)
            case Apply(argument=part) | Negative(operand=part):
                return self.of(part)
            case Binary(left=left, right=right):
                length = self.of(left)
                return self.of(right) if length == _ONE else length
            case _:
                return _ONE


@cache
def widths(cell: Cell, declared: Declared) -> Widths:
    """Solve for every width.

    Raises CellError where the equations leave one open, or make two one that the kind has not declared so.
    """
    groups = _Groups()
    outward: dict[Value, str] = {}
    for name, letters in declared:
        for declared_thing in _outward(cell, name):
            groups.join_all(declared_thing, letters)
            if isinstance(declared_thing, Value):
                outward[declared_thing] = letters[-1]
    for matrix, bias in _pairs(cell):
        if groups.is_one(matrix):
            groups.join(bias, matrix)
    for state in cell.states:
        groups.join(Value(state, 0), cell.last(state))
    for line, equation in zip(cell.lines, cell.equations, strict=True):
        with located(line):
            width = _width(equation.expression, groups)
            if width is None:
                raise CellError(f"{equation.target.name!r} is set to a constant, which has no width")
            groups.join(equation.target, width)
    default = dict(declared).get(_OPEN, ())
    things = list(_things(cell))
    open_things = [thing for thing in things if not groups.letters(thing)]
    for thing in open_things:
        if not default:
            raise CellError(f"the equations leave the width of {_called(thing)} open")
        groups.join_all(thing, default)
    together = dict.fromkeys(map(groups.letters, things))
    conditions = tuple(width for width in together if not any(set(width) <= set(own) for _, own in declared))
    if conditions and not default:
        raise CellError(f"the equations make vectors as wide as {' and '.join(sorted(conditions[0]))} at once")
    products = [node for node in cell.nodes if isinstance(node, Product) and not node.transposed]
    return Widths(
        _letters={thing: groups.letters(thing) for thing in things},
        _declared=outward,
        _operands={product.matrix: product.operand for product in reversed(products)},
        open=tuple(dict.fromkeys(thing.name for thing in open_things if isinstance(thing, Value))),
        conditions=conditions,
    )


def declare(cell: Cell, own: Mapping[str, str]) -> Declared:
    """The widths of a cell that says little of them: its output is as wide as it is hidden, unless its own say so.

    own: letters by name; what they leave open is hidden too. Raises CellError for a name that the cell does not have.
    """
    known = {value.name for value in cell.nodes if isinstance(value, Value)}
    known |= {equation.target.name for equation in cell.equations} | {weight.name for weight in cell.weights}
    for name in own:
        if name not in known:
            raise CellError(f"there is no {name!r} that would have a width", hint=did_you_mean(name, sorted(known)))
    given = {cell.output: "H_cell", **own}
    letters = ((name, (letter, "H_out") if name == cell.output else (letter,)) for name, letter in given.items())
    return (*letters, (_OPEN, ("H_cell",)))


def _outward(cell: Cell, name: str) -> list[Value | Weight]:
    """What a declaration of `name` is about: a vector as it comes in and as it goes out, or a weight."""
    first_read = [node for node in cell.nodes if isinstance(node, Value) and node == Value(name, 0)][:1]
    assigned = [equation.target for equation in cell.equations if equation.target.name == name and name != "x"]
    return [*first_read, *assigned[-1:], *(weight for weight in cell.weights if weight.name == name)]


def _pairs(cell: Cell) -> Iterator[tuple[Matrix, Bias]]:
    """Every matrix with the bias of its suffix."""
    matrices = {weight.name[1:]: weight for weight in cell.weights if isinstance(weight, Matrix)}
    for weight in cell.weights:
        if isinstance(weight, Bias) and weight.name[1:] in matrices:
            yield matrices[weight.name[1:]], weight


def _things(cell: Cell) -> Iterator[Value | Weight | _Columns]:
    """Everything that has a width, in the order of the text."""
    for equation in cell.equations:
        for symbol in symbols_of(equation.expression):
            yield symbol
            if isinstance(symbol, Matrix):
                yield _Columns(symbol)
        yield equation.target


def _called(thing: Value | Weight | _Columns) -> str:
    return f"the columns of {thing.matrix.name}" if isinstance(thing, _Columns) else repr(thing.name)


def _width(expression: Expr, groups: _Groups) -> _Thing | None:
    match expression:
        case Value() | Bias() | WeightVector():
            return expression
        case Apply(argument=part) | Negative(operand=part):
            return _width(part, groups)
        case Product(matrix=matrix, operand=operand, transposed=transposed):
            sides: list[_Thing] = [matrix, _Columns(matrix)]
            rows, columns = sides[::-1] if transposed else sides
            width = _width(operand, groups)
            if width is not None:
                groups.join(columns, width)
            return rows
        case Binary(left=left, right=right):
            a, b = _width(left, groups), _width(right, groups)
            if a is None or b is None or (groups.is_one(a) and not groups.is_one(b)):
                return a if b is None else b
            if not groups.is_one(b) or groups.is_one(a):
                groups.join(a, b)
            return a
        case _:
            return None


class _Groups:
    """Union-find over things of equal width."""

    def __init__(self) -> None:
        self._parent: dict[_Thing, _Thing] = {}
        # The letters of each group, by what stands for it.
        self._letters: dict[_Thing, frozenset[str]] = {}

    def join(self, a: _Thing, b: _Thing) -> None:
        one, other = self._root(a), self._root(b)
        if one != other:
            self._parent[one] = other
            self._letters[other] |= self._letters.pop(one)

    def join_all(self, thing: _Thing, letters: Iterable[str]) -> None:
        for letter in letters:
            self.join(thing, letter)

    def is_one(self, thing: _Thing) -> bool:
        """Whether it is known to be one wide."""
        return _ONE in self._letters[self._root(thing)]

    def letters(self, thing: _Thing) -> tuple[str, ...]:
        """The letters of its width, none where it is open; sizes of a cell's own first, then as a legend has them."""
        order = list(LETTERS)

        def place(letter: str) -> tuple[int, str]:
            own = letters_of(letter)[-1]
            return order.index(own) if own in LETTERS else -1, letter

        return tuple(sorted(self._letters[self._root(thing)], key=place))

    def _root(self, thing: _Thing) -> _Thing:
        if thing not in self._parent:
            self._parent[thing] = thing
            self._letters[thing] = frozenset([thing] if isinstance(thing, str) else [])
        while self._parent[thing] != thing:
            # why: halving the way keeps it short.
            self._parent[thing] = self._parent[self._parent[thing]]
            thing = self._parent[thing]
        return thing
