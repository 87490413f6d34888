"""A batch tried, in the process that does the work: one call of a phase, and what it took of the device's memory."""

from __future__ import annotations

import torch

from rnninspect.bench import heap
from rnninspect.bench.clock import clock_for
from rnninspect.bench.largest import Taken, Trial
from rnninspect.bench.machine import name_of
from rnninspect.bench.phases import Phase, subjects, trains
from rnninspect.bench.records import Status
from rnninspect.bench.supervise import Ended, Last
from rnninspect.document.chain import Spec
from rnninspect.errors import CannotHere, NoSuchDevice, NotEnoughMemory, RnnInspectError, first_line
from rnninspect.plan import plan
from rnninspect.runtime.device import DTYPES, device_of, free_bytes, threads, watch_peak
from rnninspect.runtime.memory import no_more_than, ran_out
from rnninspect.runtime.modules import ready
from rnninspect.runtime.precision import set_float32_precision
from rnninspect.runtime.torch_errors import broke_cuda
from rnninspect.runtime.workspace import planned_on

# Steps and sequences of what is called first.
_SMALL = (4, 2)
# What oneDNN says, short of memory too, of what it did for the smaller batch before.
_ONEDNNS = "could not create a"
# The devices whose libraries are loaded in this process.
_LOADED: set[torch.device] = set()


def try_batch(trial: Trial) -> Taken | Last | Ended:
    """Call the phase once, and tell what it took, or why it cannot be."""
    spec = trial.run.spec
    try:
        device = device_of(spec)
    except NoSuchDevice as error:
        return Ended(Status.FAILED, first_line(error))
    if trial.request.fp32_precision is not None:
        set_float32_precision(trial.request.fp32_precision)
    free = trial.room
    try:
        with threads(trial.run.setting.threads or torch.get_num_threads()):
            if device not in _LOADED:
                # why first: what libraries take when they are loaded is none of the batch's.
                _call(trial, spec.cut(*_SMALL), device)
                _LOADED.add(device)
            if device.type != "cpu":
                free = free_bytes(device)
            taken = _taken(trial, device, free)
    except RnnInspectError as error:
        if broke_cuda(error):
            raise
        return _ended(error, device, free)
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


def _ended(error: RnnInspectError, device: torch.device, free: int | None) -> Ended:
    """That the batch could not be called: of the host with what it might take, of a GPU in torch's own words."""
    if isinstance(error, NotEnoughMemory):
        return Ended(Status.MEMORY, first_line(error))
    if not ran_out(error) and not (device in _LOADED and _ONEDNNS in str(error)):
        return Ended(Status.FAILED, first_line(error))
    if device.type == "cpu" and free is not None:
        return Ended(Status.MEMORY, f"it asks for more than {free:,} bytes")
    return Ended(Status.MEMORY, first_line(error.__cause__ or error).partition(". GPU ")[0])


def _call(trial: Trial, spec: Spec, device: torch.device) -> None:
    """Build the model on a device and call the phase once."""
    request, amp = trial.request, trial.run.setting.amp
    planned = planned_on(device.type, spec, plan(spec), input_grad=request.input_grad)
    more = 0
    if device.type == "cpu" and trial.phase != "forward":
        # why: not every system can be told to refuse this process more than it may take.
        more = planned.counts.gradient_bytes + (planned.kept_for_backward_bytes or 0)
    with ready(spec, planned, device, request.seed, more=more) as model:
        (subject,) = subjects(spec, model, device, each_layer=False, input_grad=request.input_grad, pool=1)
        if trial.phase != "forward" and not trains(subject):
            why = "nothing is trained, so there is no backward pass (trainable: true, or --phase forward)"
            raise spec.refused(CannotHere, why)
        if amp is not None:
            subject = subject._replace(amp=DTYPES[amp])
        Phase(subject, trial.phase, clock_for(device, warm_l2=True)).sample(1)
