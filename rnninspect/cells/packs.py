"""How a cell's matrices and biases are packed into parameter tensors.

Matrices that multiply the same vector are stacked as rows of one tensor, in the order of the text, so that one
product serves all gates: `weight_ih = [W_ii; W_if; W_ig; W_io]`. This is torch's packing, derived; a bias is
packed like the matrix of its suffix.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from rnninspect.cells.language import Cell, CellError, Product, Value
from rnninspect.cells.reach import Sources, reached
from rnninspect.cells.widths import Declared, widths


class Pack(NamedTuple):
    """One parameter tensor: `blocks` stacked as rows.

    symbol: `W_ih`, or the block's own name where there is only one.
    rows: the letter of one block's rows; columns: None for a bias.
    recurrent: it multiplies, or is added to, what a change of the states of the step before reaches.
    second: a bias of gates that have another one before it.
    """

    symbol: str
    blocks: tuple[str, ...]
    rows: str
    columns: str | None
    recurrent: bool
    second: bool


@cache
def packs(cell: Cell, declared: Declared) -> tuple[Pack, ...]:
    """The parameter tensors of a cell in torch's order: what multiplies the step's inputs, then the rest."""
    products: dict[Value, list[Product]] = {}
    for node in cell.nodes:
        if isinstance(node, Product):
            products.setdefault(node.operand, []).append(node)
    given = [group for operand, group in products.items() if operand.version == 0]
    computed = [group for operand, group in products.items() if operand.version > 0]
    biases = [bias for equation in cell.equations for bias in equation.biases]
    used = set(biases)
    tensors = [
        pack
        for groups in (given, computed)
        for kind in ("W", "b")
        for group in groups
        if (pack := _pack(cell, declared, kind, [p for p in group if kind + p.matrix.name[1:] in used or kind == "W"]))
    ]
    names = [block for pack in tensors for block in pack.blocks]
    if len(set(names)) < len(names) or len(used) < len(biases):
        raise CellError(f"a weight is used twice: {names}")
    if used - set(names):
        raise CellError(f"a bias has no matrix of its suffix: {sorted(used - set(names))}")
    return tuple(tensors)


def _pack(cell: Cell, declared: Declared, kind: str, group: list[Product]) -> Pack | None:
    if not group:
        return None
    solved = widths(cell, declared)
    blocks = tuple(kind + product.matrix.name[1:] for product in group)
    rows = {solved.length(product.matrix) for product in group}
    if len(rows) > 1:
        raise CellError(f"{blocks} cannot be stacked: their rows differ, {sorted(rows)}")
    operand = group[0].operand
    second = {node for equation in cell.equations for node in equation.biases[1:]}
    states = Sources(frozenset(Value(name, 0) for name in cell.states))
    return Pack(
        # why: `W_ii` .. `W_io` all lead from i, the input, to the hidden units: together they are `W_ih`.
        symbol=blocks[0] if len(blocks) == 1 else blocks[0][:3] + "h",
        blocks=blocks,
        rows=rows.pop(),
        columns=solved.operand(operand) if kind == "W" else None,
        recurrent=operand in reached(cell, states),
        second=second.issuperset(blocks),
    )
