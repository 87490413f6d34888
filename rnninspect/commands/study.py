"""The path of the commands that look into the numbers of a built model: documents -> device -> one result for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from rnninspect.commands.files import load_all
from rnninspect.commands.options import Look
from rnninspect.commands.say import complain, say
from rnninspect.errors import NoSuchDevice, RnnInspectError, printable
from rnninspect.spec.chain import Spec

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")


def study(asked: Look, examine: Callable[[Spec, torch.device], Result]) -> tuple[list[Result], int]:
    """What `examine` finds of each document on its device, and the worst exit code of those that have no result.

    Every document is read before anything else is done: with one bad document there is no result at all.
    """
    specs, code = load_all(asked.files, asked.settings, device=asked.device, dtype=asked.dtype, output=asked.output)
    if code:
        return [], code
    from rnninspect.device import find_device

    results = []
    for spec in specs:
        for note in spec.notes:
            say(f"note: {note}")
        try:
            device = find_device(spec.device)
            if device.type == "meta":
                raise NoSuchDevice(
                    f"{printable(spec.source)}: on meta there are no values to look at (use --device cpu)"
                )
            results.append(examine(spec, device))
        except RnnInspectError as error:
            code = max(code, complain(error))
    return results, code
