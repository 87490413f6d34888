"""`fit` as it is called: what it prints, what it writes, and what it refuses. No test needs torch."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest
from ended import Run, fine, refused
from worlds import CONFIGS

TEXT = """\
# A model.
input: {batch_size: 2, seq_len: 3}
layers:
  - name: encoder   # the only one
    type: LSTM
    input_size: 4
    hidden_size: 5  # how wide
"""
THREE = [CONFIGS / f"{name}.yaml" for name in ("lstm", "gru", "rnn")]
SIZE = "encoder.hidden_size"
MILLION = ("--max-params", "1M")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a document, and the one that the command line stands in."""
    (tmp_path / "m.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- what is printed ---------------------------------------------------------------------------------------


def test_models_of_equal_size(here: Run) -> None:
    lines = fine(here("fit", *THREE, *MILLION, SIZE)).splitlines()
    assert lines[0] == "encoder.hidden_size · fit"
    assert [line.split()[1:] for line in lines[3:6]] == [
        ["242", "997,040", "99.70", "243", "1,004,076"],
        ["324", "997,272", "99.73", "325", "1,003,275"],
        ["575", "999,925", "99.99", "576", "1,003,392"],
    ]
    assert lines[7] == "each the largest within max_params 1,000,000; counts differ by up to 0.29 %"
    assert lines[8] == "--write puts them into the documents"


def test_of_unequal_models_the_difference_is_a_share_of_the_largest(here: Run) -> None:
    """A share of the least would be another: the sizes are 200, 300 and 500."""
    lines = here("fit", *THREE, *MILLION, SIZE, "--multiple", "100").stdout.splitlines()
    (told,) = (line for line in lines if "counts differ by up to" in line)
    rows = [int(line.split()[2].replace(",", "")) for line in lines[3:6]]
    share = 100 * (max(rows) - min(rows)) / max(rows)
    assert told.endswith(f"counts differ by up to {share:.2g} %")


def test_the_object(here: Run) -> None:
    found = json.loads(fine(here("fit", *THREE[:1], *MILLION, SIZE, "--format", "json")))
    (result,) = found.pop("results")
    assert (found["ledger"], found["dtype"], found["seed"]) == ("plan", "float32", None)
    named = {key: result[key] for key in ("file", "path", "value", "parameters", "next")}
    assert named == {
        "file": str(THREE[0]),
        "path": SIZE,
        "value": 242,
        "parameters": 997_040,
        "next": {"value": 243, "parameters": 1_004_076},
    }
    (limit,) = result["limits"]
    assert (limit["limit"], limit["allowed"], limit["actual"], limit["ok"]) == ("max_params", 10**6, 997_040, True)


def test_the_table_for_scripts(here: Run) -> None:
    text = fine(here("fit", *THREE, SIZE, "--max-macs", "100M", "--format", "csv"))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["model"] for row in rows] == ["lstm", "gru", "rnn"]
    assert {(row["path"], row["limit"], row["allowed"]) for row in rows} == {(SIZE, "max_macs", "100000000")}
    assert all(int(row["actual"]) == int(row["macs"]) <= 10**8 for row in rows)
    shown = fine(here("fit", *THREE, SIZE, "--max-macs", "100M"))
    assert "limit" in shown.splitlines()[1]
    assert "limit" not in fine(here("fit", *THREE, SIZE, *MILLION)).splitlines()[1]
    assert all(int(row["next_actual"]) > 10**8 > int(row["next_parameters"]) for row in rows)
    assert "differ" not in shown


def test_where_even_the_least_is_over_the_others_are_told(here: Run) -> None:
    done = here("fit", *THREE, SIZE, "--max-params", "900", "--format", "json")
    assert done.returncode == 1
    least = "no encoder.hidden_size keeps within the budget: even at 1, 1,228 is over max_params 900 by 328"
    assert done.stderr == f"error: {THREE[0]}: {least}\n"
    lstm, gru, _ = json.loads(done.stdout)["results"]
    assert (lstm["value"], lstm["parameters"], lstm["next"]) == (None, None, {"value": 1, "parameters": 1228})
    assert (lstm["limits"][0]["ok"], gru["limits"][0]["ok"]) == (False, True)
    shown = here("fit", *THREE, SIZE, "--max-params", "900").stdout
    assert "none" in shown
    assert f"{THREE[0]}: {least}" in shown.replace("\n  ", " ")


def test_what_is_said_of_one_of_several(here: Run) -> None:
    shown = here("fit", *THREE[:2], SIZE, "--max-params", "900").stdout
    assert "encoder.hidden_size 4 is the largest within max_params 900\n" in shown
    assert "--write" not in shown


def test_where_there_is_no_size_above_it_says_why(here: Run) -> None:
    done = here("fit", CONFIGS / "projected.yaml", "encoder.proj_size", "--max-params", "1G")
    assert "no size above it: layers[0].proj_size: layer 'encoder': expected less than hidden_size 512" in fine(done)


