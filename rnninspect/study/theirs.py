"""Somebody's class held against the equations of a layer: the one place that imports code which a user names.

It is imported and run in this process, with all that this process may do; `verify --against` alone leads here.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnninspect.document import paths
from rnninspect.document.complaints import fault_at
from rnninspect.document.faults import with_excerpts
from rnninspect.errors import CodeRaised, DocumentError, OptionError, did_you_mean, first_line, printable
from rnninspect.study.name_map import Theirs, printed


def fault(against: Theirs, path: paths.Path, message: str, hint: str = "") -> DocumentError:
    """What is wrong with what the map says at a path, with its line."""
    with with_excerpts(against.tree.text, against.tree.source):
        return fault_at(path, against.tree, message, hint)


@contextmanager
def running(against: Theirs, what: str) -> Iterator[None]:
    """A block that runs their code: what it raises is CodeRaised, and what it prints goes to stderr.

    The current folder can be imported from, after all that is installed.
    """
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (OptionError, DocumentError):
        raise
    # why all: it is somebody's code, and may raise anything, or end the process.
    except (Exception, SystemExit) as error:
        raise CodeRaised(f"{printed(against)} {what}: {first_line(error, named=True)}{_where(error)}") from error
    finally:
        sys.path.remove(here)


def _where(error: BaseException) -> str:
    """The last place outside of torch and of this package."""
    ours = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<frozen")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(ours)]
    own = [frame for frame in frames if frame.filename not in (importlib.__file__, inspect.__file__)]
    return f" ({printable(own[-1].filename)}:{own[-1].lineno})" if own else ""


def load(against: Theirs) -> nn.Module:
    """Their module in float64 on the CPU, in eval mode.

    Raises OptionError where there is no such class, DocumentError where it takes no such arguments, CodeRaised.
    """
    kind = _class(against)
    try:
        inspect.signature(kind).bind(**against.map.arguments)
    except TypeError as error:
        message = f"{against.name} does not take these: {first_line(error)}"
        raise fault(against, ("arguments",), message) from error
    except ValueError:  # a class whose arguments nobody can tell
        pass
    with running(against, "could not be made"):
        module = kind(**against.map.arguments)
        return module.to("cpu", torch.float64).eval()


def _class(against: Theirs) -> type[nn.Module]:
    with running(against, "could not be imported"):
        try:
            module = importlib.import_module(against.module)
        except ModuleNotFoundError as error:
            # why asked: what it imports itself may be missing too, and that is no matter of how it is called.
            if error.name is None or not f"{against.module}.".startswith(f"{error.name}."):
                raise
            looked = "looked in what is installed, and then in the current folder"
            raise OptionError(f"--against: there is no module {printable(error.name)} ({looked})") from error
        known = {name: value for name, value in vars(module).items() if isinstance(value, type)}
        kind = getattr(module, against.name, None)
    if not isinstance(kind, type) or not issubclass(kind, nn.Module):
        modules = [name for name, value in known.items() if issubclass(value, nn.Module)]
        hint = did_you_mean(against.name, modules) if get_close_matches(against.name, modules) else ""
        has = "has no such class" if kind is None else "is no torch.nn.Module"
        raise OptionError(f"--against {printed(against)}: {has}" + (f" ({hint})" if hint else ""))
    return kind


def version(against: Theirs) -> str:
    """The version that their package says it is, "" where it says none."""
    package = against.module.split(".")[0]
    try:
        return printable(metadata.version(package))
    except metadata.PackageNotFoundError:
        return printable(str(getattr(sys.modules.get(package), "__version__", "")))


def call(against: Theirs, module: nn.Module, data: Tensor, states: Mapping[str, Tensor], output: str) -> list[Tensor]:
    """Run it over data (L, N, H_in) from the states, each (num_layers*D, N, H), by name.

    Returns the output and the states after it, in our order, or the output alone where it gives no states. Raises
    CodeRaised, and DocumentError where it gives something else.
    """
    order = against.map.states or list(states)
    with running(against, "could not be run"):
        if against.map.call == "sequence":
            x = data.transpose(0, 1) if against.map.batch_first else data
            given = _flat(module(x, _one_or_all([states[name] for name in order])))
            after = [given[0].transpose(0, 1) if against.map.batch_first else given[0], *given[1:]] if given else []
        else:
            after = _stepped(module, data, [states[name][0] for name in order], order, output)
    if len(after) == 1 and against.map.call == "sequence":
        return after
    if len(after) != 1 + len(order):
        gave = f"{against.name} gave {len(after)} tensors"
        raise fault(against, ("call",), f"{gave}: expected the output and {len(order)} states, {', '.join(order)}")
    by_name = dict(zip(order, after[1:], strict=True))
    return [after[0], *(by_name[name] for name in states)]


def _stepped(module: nn.Module, data: Tensor, states: list[Tensor], order: list[str], output: str) -> list[Tensor]:
    outputs = []
    for x in data:
        after = _flat(module(x, _one_or_all(states)))
        if len(after) not in (len(order), len(order) + 1):
            return after
        states = after[-len(order) :]
        # why not the first: what a cell puts out may be any of its states.
        outputs.append(after[0] if len(after) > len(order) or output not in order else states[order.index(output)])
    return [torch.stack(outputs), *(state.unsqueeze(0) for state in states)]


def _flat(given: Any) -> list[Tensor]:
    """All tensors of what was returned, in order."""
    if isinstance(given, Tensor):
        return [given]
    return [tensor for part in given for tensor in _flat(part)] if isinstance(given, list | tuple) else []


def _one_or_all(states: list[Tensor]) -> Tensor | tuple[Tensor, ...]:
    return states[0] if len(states) == 1 else tuple(states)
