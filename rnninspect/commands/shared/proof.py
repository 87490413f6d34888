"""A document proven on torch: the plan, what was measured put in, and every fact on which the two differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.document.chain import Spec
from rnninspect.errors import CheckFailed, TorchRefused, printable
from rnninspect.facts.models import ModelFacts
from rnninspect.plan import plan
from rnninspect.runtime.workspace import planned_on

if TYPE_CHECKING:
    from rnninspect.agree import Difference


class Proof(NamedTuple):
    """A model with what was measured of it; where plan and torch differ; remarks on the run."""

    model: ModelFacts
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def prove(spec: Spec, planned: ModelFacts, seed: int, without: str = "--plan", *, input_grad: bool = False) -> Proof:
    """Build and run the model on its device; what training keeps there is known from `workspace`, and not measured.

    planned: its plan. without: how the command is asked to leave it at that. input_grad: see `plan`.
    Raises CannotHere where it cannot be done.
    """
    from rnninspect.agree import differences, merge
    from rnninspect.runtime import modules, real
    from rnninspect.runtime.device import device_of

    device = device_of(spec, f"or {without}")
    run = modules.reachable(spec, device)
    expected = planned if run is spec else plan(run)
    try:
        measured = real.measure(run, expected, device, seed, without)
    except TorchRefused as error:
        error.args = (f"{error} (without torch: {without})",)
        raise
    return Proof(
        model=merge(planned_on(device.type, spec, planned, input_grad=input_grad), measured),
        differences=differences(expected, measured),
        notes=tuple(_remarks(spec, run, measured)),
    )


def _remarks(spec: Spec, run: Spec, measured: ModelFacts) -> Iterator[str]:
    if measured.measured is not None and measured.measured.finite is False:
        yield f"{printable(spec.source)}: an output holds a nan or an infinity"
    cut = [
        (given.name, ran.signal.batch.letters["L"], given.signal.batch.letters["L"])
        for ran, given in zip(run.inputs, spec.inputs, strict=True)
    ]
    said = [f"{ran} of {steps} time steps{f' of {name}' * (len(cut) > 1)}" for name, ran, steps in cut if ran != steps]
    if said:
        yield (
            f"{printable(spec.source)}: on meta {' and '.join(said)} were run; "
            "sizes along L are the plan's, which is linear in L"
        )


def disagreement(spec: Spec, differing: tuple[Difference, ...]) -> CheckFailed:
    """What is said of a model whose plan and torch differ; the table says the rest."""
    return CheckFailed(f"{printable(spec.source)}: plan and torch differ in {len(differing)} facts")
