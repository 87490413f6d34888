"""`rnninspect trace` on the command line: streams, exit codes, formats, inputs from files, pictures."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import torch
from ended import Run, fine, refused, rows
from terminals import ESCAPE, terminal

from rnninspect import api
from rnninspect.layers.gru import GRU

SMALL = """\
input: {batch_size: 2, seq_len: 50}
layers:
  - {name: encoder, type: LSTM, input_size: 3, hidden_size: 5, bidirectional: true}
  - {name: decoder, type: RNN, hidden_size: 4, nonlinearity: relu}
  - {name: head, type: Linear, out_features: 2}
"""
PACKED = (
    "input: {batch_size: 3, seq_len: 4, lengths: [2, 4, 3]}\nlayers: [{type: GRU, input_size: 2, hidden_size: 3}]\n"
)
ONE = "input: {batch_size: 1, seq_len: 3}\nlayers: [{name: encoder, type: LSTM, input_size: 2, hidden_size: 4}]\n"
TOKENS = """\
input: {batch_size: 1, seq_len: 3}
layers: [{name: embed, type: Embedding, num_embeddings: 5, embedding_dim: 2}, {type: GRU, hidden_size: 3}]
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def sections(text: str) -> list[list[dict[str, str]]]:
    """The tables of a CSV, one for each header."""
    return [rows(section) for section in text.split("\n\n")]


# --- what is printed --------------------------------------------------------------------------------------


def test_a_table_for_each_layer_and_direction(here: Run, small: Path) -> None:
    shown = fine(here("trace", small, "--seed", "4"))
    titles = ["encoder, layer 0, forward", "encoder, layer 0, reverse", "decoder, layer 0, forward"]
    assert re.findall(r"^small · (.+) · trace$", shown, re.MULTILINE) == titles
    first, *_, last = (block.splitlines() for block in shown.split("\n\n") if " · trace\n" in block)
    heading = "t  i mean  i saturated, %  f mean  f saturated, %  half-life of c, steps  g mean  g saturated, %"
    assert re.split("  +", first[1].strip())[:8] == re.split("  +", heading)
    assert re.split("  +", first[1].strip())[8:] == ["o mean", "o saturated, %", "‖c‖", "‖h‖"]
    assert re.split("  +", last[1].strip()) == ["t", "‖h‖", "h off, %"]
    # 40 of 50 steps, the first and the last among them
    steps = [int(line.split()[0]) for line in first[3:]]
    assert (len(steps), steps[0], steps[-1]) == (40, 0, 49)
    assert shown.count("50 steps, evenly thinned; csv and json have all.") == 3
    assert len(re.findall(r"^memory: by f over all steps, half of c is left after [\d.]+ steps in", shown, re.M)) == 2
    # what holds for all is said once
    for sentence in (
        "saturated: a sigmoid below 0.1 or above 0.9, a tanh beyond -0.9 or 0.9.",
        "off: a relu that gives 0.",
    ):
        assert shown.count(sentence) == 1
    assert shown.count("half-life of c: after how many steps half of it is left, were f to stay as it is;") == 1
    pattern = (
        r"equations in float64, their outputs within [\d.]+ epsilons of torch \S+ · cpu · float32 · random .* · seed 4"
    )
    assert re.fullmatch(pattern, shown.splitlines()[-1])


def test_every_unit_of_one_step(here: Run, small: Path) -> None:
    shown = fine(here("trace", small, "--layer", "encoder", "--step", "49", "--sequence", "1"))
    forward = shown.split("\n\n")[0].splitlines()
    assert re.split("  +", forward[1].strip()) == ["t", "unit", "i", "f", "g", "o", "c", "h"]
    assert [line.split()[-7] for line in forward[3:]] == ["0", "1", "2", "3", "4"]
    assert re.match(r"49 +0 +\d", forward[3])
    assert shown.splitlines()[-1].endswith(" · seed 0 · sequence 1")
    assert "thinned" not in shown


