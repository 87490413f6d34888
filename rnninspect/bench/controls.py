"""The points that every share measures first, so that GPUs and hosts can be held against one another."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rnninspect.bench.records import Figure, Outcome, settings_text

# A device is named where it is off by more than this share, and by more than both intervals.
_MOST_OFF = 0.05
# Of two nobody knows which one is off.
_LEAST_DEVICES = 3


class Control(NamedTuple):
    """What one device took for a phase of a point that all measure.

    off: by how much of the median of all, which took less where it is above 0; a share.
    half: of the wider interval, its own or that of the figure nearest to the median of all; None where unknown.
    """

    host: str
    gpu: str
    model: str
    point: str
    variant: str
    subject: str | None
    phase: str
    seconds: float
    off: float
    half: float | None
    devices: int

    @property
    def is_off(self) -> bool:
        """Whether the device is to be looked at."""
        most = max(_MOST_OFF, self.half or 0.0)
        return self.devices >= _LEAST_DEVICES and abs(self.off) > most


def chosen(costs: Sequence[int], count: int) -> list[int]:
    """The numbers of the points that all shares measure, from small to large, spread over what there is."""
    ranked = sorted(range(len(costs)), key=lambda k: (costs[k], k))
    count = min(count, len(ranked))
    return [ranked[(2 * k + 1) * len(ranked) // (2 * count)] for k in range(count)]


def controls_of(outcomes: Iterable[Outcome]) -> list[Control]:
    """What each device took for each phase, the one that is most off first. outcomes: of controls, in no order.

    Of what one device measured more than once the later counts.
    """
    taken: dict[tuple[str | None, ...], dict[tuple[str, str], tuple[Outcome, Figure]]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.began):
        if outcome.environment is None:
            continue
        device = (outcome.environment.host or "", outcome.environment.gpu_uuid or "")
        for figure in outcome.figures:
            about = (outcome.model, *outcome.about[2:], figure.subject, figure.phase)
            taken.setdefault(about, {})[device] = (outcome, figure)
    found = [control for devices in taken.values() for control in _held(devices)]
    return sorted(found, key=lambda control: -abs(control.off))


def _held(devices: dict[tuple[str, str], tuple[Outcome, Figure]]) -> list[Control]:
    """The devices that measured one phase, against the median of all."""
    middle = statistics.median(figure.median for _, figure in devices.values())
    nearest = min((figure for _, figure in devices.values()), key=lambda figure: abs(figure.median - middle))
    return [
        Control(
            host=host,
            gpu=gpu,
            model=outcome.model,
            point=outcome.point,
            variant=settings_text(outcome.variant),
            subject=figure.subject,
            phase=figure.phase,
            seconds=figure.median,
            off=figure.median / middle - 1,
            half=max((half for half in (figure.half, nearest.half) if half is not None), default=None),
            devices=len(devices),
        )
        for (host, gpu), (outcome, figure) in devices.items()
    ]
