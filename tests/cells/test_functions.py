"""The two tables of functions, of the language and of torch: the same names, values and derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.language import parse
from rnninspect.cells.write import python, write
from rnninspect.layers.layer import Wants
from rnninspect.layers.layer_norm import LayerNorm
from rnninspect.layers.signal import Batch, Signal
from rnninspect.runtime.functions import COLUMNS, OF_TWO, OPERATIONS, ROWS

ELEMENTWISE = [name for name, function in FUNCTIONS.items() if not function.whole]


def values_for(name: str) -> Tensor:
    """Three columns of seven, none at a kink."""
    generator = torch.Generator().manual_seed(0)
    values = torch.rand((7, 3), generator=generator, dtype=torch.float64) * 7 - 3.5
    return values.abs() + 0.1 if name in ("log", "sqrt") else values


def test_both_have_the_same_names() -> None:
    assert list(FUNCTIONS) == list(COLUMNS) == list(ROWS)
    assert [name for name in FUNCTIONS if FUNCTIONS[name].whole] == ["layernorm", "rmsnorm", "softmax", "logsoftmax"]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_number_has_the_value_that_torch_gives(name: str) -> None:
    number = FUNCTIONS[name].number
    assert number is not None
    for value in (*values_for(name).flatten().tolist(), 30.0, 700.0):
        torch_value = float(COLUMNS[name](torch.tensor([value], dtype=torch.float64)))
        assert number(value) == pytest.approx(torch_value, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_row_is_a_column_that_lies(name: str) -> None:
    columns = values_for(name)
    torch.testing.assert_close(ROWS[name](columns.T).T, COLUMNS[name](columns), rtol=1e-15, atol=0)
    steps = torch.stack([columns.T, 2 * columns.T])
    torch.testing.assert_close(ROWS[name](steps)[0], ROWS[name](columns.T), rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_derivative_is_torchs(name: str) -> None:
    argument = values_for(name).requires_grad_()
    upstream = torch.linspace(1, 2, 21, dtype=torch.float64).reshape(7, 3)
    result = COLUMNS[name](argument)
    (expected,) = torch.autograd.grad(result, argument, upstream)
    found = FUNCTIONS[name].gradient(upstream, argument.detach(), result.detach(), OPERATIONS)
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_derivative_needs_only_what_is_kept(name: str) -> None:
    function = FUNCTIONS[name]
    argument = values_for(name)
    result, missing = COLUMNS[name](argument), torch.full((7, 3), torch.nan, dtype=torch.float64)
    given = (missing, result) if function.keeps == "result" else (argument, missing)
    assert bool(function.gradient(torch.ones(7, 3), *given, OPERATIONS).isfinite().all())


@pytest.mark.parametrize("larger", [True, False])
def test_the_larger_and_the_smaller_take_numbers_too(larger: bool) -> None:
    of_two: Callable[[Any, Any], Tensor] = OF_TWO["max" if larger else "min"]
    values = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)
    expected = [1.0, 1.0, 2.0] if larger else [-1.0, 0.5, 1.0]
    for found in (of_two(values, 1), of_two(1.0, values), of_two(values, torch.ones(3, dtype=torch.float64))):
        assert found.tolist() == expected
        assert found.dtype == torch.float64


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_written_and_read_as_what_it_is(name: str) -> None:
    cell = parse(f"h = {name}(x + 1)")
    (written,) = write(cell, lambda symbol: (7,))
    assert "x_t + 1" in written.text
    assert "x_t + 1" in written.latex
    (statement,) = python(cell, {"x": "x_t"})
    x = values_for(name).T
    scope = {"torch": torch, "nn": torch.nn, "x_t": x - 1}
    exec(statement, scope)
    torch.testing.assert_close(scope["h"], ROWS[name](x), rtol=1e-12, atol=1e-12)


def test_a_norm_costs_what_the_layer_of_its_name_does() -> None:
    """LayerNorm without gain and bias, of a batch whose gradient is wanted."""
    layer = LayerNorm(type="LayerNorm", normalized_shape=7, elementwise_affine=False)
    signal = Signal(Batch(1, 1), ("L", "N"), 7)
    fitted = layer.fit(signal, {})
    assert fitted.forward_ops(signal).elementwise == 7 * FUNCTIONS["layernorm"].forward
    backward = fitted.backward_ops(signal, (), Wants(input=True, states=False))
    assert backward.elementwise == 7 * FUNCTIONS["layernorm"].backward
