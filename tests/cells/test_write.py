"""Equations as they are printed: the kinds' letter for letter, and that every one says exactly what its tree is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser
from samples import examples
from worlds import RECURRENT, least_keys

from rnninspect.cells.language import parse, without_biases
from rnninspect.cells.tree import Bias, Cell, Matrix, Value
from rnninspect.cells.write import Written, name, shapes, write
from rnninspect.layers.layer import Layer
from rnninspect.layers.linear import Linear
from rnninspect.layers.registry import kind_of


def layer(kind: str, **options: Any) -> Layer:
    least: dict[str, Any] = {"input_size": 3, "hidden_size": 5} if kind in RECURRENT else {}
    return kind_of(kind)(type=kind, **{**least, **options})


def written(kind: str, /, *, stacked: int = 0, reverse: bool = False, **options: Any) -> tuple[Written, ...]:
    made = layer(kind, **options)
    assert made.cell is not None
    return write(made.cell, shapes(made.cell, made.declared(stacked), made.sizes()), reverse=reverse)


def texts(kind: str, /, **options: Any) -> list[str]:
    return [equation.text for equation in written(kind, **options)]


def texts_of(made: Layer) -> list[str]:
    assert made.cell is not None
    return bare(made.cell)


def bare(cell: Cell, **options: Any) -> list[str]:
    """The texts of a cell whose widths nobody declared."""
    return [equation.text for equation in write(cell, lambda symbol: (1,), **options)]


# --- the kinds, letter for letter --------------------------------------------------------------------------


class TestTheSeedsEquations:
    def test_the_plain_rnn(self) -> None:
        assert texts("RNN") == ["h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)"]
        assert texts("RNNCell", nonlinearity="relu") == ["h_t = ReLU(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)"]

    def test_lstms_six(self) -> None:
        assert texts("LSTM") == texts("LSTMCell") == LSTM

    def test_lstm_with_a_projection_computes_h_twice(self) -> None:
        assert texts("LSTM", proj_size=2) == [*LSTM[:5], "h'_t = o_t ⊙ tanh(c_t)", "h_t = W_hr h'_t"]

    def test_grus_four(self) -> None:
        assert (
            texts("GRU")
            == texts("GRUCell")
            == [
                "r_t = σ(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)",
                "z_t = σ(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)",
                "n_t = tanh(W_in x_t + b_in + r_t ⊙ (W_hn h_{t-1} + b_hn))",
                "h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}",
            ]
        )

    def test_jordans_feeds_the_output_back(self) -> None:
        assert texts("JordanRNN", output_size=2) == [
            "h_t = tanh(W_ih x_t + b_ih + W_yh y_{t-1} + b_yh)",
            "y_t = tanh(W_hy h_t + b_hy)",
        ]

    def test_without_biases_no_sign_is_left_over(self) -> None:
        assert texts("RNN", bias=False) == ["h_t = tanh(W_ih x_t + W_hh h_{t-1})"]
        assert texts("GRU", bias=False)[2] == "n_t = tanh(W_in x_t + r_t ⊙ W_hn h_{t-1})"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("h = tanh(b + W @ x)", "h_t = tanh(W x_t)"), ("h = (-b_a + W.T @ (x + b_b)) * x", "h_t = Wᵀ x_t ⊙ x_t")],
    )
    def test_without_biases_all_else_stays(self, text: str, expected: str) -> None:
        cell = parse(text)
        left = replace(cell, equations=tuple(map(without_biases, cell.equations)))
        assert bare(left) == [expected]

    def test_a_linear_stands_at_a_step_or_at_none(self) -> None:
        head = Linear(type="Linear", in_features=3, out_features=2)
        shape = shapes(head.cell, head.declared(0), head.sizes())
        assert [equation.text for equation in write(head.cell, shape)] == ["y_t = W x_t + b"]
        assert [equation.text for equation in write(head.cell, shape, timed=False)] == ["y = W x + b"]


LSTM = [
    "i_t = σ(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)",
    "f_t = σ(W_if x_t + b_if + W_hf h_{t-1} + b_hf)",
    "g_t = tanh(W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)",
    # Widely copied notes end this one with b_hi.
    "o_t = σ(W_io x_t + b_io + W_ho h_{t-1} + b_ho)",
    "c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t",
    "h_t = o_t ⊙ tanh(c_t)",
]


def test_in_reverse_only_the_step_before_has_another_name() -> None:
    for kind in ("RNN", "LSTM", "GRU"):
        forward, backward = texts(kind), texts(kind, reverse=True)
        assert [text.replace("{t-1}", "{t+1}") for text in forward] == backward != forward


# --- sizes -------------------------------------------------------------------------------------------------


class TestSizes:
    def test_stand_where_the_names_do(self) -> None:
        equations = written("LSTM", input_size=300, hidden_size=50, proj_size=10)
        assert [equation.sizes for equation in equations[-4:]] == [
            "(50,) = σ((50, 300)·(300,) + (50,) + (50, 10)·(10,) + (50,))",
            "(50,) = (50,) ⊙ (50,) + (50,) ⊙ (50,)",
            "(50,) = (50,) ⊙ tanh((50,))",
            "(10,) = (10, 50)·(50,)",
        ]

    def test_of_a_stacked_layer_are_of_what_it_reads(self) -> None:
        (equation,) = written("RNN", stacked=1, num_layers=2, bidirectional=True)
        assert equation.sizes == "(5,) = tanh((5, 10)·(10,) + (5,) + (5, 5)·(5,) + (5,))"

    def test_in_latex_stand_under_every_name(self) -> None:
        (equation,) = written("RNN", bias=False)
        assert equation.latex == r"h_t = \tanh(W_{ih} x_t + W_{hh} h_{t-1})"
        assert equation.latex_sizes == (
            r"\underset{(5{,})}{h_t} = \tanh(\underset{(5, 3)}{W_{ih}} \underset{(3{,})}{x_t} + "
            r"\underset{(5, 5)}{W_{hh}} \underset{(5{,})}{h_{t-1}})"
        )

    @pytest.mark.parametrize("bias", [True, False])
    @pytest.mark.parametrize(("kind", "options"), [
        ("RNN", {}), ("LSTM", {}), ("LSTM", {"proj_size": 2}), ("GRU", {}), ("JordanRNN", {"output_size": 2}),
        ("RNNCell", {}), ("LSTMCell", {}), ("GRUCell", {}),
    ])  # fmt: skip
    def test_fit_each_other(self, kind: str, options: dict[str, Any], bias: bool) -> None:
        for equation in written(kind, bias=bias, **options):
            target, _, value = equation.sizes.partition(" = ")
            assert evaluated(value) == evaluated(target)

    @pytest.mark.parametrize("wrong", ["(5, 3)·(5,)", "(5,) + (3,)", "(5,) ⊙ (5, 3)·(5,)"])
    def test_that_do_not_fit_are_seen(self, wrong: str) -> None:
        with pytest.raises(AssertionError):
            evaluated(wrong)


class Shape:
    """What a term's size is; signs hold the sizes beside them to each other."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes

    def __matmul__(self, other: Shape) -> Shape:
        assert self.sizes[1:] == other.sizes
        return Shape(self.sizes[0])

    def __add__(self, other: Shape) -> Shape:
        assert self.sizes == other.sizes
        return self

    __sub__ = __mul__ = __add__

    def __rsub__(self, number: int) -> Shape:
        return self


