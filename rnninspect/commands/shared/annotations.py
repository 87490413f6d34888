"""`--format github`: findings as annotations, and the tables in the job's summary."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from rnninspect.commands.shared.reports import from_root
from rnninspect.formats import github, markdown
from rnninspect.guard.findings import Finding
from rnninspect.output import append_text
from rnninspect.results.table import Block


def annotate(
    findings: Sequence[Finding], blocks: Sequence[Block], caption: str, remarks: Sequence[Finding] = ()
) -> str:
    """The annotations, remarks as warnings; `blocks` are added to the summary on the way, where the runner has one."""
    summary, room = os.environ.get("GITHUB_STEP_SUMMARY"), github.MOST_SUMMARY_BYTES
    if summary:
        with contextlib.suppress(OSError):
            room -= Path(summary).stat().st_size
        append_text(github.summary(markdown.render(blocks, caption), max(room, 0)), Path(summary))
    return github.render(from_root(findings), from_root(remarks))
