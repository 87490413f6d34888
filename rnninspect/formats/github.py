"""GitHub workflow commands: each finding as an annotation on its line of the document."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.errors import printable
from rnninspect.guard.findings import Finding, first_of

# GitHub shows no more annotations of a kind from one step, and leaves out the others without a word.
MOST_ANNOTATIONS = 10
# GitHub drops a job's summary that is larger, and refuses a comment that is longer (in characters, which are no more).
MOST_SUMMARY_BYTES = 1024 * 1024
MOST_COMMENT_BYTES = 65_536


def render(findings: Sequence[Finding], remarks: Sequence[Finding] = ()) -> str:
    """An `::error` line for each finding and a `::warning` line for each remark; of too many the last is a count."""
    errors = first_of(findings, MOST_ANNOTATIONS)
    warnings = first_of(remarks, MOST_ANNOTATIONS, "the job's summary")
    by_level = (("error", errors), ("warning", warnings))
    return "".join(_annotation(level, finding) for level, several in by_level for finding in several)


def _annotation(level: str, finding: Finding) -> str:
    place = finding.place
    properties = {"file": place.source, "line": place.line, "col": place.column, "title": f"rnninspect: {finding.rule}"}
    written = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value is not None)
    return f"::{level} {written}::{_data(finding.sentence)}\n"


def _data(text: str) -> str:
    """Escaped as GitHub's runner reads it back; nothing in a document can start a command of its own."""
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
