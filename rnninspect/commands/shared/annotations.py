"""`--format github` and `markdown` of what has a verdict: annotations, the job's summary, a pull request's comment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from rnninspect.commands.shared.messages import say
from rnninspect.errors import OutputFailed
from rnninspect.formats import github, markdown
from rnninspect.guard.findings import Finding
from rnninspect.output import append_text
from rnninspect.results.digest import Digest


def annotate(findings: Sequence[Finding], digest: Digest, remarks: Sequence[Finding] = ()) -> str:
    """The annotations, remarks as warnings; the digest is added to the job's summary, where the runner has one.

    findings, remarks: with paths as the root of the repository sees them.
    """
    file, room = os.environ.get("GITHUB_STEP_SUMMARY"), github.MOST_SUMMARY_BYTES
    if file:
        with contextlib.suppress(OSError):
            room -= Path(file).stat().st_size
        try:
            append_text(markdown.digest(digest, max(room, 0)), Path(file))
        except OutputFailed as error:
            # why no error: what was found is in the annotations and the log, and the exit code is about that.
            say(f"warning: the job has no summary: {error}")
    return github.render(findings, remarks)


def comment(digest: Digest) -> str:
    """The same as the text of a comment."""
    return markdown.digest(digest, github.MOST_COMMENT_BYTES)
