"""`rnninspect compare`: two benchmarks side by side, and exit code 1 for what became slower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rnninspect.commands.shared.messages import say
from rnninspect.commands.shared.options import HOW_TO_PRINT, ONE_TABLE, Output, all_of_it, argument, option
from rnninspect.errors import DocumentError, OptionError, Place, printable
from rnninspect.formats import CompareFormat

if TYPE_CHECKING:
    from rnninspect.bench.compare import Comparison
    from rnninspect.bench.journal import Read
    from rnninspect.guard.findings import Finding

EXAMPLES = (
    "rnninspect compare before.jsonl after.jsonl",
    "rnninspect compare before.jsonl after.jsonl --fail-above 10%",
    "rnninspect compare before.jsonl after.jsonl --table differing",
)


class CompareTable(StrEnum):
    """What `--table` accepts."""

    COMPARED = "compared"
    NOT_COMPARED = "not-compared"
    DIFFERING = "differing"


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What `compare` takes."""

    old: Annotated[Path, argument("OLD", "A file that rnninspect bench --output wrote, or a folder.")]
    new: Annotated[Path, argument("NEW", "Another such result, of the same models.")]
    fail_above: Annotated[str, option("PERCENT", "Ignore what is slower by no more than this.")] = "5%"
    all: Annotated[bool, all_of_it("intervals and noise")] = False
    table: Annotated[CompareTable | None, ONE_TABLE] = None
    format: Annotated[CompareFormat, HOW_TO_PRINT] = CompareFormat.TABLE
    output: Output = None


def run(options: CompareOptions) -> int:
    """Print the comparison; 1 where anything became slower beyond the threshold and the noise."""
    from rnninspect.bench.compare import compare_runs, slower
    from rnninspect.commands.shared.files import refuse_to_replace
    from rnninspect.commands.shared.rendering import only_table
    from rnninspect.document.quantity import parse_percent

    try:
        threshold = parse_percent(options.fail_above)
    except ValueError as error:
        raise OptionError(f"--fail-above {printable(options.fail_above)}: {error}") from error
    for path in (options.old, options.new):
        refuse_to_replace(path, options.output, "one of the results")
    only = only_table(options.table, options.format, CompareTable.COMPARED)
    old, new = _results(options.old), _results(options.new)
    comparison = compare_runs(old.outcomes, new.outcomes, threshold)
    if not comparison.compared:
        message = f"no point is measured both here and in {printable(str(options.old))}: {_lacking(comparison)}"
        raise DocumentError(Place(str(options.new)), message, hint="compare runs of the same models and settings")
    _remark(comparison, old, new)
    findings = list(slower(comparison))
    for finding in findings:
        say(f"error: {finding.place}: {printable(finding.what)}")
    _print(options, comparison, old, new, only, findings)
    return 1 if findings else 0


def _lacking(comparison: Comparison) -> str:
    """Why nothing was compared, each reason with the first that it is of: `m input.batch_size=8: not in new`."""
    first = {item.reason: item for item in reversed(comparison.unmatched)}
    said = [
        f"{printable(' '.join(filter(None, (item.model, item.point, item.phase))))}: {printable(reason)}"
        for reason, item in reversed(first.items())
    ]
    return "; ".join(said[:3]) or "both are empty"


def _remark(comparison: Comparison, old: Read, new: Read) -> None:
    """Say what makes the two less comparable."""
    methods = [read.head.asked.get("method", 1) for read in (old, new)]
    if methods[0] != methods[1]:
        say("note: the two were measured in different ways, as rnninspect changed in between (measure the older again)")
    for item in comparison.differing:
        say(f"note: {item.what} differs: {printable(item.old)}, now {printable(item.new)}")
    if comparison.unmatched:
        number, first = len(comparison.unmatched), printable(comparison.unmatched[0].reason)
        say(f"note: not compared: {number}, {'the first of them ' * (number > 1)}because {first}")


def _print(
    options: CompareOptions, comparison: Comparison, old: Read, new: Read, only: str | None, findings: Sequence[Finding]
) -> None:
    from rnninspect.bench.compare import undecided
    from rnninspect.commands.shared.annotations import annotate, comment
    from rnninspect.commands.shared.rendering import alone, print_page
    from rnninspect.commands.shared.reports import from_root
    from rnninspect.output import for_people, write_text
    from rnninspect.results.caption import caption, each_once
    from rnninspect.results.compare import compare_blocks, compare_digest, compare_document, compare_tables

    outcomes = [*old.outcomes, *new.outcomes]
    source = caption(
        f"measured: {_versions(old)}, now {_versions(new)}", each_once(printable(outcome.dtype) for outcome in outcomes)
    )
    sides = f"{printable(str(options.old))} -> {printable(str(options.new))}"
    if only is None:
        blocks = compare_blocks(comparison, sides, all_of_it=options.all)
    else:
        blocks = alone(compare_tables(comparison, sides), only)
    digest = compare_digest(comparison, blocks, [finding.sentence for finding in findings], source)
    if options.format is CompareFormat.GITHUB:
        text = annotate(from_root(findings), digest, from_root(undecided(comparison)))
        write_text(for_people(text, options.output), options.output)
    elif options.format is CompareFormat.MARKDOWN:
        write_text(for_people(comment(digest), options.output), options.output)
    else:
        print_page(options.format, blocks, lambda: compare_document(comparison, outcomes), source, options.output)


def _results(path: Path) -> Read:
    from rnninspect.bench.folder import need_survey
    from rnninspect.bench.journal import read_journal
    from rnninspect.bench.merging import read_of

    if path.is_dir():
        found = need_survey([path])
        if found.missing:
            total = f"{len(found.missing)} of {len(found.points)} points are missing"
            say(f"note: {printable(str(path))}: {total} (rnninspect merge says which)")
        return read_of(found)
    read = read_journal(path)
    if read.half is not None:
        half = f"{printable(str(path))}:{read.half}"
        say(f"note: {half}: this line is only half there (a crash's trace), and was left out")
    return read


def _versions(read: Read) -> str:
    return f"rnninspect {printable(read.head.rnninspect)}, torch {printable(read.head.torch)}"
