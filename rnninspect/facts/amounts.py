"""What is added up: bytes of an element, operations, and sums that nobody knows where a part is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

ITEM_BYTES: dict[str, int] = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "int64": 8}
# What only files hold: quantised weights.
ITEM_BYTES |= dict.fromkeys(("int8", "uint8", "qint8", "quint8"), 1)
ITEM_BYTES |= {"int16": 2, "int32": 4, "qint32": 4}

# Marks a field that the real ledger leaves None: a look command runs forward only, and counts no elementwise work.
PLAN_ONLY = {"plan_only": True}


@dataclass(frozen=True)
class Ops:
    """Operations for the document's batch, matmuls and elementwise work apart; see `LayerFacts.per_token`.

    macs: multiply-accumulates of matrix products, exact.
    elementwise: one per element for each sign and function, more for norms and softmax; None where not counted.
    """

    macs: int
    elementwise: int | None = field(metadata=PLAN_ONLY)

    @property
    def flops(self) -> int | None:
        """2 x MACs + elementwise."""
        return None if self.elementwise is None else 2 * self.macs + self.elementwise

    def __add__(self, other: Ops) -> Ops:
        elementwise = None
        if self.elementwise is not None and other.elementwise is not None:
            elementwise = self.elementwise + other.elementwise
        return Ops(self.macs + other.macs, elementwise)

    def times(self, factor: int) -> Ops:
        """The same work done `factor` times."""
        return Ops(self.macs * factor, None if self.elementwise is None else self.elementwise * factor)


def sum_of_known(amounts: Sequence[int | None]) -> int | None:
    """The sum; None where one is not known."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None
