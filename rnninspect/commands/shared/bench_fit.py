"""What `bench --fit-batch` does in place of timing: the largest batch of every point, printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from rnninspect.bench import entry
from rnninspect.bench.jobs import VariantRun
from rnninspect.bench.largest import FittedBatch, check_grows, fit_batch
from rnninspect.bench.points import Point
from rnninspect.bench.records import TimingRequest, point_text, variant_text
from rnninspect.bench.seats import several_devices
from rnninspect.commands.shared.bench_options import BenchOptions
from rnninspect.commands.shared.messages import could_print, say
from rnninspect.commands.shared.rendering import print_page
from rnninspect.errors import CannotHere, OptionError, printable
from rnninspect.results.caption import caption, each_once
from rnninspect.results.largest_batch import largest_document, largest_table, sentence
from rnninspect.runtime.here import need_torch_found
from rnninspect.stop import INTERRUPTS, Interrupt, exit_code, words

_BATCH = "input.batch_size"
# Options of what is timed, or kept.
_OF_TIMING = (
    *("layers", "budget", "quick", "interleave", "shard", "only_missing", "control", "script", "warm_l2", "nvtx"),
    *("peak_tflops", "bandwidth", "strict", "all", "table", "resume", "plot", "output"),
)


def check_fit(options: BenchOptions) -> None:
    """Raise OptionError for what does not go with `--fit-batch`."""
    given = [name for name in _OF_TIMING if getattr(options, name) not in (None, False)]
    given += ["processes"] * (options.processes > 1)
    if given:
        raise OptionError(f"--{given[0].replace('_', '-')}: --fit-batch times nothing (leave one of the two out)")
    if len(options.phase) > 1:
        raise OptionError("--fit-batch: a batch is tried with one phase (give one, or none for step)")
    if several_devices(options.device) is not None:
        raise OptionError(f"--device {printable(str(options.device))}: --fit-batch is for one device (name one)")


def fit_batches(options: BenchOptions, request: TimingRequest, points: Sequence[Point]) -> int:
    """Print the largest batch of every variant of every point; returns the exit code."""
    request = request._replace(phases=tuple(options.phase) or ("step",))
    runs = [run for point in points for run in point.variants]
    for run in runs:
        if _BATCH in {**run.settings, **run.variant}:
            raise OptionError(f"--fit-batch: {_BATCH} is what it finds, and it is swept (leave one of the two out)")
        if run.setting.backend != "eager":
            raise OptionError(f"--fit-batch with backend={run.setting.backend}: batches are tried eagerly alone")
        check_grows(run.spec)
    need_torch_found()
    fitted: list[FittedBatch] = []
    try:
        for run in runs:
            fitted.append(fit_batch(entry.trial, run, request, progress=_telling(run)))
            if fitted[-1].found.fits is None:
                say(f"error: {_named(run)}: {sentence(fitted[-1])}")
    except INTERRUPTS as stop:
        return _stop(options, fitted, len(runs), stop)
    _print(options, fitted)
    return 0 if all(each.found.fits for each in fitted) else CannotHere.exit_code


def _stop(options: BenchOptions, fitted: Sequence[FittedBatch], total: int, stop: Interrupt) -> int:
    """Print what was found, of `total`, before the run was ended; returns the exit code."""
    printed = ", and are printed" if fitted and could_print(lambda: _print(options, fitted)) else ""
    say(f"{words(stop)}: {len(fitted)} of {total} were found{printed}")
    return exit_code(stop)


def _print(options: BenchOptions, fitted: Sequence[FittedBatch]) -> None:
    print_page(
        options.format, [largest_table(fitted)], lambda: largest_document(fitted), _caption(fitted, options.seed), None
    )


def _telling(run: VariantRun) -> Callable[[int], None]:
    """Says which batch is tried now, where somebody waits for it."""

    def tell(batch: int) -> None:
        if sys.stderr is not None and sys.stderr.isatty():
            say(f"{_named(run)}: trying batch {batch:,}")

    return tell


def _named(run: VariantRun) -> str:
    return variant_text(run.spec.name, point_text(run.case, run.settings), run.variant)


def _caption(fitted: Sequence[FittedBatch], seed: int) -> str:
    taken = [each.taken for each in fitted if each.taken]
    places = (
        [f"torch {taken[0].torch}", each_once(f"{one.device} ({one.device_name})" for one in taken)] if taken else []
    )
    return caption(*places, each_once(each.spec.dtype for each in fitted), f"seed {seed}")
