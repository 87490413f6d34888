"""What `check` prints: the verdicts for people, for scripts and for CI servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from rnninspect.commands.shared.again import again, option_words
from rnninspect.commands.shared.check_options import CheckOptions
from rnninspect.commands.shared.rendering import render
from rnninspect.commands.shared.reports import REPORTS, from_root, report
from rnninspect.document.load import is_call
from rnninspect.formats import CheckFormat
from rnninspect.guard.check import Check
from rnninspect.guard.findings import Finding
from rnninspect.output import for_people, write_text
from rnninspect.results.caption import PLAN, caption, each_once
from rnninspect.results.check import check_document, check_tables
from rnninspect.results.check_answer import answer, check_digest, over_budget

# The subject of what is said of all documents together.
ALL = "all documents"


def print_check(options: CheckOptions, check: Check, findings: Mapping[str, Sequence[Finding]], lock: Path) -> None:
    """Print the verdicts in the format of the options. findings: by document, by lock, and of all together."""
    source = _caption(options, check)
    update = "" if options.update or options.base else _update_command(options)
    last = answer(check, update, _shrink_command(options, check))
    if options.format in REPORTS:
        text = report(options.format, _rules(options, check, lock), findings)
    elif options.format in (CheckFormat.GITHUB, CheckFormat.MARKDOWN):
        from rnninspect.commands.shared.annotations import annotate, comment

        listed = from_root(finding for of_subject in findings.values() for finding in of_subject)
        digest = check_digest(check, last, [f"{found.place}: {found.sentence}" for found in listed], source)
        text = annotate(listed, digest) if options.format is CheckFormat.GITHUB else comment(digest)
        text = for_people(text, options.output)
    else:
        tables = check_tables(check, folded=options.format is not CheckFormat.CSV)
        text = render(options.format, tables, lambda: check_document(check), source, options.output, last)
    write_text(text, options.output)


def _update_command(options: CheckOptions) -> str:
    """What accepts the models as they are, in a shell; "" where nothing does."""
    if any(map(is_call, options.files)):
        return ""  # why: it has no path that a lock could know it by
    return again("check", options.files, [*_words(options, "settings", "lock"), "--update"])


def _shrink_command(options: CheckOptions, check: Check) -> str:
    """What finds a size within the budget, PATH being its place, in a shell; "" where nothing does."""
    over = [verdict.model for verdict in check.verdicts if over_budget(verdict)]
    if "-" in options.files or any(model.checkpoint for model in over):
        return ""
    words = ["PATH", *_words(options, "max_params", "max_macs", "settings")]
    return again("fit", [model.source for model in over], words)


def _words(options: CheckOptions, *kept: str) -> list[str]:
    """What of the command line goes on in another: the options of those fields."""
    return option_words(options, {each.name for each in fields(options)} - set(kept))


def _caption(options: CheckOptions, check: Check) -> str:
    source = PLAN
    if options.build:
        proven = all(verdict.built for verdict in check.verdicts)
        source = "plan and torch agree" if proven else "not every model could be proven on torch"
    return caption(source, each_once(verdict.model.dtype for verdict in check.verdicts))


def _rules(options: CheckOptions, check: Check, lock: Path) -> dict[str, list[str]]:
    """Every rule that each document was checked by, itself always; then those of the lock, and of all together."""
    rules = {
        verdict.model.source: [
            "document",
            *(["build"] if options.build else []),
            *(["weights"] if verdict.weights else []),
            *(limit.name for limit in verdict.limits),
            *(["budget"] if options.locked and verdict.empty_budget else []),
            *([] if verdict.changes is None or check.against is None else [check.against.kind]),
        ]
        for verdict in check.verdicts
    }
    if options.locked and options.base is None:
        rules[str(lock)] = ["locked"]
    if check.total is not None:
        rules[ALL] = [check.total.name]
    return rules
