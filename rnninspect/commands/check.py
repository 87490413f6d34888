"""`rnninspect check`: models held against their budgets and against the lock."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.commands.shared.check_options import CheckOptions
from rnninspect.commands.shared.messages import complain, say, say_notes
from rnninspect.errors import OptionError, RnnInspectError, printable
from rnninspect.runtime.here import need_folder, need_torch

if TYPE_CHECKING:
    from rnninspect.document.chain import Spec
    from rnninspect.facts import ModelFacts
    from rnninspect.guard.against import Against
    from rnninspect.guard.base import Base
    from rnninspect.guard.changes import Change
    from rnninspect.guard.check import Check, Growth, Verdict
    from rnninspect.guard.findings import Finding
    from rnninspect.guard.locked import Locked

EXAMPLES = (
    "rnninspect check model.yaml --max-params 20M",
    "rnninspect check model.yaml --update",
    "rnninspect check model.yaml --base main --max-growth params=5%",
)


# So many documents are named in a note.
_FEW = 3


class _Model(NamedTuple):
    """A model to be checked. fault: why it could not be proven on torch, where it was to be."""

    spec: Spec
    facts: ModelFacts
    fault: RnnInspectError | None


class _Limits(NamedTuple):
    """What models are held against besides their documents' budgets. locked, base: no more than one; None without."""

    max_params: int | None
    max_total: int | None
    growth: tuple[Growth, ...] | None
    lock: Path
    locked: Locked | None
    base: Base | None

    @property
    def against(self) -> Against:
        """What models are held against, or would be."""
        from rnninspect.guard.against import Against

        return self.base.against if self.base is not None else Against(str(self.lock))


def run(options: CheckOptions) -> int:
    """Check every model and print the verdicts; returns the exit code."""
    from rnninspect.commands.shared.check_page import ALL, print_check
    from rnninspect.commands.shared.files import each_file_once, load_all
    from rnninspect.commands.shared.reports import report_unsound
    from rnninspect.guard.findings import of_error

    need_folder()
    limits = _limits(options)
    options = replace(options, files=each_file_once(options.files))
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
    base = _base(options)
    limits = limits._replace(locked=None if base else _locked(options, limits.lock), base=base)
    models = _models(specs, build=options.build)
    code = max((model.fault.exit_code for model in models if model.fault is not None), default=0)
    # why not before all are proven: until then nobody knows whether the lock is written.
    accepted = options.update and not code
    check = _check(options, models, limits, accepted=accepted)
    if check.against is None and not options.update and not options.locked:
        _say_unlocked(check)
    if not options.update:
        _say_old(models, limits)
    if accepted:
        _update(limits.lock, models)
    elif options.update:
        say("note: the lock is left as it was, because not every model could be proven")
    findings = _findings(models, check, limits)
    for subject, listed in findings.items():
        for finding in listed:
            if finding.rule != "build":
                say(f"error: {'' if subject == ALL else f'{finding.place}: '}{finding.what}")
                code = max(code, 1)
    print_check(options, check, findings, limits.lock)
    return code


def _limits(options: CheckOptions) -> _Limits:
    """What the options say of limits and of the lock. Raises OptionError where they contradict each other."""
    from rnninspect.commands.shared.values import parsed
    from rnninspect.document.quantity import parse_count
    from rnninspect.guard.check import parse_growth
    from rnninspect.guard.nearest import nearest_lock

    if options.update and options.max_growth is not None:
        raise OptionError("--max-growth: --update accepts whatever the models have become (leave one of the two out)")
    if options.update and options.locked:
        raise OptionError("--locked: --update writes what --locked wants to be there (leave one of the two out)")
    if options.update and "-" in options.files:
        raise OptionError("--update: standard input has no path that a lock could know it by (write it to a file)")
    given = [name for name, there in (("--update", options.update), ("--lock", options.lock is not None)) if there]
    if options.base is not None and given:
        raise OptionError(f"--base: no lock is read or written with it (leave {given[0]} or --base out)")
    if options.base is not None and "-" in options.files:
        raise OptionError("--base: standard input is at no revision (name a file)")
    return _Limits(
        max_params=parsed("--max-params", options.max_params, parse_count),
        max_total=parsed("--max-total-params", options.max_total_params, parse_count),
        growth=parsed("--max-growth", options.max_growth, parse_growth),
        lock=options.lock or nearest_lock(),
        locked=None,
        base=None,
    )


