"""What looks recurrent and was read by no rule, in a few sentences: names and shapes that no other layer has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from rnninspect.errors import printable
from rnninspect.files.left import Left, Undecided

_MOST = 8
_LONGEST = 60
# Parts of names that a recurrent layer has. why `cell` only with what makes it one: cells are in many networks.
_PARTS = re.compile(
    r"(?:.*[^a-z])?(?:bi)?(?:lstms?|grus?|rnns?|recurrent|lstmp|sru|mgu|qrnn|indrnn)(?:[^a-z].*)?"
    r"|.*(?:weight|bias|[wbu])_(?:hh|ih|hr)(?:[^a-z].*)?|.*(?:h2h|i2h)_.*|.*recurrent_kernel.*",
    re.IGNORECASE | re.DOTALL,
)


def sentences(left: Left, undecided: Iterable[Undecided]) -> Iterator[str]:
    """A sentence for each group of tensors that a rule left, then for those that no rule has read."""
    said = [*undecided]
    groups: Counter[str] = Counter()
    tensors = 0
    for prefix, last, tensor in left.names():
        top = recurrent_part(prefix + last)
        if top is not None and len(tensor.shape) >= 1:
            groups[top] += 1
            tensors += 1
    said += [Undecided(top, number, "no rule reads them") for top, number in groups.items()]
    for one in said[:_MOST]:
        yield sentence(one)
    if rest := said[_MOST:]:
        number = sum(one.tensors for one in rest)
        yield f"{number:,} more tensors look recurrent, in {len(rest):,} groups ({_quoted(rest[0].prefix)}, ...)"


def sentence(one: Undecided) -> str:
    """`42 tensors look recurrent (lstm_5/...), no rule reads them`."""
    tensors = "tensors look" if one.tensors != 1 else "tensor looks"
    return f"{one.tensors:,} {tensors} recurrent ({_quoted(one.prefix)}), {one.why}"


def recurrent_part(name: str) -> str | None:
    """A name up to its first part that is a recurrent layer's, with what ends it; None where it has none."""
    start = 0
    for end in (*(at for at, char in enumerate(name) if char in "./"), len(name)):
        if _PARTS.fullmatch(name[start:end]):
            return name[: end + 1]
        start = end + 1
    return None


def _quoted(prefix: str) -> str:
    # why: a dot before three would be read as four.
    text = printable(prefix.removesuffix("."))
    return (text if len(text) <= _LONGEST else text[:_LONGEST]) + "..."
