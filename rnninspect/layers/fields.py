"""The types of a document's values: strict, bounded, and each with the words an error describes it by.

`Expect` rides along in the annotation: pydantic ignores it, `document.complaints` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import Field


class Expect(NamedTuple):
    """What a field expects, as an error message says it."""

    words: str


def expectations(annotation: object) -> Iterator[str]:
    """The words of every Expect in an annotation or a field's metadata."""
    if isinstance(annotation, Expect):
        yield annotation.words
    for part in get_args(annotation):
        yield from expectations(part)


# why: torch's sizes are int64; a larger one would fail deep inside, or wrap.
LARGEST = 2**63 - 1
# why: each stacked layer is a row of tables and a set of tensors; torch needs half a second to build 1,000.
MOST_LAYERS = 10_000

Size = Annotated[int, Field(ge=1, le=LARGEST), Expect("an integer >= 1")]
Width = Annotated[int, Field(ge=0, le=LARGEST), Expect("an integer >= 0")]
Depth = Annotated[int, Field(ge=1, le=MOST_LAYERS), Expect(f"an integer from 1 to {MOST_LAYERS}")]
Index = Annotated[int, Field(ge=-LARGEST, le=LARGEST), Expect("an integer")]
Flag = Annotated[bool, Expect("true or false")]
Probability = Annotated[float, Field(ge=0, le=1), Expect("a number from 0 to 1")]
Real = Annotated[float, Expect("a number")]
Positive = Annotated[float, Field(gt=0), Expect("a number > 0")]
Nonlinearity = Annotated[Literal["tanh", "relu"], Expect("tanh or relu")]
Feeds = Annotated[Literal["output", "last", "step", "max", "mean"], Expect("output, last, step, max or mean")]
Merge = Annotated[Literal["concat", "sum", "mean", "mul"], Expect("concat, sum, mean or mul")]
# why no class for it: that costs a millisecond at every start; `document.validate` validates it where there is one.
InitOfMatrices = Annotated[dict[str, Any] | None, Expect("a mapping such as {weight_hh: orthogonal}")]
InitOfWeight = Annotated[dict[str, Any] | None, Expect("a mapping such as {weight: {uniform: 0.1}}")]
# why: names are addressed as `--set NAME.key=value` and printed in tables.
Name = Annotated[
    str, Field(min_length=1, max_length=100, pattern=r"^[\w-]+$"), Expect("a name of letters, digits, _ and -")
]
Shape = Annotated[
    Size | Annotated[list[Size], Field(min_length=1, max_length=8)], Expect("an integer >= 1 or a list of them")
]


def is_size(annotation: object) -> bool:
    """Whether a field may hold a number of things: of features, rows, steps or stacked layers."""
    # why no list: its numbers are one for each axis or sequence
    return annotation in (Size, Width, Depth) or (
        get_origin(annotation) is not list and any(map(is_size, get_args(annotation)))
    )
