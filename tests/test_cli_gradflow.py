"""`rnninspect gradflow` on the command line: streams, exit codes, formats, several documents, pictures."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Run, fine, refused, rows
from terminals import ESCAPE, terminal
from worlds import CONFIGS

from rnninspect.document.load import load_spec

THREE = tuple(CONFIGS / f"gradflow-{kind}.yaml" for kind in ("gru", "lstm", "rnn"))

SMALL = """\
input: {batch_size: 2, seq_len: 30}
layers:
  - {name: embed, type: Embedding, num_embeddings: 9, embedding_dim: 4}
  - {name: encoder, type: LSTM, hidden_size: 5, bidirectional: true}
  - {name: decoder, type: GRU, hidden_size: 3}
"""
PACKED = SMALL.replace("seq_len: 30", "seq_len: 30, lengths: [7, 30]")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


# --- what is printed --------------------------------------------------------------------------------------


@pytest.mark.torch
def test_decays_a_chart_and_the_numbers(here: Run, small: Path) -> None:
    shown = fine(here("gradflow", small, "--seed", "4"))
    blocks = re.findall(r"^small · (.+)$", shown, re.MULTILINE)
    chart, weights = "gradient with respect to x_t and the states", "gradient by weight"
    assert blocks == ["decay", chart, "gradient by lag", weights]
    assert re.search(r"^embed +weight +\d.*\n\nencoder +weight_ih_l0 +\d", shown, re.MULTILINE)
    assert "\nOf the loss summed over the sequences: where those pull one way it grows as their number, " in shown
    decays = shown.split("\n\n")[0]
    assert re.search(r"^encoder +x +\d.* \d+ +vanishing$", decays, re.MULTILINE)
    assert re.search(r"^ +h reverse, past +\d", decays, re.MULTILINE) is None, "there is no other side here"
    assert re.search(r"^ +h reverse +\d", decays, re.MULTILINE)
    assert re.search(r"^decoder +x +\d", shown.split("\n\n")[1], re.MULTILINE)
    # those that the chart has room for: the input, and what is read
    assert re.findall(r"^[●○▲] (.*)$", shown, re.MULTILINE) == ["encoder · x", "decoder · h"]
    lags = re.search(r"^encoder +x +0 .*\n((?: +\d.*\n)+)", shown, re.MULTILINE)
    assert lags
    assert [line.split()[0] for line in lags[1].splitlines()] == ["1", "2", "5", "10", "20", "29"]
    assert re.search(r"in layer decoder at the last step\. ", shown)
    assert "not every lag is shown; csv and json have all.\n" in shown
    last = shown.splitlines()[-1]
    assert re.fullmatch(
        r"gradient of x: vanishing · equations in float64 · weights drawn by torch \S+ on cpu · float32 · seed 4", last
    )


@pytest.mark.torch
def test_several_documents_are_on_one_chart(here: Run) -> None:
    shown = fine(here("gradflow", *THREE))
    assert re.findall(r"^all · (.+)$", shown, re.MULTILINE) == [
        "decay",
        "gradient with respect to the input x_t",
        "gradient by lag",
        "gradient by weight",
    ]
    names = [load_spec(str(path)).name for path in THREE]
    assert re.findall(r"^[●○▲] (.*)$", shown, re.MULTILINE) == names
    verdicts = dict(re.findall(r"^(\S.*?)  +encoder  +x .* (\w+)$", shown, re.MULTILINE))
    assert verdicts == dict(zip(names, ("fading", "growing", "vanishing"), strict=True))


@pytest.mark.torch
def test_both_sides_of_a_position(here: Run, small: Path) -> None:
    shown = fine(here("gradflow", small, "--layer", "encoder", "--set", "input.seq_len=5"))
    decays = shown.split("\n\n")[0]
    about = [re.split("  +", line)[1] for line in decays.splitlines()[3:]]
    assert about == ["x, past", "x, future", *(f"{s} {w}" for w in ("forward, past", "reverse, future") for s in "hc")]
    assert "in layer encoder at t = 2. " in shown
    assert "lag, steps (negative: ahead of the position)" in shown
    assert "not every lag" not in shown
    assert "in layer encoder at t = 0. " in fine(here("gradflow", small, "--layer", "encoder", "--step", "0"))


@pytest.mark.torch
def test_of_a_sum_there_is_no_decay(here: Run, small: Path) -> None:
    shown = fine(here("gradflow", small, "--target", "sum"))
    assert shown.splitlines()[0] == "small · gradients"
    assert re.fullmatch(r"layer +with respect to +at the start +at the end +lags", shown.splitlines()[1])
    assert "at every step, each with its own v; the lag is counted from the last. " in shown
    assert "vanishing" not in shown
    assert "\nOf the loss summed over the sequences and steps: " in shown
    assert "frozen" not in shown
    shown = fine(here("gradflow", small, "--target", "sum", "--set", "embed.trainable=false"))
    assert re.search(r"^embed +weight\n", shown, re.MULTILINE)
    assert "\nWithout a norm: frozen (trainable: false).\n" in shown
    # a file has its columns whatever was asked
    header = fine(here("gradflow", small, "--target", "sum", "--format", "csv")).splitlines()[0]
    assert header == fine(here("gradflow", small, "--format", "csv")).splitlines()[0]


@pytest.mark.torch
def test_csv_and_json_have_every_lag(here: Run, small: Path) -> None:
    small.write_text(PACKED)
    args = ("gradflow", small, THREE[0], "--layer", "encoder", "--format")
    decays, lags, weights = fine(here(*args, "csv")).split("\n\n")
    data = json.loads(fine(here(*args, "json")))
    assert (data["schema_version"], data["ledger"], data["seed"], data["device"]) == (2, "equations", 0, "cpu")
    decay_rows, by_lag = iter(rows(decays)), iter(rows(lags))
    assert [(model["target"], model["position"]) for model in data["models"]] == [("last", 3), ("last", None)]
    assert {gradient["first_lag"] for gradient in data["models"][0]["gradients"]} == {0, 1}
    for model in data["models"]:
        for gradient in model["gradients"]:
            row, decay = next(decay_rows), gradient["decay"]
            about = (gradient["layer"], gradient["of"], gradient["side"], gradient["direction"] or "")
            assert row["model"] == model["name"]
            assert (row["layer"], row["of"], row["side"], row["direction"]) == about
            assert row["stacked_layer"] == ("" if gradient["stacked_layer"] is None else str(gradient["stacked_layer"]))
            assert (float(row["start"]), float(row["end"])) == (gradient["norms"][0], gradient["norms"][-1])
            assert int(row["lags"]) == len(gradient["norms"])
            assert [row[key] for key in ("factor", "low", "high")] == [
                repr(decay[key]) for key in ("factor", "low", "high")
            ]
            assert row["horizon"] == ("" if decay["horizon"] is None else str(decay["horizon"]))
            assert row["verdict"] == decay["verdict"]
            for k, norm in enumerate(gradient["norms"]):
                row = next(by_lag)
                assert (row["model"], row["layer"], row["of"], row["side"]) == (model["name"], *about[:3])
                assert (int(row["lag"]), float(row["norm"])) == (gradient["first_lag"] + k, norm)
    assert list(decay_rows) == list(by_lag) == []
    of_weights = [{"model": model["name"], **weight} for model in data["models"] for weight in model["weights"]]
    assert [{**row, "norm": float(row["norm"])} for row in rows(weights)] == of_weights
    names = [(weight["model"], weight["layer"], weight["parameter"]) for weight in of_weights]
    assert names[:2] == [("small", "embed", "weight"), ("small", "encoder", "weight_ih_l0")]
    assert len(names) == 1 + 8 + 4


@pytest.mark.torch
def test_json_has_null_for_what_is_no_number(here: Run, monkeypatch: pytest.MonkeyPatch, small: Path) -> None:
    from rnninspect.study import gradflow

    real = gradflow._norms
    monkeypatch.setattr(gradflow, "_norms", lambda *args, **options: real(*args, **options) * math.inf)
    (model,) = json.loads(fine(here("gradflow", small, "--format", "json")))["models"]
    assert model["gradients"][0]["norms"] == [None] * 30


@pytest.mark.torch
def test_markdown(here: Run, small: Path) -> None:
    shown = fine(here("gradflow", small, "--format", "markdown"))
    assert "### small: decay\n\n| layer | with respect to | at the start |" in shown
    assert "```\nnorm\n" in shown
    for title, bars in (("lag", 3), ("weight", 2)):
        part = shown.split(f"### small: gradient by {title}\n")[1].partition("###")[0]
        assert {line.count(" | ") for line in part.splitlines() if line.startswith("|")} == {bars}


@pytest.mark.torch
@pytest.mark.parametrize("columns", [80, pytest.param(200, marks=pytest.mark.more)])
def test_a_terminal(environment: Callable[..., dict[str, str]], small: Path, columns: int) -> None:
    """Every line fits, the chart too, and no number is cut."""
    lines = ESCAPE.sub("", terminal(columns, environment(), "gradflow", small, "--layer", "encoder")).splitlines()
    assert max(map(len, lines)) <= columns
    assert max(map(len, lines)) > columns - 20 or columns == 200
    drawn = [line for line in lines if re.match(r"^ *\S* [│┤]", line)]
    assert 10 <= len(drawn) <= 25
    assert max(map(len, drawn)) > 0.75 * min(columns, 120)
    assert sum("decay" in line for line in lines) == (2 if columns == 80 else 1)
    assert {"vanishing", "fading"} & {word for line in lines for word in line.split()}


# --- what else it does ------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.more
def test_the_same_seed_is_the_same_bytes(run: Run, here: Run, small: Path) -> None:
    """In another process, and from stdin."""
    first = fine(here("gradflow", small, "--format", "csv", "--seed", "3"))
    from_stdin = fine(run("gradflow", "-", "--format", "csv", "--seed", "3", stdin=SMALL))
    assert from_stdin == first.replace("\nsmall,", "\nstdin,")


@pytest.mark.torch
def test_another_seed_is_another_page_and_the_same_is_the_same(here: Run, small: Path) -> None:
    first, again, other = (fine(here("gradflow", small, "--format", "csv", "--seed", seed)) for seed in "335")
    assert first == again != other


@pytest.mark.torch
def test_output_and_plot(here: Run, small: Path, tmp_path: Path) -> None:
    expected = fine(here("gradflow", small))
    plot = tmp_path / "plot.svg"
    plot.write_text("a longer text" * 10_000)
    done = here("gradflow", small, "--output", tmp_path / "out.txt", "--plot", plot)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"note: wrote {plot}\n")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == expected
    assert plot.read_bytes().startswith(b"<?xml ")
    assert b"a longer text" not in plot.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"small.yaml", "out.txt", "plot.svg"}


@pytest.mark.torch
def test_both_sides_of_a_position_are_one_line(
    here: Run, monkeypatch: pytest.MonkeyPatch, small: Path, tmp_path: Path
) -> None:
    """What is ahead has negative lags; every step has one, and stands where it belongs."""
    from rnninspect.formats import plot

    drawn = []
    monkeypatch.setattr(plot, "plot", lambda charts, path: drawn.extend(charts))
    args = ("gradflow", small, "--layer", "encoder", "--step", "2", "--set", "input.seq_len=6")
    here(*args, "--plot", tmp_path / "x.svg")
    (chart,) = drawn
    x = {series.name: [lag for lag, _ in series.points] for series in chart.series}
    assert x == {
        "x": [-3, -2, -1, 0, 1, 2],
        **{f"{state} forward": [0, 1, 2] for state in "hc"},
        **{f"{state} reverse": [-3, -2, -1, 0] for state in "hc"},
    }
    points = dict(chart.series[0].points)
    for row in rows(fine(here(*args, "--format", "csv")).split("\n\n")[1]):
        if row["of"] == "x":
            assert points.pop(int(row["lag"]) * (1 if row["side"] == "past" else -1)) == float(row["norm"])
    assert points == {}


@pytest.mark.torch
def test_one_that_cannot_be_done_leaves_the_others(here: Run, small: Path, tmp_path: Path) -> None:
    (tmp_path / "vast.yaml").write_text(SMALL.replace("hidden_size: 5", "hidden_size: 10000000"))
    done = here("gradflow", tmp_path / "vast.yaml", small, "--format", "json")
    assert done.returncode == 3
    assert re.fullmatch(
        r"error: \S+vast\.yaml:4:46: layers\[1\]\.hidden_size: .* needs at least [\d,]+ bytes.*\n", done.stderr
    )
    assert [model["name"] for model in json.loads(done.stdout)["models"]] == ["small"]


def test_one_that_is_wrong_leaves_none(here: Run, small: Path, tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text(SMALL.replace("30", "3"))
    done = here("gradflow", small, tmp_path / "short.yaml", "--step", "5")
    assert re.search(r"short\.yaml: --step 5: expected 0 to 2, the input has 3 steps$", refused(done))


@pytest.mark.torch
def test_a_note_of_the_document_is_said(here: Run, small: Path) -> None:
    done = here("gradflow", small, "--set", "decoder.dropout=0.5")
    assert done.returncode == 0
    assert re.fullmatch(r"note: \S+ .*dropout acts between stacked layers.*\n", done.stderr)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--step", "30"], r"^--step 30: expected 0 to 29, the input has 30 steps$"),
        (["--step", "3", "--target", "sum"], r"^--step 3: --target sum reads every step \("),
        (["--layer", "encodr"], r"^--layer encodr: not in the document \(did you mean 'encoder'\?\)$"),
        (["--layer", "wat"], r"^--layer wat: not in the document \(known: encoder, decoder\)$"),
        (
            ["--layer", "embed"],
            r"^--layer embed: expected a recurrent layer, got Embedding \(known: encoder, decoder\)$",
        ),
        (
            ["--plot", "x.svg", "--output", "x.svg", "--format", "table"],
            r"^--plot x\.svg: this is --output's file \(name another file\)$",
        ),
        (["--set", "encoder.hidden_size=big"], r"hidden_size: .*'big'"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(
    here: Run, monkeypatch: pytest.MonkeyPatch, small: Path, args: list[str], message: str
) -> None:
    monkeypatch.chdir(small.parent)
    assert re.search(message, refused(here("gradflow", small, *args)))
    assert [path.name for path in small.parent.iterdir()] == ["small.yaml"]


def test_a_step_is_one_of_the_shortest_sequence(run: Run) -> None:
    line = refused(run("gradflow", "-", "--step", "7", stdin=PACKED))
    assert line == "--step 7: expected 0 to 6, the shortest sequence has 7 steps"


def test_without_a_recurrent_layer_there_are_no_steps(run: Run) -> None:
    text = "input: {batch_size: 2, seq_len: 3}\nlayers: [{type: Linear, in_features: 2, out_features: 2}]\n"
    assert refused(run("gradflow", "-", stdin=text)).startswith("<stdin>: none of its layers is recurrent")


def test_a_picture_is_looked_at_before_anything_is_done(
    here: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before a document is even read: this one is not there."""
    monkeypatch.chdir(tmp_path)
    assert refused(here("gradflow", "nowhere.yaml", "--plot", "x.jpg")).startswith("--plot x.jpg: expected a name")
    (tmp_path / "doc.svg").write_text(SMALL)
    line = refused(here("gradflow", "doc.svg", "--plot", "./doc.svg"))
    assert line == "--plot doc.svg: this is one of the files to read (name another file)"
    assert (tmp_path / "doc.svg").read_text() == SMALL
