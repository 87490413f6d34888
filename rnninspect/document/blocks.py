"""What a document may hold: its blocks, each a model of its keys, and what its layers are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rnninspect.document.paths import Path
from rnninspect.document.quantity import Bytes, Count
from rnninspect.layers.fields import Expect, Size

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True, defer_build=True)

# The keys at the top of a document that are no single values, so that no option replaces them whole.
BLOCKS = ("input", "inputs", "budget", "sweep", "cases", "cells", "layers")
# The keys of a layer that say what it is connected to besides the layer before it.
WIRE_KEYS = frozenset({"from", "add", "same_as", "state_from"})
# The other keys that a layer with `same_as` may have of its own: none of them is about its weights.
OWN_KEYS = ("name", "feeds", "merge")

# range(16), range(16, 65), range(16, 65, 16), as Python means it. why 18 digits: their difference fits 64 bits.
RANGE = r"^ *range\( *-?[0-9]{1,18}( *, *-?[0-9]{1,18}){0,2} *\) *$"
_Swept = Annotated[
    Annotated[list[Any], Field(min_length=1)] | Annotated[str, Field(pattern=RANGE)],
    Expect("a list of values, or range(START, STOP, STEP)"),
]
_Case = Annotated[dict[str, Any], Expect("a mapping of paths to values, such as encoder.hidden_size: 64")]


def printable_text(text: str) -> str:
    """A text that can be printed everywhere. Raises ValueError for any other."""
    # why: in a CI log `::` at the start of a line, and `##[` anywhere, are commands to GitHub's runner
    if not text.isprintable() or text.startswith("::") or "##[" in text:
        raise ValueError("not printable")
    return text


class Input(BaseModel):
    """The `input` block: the batch that goes in. `lengths` says batch_size and seq_len where they are left out."""

    model_config = _STRICT

    batch_size: Annotated[Size | None, Expect("an integer >= 1, or null for unbatched input")]
    seq_len: Size
    lengths: Annotated[list[Size] | None, Expect("a list of integers >= 1, one for each sequence")] = None
    state: Annotated[Literal["zeros", "random"], Expect("zeros or random")] = "zeros"


class Budget(BaseModel):
    """The `budget` block: what `rnninspect check` holds the model to."""

    model_config = _STRICT

    max_params: Count | None = None
    max_param_bytes: Bytes | None = None
    max_macs: Count | None = None
    max_output_bytes: Bytes | None = None
    max_training_bytes: Bytes | None = None
    max_activation_bytes: Bytes | None = None


# The blocks whose keys a path names, such as `input.batch_size`; no layer may be called like one.
KEYED_BLOCKS: Mapping[str, type[BaseModel]] = {"input": Input, "budget": Budget}


class Document(BaseModel):
    """A whole document; the layers, whose fields depend on their `type`, are validated one by one."""

    model_config = _STRICT

    name: Annotated[
        Annotated[str, Field(min_length=1, max_length=100), AfterValidator(printable_text)] | None,
        Expect("1 to 100 printable characters"),
    ] = None
    input: Annotated[Input, Expect("a mapping with batch_size and seq_len")]
    device: Annotated[
        str | None,
        Field(pattern=r"^(auto|cpu|mps|meta|cuda(:(0|[1-9][0-9]?))?)$"),
        Expect("auto, cpu, cuda, cuda:N, mps or meta"),
    ] = None
    dtype: Annotated[
        Literal["float32", "float64", "float16", "bfloat16"], Expect("float32, float64, float16 or bfloat16")
    ] = "float32"
    budget: Annotated[Budget | None, Expect("a mapping of limits such as max_params: 20M")] = None
    sweep: Annotated[
        dict[str, _Swept] | None, Expect("a mapping of paths to values, such as encoder.hidden_size: [64, 128]")
    ] = None
    cases: Annotated[
        Annotated[list[_Case], Field(min_length=1)] | None, Expect("a list of at least one mapping of paths to values")
    ] = None
    cells: Annotated[dict[str, Any] | None, Expect("a mapping of names to cells, each with equations")] = None
    inputs: Annotated[
        Annotated[dict[str, Any], Field(min_length=1)] | None,
        Expect("a mapping of at least one name to an input, such as src: {seq_len: 30}"),
    ] = None
    outputs: Annotated[
        Annotated[list[str], Field(min_length=1)] | None, Expect("a list of at least one name of a layer")
    ] = None
    layers: Annotated[list[Any], Field(min_length=1), Expect("a list of at least one layer")]


class TextLayer(NamedTuple):
    """A layer as the text has it, sound or not: its name, where it stands, and its keys.

    It is as many layers of the model as the `repeat` block says that it stands in.
    """

    name: str
    path: Path
    data: Any


def text_layers(data: Mapping[str, Any]) -> list[TextLayer]:
    """The layers of a document's text, those in `repeat` blocks among them.

    Each is called by its own name, or its type in lower case, numbered where that is taken.
    """
    layers = data.get("layers")
    placed = list(_placed(layers if isinstance(layers, list) else []))
    own = [layer.get("name") if isinstance(layer, dict) else None for _, layer in placed]
    taken = {name for name in own if isinstance(name, str)}
    free: dict[str, Iterator[str]] = {}
    named = []
    for (path, layer), name in zip(placed, own, strict=True):
        if not isinstance(name, str):
            kind = str(layer.get("type")).lower() if isinstance(layer, dict) else "layer"
            candidates = free.setdefault(kind, _numbered(kind))
            name = next(candidate for candidate in candidates if candidate not in taken)
        named.append(TextLayer(name, path, layer))
    return named


def is_repeat(item: object) -> bool:
    """Whether what stands among the layers is a block of them that is repeated."""
    return isinstance(item, dict) and "type" not in item and ("repeat" in item or "layers" in item)


def _placed(layers: Sequence[Any]) -> Iterator[tuple[Path, Any]]:
    for i, item in enumerate(layers):
        if is_repeat(item):
            repeated = item.get("layers")
            inside = repeated if isinstance(repeated, list) else []
            # why not one in the other: what is wrong with that is told where the blocks are read.
            yield from ((("layers", i, "layers", j), inner) for j, inner in enumerate(inside) if not is_repeat(inner))
        else:
            yield ("layers", i), item


def _numbered(word: str) -> Iterator[str]:
    yield word
    yield from (f"{word}{n}" for n in count(2))
