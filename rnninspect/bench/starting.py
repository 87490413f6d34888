"""How processes begin that do the work: they run no file of the current folder, and nothing of the caller's script."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Generator
from multiprocessing import resource_tracker
from pathlib import Path
from types import ModuleType

from rnninspect.stop import ENDING

# What ends a run goes to its whole group; it is the parent that answers, and then ends its child.
_ALL_ENDING = {signal.SIGINT, *ENDING}


@contextlib.contextmanager
def starting() -> Generator[Path, None, None]:
    """A block to start processes in: they run no file of the current folder, and hear of no interrupt meanwhile.

    It is given that folder.
    """
    # why: they begin as `python -c`, which looks for modules in the current folder first, so that a `signal.py` there
    # would be run. Where else to look they are told: multiprocessing hands sys.path on. It holds for what they start.
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        with _without_main(), _elsewhere() as folder, without_interrupts():
            yield folder
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


@contextlib.contextmanager
def _without_main() -> Generator[None, None, None]:
    """A block in which this process has no main module that a process which starts would run again.

    why: whoever calls this from Python may have a script that guards nothing.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def ignores_safe_path() -> bool:
    """Whether this process and what it starts hear of no PYTHONSAFEPATH, and need it: `python -E` hands -E on."""
    return bool(sys.flags.ignore_environment) and not sys.flags.safe_path


@contextlib.contextmanager
def _elsewhere() -> Generator[Path, None, None]:
    """A block in the folder of Python's own modules, where what starts would not hear of PYTHONSAFEPATH.

    It is given the folder that was the current one.
    """
    before = Path.cwd()
    if not ignores_safe_path():
        yield before
        return
    os.chdir(Path(os.__file__).parent)
    try:
        yield before
    finally:
        os.chdir(before)


@contextlib.contextmanager
def without_interrupts() -> Generator[None, None, None]:
    """A block that Ctrl-C and the like wait for; what starts in it hears of none, as the parent answers for both."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # why first: the tracker's own start would let signals through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ALL_ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
