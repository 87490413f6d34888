"""`make bench-hostile`: what it costs to refuse each document of `tests/hostile.py`, in CPU time and memory.

A process each, against one that refuses an empty document. Beyond a second or 100 MB more the exit code is 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from hostile import HOSTILE

MOST_SECONDS, MOST_MB = 1.0, 100.0


def cost(text: str) -> tuple[int, float, float]:
    """The exit code of `params --plan`, its CPU seconds and its MB at the most."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        command = [sys.executable, "-m", "rnninspect", "params", file.name, "--plan"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> int:
    """Print a line each."""
    _, seconds, size = cost("")
    failed = False
    for name, (text, _) in HOSTILE.items():
        code, took, held = cost(text)
        bad = code != 2 or took - seconds > MOST_SECONDS or held - size > MOST_MB
        failed |= bad
        print(f"{name:32} exit {code}  {took - seconds:6.2f} s  {held - size:6.1f} MB{'  TOO MUCH' if bad else ''}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
