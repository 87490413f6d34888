"""Reports of `check` for CI servers: where they are written, by whose names for the files, and when."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ended import Run

MODEL = """\
input: {batch_size: 2, seq_len: 3}
budget:
  max_params: 300
layers: [{name: encoder, type: LSTM, input_size: 5, hidden_size: 6}]
"""
WRONG = "input: {batch_size: 2, seq_len: 3}\nbudgte: {}\nlayers: []\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository in whose folder `team` are a model over its budget and a document that is none."""
    (tmp_path / ".git").mkdir()
    team = tmp_path / "team"
    team.mkdir()
    (team / "over.yaml").write_text(MODEL)
    (team / "wrong.yaml").write_text(WRONG)
    return tmp_path


def places(text: str) -> list[tuple[str, int]]:
    """File and line of each finding of a SARIF log or a code quality report."""
    report = json.loads(text)
    if isinstance(report, list):
        return [(entry["location"]["path"], entry["location"]["lines"]["begin"]) for entry in report]
    found = [result["locations"][0]["physicalLocation"] for result in report["runs"][0]["results"]]
    return [(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in found]


@pytest.mark.parametrize("format", ["sarif", "gitlab"])
@pytest.mark.parametrize(
    ("folder", "file"), [(".", "team/over.yaml"), ("team", "over.yaml"), ("team", "./over.yaml"), (".", "{}/over.yaml")]
)
def test_a_file_is_called_as_the_root_of_the_repository_sees_it(
    here: Run, repository: Path, format: str, folder: str, file: str
) -> None:
    named = file.format(repository / "team")
    done = here("check", named, "--format", format, cwd=repository / folder)
    assert (done.returncode, places(done.stdout)) == (1, [("team/over.yaml", 3)])
    assert str(repository) not in done.stdout
    done = here("check", named, "--format", "github", cwd=repository / folder)
    assert done.stdout.startswith("::error file=team/over.yaml,line=3,col=15,")


def test_outside_a_repository_a_file_is_called_as_the_folder_sees_it(here: Run, tmp_path: Path) -> None:
    (tmp_path / "over.yaml").write_text(MODEL)
    done = here("check", "./over.yaml", "--format", "sarif", cwd=tmp_path)
    assert places(done.stdout) == [("over.yaml", 3)]


@pytest.mark.parametrize(
    ("setting", "line", "code"),
    [("encoder.hidden_size=7", 4, 1), ("budget.max_params=9", 3, 1), ("encoder.bias=7", 4, 2), ("encoder", 1, 2)],
)
def test_what_is_found_of_an_option_stands_at_what_it_replaces(
    here: Run, repository: Path, setting: str, line: int, code: int
) -> None:
    team = repository / "team"
    roomy = ("--set", "budget.max_params=1k")
    here("check", "over.yaml", *roomy, "--update", cwd=team)
    for format in ("sarif", "gitlab"):
        done = here("check", "over.yaml", *roomy, "--set", setting, "--format", format, "-o", "report", cwd=team)
        text = (team / "report").read_text()
        assert (done.returncode, places(text)[0]) == (code, ("team/over.yaml", line))
        assert f"--set {setting}: " in text
    done = here("check", "over.yaml", *roomy, "--set", setting, "--format", "github", cwd=team)
    assert "::error file=team/over.yaml," in done.stdout + done.stderr


def test_the_finding_of_a_model_read_from_a_pipe(run: Run, tmp_path: Path) -> None:
    done = run("check", "-", "--format", "sarif", cwd=tmp_path, stdin=MODEL)
    assert places(done.stdout) == [("%3Cstdin%3E", 3)]


@pytest.mark.parametrize(
    ("name", "start"), [("out.sarif", '{\n  "$schema"'), ("out.xml", "<?xml"), ("out.json", '{\n  "schema_version"')]
)
def test_the_end_of_the_files_name_says_which_report_it_is(here: Run, repository: Path, name: str, start: str) -> None:
    done = here("check", "over.yaml", "-o", name, cwd=repository / "team")
    assert (done.returncode, done.stdout) == (1, "")
    assert (repository / "team" / name).read_text().startswith(start)


def test_a_report_of_nothing_says_so_and_is_there(here: Run, repository: Path) -> None:
    sound = ("check", "over.yaml", "--max-params", "1k", "--format")
    for format, empty in (("sarif", []), ("gitlab", [])):
        done = here(*sound, format, cwd=repository / "team")
        assert (done.returncode, places(done.stdout)) == (0, empty)
    suites = ElementTree.fromstring(here(*sound, "junit", cwd=repository / "team").stdout)
    assert [suite.get("failures") for suite in suites] == ["0"]


@pytest.mark.parametrize("format", ["sarif", "gitlab", "junit"])
def test_what_is_no_model_is_in_the_file_of_the_report_and_not_on_stdout(
    here: Run, repository: Path, format: str
) -> None:
    check = ("check", "over.yaml", "wrong.yaml", "--format", format)
    done = here(*check, cwd=repository / "team")
    assert (done.returncode, done.stdout) == (2, "")
    done = here(*check, "--output", "report", cwd=repository / "team")
    assert (done.returncode, done.stdout) == (2, "")
    text = (repository / "team" / "report").read_text()
    if format == "junit":
        cases = {case.get("classname"): list(case) for case in ElementTree.fromstring(text).iter("testcase")}
        assert [(file, len(failures)) for file, failures in cases.items()] == [("over.yaml", 1), ("wrong.yaml", 1)]
        assert (cases["wrong.yaml"][0].text or "").splitlines()[0].startswith("wrong.yaml:2:1: budgte: unknown key")
    else:
        # What fails of the sound one is told too.
        assert sorted(places(text)) == [("team/over.yaml", 3), ("team/wrong.yaml", 2), ("team/wrong.yaml", 3)]


def test_what_is_no_model_is_in_the_summary_of_the_job(run: Run, repository: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    check = ("check", "over.yaml", "wrong.yaml", "--format", "github")
    done = run(*check, cwd=repository / "team", env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert (done.returncode, done.stdout) == (2, "")
    headline, empty, *points = summary.read_text().splitlines()
    assert (headline, empty) == ("## no verdict: 3 errors", "")
    assert [point.split(": ")[:2] for point in points] == [
        ["- team/wrong.yaml:2:1", "budgte"],
        ["- team/wrong.yaml:3:9", "layers"],
        ["- team/over.yaml:3:15", "over"],
    ]
    assert [line[:24] for line in done.stderr.splitlines()[-3:-1]] == ["::error file=team/wrong."] * 2


@pytest.mark.parametrize("format", ["sarif", "gitlab", "junit"])
def test_a_lock_that_cannot_be_read_is_in_the_report(here: Run, repository: Path, format: str) -> None:
    (repository / "team" / "rnninspect.lock").write_text("no lock\n")
    done = here("check", "over.yaml", "--format", format, "-o", "report", cwd=repository / "team")
    assert (done.returncode, done.stdout) == (2, "")
    assert "rnninspect.lock" in (repository / "team" / "report").read_text()


def test_no_report_takes_the_place_of_a_document(here: Run, repository: Path) -> None:
    done = here("check", "wrong.yaml", "--format", "junit", "-o", "wrong.yaml", cwd=repository / "team")
    assert (done.returncode, done.stdout) == (2, "")
    assert (repository / "team" / "wrong.yaml").read_text() == WRONG
