"""What every look command's page has, whatever its models are proven by: tables, faults, and its last line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.commands.shared.file_models import FileProof, file_disagreement
from rnninspect.commands.shared.messages import complain, say_notes
from rnninspect.commands.shared.options import LookOptions
from rnninspect.commands.shared.proof import disagreement, prove
from rnninspect.commands.shared.rendering import print_page
from rnninspect.document.chain import Spec
from rnninspect.errors import RnnInspectError
from rnninspect.facts.models import ModelFacts
from rnninspect.formats import Format
from rnninspect.results.caption import NO_TORCH, OPEN, PLAN, caption, each_once
from rnninspect.results.model import Report, document, not_described
from rnninspect.results.subjects import by_file, with_short_names
from rnninspect.results.table import Table
from rnninspect.runtime.here import torch_is_installed

if TYPE_CHECKING:
    from rnninspect.agree import Difference

# A document and its plan.
Planned = tuple[Spec, ModelFacts]
MakeTables = Callable[[Sequence[ModelFacts]], Sequence[Table]]


class LookPage(NamedTuple):
    """What a look command shows.

    tables: of models. values: they show what only torch knows, so that nothing can stand before it has answered.
    asks_torch: an option asks for what only torch knows, and without it there is nothing to show. input_grad: see
    `plan`. counts: it adds up what models have.
    """

    tables: MakeTables
    values: bool = False
    asks_torch: bool = False
    input_grad: bool = False
    counts: bool = False


def is_to_prove(options: LookOptions, *, asks_torch: bool = False) -> bool:
    """Whether torch is to be asked: unless it is not installed and nothing that was asked for needs it, or --plan."""
    return not options.plan and (asks_torch or options.device is not None or torch_is_installed())


class Outcome(NamedTuple):
    """What is to be said of proofs beside their page."""

    notes: list[str]
    errors: list[RnnInspectError]

    def say(self) -> int:
        """Say it, and return the worst exit code."""
        say_notes(self.notes)
        return max(map(complain, self.errors), default=0)


def prove_all(
    models: Sequence[Planned],
    options: LookOptions,
    page: LookPage,
    outcome: Outcome,
    *,
    proofs: Mapping[int, FileProof] = MappingProxyType({}),
    on_torch: bool = True,
) -> Report:
    """Every model that is as planned, in order; what is wrong with the others is put into `outcome`.

    proofs: by number those of checkpoints' models, which their files prove. on_torch: the others are proven there.
    """
    agreed: list[ModelFacts] = []
    contradicted: list[tuple[ModelFacts, Sequence[Difference]]] = []
    for number, (spec, model) in enumerate(models):
        differing: Sequence[Difference] = ()
        if number in proofs:
            differing = proofs[number].differences
            if differing:
                outcome.errors.append(file_disagreement(spec, proofs[number]))
        elif on_torch:
            try:
                proof = prove(spec, model, options.seed, input_grad=page.input_grad)
            except RnnInspectError as error:
                outcome.errors.append(error)
                continue
            outcome.notes.extend(proof.notes)
            model, differing = proof.model, proof.differences
            if differing:
                outcome.errors.append(disagreement(spec, proof.differences))
        if differing:
            contradicted.append((model, differing))
        else:
            agreed.append(model)
    parts = not_described(spec for spec, _ in models)
    return Report(models=agreed, ledger="agreed", seed=options.seed, differences=contradicted, not_described=parts)


def print_report(report: Report, options: LookOptions, page: LookPage, caption: str) -> None:
    """Print the page of a report, or its object."""
    models = by_file(report.models)
    if options.format is not Format.CSV:
        models = with_short_names(models)
    tables = [*(page.tables(models) if models else ()), *difference_tables(report)]
    print_page(options.format, tables, lambda: document(report), caption, options.output)


def difference_tables(report: Report) -> list[Table]:
    """A table for each model that is not as planned."""
    if not report.differences:
        return []
    from rnninspect.results.differences import differences_table

    return [differences_table(model, differing) for model, differing in report.differences]


def caption_of(report: Report, options: LookOptions) -> str:
    """Where the numbers come from: device, dtype, seed, torch's version, and which ledger."""
    models = [*report.models, *(model for model, _ in report.differences)]
    dtypes = each_once(model.dtype for model in models)
    runs = [model.measured for model in models if model.measured is not None]
    if not runs:
        is_open = any(model.per_token for model in models) and torch_is_installed()
        return caption(PLAN if options.plan else OPEN if is_open else NO_TORCH, dtypes)
    verdict = "differ: models they differ on are left out" if report.differences else "agree"
    devices = each_once(run.device for run in runs)
    return caption(f"plan and torch {runs[0].torch} {verdict}", devices, dtypes, f"seed {report.seed}")
