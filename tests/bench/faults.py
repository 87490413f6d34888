"""Work that goes wrong in every way, for a child process to import; it needs no torch."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from rnninspect.bench.records import Doing
from rnninspect.bench.supervise import Last


def misbehave(job: str, progress: Callable[[Doing], None]) -> str | Last:
    """Do what `job` says: one of the cases below; anything else is returned, with the number of the process."""
    progress(Doing(0.5))
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
        case "last":
            return Last(f"last in {os.getpid()}")
        case "cwd":
            return os.getcwd()  # noqa: PTH109
        case "alone" | "dies alone":
            progress(Doing(0.5, alone=True))
            began = time.monotonic()
            if job == "dies alone":
                os._exit(3)
            time.sleep(0.3)
            progress(Doing(0.5))
            return f"{began} {time.monotonic()}"
        case "sleep":
            time.sleep(600)
        case path if path.startswith("/"):
            while not os.path.exists(path):  # noqa: PTH110
                time.sleep(0.02)
        case "allocate":
            held = []
            while True:
                held.append(bytearray(b"x") * 2**24)
    return f"{job} in {os.getpid()}"


def broken(job: str, progress: Callable[[Doing], None]) -> str:
    """Do nothing, as a worker whose device is broken."""
    progress(Doing(0.5))
    raise RuntimeError("CUDA error: uncorrectable ECC error encountered")
