"""A look command's page where some files are checkpoints: those are proven by their own tensors, not on torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnninspect.commands.shared.file_models import (
    Checkpoints,
    FileProof,
    damages,
    held_against_files,
    refuse_what_runs_torch,
    say_remarks,
    say_uncounted,
    verdict,
)
from rnninspect.commands.shared.files import remark_half
from rnninspect.commands.shared.look_page import LookPage, Outcome, caption_of, is_to_prove, print_report, prove_all
from rnninspect.commands.shared.messages import say_notes
from rnninspect.commands.shared.options import LookOptions
from rnninspect.document.chain import Spec
from rnninspect.plan import plan
from rnninspect.results.caption import caption, each_once
from rnninspect.results.model import Report
from rnninspect.runtime.here import NOT_INSTALLED, need_torch


def print_with_checkpoints(
    specs: Sequence[Spec], checkpoints: Checkpoints, options: LookOptions, page: LookPage
) -> int:
    """Print the page and return the exit code, the worst of all models."""
    refuse_what_runs_torch(options, specs, stats=page.asks_torch)
    documents = [spec for spec in specs if not spec.checkpoint]
    proves = bool(documents) and is_to_prove(options)
    if proves:
        need_torch()
        remark_half(documents)
    elif documents and not options.plan:
        say_notes([NOT_INSTALLED])
    say_remarks(checkpoints)
    if page.counts:
        say_uncounted(checkpoints)
    for spec in documents:
        say_notes(spec.notes)
    proofs = held_against_files(specs, checkpoints)
    outcome = Outcome([], list(damages(checkpoints)))
    try:
        models = [(spec, plan(spec, input_grad=page.input_grad)) for spec in specs]
        report = prove_all(models, options, page, outcome, proofs=proofs, on_torch=proves)
        ledger = "mixed" if len(proofs) < len(specs) else "file"
        report = report._replace(ledger=ledger, seed=options.seed if proves else None)
    finally:
        code = outcome.say()
    if report.models or report.differences:
        print_report(report, options, page, _caption(specs, proofs, report, options))
    return code


def _caption(specs: Sequence[Spec], proofs: Mapping[int, FileProof], report: Report, options: LookOptions) -> str:
    """Where the numbers come from: the files, and then what documents say of theirs."""
    held = caption(verdict(specs, proofs), each_once(spec.dtype for spec in specs if spec.checkpoint))
    if report.ledger == "file":
        return held
    of_documents = report._replace(
        models=[model for model in report.models if not model.checkpoint],
        differences=[(model, differing) for model, differing in report.differences if not model.checkpoint],
    )
    return f"{held}; documents: {caption_of(of_documents, options)}"
