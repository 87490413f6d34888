"""`rnninspect check`: models held against their budgets and against the lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

import typer

from rnninspect import disk
from rnninspect.commands.shared import completion
from rnninspect.commands.shared.messages import complain, say, say_notes
from rnninspect.commands.shared.options import HOW_TO_PRINT, Device, Files, Output, Settings
from rnninspect.errors import OptionError, RnnInspectError, printable
from rnninspect.formats import CheckFormat
from rnninspect.runtime.here import need_folder, need_torch

if TYPE_CHECKING:
    from rnninspect.document.chain import Spec
    from rnninspect.facts import ModelFacts
    from rnninspect.guard.check import Growth, Verdict
    from rnninspect.guard.findings import Finding
    from rnninspect.guard.lock import Locked

_Parsed = TypeVar("_Parsed")

EXAMPLES = (
    "rnninspect check model.yaml --max-params 20M",
    "rnninspect check model.yaml --update",
    "rnninspect check model.yaml --build --max-growth params=5%",
)


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What `check` takes."""

    files: Files
    lock: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", readable=False, help="Hold models against this lock, not against ./rnninspect.lock."
        ),
    ] = None
    update: Annotated[
        bool, typer.Option("--update", help="Accept the models as they are now, and write them into the lock.")
    ] = False
    max_params: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Allow each model at most so many parameters, such as 20M.")
    ] = None
    max_growth: Annotated[
        str | None,
        typer.Option(
            metavar="LIMITS",
            help="Let models differ from the lock, but grow no further than 5%, or params=5%,macs=100k.",
            autocompletion=completion.growths,
        ),
    ] = None
    build: Annotated[bool, typer.Option("--build", help="Prove the models on the real torch modules too.")] = False
    device: Device = None
    settings: Settings = field(default_factory=list)
    format: Annotated[CheckFormat, HOW_TO_PRINT] = CheckFormat.TABLE
    output: Output = None


class _Model(NamedTuple):
    """A model to be checked. fault: why it could not be proven on torch, where it was to be."""

    spec: Spec
    facts: ModelFacts
    fault: RnnInspectError | None


class _Limits(NamedTuple):
    """What models are held against besides their documents' budgets. locked: None without a lock."""

    max_params: int | None
    growth: tuple[Growth, ...] | None
    lock: Path
    locked: Locked | None


def run(options: CheckOptions) -> int:
    """Check every model and print the verdicts; returns the exit code."""
    from rnninspect.commands.shared.files import load_all
    from rnninspect.commands.shared.reports import report_unsound
    from rnninspect.document.quantity import parse_count
    from rnninspect.guard.check import parse_growth
    from rnninspect.guard.findings import of_error
    from rnninspect.guard.lock import NAME

    need_folder()
    if options.update and options.max_growth is not None:
        raise OptionError("--max-growth: --update accepts whatever the models have become (leave one of the two out)")
    max_params = _parsed("--max-params", options.max_params, parse_count)
    growth = _parsed("--max-growth", options.max_growth, parse_growth)
    unsound: list[Finding] = []
    specs, code = load_all(
        options.files,
        options.settings,
        device=options.device,
        output=options.output,
        also=lambda error, file: unsound.extend(of_error(error, file)),
    )
    if code:
        report_unsound(options.format, options.files, unsound, options.output)
        return code
    lock = options.lock or Path(NAME)
    limits = _Limits(max_params=max_params, growth=growth, lock=lock, locked=_locked(options, lock))
    models = _models(specs, build=options.build)
    code = max((model.fault.exit_code for model in models if model.fault is not None), default=0)
    # why not before all are proven: until then nobody knows whether the lock is written.
    accepted = options.update and not code
    verdicts = [_verdict(model, limits, accepted=accepted, build=options.build) for model in models]
    if limits.locked is None and not options.update:
        _say_unlocked(verdicts)
    if accepted:
        _update(lock, models)
    elif options.update:
        say("note: the lock is left as it was, because not every model could be proven")
    findings = _findings(models, verdicts, lock)
    for finding in (finding for listed in findings.values() for finding in listed if finding.rule != "build"):
        say(f"error: {finding.place}: {finding.what}")
        code = max(code, 1)
    _print(options, verdicts, findings)
    return code


def _parsed(option: str, given: str | None, parse: Callable[[str], _Parsed]) -> _Parsed | None:
    try:
        return None if given is None else parse(given)
    except ValueError as error:
        raise OptionError(f"{option} {printable(str(given))}: {error}") from error


def _locked(options: CheckOptions, path: Path) -> Locked | None:
    """The lock to hold models against; None where there is none and none was named."""
    from rnninspect.commands.shared.files import refuse_to_replace
    from rnninspect.commands.shared.reports import report_unsound
    from rnninspect.guard.findings import of_error
    from rnninspect.guard.lock import find_lock, read_lock

    refuse_to_replace(path, options.output, "the lock")
    try:
        if options.lock is not None and not options.update:
            return read_lock(path)
        locked = find_lock(path)
    except RnnInspectError as error:
        report_unsound(options.format, options.files, list(of_error(error, str(path))), options.output)
        raise
    return locked


def _say_unlocked(verdicts: Sequence[Verdict]) -> None:
    """Say that there is no lock, and what is left to hold the models against."""
    from rnninspect.guard.lock import NAME

    left = ": only budgets are checked" if any(verdict.limits for verdict in verdicts) else " and no budget to check"
    say(f"note: no {NAME} here{left} (--update writes a lock)")


