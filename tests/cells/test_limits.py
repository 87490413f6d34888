"""Texts that are meant to do harm, or that look like others: refused with a place and a reason, and at once."""

from __future__ import annotations

import pytest

from rnninspect.cells.language import parse
from rnninspect.cells.limits import MOST_CHARACTERS, MOST_EQUATIONS, MOST_ROUNDS
from rnninspect.cells.tree import CellError

NESTED = "for i in range(1000):\n    for j in range(1000):\n        for k in range(1000):\n            h = x"
# As many terms as leaves a depth of 100, far less than one bracket in another fifty times.
WIDE = "+".join(f"({'+'.join(['x'] * 20)})" for _ in range(40))
HOSTILE = {
    "minus signs": "h = " + "-" * 20_000 + "x",
    "blanks": "h = x" + " " * 20_000,
    "brackets that Python would read": "h = " + "(" * 60 + "x" + ")" * 60,
    "a wide sum in brackets": "h = " + WIDE,
    "minus signs within the length": "h = " + "-" * 9_900 + "x",
    "brackets": "h = " + "(" * 4_000 + "x" + ")" * 4_000,
    "open brackets": "h = " + "(" * 9_000,
    "open brackets of all kinds": "h = " + "([{" * 3_000,
    "functions": "h = " + "tanh(" * 1_500 + "x" + ")" * 1_500,
    "a long sum": "h = x" + "+h" * 20_000,
    "a long sum within the length": "h = x" + "+h" * 4_900,
    "a sum over lines": "h = (x" + "\n+h" * 3_000 + ")",
    "powers": "h = x" + "**x" * 3_000,
    "not": "h = " + "not " * 2_400 + "x",
    "lambdas": "h = " + "lambda:" * 1_400 + "x",
    "conditions": "h = " + "x if x else " * 800 + "x",
    "comparisons": "h = x" + "<x" * 4_900,
    "subscripts": "h = x" + "[x]" * 3_000,
    "calls": "h = x" + "()" * 4_900,
    "attributes": "h = x" + ".T" * 4_900,
    "loops in one another": NESTED,
    "a long loop": "for k in range(10 ** 9):\n    h = x",
    "an endless loop": "for k in range(9 ** 99):\n    h = x",
    "many loops": "\n".join(f"for k in range({MOST_ROUNDS // 2}):\n    h = x" for _ in range(3)),
    "many equations": "for k in range(500):\n    h = x; h = x; h = x",
    "nested blocks": "".join(f"{' ' * k}for a in range(1):\n" for k in range(90)) + " " * 90 + "h = x",
    "a tower of powers": "h = x * 9**9**9",
    "a tower of powers in brackets": "h = x * (((9**99)**99)**99)",
    "a name that Python knows": "h = __class__",
    "an attribute of a name": "h = x.__class__",
    "a method": "h = W.__class__ @ x",
    "a name assigned": "__builtins__ = x",
    "a weight that Python knows": "h = W__x @ x",
    "a very long name": f"h = {'a' * 5_000}",
    "a number beyond int64": f"h = x * {2**63}",
    "a number of a thousand digits": f"h = x * {'9' * 1_000}",
    "a number of five thousand digits": f"h = x * {'9' * 5_000}",
    "infinity": "h = x * 1e999",
    "minus infinity": "h = x * -1e999",
    "infinity by name": "h = x * inf",
    "no number": "h = x * (1e308 * 10 - 1e308 * 10)",
    "an overflow": "h = x * exp(1000)",
    "a division by zero": "h = x / 0",
    "a division by what is zero": "h = x / (1 - 1)",
    "a constant divided by zero": "h = x * (1 / 0)",
    "zero to a negative power": "h = x * 0 ** -1",
    "a root of a negative number": "h = x * (-8) ** 0.5",
    "a logarithm of zero": "h = x * log(0)",
    "a norm of a number": "h = x * layernorm(2)",
    "letters that look like others": "h = tаnh(x)",
    "a ligature, which Python reads as two letters": "h = x + \ufb01\nfi = x",
    "a digit that is none": "h = x * ٣",
    "a bold letter": "h = \U0001d431",
    "a space that is none": "h =\u00a0x",
    "a direction mark": "h = x\u202e",
    "a null": "h = x\0",
    "a form feed": "h = x\f",
    "an escape": "h = x\x1b[31m",
    "a long string": "h = '" + "x" * 9_000 + "'",
    "lines put together": "h = x \\\n + x",
    "a generator": "h = max(x for x in x)",
    "await": "h = await x",
    "a loop over a list": "for k in [1, 2]:\n    h = x",
    "a loop over half a number": "for k in range(1.5):\n    h = x",
    "a loop backwards": "for k in range(-1):\n    h = x",
    "a loop with a step": "for k in range(1, 9, 2):\n    h = x",
    "a loop with else": "for k in range(2):\n    h = x\nelse:\n    h = x",
    "a loop of a weight": "for W in range(2):\n    h = x",
    "a loop that ends": "for k in range(2):\n    h = x\n    break",
    "an index that is a vector": "h = W[x] @ x",
    "an index below 0": "h = W[0 - 1] @ x",
    "an index of halves": "h = W[0.5] @ x",
    "an index of an index": "h = W[0][1] @ x",
    "a slice": "h = W[0:2] @ x",
    "one weight by two names": "h = W[0] @ x + W_0 @ x",
    "a function assigned": "tanh = x",
    "a loop's counter assigned": "for k in range(2):\n    k = x",
    "a transposed vector": "h = x.T",
    "a transposed matrix by itself": "h = W.T",
    "twice transposed": "h = W.T.T @ x",
    "a word of Python": "h = if",
    "nothing": "",
    "a comment": "# h = x",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_it_is_refused(text: str) -> None:
    with pytest.raises(CellError) as caught:
        parse(text)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "h = x" + " + h" * 90,
        "h = " + "tanh(" * 40 + "x" + ")" * 40,
        f"for k in range({MOST_EQUATIONS}):\n    h = W[k] @ h",
        "for a in range(30):\n    for k in range(30):\n        h = tanh(h)",
        "h = x  # " + "σ" * 100,
        "h = x" + " " * (MOST_CHARACTERS - 5),
        "for k in range(0):\n    h = x\nh = tanh(h)",
        "h = x ** 2 * 1e300",
    ],
    ids=lambda text: text[:20],
)
def test_what_is_within_the_limits_is_read(text: str) -> None:
    assert parse(text).equations


