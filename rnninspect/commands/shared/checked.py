"""The models of `check`, and what they come to: each held against its budget, and against a lock or a base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.commands.shared.check_options import CheckOptions
from rnninspect.commands.shared.check_page import ALL
from rnninspect.commands.shared.checked_files import Planned, need_batch
from rnninspect.commands.shared.messages import complain, say, say_notes
from rnninspect.disk import reason
from rnninspect.document.chain import Spec
from rnninspect.errors import RnnInspectError, printable
from rnninspect.facts.models import ModelFacts
from rnninspect.guard.against import Against
from rnninspect.guard.changes import UNREADABLE, Change, changes
from rnninspect.guard.check import Check, Growth, Verdict, limits
from rnninspect.guard.findings import Finding, findings, of_error
from rnninspect.guard.lock import file_key
from rnninspect.guard.locked import Locked, LockedModel, locked_model
from rnninspect.guard.whole import lock_findings, total_findings, without_document
from rnninspect.runtime.here import need_torch

if TYPE_CHECKING:
    from rnninspect.files.held import Held
    from rnninspect.guard.base import Base
    from rnninspect.guard.weights import HeldWeights


@dataclass(frozen=True)
class CheckedModel:
    """A model to be checked.

    fault: why it could not be proven on torch, where it was to be. weights: the checkpoint that it is held against.
    """

    spec: Spec
    facts: ModelFacts
    fault: RnnInspectError | None
    weights: HeldWeights | None = None

    @property
    def file(self) -> str:
        """Its document."""
        return self.spec.source

    @cached_property
    def kept(self) -> LockedModel:
        """What a lock keeps of it."""
        return locked_model(self.spec, self.facts)

    def key(self, lock: Path) -> str:
        """How a lock calls it. Raises FolderGone."""
        return file_key(self.file, lock)


class Standard(NamedTuple):
    """What models are held against besides their documents' budgets. locked, base: no more than one; None without."""

    limits: Mapping[str, int]
    max_total: int | None
    growth: tuple[Growth, ...] | None
    lock: Path
    locked: Locked | None
    base: Base | None

    @property
    def against(self) -> Against:
        """The base, or the lock, be there one or not."""
        return self.base.against if self.base is not None else Against(str(self.lock))


def checked_models(planned: Iterable[Planned], *, build: bool, held: Held | None = None) -> list[CheckedModel]:
    """The facts of every model, proven on torch with `build`; what stands against that is said. Raises NoTorch.

    held: the checkpoint that each is held against.
    """
    if build:
        need_torch()
    models = []
    for spec, planned_facts, fault in planned:
        say_notes(spec.notes)
        facts, fault = _proven(spec, planned_facts) if build else (planned_facts, fault)
        if fault is not None:
            complain(fault)
        models.append(CheckedModel(spec, facts, fault, weights=_weights(spec, planned_facts, held)))
    return models


def _weights(spec: Spec, planned: ModelFacts, held: Held | None) -> HeldWeights | None:
    if held is None:
        return None
    from rnninspect.guard.weights import hold  # why here: few checks have a checkpoint

    return hold(spec, planned, held)


def _proven(spec: Spec, planned: ModelFacts) -> tuple[ModelFacts, RnnInspectError | None]:
    """The facts of a model run on torch; where that fails its plan, and why."""
    from rnninspect.commands.shared.proof import disagreement, prove  # why here: few checks build

    try:
        proof = prove(spec, planned, 0, "leave out --build")
    except RnnInspectError as error:
        return planned, error
    say_notes(proof.notes)
    return proof.model, disagreement(spec, proof.differences) if proof.differences else None


