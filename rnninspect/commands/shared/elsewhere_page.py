"""What `weights --as` prints: arithmetic, which torch is not asked for; checkpoints are held against their tensors."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.commands.shared.file_models import (
    Checkpoints,
    agreeing,
    held_against_files,
    looked_at,
    provenance,
    refuse_what_runs_torch,
    say_remarks,
)
from rnninspect.commands.shared.files import load_all
from rnninspect.commands.shared.messages import say_notes
from rnninspect.commands.shared.options import LookOptions
from rnninspect.commands.shared.rendering import print_page
from rnninspect.conventions.elsewhere import FRAMEWORKS
from rnninspect.conventions.target import Framework
from rnninspect.document.chain import Spec
from rnninspect.output import write_text
from rnninspect.plan import plan
from rnninspect.results.caption import caption, each_once
from rnninspect.results.elsewhere import elsewhere, elsewhere_document, elsewhere_script, elsewhere_table
from rnninspect.results.model import Report, document, not_described


def print_elsewhere(options: LookOptions, name: str, *, gates: bool) -> int:
    """Print what the weights are in another framework; returns the exit code."""
    checkpoints: Checkpoints = {}
    specs, code = load_all(options.files, looked_at(options, checkpoints), output=options.output)
    if code:
        return code
    refuse_what_runs_torch(options, specs, stats=False)
    say_remarks(checkpoints)
    for spec in specs:
        say_notes(spec.notes)
    proofs = held_against_files(specs, checkpoints)
    sound, code = agreeing(specs, proofs, checkpoints)
    if not sound:
        return code
    ledger = "plan" if not proofs else "mixed" if len(proofs) < len(specs) else "file"
    _print(options, sound, FRAMEWORKS[name], source=provenance(specs, proofs), ledger=ledger, gates=gates)
    return code


def _print(
    options: LookOptions, specs: Sequence[Spec], framework: Framework, *, source: str, ledger: str, gates: bool
) -> None:
    models = elsewhere(specs, framework)
    if options.format == "python":
        write_text(elsewhere_script(models, framework), options.output)
        return

    def whole() -> dict[str, object]:
        report = Report(models=[plan(spec) for spec in specs], ledger=ledger, seed=None, differences=[])
        report = report._replace(not_described=not_described(specs))
        return {**document(report), "elsewhere": elsewhere_document(models, framework)}

    tables = [elsewhere_table(model, framework, gates=gates) for model in models]
    page_caption = caption(source, each_once(spec.dtype for spec in specs))
    print_page(options.format, tables, whole, page_caption, options.output)
