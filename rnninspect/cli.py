"""The command line: one Typer command for each file in `commands`, and the one place that ends the process."""

from __future__ import annotations

import gc
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from rnninspect import __version__
from rnninspect.commands.shared import completion, options
from rnninspect.commands.shared.say import complain, say
from rnninspect.commands.shared.typer_output import free, kept
from rnninspect.commands.shared.values import refused
from rnninspect.errors import NotEnoughMemory, RnnInspectError, printable
from rnninspect.formats import CheckFormat, CompareFormat, ExplainFormat, Format
from rnninspect.output import write_text
from rnninspect.runtime.here import short_of_memory
from rnninspect.stop import INTERRUPTS, Stopped, answered, exit_code, words

# EX_SOFTWARE of sysexits.h: a fault of ours.
_FAULT = 70


class _Commands(TyperGroup):
    """The commands; what is wrong with a value is said as everything else is."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            found = refused(error)
            if found is None:
                raise
            _end(partial(complain, found))


app = typer.Typer(
    name="rnninspect",
    cls=_Commands,
    help="Everything about a recurrent network before you train it.\n\n"
    "A YAML document describes a model; every number is worked out from the layers' equations and, unless --plan "
    "is given, proven on the real torch modules.\n\n"
    "Exit codes: 0 fine, 1 a check failed or plan and torch differ, 2 asked wrongly, 3 cannot be done here, "
    "70 a fault of rnninspect's own, 130 interrupted, 143 and 129 ended by SIGTERM and SIGHUP.",
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point of the console script."""
    # why: what a document becomes is alive to the end, and looking through it over and over for garbage made the cost
    # of a layer grow by a third from 200 layers to 2,000.
    gc.set_threshold(100_000)
    # why: without numpy torch 2.13 warns when it is imported; it is handed no arrays.
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
    try:
        with answered(), kept() as ended:
            app()
        sys.exit(ended.code)
    except INTERRUPTS as stop:
        sys.exit(exit_code(stop))
    finally:
        # why: at exit Python collects garbage several times over all that is alive; frozen, it costs nothing. This
        # is a tenth of the time of a command that does not need torch.
        gc.freeze()


def _print_version() -> int:
    write_text(f"rnninspect {__version__}\n", None)
    return 0


def _version(asked: bool) -> None:
    if asked:
        _end(_print_version)


@app.callback(invoke_without_command=True)
def _common(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        # Typer prints its help itself where it has rich, and only hands it out where it has not.
        text = context.get_help()
        if text:
            typer.echo(text)
        raise typer.Exit


def _counting_command(name: str, help: str) -> None:
    """Register a look command that counts the backward pass."""

    def command(
        files: options.Files,
        plan: options.Plan = False,
        device: options.Device = None,
        dtype: options.Dtype = None,
        seed: options.Seed = 0,
        input_grad: options.InputGrad = False,
        settings: options.Settings = None,
        format: options.FormatOption = Format.TABLE,
        output: options.Output = None,
    ) -> None:
        _look(name, options.Look(files, settings or [], plan, device, dtype, seed, format, output, input_grad))

    app.command(name, help=help)(command)


def _look_command(name: str, help: str) -> None:
    """Register a command that takes documents and the common options; `commands/NAME.py` has it."""

    def command(
        files: options.Files,
        plan: options.Plan = False,
        device: options.Device = None,
        dtype: options.Dtype = None,
        seed: options.Seed = 0,
        settings: options.Settings = None,
        format: options.FormatOption = Format.TABLE,
        output: options.Output = None,
    ) -> None:
        _look(name, options.Look(files, settings or [], plan, device, dtype, seed, format, output))

    app.command(name, help=help)(command)


def _look(name: str, asked: options.Look) -> None:
    """Run the look command that `commands/NAME.py` has, which is imported only now, and end the process."""

    def run() -> int:
        command: Callable[[options.Look], int] = getattr(import_module(f"rnninspect.commands.{name}"), name)
        return command(asked)

    _end(run)


_look_command("shapes", "Inputs, states and outputs of every layer: axes in letters beside sizes.")


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

    def run() -> int:
        from rnninspect.commands.weights import weights

        asked = options.Look(files, settings or [], plan, device, dtype, seed, format, output)
        return weights(asked, gates=gates, stats=stats)

    _end(run)


_counting_command("params", "Parameters, operations and memory of every layer and of the whole model.")
_counting_command("inspect", "All of it on one page.")


@app.command()
def verify(
    files: options.Files,
    device: options.Device = None,
    dtype: options.Dtype = None,
    seed: options.Seed = 0,
    settings: options.Settings = None,
    format: options.FormatOption = Format.TABLE,
    output: options.Output = None,
) -> None:
    """What torch computes against the equations in float64: outputs, states and every gradient."""

    def run() -> int:
        from rnninspect.commands.verify import verify

        return verify(options.Look(files, settings or [], False, device, dtype, seed, format, output))

    _end(run)


@app.command()
def trace(
    files: options.Files,
    layer: options.LayerName = None,
    step: Annotated[int | None, typer.Option(min=0, metavar="T", help="The values of one step, 0 to L-1.")] = None,
    unit: Annotated[int | None, typer.Option(min=0, metavar="J", help="The values of one unit.")] = None,
    sequence: Annotated[int, typer.Option(min=0, metavar="N", help="Whose values --step and --unit show.")] = 0,
    input: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="Feed the model with a .npy or .csv, not at random."),
    ] = None,
    plot: options.Plot = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    seed: options.Seed = 0,
    settings: options.Settings = None,
    format: options.FormatOption = Format.TABLE,
    output: options.Output = None,
) -> None:
    """What torch hides: every gate and state at every step."""

    def run() -> int:
        from rnninspect.commands.trace import Asked, trace

        look = options.Look(files, settings or [], False, device, dtype, seed, format, output)
        return trace(look, Asked(layer, step, unit, sequence, input, plot))

    _end(run)


