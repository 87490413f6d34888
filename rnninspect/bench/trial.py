"""A batch tried, in the process that does the work: one call of a phase, and what it took of the device's memory."""

from __future__ import annotations

import sys

import torch

from rnninspect.bench import heap
from rnninspect.bench.clock import clock_for
from rnninspect.bench.largest import Taken, Trial
from rnninspect.bench.machine import name_of
from rnninspect.bench.phases import Phase, subjects, trains
from rnninspect.bench.records import Status
from rnninspect.bench.supervise import Ended, Last
from rnninspect.document.chain import Spec
from rnninspect.errors import CannotHere, NotEnoughMemory, TorchRefused, first_line
from rnninspect.plan import plan
from rnninspect.runtime.device import DTYPES, device_of, free_bytes, threads, watch_peak
from rnninspect.runtime.memory import no_more_than, ran_out
from rnninspect.runtime.modules import ready
from rnninspect.runtime.precision import set_float32_precision

# What oneDNN says, short of memory too, of what it did for the smaller batch before.
_ONEDNNS = "could not create a"
# The devices whose libraries are loaded in this process.
_LOADED: set[torch.device] = set()


def try_batch(trial: Trial) -> Taken | Last | Ended:
    """Call the phase once, and tell what it took, or that there was no memory. Raises what else torch refuses."""
    spec, device = trial.run.spec, device_of(trial.run.spec)
    if trial.request.fp32_precision is not None:
        set_float32_precision(trial.request.fp32_precision)
    with threads(trial.run.setting.threads or torch.get_num_threads()):
        if device not in _LOADED:
            # why first: what libraries take when they are loaded is none of the batch's.
            _call(trial, spec.cut(sys.maxsize, 2), device)
            _LOADED.add(device)
        free = trial.room if device.type == "cpu" else free_bytes(device)
        try:
            taken = _taken(trial, device, free)
        except (NotEnoughMemory, TorchRefused) as error:
            if not (isinstance(error, NotEnoughMemory) or ran_out(error) or _ONEDNNS in str(error)):
                raise
            return Ended(Status.MEMORY, _reason(error, device, free))
    # why the last on the host: what oneDNN keeps from one batch would be missing in what the next takes.
    return Last(taken) if device.type == "cpu" else taken


def _taken(trial: Trial, device: torch.device, free: int | None) -> Taken:
    if device.type == "cuda":
        torch.cuda.empty_cache()
    heap.give_back()
    with no_more_than(free if device.type == "cpu" else None):
        peak = watch_peak(device)
        _call(trial, trial.run.spec, device)
        taken = peak()
    return Taken(
        peak_bytes=taken,
        free_bytes=free,
        device=str(device),
        device_name=name_of(device),
        torch=str(torch.__version__),  # why str: its own type would make the parent import torch
    )


def _reason(error: Exception, device: torch.device, free: int | None) -> str:
    """Why there was no memory; of the host what it might take, of a GPU what torch asked for last."""
    if device.type == "cpu" and free is not None:
        return f"it asks for more than {free:,} bytes"
    return first_line(error.__cause__ or error).partition(". GPU ")[0]


def _call(trial: Trial, spec: Spec, device: torch.device) -> None:
    """Build the model on a device and call the phase once."""
    request, amp = trial.request, trial.run.setting.amp
    with ready(spec, plan(spec), device, request.seed) as model:
        (subject,) = subjects(spec, model, device, each_layer=False, input_grad=request.input_grad, pool=1)
        if trial.phase != "forward" and not trains(subject):
            why = "nothing is trained, so there is no backward pass (trainable: true, or --phase forward)"
            raise spec.refused(CannotHere, why)
        if amp is not None:
            subject = subject._replace(amp=DTYPES[amp])
        Phase(subject, trial.phase, clock_for(device, warm_l2=True)).sample(1)