def _base(options: CheckOptions) -> Base | None:
    """The documents at the base; None where none was asked for."""
    from rnninspect.commands.shared.reports import report_unsound
    from rnninspect.guard.base import read_base
    from rnninspect.guard.findings import of_error

    if options.base is None:
        return None
    try:
        return read_base(options.base, options.files)
    except RnnInspectError as error:
        report_unsound(options.format, options.files, list(of_error(error, options.files[0])), options.output)
        raise


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
        locked = find_lock(path, mend=options.update)
    except RnnInspectError as error:
        report_unsound(options.format, options.files, list(of_error(error, str(path))), options.output)
        raise
    return locked


def _say_unlocked(check: Check) -> None:
    """Say that there is no lock, and what is left to hold the models against."""
    from rnninspect.guard.lock import NAME

    limited = check.total is not None or any(verdict.limits for verdict in check.verdicts)
    left = ": only budgets are checked" if limited else " and no budget to check"
    say(f"note: no {NAME} here{left} (--update writes a lock)")


def _say_old(models: Sequence[_Model], against: _Limits) -> None:
    """Say where the lock is too old to tell why a model is not as locked."""
    from rnninspect.guard.lock import file_key

    keys = [file_key(model.spec.source, against.lock) for model in models]
    locked = [against.locked[key] for key in keys if against.locked is not None and key in against.locked]
    old = [model for model in locked if model.settings is None]
    if old:
        part = f"keeps no settings of {len(old)} of these {len(models)} models"
        what = "is of version 1 and keeps no settings" if len(old) == len(locked) else part
        lock = printable(str(against.lock))
        say(f"note: {lock} {what}: changes are told by their weights (check --update writes them)")


def _say_gone(gone: Collection[str], lock: Path) -> None:
    """Say of which documents the lock alone knows: without --locked that is no error."""
    few = ", ".join(printable(file) for file in list(gone)[:_FEW])
    more = f" and {len(gone) - _FEW:,} more" if len(gone) > _FEW else ""
    say(
        f"note: {printable(str(lock))} has {few}{more}, which {'is' if len(gone) == 1 else 'are'} not there "
        f"(check --update drops {'it' if len(gone) == 1 else 'them'})"
    )


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


def _check(options: CheckOptions, models: Sequence[_Model], against: _Limits, *, accepted: bool) -> Check:
    from rnninspect.guard.check import Check

    each = zip(models, _changes(options, models, against), strict=True)
    verdicts = tuple(_verdict(options, model, against, changes, accepted=accepted) for model, changes in each)
    verdicts = _likened(models, verdicts, against)
    gone = {} if options.update else _gone(verdicts, against)
    if gone and not options.locked:
        _say_gone(gone, against.lock)
    there = against.locked is not None or against.base is not None
    held = against.against if there else None
    return Check(verdicts=verdicts, against=held, allowed=against.max_total, gone=gone if options.locked else {})


def _changes(options: CheckOptions, models: Sequence[_Model], against: _Limits) -> Iterator[tuple[Change, ...] | None]:
    """What has changed of each model since the lock or the base; None where there is neither."""
    from rnninspect.guard.changes import UNREADABLE, changes
    from rnninspect.guard.lock import file_key
    from rnninspect.guard.locked import locked_model

    if against.base is not None:
        from rnninspect.guard.base import model_at_base

        for model, found in zip(models, against.base.documents, strict=True):
            now = locked_model(model.spec, model.facts)
            try:
                yield changes(now, model_at_base(found, model.spec, now, options.settings, options.device))
            except RnnInspectError as error:
                file, base = printable(model.spec.source), against.against.since
                say(f"note: {file} is taken for new, as its document at {base} is no model: {error}")
                yield (UNREADABLE,)
        return
    for model in models:
        if against.locked is None:
            yield None
        else:
            before = against.locked.get(file_key(model.spec.source, against.lock))
            yield changes(locked_model(model.spec, model.facts), before)


