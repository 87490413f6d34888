"""A command's record is its command line, and its help loads nothing that the command needs."""

from __future__ import annotations

import inspect
import re
from dataclasses import FrozenInstanceError, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
import typer
from ended import Run
from tools import options as of_options
from typer.models import ParameterInfo

from rnninspect import cli
from rnninspect.commands.shared.signature import formats_by_suffix, record_of, signature_of
from rnninspect.formats import CheckFormat

NOT_GIVEN = inspect.Parameter.empty


def whole(name: str) -> tuple[type, Any]:
    """The record of a command, and what Typer makes of it."""
    run = import_module(f"rnninspect.commands.{name}").run
    return record_of(run), cli._whole(cli._Command(name, help=cli.COMMANDS[name]))


def test_a_file_of_the_folder_is_a_command() -> None:
    folder = Path(cli.__file__).with_name("commands")
    assert sorted(cli.COMMANDS) == sorted(path.stem for path in folder.glob("[!_]*.py"))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_record_of_a_command_is_its_command_line(name: str) -> None:
    record, command = whole(name)
    keywords = signature_of(record).parameters
    shown = {param.name: param for param in command.params}
    assert list(shown) == list(keywords)
    for key, keyword in keywords.items():
        (said,) = [each for each in get_args(keyword.annotation)[1:] if isinstance(each, ParameterInfo)]
        assert said.help == shown[key].help != ""
        assert shown[key].required == (keyword.default is NOT_GIVEN)
    needed = {key: ["x"] for key, keyword in keywords.items() if keyword.default is NOT_GIVEN}
    made = record(**needed)
    assert {key: getattr(made, key) for key in keywords} == {
        key: needed.get(key, keyword.default) for key, keyword in keywords.items()
    }
    with pytest.raises(FrozenInstanceError):
        setattr(made, next(iter(keywords)), None)


@dataclass(frozen=True, kw_only=True)
class Common:
    files: Annotated[list[str], typer.Argument()]
    output: Annotated[str, typer.Option(help="Where.")] = "-"


@dataclass(frozen=True, kw_only=True)
class Own(Common):
    output: Annotated[str, typer.Option(help="A journal.")] = "j"
    first: Annotated[int, typer.Option()] = 1
    last: Annotated[list[str], typer.Option()] = field(default_factory=list)


def test_what_must_be_given_comes_first_then_what_is_added_then_what_is_inherited() -> None:
    keywords = signature_of(Own).parameters
    assert {key: keyword.default for key, keyword in keywords.items()} == {
        "files": NOT_GIVEN,
        "first": 1,
        "last": [],
        "output": "j",
    }
    assert list(keywords) == ["files", "first", "last", "output"]


def test_what_some_commands_lack_and_say_otherwise_is_explained() -> None:
    found = of_options.options()
    assert sorted(of_options.explained(of_options.HOLES)) == sorted(of_options.holes(found))
    assert sorted(of_options.explained(of_options.DIFFERENCES)) == sorted(of_options.differences(found))


def test_an_option_that_a_command_lacks_or_has_with_another_default_is_seen() -> None:
    found = of_options.options()
    holes, differences = of_options.holes(found), of_options.differences(found)
    del found["--seed"]["shapes"]
    found["--dtype"]["fit"] = found["--dtype"]["fit"]._replace(default="float64")
    assert of_options.holes(found) - holes == {("--seed", "shapes")}
    assert of_options.differences(found) - differences == {("--dtype default", "fit")}


# What each command writes to `out.SUFFIX`, by its first characters, where no format is asked for.
BY_SUFFIX = {
    "json": "{\n",
    "csv": "model,",
    "md": "###",
    "html": "<!doctype html>",
    "txt": "doc",
    "JSON": "{\n",
    "htm": "<!doctype html>",
}


@pytest.mark.parametrize("suffix", BY_SUFFIX)
def test_the_name_of_the_output_says_the_format(here: Run, tmp_path: Path, suffix: str) -> None:
    path, output = tmp_path / "doc.yaml", tmp_path / f"out.{suffix}"
    path.write_text("input: {batch_size: 2, seq_len: 3}\nlayers: [{type: LSTM, input_size: 2, hidden_size: 3}]\n")
    assert here("params", "--plan", path, "-o", output).returncode == 0
    assert output.read_text().startswith(BY_SUFFIX[suffix])
    here("params", "--plan", path, "--output", output, "--format", "table")
    assert output.read_text().startswith("doc")
    explained = {"md": "###", "html": "<!doctype html>", "tex": "% ", "txt": "doc", "htm": "<!doctype html>"}
    assert here("explain", path, "-o", output).returncode == (0 if suffix in explained else 2)
    assert output.read_text().startswith(explained.get(suffix, "doc"))


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (("explain",), "x.json"),
        (("params", "--plan"), "x.tex"),
        (("shapes", "--plan"), "x.SARIF"),
        (("shapes", "--plan"), "x.svg"),
        (("explain", "--code"), "x.md"),
    ],
)
def test_a_name_that_says_another_thing_than_is_written_is_refused(
    here: Run, asked: tuple[str, ...], name: str
) -> None:
    done = here(*asked, "LSTM(2, 3)", "-o", name)
    assert (done.returncode, done.stdout, Path(name).exists()) == (2, "", False)


def test_a_journal_says_nothing_of_the_format() -> None:
    assert formats_by_suffix(whole("bench")[0]) == formats_by_suffix(whole("schema")[0]) == {}
    assert formats_by_suffix(whole("check")[0])[".json"] is CheckFormat.JSON


@pytest.mark.parametrize("command", ["inspect", "explain", "check", "compare", "schema", "bench"])
def test_help_tells_of_no_end_of_a_name_but_those_that_say_a_format(here: Run, command: str) -> None:
    told = here(command, "--help").stdout.partition("--output, -o FILE")[2].partition("--help")[0]
    assert re.findall(r"\.(?:json|csv|md|html|tex|xml|sarif)\b", told) == list(formats_by_suffix(whole(command)[0]))


LOADED = """
import contextlib, io, sys
from rnninspect.cli import app
for name in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        app([*name.split(), "--help"])
print(*sorted({".".join(name.split(".")[1:]) for name in sys.modules if name.startswith("rnninspect.")}))
"""


def test_help_loads_nothing_that_a_command_needs(program: Run) -> None:
    done = program(LOADED, args=("", *cli.COMMANDS))
    loaded = set(done.stdout.split())
    light = {"cli", "disk", "ending", "errors", "formats", "output", "runtime", "stop"}
    light |= {"runtime.control_groups", "runtime.here", "runtime.memory", "commands", "commands.shared"}
    light |= {"formats.page"}
    shared = (
        "bench_options",
        "check_options",
        "checkpoints",
        "completion",
        "help",
        "messages",
        "options",
        "signature",
        "starters",
        "typer_output",
        "values",
    )
    light |= {f"commands.shared.{name}" for name in shared}
    assert loaded == light | {f"commands.{name}" for name in cli.COMMANDS}


def test_help_of_all_loads_no_command(program: Run) -> None:
    done = program(LOADED, args=("",))
    assert [name for name in done.stdout.split() if name.split(".")[-1] in cli.COMMANDS] == []