def test_every_step_of_one_unit(here: Run, small: Path) -> None:
    shown = fine(here("trace", small, "--layer", "encoder", "--unit", "3"))
    assert len(shown.split("\n\n")[0].splitlines()) == 3 + 40
    assert shown.count("50 steps, evenly thinned; csv and json have all.") == 2
    (table,) = sections(fine(here("trace", small, "--layer", "encoder", "--unit", "3", "--format", "csv")))
    assert [(row["direction"], row["t"], row["unit"]) for row in table] == [
        (way, str(t), "3") for way in ("forward", "reverse") for t in range(50)
    ]


def test_csv_and_json_have_every_step(here: Run, small: Path) -> None:
    shown = fine(here("trace", small, "--format", "csv"))
    encoder, decoder = sections(shown)
    assert [(row["layer"], row["direction"], row["t"]) for row in encoder] == [
        ("encoder", way, str(t)) for way in ("forward", "reverse") for t in range(50)
    ]
    assert [row["t"] for row in decoder] == [str(t) for t in range(50)]
    data = json.loads(fine(here("trace", small, "--format", "json")))
    assert (data["schema_version"], data["ledger"], data["seed"], data["dtype"]) == (2, "equations", 0, "float32")
    (model,) = data["models"]
    csv_rows = iter([*encoder, *decoder])
    for layer in model["layers"]:
        assert layer["values"] == []
        assert 0 < layer["output_relative_epsilons"] < layer["output_allowed_epsilons"]
        for step in layer["steps"]:
            row = next(csv_rows)
            assert (row["model"], row["layer"], row["stacked_layer"]) == (
                "small",
                layer["layer"],
                str(layer["stacked_layer"]),
            )
            assert (int(row["t"]), int(row["sequences"])) == (step["t"], step["sequences"])
            for name, stats in step["vectors"].items():
                for key in ("mean", "std", "minimum", "maximum", "norm"):
                    assert float(row[f"{name}_{key}"]) == stats[key]
                if stats["saturated_percent"] is not None:
                    assert float(row[f"{name}_saturated_percent"]) == stats["saturated_percent"]
                if stats["half_life"] is not None:
                    assert float(row[f"{name}_half_life"]) == stats["half_life"]
    assert list(csv_rows) == []


def test_what_lasts_for_ever_is_null(here: Run, small: Path) -> None:
    """A forget gate that is 1 to the last bit."""
    forever = ("--layer", "encoder", "--set", "encoder.init.forget_bias=100", "--set", "input.seq_len=2")
    (model,) = json.loads(fine(here("trace", small, *forever, "--format", "json")))["models"]
    for layer in model["layers"]:
        assert layer["memory"] == [{"state": "c", "gate": "f", "median": None, "longest": None, "unit": 0}]
        assert {step["vectors"]["f"]["half_life"] for step in layer["steps"]} == {None}
        assert {step["vectors"]["f"]["saturated_percent"] for step in layer["steps"]} == {100.0}
    shown = fine(here("trace", small, *forever))
    assert "after infinitely many steps in the median unit, after infinitely many steps in unit 0, " in shown
    (table,) = sections(fine(here("trace", small, *forever, "--format", "csv")))
    assert {float(row["f_half_life"]) for row in table} == {math.inf}


def test_markdown(here: Run, small: Path) -> None:
    shown = fine(here("trace", small, "--set", "input.seq_len=2", "--format", "markdown"))
    assert shown.count(": trace\n\n| t | ") == 3
    table = [line for line in shown.split("\n\n")[1].splitlines() if line.startswith("|")]
    assert {line.count(" | ") for line in table} == {11}


def test_several_documents(here: Run, small: Path, tmp_path: Path) -> None:
    (tmp_path / "packed.yaml").write_text(PACKED)
    shown = fine(here("trace", small, tmp_path / "packed.yaml"))
    titles = re.findall(r"^(\w+) · (\w+), .+ · trace$", shown, re.MULTILINE)
    assert titles == [("small", "encoder")] * 2 + [("small", "decoder"), ("packed", "gru")]
    assert shown.count("Means and shares are over all units and sequences of a step;") == 1
    (first, *_, last) = sections(fine(here("trace", small, tmp_path / "packed.yaml", "--format", "csv")))
    assert {row["model"] for row in first} == {"small"}
    assert [(row["model"], row["sequences"]) for row in last] == [("packed", n) for n in "3321"]


