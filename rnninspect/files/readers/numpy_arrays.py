"""The arrays of numpy and jax in pickles, read from the calls that would rebuild them; their values are passed over."""

from __future__ import annotations

from rnninspect.files.pickles.records import Call, Global
from rnninspect.files.readers.tensors import OF_NUMPY
from rnninspect.files.readers.torch_tensors import LeftOut, Rebuilt, rebuilt, sizes_of

_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
_JAX = ("_reconstruct_array", "reconstruct_device_array")


def tensor_in(call: Call) -> Rebuilt | LeftOut | None:
    """The tensor or array that a call would rebuild, whosever it is; None for what is none."""
    return rebuilt(call) or _array_in(call)


def _array_in(call: Call) -> Rebuilt | LeftOut | None:
    """The array that a call would rebuild; None for what is none, and for one of texts or objects."""
    function, arguments = call.function, call.arguments
    if not isinstance(function, Global) or not isinstance(arguments, tuple):
        return None
    if function.module in _NUMPY and function.name == "_reconstruct":
        return _of_state(call.state)
    if function.module in _NUMPY and function.name == "_frombuffer" and len(arguments) > 2:
        return _array(arguments[2], arguments[1])
    if function.module.partition(".")[0] in ("jax", "jaxlib") and function.name in _JAX and len(arguments) > 2:
        return _of_state(arguments[2])
    return None


def _of_state(state: object) -> Rebuilt | LeftOut | None:
    """Of the state (version, shape, dtype, in Fortran's order, values), which once had no version."""
    if not isinstance(state, tuple) or len(state) < 4:
        return None
    shape, dtype = state[-4:-2]
    return _array(shape, dtype)


def _array(shape: object, dtype: object) -> Rebuilt | LeftOut | None:
    name = _dtype_named(dtype)
    return None if name is None else Rebuilt(sizes_of(shape), name)


def _dtype_named(value: object) -> str | None:
    """A dtype of numbers; None for texts and objects."""
    if isinstance(value, Call) and isinstance(value.arguments, tuple) and value.arguments:
        value = value.arguments[0]
    if isinstance(value, Global):  # why: numpy has no bfloat16 of its own, and a package's is written as a class
        return value.name if value.module == "ml_dtypes" else None
    return OF_NUMPY.get(value.lstrip("<>=|")) if isinstance(value, str) else None
