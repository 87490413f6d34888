"""Every sort of bad input, in real processes where it could end one: exit code 2, and one line of what and where."""

from __future__ import annotations

import codecs
import os
import re
import subprocess
from collections.abc import Iterable
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest
import yaml
from ended import Run, refused
from typer.models import ArgumentInfo

from rnninspect import cli
from rnninspect.commands.shared.signature import record_of, signature_of

GOOD = """\
input:
  batch_size: 2
  seq_len: 3
layers:
  - type: LSTM
    input_size: 4
    hidden_size: 5
"""
# A name, what is in the file, where the fault is, and words that the line must hold.
FAULTS: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("comments", "# nothing\n# here\n", "1:1", ("the document is empty", "input:", "layers:")),
    ("two-documents", f"{GOOD}---\n{GOOD}", "8:1", ("a second document",)),
    ("duplicate-key", f"{GOOD}    hidden_size: 6\n", "8:5", ("duplicate key 'hidden_size'", "line 7")),
    ("unknown-key", f"{GOOD}    num_layer: 2\n", "8:5", ("unknown key 'num_layer'", "did you mean 'num_layers'?")),
    ("wrong-type", GOOD.replace(": 5", ": big"), "7:18", ("layers[0].hidden_size", "an integer >= 1", "'big'")),
    ("misfit", f"{GOOD}  - type: GRU\n    input_size: 9\n    hidden_size: 2\n", "9:17", ("'lstm'", "'gru'", "5", "9")),
    ("tab", GOOD.replace("  seq_len", "\tseq_len"), "3:1", ("use spaces, not tabs",)),
    ("escape-in-name", f'name: "a\\e[31mb"\n{GOOD}', "1:7", ("name", "printable", r"a\x1b[31mb")),
    ("raw-escape-in-name", f'name: "a\x1b[31mb"\n{GOOD}', "1:9", ("U+001B",)),
    ("bidi-in-name", f'name: "a\u202eb"\n{GOOD}', "1:7", (r"\u202e",)),
    ("newline-in-name", f'name: "a\\nb"\n{GOOD}', "1:7", (r"a\nb",)),
    ("markup-in-layer-name", GOOD.replace("type:", 'name: "[/red]"\n    type:'), "5:11", ("'[/red]'",)),
    ("markup-in-key", f'{GOOD}    "[bold]": 1\n', "8:5", ("'[bold]'",)),
    ("markup-in-value", GOOD.replace(": 5", ': "[/]"'), "7:18", ("'[/]'",)),
]


