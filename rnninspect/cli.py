"""The command line: a list of commands, and what runs them. Their options are in `commands`, a file for each."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from inspect import Parameter
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from rnninspect import __version__
from rnninspect.commands import TYPED
from rnninspect.commands.shared.checkpoints import files_in, is_checkpoint
from rnninspect.commands.shared.messages import complain
from rnninspect.commands.shared.signature import format_of, record_of, signature_of
from rnninspect.commands.shared.typer_output import captured
from rnninspect.commands.shared.values import a_key_as_option, misused, refused
from rnninspect.disk import documents_in
from rnninspect.ending import blame, end, faults_as_exit_codes
from rnninspect.errors import OptionError, nearest, printable
from rnninspect.output import write_text
from rnninspect.runtime.here import need_memory
from rnninspect.stop import INTERRUPTS, answered, exit_code

# In the order of the help, by what a person wants; `commands/NAME.py` has `run(options)` and EXAMPLES.
PANELS = {
    "Look into a model": {
        "inspect": "A row for each layer, and what all of it takes; --all is everything.",
        "identify": "The recurrent layers that a checkpoint holds; it needs no torch.",
        "shapes": "Inputs, states and outputs of every layer, letters beside sizes.",
        "explain": "The document as Python, its equations with sizes, and a picture.",
        "weights": "Every weight and bias: its shape, its first values, its gates.",
        "params": "Parameters, operations and memory, by layer and in all.",
        "trace": "What torch hides: every gate and state at every step.",
        "gradflow": "Vanishing and exploding gradients: how far back they reach.",
        "verify": "Torch's outputs, states and every gradient against the equations.",
    },
    "Write a document": {
        "init": "Write a commented document to start from; it replaces no file.",
        "cells": "The library of published cells, MGU to sLSTM, and the text of each.",
        "schema": "The JSON Schema of documents, and of each command's JSON.",
    },
    "Guard models in CI": {
        "check": "Hold models against their budgets and against rnninspect.lock.",
        "diff": "Two models side by side, layer by layer.",
        "fit": "The largest size with which a model keeps within a budget.",
    },
    "Time a model": {
        "bench": "Time forward and backward passes, and say what bounds them.",
        "merge": "How far a benchmark in shares is, and all of it as one file.",
        "compare": "Two benchmarks side by side; what became slower is exit code 1.",
    },
}
EXAMPLES = ("rnninspect init model.yaml", "rnninspect model.yaml", "rnninspect explain model.yaml")
# The options whose value may be a file that is there, and none to look into.
_TAKE_A_FILE = {"--output", "-o", "--document", "--format"}
COMMANDS = {name: text for commands in PANELS.values() for name, text in commands.items()}


class _Readable:
    """What a command of Typer's says of itself, for people."""

    def collect_usage_pieces(self: Any, ctx: Any) -> list[str]:
        """CONFIG... [OPTIONS]."""
        return [*(each.display_name_raw for each in self.params if isinstance(each, TyperArgument)), "[OPTIONS]"]

    def get_help(self: Any, ctx: Any) -> str:
        """End with the help on stdout."""
        from rnninspect.commands.shared.help import print_help

        end(partial(print_help, self, ctx))


class _Whole(_Readable, TyperCommand):
    """A command with its options."""


class _Command(TyperCommand):
    """A command by its name and help alone; its module is imported when it is called, or asked for its options."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        # why here too: where memory is short, an import raises anything.
        with faults_as_exit_codes():
            need_memory()
            command = _whole(self)
        words = list(args)  # why a copy: what has been taken is dropped from them
        TYPED.set((str(self.name), *words))
        try:
            return command.make_context(info_name, args, parent, **extra)
        except typer.TyperException as error:
            complaint = (
                refused(error) or a_key_as_option(error, words) or misused(error, str(self.name), words, _having)
            )
            end(partial(complain, complaint))


class _Commands(_Readable, TyperGroup):
    """All commands."""

    def __init__(self, **attributes: Any) -> None:
        commands = {
            name: _Command(name, help=text, rich_help_panel=panel)
            for panel, texts in PANELS.items()
            for name, text in texts.items()
        }
        super().__init__(**{**attributes, "commands": commands})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if args and args[0] not in own | COMMANDS.keys():
            args = [_looked_at_with(args), *args]
            named = args[1].startswith("-") or "/" in args[1] or os.path.lexists(args[1]) or args[0] == "identify"
            if not named and not _is_call(args[1]):
                end(partial(complain, _neither(args[1])))
            if args[2:] and args[2] in COMMANDS and not os.path.lexists(args[2]):
                what = f"{args[2]}: no such file (a command comes first: rnninspect {args[2]} CONFIG...)"
                end(partial(complain, OptionError(what)))
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What follows the name."""
        return ["COMMAND [OPTIONS]"]


