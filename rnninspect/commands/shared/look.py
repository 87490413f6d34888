"""The path every look command takes: documents -> plan -> torch -> agreement -> tables -> text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rnninspect.commands.shared.files import load_all, remark_half
from rnninspect.commands.shared.options import Look
from rnninspect.commands.shared.prove import disagreement, prove
from rnninspect.commands.shared.render import render
from rnninspect.commands.shared.say import complain, say
from rnninspect.document.chain import Spec
from rnninspect.errors import RnnInspectError
from rnninspect.facts import ModelFacts
from rnninspect.output import write_text
from rnninspect.plan import plan
from rnninspect.results.model import Report, document
from rnninspect.results.table import Table
from rnninspect.runtime.here import need_torch

if TYPE_CHECKING:
    from rnninspect.agree import Difference

MakeTables = Callable[[Sequence[ModelFacts]], Sequence[Table]]


def look(asked: Look, make_tables: MakeTables) -> int:
    """Run a look command to its end and return the exit code, the worst of all models.

    Every document is read before anything else is done: with one bad document there is no result at all.
    """
    specs, code = load_all(asked.files, asked.settings, device=asked.device, dtype=asked.dtype, output=asked.output)
    if code:
        return code
    if not asked.plan:
        need_torch()
        remark_half(specs)
    models: list[ModelFacts] = []
    found: list[tuple[ModelFacts, tuple[Difference, ...]]] = []
    for spec in specs:
        for note in spec.notes:
            say(f"note: {note}")
        try:
            model, differing = _facts(spec, asked)
        except RnnInspectError as error:
            code = max(code, complain(error))
            continue
        if differing:
            code = max(code, complain(disagreement(spec, differing)))
            found.append((model, differing))
        else:
            models.append(model)
    if models or found:
        report = Report(models, "plan" if asked.plan else "agreed", asked.seed, found)
        tables = list(make_tables(models)) if models else []
        if found:
            from rnninspect.results.differences import differences_table

            tables += [differences_table(model.name, differing) for model, differing in found]
        text = render(asked.format, tables, lambda: document(report), _caption(report), asked.output)
        write_text(text, asked.output)
    return code


def _facts(spec: Spec, asked: Look) -> tuple[ModelFacts, tuple[Difference, ...]]:
    if asked.plan:
        return plan(spec, input_grad=asked.input_grad), ()
    return prove(spec, asked.seed, input_grad=asked.input_grad)


def _caption(report: Report) -> str:
    """Where the numbers come from: device, dtype, seed, torch's version, and which ledger."""
    models = [*report.models, *(model for model, _ in report.differences)]
    dtypes = ", ".join(dict.fromkeys(model.dtype for model in models))
    runs = [model.measured for model in models if model.measured is not None]
    if not runs:
        return f"plan: from the equations alone, torch was not asked · {dtypes}"
    devices = ", ".join(dict.fromkeys(run.device for run in runs))
    said = "differ: models they differ on are left out" if report.differences else "agree"
    return f"plan and torch {runs[0].torch} {said} · {devices} · {dtypes} · seed {report.seed}"
