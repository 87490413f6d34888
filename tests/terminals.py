"""The command line in a terminal: a pseudo-terminal of its own, and what it writes to it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

ESCAPE = re.compile(r"\x1b\[[\d;]*m")


def terminal(columns: int, env: dict[str, str], *args: str | Path) -> str:
    """What the command line writes to a terminal of so many columns."""
    primary, secondary = pty.openpty()
    try:
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        command = [sys.executable, "-m", "rnninspect", *map(str, args)]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=secondary, stderr=subprocess.PIPE, env=env
        ) as process:
            os.close(secondary)
            shown = b"".join(read_all(primary))
            _, stderr = process.communicate(timeout=60)
    finally:
        os.close(primary)
    assert (process.returncode, stderr) == (0, b"")
    return shown.decode().replace("\r\n", "\n")


def read_all(primary: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(primary, 65_536)
        except OSError:  # how Linux says that the other side is closed
            return
        if not data:
            return
        yield data