def evaluated(sizes: str) -> tuple[int, ...]:
    """The size of an expression in sizes."""
    code = re.sub(r"\((\d+),(?: (\d+))?\)", lambda m: f"Shape({m[1]}{', ' + m[2] if m[2] else ''})", sizes)
    # Brackets, because @ binds no tighter than * in Python.
    code = re.sub(r"(Shape\(\d+, \d+\))·(Shape\(\d+\))", r"(\1 @ \2)", code).replace("⊙", "*")
    shape: Shape = eval(code, {"Shape": Shape, "σ": lambda v: v, "tanh": lambda v: v, "ReLU": lambda v: v})
    return shape.sizes


# --- names -------------------------------------------------------------------------------------------------


class TestNames:
    CELL = parse("h = W_a @ x + h\nh = h + x\nh = tanh(h)\ng_new = h * h")

    @pytest.mark.parametrize(
        ("symbol", "expected"),
        [
            (Value("x", 0), "x_t"),
            (Value("h", 0), "h_{t-1}"),
            (Value("h", 1), "h'_t"),
            (Value("h", 2), "h''_t"),
            (Value("h", 3), "h_t"),
            (Value("g_new", 1), "g_new_t"),
            (Matrix("W_a"), "W_a"),
            (Bias("b_a"), "b_a"),
        ],
    )
    def test_say_which_step_and_which_assignment(self, symbol: Any, expected: str) -> None:
        assert name(self.CELL, symbol) == expected

    def test_of_an_input_that_is_assigned_again_differ_from_the_inputs(self) -> None:
        assert bare(parse("x = x + x\nx = x * x")) == ["x'_t = x_t + x_t", "x''_t = x'_t ⊙ x'_t"]

    def test_of_several_letters_stand_upright_in_latex(self) -> None:
        (equation,) = write(parse("gate_new = W_a_b @ x + b"), lambda symbol: (1,))
        assert equation.latex == r"\mathrm{gate}_{new,t} = W_{a\_b} x_t + b"


# --- what is written is what is meant ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h = x - (x - x)", "h_t = x_t - (x_t - x_t)"),
        ("h = x - x - x", "h_t = x_t - x_t - x_t"),
        ("h = x * (x + 1)", "h_t = x_t ⊙ (x_t + 1)"),
        ("h = x + x * x", "h_t = x_t + x_t ⊙ x_t"),
        ("h = tanh(x + x) * 0.5", "h_t = tanh(x_t + x_t) · 0.5"),
        ("h = x * (W_a @ x)", "h_t = x_t ⊙ W_a x_t"),
        ("h = x * (x * x)", "h_t = x_t ⊙ (x_t ⊙ x_t)"),
        ("h = x * -2", "h_t = x_t · (-2)"),
        ("h = x ** -2", "h_t = x_t^(-2)"),
    ],
)
def test_brackets_stand_where_the_tree_needs_them(text: str, expected: str) -> None:
    assert bare(parse(text)) == [expected]