@pytest.mark.parametrize("columns", [80, pytest.param(200, marks=pytest.mark.more)])
def test_a_terminal(environment: Callable[..., dict[str, str]], small: Path, columns: int) -> None:
    lines = ESCAPE.sub("", terminal(columns, environment(), "trace", small, "--set", "input.seq_len=4")).splitlines()
    # why not of every line: the last names torch's version, which is not always as long.
    assert max(len(line) for line in lines if set(line) == {"─"}) == {80: 72, 200: 138}[columns]
    assert max(map(len, lines)) <= columns
    assert sum(" · trace" in line for line in lines) == (5 if columns == 80 else 3)
    whole = re.compile(r" *\d( +-?(\d\.\d+|\d\d\.\d\d|0|100\.0) *)+")
    assert all(whole.fullmatch(line) for line in lines if re.match(r" *\d ", line))


# --- what else it does ------------------------------------------------------------------------------------


@pytest.mark.more
def test_the_same_seed_is_the_same_bytes(run: Run, here: Run, small: Path) -> None:
    first = fine(here("trace", small, "--format", "json", "--seed", "3"))
    assert fine(run("trace", "-", "--format", "json", "--seed", "3", stdin=SMALL)) == first.replace(
        '"name": "small"', '"name": "stdin"'
    ).replace(json.dumps(str(small)), '"<stdin>"')


def test_another_seed_is_another_page_and_the_same_is_the_same(here: Run, small: Path) -> None:
    first, again, other = (fine(here("trace", small, "--format", "json", "--seed", seed)) for seed in "335")
    assert first == again != other


def test_output_and_plot(here: Run, tmp_path: Path) -> None:
    """Of one layer: what is drawn of several is held below, where nothing is drawn."""
    one = document(tmp_path, ONE)
    for options in ((), ("--step", "2"), ("--unit", "1")):
        expected = fine(here("trace", one, *options))
        plot = tmp_path / f"plot{len(options)}.svg"
        done = here("trace", one, *options, "--output", tmp_path / "out.txt", "--plot", plot)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", f"note: wrote {plot}\n")
        assert (tmp_path / "out.txt").read_text(encoding="utf-8") == expected
        assert plot.read_bytes().startswith(b"<?xml ")
        assert plot.read_text().rstrip().endswith("</svg>")


def test_what_is_drawn(here: Run, monkeypatch: pytest.MonkeyPatch, small: Path, tmp_path: Path) -> None:
    """Gates, saturation and norms of every level; or the values that were picked, along what there are several of."""
    from rnninspect.formats import plot

    drawn = []
    monkeypatch.setattr(plot, "plot", lambda charts, path: drawn.extend(charts))
    assert here("trace", small, "--plot", tmp_path / "x.svg").returncode == 0
    assert [(chart.title, [series.name for series in chart.series]) for chart in drawn] == [
        *[("mean", list("ifgo")), ("share saturated, %", list("ifgo")), ("norm", list("ch"))] * 2,
        ("share off, %", ["h"]),
        ("norm", ["h"]),
    ]
    assert {chart.x for chart in drawn} == {"t, steps"}
    assert {half is None for chart in drawn for series in chart.series for half in series.halves} == {False}
    assert all("equations in float64" in chart.about and "bars: 95 % interval" in chart.about for chart in drawn)
    assert {len(series.points) for chart in drawn for series in chart.series} == {50}
    for options, x, points in (
        (("--step", "3"), "unit", 5),
        (("--unit", "3"), "t, steps", 50),
        (("--unit", "3", "--step", "2"), "t, steps", 1),
    ):
        drawn.clear()
        here("trace", small, "--layer", "encoder", *options, "--plot", tmp_path / "x.svg")
        assert [(chart.title, chart.x, [series.name for series in chart.series]) for chart in drawn] == [
            ("values", x, list("ifgoch"))
        ] * 2
        assert {len(series.points) for chart in drawn for series in chart.series} == {points}


