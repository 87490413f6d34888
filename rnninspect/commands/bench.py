"""`rnninspect bench`: forward and backward, timed so that the figure can be believed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rnninspect.bench.entry import work
from rnninspect.bench.history import recall
from rnninspect.bench.jobs import Job
from rnninspect.bench.journal import Journal, Key, head_of, key_of, resume, start
from rnninspect.bench.points import Point, Vary, load_points, parse_budget, parse_precision, parse_varies
from rnninspect.bench.records import PHASES, Environment, Outcome, Wanted, told
from rnninspect.bench.results import pool, swept_number
from rnninspect.bench.schedule import digest, jobs_of, number_of_outcomes, remaining, run_all
from rnninspect.commands.shared.files import refuse_to_replace
from rnninspect.commands.shared.options import BenchTable, Look
from rnninspect.commands.shared.plots import check_plot, save_plot
from rnninspect.commands.shared.render import alone, only_table, render
from rnninspect.commands.shared.say import complain, say
from rnninspect.errors import CannotHere, NoSuchDevice, NoTorch, OptionError, OutputFailed, RnnInspectError, printable
from rnninspect.output import write_text
from rnninspect.results.bench import bench_blocks, bench_charts, bench_document, bench_tables
from rnninspect.runtime.here import need_folder
from rnninspect.stop import INTERRUPTS, Interrupt, exit_code, words

_QUICK = 1.0
# Goes up when figures come about in another way, so that no journal holds figures of two.
_METHOD = 2


class Asked(NamedTuple):
    """What `bench` was asked for besides the common options; texts are as given."""

    sweeps: list[str]
    varies: list[str]
    phases: list[str]
    budget: str | None
    quick: bool
    precision: str
    processes: int
    interleave: bool
    each_layer: bool
    input_grad: bool
    warm_l2: bool
    fp32_precision: str | None
    peak_tflops: float | None
    bandwidth: float | None
    strict: bool
    table: BenchTable | None
    resume: bool
    time_limit: float | None
    plot: Path | None


def bench(look: Look, asked: Asked) -> int:
    """Time every point and print what was found; returns the exit code."""
    need_folder()
    wanted = _wanted(look, asked)
    varies, notes = parse_varies(asked.varies)
    if asked.resume and look.output is None:
        raise OptionError("--resume goes on with a journal, so it needs --output FILE")
    check_plot(asked.plot, look)
    only = only_table(asked.table, look.format, BenchTable.RESULTS)
    jobs, code = _jobs(look, asked, wanted, varies)
    if code:
        return code
    if asked.plot is not None:
        _check_axis(asked.plot, jobs)
    for note in notes:
        _note(note)
    # why by key: what failed before, and is measured again, is there once.
    found: dict[Key, Outcome] = {}
    page = partial(_page, look, only)
    try:
        with _journal(look, asked, jobs) as (journal, earlier):
            left = remaining(jobs, earlier)
            found |= {key_of(outcome): outcome for outcome in earlier}
            if left and (fault := recall().fault):
                _note(f"{fault}, so earlier runs say nothing of how fast this CPU is (delete it)")
            with _progress(left) as progress:
                for outcome in run_all(work, left, time_limit=asked.time_limit, progress=progress, note=_note):
                    found[key_of(outcome)] = outcome
                    if journal is not None:
                        journal.append(outcome)
                    if outcome.status != "ok":
                        say(f"error: {_named(outcome)}: {outcome.status}: {printable(outcome.reason)}")
        text = page(list(found.values()), partial=False)
    except (*INTERRUPTS, NoTorch) as stop:
        total = number_of_outcomes(jobs, found.values())
        return _stopped(asked, list(found.values()), total, page, stop)
    return _finish(asked, list(found.values()), text)


def _note(text: str) -> None:
    say(f"note: {text}")


def _wanted(look: Look, asked: Asked) -> Wanted:
    if asked.quick and asked.budget is not None:
        raise OptionError("--quick is --budget 1s (leave one of the two out)")
    budget = _QUICK if asked.quick else 3.0 if asked.budget is None else parse_budget(asked.budget)
    unknown = [phase for phase in asked.phases if phase not in PHASES]
    if unknown:
        raise OptionError(f"--phase {printable(unknown[0])}: expected {', '.join(PHASES[:-1])} or {PHASES[-1]}")
    for name, value in (("--peak-tflops", asked.peak_tflops), ("--bandwidth", asked.bandwidth)):
        if value is not None and not 0 < value < float("inf"):
            raise OptionError(f"{name} {value:g}: expected a number > 0")
    return Wanted(
        phases=tuple(phase for phase in PHASES if phase in asked.phases or not asked.phases),
        budget=budget,
        precision=parse_precision(asked.precision),
        seed=look.seed,
        input_grad=asked.input_grad,
        warm_l2=asked.warm_l2,
        each_layer=asked.each_layer,
        fp32_precision=asked.fp32_precision,
        peak_flops=None if asked.peak_tflops is None else asked.peak_tflops * 1e12,
        bandwidth=None if asked.bandwidth is None else asked.bandwidth * 1e9,
    )


def _jobs(look: Look, asked: Asked, wanted: Wanted, varies: Sequence[Vary]) -> tuple[list[Job], int]:
    """Every job of every process, and the exit code of documents that are not sound."""
    points: list[Point] = []
    code = 0
    for file in look.files:
        refuse_to_replace(file, look.output)
        try:
            loaded = load_points(file, look.settings, asked.sweeps, varies, device=look.device, dtype=look.dtype)
        except RnnInspectError as error:
            code = max(code, complain(error, file if len(look.files) > 1 else ""))
            continue
        on_meta = [point.spec for point in loaded if point.spec.device == "meta"]
        if on_meta:
            why = "on meta nothing takes time (use --device cpu)"
            code = max(code, complain(on_meta[0].refused(NoSuchDevice, why, ("device",))))
            continue
        points += loaded
    return jobs_of(points, wanted, processes=asked.processes, interleave=asked.interleave), code


def _check_axis(path: Path, jobs: Sequence[Job]) -> None:
    """Raise OptionError for a picture that would be empty, before anything is measured."""
    runs = [run for job in jobs for run in job.runs]
    for model in dict.fromkeys(run.spec.name for run in runs):
        if swept_number(run.settings for run in runs if run.spec.name == model) is not None:
            return
    hint = "--sweep encoder.hidden_size=64,128,256"
    raise OptionError(f"--plot {printable(str(path))}: time is drawn against one number that is swept ({hint})")


@contextmanager
def _journal(look: Look, asked: Asked, jobs: Sequence[Job]) -> Iterator[tuple[Journal | None, list[Outcome]]]:
    """The journal, where one was asked for, and the outcomes that it holds already."""
    if look.output is None:
        yield None, []
        return
    head = head_of(
        {"files": look.files, **jobs[0].wanted._asdict(), "documents and points": digest(jobs), "method": _METHOD}
    )
    if asked.resume:
        journal, read = resume(look.output, head)
        if read.half is not None:
            _note(f"{printable(str(look.output))}: line {read.half} is only half there, and was left out")
        outcomes = list(read.outcomes)
    else:
        journal, outcomes = start(look.output, head), []
    with journal:
        yield journal, outcomes


@contextmanager
def _progress(jobs: Sequence[Job]) -> Iterator[Callable[[int, float], None]]:
    """A bar with the time left on stderr, where that is a terminal."""
    if not jobs or sys.stderr is None or not sys.stderr.isatty():
        yield lambda number, share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(jobs))

        def tell(number: int, share: float) -> None:
            run = jobs[number].runs[0]
            name = " ".join(filter(None, [printable(run.spec.name), told(run.settings)]))
            bar.update(task, completed=number + share, description=name)

        yield tell


def _finish(asked: Asked, outcomes: Sequence[Outcome], page: str) -> int:
    """Print what there is, and tell by the exit code whether it is all, and to be believed."""
    _show(asked, outcomes, page)
    failed = [outcome for outcome in outcomes if outcome.status != "ok"]
    rows = pool(outcomes)
    precision = parse_precision(asked.precision)
    doubtful = [row for row in rows if not row.is_sure(precision)]
    if failed:
        say(f"error: {len(failed)} of {len(outcomes)} could not be measured")
        return CannotHere.exit_code
    if asked.strict and doubtful:
        said = f"were not steady, or no surer than ± {100 * precision:g} %"
        say(f"error: --strict: {len(doubtful)} of {len(rows)} figures {said}")
        return CannotHere.exit_code
    return 0


def _page(look: Look, only: str | None, outcomes: Sequence[Outcome], *, partial: bool) -> str:
    """What stdout gets; only: the one table of it, None for the whole page."""
    if not outcomes:
        return ""
    if only is None:
        blocks = bench_blocks(outcomes, partial=partial)
    else:
        blocks = alone(bench_tables(outcomes, partial=partial), only)

    def document() -> dict[str, object]:
        return bench_document(outcomes, partial=partial)

    return render(look.format, blocks, document, _caption(outcomes, look), None)


def _show(asked: Asked, outcomes: Sequence[Outcome], page: str) -> None:
    if not outcomes:
        return
    write_text(page, None)
    charts = bench_charts(outcomes)
    if charts:
        save_plot(charts, asked.plot)
    elif asked.plot is not None:
        _note(f"--plot {printable(str(asked.plot))}: too little was measured to be drawn")


def _stopped(
    asked: Asked, outcomes: Sequence[Outcome], total: int, page: Callable[..., str], stop: Interrupt | NoTorch
) -> int:
    """Print what there is, of `total` outcomes, after what has ended the run, whose exit code it is."""
    printed = ", and are printed" if outcomes else ""
    try:
        _show(asked, outcomes, page(outcomes, partial=len(outcomes) < total))
    except OutputFailed as error:
        # why no reason to end otherwise: SIGHUP comes because the terminal is gone.
        complain(error)
        printed = ""
    measured = sum(outcome.status == "ok" for outcome in outcomes)
    why = f"error: {stop}" if isinstance(stop, NoTorch) else words(stop)
    say(f"{why}: {measured} of {total} were measured{printed}")
    return stop.exit_code if isinstance(stop, NoTorch) else exit_code(stop)


def _named(outcome: Outcome) -> str:
    return " ".join(filter(None, [printable(outcome.model), outcome.point, told(outcome.variant)]))


def _caption(outcomes: Sequence[Outcome], look: Look) -> str:
    found = [outcome.environment for outcome in outcomes if outcome.environment is not None]
    if not found:
        return ""
    first = found[0]
    devices = ", ".join(dict.fromkeys(f"{place.device} ({place.device_name})" for place in found))
    counts = list(dict.fromkeys(place.threads for place in found))
    threads = f"{', '.join(map(str, counts))} thread{'s' * (counts != [1])}"
    dtypes = ", ".join(dict.fromkeys(outcome.dtype for outcome in outcomes))
    loads = [place.load for place in found if place.load is not None]
    load = f" · load {max(loads):.2g}" if loads else ""
    ran_on = f"torch {first.torch}{_libraries(first)} · {devices}"
    return f"{ran_on} · {threads} of {first.cpus} CPUs{load} · {dtypes} · seed {look.seed}"


def _libraries(place: Environment) -> str:
    """What a GPU's times depend on besides torch; nothing of a CPU."""
    cuda = place.cuda and (place.cuda if place.cuda.startswith("ROCm") else f"CUDA {place.cuda}")
    cudnn = place.cudnn and f"cuDNN {place.cudnn}"
    driver = place.driver and f"driver {place.driver}"
    clock = place.clock_mhz and f"{place.clock_mhz} MHz"
    return "".join(f" · {said}" for said in (cuda, cudnn, driver, clock) if said)