@app.command()
def gradflow(
    files: options.Files,
    target: Annotated[options.Target, typer.Option(help="Which steps the loss reads.")] = options.Target.LAST,
    step: Annotated[int | None, typer.Option(min=0, metavar="T", help="Read step T in place of the last.")] = None,
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose output; without it the last recurrent layer's.")
    ] = None,
    plot: options.Plot = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    seed: options.Seed = 0,
    settings: options.Settings = None,
    format: options.FormatOption = Format.TABLE,
    output: options.Output = None,
) -> None:
    """How strongly the output depends on each earlier step: vanishing and exploding gradients."""

    def run() -> int:
        from rnninspect.commands.gradflow import Asked, gradflow

        look = options.Look(files, settings or [], False, device, dtype, seed, format, output)
        return gradflow(look, Asked(target.value, step, layer, plot))

    _end(run)


@app.command()
def bench(
    files: options.Files,
    sweep: Annotated[
        list[str] | None, typer.Option(metavar="PATH=V1,V2", help="Every value in turn; range(a,b,step) works too.")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=V1,V2", help="Timed in turns and compared: dtype, threads, backend, or a path."),
    ] = None,
    phase: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="forward, forward+grad, backward or step; without it all.")
    ] = None,
    budget: Annotated[str | None, typer.Option(metavar="TIME", help="For each phase: 3s, 500ms.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="--budget 1s.")] = False,
    precision: Annotated[str, typer.Option(metavar="PERCENT", help="Stop when the interval is this narrow.")] = "5%",
    processes: Annotated[int, typer.Option(min=1, max=100, help="Measure in so many; 3 for a figure to quote.")] = 1,
    interleave: Annotated[bool, typer.Option("--interleave", help="Time all points in turns.")] = False,
    layers: Annotated[bool, typer.Option("--layers", help="Time every layer by itself too.")] = False,
    input_grad: options.InputGrad = False,
    warm_l2: Annotated[bool, typer.Option("--warm-l2", help="CUDA: do not flush L2 between samples.")] = False,
    fp32_precision: Annotated[
        options.Precision | None, typer.Option(help="CUDA: how recurrent layers multiply float32.")
    ] = None,
    peak_tflops: Annotated[float | None, typer.Option(metavar="N", help="Of the device, for the bound.")] = None,
    bandwidth: Annotated[float | None, typer.Option(metavar="GB/S", help="Of the device, for the bound.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 3 where a figure is not steady or sure.")] = False,
    table: Annotated[
        options.BenchTable | None, typer.Option(help="Show this table alone; without it csv has the results.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the journal of --output.")] = False,
    time_limit: Annotated[
        float | None,
        typer.Option(min=1, metavar="SECONDS", help="Give a point up that takes longer, once torch is loaded."),
    ] = None,
    plot: options.Plot = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    seed: options.Seed = 0,
    settings: options.Settings = None,
    format: options.FormatOption = Format.TABLE,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", readable=False, help="A journal: a line for every finished point."
        ),
    ] = None,
) -> None:
    """Forward and backward, timed so that the figure can be believed, beside what bounds it."""

    def run() -> int:
        from rnninspect.commands.bench import Asked, bench

        look = options.Look(files, settings or [], False, device, dtype, seed, format, output)
        asked = Asked(
            sweep or [],
            vary or [],
            phase or [],
            budget,
            quick,
            precision,
            processes,
            interleave,
            layers,
            input_grad,
            warm_l2,
            fp32_precision and fp32_precision.value,
            peak_tflops,
            bandwidth,
            strict,
            table,
            resume,
            time_limit,
            plot,
        )
        return bench(look, asked)

    _end(run)


