"""The tensors that torch writes, read from the calls that would rebuild them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from rnninspect.files.held import Damaged
from rnninspect.files.pickles.inside import OBJECT, pickles_inside
from rnninspect.files.pickles.records import Call, Global, Persistent
from rnninspect.files.pickles.state import LOADER
from rnninspect.files.readers.tensors import MOST_AXES, is_size, nbytes

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
    "UntypedStorage": "uint8",
}


class Storage(NamedTuple):
    """Where the values of tensors lie. key: what the file calls it. nbytes: how many it should have; None: unknown.

    inside: they stand in the pickle itself.
    """

    key: str
    dtype: str
    nbytes: int | None
    inside: bool = False


class Rebuilt(NamedTuple):
    """A tensor as a file describes it. storage: None where it has none, as on the device meta. offset: in elements."""

    shape: tuple[int, ...]
    dtype: str
    storage: Storage | None = None
    offset: int = 0
    strides: tuple[int, ...] = ()

    @property
    def needed(self) -> int:
        """Bytes that its storage must have; 0 where that is not known."""
        if self.storage is None or not math.prod(self.shape):
            return 0
        last = sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=False))
        return nbytes(self.dtype, self.offset + last + 1) or 0


class LeftOut(NamedTuple):
    """A tensor that is not read. why: a sentence's end."""

    why: str


def rebuilt(call: Call) -> Rebuilt | LeftOut | None:
    """The tensor that a call would rebuild; None for what is no tensor of torch's. Raises Unreadable."""
    # why a loop: a parameter holds a tensor, which may be the subclass of another, in a file that somebody made deeper.
    for _ in range(8):
        name, arguments = _torch_name(call.function), call.arguments
        if name is None or not isinstance(arguments, tuple):
            return None
        inner = _inner(name, arguments)
        if inner is None:
            return _read(name, arguments)
        call = inner
    raise Damaged("the pickle is damaged: a parameter of a parameter of a parameter")


def _dtype_named(value: object) -> str | None:
    """`float32` of torch.float32."""
    return value.name if isinstance(value, Global) and value.module == "torch" else None


def _torch_name(function: object) -> str | None:
    """The name of one of torch's functions that rebuild tensors."""
    if not isinstance(function, Global) or function.module.partition(".")[0] != "torch":
        return None
    last = function.name.rpartition(".")[2]
    return last if last.startswith("_rebuild") or last in ("Parameter", "Buffer") else None


def _inner(name: str, arguments: tuple[object, ...]) -> Call | None:
    """The call inside a call that only says more of the tensor: a parameter, a subclass."""
    if name in ("_rebuild_parameter", "_rebuild_parameter_with_state", "Parameter", "Buffer"):
        return arguments[0] if arguments and isinstance(arguments[0], Call) else None
    if name in ("_rebuild_from_type_v2", "_rebuild_from_type") and len(arguments) > 2:
        return Call(arguments[0], arguments[2])
    if name.startswith("_rebuild_device_tensor_from_") and arguments and isinstance(arguments[0], Call):
        return arguments[0]
    return None


def _read(name: str, arguments: tuple[object, ...]) -> Rebuilt | LeftOut:
    reader = _READERS.get(name)
    if reader is None:
        what = name.removeprefix("_rebuild_").replace("_", " ")
        return LeftOut(f"torch rebuilds it by {name}" if what == name else f"it is a {what}")
    least, read = reader
    if len(arguments) < least:
        raise Damaged(f"the pickle is damaged: {name} has {len(arguments)} arguments")
    return read(arguments)


def _strided(arguments: tuple[object, ...]) -> Rebuilt | LeftOut:
    storage = storage_of(arguments[0])
    if storage is None:
        return LeftOut("its storage is none that torch writes")
    return _placed(storage, storage.dtype, arguments[1:4])


def _typed(arguments: tuple[object, ...]) -> Rebuilt | LeftOut:
    storage, dtype = storage_of(arguments[0]), _dtype_named(arguments[6])
    if storage is None or dtype is None:
        return LeftOut("its storage or dtype is none that torch writes")
    return _placed(storage, dtype, arguments[1:4])


def _on_meta(arguments: tuple[object, ...]) -> Rebuilt | LeftOut:
    dtype = _dtype_named(arguments[0])
    return LeftOut("its dtype is none of torch's") if dtype is None else Rebuilt(sizes_of(arguments[1]), dtype)


def _wrapped(arguments: tuple[object, ...]) -> Rebuilt | LeftOut:
    return _on_meta(arguments[1:])


_READERS: Mapping[str, tuple[int, Callable[[tuple[object, ...]], Rebuilt | LeftOut]]] = {
    "_rebuild_tensor": (4, _strided),
    "_rebuild_tensor_v2": (4, _strided),
    "_rebuild_tensor_v3": (7, _typed),
    "_rebuild_qtensor": (4, _strided),
    "_rebuild_meta_tensor_no_storage": (2, _on_meta),
    "_rebuild_wrapper_subclass": (3, _wrapped),
}


def _placed(storage: Storage, dtype: str, where: tuple[object, ...]) -> Rebuilt:
    offset, shape, strides = where
    if not is_size(offset):
        raise Damaged("the pickle is damaged: a tensor begins nowhere in its storage")
    return Rebuilt(shape=sizes_of(shape), dtype=dtype, storage=storage, offset=offset, strides=sizes_of(strides))


def storage_of(value: object) -> Storage | None:
    """The storage that a persistent id names: ("storage", class, key, device, number of elements)."""
    if isinstance(value, Call):
        return _storage_inside(value)
    if not isinstance(value, Persistent) or not isinstance(value.key, tuple) or len(value.key) < 5:
        return None
    what, kind, key, _, count = value.key[:5]
    if what != "storage" or not isinstance(kind, Global) or not isinstance(key, str) or not is_size(count):
        return None
    dtype = _STORAGES.get(kind.name.rpartition(".")[2])
    return None if dtype is None else Storage(key, dtype, nbytes(dtype, count))


def _storage_inside(call: Call) -> Storage | None:
    """A storage in a plain pickle, as bytes of a file of the format before zip, of which the beginning is enough."""
    if not isinstance(call.function, Global) or call.function.name != LOADER:
        return None
    inside = pickles_inside(call.arguments)
    value = inside[OBJECT].value if len(inside) > OBJECT else None
    inner = storage_of(value) if isinstance(value, Persistent) else None
    return Storage(f"{id(call)}", inner.dtype if inner else "unknown", None, inside=True)


def sizes_of(value: object) -> tuple[int, ...]:
    """A shape, or strides. Raises Unreadable for what is none."""
    if isinstance(value, Call) and isinstance(value.arguments, tuple) and len(value.arguments) == 1:
        value = value.arguments[0]  # torch.Size
    if not isinstance(value, tuple | list) or len(value) > MOST_AXES or not all(map(is_size, value)):
        raise Damaged("the pickle is damaged: the shape of a tensor is no shape")
    return tuple(value)
