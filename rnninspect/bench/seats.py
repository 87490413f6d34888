"""Several devices at once: which, and what each of their workers has of the machine: `--device cuda:all`, `cpu,cpu`.

A point is of a kind of device, "cuda", in what tells it from others and in its journal: which of them measured it is
known only when it was. The CPUs are dealt out core by core, so that no two workers share one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from rnninspect.bench.cpus import allowed_cpus
from rnninspect.bench.jobs import Job
from rnninspect.bench.records import Doing
from rnninspect.bench.supervise import Ended, Work, run_jobs
from rnninspect.errors import CannotHere, NoSuchDevice, OptionError, counted, printable

_ALL = "cuda:all"
_ONE = re.compile(r"cpu|cuda:[0-9]{1,4}")
_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/{}"
_BUS, _BUS_DIGITS = "/sys/bus/pci/devices/{}/local_cpulist", len("0000:00:00.0")
# Seconds until torch has said which devices there are.
_ASKED = 120.0


class Devices(NamedTuple):
    """Several devices of one kind, as they were asked for. names: none for all that there are."""

    kind: str
    names: tuple[str, ...]


class Seat(NamedTuple):
    """Where one of several workers works. device: as torch calls it; cpus: those that it may run on, none for any."""

    device: str
    cpus: tuple[int, ...] = ()


def several_devices(given: str | None) -> Devices | None:
    """What `--device` means where that is several; None where it is one, or nothing. Raises OptionError."""
    if given == _ALL:
        return Devices("cuda", ())
    if given is None or "," not in given:
        return None
    names = tuple(name.strip() for name in given.split(","))
    wrong = next((name for name in names if not _ONE.fullmatch(name)), None)
    if wrong is not None:
        example = f"cuda:0,cuda:1, or {_ALL}"
        raise OptionError(f"--device {printable(given)}: expected GPUs by number such as {example}, got {wrong!r}")
    kinds = list(dict.fromkeys(name.partition(":")[0] for name in names))
    if len(kinds) > 1:
        raise OptionError(f"--device {given}: {' and '.join(kinds)} (bench each kind by itself, then compare the two)")
    twice = next((name for name in names if name != "cpu" and names.count(name) > 1), None)
    if twice is not None:
        raise OptionError(f"--device {given}: {twice} stands twice, and two workers on one GPU disturb each other")
    return Devices(kinds[0], names)


def seats_of(devices: Devices, ask: Work) -> tuple[Seat, ...]:
    """A seat for each device, with CPUs of its own.

    ask: a job that returns the names of the devices that torch sees. Raises NoSuchDevice for one that is not there,
    CannotHere where there are fewer CPUs than devices, NoTorch.
    """
    names, buses = devices.names, dict[str, str | None]()
    if devices.kind != "cpu":
        here = buses = _here(ask)
        names = names or tuple(name for name in here if name.startswith("cuda:"))
        missing = next((name for name in names or (_ALL,) if name not in here), None)
        if missing is not None:
            raise NoSuchDevice(f"--device {missing}: torch sees {', '.join(here)} here (try --device auto)")
    dealt = deal_near(cpus_by_core(), [_near(buses.get(name)) for name in names])
    return tuple(Seat(name, cpus) for name, cpus in zip(names, dealt, strict=True))


def _here(ask: Work) -> dict[str, str | None]:
    """By name of a device where it is on the bus, where it is on one."""
    (answer,) = run_jobs(ask, [None], limit=lambda _: _ASKED, progress=lambda number, doing: None)
    if isinstance(answer, Ended):
        raise CannotHere(f"torch could not be asked which devices there are: {printable(answer.reason)}")
    return dict(answer)


def _near(bus: str | None, devices: str = _BUS) -> frozenset[int]:
    """The CPUs that are nearest to a device on the bus; none where nobody says which."""
    # why the end: torch and NVIDIA's driver write a domain of eight digits, and the kernel one of four.
    try:
        listed = Path(devices.format(bus.lower()[-_BUS_DIGITS:])).read_text().strip() if bus else ""
        ends = [part.partition("-") for part in listed.split(",") if part]
        return frozenset(cpu for first, _, last in ends for cpu in range(int(first), int(last or first) + 1))
    except (OSError, ValueError):
        return frozenset()


def deal_near(cpus: Sequence[int], near: Sequence[frozenset[int]]) -> list[tuple[int, ...]]:
    """The CPUs in parts, for workers to which those are nearest: workers that are near to the same share these alone.

    Where that does not go, as somebody would have none, all are dealt out without regard to that. Raises as `deal`.
    """
    groups = {group: [cpu for cpu in cpus if cpu in group] for group in near}
    apart = sum(map(len, groups.values())) == len(set().union(*groups.values()))
    if not apart or any(len(own) < near.count(group) for group, own in groups.items()):
        return deal(cpus, len(near))
    dealt = {group: iter(deal(own, near.count(group))) for group, own in groups.items()}
    return [next(dealt[group]) for group in near]


def deal(cpus: Sequence[int], workers: int) -> list[tuple[int, ...]]:
    """The CPUs in as many parts as there are workers, each of neighbours; none for anybody where nobody knows them.

    Raises CannotHere where one would have none.
    """
    if cpus and workers > len(cpus):
        one = f"this process may use {counted(len(cpus), 'CPU')}, and each needs one of its own"
        raise CannotHere(f"{workers} devices at once: {one} (name fewer devices)")
    ends = [k * len(cpus) // workers for k in range(workers + 1)]
    return [tuple(cpus[start:end]) for start, end in pairwise(ends)]


def cpus_by_core(topology: str = _TOPOLOGY) -> list[int]:
    """The CPUs that this process may run on, those of a package and of a core next to one another."""
    # why: cut in the order of their numbers, two workers would get the two halves of a core.
    places = {
        cpu: tuple(_number(topology.format(cpu, name)) for name in ("physical_package_id", "core_id"))
        for cpu in allowed_cpus()
    }
    return sorted(places, key=lambda cpu: (places[cpu], cpu))


def _number(path: str) -> int:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return 0


def seated(work: Work, seats: Sequence[Seat]) -> list[Work]:
    """What the workers of these seats do; each is a function that a child can import."""
    return [partial(_at, work, seat) for seat in seats]


def _at(work: Work, seat: Seat, job: Job, progress: Callable[[Doing], None]) -> Any:
    # why before the work: as many threads as these are taken when torch is imported.
    if seat.cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, seat.cpus)
        asked = os.environ.get("OMP_NUM_THREADS", "")
        if asked.isdecimal() and int(asked) > len(seat.cpus):
            os.environ["OMP_NUM_THREADS"] = str(len(seat.cpus))
    runs = tuple(run._replace(spec=replace(run.spec, device=seat.device)) for run in job.runs)
    return work(job._replace(runs=runs), progress)