def check_of(options: CheckOptions, models: Sequence[CheckedModel], standard: Standard, *, accepted: bool) -> Check:
    """The verdicts on all models. accepted: the lock is brought up to date with them."""
    each = zip(models, _changes(options, models, standard), strict=True)
    verdicts = tuple(_verdict(options, model, standard, changed, accepted=accepted) for model, changed in each)
    verdicts = _likened(models, verdicts, standard)
    there = standard.locked is not None or standard.base is not None
    return Check(
        verdicts=verdicts,
        against=standard.against if there else None,
        allowed=standard.max_total,
        gone={} if options.update else _gone(verdicts, standard),
    )


def _changes(
    options: CheckOptions, models: Sequence[CheckedModel], standard: Standard
) -> Iterator[tuple[Change, ...] | None]:
    """What has changed of each model since the lock or the base; None where there is neither."""
    if standard.base is not None:
        from rnninspect.guard.base import model_at_base

        for model, found in zip(models, standard.base.documents, strict=True):
            try:
                before = model_at_base(found, model.spec, model.kept, options.settings, options.device, options.dtype)
                yield changes(model.kept, before)
            except RnnInspectError as error:
                file, base = printable(model.file), standard.against.since
                say(f"note: {file} is taken for new, as its document at {base} is no model: {error}")
                yield (UNREADABLE,)
        return
    for model in models:
        locked = standard.locked
        yield None if locked is None else changes(model.kept, locked.get(model.key(standard.lock)))


def _verdict(
    options: CheckOptions,
    model: CheckedModel,
    standard: Standard,
    changed: tuple[Change, ...] | None,
    *,
    accepted: bool,
) -> Verdict:
    budget = {**model.spec.budget, **standard.limits}
    need_batch(model.spec, model.facts, budget, standard.growth)
    return Verdict(
        model=model.facts,
        limits=limits(model.facts, budget),
        changes=changed,
        allowed_growth=standard.growth,
        accepted=accepted,
        built=model.fault is None if options.build or model.fault is not None else None,
        empty_budget=("budget",) in model.spec.tree.keys and not model.spec.budget,
        demanded=options.locked,
        new_allowed=standard.base is not None and not options.locked,
        weights=model.weights,
    )


def _likened(models: Sequence[CheckedModel], verdicts: tuple[Verdict, ...], standard: Standard) -> tuple[Verdict, ...]:
    """The verdicts, those of models that the lock lacks with what it has like them."""
    if standard.locked is None or not any(verdict.drifted and verdict.new for verdict in verdicts):
        return verdicts
    from rnninspect.guard.likeness import likenesses

    keys = [model.key(standard.lock) for model in models]
    each = list(zip(keys, models, verdicts, strict=True))
    new = {key: model.kept for key, model, verdict in each if verdict.new}
    alike = likenesses(new, standard.locked, keys, standard.lock)
    return tuple(
        verdict._replace(likeness=alike[key].sentence, former=alike[key].file if alike[key].renamed else "")
        if key in alike
        else verdict
        for key, _, verdict in each
    )


def _gone(verdicts: Sequence[Verdict], standard: Standard) -> dict[str, str]:
    """What is wrong with those documents that the lock alone knows, by file."""
    absent = "is locked and not there (check --update drops it)"
    others = set(standard.locked or ()) - {verdict.former for verdict in verdicts}
    return {
        file: absent if error is None else f"is locked and cannot be looked for: {reason(error)}"
        for file, error in sorted(without_document(standard.lock, others).items())
    }


def findings_of(models: Sequence[CheckedModel], check: Check, standard: Standard) -> dict[str, list[Finding]]:
    """What is wrong with each document, by its path, with the lock, and with all together."""
    by_subject: dict[str, list[Finding]] = {}
    for model, verdict in zip(models, check.verdicts, strict=True):
        listed = by_subject.setdefault(model.file, [])
        if model.fault is not None:
            listed += [found._replace(rule="build") for found in of_error(model.fault, model.file)]
        listed.extend(findings(model.spec, verdict, standard.against))
    lock = standard.lock
    of_whole = {str(lock): list(lock_findings(check, lock)), ALL: list(total_findings(check))}
    return by_subject | {subject: listed for subject, listed in of_whole.items() if listed}