@pytest.fixture(scope="module")
def complaints(run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one process says of all the documents of FAULTS, and one sound one: a line by its file's name."""
    folder = tmp_path_factory.mktemp("faults")
    names = [f"{name}.yaml" for name, *_ in FAULTS]
    for name, (_, text, *_) in zip(names, FAULTS, strict=True):
        (folder / name).write_bytes(text.encode())
    (folder / "good.yaml").write_text(GOOD)
    done = run("params", "--plan", names[0], "good.yaml", *names[1:], cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr
    *lines, count = done.stderr.splitlines()
    assert count == f"{len(names)} errors"
    assert [re.match(r"error: ([^:]+):", line)[1] for line in lines] == names
    return dict(zip(names, lines, strict=True))


@pytest.mark.parametrize(("name", "_", "place", "words"), FAULTS, ids=[name for name, *_ in FAULTS])
def test_a_bad_document_among_many(
    complaints: dict[str, str], name: str, _: str, place: str, words: tuple[str, ...]
) -> None:
    line = complaints[f"{name}.yaml"]
    assert line.startswith(f"error: {name}.yaml:{place}: ")
    assert [word for word in words if word not in line] == []
    assert line.isprintable()


# What could take the process down, or act on the machine: all of them in one process, which must outlive each. The
# place is None where there is none.
BOMB = "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))
BYTES: list[tuple[str, bytes, str | None, tuple[str, ...]]] = [
    ("empty", b"", "1:1", ("the document is empty",)),
    ("nul", f"{GOOD}name: a\0b\n".encode(), "8:8", ("a NUL byte",)),
    ("latin-1", f"name: caf\xe9\n{GOOD}".encode("latin-1"), "1:10", ("0xe9", "UTF-8")),
    ("utf-16", GOOD.encode("utf-16"), "1:1", ("the text is UTF-16", "save it as UTF-8")),
    ("mark-in-the-middle", f"{GOOD}name: \ufeffx\n".encode(), "8:7", ("byte order mark",)),
    ("2000-brackets", b"[" * 2_000, "1:33", ("nested deeper than 32",)),
    ("200000-brackets", b"[" * 200_000, "1:33", ("nested deeper than 32",)),
    ("alias-bomb", BOMB.encode(), None, ("keys and values, aliases written out",)),
    ("alias-of-itself", b"a: &a [*a]\n", "1:8", ("alias '*a' stands inside its own anchor",)),
]


def assert_refused(done: subprocess.CompletedProcess[str], start: str, *words: str) -> None:
    line = refused(done)
    assert line.startswith(start)
    assert [word for word in words if word not in line] == []


def assert_each_refused(
    done: subprocess.CompletedProcess[str], expected: Iterable[tuple[str, tuple[str, ...]]]
) -> None:
    """A line for each file, in their order, and how many there were."""
    assert (done.returncode, done.stdout) == (2, "")
    *lines, count = done.stderr.splitlines()
    assert count == f"{len(lines)} errors"
    for line, (start, words) in zip(lines, expected, strict=True):
        assert line.isprintable()
        assert line.startswith(f"error: {start}")
        assert [word for word in words if word not in line] == []


def test_hostile_documents(run: Run, tmp_path: Path) -> None:
    for name, data, *_ in BYTES:
        (tmp_path / f"{name}.yaml").write_bytes(data)
    done = run("params", "--plan", *(f"{name}.yaml" for name, *_ in BYTES), cwd=tmp_path)
    assert_each_refused(
        done, ((f"{name}.yaml:{place}: " if place else f"{name}.yaml:", words) for name, _, place, words in BYTES)
    )


def test_a_hostile_document_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "doc.yaml").write_bytes(BOMB.encode())
    assert_refused(run("params", "--plan", "doc.yaml", cwd=tmp_path), "doc.yaml:", "aliases written out")


@pytest.mark.parametrize("data", [codecs.BOM_UTF8 + GOOD.encode(), GOOD.replace("\n", "\r\n").encode()])
def test_a_leading_mark_and_windows_line_ends_are_no_fault(here: Run, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "doc.yaml").write_bytes(data)
    done = here("params", "--plan", "doc.yaml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "220" in done.stdout  # 4 * 5 * (4 + 5 + 2)


@pytest.mark.parametrize("where", ["root", "value", "option"])
def test_a_tag_runs_nothing(here: Run, tmp_path: Path, where: str) -> None:
    trace = tmp_path / "X"
    live = f'!!python/object/apply:os.system ["touch {trace}"]'
    yaml.unsafe_load(live)
    assert trace.exists()  # the text is live: who constructs what it says makes the file
    trace.unlink()

    (tmp_path / "doc.yaml").write_text({"root": live, "value": f"name: {live}\n{GOOD}", "option": GOOD}[where])
    options = ["--set", f"name={live}"] if where == "option" else []
    done = here("params", "--plan", "doc.yaml", *options, cwd=tmp_path)
    start = {"root": "doc.yaml:1:1: ", "value": "doc.yaml:1:7: name: ", "option": "--set name=!!python"}[where]
    assert_refused(done, start, "tags are not supported", "!!python/object/apply:os.system")
    assert not trace.exists()


# --- files that are none ----------------------------------------------------------------------------------


def sparse(folder: Path) -> str:
    with (folder / "large.yaml").open("wb") as file:
        file.truncate(100_000_000)
    return "large.yaml"


def fifo(folder: Path) -> str:
    os.mkfifo(folder / "fifo")
    return "fifo"


def test_an_unreadable_document(here: Run, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "doc.yaml").write_text(GOOD)
    (tmp_path / "doc.yaml").chmod(0)
    assert_refused(here("params", "--plan", "doc.yaml", cwd=tmp_path), "doc.yaml: ", "permission denied")


def test_what_is_no_document(run: Run, tmp_path: Path) -> None:
    """In one process, which none of them holds up."""
    cases: list[tuple[str, str, tuple[str, ...]]] = [
        (sparse(tmp_path), "large.yaml", ("larger than",)),
        (fifo(tmp_path), "fifo", ("is a named pipe", "stdin")),
        (".", ".", ("is a directory",)),
        ("missing.yaml", "missing.yaml", ("no such file", "check the path")),
        ("/dev/zero", "/dev/zero", ("is a device",)),
        ("a\x1b[31m\r\nb", r"a\x1b[31m\r\nb", ("no such file",)),
        ("[/bold]", "[/bold]", ("no such file",)),
    ]
    done = run("params", "--plan", *(path for path, *_ in cases), cwd=tmp_path)
    assert_each_refused(done, ((f"{shown}: ", words) for _, shown, words in cases))


@pytest.mark.parametrize(
    ("redirected", "place", "words"),
    [
        ("</dev/null", ":1:1", ("the document is empty",)),
        ("<&-", "", ("stdin is closed",)),
        ("</dev/zero", "", ("larger than",)),
        ("<<< '[1'", ":2:1", ("not valid YAML", "close the bracket")),
    ],
)
def test_stdin_that_is_no_document(shell: Run, redirected: str, place: str, words: tuple[str, ...]) -> None:
    assert_refused(shell(f"rnninspect params --plan - {redirected}"), f"<stdin>{place}: ", *words)


# --- options ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "doc.yaml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--set", "lstm", ("expected PATH=VALUE", "--set encoder.hidden_size=128")),
        ("--set", "ltsm.hidden_size=3", ("no layer is called 'ltsm'", "did you mean 'lstm'?")),
        ("--set", "lstm.hiden_size=3", ("unknown key 'hiden_size'", "did you mean 'hidden_size'?")),
        ("--set", "lstm.hidden_size=", ("the value is empty",)),
        ("--set", "lstm.hidden_size=[", ("not valid YAML", "close the bracket")),
        ("--set", "lstm.hidden_size=true", ("layers[0].hidden_size", "an integer >= 1", "got true")),
        ("--set", "input.batch_size=1e3", ("input.batch_size", "an integer >= 1")),
        ("--device", "gpu", ("auto, cpu, cuda, cuda:N, mps or meta", "'gpu'")),
        ("--dtype", "int8", ("float32, float64, float16 or bfloat16", "'int8'")),
        ("--device", "\x1b[31m[/]", (r"\x1b[31m[/]",)),
    ],
)
def test_a_broken_option_is_named(here: Run, document: Path, option: str, value: str, words: tuple[str, ...]) -> None:
    done = here("params", "--plan", document, option, value)
    shown = value.replace("\x1b", r"\x1b")
    assert_refused(done, f"{option} {shown}: ", *words)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "missing argument 'CONFIG...' (see rnninspect params --help)"),
        (("-o", "here.yaml"), "missing argument 'CONFIG...' (-o takes here.yaml for the file to write)"),
        (("--wat",), "--wat: no such option (see rnninspect params --help)"),
        (("--file",), "--file: no such option (see rnninspect params --help)"),
        (("-n",), "-n: no such option (see rnninspect params --help)"),
        (("--json",), "--json: no such option (did you mean --format json?)"),
        (("--seconds", "3"), "--seconds: no such option (see rnninspect params --help)"),
        (("--opps",), "--opps: no such option (did you mean --ops?)"),
        (("--plot",), "--plot: no such option of params (trace, gradflow, bench and merge have it)"),
        (("--fail-above", "5%"), "--fail-above: no such option of params (compare has it)"),
        (("--[/]\x1b[31m",), "--[/]\\x1b[31m: no such option (see rnninspect params --help)"),
        (("--device",), "option '--device' requires an argument (see rnninspect params --help)"),
    ],
)
def test_wrong_usage_is_one_line_on_stderr(here: Run, document: Path, args: tuple[str, ...], words: str) -> None:
    done = here("params", "--plan", *([document] if args and args[0] != "-o" else []), *args)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {words}\n")


