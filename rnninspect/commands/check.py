"""`rnninspect check`: models held against their budgets and against the lock."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rnninspect.commands.shared.check_options import CheckOptions
from rnninspect.commands.shared.messages import say, say_count
from rnninspect.errors import OptionError, RnnInspectError, printable
from rnninspect.runtime.here import need_folder

if TYPE_CHECKING:
    from rnninspect.commands.shared.checked import CheckedModel, Standard
    from rnninspect.commands.shared.file_models import Checkpoints
    from rnninspect.document.chain import Spec
    from rnninspect.files.held import Held
    from rnninspect.guard.base import Base
    from rnninspect.guard.check import Check
    from rnninspect.guard.findings import Finding
    from rnninspect.guard.locked import Locked

EXAMPLES = (
    "rnninspect check model.yaml --max-params 20M",
    "rnninspect check model.yaml --update",
    "rnninspect check model.yaml --base main --max-growth params=5%",
)
# So many documents are named in a note.
_FEW = 3


def run(options: CheckOptions) -> int:
    """Check every model and print the verdicts; returns the exit code."""
    from rnninspect.commands.shared.checked import checked_models
    from rnninspect.commands.shared.checked_files import planned_models, refuse_for_files
    from rnninspect.commands.shared.file_models import say_remarks
    from rnninspect.commands.shared.files import each_file_once
    from rnninspect.commands.shared.reports import report_unsound

    need_folder()
    standard = _standard(options)
    options = replace(options, files=each_file_once(options.files))
    refuse_for_files(options)
    checkpoints: Checkpoints = {}
    specs, wrong, unsound_code = _load(options, checkpoints)
    unsound = [finding for found in wrong.values() for finding in found]
    if unsound and (options.update or not specs):
        say_count(len(unsound))
        report_unsound(options.format, options.files, unsound, options.output)
        return unsound_code
    options = replace(options, files=[file for file in options.files if file not in wrong])
    held = _held(options)
    base = _base(options, unsound)
    standard = standard._replace(locked=None if base else _locked(options, standard.lock, unsound), base=base)
    if checkpoints:
        say_remarks(checkpoints)
    planned = planned_models(specs, checkpoints, options.settings)
    models = checked_models(planned, build=options.build, held=held)
    code = max((model.fault.exit_code for model in models if model.fault is not None), default=0)
    if unsound:
        _say_failing(options, models, standard, unsound)
        return max(code, unsound_code)
    return max(code, _judge(options, models, standard, checkpoints, proven=not code))


def _judge(
    options: CheckOptions, models: Sequence[CheckedModel], standard: Standard, checkpoints: Checkpoints, *, proven: bool
) -> int:
    """Print the verdicts on all models, and write the lock where that is asked for; 1 where anything is wrong."""
    from rnninspect.commands.shared.check_page import print_check
    from rnninspect.commands.shared.checked import check_of, findings_of

    _say_unlike(models)
    # why not before all are proven: until then nobody knows whether the lock is written.
    accepted = options.update and proven
    check = check_of(options, models, standard, accepted=accepted)
    if check.gone and not options.locked:
        _say_gone(check.gone, standard.lock)
        check = check._replace(gone={})
    _say_left_out(options, check, models, standard, checkpoints)
    if accepted:
        from rnninspect.commands.shared.lock_update import update  # why here: few checks write the lock

        update(standard.lock, {model.key(standard.lock): model.kept for model in models})
    elif options.update:
        say("note: the lock is left as it was, because not every model could be proven")
    findings = findings_of(models, check, standard)
    told = _say_findings(findings)
    print_check(options, check, findings, standard.lock)
    return int(told)


def _say_failing(
    options: CheckOptions, models: Sequence[CheckedModel], standard: Standard, unsound: Sequence[Finding]
) -> None:
    """Say what fails of the models beside documents that are unsound, and report it with them.

    why no verdicts: with their exit code nothing stands on stdout.
    """
    from rnninspect.commands.shared.checked import check_of, findings_of
    from rnninspect.commands.shared.reports import report_unsound

    check = check_of(options, models, standard, accepted=False)
    findings = findings_of(models, check if options.locked else check._replace(gone={}), standard)
    _say_findings(findings)
    every = [*unsound, *(finding for of_subject in findings.values() for finding in of_subject)]
    say_count(len(every))
    report_unsound(options.format, options.files, every, options.output)


def _standard(options: CheckOptions) -> Standard:
    """What the options say of it, no lock and no base read yet. Raises OptionError where they contradict each other."""
    from rnninspect.commands.shared.checked import Standard
    from rnninspect.commands.shared.values import limits_of, parsed
    from rnninspect.document.quantity import parse_count
    from rnninspect.guard.check import parse_growth
    from rnninspect.guard.lock import nearest_lock

    if options.update and options.max_growth is not None:
        raise OptionError("--max-growth: --update accepts whatever the models have become (leave one of the two out)")
    if options.update and options.locked:
        raise OptionError("--locked: --update writes what --locked wants to be there (leave one of the two out)")
    if options.update and "-" in options.files:
        raise OptionError("--update: standard input has no path that a lock could know it by (write it to a file)")
    _refuse_for_calls(options)
    if options.weights is not None and len(options.files) > 1:
        count = len(options.files)
        raise OptionError(f"--weights: one checkpoint is held against one document, got {count} (name one document)")
    if options.weights is not None and options.update:
        raise OptionError("--weights: --update writes what a document says (leave one of the two out)")
    given = [name for name, there in (("--update", options.update), ("--lock", options.lock is not None)) if there]
    if options.base is not None and given:
        raise OptionError(f"--base: no lock is read or written with it (leave {given[0]} or --base out)")
    if options.base is not None and "-" in options.files:
        raise OptionError("--base: standard input is at no revision (name a file)")
    return Standard(
        limits=limits_of(options.max_params, options.max_macs),
        max_total=parsed("--max-total-params", options.max_total_params, parse_count),
        growth=parsed("--max-growth", options.max_growth, parse_growth),
        lock=options.lock or nearest_lock(),
        locked=None,
        base=None,
    )


def _refuse_for_calls(options: CheckOptions) -> None:
    """Raise OptionError for what only a file can have, where a printed module is named itself: `LSTM(300, 50)`."""
    from rnninspect.document.load import is_call

    for file in filter(is_call, options.files):
        if options.update:
            raise OptionError(
                f"--update: {printable(file)} has no path that a lock could know it by (write it to a file)"
            )
        if options.base is not None:
            raise OptionError(f"--base: {printable(file)} is no file, and at no revision (leave --base out)")


def _load(options: CheckOptions, checkpoints: Checkpoints) -> tuple[list[Spec], dict[str, list[Finding]], int]:
    """Every model; by file what is wrong with those that are unsound, and their exit code."""
    from rnninspect.commands.shared.checked_files import settings_of_files
    from rnninspect.commands.shared.file_models import with_checkpoints
    from rnninspect.commands.shared.files import load_all
    from rnninspect.document.load import load_models
    from rnninspect.guard.findings import of_error

    unsound: dict[str, list[Finding]] = {}
    load = partial(load_models, settings=options.settings, device=options.device, dtype=options.dtype)
    specs, code = load_all(
        options.files,
        with_checkpoints(load, settings_of_files(options.settings), checkpoints),
        output=options.output,
        also=lambda error, file: unsound.update({file: list(of_error(error, file))}),
    )
    return specs, unsound, code


@contextmanager
def _reported(options: CheckOptions, file: str, unsound: Sequence[Finding] = ()) -> Iterator[None]:
    """A block whose errors, which are about `file`, are reported in place of verdicts, and come through.

    unsound: what is reported with them.
    """
    from rnninspect.commands.shared.reports import report_unsound
    from rnninspect.guard.findings import of_error

    try:
        yield
    except RnnInspectError as error:
        report_unsound(options.format, options.files, [*unsound, *of_error(error, file)], options.output)
        raise


def _held(options: CheckOptions) -> Held | None:
    """What the checkpoint of --weights holds; None without one."""
    from rnninspect.commands.shared.files import refuse_to_replace
    from rnninspect.commands.shared.messages import say_notes

    if options.weights is None:
        return None
    from rnninspect.files.read import read  # why here: few checks have a checkpoint

    refuse_to_replace(options.weights, options.output, "the checkpoint")
    with _reported(options, options.weights):
        held = read(options.weights)
    say_notes(f"{printable(held.file)}: {printable(note)}" for note in held.notes)
    return held


def _base(options: CheckOptions, unsound: Sequence[Finding]) -> Base | None:
    """The documents at the base; None where none was asked for."""
    from rnninspect.guard.base import read_base

    if options.base is None:
        return None
    with _reported(options, options.files[0], unsound):
        return read_base(options.base, options.files)


def _locked(options: CheckOptions, path: Path, unsound: Sequence[Finding]) -> Locked | None:
    """The lock to hold models against; None where there is none and none was named."""
    from rnninspect.commands.shared.files import refuse_to_replace
    from rnninspect.guard.lock import find_lock, read_lock

    refuse_to_replace(path, options.output, "the lock")
    with _reported(options, str(path), unsound):
        if options.lock is not None and not options.update:
            return read_lock(path)
        return find_lock(path, mend=options.update)


def _say_findings(findings: Mapping[str, Sequence[Finding]]) -> bool:
    """Say what is wrong, by subject; whether anything is. What could not be proven has been said already."""
    from rnninspect.commands.shared.check_page import ALL

    told = False
    for subject, listed in findings.items():
        for finding in listed:
            if finding.rule != "build":
                say(f"error: {'' if subject == ALL else f'{finding.place}: '}{finding.what}")
                told = True
    return told


def _say_left_out(
    options: CheckOptions, check: Check, models: Sequence[CheckedModel], standard: Standard, checkpoints: Checkpoints
) -> None:
    """Say what the verdicts leave out: tensors that are not counted, and what the lock has not, or does not tell."""
    from rnninspect.commands.shared.file_models import say_uncounted

    if checkpoints and _is_limited(check):
        say_uncounted(checkpoints)
    if check.against is None and not options.update and not options.locked and options.weights is None:
        _say_unlocked(check)
    if not options.update:
        _say_old(models, standard)


def _say_unlocked(check: Check) -> None:
    """Say that there is no lock, and what is left to hold the models against."""
    from rnninspect.guard.lock import NAME

    left = ": only budgets are checked" if _is_limited(check) else " and no budget to check"
    say(f"note: no {NAME} here{left} (--update writes a lock)")


def _say_unlike(models: Sequence[CheckedModel]) -> None:
    """Say which options the checkpoint of --weights says otherwise: no tensor tells them, and all may fit."""
    for held in (model.weights for model in models if model.weights is not None):
        for sentence in held.unlike:
            say(f"note: {printable(held.file)}: {printable(sentence)}")


def _is_limited(check: Check) -> bool:
    """Whether a count of any model is held to a limit."""
    return check.total is not None or any(verdict.limits for verdict in check.verdicts)


def _say_old(models: Sequence[CheckedModel], standard: Standard) -> None:
    """Say where the lock is too old to tell why a model is not as locked."""
    keys = [model.key(standard.lock) for model in models]
    locked = [standard.locked[key] for key in keys if standard.locked is not None and key in standard.locked]
    old = [model for model in locked if model.settings is None]
    if old:
        part = f"keeps no settings of {len(old)} of these {len(models)} models"
        what = "is of version 1 and keeps no settings" if len(old) == len(locked) else part
        lock = printable(str(standard.lock))
        say(f"note: {lock} {what}: changes are told by their weights (check --update writes them)")


def _say_gone(gone: Collection[str], lock: Path) -> None:
    """Say of which documents the lock alone knows: without --locked that is no error."""
    few = ", ".join(printable(file) for file in list(gone)[:_FEW])
    more = f" and {len(gone) - _FEW:,} more" if len(gone) > _FEW else ""
    say(
        f"note: {printable(str(lock))} has {few}{more}, which {'is' if len(gone) == 1 else 'are'} not there "
        f"(check --update drops {'it' if len(gone) == 1 else 'them'})"
    )
