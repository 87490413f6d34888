"""Everything about a recurrent network before you train it.

import rnninspect
model = rnninspect.load("configs/lstm.yaml")
print(model)                # the model at a glance
model.plan().parameters     # 90800, worked out from the equations; torch is not imported
model.build()               # the torch.nn modules, on the document's device; needs rnninspect[torch]
rnninspect.inspect(net, x)  # the recurrent layers of a module of yours: one forward pass, every shape and count
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnninspect.api import Model, check_module, inspect, load, recurrent
    from rnninspect.errors import RnnInspectError
    from rnninspect.live.result import Inspected

__version__ = "0.2.0"
__all__ = ["Inspected", "Model", "RnnInspectError", "check_module", "inspect", "load", "recurrent"]


def __getattr__(name: str) -> object:
    """The public names, imported when first asked for: reading the version costs no more than this file."""
    if name in ("load", "Model", "inspect", "recurrent", "check_module"):
        from rnninspect import api

        return getattr(api, name)
    if name == "RnnInspectError":
        from rnninspect.errors import RnnInspectError

        return RnnInspectError
    if name == "Inspected":
        from rnninspect.live.result import Inspected

        return Inspected
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What completion offers: the public names too, which are not here before they are first asked for."""
    return sorted({*globals(), *__all__})