@app.command()
def check(
    files: options.Files,
    lock: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="The lock; without it ./rnninspect.lock where there is one."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Accept the models as they are: bring the lock up to date.")
    ] = False,
    max_params: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Of every model, such as 20M; wins over the documents'.")
    ] = None,
    max_growth: Annotated[
        str | None,
        typer.Option(
            metavar="LIMITS",
            help="Hold models not to the lock but to growing so far over it: 5%, or params=5%,macs=100k.",
            autocompletion=completion.growths,
        ),
    ] = None,
    build: Annotated[bool, typer.Option("--build", help="Prove the models on the real torch modules too.")] = False,
    device: options.Device = None,
    settings: options.Settings = None,
    format: Annotated[CheckFormat, typer.Option("--format", help="How to print it.")] = CheckFormat.TABLE,
    output: options.Output = None,
) -> None:
    """Hold models against their budget: block and against rnninspect.lock; for CI and pre-commit."""

    def run() -> int:
        from rnninspect.commands.check import Check, check

        asked = Check(files, settings or [], lock, update, max_params, max_growth, build, device, format, output)
        return check(asked)

    _end(run)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A YAML document; - is standard input.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another.")],
    settings: options.Settings = None,
    format: options.FormatOption = Format.TABLE,
    output: options.Output = None,
) -> None:
    """Two models side by side by layer name; --set changes NEW, which may be OLD again."""

    def run() -> int:
        from rnninspect.commands.diff import Diff, diff

        return diff(Diff(old, new, settings or [], format, output))

    _end(run)


@app.command()
def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", readable=False, help="What `bench --output` wrote.")],
    new: Annotated[
        Path, typer.Argument(metavar="NEW", readable=False, help="Another, of the same models and settings.")
    ],
    fail_above: Annotated[
        str, typer.Option(metavar="PERCENT", help="How much slower is still fine; beyond the noise too.")
    ] = "5%",
    table: Annotated[
        options.CompareTable | None, typer.Option(help="Show this table alone; without it csv has what was compared.")
    ] = None,
    format: Annotated[CompareFormat, typer.Option("--format", help="How to print it.")] = CompareFormat.TABLE,
    output: options.Output = None,
) -> None:
    """Two benchmarks side by side: FASTER, SLOWER, SAME or UNCLEAR; ends with 1 for what became slower."""

    def run() -> int:
        from rnninspect.commands.compare import Compare, compare

        return compare(Compare(old, new, fail_above, table, format, output))

    _end(run)


@app.command()
def explain(
    files: options.Files,
    layer: options.LayerName = None,
    settings: options.Settings = None,
    format: Annotated[ExplainFormat, typer.Option("--format", help="How to print it.")] = ExplainFormat.TABLE,
    output: options.Output = None,
) -> None:
    """The equations with this document's sizes, every symbol, a picture of the data flow, what each option does."""

    def run() -> int:
        from rnninspect.commands.explain import Explain, explain

        return explain(Explain(files, layer, settings or [], format, output))

    _end(run)


@app.command()
def init(
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE", readable=False, help="A new file, such as model.yaml; - is standard output."),
    ],
    starter: Annotated[options.Starter, typer.Option("--from", help="What to start from.")] = options.Starter.LSTM,
) -> None:
    """Write a commented document to start from; a file that is there already is left alone."""

    def run() -> int:
        from rnninspect.commands.init import init

        return init(starter, path)

    _end(run)


@app.command()
def schema(output: options.Output = None) -> None:
    """The JSON Schema of documents: completion and checks in an editor."""

    def run() -> int:
        from rnninspect.commands.schema import schema

        return schema(output)

    _end(run)


def _end(command: Callable[[], int]) -> NoReturn:
    """Run a command and end with its exit code; whatever it raises becomes one line and the right code."""
    free()
    try:
        code = command()
    except RnnInspectError as error:
        code = complain(error)
    except INTERRUPTS as stop:
        # why not of the others: whoever sends SIGTERM knows.
        if not isinstance(stop, Stopped):
            say(words(stop))
        code = exit_code(stop)
    except Exception as error:  # why so broad: the last place where a fault of ours can become one line
        if os.environ.get("RNNINSPECT_TRACEBACK"):
            traceback.print_exc()
        code = _blamed(error)
    raise typer.Exit(code)


def _blamed(error: Exception) -> int:
    """Say whose fault it is: the machine's, where its memory ran out, or ours."""
    if short_of_memory(error):
        return complain(NotEnoughMemory("memory ran out (a smaller model, fewer other programs, or more ulimit -v)"))
    say(
        f"rnninspect {__version__} has a fault: {type(error).__name__}: {printable(str(error))} "
        "(set RNNINSPECT_TRACEBACK=1 to see where, and report it with the document)"
    )
    return _FAULT
