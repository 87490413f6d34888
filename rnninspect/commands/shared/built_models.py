"""The path of the commands that look into the numbers of a built model: documents -> device -> one result for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rnninspect.commands.shared.file_models import documents_alone
from rnninspect.commands.shared.files import load_all, remark_half
from rnninspect.commands.shared.messages import complain, say_notes
from rnninspect.commands.shared.options import TorchOptions
from rnninspect.document.chain import Spec, need_batch
from rnninspect.document.load import load_models
from rnninspect.errors import NoSuchDevice, RnnInspectError
from rnninspect.runtime.here import need_torch

if TYPE_CHECKING:
    import torch

Prepared = TypeVar("Prepared")
Result = TypeVar("Result")


def examine_all(
    command: str,
    options: TorchOptions,
    prepare: Callable[[Spec], Prepared],
    examine: Callable[[Spec, torch.device, Prepared], Result],
    chosen: Callable[[Sequence[Spec]], Sequence[Spec]] = list,
) -> tuple[list[Result], int]:
    """What `examine` finds of each document on its device, and the worst exit code of those that have no result.

    command: its name. chosen: which of the models it is about.
    prepare: reads what else the options name, and raises what is wrong with it. Everything is read before anything is
    done, and before torch is imported: with one bad document there is no result at all.
    """
    load = partial(load_models, settings=options.settings, device=options.device, dtype=options.dtype)
    specs, code = load_all(options.files, documents_alone(load, command), output=options.output)
    specs = list(chosen(specs))
    prepared = []
    for spec in specs:
        try:
            need_batch(spec)
            prepared.append(prepare(spec))
        except RnnInspectError as error:
            code = max(code, complain(error, spec.source if len(specs) > 1 else ""))
    if code:
        return [], code
    need_torch()
    remark_half(specs)
    from rnninspect.runtime.device import device_of

    results = []
    for spec, inputs in zip(specs, prepared, strict=True):
        say_notes(spec.notes)
        try:
            device = device_of(spec)
            if device.type == "meta":
                raise spec.refused(NoSuchDevice, "on meta there are no values (use --device cpu)", ("device",))
            results.append(examine(spec, device, inputs))
        except RnnInspectError as error:
            code = max(code, complain(error))
    return results, code
