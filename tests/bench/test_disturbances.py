"""What disturbs a time, by counts that are written down; and the advice that goes with each."""

from __future__ import annotations

import pytest

from rnninspect.bench.disturbances import Disturbance, Kind, advice, cpu_disturbance, slow_cpu
from rnninspect.bench.witness import Counted

# 0.2 s on two CPUs; no grain, so that the thresholds stand alone.
BLOCK = Counted(seconds=0.2, cpus=2, others=0.0, grain=0.0, waited=0.0, steal=0.0, switches=0.0)
NEIGHBOUR = "others used 49 % of the CPU"


def text_of(disturbance: Disturbance | None) -> str:
    return "" if disturbance is None else disturbance.text


@pytest.mark.parametrize(
    ("counted", "threads", "reason"),
    [
        (BLOCK, 2, ""),
        # One neighbour on a machine of two: nothing is left for the second of two threads, enough for one.
        (BLOCK._replace(others=0.49), 2, NEIGHBOUR),
        (BLOCK._replace(others=0.49), 1, ""),
        (BLOCK._replace(others=0.49, waited=0.9), 1, ""),  # it slept: there was a CPU
        # 2 + 2 x 0.1 - 2 = 0.2 of a CPU is what others leave too little.
        (BLOCK._replace(others=0.11), 2, "others used 11 % of the CPU"),
        (BLOCK._replace(others=0.09), 2, ""),
        (BLOCK._replace(others=0.13, grain=0.04), 2, ""),
        (BLOCK._replace(others=0.15, grain=0.04), 2, "others used 15 % of the CPU"),
        # Two neighbours: 1 + 2 x 0.6 - 2 = 0.2.
        (BLOCK._replace(others=0.61), 1, "others used 61 % of the CPU"),
        (BLOCK._replace(others=0.59), 1, ""),
        # Less, but it held the one thread up.
        (BLOCK._replace(others=0.55, waited=0.05), 1, "others used 55 % of the CPU"),
        (BLOCK._replace(others=0.55, waited=0.04), 1, ""),
        # More threads than CPUs need no more than there are.
        (BLOCK._replace(others=0.09), 8, ""),
        # One of 16 busy with something else holds up 16 threads and not 8.
        (BLOCK._replace(cpus=16, others=1 / 16), 16, "others used 6 % of the CPU"),
        (BLOCK._replace(cpus=16, others=1 / 16), 8, ""),
        # A tenth of what we need: of one CPU that is 0.05 of two.
        (BLOCK._replace(steal=0.09), 2, ""),
        (BLOCK._replace(steal=0.11), 2, "the hypervisor took 11 % of the CPU"),
        (BLOCK._replace(steal=0.06), 1, "the hypervisor took 6 % of the CPU"),
        (BLOCK._replace(throttled=0.0), 2, ""),
        (BLOCK._replace(throttled=0.5), 2, "the CPU quota ran out in 50 % of its periods"),
        # 100 a second, or 50 for each of many threads.
        (BLOCK._replace(switches=100.0), 2, ""),
        (BLOCK._replace(switches=1234.0), 2, "1,234 involuntary context switches a second"),
        (BLOCK._replace(cpus=16, switches=700.0), 16, ""),
        (BLOCK._replace(cpus=16, switches=900.0), 16, "900 involuntary context switches a second"),
        # One thread is only held up by what makes it wait.
        (BLOCK._replace(switches=400.0), 1, ""),
        (BLOCK._replace(switches=400.0, waited=0.06), 1, "400 involuntary context switches a second"),
        # Fewer than five in the block mean nothing.
        (BLOCK._replace(seconds=0.005, switches=800.0), 2, ""),
        # macOS: neither CPUs nor steal
        (Counted(0.2, switches=500.0, waited=0.0), 4, "500 involuntary context switches a second"),
        (Counted(0.2), 4, ""),
    ],
)
def test_a_block_is_disturbed_when(counted: Counted, threads: int, reason: str) -> None:
    assert text_of(cpu_disturbance(counted, threads)) == reason


@pytest.mark.parametrize(
    ("probe", "best", "reason"),
    [
        (1.0, 1.0, ""),
        (1.0, 0.88, ""),
        (1.0, 0.87, "the CPU ran at 87 % of its best speed"),
        (2.0, 1.0, "the CPU ran at 50 % of its best speed"),
        (0.9, 1.0, ""),
        (None, 1.0, ""),  # on a GPU
        (1.0, None, ""),  # nobody knows yet
    ],
)
def test_a_block_was_slowed_when(probe: float | None, best: float | None, reason: str) -> None:
    assert text_of(slow_cpu(probe, best)) == reason


@pytest.mark.parametrize(
    ("kind", "several", "one"),
    [
        (Kind.OTHERS, "stop what else runs, or --vary threads=1", "stop what else runs, and --processes 3"),
        (Kind.SLOW_CPU, *("another moment, or a machine of its own, and --processes 3",) * 2),
        *((kind, *("stop what else runs, and --processes 3",) * 2) for kind in (Kind.QUOTA, Kind.GPU, None)),
    ],
)
def test_advice_goes_by_the_kind_and_not_by_the_words(kind: Kind | None, several: str, one: str) -> None:
    disturbance = kind and Disturbance(kind, "others used the best speed")
    assert (advice(disturbance, 4), advice(disturbance, 1)) == (several, one)


def test_each_disturbance_is_of_its_kind() -> None:
    blocks = {
        Kind.OTHERS: BLOCK._replace(others=0.49),
        Kind.HYPERVISOR: BLOCK._replace(steal=0.2),
        Kind.QUOTA: BLOCK._replace(throttled=0.5),
        Kind.SWITCHES: BLOCK._replace(switches=1234.0),
    }
    disturbances = [cpu_disturbance(block, 2) for block in blocks.values()]
    assert [one and one.kind for one in disturbances] == list(blocks)
    slow = slow_cpu(2.0, 1.0)
    assert slow is not None
    assert slow.kind is Kind.SLOW_CPU
