"""The path every look command takes: documents -> plan -> torch -> agreement -> tables -> text."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rnninspect.commands.shared.file_models import Checkpoints, looked_at
from rnninspect.commands.shared.files import load_all, remark_half
from rnninspect.commands.shared.look_page import (
    LookPage,
    Outcome,
    Planned,
    caption_of,
    difference_tables,
    is_to_prove,
    print_report,
    prove_all,
)
from rnninspect.commands.shared.messages import say_notes
from rnninspect.commands.shared.options import DocumentOptions, LookOptions
from rnninspect.commands.shared.rendering import last_line, on_terminal
from rnninspect.document.chain import Spec, need_batch
from rnninspect.errors import RnnInspectError
from rnninspect.formats import Format
from rnninspect.output import terminal_width, write_text
from rnninspect.plan import plan
from rnninspect.results.model import Report, not_described
from rnninspect.runtime.here import NOT_INSTALLED, likely_device, need_torch, torch_is_installed
from rnninspect.runtime.workspace import planned_on
from rnninspect.stop import INTERRUPTS, words

_ERASE = "\r\x1b[K"


def print_models(options: LookOptions, page: LookPage) -> int:
    """Run a look command to its end and return the exit code, the worst of all models.

    Every document is read before anything else is done: with one bad document there is no result at all.
    """
    checkpoints: Checkpoints = {}
    specs, code = load_all(options.files, looked_at(options, checkpoints), output=options.output)
    if code:
        return code
    if checkpoints:
        from rnninspect.commands.shared.checkpoint_page import print_with_checkpoints  # why here: most are documents

        return print_with_checkpoints(specs, checkpoints, options, page)
    proves = is_to_prove(options, asks_torch=page.asks_torch) and not _is_open(specs, options, page)
    waits = proves and not page.values and _can_wait(options)
    if proves:
        if not waits:
            need_torch()
        remark_half(specs)
    elif not options.plan and not torch_is_installed():
        say_notes([NOT_INSTALLED])
    for spec in specs:
        say_notes(spec.notes)
    planned = [plan(spec, input_grad=page.input_grad) for spec in specs]
    if not proves:
        report = Report(models=planned, ledger="plan", seed=options.seed, differences=[])
        report = report._replace(not_described=not_described(specs))
        print_report(report, options, page, caption_of(report, options))
        return 0
    show = _plan_first if waits else _proof_first
    return show(list(zip(specs, planned, strict=True)), options, page)


def _is_open(specs: Sequence[Spec], options: LookOptions, page: LookPage) -> bool:
    """Whether a batch has no size, so that torch cannot run it. Raises DocumentError where torch was asked for."""
    for spec in specs:
        if page.asks_torch or options.device is not None:
            need_batch(spec)
    return any(spec.batch.is_open for spec in specs)


def _proof_first(models: Sequence[Planned], options: LookOptions, page: LookPage) -> int:
    outcome = Outcome([], [])
    try:
        report = prove_all(models, options, page, outcome)
    finally:
        code = outcome.say()
    if report.models or report.differences:
        print_report(report, options, page, caption_of(report, options))
    return code


def _plan_first(models: Sequence[Planned], options: LookOptions, page: LookPage) -> int:
    """The plan's page at once, its last line when torch has answered, then what torch says otherwise."""
    expected = [
        planned_on(likely_device(spec.device), spec, planned, input_grad=page.input_grad) for spec, planned in models
    ]
    outcome = Outcome([], [])
    try:
        with _pending(on_terminal(page.tables(expected))) as line:
            need_torch()
            report = prove_all(models, options, page, outcome)
            if outcome.errors and not report.differences:
                line.fail(str(outcome.errors[0]))
            else:
                line.end(caption_of(report, options))
    finally:
        code = outcome.say()
    shown = {(model.source, model.name): model.layers for model in expected}
    if report.differences:
        write_text(f"\n{on_terminal(difference_tables(report))}", None)
    elif any(model.layers != shown[model.source, model.name] for model in report.models):
        # The device was not the likely one, and keeps something else for backward.
        print_report(report, options, page, caption_of(report, options))
    return code


def _can_wait(options: DocumentOptions) -> bool:
    """Whether a page may stand before its proof: only where somebody sees its last line change."""
    can_change = terminal_width() is not None and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")
    return can_change and options.format == Format.TABLE and options.output is None


class _Pending:
    """The last line of a page."""

    def end(self, text: str) -> None:
        """Write `text` in the line's place."""
        write_text(f"{_ERASE}{last_line(text)}\n", None)

    def fail(self, reason: str) -> None:
        """Write there why torch has not answered."""
        write_text(f"{_ERASE}{last_line(f'plan · not proven: {reason}', doubtful=True)}\n", None)


@contextmanager
def _pending(page: str) -> Iterator[_Pending]:
    """Write a page, and under it that torch is still to answer; what ends the block too early ends the line."""
    line = _Pending()
    write_text(f"{page}\n{last_line('plan · proving on torch ...')}", None)
    try:
        yield line
    except (*INTERRUPTS, Exception) as reason:
        line.fail(_words(reason))
        raise


def _words(reason: BaseException) -> str:
    if isinstance(reason, INTERRUPTS):
        return words(reason)
    return str(reason) if isinstance(reason, RnnInspectError) else type(reason).__name__
