"""The command line that is being run, which a page says it was made by."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

from rnninspect import __version__

if TYPE_CHECKING:
    from rnninspect.formats.html import Made

_TYPED: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())


def remember(command: str, words: Sequence[str]) -> None:
    """Keep what was typed: the command, which may have been left out, and what stands behind it."""
    _TYPED.set((command, *words))


def made() -> Made:
    """What makes a page now: the command, and the versions of all that has a part in it."""
    import platform
    import shlex

    from rnninspect.formats.html import Made

    words = _TYPED.get()
    versions = [f"rnninspect {__version__}", f"Python {platform.python_version()}"]
    torch = sys.modules.get("torch")
    versions += [] if torch is None else [f"torch {torch.__version__}"]
    return Made(
        name=next(iter(words), "rnninspect"), line=shlex.join(["rnninspect", *words]), versions=" · ".join(versions)
    )
