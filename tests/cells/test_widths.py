"""Widths derived from equations: every vector's, every matrix's rows, and what is left open."""

from __future__ import annotations

import pytest

from rnninspect.cells.language import parse
from rnninspect.cells.tree import Bias, CellError, Matrix, Value, WeightVector
from rnninspect.cells.widths import Declared, Widths, declare, widths
from rnninspect.layers.gru import GRU
from rnninspect.layers.jordan import JordanRNN
from rnninspect.layers.lstm import LSTM
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.rnn import RNN

RNN_KIND = RNN(type="RNN", hidden_size=5)
LSTM_KIND = LSTM(type="LSTM", hidden_size=5)
PROJECTED = LSTM(type="LSTM", hidden_size=5, proj_size=2)
GRU_KIND = GRU(type="GRU", hidden_size=5)
JORDAN = JordanRNN(type="JordanRNN", hidden_size=5, output_size=2)


class TestOfTheKinds:
    @pytest.mark.parametrize(
        ("kind", "thing", "letter"),
        [
            (RNN_KIND, Value("h", 1), "H_cell"),
            (RNN_KIND, Matrix("W_ih"), "H_cell"),
            (RNN_KIND, Bias("b_hh"), "H_cell"),
            (LSTM_KIND, Matrix("W_if"), "H_cell"),
            (LSTM_KIND, Value("g", 1), "H_cell"),
            (LSTM_KIND, Value("c", 0), "H_cell"),
            (LSTM_KIND, Value("c", 1), "H_cell"),
            (PROJECTED, Matrix("W_hi"), "H_cell"),
            (PROJECTED, Matrix("W_hr"), "H_out"),
            (PROJECTED, Value("h", 0), "H_out"),
            (PROJECTED, Value("h", 1), "H_cell"),
            (PROJECTED, Value("h", 2), "H_out"),
            (GRU_KIND, Matrix("W_hn"), "H_cell"),
            (GRU_KIND, Value("n", 1), "H_cell"),
            (JORDAN, Value("h", 1), "H_cell"),
            (JORDAN, Value("y", 0), "H_out"),
            (JORDAN, Matrix("W_yh"), "H_cell"),
            (JORDAN, Matrix("W_hy"), "H_out"),
            (JORDAN, Bias("b_hy"), "H_out"),
        ],
        ids=str,
    )
    def test_lengths(self, kind: Recurrent, thing: Value | Bias | Matrix, letter: str) -> None:
        assert widths(kind.cell, kind.declared(0)).length(thing) == letter

    @pytest.mark.parametrize(
        ("kind", "value", "letter"),
        [
            (RNN_KIND, Value("h", 0), "H_out"),  # as wide as H_cell, but declared, and so called, H_out
            (GRU_KIND, Value("h", 0), "H_out"),
            (LSTM_KIND, Value("h", 0), "H_out"),
            (PROJECTED, Value("h", 0), "H_out"),
            (PROJECTED, Value("h", 1), "H_cell"),
            (JORDAN, Value("y", 0), "H_out"),
            (JORDAN, Value("h", 1), "H_cell"),
        ],
        ids=str,
    )
    def test_columns(self, kind: Recurrent, value: Value, letter: str) -> None:
        assert widths(kind.cell, kind.declared(0)).operand(value) == letter

    @pytest.mark.parametrize("kind", [RNN_KIND, LSTM_KIND, PROJECTED, GRU_KIND, JORDAN], ids=lambda kind: kind.type)
    @pytest.mark.parametrize(("layer", "letter"), [(0, "H_in"), (1, "D*H_out"), (2, "D*H_out")])
    def test_layers_above_the_first_read_both_directions(self, kind: Recurrent, layer: int, letter: str) -> None:
        solved = widths(kind.cell, kind.declared(layer))
        assert solved.operand(Value("x", 0)) == solved.length(Value("x", 0)) == letter


X: Declared = (("x", ("H_in",)),)
X_AND_H: Declared = (*X, ("h", ("H_out",)))


class TestSolving:
    @pytest.mark.parametrize("expression", ["x + 1", "1 - x", "tanh(x)", "2 * (x - 1)", "x * x", "b_h + x", "x"])
    def test_elementwise_work_keeps_the_width(self, expression: str) -> None:
        solved = widths(parse(f"h = {expression}"), X)
        assert solved.length(Value("h", 1)) == "H_in"

    def test_a_width_is_found_however_far_away_it_was_declared(self) -> None:
        cell = parse("a = W_xa @ x\nc = a + a\nd = tanh(c)\nh = d * 2")
        assert widths(cell, X_AND_H).length(Matrix("W_xa")) == "H_out"

    @pytest.mark.parametrize(
        ("text", "declared"),
        [
            ("h = W_xh @ x", X),
            ("a = W_xa @ x\nh = W_ah @ a", X_AND_H),
            ("h = tanh(b_h)", X),
            ("h = W_hh @ h", X),
            ("h = x + 1", ()),
        ],
    )
    def test_an_open_width_is_refused(self, text: str, declared: Declared) -> None:
        with pytest.raises(CellError, match=r"leave the width of .* open"):
            widths(parse(text), declared)

    @pytest.mark.parametrize("text", ["h = 1", "h = 2 * 3", "h = tanh(1 - 2)"])
    def test_a_constant_has_no_width(self, text: str) -> None:
        with pytest.raises(CellError, match="set to a constant, which has no width"):
            widths(parse(text), X_AND_H)