def _looked_at_with(words: Sequence[str]) -> str:
    """The command for words without one: `identify` where all files among them are checkpoints, else `inspect`."""
    named = [word for before, word in pairwise(["", *words]) if before not in _TAKE_A_FILE and not word.startswith("-")]
    files = [word for word in named if os.path.lexists(word) or is_checkpoint(word)]
    return "identify" if files and all(map(is_checkpoint, files)) else "inspect"


def _is_call(word: str) -> bool:
    """Whether a word is a printed module, `LSTM(300, 50)`."""
    from rnninspect.document.beginning import is_printed  # why here: the help needs nothing of documents

    return is_printed(word)


def _neither(name: str) -> OptionError:
    """What is said of a first word that names no command and no file."""
    near = nearest(name, [*COMMANDS, *documents_in("."), *files_in(".")])
    hint = f"did you mean {printable(near)}?" if near else "rnninspect --help lists the commands"
    return OptionError(f"{printable(name)}: neither a command nor a file here ({hint})")


def _having(option: str) -> list[str]:
    return [name for name in COMMANDS if option in {opt for each in _whole(_Command(name)).params for opt in each.opts}]


def _whole(command: _Command) -> Any:
    """A command with its options, as Typer makes it of a function."""
    module = import_module(f"rnninspect.commands.{command.name}")
    run, record = module.run, record_of(module.run)

    def function(context: typer.Context, **values: Any) -> None:
        asked = context.get_parameter_source("format")
        by_name = asked is not None and asked.name == "DEFAULT"
        end(lambda: run(record(**(_told_by_name(record, values) if by_name else values))))

    signature = signature_of(record)
    parameters = [
        Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *signature.parameters.values(),
    ]
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    alone = typer.Typer(add_completion=False)
    alone.command(command.name, cls=_Whole, help=command.help, epilog="\n".join(module.EXAMPLES))(function)
    return typer.main.get_command(alone)


def _told_by_name(record: type, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a command is given, its format that which the name of --output says."""
    output = values["output"]
    # why: a script is in no format; what else it may not be is said where it is written.
    is_script = output is not None and output.suffix == ".py" and values.get("code", False)
    if output is None or is_script:
        return values
    return {**values, "format": format_of(record, output) or values["format"]}


app = typer.Typer(
    name="rnninspect",
    cls=_Commands,
    help="Everything about a recurrent network before you train it.\n\n"
    "A YAML document describes a model; every number is worked out from the layers' equations and, unless --plan "
    "is given, proven on the real torch modules.\n\n"
    "rnninspect CONFIG... is rnninspect inspect CONFIG..., and of checkpoints rnninspect FILE... is rnninspect "
    "identify FILE...; rnninspect COMMAND --help says what a command can do.\n\n"
    "Exit codes: 0 fine, 1 a check failed or torch or a file differs from the plan, 2 asked wrongly, 3 cannot be done "
    "here, 70 a fault of rnninspect's own, 130 interrupted, 143 and 129 ended by SIGTERM and SIGHUP.",
    epilog="\n".join(EXAMPLES),
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
)


def _print_version() -> int:
    write_text(f"rnninspect {__version__}\n", None)
    return 0


def _version(given: bool) -> None:
    if given:
        end(_print_version)


@app.callback(invoke_without_command=True)
def _common(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        context.get_help()


def main() -> None:
    """Entry point of the console script."""
    # why: what a document becomes is alive to the end, and looking through it over and over for garbage made the cost
    # of a layer grow by a third from 200 layers to 2,000.
    gc.set_threshold(100_000)
    # why: without numpy torch 2.13 warns when it is imported; it is handed no arrays.
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
    try:
        with answered(), captured() as ending:
            app()
        sys.exit(ending.code)
    except INTERRUPTS as stop:
        sys.exit(exit_code(stop))
    except Exception as error:  # why here too: where memory is short, Typer's own code raises anything
        sys.exit(blame(error))
    finally:
        # why: at exit Python collects garbage several times over all that is alive; frozen, it costs nothing. This
        # is a tenth of the time of a command that does not need torch.
        gc.freeze()