def test_a_multiple_and_what_it_leaves(here: Run) -> None:
    done = here("fit", THREE[0], SIZE, *MILLION, "--multiple", "64", "--format", "csv")
    assert done.stderr == (
        f"warning: {THREE[0]}: 32.4 % of max_params is unused at 192 (the next multiple of 64 is 256, over it; a "
        "smaller --multiple uses more)\n"
    )
    assert ",192,675840," in done.stdout
    assert ",240,983040," in fine(here("fit", THREE[0], SIZE, *MILLION, "--multiple", "8", "--format", "csv"))


def test_as_many_as_another_has(here: Run) -> None:
    lstm, gru, _ = THREE
    below = json.loads(fine(here("fit", gru, SIZE, "--like", lstm, "--format", "json")))["results"][0]
    near = json.loads(fine(here("fit", gru, SIZE, "--like", lstm, "--nearest", "--format", "json")))["results"][0]
    assert (below["limits"][0]["allowed"], below["value"], near["value"]) == (90_800, 91, 92)
    assert near["parameters"] - 90_800 < 90_800 - below["parameters"]


def test_settings_and_dtype_count(here: Run, folder: Path) -> None:
    (folder / "bytes.yaml").write_text(f"{TEXT}budget: {{max_param_bytes: 1 MB}}\n")
    values = [
        json.loads(fine(here("fit", "bytes.yaml", SIZE, *more, "--format", "json")))["results"][0]["value"]
        for more in ((), ("--dtype", "float16"), ("--set", "dtype=float16"), ("--set", "encoder.num_layers=2"))
    ]
    assert values[0] < values[1] == values[2]
    assert values[3] < values[0]


def test_a_limit_of_the_documents_own_that_is_then_broken(here: Run, folder: Path) -> None:
    (folder / "own.yaml").write_text(f"{TEXT}budget: {{max_macs: 1k, max_params: 1G}}\n")
    done = here("fit", "own.yaml", SIZE, *MILLION, "--format", "csv")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: own.yaml: its own budget says max_macs: ")
    assert done.stderr.count("\n") == 1
    assert ",max_macs,1000," in fine(here("fit", "own.yaml", SIZE, "--format", "csv"))


def test_two_names_of_one_key_are_one(here: Run) -> None:
    done = here("fit", THREE[0], THREE[0], f"{SIZE} = {SIZE}", *MILLION, "--format", "csv")
    assert done.stderr.startswith("note: named twice")
    assert [row["path"] for row in csv.DictReader(io.StringIO(done.stdout))] == [SIZE]


def test_standard_input(run: Run) -> None:
    done = run("fit", "-", SIZE, *MILLION, "--format", "json", stdin=TEXT)
    assert json.loads(fine(done))["results"][0]["file"] == "<stdin>"


# --- what is written ---------------------------------------------------------------------------------------


def test_the_number_is_put_into_the_document_and_holds(here: Run, folder: Path) -> None:
    done = here("fit", "m.yaml", SIZE, *MILLION, "--write")
    assert (done.returncode, done.stderr) == (0, "note: m.yaml: encoder.hidden_size is now 497\n")
    assert (folder / "m.yaml").read_text() == TEXT.replace("hidden_size: 5 ", "hidden_size: 497 ")
    assert "--write" not in done.stdout
    assert here("check", "m.yaml", *MILLION).returncode == 0
    assert here("check", "m.yaml", *MILLION, "--set", f"{SIZE}=498").returncode == 1
    again = here("fit", "m.yaml", SIZE, *MILLION, "--write")
    assert again.stderr == "note: m.yaml: encoder.hidden_size was 497 already\n"


def test_a_mark_and_carriage_returns_stay(here: Run, folder: Path) -> None:
    before = b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()
    (folder / "m.yaml").write_bytes(before)
    assert here("fit", "m.yaml", SIZE, *MILLION, "--write").returncode == 0
    assert (folder / "m.yaml").read_bytes() == before.replace(b"hidden_size: 5 ", b"hidden_size: 497 ")


def test_each_document_gets_its_own(here: Run, folder: Path) -> None:
    (folder / "g.yaml").write_text(TEXT.replace("LSTM", "GRU"))
    done = here("fit", "m.yaml", "g.yaml", SIZE, *MILLION, "--write")
    assert done.stderr.splitlines() == [
        "note: m.yaml: encoder.hidden_size is now 497",
        "note: g.yaml: encoder.hidden_size is now 574",
    ]
    assert "hidden_size: 574  # how wide" in (folder / "g.yaml").read_text()


def test_nothing_is_written_where_one_of_them_has_no_size(here: Run, folder: Path) -> None:
    (folder / "wide.yaml").write_text(TEXT.replace("input_size: 4", "input_size: 4000"))
    done = here("fit", "m.yaml", "wide.yaml", SIZE, "--max-params", "5k", "--write")
    assert done.returncode == 1
    assert done.stderr.endswith("note: no document is written, because not every one has a size\n")
    assert (folder / "m.yaml").read_text() == TEXT
    (folder / "quoted.yaml").write_text(TEXT.replace("hidden_size: 5 ", "hidden_size: '5' "))
    done = here("fit", "m.yaml", "quoted.yaml", SIZE, *MILLION, "--write")
    assert "quoted.yaml:7:18: layers[0].hidden_size: expected a plain whole number" in refused(done)
    assert (folder / "m.yaml").read_text() == TEXT