def read_back(lines: list[str]) -> str:
    """Printed equations in the language again."""
    text = "\n".join(lines)
    # A product has brackets here, because @ binds no tighter than * in Python.
    text = re.sub(r"(W_\w+) (\w'*_(?:t\b|\{t-1\}))", r"(\1 @ \2)", text)
    text = re.sub(r"\b([a-z])'*_(?:t\b|\{t-1\})", r"\1", text)
    return text.replace("σ", "sigmoid").replace("ReLU", "relu").replace("⊙", "*").replace("·", "*")


@pytest.mark.parametrize("kind", RECURRENT)
def test_a_kind_is_read_back_as_it_is(kind: str) -> None:
    made = layer(kind, **(least_keys(kind) | {"hidden_size": 5}))
    assert parse(read_back(texts_of(made))) == made.cell


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """Any cell: its text has brackets around everything, so that it says nothing about precedence."""
    targets = draw(st.lists(st.sampled_from("cdeh"), min_size=1, max_size=4))
    vectors = st.sampled_from(["x", *dict.fromkeys(targets)])
    numbers: Iterator[int] = iter(range(1000))
    leaves = st.one_of(
        vectors,
        st.sampled_from(["1", "0.5", "2.0"]),
        vectors.map(lambda vector: f"(W_{next(numbers)} @ {vector})"),
        st.builds(lambda: f"b_{next(numbers)}"),
    )
    expressions = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: f"({' '.join(parts)})"),
            st.tuples(st.sampled_from(["sigmoid", "tanh", "relu"]), inner).map(lambda parts: f"{parts[0]}({parts[1]})"),
        ),
        max_leaves=8,
    )
    return parse("\n".join(f"{target} = {draw(expressions)}" for target in targets))


@examples(30)
@given(cells())
def test_every_cell_is_read_back_as_it_is(cell: Cell) -> None:
    assert parse(read_back(bare(cell))) == cell


@examples(30)
@given(cells())
def test_no_pair_of_brackets_could_be_left_out(cell: Cell) -> None:
    lines = bare(cell)
    for number, line in enumerate(lines):
        for start, end in pairs(line):
            if line[start - 1] in " (":  # a function keeps its own
                less = line[:start] + line[start + 1 : end] + line[end + 1 :]
                assert parse(read_back([*lines[:number], less, *lines[number + 1 :]])) != cell


def pairs(text: str) -> list[tuple[int, int]]:
    """Where each bracket opens and closes."""
    pairs, opened = [], []
    for place, sign in enumerate(text):
        if sign == "(":
            opened.append(place)
        elif sign == ")":
            pairs.append((opened.pop(), place))
    return pairs


# --- LaTeX -------------------------------------------------------------------------------------------------


def typeset(latex: str) -> None:
    """Raises ValueError for what is not in matplotlib's subset of LaTeX."""
    MathTextParser("path").parse(f"${latex}$")


KINDS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {"num_layers": 2, "bidirectional": True}),
    ("RNN", {"nonlinearity": "relu", "bias": False}),
    ("LSTM", {"proj_size": 2}),
    ("GRU", {}),
    ("JordanRNN", {"output_size": 2}),
    ("Linear", {"in_features": 3, "out_features": 10000}),
]


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("reverse", [False, True])
def test_latex_typesets(kind: str, options: dict[str, Any], reverse: bool) -> None:
    for equation in written(kind, reverse=reverse, **options):
        typeset(equation.latex)
        typeset(equation.latex_sizes)


@examples(30)
@given(cells())
def test_latex_of_any_cell_has_its_braces_in_pairs(cell: Cell) -> None:
    for equation in write(cell, lambda symbol: (3, 4) if isinstance(symbol, Matrix) else (4,)):
        for latex in (equation.latex, equation.latex_sizes):
            assert latex.count("{") == latex.count("}")
            assert latex.count("(") == latex.count(")")


@pytest.mark.parametrize("wrong", [r"\underset{(50{,})}{h_t", r"h_{t-1", r"\sigmoid(x)", r"\mathrm{ReLU", "h_t_t"])
def test_the_typesetter_refuses_what_is_wrong(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"Parse|Expected|Unknown|Double"):
        typeset(wrong)


def test_an_index_of_two_letters_is_no_greek_one() -> None:
    (equation,) = write(parse("h = tanh(w_xi * x + w_alpha * h)"), lambda symbol: (1,))
    assert equation.latex == r"h_t = \tanh(w_{xi} \odot x_t + w_{\alpha} \odot h_{t-1})"
    assert "<mi>xi</mi>" in equation.mathml
    assert "<mi>α</mi>" in equation.mathml
