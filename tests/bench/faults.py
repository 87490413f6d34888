"""Work that goes wrong in every way, for a child process to import; it needs nothing but the standard library."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable


def misbehave(job: str, progress: Callable[[float], None]) -> str:
    """Do what `job` says: "return", "raise", "kill", "segfault", "exit", "sleep", "no memory", "allocate" or "cwd"."""
    progress(0.5)
    match job:
        case "raise":
            raise RuntimeError("this went wrong")
        case "no memory":
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate ...")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(3)
        case "cwd":
            return os.getcwd()  # noqa: PTH109
        case "sleep":
            time.sleep(600)
        case "allocate":
            held = []
            while True:
                held.append(bytearray(b"x") * 2**24)
    return f"{job} in {os.getpid()}"
