"""Where the process that does the work begins: the functions that a parent without torch can name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rnninspect.bench import heap
from rnninspect.bench.jobs import Job
from rnninspect.bench.records import Doing, Outcome
from rnninspect.bench.supervise import Last
from rnninspect.runtime.here import need_torch

if TYPE_CHECKING:
    from rnninspect.bench.largest import Taken, Trial
    from rnninspect.bench.supervise import Ended


def devices(_: None, progress: Callable[[Doing], None]) -> dict[str, str | None]:
    """The devices that torch sees here, and of each GPU where it is on the PCI bus. Raises NoTorch."""
    need_torch()
    import torch

    from rnninspect.bench.machine import bus_of
    from rnninspect.runtime.device import devices_here

    progress(Doing(0.0))
    return {name: bus_of(torch.device(name)) if ":" in name else None for name in devices_here()}


def work(job: Job, progress: Callable[[Doing], None]) -> list[Outcome] | Last:
    """Do a job in this process, which imports torch for it; see `worker.work`. Raises NoTorch."""
    need_torch()
    from rnninspect.bench import worker

    # why: from here on the job itself takes time.
    progress(Doing(0.0))
    heap.give_back()
    heap.keep_freed()
    return worker.work(job, progress)


def trial(asked: Trial, progress: Callable[[Doing], None]) -> Taken | Last | Ended:
    """Try a batch in this process, which imports torch for it; see `trial.try_batch`. Raises NoTorch."""
    need_torch()
    from rnninspect.bench.trial import try_batch

    progress(Doing(0.0))
    return try_batch(asked)
