"""What this process must find here before it begins: a current folder, and torch where it is asked."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from rnninspect.errors import FolderGone, NoTorch, first_line
from rnninspect.runtime.memory import address_space, ran_out

# Addresses that importing torch takes at the least: 670 MB were measured of the CPU's build, of CUDA's far more. With a
# little less some of its libraries end the process, or say that something is broken.
_TORCH_TAKES = 720 * 2**20
# And the tool without it: 55 MB were measured.
_TOOL_TAKES = 64 * 2**20
# What of that a command takes at the least when its command line has been read.
_COMMAND_TAKES = 8 * 2**20
_WITHOUT = "--plan, explain, diff and check need none"
_INSTALL = "pip install 'rnninspect[torch]'"
_MISSING = f"torch is not installed here ({_INSTALL}; {_WITHOUT})"
NOT_INSTALLED = f"torch is not installed: the plan alone, not proven; {_INSTALL}"


def need_folder() -> None:
    """Raise FolderGone where the current folder has been deleted."""
    try:
        os.getcwd()  # noqa: PTH109
    except OSError as error:
        raise FolderGone("the current folder is gone (cd to one that is there)") from error


def torch_is_installed() -> bool:
    """Whether a torch is found, be it one that loads or not; nothing is imported."""
    return sys.modules.get("torch") is not None or find_spec("torch") is not None


def need_torch_found() -> None:
    """Raise NoTorch where none is found, for who leaves the import to another process."""
    if not torch_is_installed():
        raise NoTorch(_MISSING)


def need_torch() -> None:
    """Import torch, which all that uses it does later. Raises NoTorch, FolderGone."""
    # why: without a current folder oneMKL ends the process, when torch loads it, with an exit code of its own.
    need_folder()
    room = address_space()
    # why asked first: some of the libraries that torch loads end the process where they get no memory.
    if "torch" not in sys.modules and room is not None and room < _TORCH_TAKES:
        raise NoTorch(
            f"torch cannot be loaded here: it takes more than {_TORCH_TAKES:,} bytes of addresses, and {room:,} are "
            f"allowed (raise ulimit -v; {_WITHOUT})"
        )
    try:
        import torch

        # why a part too: what is left of an installation, a mere folder, can be imported, and is empty.
        import torch.nn.utils.rnn  # noqa: F401
    except Exception as error:  # why so broad: none of this is ours, and what a broken library raises is anything
        if isinstance(error, ModuleNotFoundError) and error.name == "torch":
            raise NoTorch(_MISSING) from error
        reason = first_line(error, named=True)
        remedy = "raise ulimit -v, or end other programs" if ran_out(error) else "install it again"
        raise NoTorch(f"torch cannot be loaded here: {reason} ({remedy}; {_WITHOUT})") from error


def likely_device(name: str | None) -> str:
    """The type of the device that torch will choose for this name, as far as can be seen without torch.

    None and "auto" are the best there is: a sign of CUDA is its driver's node, of mps a Mac.
    """
    if name not in (None, "auto"):
        return name.partition(":")[0]
    if sys.platform == "darwin":
        return "mps"
    return "cuda" if os.path.exists("/dev/nvidiactl") and os.environ.get("CUDA_VISIBLE_DEVICES") != "" else "cpu"  # noqa: PTH110


def need_memory() -> None:
    """Raise MemoryError where a command has too little to run at all.

    why asked first: in the middle of it Python may not even be able to raise, and what is not Python ends the process.
    """
    bytes(_COMMAND_TAKES)  # why no bytearray: that writes to all of it


def short_of_memory(error: Exception) -> bool:
    """Whether an error came for want of memory, wherever it was raised."""
    try:
        room = address_space()
    except (MemoryError, SystemError):  # why the second: of an import that got no memory in the middle
        return True
    # why whatever it is where there is so little: an import that gets no memory raises the strangest things.
    return ran_out(error) or (room is not None and room < _TOOL_TAKES)