def test_a_wrong_equation_is_said_and_the_others_are_shown(
    here: Run, monkeypatch: pytest.MonkeyPatch, small: Path, tmp_path: Path
) -> None:
    (tmp_path / "packed.yaml").write_text(PACKED)
    real = GRU.equations
    monkeypatch.setattr(GRU, "equations", lambda self: real(self).replace("+ z * h", "- z * h"))
    done = here("trace", tmp_path / "packed.yaml", small, "--format", "json")
    assert done.returncode == 1
    assert re.fullmatch(r"error: \S+packed\.yaml: layer 'gru': torch's output is [^\n]+\n", done.stderr)
    assert [model["name"] for model in json.loads(done.stdout)["models"]] == ["small"]


def test_on_meta_there_is_nothing_to_trace(here: Run, small: Path) -> None:
    line = refused(here("trace", small, "--device", "meta"), 3)
    assert re.search(r"small\.yaml: --device meta: on meta there are no values \(use --device cpu\)$", line)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--step", "50"], r"^--step 50: expected 0 to 49, the input has 50 steps$"),
        (["--unit", "4"], r"^--unit 4: expected 0 to 3, layer 'decoder' has 4 units \(--layer chooses another\)$"),
        (["--unit", "5", "--layer", "encoder"], r"^--unit 5: expected 0 to 4, layer 'encoder' has 5 units \("),
        (["--step", "0", "--sequence", "2"], r"^--sequence 2: expected 0 to 1, the batch has 2 sequences$"),
        (["--sequence", "1"], r"^--sequence 1: statistics are over all sequences \(add --step or --unit\)$"),
        (["--layer", "encodr"], r"^--layer encodr: not in the document \(did you mean 'encoder'\?\)$"),
        (["--layer", "head"], r"^--layer head: expected a recurrent layer, got Linear \(known: encoder, decoder\)$"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(
    here: Run, monkeypatch: pytest.MonkeyPatch, small: Path, args: list[str], message: str
) -> None:
    monkeypatch.chdir(small.parent)
    assert re.search(message, refused(here("trace", small, *args)))
    assert [path.name for path in small.parent.iterdir()] == ["small.yaml"]


def test_a_step_is_one_of_its_sequence(here: Run, tmp_path: Path) -> None:
    (tmp_path / "packed.yaml").write_text(PACKED)
    line = refused(here("trace", tmp_path / "packed.yaml", "--step", "2"))
    assert line == "--step 2: expected 0 to 1, sequence 0 has 2 steps"
    assert fine(here("trace", tmp_path / "packed.yaml", "--step", "2", "--sequence", "2"))
    (tmp_path / "packed.yaml").write_text(PACKED.replace("lengths: [2", "lengths: [1"))
    line = refused(here("trace", tmp_path / "packed.yaml", "--step", "2"))
    assert line == "--step 2: expected 0, sequence 0 has 1 step"


def test_a_picture_is_looked_at_before_anything_is_done(here: Run) -> None:
    """Before a document is even read: this one is not there."""
    assert refused(here("trace", "nowhere.yaml", "--plot", "x.jpg")).startswith("--plot x.jpg: expected a name")


# --- given input ------------------------------------------------------------------------------------------


def document(folder: Path, text: str) -> Path:
    path = folder / "doc.yaml"
    path.write_text(text)
    return path


def outputs(shown: str) -> list[list[float]]:
    """h of every step, unit by unit."""
    (layer,) = json.loads(shown)["models"][0]["layers"]
    by_step: dict[int, list[float]] = {}
    for row in layer["values"]:
        by_step.setdefault(row["t"], []).append(row["vectors"]["h"])
    return list(by_step.values())


def picked(here: Run, path: Path, *args: str | Path) -> list[list[float]]:
    """h of every step: of each unit in turn."""
    units = api.load(path).plan().layers[-1].outputs[0].shape[-1]
    by_unit = [
        [step[0] for step in outputs(fine(here("trace", path, "--unit", str(unit), *args, "--format", "json")))]
        for unit in range(units)
    ]
    return [list(step) for step in zip(*by_unit, strict=True)]


def fed(path: Path, values: torch.Tensor) -> list[list[float]]:
    """The same from the module that the library builds, in float64."""
    module = api.load(path).build(device="cpu").double()
    outputs: list[list[float]] = module(values)[:, 0].tolist()
    return outputs


def approximately(steps: list[list[float]]) -> list[object]:
    return [pytest.approx(step, rel=1e-9) for step in steps]


def test_numbers_from_a_file(here: Run, tmp_path: Path) -> None:
    path = document(tmp_path, ONE)
    values = [[0.5, -1.25], [3.0, 1e-3], [0.1, 7.0]]
    (tmp_path / "x.csv").write_text("".join(f"{a!r},{b!r}\n" for a, b in values))
    numpy.save(tmp_path / "x.npy", numpy.array(values, dtype="float32")[:, None])
    # why through float32: the document's dtype, in which the module is fed.
    expected = fed(path, torch.tensor(values, dtype=torch.float32).double()[:, None])
    for name in ("x.csv", "x.npy"):
        assert picked(here, path, "--input", tmp_path / name) == approximately(expected)
    shown = fine(here("trace", path, "--input", tmp_path / "x.csv"))
    assert f" · input {tmp_path / 'x.csv'} · seed 0" in shown.splitlines()[-1]


def test_tokens_from_a_file(here: Run, tmp_path: Path) -> None:
    path = document(tmp_path, TOKENS)
    (tmp_path / "x.csv").write_text("4\n0\n4\n")
    numpy.save(tmp_path / "x.npy", numpy.array([[4], [0], [4]]))
    expected = fed(path, torch.tensor([[4], [0], [4]]))
    for name in ("x.csv", "x.npy"):
        assert picked(here, path, "--input", tmp_path / name) == approximately(expected)


def test_integers_for_a_model_that_takes_features_are_numbers_and_it_is_said(here: Run, tmp_path: Path) -> None:
    path = document(tmp_path, ONE)
    (tmp_path / "x.csv").write_text("1, -2\n3,0\n+5,7\n")
    numpy.save(tmp_path / "x.npy", numpy.array([[1, -2], [3, 0], [5, 7]], dtype="int32")[:, None])
    for name, which in (("x.csv", "its integers"), ("x.npy", "its int32")):
        done = here("trace", path, "--input", tmp_path / name)
        assert done.returncode == 0
        where = f"--input {tmp_path / name}"
        assert done.stderr == (
            f"note: {where}: {which} were taken as numbers (token indices are for a model with an Embedding)\n"
        )


def nan(shape: tuple[int, ...], at: tuple[int, ...]) -> numpy.ndarray:
    values = numpy.zeros(shape)
    values[at] = math.nan
    return values


@pytest.mark.parametrize(
    ("text", "file", "holds", "message"),
    [
        (ONE, "x.npy", numpy.zeros((3, 1, 8)), r"got \(3, 1, 8\) \(--set encoder\.input_size=8\)$"),
        (ONE, "x.npy", numpy.zeros((3, 2)), r"expected shape .* got \(3, 2\) \(--set input\.batch_size=null\)$"),
        (ONE, "x.npy", numpy.zeros((3, 1, 2), complex), r": expected a real float or integer dtype, got complex128 \("),
        (ONE, "x.npy", nan((3, 1, 2), (1, 0, 1)), r": expected finite numbers, 1 of 6 are not, .* \[1, 0, 1\]: nan \("),
        (ONE, "x.csv", "1,2\n3,4\n", r": expected 3 rows \(L\), got 2 \(--set input\.seq_len=2\)$"),
        (ONE, "x.csv", "1,2,3\n" * 3, r":1: expected 2 columns \(H_in\), got 3 \(--set encoder\.input_size=3\)$"),
        (ONE, "x.csv", "1,2\n3,nan\n5,6\n", r": expected finite numbers, 1 of 6 are not, .* line 2, column 2: nan \("),
        (ONE, "x.csv", "1,2\n3,x\n5,6\n", r":2: .*'x'"),
        (ONE, "x.txt", "1,2\n", r"expected a name that ends in \.npy or \.csv, got \.txt$"),
        (ONE, "missing.npy", "", r"missing\.npy: no such file or directory \(check the path\)$"),
        (TOKENS, "x.npy", numpy.zeros((3, 1)), r": expected token indices, an integer dtype, got float64 \("),
        (
            TOKENS,
            "x.csv",
            "1\n5\n-1\n",
            r": expected token indices from 0 to 4, 2 of 3 are not, .* line 2, column 1: 5 \(",
        ),
        (
            PACKED,
            "x.npy",
            numpy.zeros((5, 2, 2)),
            r"\(L, N, H_in\) \(4, 3, 2\), got \(5, 2, 2\) \(--set input\.lengths=null --set input\.seq_len=5 --set ",
        ),
        # what a document leaves to its lengths has to be said without them
        (
            PACKED.replace("batch_size: 3, seq_len: 4, ", ""),
            "x.npy",
            numpy.zeros((5, 3, 2)),
            r"got \(5, 3, 2\) \(--set input\.lengths=null --set input\.batch_size=3 --set input\.seq_len=5\)$",
        ),
        (
            PACKED.replace("seq_len: 4", "seq_len: 9"),
            "x.npy",
            numpy.zeros((4, 2)),
            r"got \(4, 2\) \(--set input\.lengths=null --set input\.seq_len=4 --set input\.batch_size=null\)$",
        ),
    ],
)
def test_what_does_not_fit_is_said_with_both_numbers(
    here: Run, tmp_path: Path, text: str, file: str, holds: str | numpy.ndarray, message: str
) -> None:
    if isinstance(holds, str) and file != "missing.npy":
        (tmp_path / file).write_text(holds)
    elif not isinstance(holds, str):
        numpy.save(tmp_path / file, holds)
    line = refused(here("trace", document(tmp_path, text), "--input", tmp_path / file))
    assert line.startswith(f"--input {tmp_path / file}")
    assert re.search(message, line), line


def test_a_file_of_arrays_is_read_in_a_process_of_its_own(run: Run, tmp_path: Path) -> None:
    """Where nothing has imported numpy before."""
    numpy.save(tmp_path / "x.npy", numpy.zeros((7, 1, 2)))
    line = refused(run("trace", document(tmp_path, ONE), "--input", tmp_path / "x.npy"))
    assert line.startswith(f"--input {tmp_path / 'x.npy'}")
    assert line.endswith("(L, N, H_in) (3, 1, 2), got (7, 1, 2) (--set input.seq_len=7)")


def test_the_hint_for_a_packed_batch_holds(here: Run, tmp_path: Path) -> None:
    numpy.save(tmp_path / "x.npy", numpy.zeros((5, 2, 2)))
    doc = document(tmp_path, PACKED)
    line = refused(here("trace", doc, "--input", tmp_path / "x.npy"))
    hint = line[line.index("(--set") + 1 : -1].split()
    assert fine(here("trace", doc, "--input", tmp_path / "x.npy", *hint))


def test_an_input_belongs_to_one_document(here: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("1,2\n3,4\n5,6\n")
    doc = document(tmp_path, ONE)
    assert refused(here("trace", doc, doc, "--input", tmp_path / "x.csv")) == "--input is for one document, 2 are named"
    line = refused(here("trace", doc, "--input", "x.csv", "--output", tmp_path / "x.csv"))
    assert line == f"--output {tmp_path / 'x.csv'}: this is --input's file (name another file)"
    assert (tmp_path / "x.csv").read_text() == "1,2\n3,4\n5,6\n"
