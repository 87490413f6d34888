"""What the options of `bench` mean: `--sweep PATH=V1,V2`, `--vary NAME=V1,V2`, `--budget 3s`, `--precision 5%`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnninspect.bench.cpus import usable_cpus
from rnninspect.bench.records import NONE
from rnninspect.document.blocks import RANGE
from rnninspect.document.overrides import option_place
from rnninspect.document.quantity import parse_percent
from rnninspect.document.tree import read_value
from rnninspect.errors import DocumentError, OptionError, Place, counted, did_you_mean, printable, show

MOST_POINTS = 10_000
# What these may be, besides the document.
BACKENDS = ("eager", "graph", "compile")
AMPS = ("bfloat16", "float16", NONE)
_SECONDS = {"": 1.0, "s": 1.0, "ms": 1e-3, "min": 60.0}


class Vary(NamedTuple):
    """One `--vary`: threads, backend, amp, or a path of the document, and its values, of which some may be the same."""

    name: str
    values: tuple[object, ...]
    place: Place


def parse_varies(given: Sequence[str]) -> tuple[tuple[Vary, ...], tuple[str, ...]]:
    """Each `--vary NAME=V1,V2`, and notes on what was not taken as it was given.

    NAME is threads, backend, amp, or a path of the document other than device. Raises DocumentError or OptionError.
    """
    varies: list[Vary] = []
    notes: list[str] = []
    for text in given:
        place = option_place("--vary", text)
        name, values = parse_values(text, place, "--vary backend=eager,compile")
        if name in ("device", "name"):
            hint = "bench each device by itself, then compare the two files" if name == "device" else ""
            raise DocumentError(place, f"{name} cannot be varied", hint=hint)
        if name in (vary.name for vary in varies):
            raise DocumentError(place, f"{show(name)} is varied twice", hint="write all its values in one option")
        if name == "threads":
            values, clamped_notes = _clamped(values, place)
            notes += clamped_notes
        known = {"backend": BACKENDS, "amp": AMPS}.get(name)
        wrong = next((value for value in values if value not in known), None) if known is not None else None
        if known is not None and wrong is not None:
            expected = f"expected {', '.join(known[:-1])} or {known[-1]}, got {show(wrong)}"
            raise DocumentError(place, expected, path=name, hint=did_you_mean(str(wrong), known))
        varies.append(Vary(name, tuple(values), place))
    return tuple(varies), tuple(notes)


def clamp_threads(threads: int) -> tuple[int, str]:
    """How many threads to use where so many were asked for, and a note where that is fewer.

    why: torch.set_num_threads(100000) ends in SIGSEGV, and more threads than CPUs only wait for each other.
    """
    # why not what a quota leaves: what was asked for can be run, and the benchmark warns of it.
    cpus = usable_cpus().allowed
    if threads <= cpus:
        return threads, ""
    return cpus, f"{threads} threads: this process may use {counted(cpus, 'CPU')}, so {cpus} will be used"


def parse_time(given: str) -> float:
    """`3s`, `500ms`, `2min` or `2` in seconds. Raises ValueError for anything else, and for none at all."""
    parts = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([a-z]*)", given.strip())
    if not parts or parts[2] not in _SECONDS:
        raise ValueError("expected a time such as 3s, 500ms or 2min")
    seconds = float(parts[1]) * _SECONDS[parts[2]]
    if not seconds:
        raise ValueError("expected more than no time")
    return seconds


def parse_precision(given: str) -> float:
    """`--precision 5%` as 0.05. Raises OptionError for anything else, and for what is not above 0 and below 100 %."""
    try:
        share = parse_percent(given.strip())
    except ValueError as error:
        raise OptionError(f"--precision {printable(given)}: {error}") from error
    if not 0 < share < 1:
        raise OptionError(f"--precision {printable(given)}: expected more than 0% and less than 100%")
    return share


def _clamped(values: Sequence[object], place: Place) -> tuple[list[object], list[str]]:
    clamped: list[object] = []
    notes = []
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise DocumentError(place, f"expected an integer >= 1, got {show(value)}", path="threads")
        threads, note = clamp_threads(value)
        clamped.append(threads)
        notes += [f"{place}: {note}"] if note else []
    return clamped, list(dict.fromkeys(notes))


# --- PATH=V1,V2 --------------------------------------------------------------------------------------------------


def parse_values(text: str, place: Place, example: str) -> tuple[str, list[object]]:
    """The path of `PATH=V1,V2` and its values, ranges written out."""
    path, equals, listed = text.partition("=")
    path = path.strip()
    if not equals or not path:
        raise DocumentError(place, "expected PATH=VALUE,VALUE", hint=f"for example {example}")
    if not listed.strip():
        raise DocumentError(place, "there is no value to visit", path=path, hint=f"for example {example}")
    values: list[object] = []
    for part in _split(listed):
        if re.fullmatch(RANGE, part):
            values += parse_range(part, place, path)
        elif part.lstrip().startswith("range("):
            hint = "range(START, STOP, STEP), three whole numbers"
            raise DocumentError(place, f"not a range: {show(part)}", path=path, hint=hint)
        else:
            values.append(read_value(part, place.source))
    return path, values


def _split(text: str) -> Iterator[str]:
    """The parts of `text` between commas, those within brackets and quotes aside."""
    depth, quote, start = 0, "", 0
    for k, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            yield text[start:k]
            start = k + 1
    yield text[start:]


def parse_range(text: str, place: Place, path: str) -> range:
    """`range(START, STOP, STEP)`, as Python means it. Raises DocumentError where it is empty or too long."""
    numbers = [int(number) for number in re.findall(r"-?[0-9]+", text)]
    if len(numbers) == 3 and numbers[2] == 0:
        raise DocumentError(place, f"the step of {text.strip()} is 0", path=path, hint="it is range(START, STOP, STEP)")
    values = range(*numbers)
    if not values:
        message = f"{text.strip()} is empty"
        raise DocumentError(place, message, path=path, hint="STOP itself is left out, as in Python")
    if len(values) > MOST_POINTS:
        raise too_many(place, len(values), path)
    return values


def too_many(place: Place, number: int, path: str) -> DocumentError:
    """The complaint about more points than MOST_POINTS."""
    return DocumentError(place, f"{number:,} points are too many", path=path, hint=f"the most is {MOST_POINTS:,}")