def _verdict(
    options: CheckOptions, model: _Model, against: _Limits, changes: tuple[Change, ...] | None, *, accepted: bool
) -> Verdict:
    from rnninspect.guard.check import Verdict, limits

    budget = dict(model.spec.budget)
    if against.max_params is not None:
        budget["max_params"] = against.max_params
    return Verdict(
        model=model.facts,
        limits=limits(model.facts, budget),
        changes=changes,
        allowed_growth=against.growth,
        accepted=accepted,
        built=model.fault is None if options.build else None,
        empty_budget=("budget",) in model.spec.tree.keys and not model.spec.budget,
        demanded=options.locked,
        new_allowed=against.base is not None and not options.locked,
    )


def _findings(models: Sequence[_Model], check: Check, against: _Limits) -> dict[str, list[Finding]]:
    """What is wrong with each document, by its path, with the lock, and with all together."""
    from rnninspect.commands.shared.check_page import ALL
    from rnninspect.guard.findings import findings, of_error
    from rnninspect.guard.whole import lock_findings, total_findings

    lock = against.lock
    by_subject: dict[str, list[Finding]] = {}
    for model, verdict in zip(models, check.verdicts, strict=True):
        listed = by_subject.setdefault(model.spec.source, [])
        if model.fault is not None:
            listed += [found._replace(rule="build") for found in of_error(model.fault, model.spec.source)]
        listed.extend(findings(model.spec, verdict, against.against))
    of_whole = {str(lock): list(lock_findings(check, lock)), ALL: list(total_findings(check))}
    return by_subject | {subject: listed for subject, listed in of_whole.items() if listed}


def _likened(models: Sequence[_Model], verdicts: Sequence[Verdict], against: _Limits) -> tuple[Verdict, ...]:
    """The verdicts, those of models that the lock lacks with what it has like them."""
    from rnninspect.guard.lock import file_key

    if against.locked is None or not any(verdict.drifted and verdict.new for verdict in verdicts):
        return tuple(verdicts)
    from rnninspect.guard.likeness import likenesses
    from rnninspect.guard.locked import locked_model

    keys = [file_key(model.spec.source, against.lock) for model in models]
    each = list(zip(keys, models, verdicts, strict=True))
    new = {key: locked_model(model.spec, model.facts) for key, model, verdict in each if verdict.new}
    alike = likenesses(new, against.locked, keys, against.lock)
    return tuple(
        verdict._replace(likeness=alike[key].sentence, former=alike[key].file if alike[key].renamed else "")
        if key in alike
        else verdict
        for key, _, verdict in each
    )


def _gone(verdicts: Sequence[Verdict], against: _Limits) -> dict[str, str]:
    """What is wrong with those documents that the lock alone knows, by file."""
    from rnninspect.disk import reason
    from rnninspect.guard.whole import without_document

    absent = "is locked and not there (check --update drops it)"
    others = set(against.locked or ()) - {verdict.former for verdict in verdicts}
    return {
        file: absent if error is None else f"is locked and cannot be looked for: {reason(error)}"
        for file, error in sorted(without_document(against.lock, others).items())
    }


def _update(lock: Path, models: Sequence[_Model]) -> None:
    from rnninspect.commands.shared.lock_update import update
    from rnninspect.guard.lock import file_key
    from rnninspect.guard.locked import locked_model

    update(lock, {file_key(model.spec.source, lock): locked_model(model.spec, model.facts) for model in models})
