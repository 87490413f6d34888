"""Checkpoints where documents go: read as models, held against their own tensors, or refused by what runs torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.commands.shared.checkpoints import files_in, is_checkpoint, look_into_file
from rnninspect.commands.shared.messages import complain, say, say_notes
from rnninspect.document.chain import Spec
from rnninspect.document.load import load_models
from rnninspect.errors import CheckFailed, DocumentError, OptionError, Place, counted, printable
from rnninspect.results.caption import PLAN

if TYPE_CHECKING:
    from rnninspect.agree import Difference
    from rnninspect.commands.shared.options import LookOptions
    from rnninspect.files.look import Compared, LookedInto

# What was found in each checkpoint of a command line, by its path.
Checkpoints = dict[str, "LookedInto"]
# From the name of a file to its models. Raises RnnInspectError.
Load = Callable[[str], list[Spec]]


def is_no_document(file: str) -> bool:
    """Whether a path where a document goes names a checkpoint, or a folder with one."""
    if file == "-" or not is_checkpoint(file):
        return False
    if not os.path.isdir(file):  # noqa: PTH112 (a Path's methods raise for what is no name)
        return True
    return any(is_checkpoint(f"{file}/{name}") for name in files_in(file))


def refuse_checkpoint(file: str, command: str) -> None:
    """Raise DocumentError where a path names a checkpoint. command: what runs documents alone."""
    if is_no_document(file):
        raise DocumentError(
            Place(file),
            f"this is a checkpoint, and {command} runs a document",
            hint=f"rnninspect identify {printable(file)} --document model.yaml writes one",
        )


def documents_alone(load: Load, command: str) -> Load:
    """`load` of documents, for a command that refuses checkpoints."""

    def load_document(file: str) -> list[Spec]:
        refuse_checkpoint(file, command)
        return load(file)

    return load_document


def with_checkpoints(load: Load, settings: Sequence[str], checkpoints: Checkpoints) -> Load:
    """`load` of documents; of a checkpoint its layers as models, and what was found in it goes into `checkpoints`.

    settings: those of checkpoints.
    """

    def load_either(file: str) -> list[Spec]:
        if not is_no_document(file):
            return load(file)
        if file in checkpoints:
            say(f"note: named twice, and counted once: {printable(file)}")
            return []
        from rnninspect.files.models import specs_of

        checkpoints[file] = looked = look_into_file(file)
        return specs_of(looked.identified, settings)

    return load_either


def looked_at(options: LookOptions, checkpoints: Checkpoints) -> Load:
    """What a look command reads: a document as its options say, or a checkpoint, see `with_checkpoints`."""
    load = partial(load_models, settings=options.settings, device=options.device, dtype=options.dtype)
    return with_checkpoints(load, options.settings, checkpoints)


def refuse_what_runs_torch(options: LookOptions, specs: Sequence[Spec], *, stats: bool) -> None:
    """Raise OptionError for an option that is about running a model, where one of them is a checkpoint's."""
    file = next((spec.source for spec in specs if spec.checkpoint), None)
    asked = {
        "--device": options.device is not None,
        "--dtype": options.dtype is not None,
        "--seed": options.seed != 0,
        "--stats": stats,
    }
    for option, is_asked in asked.items():
        if file is not None and is_asked:
            raise OptionError(f"{option}: {printable(file)} is a checkpoint, which is not run (leave {option} out)")


def say_remarks(checkpoints: Checkpoints) -> None:
    """Say what is to be known of each file beside its layers: what may be one and is not understood, above all."""
    from rnninspect.files.models import remarks

    for file, looked in checkpoints.items():
        say_notes(f"{printable(file)}: {printable(remark)}" for remark in remarks(looked.identified))


def say_uncounted(checkpoints: Checkpoints) -> None:
    """Say of each file what a count of its recurrent layers leaves out."""
    say_notes(
        f"{printable(file)}: not counted: {counted(looked.identified.others, 'tensor')} of other layers, "
        f"{counted(looked.identified.other_elements, 'element')}"
        for file, looked in checkpoints.items()
        if looked.identified.others
    )


class FileProof(NamedTuple):
    """A layer's plan against the file's own tensors: how many are alike, of how many, and those that are not."""

    alike: int
    tensors: int
    differences: tuple[Difference, ...]


def held_against_files(specs: Sequence[Spec], checkpoints: Checkpoints) -> dict[int, FileProof]:
    """The proof of each model that is a checkpoint's, by its number among `specs`, which are in the files' order."""
    seen: Counter[str] = Counter()
    proofs = {}
    for number, spec in enumerate(specs):
        if spec.checkpoint:
            proofs[number] = _proof(spec, checkpoints[spec.source].layers[seen[spec.source]])
            seen[spec.source] += 1
    return proofs


def _proof(spec: Spec, compared: Compared) -> FileProof:
    from rnninspect.agree import Difference

    layer = spec.links[0].layer.name
    differing = tuple(
        Difference(layer=layer, fact=f"{item.tensor} {item.what}", plan=item.plan, real=item.file)
        for item in compared.differences
    )
    return FileProof(compared.agreeing, compared.tensors, differing)


def file_disagreement(spec: Spec, proof: FileProof) -> CheckFailed:
    """What is said of a layer whose plan and file differ; the table says the rest."""
    return CheckFailed(
        f"{printable(spec.source)}: {printable(spec.name)}: plan and file differ in {len(proof.differences):,} tensors"
    )


def damages(checkpoints: Checkpoints) -> list[CheckFailed]:
    """What is missing of files that could be read all the same."""
    damaged = {file: looked.identified.held.damage for file, looked in checkpoints.items()}
    return [CheckFailed(f"{printable(file)}: {printable(damage)}") for file, damage in damaged.items() if damage]


def agreeing(
    specs: Sequence[Spec], proofs: Mapping[int, FileProof], checkpoints: Checkpoints
) -> tuple[list[Spec], int]:
    """The documents and the layers that are as their files have them, and the exit code of all else.

    What is wrong with the other layers, and with files that are damaged, is said.
    """
    errors = [file_disagreement(specs[number], proof) for number, proof in proofs.items() if proof.differences]
    code = max(map(complain, [*errors, *damages(checkpoints)]), default=0)
    return [spec for number, spec in enumerate(specs) if number not in proofs or not proofs[number].differences], code


def provenance(specs: Sequence[Spec], proofs: Mapping[int, FileProof]) -> str:
    """Where the numbers come from: what `verdict` says of checkpoints, and of documents that they are planned."""
    return "; ".join(filter(None, [verdict(specs, proofs), PLAN * (len(proofs) < len(specs))]))


def verdict(specs: Sequence[Spec], proofs: Mapping[int, FileProof]) -> str:
    """`plan and safetensors agree: 32 of 32 tensors`, of all checkpoints together; "" where there is none."""
    if not proofs:
        return ""
    formats = list(dict.fromkeys(spec.checkpoint for spec in specs if spec.checkpoint))
    held = formats[0] if len(formats) == 1 else f"files ({', '.join(formats)})"
    alike, tensors = sum(proof.alike for proof in proofs.values()), sum(proof.tensors for proof in proofs.values())
    if alike < tensors:
        return f"plan and {held} differ: {alike:,} of {tensors:,} tensors agree; layers that differ are left out"
    return f"plan and {held} agree: {alike:,} of {tensors:,} tensors"
