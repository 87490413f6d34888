"""The Python interface: load a document, ask for its plan, build its modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING

from rnninspect.document.chain import Spec
from rnninspect.document.load import load_spec
from rnninspect.facts import ModelFacts
from rnninspect.plan import plan

if TYPE_CHECKING:
    from rnninspect.results.table import Table
    from rnninspect.runtime.modules import BuiltModel


@dataclass(frozen=True)
class Model:
    """A document that has been read and found sound; printed, it is the table of `rnninspect CONFIG --plan`."""

    spec: Spec

    def __str__(self) -> str:
        from rnninspect.formats import terminal
        from rnninspect.results.caption import PLAN, caption

        return terminal.render([self._table()], caption(PLAN, self.spec.dtype), width=None, colour=False).rstrip("\n")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from rnninspect.formats import html

        return html.table(self._table())

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
        from rnninspect.runtime.here import need_torch

        need_torch()
        from rnninspect.runtime import modules

        return modules.build(self.spec, device, seed)


def load(path: str | PathLike[str], settings: Sequence[str] = ()) -> Model:
    """Read a YAML document; `settings` are overrides such as "encoder.hidden_size=128".

    Raises rnninspect.errors.DocumentError, whose text says where, what was expected, what is there, what to try.
    """
    return Model(load_spec(fspath(path), settings))


def live(name: str) -> object:
    """What looks at a torch module of the user's own, by its public name. Raises NoTorch."""
    from rnninspect.runtime.here import need_torch

    need_torch()
    from rnninspect.live import accepted, result

    return getattr(accepted if name == "check_module" else result, name)
