"""`rnninspect compare`: two benchmarks side by side, and exit code 1 for what became slower."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rnninspect.bench.compare import Comparison, compare_runs, slower, undecided
from rnninspect.bench.journal import Read, read_journal
from rnninspect.commands.shared.files import refuse_to_replace
from rnninspect.commands.shared.options import CompareTable
from rnninspect.commands.shared.render import alone, only_table, render
from rnninspect.commands.shared.say import say
from rnninspect.document.quantity import parse_percent
from rnninspect.errors import DocumentError, OptionError, Place, printable
from rnninspect.formats import CompareFormat
from rnninspect.output import write_text
from rnninspect.results.compare import compare_document, compare_tables


class Compare(NamedTuple):
    """What `compare` was asked for."""

    old: Path
    new: Path
    fail_above: str
    table: CompareTable | None
    format: CompareFormat
    output: Path | None


def compare(asked: Compare) -> int:
    """Print the comparison; 1 where anything became slower beyond the threshold and the noise."""
    try:
        threshold = parse_percent(asked.fail_above)
    except ValueError as error:
        raise OptionError(f"--fail-above {printable(asked.fail_above)}: {error}") from error
    for path in (asked.old, asked.new):
        refuse_to_replace(path, asked.output, "results")
    only = only_table(asked.table, asked.format, CompareTable.COMPARED)
    old, new = _results(asked.old), _results(asked.new)
    found = compare_runs(old.outcomes, new.outcomes, threshold)
    if not found.compared:
        reasons = "; ".join(dict.fromkeys(item.reason for item in found.unmatched[:3])) or "both are empty"
        message = f"no point is measured both here and in {printable(str(asked.old))}: {reasons}"
        raise DocumentError(Place(str(asked.new)), message, hint="compare runs of the same models and settings")
    ways = [read.head.asked.get("method", 1) for read in (old, new)]
    if ways[0] != ways[1]:
        say("note: the two were measured in different ways, as rnninspect changed in between (measure the older again)")
    for item in found.differing:
        say(f"note: {item.what} differs: {printable(item.old)}, now {printable(item.new)}")
    if found.unmatched:
        number, first = len(found.unmatched), printable(found.unmatched[0].reason)
        say(f"note: not compared: {number}, {'the first of them ' * (number > 1)}because {first}")
    findings = list(slower(found))
    for finding in findings:
        say(f"error: {finding.place}: {printable(finding.what)}")
    dtypes = ", ".join(dict.fromkeys(printable(outcome.dtype) for outcome in (*old.outcomes, *new.outcomes)))
    caption = f"measured: {_versions(old)}, now {_versions(new)} · {dtypes}"
    named = compare_tables(found, f"{printable(str(asked.old))} -> {printable(str(asked.new))}")
    tables = [table for table in named.values() if table.rows] if only is None else alone(named, only)
    if asked.format is CompareFormat.GITHUB:
        from rnninspect.commands.shared.annotate import annotate

        text = annotate(findings, tables, caption, list(undecided(found)))
    else:
        text = render(asked.format, tables, lambda: _document(found, old, new), caption, asked.output)
    write_text(text, asked.output)
    return 1 if findings else 0


def _results(path: Path) -> Read:
    read = read_journal(path)
    if read.half is not None:
        half = f"{printable(str(path))}:{read.half}"
        say(f"note: {half}: this line is only half there (a crash's trace), and was left out")
    return read


def _document(found: Comparison, old: Read, new: Read) -> dict[str, object]:
    return compare_document(found, [*old.outcomes, *new.outcomes])


def _versions(read: Read) -> str:
    return f"rnninspect {printable(read.head.rnninspect)}, torch {printable(read.head.torch)}"
