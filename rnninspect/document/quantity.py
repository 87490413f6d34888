"""Amounts as people write them: `20M` parameters, `80 MB`, `80 MiB`, `5%`. Units are strict.

Decimal and binary bytes are told apart: 1 kB is 1,000 bytes, 1 KiB is 1,024.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from rnninspect.layers.fields import Expect

COUNT_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
BYTE_UNITS = {
    "": 1,
    "B": 1,
    **{f"{prefix}B": 10 ** (3 * power) for power, prefix in enumerate(("k", "M", "G", "T"), start=1)},
    **{f"{prefix}iB": 2 ** (10 * power) for power, prefix in enumerate(("K", "M", "G", "T"), start=1)},
}
# why: the usual 28 digits would round 30 and 30 of them and a unit's 13.
_EXACT = Context(prec=80)
_AMOUNT = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,30})?) ?([A-Za-z]*)")


def parse_count(given: int | float | str) -> int:
    """`20M`, `1.5k` or a plain number as an integer. Raises ValueError for anything else."""
    return _amount(given, COUNT_UNITS)


def parse_bytes(given: int | float | str) -> int:
    """`80 MB`, `80 MiB` or a plain number as bytes. Raises ValueError for anything else."""
    return _amount(given, BYTE_UNITS)


def parse_percent(given: str) -> float:
    """`5%` as 0.05. Raises ValueError for anything else."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?%", given)
    if not match:
        raise ValueError(f"expected a percentage such as 5%, got {given!r}")
    # why Decimal: 0.7 / 100 as floats is less than 7 / 1000, and growth exactly at the limit would be over it.
    return float(Decimal(match[1]) / 100)


def _amount(given: int | float | str, units: dict[str, int]) -> int:
    known = ", ".join(unit for unit in units if unit)
    if isinstance(given, str):
        match = _AMOUNT.fullmatch(given.strip())
        if not match or match[2] not in units:
            raise ValueError(f"expected a number with one of {known}, or without, got {given!r}")
        exact = _EXACT.multiply(Decimal(match[1]), units[match[2]])
    else:
        exact = Decimal(given)
    if exact < 0 or exact != exact.to_integral_value():
        raise ValueError(f"expected a whole amount >= 0, got {given!r}")
    return int(exact)


# why a float at all: 1e6 is one in YAML, and 1000000.0 is the whole number that is meant.
Count = Annotated[
    int | Annotated[float, Field(ge=0)] | str,
    AfterValidator(parse_count),
    Expect("a count such as 20M, 1.5k or 20000000 (units k, M, G, T)"),
]
Bytes = Annotated[
    int | Annotated[float, Field(ge=0)] | str,
    AfterValidator(parse_bytes),
    Expect("an amount such as 80 MB, 80 MiB or 80000000 (units B, kB, MB, GB, TB, KiB, MiB, GiB, TiB)"),
]