def test_a_link_stays_one_and_a_protected_file_as_it_is(here: Run, folder: Path) -> None:
    (folder / "link.yaml").symlink_to("m.yaml")
    assert here("fit", "link.yaml", SIZE, *MILLION, "--write").returncode == 0
    assert (folder / "link.yaml").is_symlink()
    assert "hidden_size: 497" in (folder / "m.yaml").read_text()
    if os.geteuid():
        (folder / "m.yaml").chmod(0o444)
        assert "it is write-protected" in refused(here("fit", "m.yaml", SIZE, "--max-params", "5k", "--write"), 3)


def test_what_has_changed_since_it_was_read_is_left(here: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rnninspect.guard import fit as fitting

    plan = fitting.plan
    monkeypatch.setattr(fitting, "plan", lambda spec: (folder / "m.yaml").write_text("name: other\n") and plan(spec))
    done = here("fit", "m.yaml", SIZE, *MILLION, "--write")
    assert "cannot write m.yaml: it has changed since it was read" in refused(done, 3)
    assert (folder / "m.yaml").read_text() == "name: other\n"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("-",), "--write: standard input cannot be written (name a file)"),
        (("m.yaml", "--set", "encoder.bias=false"), "--write: the size would be right only with --set"),
        (("m.yaml", "--dtype", "float16"), "--write: the size would be right only with --dtype"),
        (("m.yaml", "--output", "m.yaml"), "--output m.yaml: this is one of the files to read (name another file)"),
    ],
)
def test_what_cannot_be_written_is_said_first(here: Run, folder: Path, more: tuple[str, ...], says: str) -> None:
    assert refused(here("fit", *more, SIZE, *MILLION, "--write")).startswith(says)
    assert (folder / "m.yaml").read_text() == TEXT


# --- what is asked wrongly ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("m.yaml",), "no size is named that is to be found (such as encoder.input_size, encoder.hidden_size, "),
        ((SIZE,), "no document is named, encoder.hidden_size is taken for the size to find ("),
        (("m.yaml", SIZE, "encoder.proj_size"), "expected one size to find, got encoder.hidden_size and encoder.proj"),
        (
            ("m.yaml", f"{SIZE}=128"),
            "expected LAYER.KEY, got '128' (a value is set with --set encoder.hidden_size=128)",
        ),
        (("m.yaml", "hidden_size"), "hidden_size: expected LAYER.KEY, got 'hidden_size' (such as encoder."),
        (("m.yaml", f"{SIZE}="), "expected LAYER.KEY, got ''"),
        (("m.yaml", "="), "expected LAYER.KEY, got ''"),
        (("m.yaml", ".hidden_size"), "expected LAYER.KEY, got '.hidden_size'"),
        (("m.yaml", "encoder."), "expected LAYER.KEY, got 'encoder.'"),
        (("m.yaml", "::set-output"), "expected LAYER.KEY, got "),
        (("n.yaml", SIZE), "n.yaml: no such file or directory (did you mean 'm.yaml'?)"),
        (("sub/n", SIZE), "sub/n: no such file or directory"),
        (("m.yaml", "m", SIZE), "expected one size to find, got m and encoder.hidden_size"),
        (("m.yaml", "decoder.hidden_size"), "decoder.hidden_size: no layer is called 'decoder'"),
        (("m.yaml", SIZE, "--max-params", "lots"), "--max-params lots: expected a number with one of"),
        (("m.yaml", SIZE, "--max-macs", "-1"), "--max-macs -1: expected a number with one of"),
        (("m.yaml", SIZE, "--like", "m.yaml"), "--like: --max-params says how many"),
        (("m.yaml", SIZE, "--multiple", "0"), "--multiple: expected an integer from 1 to 65536, got '0'"),
        (("m.yaml", SIZE, "--set", "encoder.bogus=1"), "--set encoder.bogus=1: layers[0].bogus: unknown key"),
        (("-", "-", SIZE), "- stands for standard input, which can be read only once"),
    ],
)
def test_what_is_asked_wrongly(here: Run, folder: Path, words: tuple[str, ...], says: str) -> None:
    assert says in refused(here("fit", *MILLION, *words))


def test_a_file_is_a_document_whatever_it_is_called(here: Run, folder: Path) -> None:
    (folder / SIZE).write_text(TEXT)
    assert "no size is named" in refused(here("fit", "m.yaml", SIZE, *MILLION))
    assert f"{SIZE}  " in fine(here("fit", SIZE, "encoder.input_size", *MILLION))


def test_of_several_documents_every_fault_is_told(here: Run, folder: Path) -> None:
    (folder / "a.yaml").write_text(TEXT.replace("encoder", "other"))
    (folder / "b.yaml").write_text(TEXT.replace("type: LSTM", "type: LTSM"))
    done = here("fit", "a.yaml", "m.yaml", "b.yaml", SIZE, *MILLION)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: a.yaml: encoder.hidden_size: no layer is called 'encoder'")
    assert lines[1].startswith("error: b.yaml")
    assert lines[2] == "2 errors"
