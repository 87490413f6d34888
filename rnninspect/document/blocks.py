"""What a document may hold: its blocks, each a model of its keys, and what its layers are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rnninspect.document.quantity import Bytes, Count
from rnninspect.layers.fields import Expect, Size

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True, defer_build=True)

# The keys at the top of a document that are no single values, so that no option replaces them whole.
BLOCKS = ("input", "budget", "sweep", "cases", "cells", "layers")

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


def _unless_lengths(schema: dict[str, Any]) -> None:
    """In the JSON Schema: what is required is not, where there are lengths."""
    lengths = {"type": "array", "minItems": 1}
    schema["anyOf"] = [
        {"required": schema.pop("required")},
        {"required": ["lengths"], "properties": {"lengths": lengths}},
    ]


class Input(BaseModel):
    """The `input` block: the batch that goes in. `lengths` says batch_size and seq_len where they are left out."""

    model_config = ConfigDict(**_STRICT, json_schema_extra=_unless_lengths)

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
    layers: Annotated[list[Any], Field(min_length=1), Expect("a list of at least one layer")]


def layer_names(data: Mapping[str, Any]) -> list[str]:
    """The name of each layer: its own, or its type in lower case, numbered where that is taken."""
    layers = data.get("layers")
    layers = layers if isinstance(layers, list) else []
    own = [layer.get("name") if isinstance(layer, dict) else None for layer in layers]
    taken = {name for name in own if isinstance(name, str)}
    free: dict[str, Iterator[str]] = {}
    names = []
    for layer, name in zip(layers, own, strict=True):
        if not isinstance(name, str):
            kind = str(layer.get("type")).lower() if isinstance(layer, dict) else "layer"
            candidates = free.setdefault(kind, _numbered(kind))
            name = next(candidate for candidate in candidates if candidate not in taken)
        names.append(name)
    return names


def _numbered(word: str) -> Iterator[str]:
    yield word
    yield from (f"{word}{n}" for n in count(2))
