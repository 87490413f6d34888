"""What `weights --as` prints: arithmetic, which torch is not asked for; checkpoints are held against their tensors."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.commands.shared.file_models import (
    Checkpoints,
    damages,
    disagreement,
    held_against_files,
    refuse_what_runs_torch,
    say_remarks,
    verdict,
)
from rnninspect.commands.shared.files import load_all
from rnninspect.commands.shared.messages import complain, say_notes
from rnninspect.commands.shared.options import LookOptions
from rnninspect.commands.shared.rendering import print_page
from rnninspect.conventions.elsewhere import FRAMEWORKS
from rnninspect.conventions.target import Framework
from rnninspect.document.chain import Spec
from rnninspect.output import write_text
from rnninspect.plan import plan
from rnninspect.results.caption import PLAN, caption, each_once
from rnninspect.results.elsewhere import elsewhere, elsewhere_document, elsewhere_script, elsewhere_table
from rnninspect.results.model import Report, document, not_described


def print_elsewhere(options: LookOptions, name: str, *, gates: bool) -> int:
    """Print what the weights are in another framework; returns the exit code."""
    checkpoints: Checkpoints = {}
    specs, code = load_all(
        options.files,
        options.settings,
        device=options.device,
        dtype=options.dtype,
        output=options.output,
        checkpoints=checkpoints,
    )
    if code:
        return code
    refuse_what_runs_torch(options, specs, stats=False)
    say_remarks(checkpoints)
    for spec in specs:
        say_notes(spec.notes)
    proofs = held_against_files(specs, checkpoints)
    errors = [disagreement(specs[number], proof) for number, proof in proofs.items() if proof.differences]
    code = max(map(complain, [*errors, *damages(checkpoints)]), default=0)
    sound = [spec for number, spec in enumerate(specs) if number not in proofs or not proofs[number].differences]
    if not sound:
        return code
    source = "; ".join(filter(None, [verdict(specs, proofs), PLAN * (len(proofs) < len(specs))]))
    ledger = "plan" if not proofs else "mixed" if len(proofs) < len(specs) else "file"
    _print(options, sound, FRAMEWORKS[name], source=source, ledger=ledger, gates=gates)
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