def test_an_option_of_most_commands_is_not_told_of_all_of_them(run: Run) -> None:
    assert_refused(run("init", "--set", "a=b", "x"), "--set: no such option (see rnninspect init --help)")


def test_a_broken_option_in_a_process_of_its_own(run: Run, document: Path) -> None:
    value = "\x1b[31m[/]"
    assert_refused(run("params", "--plan", document, "--device", value), r"--device \x1b[31m[/]: device: expected ")


NO_PAGE = (
    "--output page.html: what is kept there is a journal, not the page (the page: > page.html and --format; a journal: "
    "name a .jsonl)"
)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ("shapes", "x", "--format", "jsn"),
            "--format: expected one of table, json, csv, markdown, html, got 'jsn' (did you mean 'json'?)",
        ),
        (("gradflow", "x", "--target", "TORCH"), "--target: expected one of last, sum, got 'TORCH'"),
        (
            ("init", "--from", "LSTM1", "x"),
            "--from: expected one of lstm, gru, rnn, tagger, classifier, seq, seq2seq, cell, or a ",
        ),
        (("shapes", "x", "--seed", "-1"), f"--seed: expected an integer from 0 to {2**63 - 1}, got '-1'"),
        (("shapes", "x", "--seed", f"{2**63}"), f"--seed: expected an integer from 0 to {2**63 - 1}, got '{2**63}'"),
        (("trace", "x", "--step", "two\x1b"), r"--step: expected an integer >= 0, got 'two\x1b'"),
        *(((command, "x", "--output", "page.html"), NO_PAGE) for command in ("bench", "merge")),
        (("bench", "x", "--seconds", "3"), "--seconds: no such option (did you mean --budget 3s?)"),
        (("bench", "x", "--time-limit", "0.5x"), "--time-limit 0.5x: expected a time such as 3s, 500ms or 2min"),
        (("bench", "x", "--bandwidth", ""), "--bandwidth: expected a number, got ''"),
    ],
)
def test_a_value_that_an_option_cannot_have(here: Run, args: tuple[str, ...], message: str) -> None:
    assert refused(here(*args)).startswith(message)


