"""Random cells: what is parsed computes what Python itself computes of the same text, in every way that it is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from samples import examples
from torch import Tensor

from rnninspect.cells.backward import backward_terms, gradient_sources, kept
from rnninspect.cells.carry import carry_gate
from rnninspect.cells.evaluate import step
from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.language import parse
from rnninspect.cells.ops import forward_terms
from rnninspect.cells.packs import packs
from rnninspect.cells.scan import scannable
from rnninspect.cells.tree import Cell, CellError
from rnninspect.cells.widths import widths
from rnninspect.cells.write import python, write
from rnninspect.runtime.functions import COLUMNS, OF_TWO

WIDTH, SEQUENCES = 4, 3
NUMBERS = {"dt": 0.25, "depth": 3.0}
DECLARED = (("x", ("H_in",)), ("*", ("H_in",)))


def expressions(looped: bool) -> st.SearchStrategy[str]:
    """Expressions of weights, vectors and numbers in all the ways that the language has."""
    places = ["k", "k + 1"] if looped else ["0", "1"]
    vectors = ["x", "c", "d", "h"]
    weights = ["w_c", "w_d", "b", "b_a", "b_0", *(f"{name}[{place}]" for name in ("w_g", "b_f") for place in places)]
    numbers = ["(2)", "(0.5)", "(-1)", "(dt)", "(1 / depth)", *["(k)"] * looped]
    matrices = st.sampled_from(["W", "W_a", "W_b", "W_a.T", *(f"W_f[{place}]" for place in places)])
    return st.recursive(
        st.sampled_from(vectors + weights + numbers),
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
            st.builds("({} @ {})".format, matrices, st.sampled_from(vectors)),
            st.builds("({} @ ({} + {}))".format, matrices, st.sampled_from(vectors), inner),
            st.builds("{}({})".format, st.sampled_from(sorted(FUNCTIONS)), inner),
            st.builds("{}({}, {})".format, st.sampled_from(["max", "min"]), inner, inner),
            st.builds("(-{})".format, inner),
            st.builds("(abs({}) ** {})".format, inner, st.sampled_from(["2", "0.5", "dt", "x"])),
        ),
        max_leaves=7,
    )


LOOPED, STRAIGHT = expressions(True), expressions(False)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """The text of a cell."""
    looped = draw(st.booleans())
    order = draw(st.permutations("cdh"))
    expression = LOOPED if looped else STRAIGHT
    lines = [f"{target} = {draw(expression)} + {draw(st.sampled_from('xcdh'))}" for target in order]
    return "\n".join(["for k in range(1, depth):", *(f"    {line}" for line in lines)] if looped else lines)


def parsed(text: str) -> Cell:
    """The cell of a text; a drawn one that has no value, as of log(-1), is drawn anew."""
    try:
        return parse(text, numbers=tuple(NUMBERS.items()))
    except CellError as error:
        assume("has no value" not in str(error) and "divides by zero" not in str(error))
        raise


def values_of(cell: Cell) -> dict[str, Tensor]:
    """Weights, states and x at random, a column for each sequence."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64) + 0.25

    columns = {weight.name: WIDTH if weight.kind == "matrix" else 1 for weight in cell.weights}
    return {
        **{name: drawn(WIDTH, width) for name, width in columns.items()},
        **{name: drawn(WIDTH, SEQUENCES) for name in ("x", *cell.states)},
    }


