"""The path every look command takes: documents -> plan -> torch -> agreement -> tables -> text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.commands.shared.files import load_all, remark_half
from rnninspect.commands.shared.messages import complain, say_notes
from rnninspect.commands.shared.options import LookOptions
from rnninspect.commands.shared.pending import can_wait, pending
from rnninspect.commands.shared.proof import disagreement, prove
from rnninspect.commands.shared.rendering import on_terminal, print_page
from rnninspect.document.chain import Spec
from rnninspect.errors import RnnInspectError
from rnninspect.facts import ModelFacts
from rnninspect.output import write_text
from rnninspect.plan import plan
from rnninspect.results.caption import NO_TORCH, PLAN, caption, each_once
from rnninspect.results.model import Report, document
from rnninspect.results.table import Table
from rnninspect.runtime.here import NOT_INSTALLED, likely_device, need_torch, torch_is_installed
from rnninspect.runtime.workspace import planned_on

if TYPE_CHECKING:
    from rnninspect.agree import Difference

# A document and its plan.
Planned = tuple[Spec, ModelFacts]
MakeTables = Callable[[Sequence[ModelFacts]], Sequence[Table]]


class LookPage(NamedTuple):
    """What a look command shows.

    tables: of models. values: they show what only torch knows, so that nothing can stand before it has answered.
    asks_torch: an option asks for what only torch knows, and without it there is nothing to show. input_grad: see
    `plan`.
    """

    tables: MakeTables
    values: bool = False
    asks_torch: bool = False
    input_grad: bool = False


def print_models(options: LookOptions, page: LookPage) -> int:
    """Run a look command to its end and return the exit code, the worst of all models.

    Every document is read before anything else is done: with one bad document there is no result at all.
    """
    specs, code = load_all(
        options.files, options.settings, device=options.device, dtype=options.dtype, output=options.output
    )
    if code:
        return code
    proves = is_to_prove(options, asks_torch=page.asks_torch)
    waits = proves and not page.values and can_wait(options)
    if proves:
        if not waits:
            need_torch()
        remark_half(specs)
    elif not options.plan:
        say_notes([NOT_INSTALLED])
    for spec in specs:
        say_notes(spec.notes)
    planned = [plan(spec, input_grad=page.input_grad) for spec in specs]
    if not proves:
        _print(Report(models=planned, ledger="plan", seed=options.seed, differences=[]), options, page)
        return 0
    show = _plan_first if waits else _proof_first
    return show(list(zip(specs, planned, strict=True)), options, page)


def is_to_prove(options: LookOptions, *, asks_torch: bool = False) -> bool:
    """Whether torch is to be asked: unless it is not installed and nothing that was asked for needs it, or --plan."""
    return not options.plan and (asks_torch or options.device is not None or torch_is_installed())


def _proof_first(models: Sequence[Planned], options: LookOptions, page: LookPage) -> int:
    outcome = _Outcome([], [])
    try:
        report = _prove_all(models, options, page, outcome)
    finally:
        code = outcome.say()
    if report.models or report.differences:
        _print(report, options, page)
    return code


def _plan_first(models: Sequence[Planned], options: LookOptions, page: LookPage) -> int:
    """The plan's page at once, its last line when torch has answered, then what torch says otherwise."""
    expected = [
        planned_on(likely_device(spec.device), spec, planned, input_grad=page.input_grad) for spec, planned in models
    ]
    outcome = _Outcome([], [])
    try:
        with pending(on_terminal(page.tables(expected))) as line:
            need_torch()
            report = _prove_all(models, options, page, outcome)
            if outcome.errors and not report.differences:
                line.fail(str(outcome.errors[0]))
            else:
                line.end(_caption(report, options))
    finally:
        code = outcome.say()
    shown = {model.source: model.layers for model in expected}
    if report.differences:
        write_text(f"\n{on_terminal(_difference_tables(report))}", None)
    elif any(model.layers != shown[model.source] for model in report.models):
        # The device was not the likely one, and keeps something else for backward.
        _print(report, options, page)
    return code


class _Outcome(NamedTuple):
    """What is to be said of proofs beside their page."""

    notes: list[str]
    errors: list[RnnInspectError]

    def say(self) -> int:
        """Say it, and return the worst exit code."""
        say_notes(self.notes)
        return max(map(complain, self.errors), default=0)


def _prove_all(models: Sequence[Planned], options: LookOptions, page: LookPage, outcome: _Outcome) -> Report:
    """Every model proven that can be; what is wrong with the others is put into `outcome`."""
    agreed: list[ModelFacts] = []
    contradicted: list[tuple[ModelFacts, Sequence[Difference]]] = []
    for spec, planned in models:
        try:
            proof = prove(spec, planned, options.seed, input_grad=page.input_grad)
        except RnnInspectError as error:
            outcome.errors.append(error)
            continue
        outcome.notes.extend(proof.notes)
        if proof.differences:
            outcome.errors.append(disagreement(spec, proof.differences))
            contradicted.append((proof.model, proof.differences))
        else:
            agreed.append(proof.model)
    return Report(models=agreed, ledger="agreed", seed=options.seed, differences=contradicted)


def _print(report: Report, options: LookOptions, page: LookPage) -> None:
    tables = [*(page.tables(report.models) if report.models else ()), *_difference_tables(report)]
    print_page(options.format, tables, lambda: document(report), _caption(report, options), options.output)


def _difference_tables(report: Report) -> list[Table]:
    if not report.differences:
        return []
    from rnninspect.results.differences import differences_table

    return [differences_table(model.name, differing) for model, differing in report.differences]


def _caption(report: Report, options: LookOptions) -> str:
    """Where the numbers come from: device, dtype, seed, torch's version, and which ledger."""
    models = [*report.models, *(model for model, _ in report.differences)]
    dtypes = each_once(model.dtype for model in models)
    runs = [model.measured for model in models if model.measured is not None]
    if not runs:
        return caption(PLAN if options.plan else NO_TORCH, dtypes)
    verdict = "differ: models they differ on are left out" if report.differences else "agree"
    devices = each_once(run.device for run in runs)
    return caption(f"plan and torch {runs[0].torch} {verdict}", devices, dtypes, f"seed {report.seed}")
