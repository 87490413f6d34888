"""The equation language: what it reads, what it refuses, what falls away without biases."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.language import parse
from rnninspect.cells.tree import (
    Apply,
    Bias,
    Binary,
    Cell,
    CellError,
    Equation,
    Matrix,
    Negative,
    Number,
    Product,
    Value,
    walk,
)
from rnninspect.layers.gru import GRU
from rnninspect.layers.jordan import JordanRNN
from rnninspect.layers.lstm import LSTM
from rnninspect.layers.rnn import RNN

X = Value("x", 0)


def only(text: str) -> Equation:
    (equation,) = parse(text).equations
    return equation


class TestParse:
    @pytest.mark.parametrize(
        ("text", "expression"),
        [
            ("h = x", X),
            ("h = b", Bias("b")),
            ("h = b_if", Bias("b_if")),
            ("h = x * 2", Binary("*", X, Number(2.0))),
            ("h = 0.5 * x", Binary("*", Number(0.5), X)),
            ("h = x + x", Binary("+", X, X)),
            ("h = 1 - x", Binary("-", Number(1.0), X)),
            ("h = W @ x", Product(Matrix("W"), X)),
            ("h = W_if @ x", Product(Matrix("W_if"), X)),
            *((f"h = {name}(x)", Apply(name, X)) for name in FUNCTIONS),
            ("h = tanh(x + b_h)", Apply("tanh", Binary("+", X, Bias("b_h")))),
        ],
    )
    def test_each_construct(self, text: str, expression: object) -> None:
        assert only(text) == Equation(Value("h", 1), expression)

    @pytest.mark.parametrize(
        ("text", "same"),
        [
            ("h = x + x * x", "h = x + (x * x)"),
            ("h = x - x - x", "h = (x - x) - x"),
            ("h = x + W_a @ x * x", "h = x + ((W_a @ x) * x)"),
            ("\n\n  h = x  # a comment\n", "h = x"),
        ],
    )
    def test_precedence_is_pythons(self, text: str, same: str) -> None:
        assert parse(text) == parse(same)

    def test_brackets_count(self) -> None:
        assert parse("h = x - (x - x)") != parse("h = x - x - x")

    @pytest.mark.parametrize("name", ["bee", "c", "x2", "wide", "bias"])
    def test_only_W_w_and_b_make_a_weight_of_a_name(self, name: str) -> None:  # noqa: N802
        assert only(f"{name} = x").target == Value(name, 1)

    def test_equations_keep_their_order(self) -> None:
        assert [equation.target.name for equation in parse("b2 = x\na = x\nc = x").equations] == ["b2", "a", "c"]

    def test_walk_visits_left_to_right_and_a_products_operand(self) -> None:
        tree = only("h = W_a @ x + tanh(2 * x)").expression
        product, inner = Product(Matrix("W_a"), X), Binary("*", Number(2.0), X)
        assert list(walk(tree)) == [tree, product, X, Apply("tanh", inner), inner, Number(2.0), X]


class TestVersions:
    def test_an_assignment_makes_the_next_version(self) -> None:
        first, second, third = parse("h = x + h\nh = h * h\nh = tanh(h)").equations
        assert first == Equation(Value("h", 1), Binary("+", X, Value("h", 0)))
        assert second == Equation(Value("h", 2), Binary("*", Value("h", 1), Value("h", 1)))
        assert third == Equation(Value("h", 3), Apply("tanh", Value("h", 2)))

    def test_a_products_operand_has_its_version(self) -> None:
        first, second = parse("h = W_a @ h\nh = W_b @ h").equations
        assert first.expression == Product(Matrix("W_a"), Value("h", 0))
        assert second.expression == Product(Matrix("W_b"), Value("h", 1))

    def test_last_is_what_the_step_hands_on(self) -> None:
        cell = parse("h = x + h\nc = h\nh = h * h")
        assert cell.last("h") == Value("h", 2)
        assert cell.last("c") == Value("c", 1)
        with pytest.raises(CellError, match="'z' is read but never assigned"):
            cell.last("z")

    @pytest.mark.parametrize(
        ("text", "states"),
        [
            ("h = tanh(x)", ()),
            ("h = x + h", ("h",)),
            ("h = W_hh @ h", ("h",)),
            ("a = x\nh = a + a", ()),
            ("c = x + c\nh = c * h", ("c", "h")),
            ("h = h + c\nc = h", ("h", "c")),
            (RNN(type="RNN", hidden_size=2).equations(), ("h",)),
            (LSTM(type="LSTM", hidden_size=2).equations(), ("h", "c")),
            (LSTM(type="LSTM", hidden_size=2, proj_size=1).equations(), ("h", "c")),
            (GRU(type="GRU", hidden_size=2).equations(), ("h",)),
            (JordanRNN(type="JordanRNN", hidden_size=2, output_size=1).equations(), ("y",)),
        ],
    )
    def test_states_are_what_is_read_before_it_is_assigned(self, text: str, states: tuple[str, ...]) -> None:
        assert parse(text).states == states


REFUSED_EXPRESSIONS = {
    "attribute": "x.real",
    "index": "x[0]",
    "unknown function": "expm1(x)",
    "a method": "x.tanh()",
    "an import": "__import__('os')",
    "eval": "eval('1')",
    "no argument": "tanh()",
    "two arguments": "tanh(x, x)",
    "a keyword argument": "tanh(x=x)",
    "a keyword beside": "tanh(x, out=x)",
    "a star": "tanh(*x)",
    "a call of a call": "tanh(x)(x)",
    "a comparison": "x < x",
    "and": "x and x",
    "not": "not x",
    "a plus sign": "+x",
    "a complement": "~x",
    "floor division": "x // x",
    "a remainder": "x % x",
    "a shift": "x << 1",
    "a product with a number": "W @ 2",
    "a product with a bias": "W @ b",
    "a product of matrices": "W_a @ W_b",
    "a product from the right": "x @ W",
    "a product of vectors": "x @ x",
    "a product that * binds apart": "x * W_a @ x",  # * and @ bind alike, from the left: (x * W_a) @ x
    "a matrix alone": "W",
    "a matrix element by element": "W_a * x",
    "a function of a matrix": "tanh(W_a)",
    "a string": "'x'",
    "bytes": "b'x'",
    "an f-string": "f'{x}'",
    "true": "True",
    "false": "False",
    "none": "None",
    "an imaginary number": "1j",
    "dots": "...",
    "a condition": "x if x else x",
    "a lambda": "lambda: x",
    "a walrus": "(y := x)",
    "a list": "[x]",
    "a tuple": "(x, x)",
    "a comprehension": "[a for a in x]",
}
REFUSED_STATEMENTS = {
    "an expression": "x",
    "an import": "import os",
    "an import from": "from os import path",
    "a function": "def f(): pass",
    "a class": "class A: pass",
    "a loop": "while x: h = x",
    "a condition": "if x: h = x",
    "a deletion": "del x",
    "an assertion": "assert x",
    "an annotation": "h: int = x",
    "in place": "h += x",
    "two targets": "h = y = x",
    "unpacking": "h, y = x",
    "an attribute": "x.h = x",
    "an index": "x[0] = x",
    "a matrix assigned": "W_hh = x",
    "the matrix W assigned": "W = x",
    "a bias assigned": "b_h = x",
    "the bias b assigned": "b = x",
    "a call": "print(x)",
}

# What somebody writes who has a paper before him: the text, the place of its fault, and what is to be written.
PAPERS = {
    "no @": ("h = tanh(W_x x + W_h @ h)", "line 1, column 10", "(a matrix multiplies with @: W_x @ x)"),
    "no @ before a bracket": ("h = x + W_h(x * h)", "line 1, column 9", "with @: W_h @ (...)"),
    "no matrix": ("h = tanh(@ x + W_h @ h)", "line 1, column 10", "(left of @ stands a matrix: W_h @ h)"),
    "rows": ("h = tanh(x @ W_x + h)", "line 1, column 10", "(left of @ stands the matrix: W_x @ x)"),
    "no *": ("f = x\nh = (1 - f) h + f", "line 2, column 13", "(between two factors stands *, after a matrix @)"),
    "an index of LaTeX": ("h = tanh(x + W_h @ h_{t-1})", "line 1, column 10", "(without indices: h, read before"),
    "an index": ("h = x + h_t", "line 1, column 9", "(without indices: h, read before it is assigned"),
    "the step before": ("h = x + h_prev", "line 1, column 9", "(without indices: h, read before"),
    "the input's index": ("h = h + x_t", "line 1, column 9", "(the input of the step is x, without an index)"),
    "a name that only looks so": ("h = x + gate_two", "line 1, column 9", "(a weight vector is w_gate_two"),
    "side by side, as papers": ("h = W @ [h; x]", "line 1, column 11", "(of two vectors side by side each has its own"),
    "side by side": ("h = W @ [h, x]", "line 1, column 9", "W_x @ x + W_h @ h)"),
    "folded": ("f = tanh(x) h = f * h", "line 1, column 13", "(each equation is a line of its own, in a block that"),
    "sigma": ("h = \u03c3(x)", "line 1, column 5", "(write sigmoid; "),
    "a circled dot": ("h = x \u2299 h", "line 1, column 7", "(write *, element by element; "),
    "a typeset minus": ("h = x \u2212 h", "line 1, column 7", "(write -, the sign of the keyboard; "),
    "a macro": ("h = \\tanh(x)", "line 1, column 5", "(no LaTeX: z_t = \\sigma(W_z x_t + "),
    "a bracket": ("h = tanh (x + (h", "line 1, column 15", "('(' was never closed)"),
    "in place": ("h = x\nh += h", "line 2, column 1", "(write h = h and the rest)"),
    "a condition": ("if h:\n    h = x", "line 1, column 1", "(there are no conditions: a gate, max or min)"),
    "two at once": ("h, c = x, h", "line 1, column 1", "(an equation for each vector)"),
    "a weight assigned": ("W_h = x", "line 1, column 1", "(W_h is a weight: what is assigned is a vector"),
    "rounds below 0": ("for k in range(depth):\n    h = x", "line 1, column 16", ">= 0, and 'depth' is -1"),
    "half a round": ("for k in range(dt):\n    h = x", "line 1, column 16", ">= 0, and 'dt' is 0.1"),
    "rounds by a vector": ("for k in range(x):\n    h = x", "line 1, column 16", "(a number of constants or sizes)"),
}


class TestRefused:
    @pytest.mark.parametrize("expression", REFUSED_EXPRESSIONS.values(), ids=REFUSED_EXPRESSIONS)
    @pytest.mark.parametrize("around", ["{}", "tanh({})", "x + ({})", "({}) * x"], ids=["alone", "in", "right", "left"])
    def test_what_the_language_lacks(self, expression: str, around: str) -> None:
        with pytest.raises(CellError, match="not in the equation language"):
            parse("h = " + around.format(expression))

    @pytest.mark.parametrize("statement", REFUSED_STATEMENTS.values(), ids=REFUSED_STATEMENTS)
    def test_what_is_no_equation(self, statement: str) -> None:
        with pytest.raises(CellError, match="not of the form `vector = expression`"):
            parse("h = x\n" + statement)

    @pytest.mark.parametrize("text", ["h = x + c", "h = W_hc @ c", "h = tanh(h)\ny = c * h"])
    def test_a_state_that_is_never_assigned(self, text: str) -> None:
        with pytest.raises(CellError, match="'c' is read but never assigned"):
            parse(text)

    @pytest.mark.parametrize(("text", "place", "hint"), PAPERS.values(), ids=PAPERS)
    def test_what_papers_write_otherwise_is_told_with_what_to_write(self, text: str, place: str, hint: str) -> None:
        with pytest.raises(CellError) as caught:
            parse(text, numbers=(("dt", 0.1), ("depth", -1.0)))
        assert (str(caught.value).partition(":")[0], hint in str(caught.value)) == (place, True), caught.value

    def test_a_function_is_no_vector(self) -> None:
        with pytest.raises(CellError, match="'tanh' is read but never assigned"):
            parse("h = tanh + x")

    def test_the_message_names_the_equation_and_quotes_the_part_at_fault(self) -> None:
        with pytest.raises(CellError) as caught:
            parse("h = tanh(x + expp(x))")
        assert str(caught.value) == "line 1, column 14: not in the equation language: 'expp(x)' (did you mean 'exp'?)"

    def test_nothing_is_executed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ran: list[str] = []
        monkeypatch.setattr("builtins.print", lambda *args: ran.append("print"))
        for text in ("h = print(x)", "print(x)", "h = tanh(print(x))", "def tanh(a=print(1)): pass", "h = [print(x)]"):
            with pytest.raises(CellError):
                parse(text)
        assert ran == []


# What stands without the bias terms, written by hand: the only difference is the missing `b_` terms.
WITHOUT_BIAS = {
    "RNN": (RNN(type="RNN", hidden_size=2).equations(), "h = tanh(W_ih @ x + W_hh @ h)"),
    "LSTM with proj_size": (
        LSTM(type="LSTM", hidden_size=2, proj_size=1).equations(),
        """
        i = sigmoid(W_ii @ x + W_hi @ h)
        f = sigmoid(W_if @ x + W_hf @ h)
        g = tanh(W_ig @ x + W_hg @ h)
        o = sigmoid(W_io @ x + W_ho @ h)
        c = f * c + i * g
        h = o * tanh(c)
        h = W_hr @ h
        """.replace("        ", ""),
    ),
    "GRU": (
        GRU(type="GRU", hidden_size=2).equations(),
        """
        r = sigmoid(W_ir @ x + W_hr @ h)
        z = sigmoid(W_iz @ x + W_hz @ h)
        n = tanh(W_in @ x + r * (W_hn @ h))
        h = (1 - z) * n + z * h
        """.replace("        ", ""),
    ),
    "Jordan": (
        JordanRNN(type="JordanRNN", hidden_size=2, output_size=1, nonlinearity="relu").equations(),
        "h = relu(W_ih @ x + W_yh @ y)\ny = relu(W_hy @ h)",
    ),
    "Linear": ("y = W @ x + b", "y = W @ x"),
    "the bias first": ("h = b_a + W_a @ x", "h = W_a @ x"),
    "two biases": ("h = W_a @ x + (b_a + b_c)", "h = W_a @ x"),
    "a bias inside a function": ("h = x + tanh(b_a)", "h = x"),
}


class TestWithoutBias:
    @pytest.mark.parametrize(("text", "left"), WITHOUT_BIAS.values(), ids=WITHOUT_BIAS)
    def test_exactly_the_bias_terms_fall_away(self, text: str, left: str) -> None:
        assert parse(text, bias=False) == parse(left)
        assert parse(text) != parse(left)

    @pytest.mark.parametrize("text", ["h = x * x - 1", "h = sigmoid(W_a @ x) * h"])
    def test_what_has_no_bias_stays_as_it_is(self, text: str) -> None:
        assert parse(text, bias=False) == parse(text)

    @pytest.mark.parametrize("text", ["h = x * b_a", "h = b_a * x", "h = x - b_a", "h = b_a - x", "h = x + (x * b_a)"])
    def test_a_bias_may_only_be_added(self, text: str) -> None:
        with pytest.raises(CellError, match=r"a bias may only be added, not stand beside '[*-]'"):
            parse(text, bias=False)

    @pytest.mark.parametrize("text", ["h = b_a", "h = b_a + b_c", "h = tanh(b_a)"])
    def test_something_must_be_left(self, text: str) -> None:
        with pytest.raises(CellError, match="line 1: without biases nothing is left of 'h'"):
            parse(text, bias=False)


_ATOMS = st.sampled_from(["x", "h", "(W_a @ x)", "(W_c @ h)", "b_a", "1", "0.25"])
_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.builds("{}({} + x)".format, st.sampled_from(sorted(FUNCTIONS)), inner),
        st.builds("{}({}, {})".format, st.sampled_from(["max", "min"]), inner, inner),
        st.builds("(-({} + x))".format, inner),
        st.builds("(W_c.T @ ({} + x))".format, inner),
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("({} {} ({} + x))".format, inner, st.sampled_from(["/", "**"]), inner),
    ),
    max_leaves=12,
)


def written(expression: object) -> str:
    """A tree as text again, every operation in brackets."""
    match expression:
        case Number(value=value):
            return repr(value)
        case Value(name=name) | Bias(name=name):
            return name
        case Product(matrix=Matrix(name=matrix), operand=operand, transposed=transposed):
            return f"({matrix}{'.T' * transposed} @ {written(operand)})"
        case Negative(operand=operand):
            return f"(-{written(operand)})"
        case Binary(op="max" | "min" as op, left=left, right=right):
            return f"{op}({written(left)}, {written(right)})"
        case Apply(function=function, argument=argument):
            return f"{function}({written(argument)})"
        case Binary(op=op, left=left, right=right):
            return f"({written(left)} {op} {written(right)})"
    raise AssertionError(expression)


@given(_EXPRESSIONS)
@example("x - (x - h)")
def test_a_tree_written_out_reads_back_the_same(expression: str) -> None:
    cell = parse(f"h = {expression}")
    assert isinstance(cell, Cell)
    assert parse(f"h = {written(cell.equations[0].expression)}") == cell
