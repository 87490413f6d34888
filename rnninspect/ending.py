"""The one place that ends the process: whatever a command raises becomes one line and the right exit code."""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from rnninspect import __version__, disk
from rnninspect.commands.shared.messages import complain, say, say_count
from rnninspect.commands.shared.typer_output import free
from rnninspect.errors import CannotHere, NotEnoughMemory, RnnInspectError, printable
from rnninspect.runtime.here import short_of_memory
from rnninspect.stop import INTERRUPTS, Stopped, exit_code, words

# EX_SOFTWARE of sysexits.h: a fault of ours.
_FAULT = 70
# What a system refuses for reasons of its own, whoever asks: a disk, a right, too many open files.
_REFUSED = {
    *(errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE),
    *(errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.EINTR),
}


def end(command: Callable[[], int]) -> NoReturn:
    """Run a command and end with its exit code."""
    free()
    with faults_as_exit_codes():
        code = command()
    raise typer.Exit(code)


@contextmanager
def faults_as_exit_codes() -> Iterator[None]:
    """A block in which whatever is raised becomes one line and the right exit code."""
    try:
        yield
        return
    except RnnInspectError as error:
        code = complain(error)
        say_count(len(error.faults))
    except INTERRUPTS as stop:
        # why not of the others: whoever sends SIGTERM knows.
        if not isinstance(stop, Stopped):
            say(words(stop))
        code = exit_code(stop)
    except Exception as error:  # why so broad: the last place where a fault of ours can become one line
        code = blame(error)
    raise typer.Exit(code)


def blame(error: Exception) -> int:
    """Say whose fault it is: the machine's, where its memory ran out or it refused something, or ours."""
    if os.environ.get("RNNINSPECT_TRACEBACK"):
        traceback.print_exception(error)
    if isinstance(error.__context__, typer.Exit):
        # why: where memory runs out, ending may run out of it once more; what was wrong has been said.
        return error.__context__.exit_code
    if short_of_memory(error):
        return complain(NotEnoughMemory("memory ran out (a smaller model, fewer other programs, or more ulimit -v)"))
    if isinstance(error, OSError) and error.errno in _REFUSED:
        of = f": {printable(str(error.filename))}" if error.filename else ""
        return complain(CannotHere(f"the system refused to go on: {disk.reason(error)}{of} (try again, or elsewhere)"))
    say(
        f"rnninspect {__version__} has a fault: {type(error).__name__}: {printable(str(error))} "
        "(set RNNINSPECT_TRACEBACK=1 to see where, and report it with the document)"
    )
    return _FAULT
