"""`rnninspect merge`: how far the shares of a benchmark are, what is missing of them, and all of it as one file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rnninspect.commands.shared.messages import say
from rnninspect.commands.shared.options import HOW_TO_PRINT, ONE_TABLE, OUTPUT, Plot, argument, flag, option
from rnninspect.errors import OptionError, OutputFailed, printable
from rnninspect.formats import Format

if TYPE_CHECKING:
    from rnninspect.bench.controls import Control
    from rnninspect.bench.folder import Survey

EXAMPLES = (
    "rnninspect merge results/",
    "rnninspect merge results/ --output all.jsonl",
    "rnninspect merge results/ --table results --format csv",
)


class MergeTable(StrEnum):
    """What `--table` accepts: its own tables, and those of bench."""

    SHARES = "shares"
    MISSING = "missing"
    CONTROLS = "controls"
    RESULTS = "results"
    TIMES = "times"
    MEANING = "meaning"
    KERNELS = "kernels"
    RATIOS = "ratios"
    NOT_MEASURED = "not-measured"


@dataclass(frozen=True, kw_only=True)
class MergeOptions:
    """What `merge` takes."""

    files: Annotated[
        list[str],
        argument("RESULTS...", "Folders that rnninspect bench --shard wrote to, or journals, of one benchmark."),
    ]
    mixed: Annotated[bool, flag("--mixed", "Take what other versions of torch and rnninspect have measured too.")] = (
        False
    )
    table: Annotated[MergeTable | None, ONE_TABLE] = None
    plot: Plot = None
    format: Annotated[Format, HOW_TO_PRINT] = Format.TABLE
    output: Annotated[
        Path | None,
        option(
            "FILE", "Write all that counts to one journal too, whole or not at all.", OUTPUT, name=("--output", "-o")
        ),
    ] = None


def run(options: MergeOptions) -> int:
    """Print how far it is; 1 where points are missing."""
    from rnninspect.bench.controls import controls_of
    from rnninspect.bench.folder import need_survey
    from rnninspect.bench.merging import controls_in, may_be_replaced, merged_lines
    from rnninspect.commands.shared.files import refuse_page
    from rnninspect.commands.shared.plots import check_plot
    from rnninspect.commands.shared.rendering import only_table
    from rnninspect.output import write_bytes

    paths = [Path(file) for file in options.files]
    if options.table is not None and options.format is Format.JSON:
        raise OptionError(f"--table {options.table}: --format json says how far it is (--format csv has the table)")
    only = only_table(options.table, options.format, MergeTable.SHARES)
    check_plot(options.plot, options.files, options.output)
    refuse_page(options.output)
    if options.output is not None and not may_be_replaced(options.output):
        shown = printable(str(options.output))
        raise OptionError(f"--output {shown}: it is there already, and no merge made it (name another)")
    found = need_survey(paths, mixed=options.mixed)
    if options.output is not None:
        write_bytes(merged_lines(found), options.output)
    command = _command(paths, found)
    controls = controls_of(controls_in(found))
    if only is not None or options.plot is not None:
        _print_figures(options, found, controls, only)
    if only is None:
        _print_progress(options, found, controls, command)
    return 1 if found.missing else 0


def _command(paths: Sequence[Path], found: Survey) -> str:
    """What shares out anew what is missing; "" where nothing does, or nobody knows what was asked for."""
    from rnninspect.bench.merging import write_missing

    folders = [path for path in paths if path.is_dir()]
    if not found.missing or found.whole is None or len(folders) != 1:
        return ""
    try:
        kept = write_missing(folders[0], found)
    except OutputFailed as error:
        say(f"note: {error}, so that what is missing cannot be shared out from here")
        return ""
    if kept:
        say(f"note: {kept}")
    again = found.whole.again
    if not again or "-" in again:
        return ""
    return shlex.join(["rnninspect", *again, "--only-missing", str(folders[0]), "--shard", "I/N"])


def _print_progress(options: MergeOptions, found: Survey, controls: Sequence[Control], command: str) -> None:
    """The page of how far it is, or the one object."""
    from rnninspect.commands.shared.annotations import comment
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.output import for_people, write_text
    from rnninspect.results.digest import Digest
    from rnninspect.results.merge import merge_answer, merge_blocks, merge_document

    answer, blocks = merge_answer(found, command), merge_blocks(found, controls)
    if options.format is Format.MARKDOWN:
        write_text(for_people(comment(Digest(answer, shown=tuple(blocks))), None), None)
    else:
        print_page(options.format, blocks, lambda: merge_document(found, controls, command), "", None, answer)


def _print_figures(options: MergeOptions, found: Survey, controls: Sequence[Control], only: str | None) -> None:
    """One table alone, and a picture: of what was measured, which is read for it."""
    from rnninspect.bench.merging import outcomes_of
    from rnninspect.commands.shared.plots import save_plot
    from rnninspect.commands.shared.rendering import alone, print_page
    from rnninspect.results.bench import bench_tables
    from rnninspect.results.bench_charts import bench_charts
    from rnninspect.results.merge import merge_tables

    tables = merge_tables(found, controls)
    outcomes = () if only in tables and options.plot is None else tuple(outcomes_of(found))
    if only is not None:
        shown = tables if only in tables else bench_tables(outcomes, partial=bool(found.missing))
        print_page(options.format, alone(shown, only), dict, "", None)
    charts = bench_charts(outcomes) if options.plot is not None else ()
    if options.plot is not None and not charts:
        hint = "time is drawn against one number that is swept"
        raise OptionError(f"--plot {printable(str(options.plot))}: there is nothing to draw ({hint})")
    save_plot(charts, options.plot)
