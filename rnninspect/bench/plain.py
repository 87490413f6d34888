"""Records as the plain values that JSON has, and back."""

from __future__ import annotations

import functools
import json
import types
import typing
from collections.abc import Mapping
from enum import EnumType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from rnninspect.errors import printable, show

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

_Record = TypeVar("_Record")

# What was expected, by what pydantic calls the fault.
_EXPECTED = {
    "string_type": "a text",
    "string_unicode": "a text of whole characters",
    "bool_type": "true or false",
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "dict_type": "an object",
}


class Unfit(ValueError):
    """Plain data that is not of a record's shape: where (`figures[0].median`), expected, got."""


def to_plain(value: object) -> Any:
    """A record as JSON has it: objects, lists and plain values."""
    match value:
        case float() | int() | str() | None:
            return value
        case Mapping():
            return {key: to_plain(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_fields"):
            return {name: to_plain(item) for name, item in zip(value._fields, value, strict=True)}
        case tuple() | list():
            return [to_plain(item) for item in value]
    raise TypeError(f"no plain value: {value!r}")


def canonical(value: object) -> str:
    """The same text for the same plain value; 1, 1.0, true and "1" all differ."""
    return json.dumps(to_plain(value), sort_keys=True)


def from_plain(kind: type[_Record], data: object) -> _Record:
    """`data` as a record of `kind`, a NamedTuple, by the annotations of its fields. Raises Unfit.

    Values are never converted but an integer where a float belongs. Keys may be missing where a field has a default,
    and unknown ones are left out: a newer version may have added them.
    """
    from pydantic import ValidationError

    try:
        return cast(_Record, _adapter(cast(Any, kind)).validate_python(data))
    except ValidationError as error:
        raise Unfit(_message(error.errors(include_url=False)[0])) from error


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(_readable(kind))


def _readable(kind: Any) -> Any:
    """The type `kind` as pydantic reads it from JSON's values: lists as tuples, objects as records, texts as enums."""
    from pydantic import AfterValidator, Strict

    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return typing.Union[tuple(map(_readable, arguments))]  # noqa: UP007 (of types that are known only now)
    if origin is tuple:
        return Annotated[tuple[_readable(arguments[0]), ...], Strict(False)]  # type: ignore[misc]
    if origin is Mapping:
        return dict[str, _readable(arguments[1])]  # type: ignore[misc]  # a type that is known only now
    if isinstance(kind, EnumType):
        return Annotated[kind, Strict(False)]
    if not hasattr(kind, "_fields"):
        return Any if kind is object else kind
    return Annotated[_keys_of(kind), AfterValidator(lambda fields: kind(**fields))]


def _keys_of(kind: Any) -> Any:
    """The object that JSON has for a record. why no NamedTuple itself: pydantic takes a list for one too."""
    from typing import NotRequired

    from pydantic import ConfigDict, with_config
    from typing_extensions import TypedDict

    fields = {
        name: NotRequired[_readable(hint)] if name in kind._field_defaults else _readable(hint)
        for name, hint in typing.get_type_hints(kind).items()
    }
    keys = TypedDict(kind.__name__, fields)  # type: ignore[misc]  # its keys are known only now
    return with_config(ConfigDict(strict=True, allow_inf_nan=False))(keys)


def _message(fault: ErrorDetails) -> str:
    kind, place = fault["type"], fault["loc"]
    if kind == "missing":
        return _at(place[:-1], f"the key {place[-1]} is missing")
    expected = fault["ctx"]["expected"].replace("'", "") if kind == "enum" else _EXPECTED.get(kind, "another value")
    if kind == "float_type" and type(fault["input"]) is int:
        expected = "a finite number"  # one that no float can have
    return _at(place, f"expected {expected}, got {show(fault['input'])}")


def _at(place: typing.Sequence[str | int], text: str) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{printable(part)}" for part in place)
    return f"{where.removeprefix('.')}: {text}" if where else text
