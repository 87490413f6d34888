"""The Python interface: load a document, ask for its plan, build its modules; look at a module of your own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from rnninspect.document.chain import Spec
from rnninspect.document.load import load_spec
from rnninspect.facts.models import ModelFacts
from rnninspect.plan import plan
from rnninspect.runtime.here import need_torch

if TYPE_CHECKING:
    import torch
    from torch import nn

    from rnninspect.live.result import Inspected
    from rnninspect.results.table import Table
    from rnninspect.runtime.modules import BuiltModel


@dataclass(frozen=True)
class Model:
    """A document that has been read and found sound; printed, it is the table of `rnninspect CONFIG --plan`."""

    spec: Spec

    def __str__(self) -> str:
        from rnninspect.formats import terminal
        from rnninspect.output import terminal_width
        from rnninspect.results.caption import PLAN, caption

        last_line = caption(PLAN, self.spec.dtype)
        return terminal.render([self._table()], last_line, width=terminal_width(), colour=False).rstrip("\n")

    # What Python's prompt shows.
    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from rnninspect.formats import html_table

        return html_table.notebook(self._table())

    def _table(self) -> Table:
        from rnninspect.results.summary import summary_table

        return summary_table([self.plan()])

    def plan(self) -> ModelFacts:
        """Everything the equations say of the model: `.parameters`, `.macs`, `.layers[0].weights`, ...

        Does not import torch and allocates nothing.
        """
        return plan(self.spec)

    def build(self, *, device: str | None = None, seed: int = 0) -> BuiltModel:
        """The model as a torch.nn.Module in eval mode, its weights drawn with `seed`.

        device: a name such as "cpu" or "cuda:0"; None is the document's, or the best there is.
        Raises NoTorch (rnninspect[torch] brings it; a plan needs none), NoSuchDevice, NotEnoughMemory (before anything
        is allocated) or TorchRefused.
        """
        need_torch()
        from rnninspect.runtime import modules

        return modules.build(_with_sizes(self.spec), device, seed)


def _with_sizes(spec: Spec) -> Spec:
    """The model on a batch of one step, where nobody says how large it is: its modules are the same on any."""
    batch = spec.batch
    if not batch.is_open:
        return spec
    size = 1 if isinstance(batch.size, str) else batch.size
    return spec.with_batch(replace(batch, size=size, seq_len=1 if isinstance(batch.seq_len, str) else batch.seq_len))


def load(path: str | PathLike[str], settings: Sequence[str] = ()) -> Model:
    """Read a YAML document, or a module such as "LSTM(300, 50)", printed or called, which is parsed and never run.

    settings: overrides such as "encoder.hidden_size=128".
    Raises rnninspect.errors.DocumentError, whose text says where, what was expected, what is there, what to try.
    """
    return Model(load_spec(fspath(path), settings))


def inspect(
    module: nn.Module,
    *inputs: Any,
    input_size: Any = None,
    dtypes: Sequence[torch.dtype] | torch.dtype | None = None,
    **kwargs: Any,
) -> Inspected:
    """Run a torch module of your own once, and tell what its recurrent layers are, read, and put out.

        rnninspect.inspect(model, x, lengths)
        rnninspect.inspect(model, (32, 20, 300))                        a size: random numbers
        rnninspect.inspect(model, (32, 20), dtypes=[torch.long])        tokens
        rnninspect.inspect(model, input_size=[(32, 20, 300), ((2, 32, 50), (2, 32, 50))])

    kwargs go to the module's forward. The forward runs in eval mode and without gradients; afterwards modes, buffers
    and random numbers are as before, and no hook is left. What it raises comes through as it is. Raises NoTorch.
    """
    need_torch()
    from rnninspect.live.look import look

    return look(module, inputs, input_size, dtypes, kwargs)


def recurrent(module: nn.Module) -> Inspected:
    """The recurrent layers of a torch module that is not run: letters in place of the sizes of its input."""
    need_torch()
    from rnninspect.live.look import look_only

    return look_only(module)


def check_module(
    module: nn.Module,
    *,
    max_params: int | str | None = None,
    lock: str | PathLike[str] | None = None,
    name: str | None = None,
    update: bool | None = None,
) -> Inspected:
    """Hold a module against what is accepted; raises AssertionError that says what, what was expected, what is there.

    max_params: the most parameters that all of it may have, a number or a text such as "20M". lock: the path of a lock
    as `rnninspect check` writes it; the module is its entry `module:NAME`, with each recurrent layer's arguments,
    weights and parameters, and the shapes of everything else. name: its class's unless given. update: accept what the
    module is now, and write it into the lock; None: where the environment has RNNINSPECT_UPDATE=1.

    The module is not run. Where a recurrent layer is not what its own arguments say, that fails too.
    """
    need_torch()
    from rnninspect.live.accepted import check

    # why: pytest then shows the line of the test.
    __tracebackhide__ = True
    return check(module, max_params, lock, name, update)
