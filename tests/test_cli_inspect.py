"""The model at a glance, and a page that stands before torch has proven it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ended import Run, refused
from terminals import ESCAPE, terminal
from worlds import CONFIGS

from rnninspect.runtime import here as torch_here
from rnninspect.runtime import real

TAGGER = CONFIGS / "tagger.yaml"
PENDING = "plan · proving on torch ..."
ERASE = "\r\x1b[K"


def test_the_page_is_the_model_at_a_glance(here: Run) -> None:
    assert here(TAGGER, "--device", "cpu").stdout.splitlines()[:-1] == [
        "tagger",
        "layer    type       output         parameters      %     MACs",
        "─────────────────────────────────────────────────────────────",
        "embed    Embedding  (20, 32, 300)     300,000   59.7        0",
        "encoder  LSTM       (20, 32, 100)     201,600   40.1  128.0 M",
        "head     Linear     (20, 32, 10)        1,010    0.2    0.6 M",
        "─────────────────────────────────────────────────────────────",
        "total                                 502,610  100.0  128.6 M",
        "2.01 MB of float32, all trainable · training a batch takes 28.4 MB",
        "",
    ]


def test_several_documents_add_up_in_one_table(here: Run) -> None:
    files = (TAGGER, CONFIGS / "gru.yaml")
    data = json.loads(here("--plan", *files, "--format", "json").stdout)
    shown = here(*files, "--plan").stdout
    total = sum(model["parameters"] for model in data["models"])
    macs = sum(model["macs"] for model in data["models"]) / 1e6
    assert re.search(rf"^total +{total:,} +100\.0 +{macs:.1f} M$", shown, re.MULTILINE)
    assert shown.splitlines()[0] == "tagger + gru"
    training = sum(model["training_bytes"] for model in data["models"])
    assert f"training a batch takes {training / 1e6:.1f} MB" in shown


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ((), "all trainable"),
        (("--set", "encoder.trainable=false"), "301,010 trainable"),
        (("--set", "encoder.trainable=false", "--set", "embed.trainable=false", "--set", "head.trainable=false"),
         "none trainable"),
        (("--dtype", "float64"), "4.02 MB of float64, all trainable"),
    ],
)  # fmt: skip
def test_what_trains_is_said(here: Run, settings: tuple[str, ...], said: str) -> None:
    assert said in here(TAGGER, "--plan", *settings).stdout


@pytest.mark.parametrize("name", ["tagger", "gru", "classifier", "language-model", "options"])
def test_a_screen_of_80_columns_holds_all_of_it(
    environment: Callable[..., dict[str, str]], here: Run, name: str
) -> None:
    file = CONFIGS / f"{name}.yaml"
    layers = json.loads(here(file, "--plan", "--format", "json").stdout)["models"][0]["layers"]
    lines = terminal(80, environment(), file, "--plan").splitlines()
    assert len(lines) <= len(layers) + 8
    assert "of" not in ESCAPE.sub("", lines[0]).split()  # it is in one piece


def test_every_option_works_before_and_after_the_document(here: Run) -> None:
    after = here(TAGGER, "--plan", "--set", "encoder.hidden_size=8")
    assert after.returncode == 0
    assert here("--plan", "--set", "encoder.hidden_size=8", TAGGER).stdout == after.stdout
    assert here("inspect", "--plan", "--set", "encoder.hidden_size=8", TAGGER).stdout == after.stdout


def test_a_command_wins_over_a_file_of_its_name(here: Run, tmp_path: Path) -> None:
    (tmp_path / "shapes").write_text(TAGGER.read_text())
    assert "tagger" not in here("shapes", "--help", cwd=tmp_path).stdout
    assert here("./shapes", "--plan", cwd=tmp_path).stdout.startswith("tagger\nlayer ")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("shaeps", "did you mean shapes?"),
        ("modl.yaml", "did you mean model.yaml?"),
        ("qqqqqqqq", "rnninspect --help lists the commands"),
    ],
)
def test_what_is_neither_a_command_nor_a_file(here: Run, tmp_path: Path, word: str, hint: str) -> None:
    (tmp_path / "model.yaml").write_text(TAGGER.read_text())
    assert refused(here(word, "--plan", cwd=tmp_path)) == f"{word}: neither a command nor a file here ({hint})"


# --- before the proof --------------------------------------------------------------------------------------


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, here: Run) -> Run:
    """The command line in this process, whose stdout is a terminal without colours."""
    for name, value in {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CI", raising=False)

    def start(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        # why at each call: between a test's set-up and its call stdout becomes another object
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        return here(*args, cwd=cwd)

    return start


@pytest.mark.parametrize(
    "command", [("inspect",), ("shapes",), ("weights", "--gates"), ("params",)], ids=lambda command: command[0]
)
def test_the_plans_page_stands_first_and_its_last_line_changes(watched: Run, command: tuple[str, ...]) -> None:
    done = watched(*command, TAGGER, CONFIGS / "gru.yaml", "--device", "cpu")
    assert (done.returncode, done.stderr) == (0, "")
    page, closing = done.stdout.split(ERASE)
    assert page.endswith(f"\n\n{PENDING}")
    assert re.fullmatch(r"plan and torch \S+ agree · cpu · float32 · seed 0\n", closing)


def test_what_is_shown_before_the_proof_is_what_is_shown_after_it(
    watched: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, closing = watched("params", TAGGER, "--device", "cpu").stdout.split(ERASE)
    monkeypatch.setenv("TERM", "dumb")  # which cannot erase a line, and so waits
    assert watched("params", TAGGER, "--device", "cpu").stdout == page.removesuffix(PENDING) + closing


@pytest.mark.parametrize(
    "options", [("--format", "json"), ("--all",), ("--plan",), ("--output", "page.txt")], ids=lambda options: options[0]
)
def test_nothing_is_written_twice_where_no_line_can_change(
    watched: Run, tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = watched("inspect", TAGGER, "--device", "cpu", *options, cwd=tmp_path)
    assert done.returncode == 0
    assert PENDING not in done.stdout
    assert ERASE not in done.stdout


def test_what_backward_keeps_is_by_the_equations_alone_where_torch_is_not_asked(here: Run) -> None:
    for command in ("inspect", "params"):
        shown = " ".join(here(command, TAGGER, "--all", "--plan").stdout.split())
        assert "kept for backward: what the forward pass of a training step keeps" in shown


@pytest.mark.torch
def test_all_of_it_is_every_table_with_its_gates_and_the_run(here: Run) -> None:
    shown = here("inspect", CONFIGS / "gru.yaml", "--all", "--device", "cpu").stdout
    titles = ["shapes", "weights", "run", "params", "forward", "backward", "memory"]
    assert re.findall(r"^gru · (\w+)$", shown, re.MULTILINE) == titles
    assert re.search(r"\[0:20\] +W_ir ", shown), "the reset gate has a row of its own"


@pytest.mark.parametrize("setting", [("CI", "true"), ("TERM", "dumb")])
def test_ci_and_a_terminal_that_cannot_erase_wait(
    watched: Run, monkeypatch: pytest.MonkeyPatch, setting: tuple[str, str]
) -> None:
    monkeypatch.setenv(*setting)
    assert ERASE not in watched(TAGGER, "--device", "cpu").stdout


def test_a_pipe_sees_the_end_alone(here: Run) -> None:
    assert PENDING not in here(TAGGER, "--device", "cpu").stdout


def test_a_disagreement_follows_the_page_and_ends_with_1(watched: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    measure = real.measure

    def mismeasure(*args: Any) -> Any:
        facts = measure(*args)
        head = facts.layers[-1]
        wider = (replace(head.weights[0], shape=(11, 100)), *head.weights[1:])
        return replace(facts, layers=(*facts.layers[:-1], replace(head, weights=wider)))

    monkeypatch.setattr(real, "measure", mismeasure)
    done = watched(TAGGER, "--device", "cpu")
    assert done.returncode == 1
    page, closing = done.stdout.split(ERASE)
    assert "502,610" in page
    assert re.match(r"plan and torch \S+ differ", closing)
    assert re.search(r"head +weights weight shape +\(10, 100\) +\(11, 100\)", closing)
    assert done.stderr.endswith("plan and torch differ in 1 facts\n")


def test_what_torch_refuses_ends_the_line_and_with_3(watched: Run) -> None:
    done = watched(TAGGER, "--device", "cuda:7")
    assert done.returncode == 3
    closing = done.stdout.split(ERASE)[1]
    assert re.fullmatch(r"plan · not proven: .*--device cuda:7: .*…\n", closing)
    assert len(closing) <= 80
    assert "device cuda:7 was asked for" in done.stderr


def test_where_torch_is_missing_the_page_stands_and_says_so(watched: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    done = watched(TAGGER)
    assert (done.returncode, done.stderr) == (0, f"note: {torch_here.NOT_INSTALLED}\n")
    assert "502,610" in done.stdout
    assert done.stdout.endswith("\nplan: from the equations alone, torch is not installed · float32\n")
    assert ERASE not in done.stdout
    asked = watched(TAGGER, "--device", "cpu")
    assert asked.returncode == 3
    assert "502,610" in asked.stdout
    assert "plan · not proven: torch is not installed here " in asked.stdout.split(ERASE)[1]


def test_an_interrupt_leaves_the_page_and_says_that_it_was_not_proven(
    watched: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(real, "measure", interrupted)
    done = watched(TAGGER, "--device", "cpu")
    assert done.returncode == 130
    assert done.stdout.endswith(f"{ERASE}plan · not proven: interrupted\n")


def test_where_the_device_is_another_than_was_likely_the_page_is_printed_again(
    watched: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnninspect.commands.shared.model_page.likely_device", lambda name: "cuda")
    page, after = watched(TAGGER, "--set", "device=cpu").stdout.split(ERASE)
    assert "training a batch takes 12.9 MB" in page
    assert "training a batch takes 28.4 MB" in after


@pytest.mark.parametrize(
    ("name", "driver", "visible", "platform", "expected"),
    [
        ("cuda:1", False, None, "linux", "cuda"),
        ("meta", True, None, "linux", "meta"),
        (None, True, None, "linux", "cuda"),
        ("auto", True, "", "linux", "cpu"),
        ("auto", False, None, "linux", "cpu"),
        (None, False, None, "darwin", "mps"),
    ],
)
def test_the_likely_device(
    monkeypatch: pytest.MonkeyPatch, name: str | None, driver: bool, visible: str | None, platform: str, expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(torch_here.os.path, "exists", lambda path: driver)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert torch_here.likely_device(name) == expected


@pytest.mark.slow
def test_in_a_terminal_of_its_own(environment: Callable[..., dict[str, str]]) -> None:
    shown = terminal(80, environment({"CI": ""}), TAGGER, "--device", "cpu")
    page, closing = shown.split(ERASE)
    assert ESCAPE.sub("", page).endswith(PENDING)
    assert re.search(r"plan and torch \S+ agree", closing)
    assert closing.count("\n") == 1