def test_of_no_command_typer_words_what_is_wrong_with_a_value(here: Run) -> None:
    tried = set()
    for name in cli.COMMANDS:
        keywords = signature_of(record_of(import_module(f"rnninspect.commands.{name}").run)).parameters
        hints = {key: keyword.annotation for key, keyword in keywords.items()}
        arguments = [
            key for key, hint in hints.items() if any(isinstance(each, ArgumentInfo) for each in get_args(hint))
        ]
        for key, hint in hints.items():
            kind, *about = get_args(hint) or (hint,)
            kinds = [each for each in get_args(kind) or (kind,) if isinstance(each, type)]
            if key in arguments or not any(each in (int, float) or issubclass(each, Enum) for each in kinds):
                continue
            # Typer has the first name of an option where others have a default.
            names = [each for each in (about[0].default, *(about[0].param_decls or ())) if str(each).startswith("--")]
            option = (names or [f"--{key.replace('_', '-')}"])[0]
            done = here(name, *arguments, option, "what?")
            assert re.fullmatch(rf"error: {option}: expected [^\n]+, got 'what\?'\n", done.stderr), done.stderr
            assert (done.returncode, done.stdout) == (2, "")
            tried.add(f"{name} {option}")
    assert {"check --format", "compare --table", "trace --unit", "bench --processes"} <= tried
    assert len(tried) > 30
