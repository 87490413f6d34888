"""`explain --picture` as a whole process: what it writes, what it refuses, and the flowchart in Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ended import Run, refused
from worlds import CONFIGS

LSTM, TAGGER = CONFIGS / "lstm.yaml", CONFIGS / "tagger.yaml"
TWO = """
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: below, type: LSTM, input_size: 4, hidden_size: 5}
  - {name: above, type: GRU, hidden_size: 6}
  - {name: head, type: Linear, out_features: 7}
"""
LARGE = """
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: solver, type: LTC, input_size: 4, hidden_size: 5}
"""


def test_the_only_recurrent_layer_is_drawn_and_the_page_stays(here: Run, tmp_path: Path) -> None:
    file = tmp_path / "cell.svg"
    done = here("explain", TAGGER, "--picture", file)
    assert (done.returncode, done.stderr) == (0, f"note: wrote {file}\n")
    assert done.stdout == here("explain", TAGGER).stdout
    picture = file.read_text(encoding="utf-8")
    assert picture.endswith("</svg>\n")
    title = ElementTree.fromstring(picture)[0].text
    assert title == "encoder (LSTM): one step"
    assert "50×300" in picture


def test_of_several_one_is_named(here: Run, tmp_path: Path) -> None:
    document, file = tmp_path / "two.yaml", tmp_path / "cell.svg"
    document.write_text(TWO)
    line = refused(here("explain", document, "--picture", file))
    several = f"{document} has 2 recurrent layers, and a picture is of one"
    assert line == f"--picture: {several} (--layer NAME, of below, above; or --detail layers, the model)"
    line = refused(here("explain", document, "--layer", "head", "--picture", file))
    assert line == "--layer head: expected a recurrent layer, got Linear (known: below, above)"
    line = refused(here("explain", document, LSTM, "--picture", file))
    assert line == "--picture: expected one model, got 2 (a picture is of one layer: --layer NAME)"
    assert not file.exists()
    assert here("explain", document, "--layer", "above", "--picture", file).returncode == 0
    assert ">above (GRU): one step<" in file.read_text(encoding="utf-8")


def test_operations_are_drawn_where_they_are_few(here: Run, tmp_path: Path) -> None:
    gates, operations, large = tmp_path / "gates.svg", tmp_path / "operations.svg", tmp_path / "large.yaml"
    assert here("explain", LSTM, "--picture", gates, "--detail", "gates").returncode == 0
    assert here("explain", LSTM, "--picture", operations, "--detail", "operations").returncode == 0
    boxes = [len(re.findall("<g>", file.read_text(encoding="utf-8"))) for file in (gates, operations)]
    assert boxes == [9, 21]
    large.write_text(LARGE)
    line = refused(here("explain", large, "--picture", tmp_path / "no.svg", "--detail", "operations"))
    told = "solver has N operations, and a picture of each shows at most 30"
    assert re.sub(r"\d+", "N", line, count=1) == f"--detail operations: {told} (leave --detail out)"


def test_the_model_is_drawn_and_a_layer_step_by_step(here: Run, tmp_path: Path) -> None:
    document, model, steps = tmp_path / "two.yaml", tmp_path / "model.svg", tmp_path / "steps.svg"
    document.write_text(TWO)
    assert here("explain", document, "--picture", model, "--detail", "layers").returncode == 0
    assert ">two: the model<" in model.read_text(encoding="utf-8")
    line = refused(here("explain", document, "--picture", steps, "--detail", "steps"))
    assert "(--layer NAME, of below, above;" in line
    assert here("explain", document, "--picture", steps, "--detail", "steps", "--layer", "above").returncode == 0
    assert ">above (GRU): data flow<" in steps.read_text(encoding="utf-8")
    line = refused(here("explain", document, LSTM, "--picture", model, "--detail", "layers"))
    assert line == "--picture: expected one model, got 2 (a picture is of one model)"


def test_a_page_has_the_model_each_cell_and_each_layer_step_by_step(here: Run, tmp_path: Path) -> None:
    document = tmp_path / "two.yaml"
    document.write_text(TWO)
    page = here("explain", document, "--format", "html").stdout
    titles = re.findall(r'<title id="([\w-]+)-title">([^<]+)<', page)
    cells = ["below (LSTM): one step", "below (LSTM): data flow", "above (GRU): one step", "above (GRU): data flow"]
    assert [title for _, title in titles] == ["two: the model", *cells]
    assert len({prefix for prefix, _ in titles}) == 5
    only = here("explain", document, "--layer", "above", "--format", "html").stdout
    assert "the model<" not in only


def test_layers_alike_are_drawn_once_on_a_page(here: Run, tmp_path: Path) -> None:
    document = tmp_path / "alike.yaml"
    same = [f"  - {{name: {name}, type: GRU, input_size: 5, hidden_size: 5}}" for name in ("one", "two")]
    other = "  - {name: other, type: GRU, hidden_size: 5, bias: false}"
    document.write_text("\n".join(("input: {batch_size: 2, seq_len: 3}", "layers:", *same, other)))

    def told(*args: str) -> tuple[list[str], list[str]]:
        page = here("explain", document, *args, "--format", "html").stdout
        titles = re.findall(r'<title id="[^"]*">(\w+) \(GRU\): ([^<]+)<', page)
        return [" ".join(title) for title in titles], re.findall(r"The picture of (\w+) above", page)

    # A step without biases is another; over time both are the same.
    assert told() == (["one one step", "one data flow", "other one step"], ["one", "one", "one"])
    assert told("--layer", "two") == (["two one step", "two data flow"], [])


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("--picture", "cell.png"), "--picture cell.png: expected an .svg, got .png (name an .svg file)"),
        (("--picture", "cell"), "--picture cell: expected an .svg, got a name without a suffix (name an .svg file)"),
        (
            ("--picture", "cell.svg", "--detail", "layers", "--layer", "encoder"),
            "--detail layers: that draws the whole model (leave --layer out)",
        ),
        (("--detail", "gates"), "--detail gates: it is of a picture (add --picture FILE.svg)"),
        (("--code", "--picture", "cell.svg"), "--code: it prints the script alone (leave --picture and --detail out)"),
        (
            ("--picture", "cell.svg", "--output", "cell.svg", "--format", "table"),
            "--picture cell.svg: this is --output's file (name another file)",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(here: Run, args: tuple[str, ...], line: str) -> None:
    assert refused(here("explain", LSTM, *args)) == line


def test_a_folder_that_is_not_there_is_told_before_anything_is_printed(here: Run, tmp_path: Path) -> None:
    line = refused(here("explain", LSTM, "--picture", tmp_path / "no" / "cell.svg"), 3)
    assert line.endswith("cell.svg: there is no such folder")


def test_markdown_has_the_flowchart_of_each_cell_and_no_other_format_has(here: Run, tmp_path: Path) -> None:
    document = tmp_path / "two.yaml"
    document.write_text(TWO.replace("hidden_size: 6", "hidden_size: 6, init: {weight: zeros}"))
    shown = here("explain", document, "--format", "markdown").stdout
    assert shown.count("```mermaid\nflowchart LR\n") == 2
    assert shown.index("```mermaid\nflowchart TD\n") < shown.index("from layer to layer")
    assert "### two: above (GRU): one step\n" in shown
    for format in ("table", "latex"):
        assert "flowchart" not in here("explain", document, "--format", format).stdout
    only = here("explain", document, "--layer", "head", "--format", "markdown").stdout
    assert "mermaid" not in only


IMPORTED = """
import contextlib, io, sys
from rnninspect.cli import app
for line in (["params", "--plan", sys.argv[1]], ["explain", sys.argv[1]]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        app(line)
    print(sum(name.startswith("rnninspect.pictures") for name in sys.modules))
"""


def test_a_cell_of_many_rounds_is_not_drawn_and_its_page_is_there(here: Run, tmp_path: Path) -> None:
    document = tmp_path / "large.yaml"
    document.write_text(LARGE.replace("hidden_size: 5", "hidden_size: 5, unfolds: 24"))
    line = refused(here("explain", document, "--picture", tmp_path / "no.svg"))
    assert line == "--picture: solver has 169 boxes, and a picture shows at most 100"
    page = here("explain", document, "--format", "html")
    assert (page.returncode, page.stderr) == (0, "")
    assert "solver (LTC)" in page.stdout
    assert "one step</" not in page.stdout


def test_what_draws_nothing_imports_nothing_that_draws(program: Run) -> None:
    assert program(IMPORTED, args=(str(LSTM),)).stdout == "0\n0\n"
