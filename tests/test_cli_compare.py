"""`rnninspect compare` as a process: exit codes, every format, what CI reads, and files that are no results."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from ended import Run, refused
from measured import ENVIRONMENT, FIGURE, OUTCOME

from rnninspect.bench.journal import head_of
from rnninspect.bench.journal_writer import start
from rnninspect.bench.records import Outcome


def outcome(level: float, model: str = "m", torch: str = "2.13.0", status: str = "ok", reason: str = "") -> Outcome:
    """One phase of one point: nine rounds of three calls about `level` seconds."""
    rounds = tuple((level * (1 + 0.001 * (k - 4)),) * 3 for k in range(9))
    figure = FIGURE._replace(
        subject="encoder", rounds=rounds, kept=tuple(range(9)), median=level, best=level, stopped="budget"
    )
    return OUTCOME._replace(
        model=model,
        file="models/m.yaml",
        settings={"input.batch_size": 8},
        status=status,
        reason=reason,
        environment=ENVIRONMENT._replace(torch=torch),
        figures=(figure,) if status == "ok" else (),
    )


def put(path: Path, *outcomes: Outcome, **asked: object) -> Path:
    with start(path, head_of(asked)) as journal:
        for each in outcomes:
            journal.append(each)
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `old`, the same again, a slower one, a faster one, and others. Nobody changes it."""
    folder = tmp_path_factory.mktemp("results")
    put(folder / "old", outcome(0.002), outcome(0.002, "n"))
    put(folder / "same", outcome(0.002), outcome(0.00201, "n"))
    put(folder / "slower", outcome(0.003), outcome(0.002, "n"))
    put(folder / "faster", outcome(0.001), outcome(0.002, "n"))
    put(folder / "other", outcome(0.003, torch="2.14.0"), outcome(1, "n", status="crashed", reason="SIGSEGV"))
    put(folder / "stranger", outcome(1, "stranger"))
    put(folder / "half", outcome(0.002), outcome(0.002, "n"))
    with (folder / "half").open("ab") as file:
        file.write(b'{"model": "ha')
    return folder


@pytest.mark.parametrize(
    ("new", "options", "code", "verdicts"),
    [
        ("old", (), 0, ["SAME", "SAME"]),
        ("same", (), 0, ["SAME", "SAME"]),
        ("slower", (), 1, ["SLOWER", "SAME"]),
        ("slower", ("--fail-above", "60%"), 0, ["SLOWER", "SAME"]),
        ("slower", ("--fail-above", "50%"), 0, ["SLOWER", "SAME"]),
        ("faster", (), 0, ["FASTER", "SAME"]),
    ],
)
def test_only_what_became_slower_fails(
    here: Run, results: Path, new: str, options: tuple[str, ...], code: int, verdicts: list[str]
) -> None:
    done = here("compare", "old", new, *options, "--format", "csv", cwd=results)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert ([row["verdict"] for row in rows], done.returncode) == (verdicts, code)
    assert [row["model"] for row in rows] == ["m", "n"]
    assert float(rows[0]["old_median_seconds"]) == 0.002
    message = (
        "error: models/m.yaml: forward of encoder (input.batch_size=8) takes 1.5 x the time: 0.003 s, before 0.002 s"
    )
    assert done.stderr.startswith(message if code else "")
    assert done.stderr.count("\n") == code


def test_what_was_measured_in_another_way_is_said(here: Run, results: Path, tmp_path: Path) -> None:
    new = put(tmp_path / "new", outcome(0.002), method=2)
    assert "note: the two were measured in different ways" in here("compare", "old", new, cwd=results).stderr
    assert "different ways" not in here("compare", new, new, cwd=results).stderr


def test_the_table(here: Run, results: Path) -> None:
    done = here("compare", "old", "other", cwd=results)
    assert done.returncode == 1
    assert "note: torch differs: 2.13.0, now 2.14.0\n" in done.stderr
    text = done.stdout
    assert text.startswith("old -> other · time\nmodel  point               subject  phase    old, ms  new, ms  new /")
    assert re.search(r"m +input.batch_size=8 +encoder +forward +2\.000 +3\.000 +1\.500 +SLOWER", text)
    assert "\n1 SLOWER; threshold 5 %.\nnew is 1.50 ± 0.02 times slower\n" in text
    assert re.search(r"n +input.batch_size=8 +crashed in new: SIGSEGV", text)
    assert re.search(r"torch +2\.13\.0 +2\.14\.0 +1\n", text)
    assert "variant" not in text
    assert text.rstrip().splitlines()[-1].startswith("measured: rnninspect ")


def test_it_ends_in_a_sentence_and_details_in_the_answer_again(here: Run, results: Path) -> None:
    same = here("compare", "old", "same", cwd=results).stdout
    assert "\n2 SAME; threshold 5 %.\nnew takes as long as old, within 5 %\n\nmeasured: " in same
    assert "noise" not in same.replace("more with --all: intervals and noise", "")
    faster = here("compare", "old", "faster", "--all", cwd=results).stdout
    answer, *others = faster.partition("\n\nold -> faster · compared\n")
    assert answer.endswith("\n1 FASTER, 1 SAME; threshold 5 %.\nm: new is 2.00 ± 0.03 times faster")
    assert "noise %" in others[1]
    assert others[1].partition("\n\nmeasured: ")[0].endswith(answer)


