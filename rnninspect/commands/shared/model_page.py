"""The path every look command takes: documents -> plan -> torch -> agreement -> tables -> text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rnninspect.commands.shared.files import load_all, remark_half
from rnninspect.commands.shared.messages import complain, say_notes
from rnninspect.commands.shared.options import LookOptions
from rnninspect.commands.shared.proof import disagreement, prove
from rnninspect.commands.shared.rendering import print_page
from rnninspect.errors import RnnInspectError
from rnninspect.facts import ModelFacts
from rnninspect.plan import plan
from rnninspect.results.caption import PLAN, caption, each_once
from rnninspect.results.model import Report, document
from rnninspect.results.table import Table
from rnninspect.runtime.here import need_torch

if TYPE_CHECKING:
    from rnninspect.agree import Difference

MakeTables = Callable[[Sequence[ModelFacts]], Sequence[Table]]


def print_models(options: LookOptions, make_tables: MakeTables, *, input_grad: bool = False) -> int:
    """Run a look command to its end and return the exit code, the worst of all models. input_grad: see `plan`.

    Every document is read before anything else is done: with one bad document there is no result at all.
    """
    specs, code = load_all(
        options.files, options.settings, device=options.device, dtype=options.dtype, output=options.output
    )
    if code:
        return code
    if not options.plan:
        need_torch()
        remark_half(specs)
    models: list[ModelFacts] = []
    contradicted: list[tuple[ModelFacts, tuple[Difference, ...]]] = []
    for spec in specs:
        say_notes(spec.notes)
        try:
            if options.plan:
                models.append(plan(spec, input_grad=input_grad))
                continue
            model, differing = prove(spec, options.seed, input_grad=input_grad)
        except RnnInspectError as error:
            code = max(code, complain(error))
            continue
        if differing:
            code = max(code, complain(disagreement(spec, differing)))
            contradicted.append((model, differing))
        else:
            models.append(model)
    if models or contradicted:
        ledger = "plan" if options.plan else "agreed"
        report = Report(models=models, ledger=ledger, seed=options.seed, differences=contradicted)
        tables = _tables(report, make_tables)
        print_page(options.format, tables, lambda: document(report), _caption(report), options.output)
    return code


def _tables(report: Report, make_tables: MakeTables) -> list[Table]:
    tables = list(make_tables(report.models)) if report.models else []
    if report.differences:
        from rnninspect.results.differences import differences_table

        tables += [differences_table(model.name, differing) for model, differing in report.differences]
    return tables


def _caption(report: Report) -> str:
    """Where the numbers come from: device, dtype, seed, torch's version, and which ledger."""
    models = [*report.models, *(model for model, _ in report.differences)]
    dtypes = each_once(model.dtype for model in models)
    runs = [model.measured for model in models if model.measured is not None]
    if not runs:
        return caption(PLAN, dtypes)
    verdict = "differ: models they differ on are left out" if report.differences else "agree"
    devices = each_once(run.device for run in runs)
    return caption(f"plan and torch {runs[0].torch} {verdict}", devices, dtypes, f"seed {report.seed}")
