"""A BatchNorm1d in training mode, by torch and by its equations: the batch's own statistics, and where they go."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from rnninspect.document.chain import Link
from rnninspect.study.passes import Given, passes, weighed
from rnninspect.study.reference import reference
from rnninspect.study.rounding import Deviation, Unit

# What stands behind the name of a tensor that is another one in training mode.
IN_TRAINING = " in training"


def draw_anew(modules: Iterable[nn.Module]) -> None:
    """Values at random for all that a BatchNorm1d holds: fresh ones change nothing, whatever the equation is."""
    for module in modules:
        if isinstance(module, nn.BatchNorm1d):
            for name, values in module.state_dict().items():
                if name in ("running_mean", "bias"):
                    values.normal_()
                elif values.is_floating_point():
                    values.uniform_(0.5, 2)


def in_training(link: Link, module: nn.Module, by_torch: Given, given: Given, unit: Unit) -> tuple[Deviation, ...]:
    """Output, gradients and running statistics of one batch in training mode, against the equations'.

    by_torch: what torch is given on its device; given: the same for the equations, in float64.
    """
    # why copies: the statistics move, and the module is used again.
    training = copy.deepcopy(module).train()
    computed = _tensors_of(link, copy.deepcopy(training), by_torch)
    expected = _tensors_of(link, reference(link.layer, training), given)
    tensors = weighed(link, training, given, expected, computed, unit, _tensors_of)
    return tuple(tensor._replace(name=tensor.name + IN_TRAINING) for tensor in tensors)


def _tensors_of(link: Link, module: nn.Module, given: Given) -> Mapping[str, Tensor]:
    tensors = passes(link, module, *given).tensors
    return tensors | dict(module.named_buffers())