def _models(specs: Sequence[Spec], *, build: bool) -> list[_Model]:
    """The facts of every model, proven on torch with `build`; what stands against that is said."""
    from rnninspect.plan import plan

    if build:
        need_torch()
    models = []
    for spec in specs:
        say_notes(spec.notes)
        planned = plan(spec)
        facts, fault = _proven(spec, planned) if build else (planned, None)
        if fault is not None:
            complain(fault)
        models.append(_Model(spec, facts, fault))
    return models


def _proven(spec: Spec, planned: ModelFacts) -> tuple[ModelFacts, RnnInspectError | None]:
    """The facts of a model run on torch; where that fails its plan, and why."""
    from rnninspect.commands.shared.proof import disagreement, prove

    try:
        proof = prove(spec, planned, 0, "leave out --build")
    except RnnInspectError as error:
        return planned, error
    say_notes(proof.notes)
    return proof.model, disagreement(spec, proof.differences) if proof.differences else None


def _verdict(model: _Model, against: _Limits, *, accepted: bool, build: bool) -> Verdict:
    from rnninspect.guard.changes import changes
    from rnninspect.guard.check import Verdict, limits
    from rnninspect.guard.lock import file_key

    budget = dict(model.spec.budget)
    if against.max_params is not None:
        budget["max_params"] = against.max_params
    before = None if against.locked is None else against.locked.get(file_key(model.spec.source, against.lock))
    return Verdict(
        model=model.facts,
        limits=limits(model.facts, budget),
        changes=None if against.locked is None else changes(model.facts, before),
        allowed_growth=against.growth,
        accepted=accepted,
        built=model.fault is None if build else None,
    )


def _findings(models: Sequence[_Model], verdicts: Sequence[Verdict], lock: Path) -> dict[str, list[Finding]]:
    """What is wrong with each document, by its path: what kept it from being proven, then what the check found."""
    from rnninspect.guard.findings import findings, of_error

    by_document: dict[str, list[Finding]] = {}
    for model, verdict in zip(models, verdicts, strict=True):
        listed = by_document.setdefault(model.spec.source, [])
        if model.fault is not None:
            listed += [found._replace(rule="build") for found in of_error(model.fault, model.spec.source)]
        listed.extend(findings(model.spec, verdict, str(lock)))
    return by_document


def _update(path: Path, models: Sequence[_Model]) -> None:
    """Bring the lock up to date with these models, and say what became of it."""
    from rnninspect.guard.lock import file_key, locked_layers, update_lock

    if os.environ.get("CI"):
        say("warning: --update in CI accepts whatever the models have become; the check against the lock is lost")
    now = {file_key(model.spec.source, path): locked_layers(model.facts) for model in models}
    notes: list[str] = []
    there: set[str] = set()

    def change(before: Locked) -> Locked:
        # Models whose document is gone are dropped; those of other documents stay as they are.
        after = dict(before)
        for file in before.keys() - now.keys():
            try:
                if disk.status(path.parent / file) is not None:
                    continue
            except OSError as error:
                why = f"it cannot be looked for: {disk.reason(error)}"
                notes.append(f"warning: {printable(file)} stays in {printable(str(path))}, as {why}")
            else:
                del after[file]
                notes.append(f"note: {printable(file)} is gone, and dropped from {printable(str(path))}")
        there.update(after, now)
        return {**after, **now}

    update_lock(path, change)
    for note in sorted(notes):
        say(note)
    part = len(now) != len(there)
    counted = f"{len(now)} of the {len(there)} models in it" if part else f"{len(now)} model{'s' * (len(now) != 1)}"
    say(f"note: {printable(str(path))} is up to date with {counted}")


def _print(options: CheckOptions, verdicts: Sequence[Verdict], findings: Mapping[str, Sequence[Finding]]) -> None:
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.commands.shared.reports import REPORTS, report
    from rnninspect.output import write_text
    from rnninspect.results.check import check_document, check_tables

    tables, source = check_tables(verdicts), _caption(options, verdicts)
    if options.format is CheckFormat.GITHUB:
        from rnninspect.commands.shared.annotations import annotate

        listed = [finding for of_document in findings.values() for finding in of_document]
        write_text(annotate(listed, tables, source), options.output)
    elif options.format in REPORTS:
        rules = {verdict.model.source: _rules(options, verdict) for verdict in verdicts}
        write_text(report(options.format, rules, findings), options.output)
    else:
        print_page(options.format, tables, lambda: check_document(verdicts), source, options.output)


def _caption(options: CheckOptions, verdicts: Sequence[Verdict]) -> str:
    from rnninspect.results.caption import PLAN, caption, each_once

    source = PLAN
    if options.build:
        proven = all(verdict.built for verdict in verdicts)
        source = "plan and torch agree" if proven else "not every model could be proven on torch"
    return caption(source, each_once(verdict.model.dtype for verdict in verdicts))


def _rules(options: CheckOptions, verdict: Verdict) -> list[str]:
    """Every rule that a model was checked by; the document itself always is."""
    lock = [] if verdict.changes is None else ["lock"]
    return ["document", *(["build"] if options.build else []), *(limit.name for limit in verdict.limits), *lock]
