"""What the command line of `check` takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from rnninspect.commands.shared import completion
from rnninspect.commands.shared.options import (
    HOW_TO_PRINT,
    Device,
    Dtype,
    FilesOrCheckpoints,
    MaxMacs,
    MaxParams,
    Output,
    Settings,
    flag,
    option,
)
from rnninspect.formats import CheckFormat


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What `check` takes."""

    files: FilesOrCheckpoints
    lock: Annotated[
        Path | None,
        option(
            "FILE", "Hold models against this lock, not the nearest rnninspect.lock (here or above, in the repository)."
        ),
    ] = None
    update: Annotated[bool, flag("--update", "Accept the models as they are now, and write them into the lock.")] = (
        False
    )
    locked: Annotated[
        bool, flag("--locked", "Fail too without a lock, on an entry whose document is gone, on an empty budget.")
    ] = False
    base: Annotated[
        str | None,
        option(
            "REF",
            "Hold models against their documents at this branch, tag or commit of git, not against a lock.",
            autocompletion=completion.branches,
        ),
    ] = None
    max_params: MaxParams = None
    max_macs: MaxMacs = None
    max_total_params: Annotated[str | None, option("COUNT", "Keep all models together within so many parameters.")] = (
        None
    )
    max_growth: Annotated[
        str | None,
        option(
            "LIMITS",
            "Let models differ from the lock or base, but grow no further than 5%, or params=5%,macs=100k.",
            autocompletion=completion.growths,
        ),
    ] = None
    weights: Annotated[
        str | None,
        option(
            "FILE", "Hold one document's model against this checkpoint, tensor by tensor, as load_state_dict would."
        ),
    ] = None
    build: Annotated[bool, flag("--build", "Prove the models on the real torch modules too.")] = False
    device: Device = None
    dtype: Dtype = None
    settings: Settings = field(default_factory=list)
    format: Annotated[CheckFormat, HOW_TO_PRINT] = CheckFormat.TABLE
    output: Output = None
