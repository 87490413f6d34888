"""What is kept from run to run: how long the probe of the CPU's speed took at its best, since the machine started.

Whatever stands in its place, a pipe or half a file, costs a run this witness, and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import NamedTuple

from rnninspect import disk
from rnninspect.errors import OutputFailed, printable
from rnninspect.output import write_text

# How many runs are kept. why not all: a laptop is unplugged, a guest moves to another host, and the best comes no more.
_RUNS = 20
# Another for every start of the machine: after one the host may be another, and so may its clocks.
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# Some thousand kinds of product.
_MOST_BYTES = 2**20


class EarlierBests(NamedTuple):
    """seconds: by product, the best of each of the last runs. fault: why they are not known, in one line, or ""."""

    seconds: dict[str, list[float]]
    fault: str = ""


def recall() -> EarlierBests:
    """What earlier runs have kept."""
    boot, file = _boot(), _file()
    if boot is None or file is None:
        return EarlierBests({})
    try:
        stored = json.loads(disk.read(file, _MOST_BYTES))
        kept = stored["seconds"].items() if stored["boot"] == boot else ()
        return EarlierBests({key: [float(value) for value in values if 0 < value < math.inf] for key, values in kept})
    except disk.ABSENT:
        return EarlierBests({})
    except disk.NoRegularFile as error:
        return EarlierBests({}, f"{printable(str(file))} {disk.reason(error)}")
    except OSError as error:
        return EarlierBests({}, f"{printable(str(file))} cannot be read: {disk.reason(error)}")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return EarlierBests({}, f"{printable(str(file))} is damaged")


def keep(product: str, seconds: float, earlier: float | None) -> None:
    """Keep this run's best for later ones, in place of an `earlier` one of the same run."""
    boot, file = _boot(), _file()
    if boot is None or file is None:
        return
    runs = recall().seconds
    others = runs.get(product, [])
    if earlier in others:
        others.remove(earlier)
    runs[product] = [*others, seconds][-_RUNS:]
    # why: what cannot be kept costs a later run a witness, and this one nothing.
    with contextlib.suppress(OSError, OutputFailed):
        status = disk.status(file)
        # why: to write into a pipe is to wait for its reader.
        if status is None or not disk.kind(status):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(json.dumps({"boot": boot, "seconds": runs}, indent=2) + "\n", file)


def _boot() -> str | None:
    with contextlib.suppress(OSError):
        return _BOOT.read_text().strip()
    return None


def _file() -> Path | None:
    """In the user's cache, as the XDG base directory specification has it."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        cache = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # nobody's home
        return None
    return cache / "rnninspect" / "speed.json"
