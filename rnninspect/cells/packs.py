"""How a cell's matrices, weight vectors and biases are packed into parameter tensors.

Matrices that multiply the same vector are stacked as rows of one tensor, in the order of the text, so that one
product serves all gates: `weight_ih = [W_ii; W_if; W_ig; W_io]`. This is torch's packing, derived; a bias is
packed like the matrix of its suffix. What leads from x is `W_ih`, from h `W_hh`, from m `W_mh`. A matrix that is
multiplied with an expression, or transposed, has a tensor of its own, as have weight vectors and free biases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from functools import cache
from typing import NamedTuple

from rnninspect.cells.reach import Sources, is_reached, reached
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
    WeightVector,
    parts,
)
from rnninspect.cells.widths import Declared, Widths, widths


class Pack(NamedTuple):
    """One parameter tensor: `blocks` stacked as rows.

    symbol: `W_ih`, or the block's own name where there is only one.
    rows: the letter of one block's rows; columns: None for a bias or a weight vector.
    recurrent: it multiplies, or is added to, what a change of the states of the step before reaches.
    second: a bias of gates that have another one before it.
    """

    symbol: str
    blocks: tuple[str, ...]
    rows: str
    columns: str | None
    recurrent: bool
    second: bool


class _Group(NamedTuple):
    """Matrices that multiply one operand, the first time that they are used."""

    operand: Expr
    matrices: tuple[Matrix, ...]


@cache
def packs(cell: Cell, declared: Declared) -> tuple[Pack, ...]:
    """The parameter tensors of a cell in torch's order: what multiplies the step's inputs, then the rest.

    Raises CellError where two of them would have one name.
    """
    solved = widths(cell, declared)
    groups = _groups(cell, solved)
    given = [group for group in groups if isinstance(group.operand, Value) and group.operand.version == 0]
    computed = [group for group in groups if group not in given]
    packed = _Packer(cell, solved)
    tensors = [
        pack for part in (given, computed) for kind in ("W", "b") for group in part for pack in packed.of(kind, group)
    ]
    tensors += packed.vectors({block for pack in tensors for block in pack.blocks})
    names = Counter(_one_case(pack.symbol) for pack in tensors)
    for pack in tensors:
        if names[_one_case(pack.symbol)] > 1:
            raise CellError(
                f"W{pack.symbol[1:]} and w{pack.symbol[1:]} would be parameters of one name", hint="rename one of them"
            )
    return tuple(tensors)


def _one_case(symbol: str) -> str:
    """A symbol in the case of vectors: W_c and w_c are both `weight_c` as parameters."""
    return symbol[0].lower() + symbol[1:]


def _groups(cell: Cell, solved: Widths) -> list[_Group]:
    found: dict[object, list[Matrix]] = {}
    operands: dict[object, Expr] = {}
    seen: set[Matrix] = set()
    for node in cell.nodes:
        if isinstance(node, Product) and node.matrix not in seen:
            seen.add(node.matrix)
            alone = node.transposed or not cell.stacked or not isinstance(node.operand, Value)
            key = node.matrix if alone else (node.operand, solved.length(node.matrix))
            found.setdefault(key, []).append(node.matrix)
            operands[key] = node.operand
    return [_Group(operands[key], tuple(matrices)) for key, matrices in found.items()]


class _Packer:
    def __init__(self, cell: Cell, solved: Widths) -> None:
        self.solved = solved
        self.states = Sources(frozenset(Value(name, 0) for name in cell.states))
        self.reached = reached(cell, self.states)
        self.weights = cell.weights
        self.biases = {weight.name: weight for weight in cell.weights if isinstance(weight, Bias)}
        self.second = {name for equation in cell.equations for name in _second(equation.expression)}
        self.cell = cell
        self._taken: set[str] = set()

    def of(self, kind: str, group: _Group) -> Iterator[Pack]:
        """The tensors of a group's matrices ("W"), or of their biases ("b")."""
        if kind == "W":
            blocks = tuple(matrix.name for matrix in group.matrices)
            columns = self.solved.columns(group.matrices[0])
        else:
            blocks, columns = tuple(self._biases_of(group)), None
        if not blocks:
            return
        rows = self.solved.length(group.matrices[0])
        recurrent = is_reached(group.operand, self.states, self.reached)
        symbol = self._symbol(kind, group, blocks)
        for name, part in [(symbol, blocks)] if symbol else [(block, (block,)) for block in blocks]:
            self._taken.add(name)
            yield Pack(
                symbol=name,
                blocks=part,
                rows=rows,
                columns=columns,
                recurrent=recurrent,
                second=self.second.issuperset(part),
            )

    def vectors(self, packed: Set[str]) -> Iterator[Pack]:
        """The tensors of weight vectors and of biases that no matrix has: those that are not yet packed."""
        for kind in (WeightVector, Bias):
            for weight in self.weights:
                if isinstance(weight, kind) and weight.name not in packed:
                    yield Pack(
                        symbol=weight.name,
                        blocks=(weight.name,),
                        rows=self.solved.length(weight),
                        columns=None,
                        recurrent=any(self._meets(weight, equation.expression) for equation in self.cell.equations),
                        second=weight.name in self.second,
                    )

    def _biases_of(self, group: _Group) -> Iterator[str]:
        for matrix in group.matrices:
            bias = self.biases.get("b" + matrix.name[1:])
            if bias and self.solved.length(bias) == self.solved.length(matrix):
                yield bias.name

    def _symbol(self, kind: str, group: _Group, blocks: Sequence[str]) -> str:
        """What a stack is called; "" where that would be the name of something else."""
        if len(blocks) == 1:
            return blocks[0]
        operand = group.operand
        assert isinstance(operand, Value)
        source = "i" if operand.name == "x" else operand.name
        others = {_one_case(weight.name) for weight in self.weights if weight.name not in blocks}
        others |= set(map(_one_case, self._taken))
        # why the version: h'_t, on its way to h_t, is multiplied as well as h_{t-1}.
        names = [f"{kind}_{source}h", *[f"{kind}_{source}{operand.version}h"] * (operand.version > 0)]
        return next((name for name in names if _one_case(name) not in others), "")

    def _meets(self, weight: WeightVector | Bias, expression: Expr) -> bool:
        """Whether a weight is a factor or a term beside what the states reach."""
        if isinstance(expression, Binary):
            through = (Binary, Apply, Negative) if expression.op in "*/" else ()
            for side, other in ((expression.left, expression.right), (expression.right, expression.left)):
                if _is_part(weight, side, through) and is_reached(other, self.states, self.reached):
                    return True
        return any(self._meets(weight, part) for part in parts(expression))


def _is_part(weight: WeightVector | Bias, expression: Expr, through: tuple[type[Expr], ...]) -> bool:
    """Whether an expression is a weight, a sum with one, or made of it by operations of the kinds `through`."""
    is_sum = isinstance(expression, Binary) and expression.op in "+-"
    inside = is_sum or isinstance(expression, through)
    return expression == weight or (inside and any(_is_part(weight, part, through) for part in parts(expression)))


def _second(expression: Expr) -> list[str]:
    """The biases that are added where another one is added already: b_hi of `sigmoid(... + b_ii + ... + b_hi)`."""
    second: list[str] = []

    def added(node: Expr) -> list[str]:
        """The biases of the sum that a node is a part of; those of sums that end within it are sorted out."""
        if isinstance(node, Bias):
            return [node.name]
        below = [added(part) for part in parts(node)]
        # why a product with one of them passes on: n of a GRU adds b_in and, times r_t, b_hn.
        if isinstance(node, Binary | Negative) and (getattr(node, "op", "-") in "+-" or not all(below)):
            return [name for names in below for name in names]
        for names in below:
            second.extend(names[1:])
        return []

    second.extend(added(expression)[1:])
    return second
