"""`rnninspect explain` as a whole process: what goes to which stream, its formats, a terminal, what it refuses."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Run, fine, refused
from terminals import ESCAPE, terminal
from worlds import CONFIGS

LSTM, TAGGER = CONFIGS / "lstm.yaml", CONFIGS / "tagger.yaml"


def test_every_document_is_explained(here: Run) -> None:
    shown = fine(here("explain", *sorted(CONFIGS.glob("*.yaml"))))
    for text in ("h_t = tanh(W_ih x_t", "n_t = tanh(W_in x_t", "h_t = W_hr h'_t", "y_t = tanh(W_hy h_t", "y = W x"):
        assert text in shown
    assert shown.splitlines()[-1] == "plan: from the equations alone, torch was not asked · float32, float64"


@pytest.mark.parametrize("columns", [80, 200])
def test_in_a_terminal_no_line_is_wider(environment: Callable[..., dict[str, str]], columns: int) -> None:
    text = terminal(columns, environment(), "explain", TAGGER)
    assert "\x1b[1m" in text
    lines = ESCAPE.sub("", text).splitlines()
    assert 60 < max(map(len, lines)) <= columns
    assert any(line.startswith(" h_0[2]─(50,)→│ h │───┼─(50,)→") for line in lines)


def test_where_there_is_no_utf8_it_is_ascii(run: Run) -> None:
    shown = fine(run("explain", LSTM, env={"PYTHONIOENCODING": "ascii"}))
    assert shown.isascii()
    assert r"\u" not in shown
    assert "i_t = sigmoid(W_ii x_t" in shown
    assert " h_0[1]-(50,)>| h |-(50,)>" in shown


@pytest.mark.torch
def test_the_code_alone_is_a_script_that_prints_the_shapes(
    here: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "tagger.py"
    assert fine(here("explain", "--code", TAGGER, "--set", "encoder.hidden_size=7", "-o", target)) == ""
    runpy.run_path(str(target), run_name="__main__")
    shown = capsys.readouterr().out.splitlines()
    assert shown == ["output (20, 32, 10)", "encoder h_n (4, 32, 7)", "encoder c_n (4, 32, 7)"]
    assert fine(here("explain", "--code", LSTM)).startswith("import torch\nfrom torch import nn\n\n\nclass Model")


@pytest.mark.parametrize("args", [(TAGGER,), ("--layer", "encoder"), ("--format", "latex")], ids=str)
def test_the_code_is_one_model_whole_in_python(here: Run, args: tuple[str | Path, ...]) -> None:
    assert refused(here("explain", "--code", LSTM, *args)).startswith("--code: ")


def test_the_code_in_a_file_named_as_another_format_is_refused_without_an_option_that_was_not_given(
    here: Run, tmp_path: Path
) -> None:
    line = refused(here("explain", "--code", LSTM, "-o", tmp_path / "model.md"))
    assert line == "--code: the script is Python, not markdown (leave --format out, and name a .py)"


def test_one_layer_alone(here: Run) -> None:
    shown = fine(here("explain", TAGGER, "--layer", "head"))
    assert "y_t = W x_t + b" in shown
    assert "encoder" not in shown


def test_a_layer_that_is_not_there_is_refused_with_the_nearest(run: Run) -> None:
    line = refused(run("explain", TAGGER, "--layer", "encodr"))
    assert line == f"--layer encodr: {TAGGER} has no such layer (did you mean 'encoder'?)"
    line = refused(run("explain", TAGGER, "--layer", "\x1b[31m"))
    assert line.endswith("(known: embed, encoder, head)")


def test_a_layer_must_be_in_every_document(here: Run) -> None:
    assert "lstm.yaml has no such layer" in refused(here("explain", TAGGER, LSTM, "--layer", "head"))


def test_values_can_be_set_and_notes_go_to_stderr(here: Run) -> None:
    assert "(10,) = (10, 50)·(50,)" in fine(here("explain", LSTM, "--set", "encoder.proj_size=10"))
    done = here("explain", LSTM, "--set", "encoder.dropout=0.5", "--set", "encoder.num_layers=1")
    assert done.returncode == 0
    assert done.stderr.startswith("note: ")
    assert "with num_layers 1 it does nothing" in done.stderr


def test_markdown(here: Run) -> None:
    shown = fine(here("explain", LSTM, "--format", "markdown"))
    assert "\n$$\n\\underset{(50{,})}{i_t} = \\sigma(\\underset{(50, 300)}{W_{ii}} \\underset{(300{,})}{x_t} +" in shown
    assert "| $W_{ii}$ | (50, 300) | rows 0-49 of weight_ih_l0 | from x_t to input gate i_t |" in shown
    assert "\n```\n            output[0]" in shown
    assert "\n```python\nencoder = nn.LSTM(300, 50, num_layers=2)\n" in shown


def test_latex_goes_whole_into_a_file(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "lstm.tex"
    assert fine(run("explain", *sorted(CONFIGS.glob("*.yaml")), "--format", "latex", "-o", target)) == ""
    text = target.read_text()
    for environment in ("align*", "tabular", "verbatim"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}") > 0
    assert text.isascii()
    assert r"o_t &= \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\" in text
