"""The path every look command takes: documents -> plan -> torch -> agreement -> tables -> text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rnninspect.commands.options import Look
from rnninspect.commands.say import complain, say
from rnninspect.errors import CheckFailed, RnnInspectError, printable
from rnninspect.facts import ModelFacts
from rnninspect.formats import Format
from rnninspect.output import stdout_is_utf8, terminal_width, wants_colour, write_text
from rnninspect.plan import plan
from rnninspect.report import Report, document
from rnninspect.spec.chain import Spec
from rnninspect.spec.load import load_spec
from rnninspect.tables.table import Table

if TYPE_CHECKING:
    from rnninspect.agree import Difference

MakeTables = Callable[[Sequence[ModelFacts]], Sequence[Table]]


def look(asked: Look, make_tables: MakeTables) -> int:
    """Run a look command to its end and return the exit code, the worst of all models.

    Every document is read before anything else is done: with one bad document there is no result at all.
    """
    specs, code = _load(asked)
    if code:
        return code
    models: list[ModelFacts] = []
    found: list[tuple[str, tuple[Difference, ...]]] = []
    for spec in specs:
        for note in spec.notes:
            say(f"note: {note}")
        try:
            model, differing = (plan(spec), ()) if asked.plan else _prove(spec, asked)
        except RnnInspectError as error:
            code = max(code, complain(error))
            continue
        if differing:
            fault = CheckFailed(f"{printable(spec.source)}: plan and torch differ in {len(differing)} facts")
            code = max(code, complain(fault))
            found.append((model.name, differing))
        else:
            models.append(model)
    if models or found:
        report = Report(models, "plan" if asked.plan else "agreed", asked.seed, found)
        tables = list(make_tables(models)) if models else []
        if found:
            from rnninspect.tables.differences import differences_table

            tables += [differences_table(name, differing) for name, differing in found]
        write_text(_render(tables, report, asked), asked.output)
    return code


def _load(asked: Look) -> tuple[list[Spec], int]:
    specs, code = [], 0
    for file in asked.files:
        try:
            specs.append(load_spec(file, asked.settings, device=asked.device, dtype=asked.dtype))
        except RnnInspectError as error:
            code = max(code, complain(error))
    return specs, code


def _prove(spec: Spec, asked: Look) -> tuple[ModelFacts, tuple[Difference, ...]]:
    """The plan, with what torch measured put in, and every fact on which the two differ."""
    from rnninspect import real
    from rnninspect.agree import differences, merge

    device = real.find_device(spec.device)
    run = real.reachable(spec, device)
    measured = real.measure(run, device, asked.seed)
    if measured.measured is not None and measured.measured.finite is False:
        say(f"note: {printable(spec.source)}: an output holds a nan or an infinity")
    if run != spec:
        say(
            f"note: {printable(spec.source)}: on meta {run.batch.seq_len} of {spec.batch.seq_len} time steps were run; "
            "sizes along L are the plan's, which is linear in L"
        )
    return merge(plan(spec), measured), differences(plan(run), measured)


def _render(tables: Sequence[Table], report: Report, asked: Look) -> str:
    # why imported here: only the terminal's format needs rich.
    match asked.format:
        case Format.JSON:
            from rnninspect.formats import json

            return json.render(document(report))
        case Format.CSV:
            from rnninspect.formats import csv

            return csv.render(tables)
        case Format.MARKDOWN:
            from rnninspect.formats import markdown

            return markdown.render(tables, _caption(report))
        case Format.TABLE:
            from rnninspect.formats import terminal

            to_file = asked.output is not None
            return terminal.render(
                tables,
                _caption(report),
                width=None if to_file else terminal_width(),
                colour=not to_file and wants_colour(),
                ascii=not to_file and not stdout_is_utf8(),
            )


def _caption(report: Report) -> str:
    """Where the numbers come from: device, dtype, seed, torch's version, and which ledger."""
    dtypes = ", ".join(dict.fromkeys(model.dtype for model in report.models))
    runs = [model.measured for model in report.models if model.measured is not None]
    if not runs and report.differences:
        return "plan and torch differ; only what they agree on is printed"
    if not runs:
        return " · ".join(filter(None, ("plan: from the equations alone, torch was not asked", dtypes)))
    devices = ", ".join(dict.fromkeys(run.device for run in runs))
    return f"plan and torch {runs[0].torch} agree · {devices} · {dtypes} · seed {report.seed}"
