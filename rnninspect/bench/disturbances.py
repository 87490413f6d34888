"""Whether a time can be believed, by what was counted and probed meanwhile; where not, what to try."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from rnninspect.bench.witness import Counted

# A block is disturbed when others leave so much of one CPU too little. why in CPUs and not as a share: the threads of
# one operator wait for one another, so that one of them held up holds up all, however many there are.
SHORT_CPUS = 0.2
# One thread that works all the time is held up when it is off its CPU for so much of it while others want CPUs too.
# Measured, LSTM(256, 256, 2) with one thread among others: the share that it waits has a correlation of 0.99 with the
# share that its calls are slower, and without waiting 119 switches a second cost nothing.
WAITED = 0.05
# Of what we need: time that the hypervisor gave to other guests.
STOLEN = 0.1
# Involuntary context switches a second: in all, or for each of many threads.
SWITCHES, SWITCHES_PER_THREAD = 100.0, 50.0
# why: one switch in a block of 5 ms is 200 a second and means nothing.
FEWEST_SWITCHES = 5
# The speed of the CPU, of its best. why: above, times of LSTM(256, 256, 2) differ by 5 %, and by up to 80 % below.
SLOW_CPU = 0.88


class Kind(Enum):
    """What disturbed a time; advice goes by it."""

    OTHERS = auto()
    HYPERVISOR = auto()
    QUOTA = auto()
    SWITCHES = auto()
    SLOW_CPU = auto()
    GPU = auto()


class Disturbance(NamedTuple):
    """Why a time cannot be believed. text: in words, "others used 49 % of the CPU"."""

    kind: Kind
    text: str


def cpu_disturbance(counted: Counted, threads: int) -> Disturbance | None:
    """Why the time of a block cannot be believed, "others used 49 % of the CPU"; None where nothing speaks against it.

    threads: how many the measured code runs on; 1 where a GPU does the work. One neighbour on a machine of two CPUs
    disturbs two threads and hardly disturbs one.
    """
    needed = min(threads, counted.cpus or threads)
    # why of one thread alone: of several, one may wait for the others.
    waited = counted.waited if needed == 1 else None
    if counted.cpus is not None:
        sure = max((counted.others or 0.0) - (counted.grain or 0.0), 0.0)
        short = needed + sure * counted.cpus - counted.cpus
        if short >= SHORT_CPUS or (short > 0 and waited is not None and waited >= WAITED):
            return Disturbance(Kind.OTHERS, f"others used {_percent(counted.others)} of the CPU")
        if (counted.steal or 0.0) * counted.cpus / needed >= STOLEN:
            return Disturbance(Kind.HYPERVISOR, f"the hypervisor took {_percent(counted.steal)} of the CPU")
    if counted.throttled:
        return Disturbance(Kind.QUOTA, f"the CPU quota ran out in {_percent(counted.throttled)} of its periods")
    if counted.switches is not None and (waited is None or waited >= WAITED):
        most = max(SWITCHES, SWITCHES_PER_THREAD * needed)
        if counted.switches > most and counted.switches * counted.seconds >= FEWEST_SWITCHES:
            text = f"{counted.switches:,.0f} involuntary context switches a second"
            return Disturbance(Kind.SWITCHES, text)
    return None


def slow_cpu(probe: float | None, best: float | None) -> Disturbance | None:
    """Why a time cannot be believed that was taken while the CPU's probe took so long; None where it can.

    best: seconds of the probe when the CPU is at its best.
    """
    if probe is None or best is None or best / probe >= SLOW_CPU:
        return None
    return Disturbance(Kind.SLOW_CPU, f"the CPU ran at {_percent(best / probe)} of its best speed")


def advice(disturbance: Disturbance | None, threads: int) -> str:
    """What to try where a figure is not steady; threads: as `cpu_disturbance` takes them.

    disturbance: None where nothing disturbed it, and it drifts all the same.
    """
    kind = None if disturbance is None else disturbance.kind
    # why another advice: a neighbour outside this system cannot be stopped from here.
    if kind is Kind.SLOW_CPU:
        return "another moment, or a machine of its own, and --processes 3"
    if kind is Kind.OTHERS and threads > 1:
        return "stop what else runs, or --vary threads=1"
    return "stop what else runs, and --processes 3"


def _percent(share: float | None) -> str:
    return f"{share or 0.0:.0%}".replace("%", " %")
