"""The help of every command: words that a person reads, in the width there is, and lines that run."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
from ended import Run
from found_by_hand import safetensors, torch_layer
from tools import options as of_options
from worlds import Git

from rnninspect import cli
from rnninspect.commands.shared.help import Section, help_text
from rnninspect.formats.page import Page


def shown(here: Run, *args: str) -> str:
    """The help that these words print."""
    done = here(*args)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def sections(text: str) -> dict[str, list[str]]:
    """The names under each title of a help."""
    parts = [part.splitlines() for part in text.split("\n\n")]
    return {
        title: [re.split(r" {2,}", line.strip())[0] for line in lines if re.match(r"  \S", line)]
        for title, *lines in parts
        if lines and all(line.startswith("  ") for line in lines)
    }


@pytest.mark.parametrize("name", ["", *cli.COMMANDS])
def test_a_help_is_what_a_person_reads(here: Run, name: str) -> None:
    text = shown(here, *name.split(), "--help")
    assert text == shown(here, *name.split(), "-h")
    assert re.match(rf"Usage: .*{name} .*\[OPTIONS\]\n\n", text)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    # Neither types of Python, nor ranges, nor marks of Typer's.
    assert re.findall(r"<\w|\[required|x>=|\[default|\{", text) == []
    assert re.findall(r"\.\.\b|\.:|: *\.|\bNone\b", text) == []
    assert len(sections(text)["Examples"]) == 3


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_an_option_says_in_capitals_what_it_takes_and_a_flag_takes_nothing(here: Run, name: str) -> None:
    panels = sections(shown(here, name, "--help"))
    names = [each for panel in panels.values() for each in panel if each.startswith("--")]
    assert [each for each in names if not re.fullmatch(r"--[a-z0-9-]+(, -\w)?( [A-Z/:]+(=V1,V2|=VALUE)?)?", each)] == []
    assert set(of_options.shown_by(name)) <= {re.split("[, ]", each)[0] for each in names}


@pytest.mark.parametrize("name", ["inspect", "shapes", "verify", "bench", "trace"])
def test_the_help_says_that_a_module_goes_where_a_document_does(here: Run, name: str) -> None:
    said = " ".join(shown(here, name, "--help").split())
    assert "modules, printed or called" in said
    assert "standard input" in said


def test_the_options_of_bench_stand_by_what_they_are_for(here: Run) -> None:
    panels = sections(shown(here, "bench", "--help"))
    assert list(panels) == [
        *("Arguments", "What to time", "How long", "Many machines", "The device", "Output", "Examples")
    ]
    assert {"--set PATH=VALUE", "--sweep PATH=V1,V2"} <= set(panels["What to time"])
    assert "--quick" in panels["How long"]
    assert "--dtype NAME" in panels["The device"]
    assert panels["Output"][-1] == "--help, -h"
    panels = sections(shown(here, "verify", "--help"))
    assert panels["Options"] == ["--against MODULE:CLASS", "--map FILE", "--seed N", "--set PATH=VALUE"]
    assert list(panels) == ["Arguments", "Options", "The device", "Output", "Examples"]


def test_the_commands_stand_by_what_a_person_wants(here: Run) -> None:
    text = shown(here)
    assert text == shown(here, "--help")
    panels = sections(text)
    assert {title: panels[title] for title in cli.PANELS} == {title: [*names] for title, names in cli.PANELS.items()}


def test_choices_and_defaults_are_said(here: Run) -> None:
    text = " ".join(shown(here, "gradflow", "--help").split())
    assert "How to print it: table (default), json, csv, markdown, html." in text
    assert ": last (default), sum." in text
    assert "Default: 0." in text


def test_where_there_is_little_room_a_text_stands_below_its_name() -> None:
    section = Section("Options", [("--set PATH=VALUE", "Replace a value of the document."), ("-x", "Short.")])
    wide = help_text(["Usage"], [[section]], Page(60, False, False))
    assert "\n  --set PATH=VALUE  Replace a value of the document.\n  -x                Short.\n" in wide
    narrow = help_text(["Usage"], [[section]], Page(30, False, False))
    assert "\n  --set PATH=VALUE\n      Replace a value of the\n      document.\n  -x\n      Short.\n" in narrow
    painted = help_text(["Usage"], [[section]], Page(60, True, False))
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == wide != painted


# What is there before the first example of a command; every other command has a document.
BEFORE = {
    "": (),
    "init": (),
    "identify": (),
    "merge": ("init model.yaml", "bench model.yaml --shard 1/1 --output results/"),
    "compare": ("init model.yaml", *(f"bench model.yaml --output {name}.jsonl" for name in ("before", "after"))),
}


# The commands with an example that reads the document at a branch.
OF_BRANCHES = ("check", "diff")


@pytest.mark.torch
@pytest.mark.usefixtures("timing_nothing")
@pytest.mark.parametrize("name", ["", *cli.COMMANDS])
def test_the_examples_run(here: Run, tmp_path: Path, name: str) -> None:
    examples = import_module(f"rnninspect.commands.{name}").EXAMPLES if name else cli.EXAMPLES
    before = [f"rnninspect {line}" for line in BEFORE.get(name, ("init model.yaml",))]
    if name == "identify":
        for file in ("model.pt", "old.pt", "new.onnx"):  # what they are is told by their content
            safetensors(tmp_path / file, torch_layer("encoder", "LSTM", (3, 2)))
    for line in (*before, *examples):
        if name in OF_BRANCHES and line == examples[0]:
            Git(tmp_path).commit("the document")
        tool, *words = shlex.split(line)
        done = here(*words, cwd=tmp_path)
        assert (tool, done.returncode) == ("rnninspect", 0), (line, done.stderr)
        assert line in before or not name or words[0] == name
