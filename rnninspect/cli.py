"""The command line: one Typer command for each file in `commands`, and the one place that ends the process."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from rnninspect import __version__
from rnninspect.commands import options
from rnninspect.commands.say import complain, say
from rnninspect.errors import RnnInspectError
from rnninspect.formats import Format

# EX_SOFTWARE of sysexits.h: a fault of ours.
_FAULT = 70
_INTERRUPTED = 130

app = typer.Typer(
    name="rnninspect",
    help="Everything about a recurrent network before you train it.\n\n"
    "A YAML document describes a model; every number is worked out from the layers' equations and, unless --plan "
    "is given, proven on the real torch modules.\n\n"
    "Exit codes: 0 fine, 1 plan and torch differ, 2 asked wrongly, 3 cannot be done here.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    finally:
        # why: at exit Python collects garbage several times over all that is alive; frozen, it costs nothing. This
        # is a tenth of the time of a command that does not need torch.
        gc.freeze()


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"rnninspect {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def shapes(
    files: options.Files,
    plan: options.Plan = False,
    device: options.Device = None,
    dtype: options.Dtype = None,
    seed: options.Seed = 0,
    settings: options.Settings = None,
    format: options.FormatOption = Format.TABLE,
    output: options.Output = None,
) -> None:
    """Inputs, states and outputs of every layer: axes in letters beside sizes."""
    from rnninspect.commands.shapes import shapes as run

    asked = options.Look(files, settings or [], plan, device, dtype, seed, format, output)
    _end(lambda: run(asked))


@app.command()
def weights(
    files: options.Files,
    gates: Annotated[bool, typer.Option("--gates", help="Show the gate blocks of each weight.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Show what the first values are.")] = False,
    plan: options.Plan = False,
    device: options.Device = None,
    dtype: options.Dtype = None,
    seed: options.Seed = 0,
    settings: options.Settings = None,
    format: options.FormatOption = Format.TABLE,
    output: options.Output = None,
) -> None:
    """Every W_ih, W_hh, W_hr, b_ih, b_hh: shapes, counts, init laws; by layer, direction and gate."""
    from rnninspect.commands.weights import weights as run

    asked = options.Look(files, settings or [], plan, device, dtype, seed, format, output)
    _end(lambda: run(asked, gates=gates, stats=stats))


@app.command()
def params(
    files: options.Files,
    plan: options.Plan = False,
    device: options.Device = None,
    dtype: options.Dtype = None,
    seed: options.Seed = 0,
    settings: options.Settings = None,
    format: options.FormatOption = Format.TABLE,
    output: options.Output = None,
) -> None:
    """Parameters, bytes and operations of every layer and of the whole model."""
    from rnninspect.commands.params import params as run

    asked = options.Look(files, settings or [], plan, device, dtype, seed, format, output)
    _end(lambda: run(asked))


@app.command()
def inspect(
    files: options.Files,
    plan: options.Plan = False,
    device: options.Device = None,
    dtype: options.Dtype = None,
    seed: options.Seed = 0,
    settings: options.Settings = None,
    format: options.FormatOption = Format.TABLE,
    output: options.Output = None,
) -> None:
    """All of it on one page."""
    from rnninspect.commands.inspect import inspect as run

    asked = options.Look(files, settings or [], plan, device, dtype, seed, format, output)
    _end(lambda: run(asked))


def _end(command: Callable[[], int]) -> NoReturn:
    """Run a command and end with its exit code; whatever it raises becomes one line and the right code."""
    try:
        code = command()
    except RnnInspectError as error:
        code = complain(error)
    except KeyboardInterrupt:
        say("interrupted")
        code = _INTERRUPTED
    except Exception as error:  # why so broad: the last place where a fault of ours can become one line
        if os.environ.get("RNNINSPECT_TRACEBACK"):
            traceback.print_exc()
        say(
            f"rnninspect {__version__} has a fault: {type(error).__name__}: {' '.join(str(error).split())} "
            "(set RNNINSPECT_TRACEBACK=1 to see where, and report it with the document)"
        )
        code = _FAULT
    raise typer.Exit(code)
