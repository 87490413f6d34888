"""`rnninspect bench`: forward and backward, timed so that the figure can be believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rnninspect.commands.shared.bench_options import BenchOptions, BenchTable
from rnninspect.commands.shared.messages import could_print, say, say_notes
from rnninspect.commands.shared.values import parsed
from rnninspect.errors import CannotHere, NoSuchDevice, NoTorch, OptionError, printable
from rnninspect.output import write_text
from rnninspect.runtime.here import need_folder, need_torch_found
from rnninspect.stop import INTERRUPTS, Interrupt, exit_code, words

if TYPE_CHECKING:
    from rnninspect.bench.jobs import Job
    from rnninspect.bench.journal import Key
    from rnninspect.bench.option_values import Vary
    from rnninspect.bench.points import Point
    from rnninspect.bench.records import Outcome, TimingRequest
    from rnninspect.bench.seats import Devices
    from rnninspect.commands.shared.bench_store import Store

EXAMPLES = (
    "rnninspect bench model.yaml --quick --phase forward",
    "rnninspect bench model.yaml --processes 3 --output before.jsonl",
    "rnninspect bench model.yaml --sweep encoder.hidden_size=64,128 --plot time.svg",
)

_QUICK = 1.0
# Goes up when figures come about in another way, so that no journal holds figures of two.
_METHOD = 2


def run(options: BenchOptions) -> int:
    """Time every point and print what was measured; returns the exit code."""
    from rnninspect.bench.option_values import parse_varies
    from rnninspect.bench.points import beyond_cudnn
    from rnninspect.bench.schedule import jobs_of, number_of_outcomes
    from rnninspect.bench.seats import several_devices
    from rnninspect.commands.shared.bench_page import page_of
    from rnninspect.commands.shared.bench_share import check_share
    from rnninspect.commands.shared.plots import check_plot
    from rnninspect.commands.shared.rendering import only_table

    need_folder()
    request = _request(options)
    varies, notes = parse_varies([*options.vary, *([f"amp={options.amp.value}"] if options.amp else [])])
    if options.fit_batch:
        return _fit(options, request, varies)
    if options.resume and options.output is None:
        raise OptionError("--resume goes on with a journal, so it needs --output FILE")
    check_plot(options.plot, options.files, options.output)
    only = only_table(options.table, options.format, BenchTable.RESULTS)
    page = partial(page_of, format=options.format, seed=options.seed, only=only, all_of_it=options.all)
    check_share(options)
    devices = several_devices(options.device)
    if devices is not None and options.interleave:
        why = "points are timed in turns on one device (name one, or leave --interleave out)"
        raise OptionError(f"--device {printable(str(options.device))} with --interleave: {why}")
    points, code = _points(options, varies, options.device if devices is None else devices.kind)
    if code:
        return code
    if options.script is not None:
        return _print_script(options, request, points)
    jobs = jobs_of(points, request, processes=options.processes, interleave=options.interleave)
    store = _store(options, request, points, jobs)
    if options.plot is not None:
        _check_axis(options.plot, store.jobs)
    say_notes((*notes, *store.notes, *beyond_cudnn(points)))
    # why by key: what failed before, and is measured again, is there once.
    outcomes: dict[Key, Outcome] = {}
    try:
        _measure(options, store, outcomes, devices)
        text = page(list(outcomes.values()), partial=False)
    except (*INTERRUPTS, NoTorch, NoSuchDevice) as reason:
        total = number_of_outcomes(store.jobs, outcomes.values())
        return _stop(options, list(outcomes.values()), total, page, reason)
    return _finish(options, list(outcomes.values()), text, request.precision)


def _fit(options: BenchOptions, request: TimingRequest, varies: Sequence[Vary]) -> int:
    """Print the largest batch of every point, in place of timing it."""
    from rnninspect.commands.shared.bench_fit import check_fit, fit_batches

    check_fit(options)
    points, code = _points(options, varies, options.device)
    return code or fit_batches(options, request, points)


def _print_script(options: BenchOptions, request: TimingRequest, points: Sequence[Point]) -> int:
    from rnninspect.commands.shared.batch_script import script_of

    write_text(script_of(options, request, points), None)
    return 0


def _store(options: BenchOptions, request: TimingRequest, points: Sequence[Point], jobs: Sequence[Job]) -> Store:
    """What is to be measured, and where it is kept: in a journal, in a folder of journals, or nowhere."""
    from rnninspect.bench.journal import head_of
    from rnninspect.bench.schedule import digest
    from rnninspect.commands.shared.bench_store import OneJournal, Store

    if options.output is None and options.only_missing is None:
        return Store(jobs)
    # why without them: what profilers are shown makes no other figures, nor does how long anybody waits for them.
    settings = {name: value for name, value in request._asdict().items() if name not in ("nvtx", "time_limit")}
    head = head_of({"files": options.files, **settings, "documents and points": digest(jobs), "method": _METHOD})
    if options.shard is None and options.output is not None:
        return OneJournal(jobs, options.output, head, resume=options.resume)
    from rnninspect.commands.shared.bench_share import Folder

    return Folder(options, request, points, head=head)


def _note(text: str) -> None:
    say(f"note: {text}")


def _request(options: BenchOptions) -> TimingRequest:
    from rnninspect.bench.option_values import parse_precision, parse_time
    from rnninspect.bench.records import PHASES, TimingRequest
    from rnninspect.commands.shared.files import refuse_page

    if options.quick and options.budget is not None:
        raise OptionError("--quick is --budget 1s (leave one of the two out)")
    budget = _QUICK if options.quick else parsed("--budget", options.budget, parse_time) or 3.0
    unknown = [phase for phase in options.phase if phase not in PHASES]
    if unknown:
        raise OptionError(f"--phase {printable(unknown[0])}: expected {', '.join(PHASES[:-1])} or {PHASES[-1]}")
    for name, value in (("--peak-tflops", options.peak_tflops), ("--bandwidth", options.bandwidth)):
        if value is not None and not 0 < value < float("inf"):
            raise OptionError(f"{name} {value:g}: expected a number > 0")
    refuse_page(options.output)
    return TimingRequest(
        phases=tuple(phase for phase in PHASES if phase in options.phase or not options.phase),
        budget=budget,
        time_limit=parsed("--time-limit", options.time_limit, parse_time),
        precision=parse_precision(options.precision),
        seed=options.seed,
        input_grad=options.input_grad,
        warm_l2=options.warm_l2,
        each_layer=options.layers,
        fp32_precision=options.fp32_precision and options.fp32_precision.value,
        peak_flops=None if options.peak_tflops is None else options.peak_tflops * 1e12,
        bandwidth=None if options.bandwidth is None else options.bandwidth * 1e9,
        nvtx=options.nvtx,
    )


def _points(options: BenchOptions, varies: Sequence[Vary], device: str | None) -> tuple[list[Point], int]:
    """Every point of all documents, and the exit code of documents that are not sound."""
    from rnninspect.bench.points import load_points
    from rnninspect.commands.shared.file_models import refuse_checkpoint
    from rnninspect.commands.shared.files import load_all

    def load(file: str) -> tuple[Point, ...]:
        refuse_checkpoint(file, "bench")
        points = load_points(file, options.settings, options.sweep, varies, device=device, dtype=options.dtype)
        for point in points:
            if point.spec.device == "meta":
                why = "on meta nothing takes time (use --device cpu)"
                raise point.spec.refused(NoSuchDevice, why, ("device",))
        return points

    return load_all(options.files, load, output=options.output)


def _check_axis(path: Path, jobs: Sequence[Job]) -> None:
    """Raise OptionError for a picture that would be empty, before anything is measured."""
    from rnninspect.bench.results import swept_number

    runs = [run for job in jobs for run in job.runs]
    for model in dict.fromkeys(run.spec.name for run in runs):
        if swept_number(run.settings for run in runs if run.spec.name == model) is not None:
            return
    hint = "--sweep encoder.hidden_size=64,128,256"
    raise OptionError(f"--plot {printable(str(path))}: time is drawn against one number that is swept ({hint})")


def _measure(options: BenchOptions, store: Store, outcomes: dict[Key, Outcome], devices: Devices | None) -> None:
    """Put the outcome of every run into `outcomes`, first those that the journal holds already.

    why put: what ends the run leaves those that there are.
    """
    try:
        _fill(options, store, outcomes, devices)
    finally:
        # why: several devices end with their points in any order.
        if devices is not None:
            _put_in_order(outcomes, store.jobs)


def _put_in_order(outcomes: dict[Key, Outcome], jobs: Sequence[Job]) -> None:
    from rnninspect.bench.schedule import key_of_run

    ranks = {
        key_of_run(job, run): rank for rank, (job, run) in enumerate((job, run) for job in jobs for run in job.runs)
    }
    ordered = sorted(outcomes.items(), key=lambda item: ranks.get(item[0], -1))
    outcomes.clear()
    outcomes.update(ordered)


def _fill(options: BenchOptions, store: Store, outcomes: dict[Key, Outcome], devices: Devices | None) -> None:
    from rnninspect.bench import entry
    from rnninspect.bench.history import recall
    from rnninspect.bench.journal import key_of
    from rnninspect.bench.seats import seats_of
    from rnninspect.bench.side_by_side import all_jobs, measured
    from rnninspect.commands.shared.progress import progress_bar

    with store as (earlier, jobs, controls):
        outcomes.update({key_of(outcome): outcome for outcome in earlier})
        if jobs:
            need_torch_found()  # why here: before it is said how long they will take
        if jobs and (fault := recall().fault):
            _note(f"{fault}, so earlier runs say nothing of how fast this CPU is (delete it)")
        seats = seats_of(devices, entry.devices) if jobs and devices is not None else ()
        with progress_bar(all_jobs(controls, jobs, seats), max(len(seats), 1)) as progress:
            found = measured(entry.work, controls, jobs, progress=progress, note=_note, seats=seats)
            for is_control, outcome in found:
                outcome = store.placed(outcome)
                if not is_control:
                    outcomes[key_of(outcome)] = outcome
                store.append(outcome, is_control=is_control)
                if not outcome.ok:
                    say(f"error: {outcome.name}: {outcome.status}: {printable(outcome.reason)}")


def _finish(options: BenchOptions, outcomes: Sequence[Outcome], page: str, precision: float) -> int:
    """Print what there is, and tell by the exit code whether it is all, and to be believed."""
    from rnninspect.bench.results import pool
    from rnninspect.shares import share_text

    _print(options, outcomes, page)
    failed = [outcome for outcome in outcomes if not outcome.ok]
    rows = pool(outcomes)
    doubtful = [row for row in rows if not row.is_sure(precision)]
    if failed:
        say(f"error: {len(failed)} of {len(outcomes)} could not be measured")
        return CannotHere.exit_code
    if options.strict and doubtful:
        doubt = f"were not steady, or no surer than ± {share_text(precision)}"
        say(f"error: --strict: {len(doubtful)} of {len(rows)} figures {doubt}")
        return CannotHere.exit_code
    return 0


def _stop(
    options: BenchOptions,
    outcomes: Sequence[Outcome],
    total: int,
    page: Callable[..., str],
    reason: Interrupt | CannotHere,
) -> int:
    """Print what there is, of `total` outcomes, after what has ended the run, whose exit code it is."""
    was_printed = could_print(lambda: _print(options, outcomes, page(outcomes, partial=len(outcomes) < total)))
    printed = ", and are printed" if outcomes and was_printed else ""
    measured = sum(outcome.ok for outcome in outcomes)
    why = f"error: {reason}" if isinstance(reason, CannotHere) else words(reason)
    left = 0 < len(outcomes) < total and options.output is not None and options.shard is None
    say(f"{why}: {measured} of {total} were measured{printed}{'; --resume goes on' * left}")
    return reason.exit_code if isinstance(reason, CannotHere) else exit_code(reason)


def _print(options: BenchOptions, outcomes: Sequence[Outcome], page: str) -> None:
    from rnninspect.commands.shared.plots import save_plot
    from rnninspect.results.bench_charts import bench_charts

    if not outcomes:
        return
    write_text(page, None)
    charts = bench_charts(outcomes)
    if charts:
        save_plot(charts, options.plot)
    elif options.plot is not None:
        _note(f"--plot {printable(str(options.plot))}: too little was measured to be drawn")
