"""How symbols are set in pictures, and that nothing is wider than it is said to be."""

from __future__ import annotations

import pytest
from drawn_cells import layer_of, shape_of

from rnninspect.cells.write import write
from rnninspect.pictures.texts import Piece, Style, plain, size, symbols, width

SET = {
    "W_ii x_t": "W[i:ii] x[i:t]",
    "h_{t-1}": "h[i:t−1]",
    "c_1_{t+1}": "c[i:1,t+1]",
    "h''_t": "h′′[i:t]",
    "h^(7)_t": "h[p:(7)][i:t]",
    "W_hhᵀ h_t": "W[i:hh][p:T] h[i:t]",
    "w_alpha": "w[i:α]",
    "w_xi": "w[i:xi]",
    "alpha": "α",
    "W_n_2 (f_t ⊙ h_{t-1})": "W[i:n,2] (f[i:t] ⊙ h[i:t−1])",
    "tanh(W_ci c_t + b_ci)": "tanh(W[i:ci] c[i:t] + b[i:ci])",
    "0.5 · a1_t - 1e-05": "0.5 · a1[i:t] − 1e−05",
    "|x_t|": "|x[i:t]|",
}


@pytest.mark.parametrize(("written", "expected"), SET.items())
def test_a_symbol_is_set_as_print_has_it(written: str, expected: str) -> None:
    marks = {Style.INDEX: "[i:{}]", Style.POWER: "[p:{}]"}
    assert "".join(marks.get(piece.style, "{}").format(piece.text) for piece in symbols(written)) == expected


def test_names_are_italic_and_functions_are_not() -> None:
    styles = {piece.text: piece.style for piece in symbols("tanh(W_if x_t)")}
    assert styles["W"] is styles["x"] is Style.NAME
    assert styles["tanh("] is Style.WORD


def test_in_one_line_it_is_what_equations_say() -> None:
    layer = layer_of("PeepholeLSTM")
    for equation in write(layer.cell, shape_of(layer)):
        assert plain(symbols(equation.text)) == equation.text.replace("-", "−")


def test_wider_texts_are_wider() -> None:
    assert width(symbols("W_ii x_t")) > width(symbols("W_ii")) > width((Piece("i"),)) > 0
    assert width(size((50, 300))) == pytest.approx(6 * 0.62 * 11)
