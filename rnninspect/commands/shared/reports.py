"""What a CI server reads of a check: annotations, or a report in the format of `--format`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rnninspect import __version__, disk
from rnninspect.commands.shared.messages import say
from rnninspect.errors import counted
from rnninspect.formats import CheckFormat
from rnninspect.guard.findings import Finding
from rnninspect.output import write_text

# The formats that are files for a server, and nothing for people.
REPORTS = (CheckFormat.JUNIT, CheckFormat.SARIF, CheckFormat.GITLAB)


def report(format: CheckFormat, rules: Mapping[str, Sequence[str]], findings: Mapping[str, Sequence[Finding]]) -> str:
    """The text of a report. rules, findings: by document, what it was checked by, and what is wrong with it."""
    # why imported here: each run needs one of them.
    if format is CheckFormat.JUNIT:
        from rnninspect.formats import junit

        return junit.render(rules, findings)
    placed = {source: from_root(of_document) for source, of_document in findings.items()}
    if format is CheckFormat.SARIF:
        from rnninspect.formats import sarif

        return sarif.render(rules, placed, __version__)
    from rnninspect.formats import gitlab

    return gitlab.render([finding for of_document in placed.values() for finding in of_document])


def report_unsound(format: CheckFormat, files: Sequence[str], findings: Sequence[Finding], output: Path | None) -> None:
    """Tell a CI of documents that could not be checked, and what is wrong with others, which have no verdict then.

    why: a job that failed says nothing by itself.
    """
    if format is CheckFormat.GITHUB:
        from rnninspect.commands.shared.annotations import annotate
        from rnninspect.results.digest import Digest, few
        from rnninspect.results.table import Answer

        listed = from_root(findings)
        answer = Answer(f"no verdict: {counted(len(listed), 'error')}", "error")
        digest = Digest(answer, few([f"{found.place}: {found.sentence}" for found in listed]))
        # why stderr: with exit code 2 nothing stands on stdout, and the runner reads annotations from both.
        for line in annotate(listed, digest).splitlines():
            say(line)
    # why only into a file: nothing stands on stdout here. A step that uploads the file looks for it all the same.
    elif format in REPORTS and output is not None:
        by_document: dict[str, list[Finding]] = {file: [] for file in files}
        for finding in findings:
            by_document.setdefault(finding.place.in_file.source, []).append(finding)
        rules = {
            source: list(dict.fromkeys(["document", *(finding.rule for finding in found)]))
            for source, found in by_document.items()
        }
        write_text(report(format, rules, by_document), output)


def from_root(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with each path as seen from the root of the repository, which is how a server knows a file."""
    here = Path.cwd()
    root = disk.repository() or here
    return [
        finding._replace(place=replace(finding.place, source=_relative(here, finding.place.source, root)))
        for finding in (each.in_file for each in findings)
    ]


def _relative(here: Path, source: str, root: Path) -> str:
    if source.startswith("<"):  # standard input
        return source
    try:
        return Path(os.path.relpath(here / source, root)).as_posix()
    except ValueError:  # on another drive of Windows
        return Path(source).name
