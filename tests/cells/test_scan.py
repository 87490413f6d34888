"""Which recurrences can be run in log2 L rounds: of the kinds none, of published cells those that are known for it."""

from __future__ import annotations

import pytest
import torch

from rnninspect.cells.evaluate import step
from rnninspect.cells.language import parse
from rnninspect.cells.scan import Reads, scannable
from rnninspect.cells.tree import Cell
from rnninspect.runtime.functions import COLUMNS, OF_TWO

GATE = "z = sigmoid(W_z @ x + b_z)\n"
CELLS = {
    # minGRU
    "gates of the input": (GATE + "n = W_n @ x\nh = (1 - z) * h + z * n", Reads.DIAGONAL),
    "two states": (GATE + "c = z * c + x\nh = h / z - c", Reads.DIAGONAL),
    # T-GRU
    "a state that only holds the input": ("h = sigmoid(W_p @ p) * h + x\np = x", Reads.DIAGONAL),
    "an input held for two steps": ("h = sigmoid(q) * h + x\nq = p\np = x", Reads.DIAGONAL),
    "nothing but held": ("h = tanh(p)\np = x", Reads.NOTHING),
    "negative": (GATE + "h = -(z * h)", Reads.DIAGONAL),
    "a weight vector": ("h = w_h * h + exp(w_x) * x", Reads.DIAGONAL),
    "a matrix": (GATE + "h = z * (W_h @ h) + x", Reads.MATRIX),
    "an output that is none": (GATE + "c = z * c + x\ny = tanh(c)", Reads.DIAGONAL),
    # SRU's gates read c
    "a gate of the state": ("f = sigmoid(W_f @ x + w_f * c)\nc = f * c + x", Reads.BOUND),
    "a function of the state": (GATE + "h = tanh(z * h)", Reads.BOUND),
    "a square": ("h = h * h", Reads.BOUND),
    "a quotient by the state": ("h = x / h", Reads.BOUND),
    "a power": ("h = h ** 2", Reads.BOUND),
    "a maximum": ("h = max(h, x)", Reads.BOUND),
    "no state": ("y = tanh(W @ x)", Reads.NOTHING),
}


@pytest.mark.parametrize(("text", "reads"), CELLS.values(), ids=CELLS)
def test_it_is_read_off_the_equations(text: str, reads: Reads) -> None:
    assert scannable(parse(text)) is reads


def after(cell: Cell, states: torch.Tensor) -> torch.Tensor:
    """What each column of states becomes, with the same x and weights."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64) + 0.5

    weights = {weight.name: drawn(3, 3 if weight.kind == "matrix" else 1) for weight in cell.weights}
    given = dict(zip(cell.states, states.chunk(max(len(cell.states), 1)), strict=False))
    found = step(cell, weights | given | {"x": drawn(3, 1)}, {**COLUMNS, **OF_TWO})
    return torch.cat([found[name].expand(3, states.shape[1]) for name in cell.states])


@pytest.mark.parametrize(
    ("text", "reads"), [case for case in CELLS.values() if case[1] and "p = x" not in case[0]], ids=lambda case: ""
)
def test_it_is_so_in_numbers(text: str, reads: Reads) -> None:
    """New states that are linear in the old are half way between two old ones' new ones, half way between these."""
    cell = parse(text)
    old = torch.rand((3 * len(cell.states), 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.5
    ends, middle = after(cell, old), after(cell, old.mean(1, keepdim=True))
    halfway = torch.allclose(ends.mean(1, keepdim=True), middle, rtol=1e-12, atol=0)
    assert halfway is (reads is not Reads.BOUND)
