"""What a framework is that weights are translated into, and words that several of them need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rnninspect.conventions.packing import Convention, Kind
from rnninspect.conventions.torch_layer import TorchLayer


class Framework(NamedTuple):
    """A framework. title: its name. start: how names begin, of a stacked layer and a direction.

    made: the layer there, in words of the framework. put: how the arrays go into it, lines below the function of that
    name. letters: what it calls gates that torch calls otherwise. is_run: tests run the framework on what our lines
    return; else it is the record alone that says so. runs_relu: so they do for an RNN with relu. limit: where
    it computes something else all the same.
    """

    title: str
    convention: Convention
    start: Callable[[TorchLayer, int, int], str]
    made: Callable[[TorchLayer], str]
    put: Callable[[TorchLayer, str], tuple[str, ...]]
    letters: Mapping[Kind, str] = {}
    is_run: bool = False
    runs_relu: bool = True
    limit: Callable[[TorchLayer], str] = lambda torch: ""


def by_layer(torch: TorchLayer, layer: int) -> str:
    """How names begin of what is in a stacked layer."""
    return f"layer_{layer}/" if torch.depth > 1 else ""


def by_direction(torch: TorchLayer, layer: int, direction: int, *ways: str) -> str:
    """The same of one of its directions, where it has two. ways: what the two are called."""
    return by_layer(torch, layer) + (f"{ways[direction]}/" if torch.directions > 1 else "")


def of_each(made: str, torch: TorchLayer, *, directions: bool = False) -> str:
    """`2 of ..., one for each stacked layer`. directions: each direction is a layer of its own there."""
    number = torch.depth * (torch.directions if directions else 1)
    if number == 1:
        return made
    each = ["stacked layer"] * (torch.depth > 1) + ["direction"] * (number > torch.depth)
    return f"{number} of {made}, one for each {' and '.join(each)}"


def arguments(*given: str) -> str:
    """What stands in the brackets of a call."""
    return ", ".join(filter(None, given))
