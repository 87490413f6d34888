"""`rnninspect check`: models held against their budgets and against the lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from rnninspect import disk
from rnninspect.commands.shared.files import load_all, same_file
from rnninspect.commands.shared.prove import disagreement, prove
from rnninspect.commands.shared.render import render
from rnninspect.commands.shared.say import complain, say
from rnninspect.document.chain import Spec
from rnninspect.document.quantity import parse_count
from rnninspect.errors import OptionError, RnnInspectError, printable
from rnninspect.facts import ModelFacts
from rnninspect.formats import CheckFormat
from rnninspect.guard.check import Verdict, changes, limits, parse_growth
from rnninspect.guard.findings import Finding, findings, of_error
from rnninspect.guard.lock import NAME, Locked, file_key, find_lock, locked_layers, read_lock, update_lock
from rnninspect.output import write_text
from rnninspect.plan import plan
from rnninspect.results.check import check_document, check_tables
from rnninspect.runtime.here import need_folder, need_torch

_Parsed = TypeVar("_Parsed")


class Check(NamedTuple):
    """What `check` was asked for."""

    files: list[str]
    settings: list[str]
    lock: Path | None
    update: bool
    max_params: str | None
    max_growth: str | None
    build: bool
    device: str | None
    format: CheckFormat
    output: Path | None


def check(asked: Check) -> int:
    """Check every model and print the verdicts; returns the exit code."""
    need_folder()
    if asked.update and asked.max_growth is not None:
        raise OptionError("--max-growth: --update accepts whatever the models have become (leave one of the two out)")
    max_params = None if asked.max_params is None else _parsed("--max-params", asked.max_params, parse_count)
    growth = None if asked.max_growth is None else _parsed("--max-growth", asked.max_growth, parse_growth)
    specs, code = load_all(
        asked.files,
        asked.settings,
        device=asked.device,
        output=asked.output,
        also=lambda error, file: _annotate(asked, error, file),
    )
    if code:
        return code
    path = asked.lock or Path(NAME)
    if asked.output is not None and same_file(asked.output, path):
        raise OptionError(f"--output {printable(str(asked.output))}: this is the lock (name another file)")
    try:
        locked = _locked(asked, path)
    except RnnInspectError as error:
        _annotate(asked, error, str(path))
        raise
    if asked.build:
        need_torch()
    proven: list[tuple[Spec, ModelFacts, bool | None]] = []
    found: dict[str, list[Finding]] = {}
    for spec in specs:
        for note in spec.notes:
            say(f"note: {note}")
        model, built = plan(spec), None
        if asked.build:
            try:
                model, differing = prove(spec, 0, "leave out --build")
                if differing:
                    raise disagreement(spec, differing)
                built = True
            except RnnInspectError as error:
                built = False
                code = max(code, complain(error))
                found.setdefault(spec.source, []).append(of_error(error, spec.source)._replace(rule="build"))
        proven.append((spec, model, built))
    # why not before all are proven: until then nobody knows whether the lock is written.
    accepted = asked.update and not code
    verdicts = []
    for spec, model, built in proven:
        budget = dict(spec.budget) | ({} if max_params is None else {"max_params": max_params})
        against = None if locked is None else changes(model, locked.get(file_key(spec.source, path)))
        verdict = Verdict(model, limits(model, budget), against, growth, accepted=accepted, built=built)
        verdicts.append(verdict)
        found.setdefault(spec.source, []).extend(findings(spec, verdict, str(path)))
    if asked.update and code:
        say("note: the lock is left as it was, because not every model could be proven")
    elif accepted:
        _update(path, specs, verdicts)
    for finding in (finding for listed in found.values() for finding in listed if finding.rule != "build"):
        say(f"error: {finding.place}: {finding.what}")
        code = max(code, 1)
    _print(asked, verdicts, found)
    return code


def _parsed(option: str, given: str, parse: Callable[[str], _Parsed]) -> _Parsed:
    try:
        return parse(given)
    except ValueError as error:
        raise OptionError(f"{option} {printable(given)}: {error}") from error


def _annotate(asked: Check, error: RnnInspectError, file: str) -> None:
    """Under GitHub a document that is not sound is an annotation too."""
    if asked.format is CheckFormat.GITHUB:
        from rnninspect.formats import github

        # why stderr: with exit code 2 nothing stands on stdout, and the runner reads annotations from both.
        say(github.render([of_error(error, file)]).rstrip())


def _locked(asked: Check, path: Path) -> Locked | None:
    """The lock to hold models against; None where there is none and none was named."""
    if asked.lock is not None and not asked.update:
        return read_lock(path)
    found = find_lock(path)
    if found is None and not asked.update:
        say(f"note: there is no {NAME} here, so only budgets are checked (--update writes one)")
    return found


def _update(path: Path, specs: Sequence[Spec], verdicts: Sequence[Verdict]) -> None:
    if os.environ.get("CI"):
        say("warning: --update in CI accepts whatever the models have become; the check against the lock is lost")
    now = {
        file_key(spec.source, path): locked_layers(verdict.model) for spec, verdict in zip(specs, verdicts, strict=True)
    }

    notes: list[str] = []
    there: set[str] = set()

    def change(before: Locked) -> Locked:
        # Models whose document is gone are dropped; those of other documents stay as they are.
        kept = dict(before)
        for file in before.keys() - now.keys():
            try:
                if disk.status(path.parent / file) is not None:
                    continue
            except OSError as error:
                why = f"it cannot be looked for: {disk.reason(error)}"
                notes.append(f"warning: {printable(file)} stays in {printable(str(path))}, as {why}")
            else:
                del kept[file]
                notes.append(f"note: {printable(file)} is gone, and dropped from {printable(str(path))}")
        there.update(kept, now)
        return {**kept, **now}

    update_lock(path, change)
    for note in sorted(notes):
        say(note)
    of = f"{len(now)} model" if len(now) == len(there) else f"{len(now)} of the {len(there)} models in it"
    models = f"{of}{'s' * (of.endswith('model') and len(now) != 1)}"
    say(f"note: {printable(str(path))} is up to date with {models}")


def _print(asked: Check, verdicts: Sequence[Verdict], found: Mapping[str, Sequence[Finding]]) -> None:
    tables = check_tables(verdicts)
    caption = "plan: from the equations alone, torch was not asked"
    if asked.build:
        proven = all(verdict.built for verdict in verdicts)
        caption = "plan and torch agree" if proven else "not every model could be proven on torch"
    caption += f" · {', '.join(dict.fromkeys(verdict.model.dtype for verdict in verdicts))}"
    if asked.format is CheckFormat.GITHUB:
        from rnninspect.commands.shared.annotate import annotate

        text = annotate([finding for listed in found.values() for finding in listed], tables, caption)
    elif asked.format is CheckFormat.JUNIT:
        from rnninspect.formats import junit

        text = junit.render({verdict.model.source: _rules(asked, verdict) for verdict in verdicts}, found)
    else:
        text = render(asked.format, tables, lambda: check_document(verdicts), caption, asked.output)
    write_text(text, asked.output)


def _rules(asked: Check, verdict: Verdict) -> list[str]:
    """Every rule that a model was checked by; the document itself always is."""
    lock = [] if verdict.changes is None else ["lock"]
    return ["document", *(["build"] if asked.build else []), *(limit.name for limit in verdict.limits), *lock]