def test_widths_that_the_kind_has_not_declared_equal_are_refused() -> None:
    """x is added to a product of h: the equations make H_in and H_cell one, which no declaration says."""
    cell = parse("h = tanh(x + W_hh @ h)")
    with pytest.raises(CellError, match="as wide as H_cell and H_in at once"):
        widths(cell, (("x", ("H_in",)), ("h", ("H_cell",))))
    assert widths(cell, (("x", ("H_in", "H_cell")), ("h", ("H_in", "H_cell")))).length(Value("h", 1)) == "H_in"


def solved(text: str, **own: str) -> Widths:
    """The widths of a cell that says little of them, and puts out h."""
    cell = parse(text, output="h")
    return widths(cell, (("x", ("H_in",)), *declare(cell, own)))


class TestWidthsOfItsOwn:
    def test_the_output_is_hidden_and_a_state_is_as_wide_as_its_own_last_version(self) -> None:
        found = solved("c = tanh(W_c @ c + W_m @ m)\nm = W_x @ x\nh = c * h", m="order")
        assert found.length(Matrix("W_c")) == "H_cell"
        assert found.operand(Value("c", 0)) == "H_cell"
        assert found.operand(Value("m", 0)) == found.length(Matrix("W_x")) == "order"
        assert found.open == ()

    def test_what_stays_open_is_hidden_and_is_told(self) -> None:
        found = solved("q = tanh(W_x @ x + W_q @ q)\nh = W_h @ q + h")
        assert found.open == ("q",)
        assert found.length(Matrix("W_q")) == found.columns(Matrix("W_h")) == "H_cell"

    def test_of_a_matrix_it_is_the_rows(self) -> None:
        found = solved("h = W_1 @ (W_2 @ x) + h", W_2="rank")
        assert (found.length(Matrix("W_1")), found.columns(Matrix("W_1"))) == ("H_cell", "rank")
        assert (found.length(Matrix("W_2")), found.columns(Matrix("W_2"))) == ("rank", "H_in")

    def test_a_transposed_matrix_leads_back(self) -> None:
        found = solved("q = W_q @ x\ny = W_q.T @ q\nh = W_y @ y + h", q="code")
        assert (found.length(Matrix("W_q")), found.columns(Matrix("W_q"))) == ("code", "H_in")
        assert found.length(Value("y", 1)) == "H_in"

    def test_a_number_leaves_a_vector_its_length(self) -> None:
        found = solved("h = W_h @ (1 - h) + W_x @ (2 * x)")
        assert (found.columns(Matrix("W_h")), found.columns(Matrix("W_x"))) == ("H_cell", "H_in")

    def test_a_number_that_is_learnt_or_computed_stands_beside_any_vector(self) -> None:
        text = "n = tanh(W_x @ x + W_h @ h)\nt = sigmoid(W_t @ h + b_t)\nh = exp(w_a) * n + (1 - t) * h"
        found = solved(text, w_a="1", t="1")
        assert found.length(WeightVector("w_a")) == found.length(Matrix("W_t")) == found.length(Bias("b_t")) == "1"
        assert found.length(Value("n", 1)) == "H_cell"
        assert found.open == found.conditions == ()

    @pytest.mark.parametrize(
        ("text", "own", "condition"),
        [
            ("h = h + x", {}, ("H_in", "H_cell", "H_out")),
            ("h = W @ x + W @ h", {}, ("H_in", "H_cell", "H_out")),
            ("h = W @ h - W.T @ h", {"W": "3"}, ("3", "H_cell", "H_out")),
            ("m = h + W_m @ m\nh = tanh(m)", {"m": "order"}, ("order", "H_cell", "H_out")),
            # one number is no vector
            ("h = t * 2\nt = W_t @ h", {"t": "1"}, ("1", "H_cell", "H_out")),
        ],
    )
    def test_sizes_that_must_be_equal_are_a_condition(
        self, text: str, own: dict[str, str], condition: tuple[str, ...]
    ) -> None:
        assert solved(text, **own).conditions == (condition,)

    def test_a_width_of_nothing_is_refused(self) -> None:
        with pytest.raises(CellError, match=r"there is no 'hh' that would have a width \(did you mean 'h'\?\)"):
            solved("h = tanh(h + W_x @ x)", hh="3")

    def test_a_vector_that_is_a_number_is_told_with_its_line(self) -> None:
        with pytest.raises(CellError, match="line 2: 'k' is set to a constant"):
            solved("h = tanh(h)\nk = 1 - 2")