def test_json_and_markdown(here: Run, results: Path, tmp_path: Path) -> None:
    done = here("compare", "old", "slower", "--format", "json", "--output", tmp_path / "c.json", cwd=results)
    assert (done.returncode, done.stdout) == (1, "")
    data = json.loads((tmp_path / "c.json").read_text())
    assert (data["ledger"], data["torch"], data["ok"], data["threshold_percent"]) == ("measured", "2.13.0", False, 5)
    assert [item["verdict"] for item in data["compared"]] == ["SLOWER", "SAME"]
    assert data["compared"][0]["old"]["median_seconds"] == 0.002
    done = here("compare", "old", "slower", "--format", "markdown", cwd=results)
    assert re.search(r"\| m +\|.*\| SLOWER +\|", done.stdout)


@pytest.mark.parametrize("details", [(), ("--all",)])
def test_markdown_begins_with_the_answer_and_folds_what_it_rests_on(
    here: Run, results: Path, details: tuple[str, ...]
) -> None:
    lines = here("compare", "old", "other", *details, "--format", "markdown", cwd=results).stdout.splitlines()
    assert lines[:3] == ["## 1 SLOWER; threshold 5 %", "", "### old -&gt; other: time"]
    (point,) = (line for line in lines if line.startswith("- "))
    assert point.startswith(
        "- m: forward of encoder (input.batch_size=8) takes 1.5 x the time: 0.003 s, before 0.002 s"
    )
    folds = [line for line in lines if line.startswith("<details>")]
    titles = ["compared", "not compared", "differing"][not details :]
    assert folds == [f"<details><summary>{title}</summary>" for title in titles]


def test_csv_is_one_table_and_names_the_others(here: Run, results: Path) -> None:
    old, new = results / "old", results / "other"
    done = here("compare", old, new, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (done.returncode, row["model"], row["point"], row["new_median_seconds"]) == (
        *(1, "m", "input.batch_size=8", "0.003"),
    )
    assert float(row["noise_percent"]) > 0
    (row,) = csv.DictReader(io.StringIO(here("compare", old, new, "--format", "csv", "--table", "not-compared").stdout))
    assert (row["model"], row["phase"], row["reason"]) == ("n", "", "crashed in new: SIGSEGV")
    shown = here("compare", old, new, "--table", "differing").stdout
    assert " · differing\n" in shown
    assert " · compared\n" not in shown
    nothing = here("compare", old, old, "--table", "differing", "--format", "csv")
    assert nothing.stdout == "model,what,old,new,comparisons\n"
    assert nothing.stderr.startswith("note: the table differing is empty")


def test_annotations_and_a_jobs_summary(run: Run, results: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    done = run("compare", "old", "slower", "--format", "github", cwd=results, env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert done.returncode == 1
    assert re.fullmatch(
        r"::error file=models/m\.yaml,title=rnninspect%3A slower::m: forward of encoder \(.*\n", done.stdout
    )
    assert "SLOWER" in summary.read_text()
    done = run("compare", "old", "same", "--format", "github", cwd=results)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run("compare", "old", "other", "--format", "github", cwd=results)
    assert "note: not compared: 1, because crashed in new: SIGSEGV\n" in done.stderr
    assert re.search(
        r"^::warning file=[^\n]*,title=rnninspect%3A not compared::n: input.batch_size=8: not compared: crashed in new",
        done.stdout,
        re.MULTILINE,
    )


def test_half_a_line_is_left_out_and_said(run: Run, results: Path) -> None:
    done = run("compare", "old", "half", cwd=results)
    assert done.returncode == 0
    assert done.stderr == "note: half:4: this line is only half there (a crash's trace), and was left out\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ("old", "stranger"),
            "no point is measured both here and in old: m input.batch_size=8: not in new; stranger input",
        ),
        (("old", "missing"), "missing: no such file or directory (rnninspect bench --output FILE writes one)"),
        (("doc.yaml", "old"), "doc.yaml:1: these are no results of rnninspect bench: expected one JSON object a line"),
        (("old", "same", "--fail-above", "5"), "--fail-above 5: expected a percentage such as 5%, got '5'"),
        (("old", "same", "--fail-above", "-5%"), "--fail-above -5%: expected a percentage"),
        (("old", "same", "--table", "compared", "--format", "json"), "--format json has all of them (leave one of the"),
        (("old", "same", "--output", "same"), "--output same: this is one of the results (name another file)"),
    ],
)
def test_asked_wrongly(here: Run, results: Path, args: tuple[str, ...], message: str) -> None:
    (results / "doc.yaml").write_text("input: {}\n")
    assert message in refused(here("compare", *args, cwd=results))


def test_nothing_in_a_file_reaches_the_terminal(run: Run, tmp_path: Path) -> None:
    evil = "\x1b[31m::error ::x\n##[error]\N{RIGHT-TO-LEFT OVERRIDE}"
    old = put(tmp_path / "old", outcome(0.002, evil))
    new = put(tmp_path / "new", outcome(0.003, evil, torch=evil)._replace(file=evil))
    for format in ("table", "csv", "markdown", "github", "json"):
        done = run("compare", old, new, "--format", format, env={"GITHUB_ACTIONS": "1"})
        assert done.returncode == 1
        text = done.stdout + done.stderr
        assert all(char.isprintable() for char in text.replace("\n", ""))
        assert "##[" not in (text if format == "github" else done.stderr)


def test_it_needs_no_torch(program: Run, results: Path) -> None:
    source = (
        "import sys; from rnninspect.__main__ import main\n"
        "try:\n    main()\nfinally:\n    print('torch' in sys.modules, file=sys.stderr)\n"
    )
    done = program(source, args=("compare", str(results / "old"), str(results / "same")))
    assert (done.returncode, done.stderr) == (0, "False\n")