def of_tensors(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A torch function that takes Python's numbers."""
    return lambda *given: function(*torch.broadcast_tensors(*(torch.as_tensor(v, dtype=torch.float64) for v in given)))


def by_python(text: str, values: dict[str, Tensor]) -> dict[str, Any]:
    """What Python computes of a text: it is one of its own programs, once the names are there."""
    functional = torch.nn.functional

    def normed(values: Tensor) -> Tensor:
        return values / torch.sqrt((values * values).mean(0, keepdim=True) + 1e-5)

    functions: dict[str, Callable[..., Tensor]] = {
        **{
            name: getattr(torch, name)
            for name in ("sigmoid", "tanh", "relu", "exp", "log", "sqrt", "sin", "cos", "abs")
        },
        **{name: getattr(functional, name) for name in ("softplus", "softsign", "gelu", "silu")},
        "hardsigmoid": lambda values: functional.relu6(values + 3) / 6,
        "softmax": lambda values: torch.softmax(values, 0),
        "logsoftmax": lambda values: torch.log_softmax(values, 0),
        "layernorm": lambda values: normed(values - values.mean(0, keepdim=True)),
        "rmsnorm": normed,
        "max": torch.maximum,
        "min": torch.minimum,
    }
    families: dict[str, dict[int, Tensor]] = {"W_f": {}, "w_g": {}, "b_f": {}}
    for name, family in families.items():
        family |= {k: values[f"{name}_{k}"] for k in range(5) if f"{name}_{k}" in values}
    scope = {name: of_tensors(function) for name, function in functions.items()}
    names: dict[str, Any] = {**scope, **values, **families, "dt": 0.25, "depth": 3, "range": range}
    exec(text, {"__builtins__": {}}, names)
    return names


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True)


@examples(40)
@given(texts())
def test_it_computes_what_python_computes(text: str) -> None:
    cell = parsed(text)
    values = values_of(cell)
    expected = by_python(text, dict(values))
    found = step(cell, values, {**COLUMNS, **OF_TWO})
    assert found.keys() == {equation.target.name for equation in cell.equations}
    for name, vector in found.items():
        close(vector.expand(WIDTH, SEQUENCES), expected[name].expand(WIDTH, SEQUENCES))


@examples(40)
@given(texts())
def test_it_is_printed_as_python_for_torch(text: str) -> None:
    """The statements of `explain --code`, a row for each sequence."""
    cell = parsed(text)
    values = values_of(cell)
    matrices = {weight.name for weight in cell.weights if weight.kind == "matrix"}
    rows = {name: value if name in matrices else value.T for name, value in values.items()}
    scope: dict[str, Any] = {**rows, "x_t": rows["x"], "torch": torch, "nn": torch.nn}
    exec("\n".join(python(cell, {"x": "x_t", "dt": "0.25", "depth": "3"})), scope)
    for name, vector in step(cell, values, {**COLUMNS, **OF_TWO}).items():
        close(scope[name].T.expand(WIDTH, SEQUENCES), vector.expand(WIDTH, SEQUENCES))


@examples(40)
@given(texts())
def test_everything_else_is_read_off_it(text: str) -> None:
    """Widths, parameters, costs and LaTeX of whatever is parsed."""
    cell = parsed(text)
    solved = widths(cell, DECLARED)
    assert {solved.of(node) for node in cell.nodes} <= {"H_in", "1"}
    assert solved.conditions == ()
    blocks = [block for pack in packs(cell, DECLARED) for block in pack.blocks]
    assert sorted(blocks) == sorted(weight.name for weight in cell.weights)
    for sources in gradient_sources(cell, matrices=True, biases=True, x=True, states=()):
        assert all(times >= 0 for times in backward_terms(cell, DECLARED, sources).lengths.values())
        assert kept(cell, DECLARED, sources).lengths.keys() <= {"H_in"}
    terms = forward_terms(cell, DECLARED)
    assert sum(terms.products.values()) == sum("@" in part for part in text.replace("@", " @ ").split()) * (
        2 if text.startswith("for") else 1
    )
    assert carry_gate(cell).keys() <= set(cell.states)
    assert scannable(cell) is not None
    for equation in write(cell, lambda symbol: (4,)):
        for latex in (equation.latex, equation.latex_sizes):
            assert latex.count("{") == latex.count("}")
            assert latex.count(r"\left") == latex.count(r"\right")