@pytest.mark.parametrize("text", ["_n = x\nh = _n", "h = x + _n", "a__b = x\nh = a__b"])
def test_a_name_that_python_keeps_to_itself_is_refused(text: str) -> None:
    with pytest.raises(CellError, match="names begin with a letter, and have no __"):
        parse(text)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"W_x": 1.0}, "a number cannot be called 'W_x'"),
        ({"w_x": 1.0}, "a number cannot be called 'w_x'"),
        ({"b": 1.0}, "a number cannot be called 'b'"),
        ({"x": 1.0}, "a number cannot be called 'x'"),
        ({"tanh": 1.0}, "a number cannot be called 'tanh'"),
        ({"1st": 1.0}, "a number cannot be called '1st'"),
        ({"_a": 1.0}, "a number cannot be called '_a'"),
        ({"dt": float("nan")}, "dt is nan"),
        ({"dt": float("inf")}, "dt is inf"),
        ({"h": 1.0}, "line 1, column 1: 'h' cannot be assigned: it is a number"),
        ({"a": 0.0}, "line 1, column 5: 'x / a' divides by zero"),
        ({"a": 1e300}, "'exp(a)' has no value"),
    ],
)
def test_numbers_by_name_are_held_to_the_same(numbers: dict[str, float], message: str) -> None:
    with pytest.raises(CellError) as caught:
        parse("h = x / a * exp(a)", numbers=tuple({"a": 1.0, **numbers}.items()))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "column", "hint"),
    [
        ("h = x\ny = u * h", 2, 5, "a weight vector is w_u"),
        ("h = W_hh * h", 1, 5, "a matrix stands left of @, as in W_hh @ h; what takes part element by element is w_hh"),
        ("h = u @ h", 1, 5, "left of @ stands a matrix, whose name begins with W: W_u"),
        ("h = x + U_z @ h", 1, 9, "left of @ stands a matrix, whose name begins with W: W_hz"),
        ("h = x * W @ h", 1, 5, "@ binds as * does, from the left, so that W @ x has brackets here"),
        ("h = sigmod(x)", 1, 5, "did you mean 'sigmoid'?"),
        ("h = concat(x, h)", 1, 5, "known: sigmoid, tanh"),
        ("h = x ^ 2", 1, 5, "a power is written **"),
        ("h = +x", 1, 5, "leave the + out"),
        ("h = max(x)", 1, 5, "max takes two arguments"),
        ("h = tanh(x, x)", 1, 5, "tanh takes one argument"),
        ("h = tanh + x", 1, 5, "it is a function: tanh(...)"),
        ("h = (x\ny = x", 1, 5, "'(' was never closed"),
        ("  h = σ(x)", 1, 7, "names and signs are ASCII"),
        ("\n\n   h = y[1]", 3, 8, "only weights have an index"),
        ("h = x\nfor k in range(2):\n    h = W @ 2", 3, 9, "what a matrix multiplies is a vector"),
        ("c = x\nh = b\nh = c.T", 3, 5, "a transposed matrix stands left of @"),
    ],
)  # fmt: skip
def test_a_fault_has_its_place_and_what_to_write(text: str, line: int, column: int, hint: str) -> None:
    with pytest.raises(CellError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert hint in caught.value.hint
