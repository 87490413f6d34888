"""What torch raises and warns of: as one line of ours, as a sign that CUDA is broken, or as nothing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rnninspect.document.chain import Spec
from rnninspect.errors import TorchRefused, first_line

# What torch warns of that is a matter of speed, which `bench` tells in its own words, or of nothing: a product that
# finds no context makes one.
_QUIET = (
    "LSTM with projections is not supported with oneDNN",
    "RNN module weights are not part of single contiguous chunk of memory",
    "Attempting to run cuBLAS, but there was no current CUDA context",
)

# What CUDA and its libraries say when something went wrong on the GPU, after which nothing works in this process. Short
# memory shows as such too.
_BROKEN = ("CUDA error:", "CUDNN_STATUS_EXECUTION_FAILED", "CUBLAS_STATUS_")
# What they say, in the same words, of a dtype that they do not take, before anything is begun.
_UNTOUCHED = ("CUBLAS_STATUS_NOT_SUPPORTED", "CUBLAS_STATUS_ARCH_MISMATCH")

# What torch raises when it will not build something: measured, RuntimeError is less than half of it.
BUILD_ERRORS = (
    RuntimeError,
    TypeError,
    ValueError,
    AssertionError,
    AttributeError,
    IndexError,
    MemoryError,
    OverflowError,
)
# why fewer once it runs: what is left out would be a fault of ours, which must not pass for a refusal of torch's.
RUN_ERRORS = (RuntimeError, ValueError, AssertionError, MemoryError)


@contextmanager
def refusals(
    spec: Spec,
    what: str,
    device: torch.device,
    *,
    layer: str | None = None,
    dtype: str | None = None,
    errors: tuple[type[Exception], ...] = RUN_ERRORS,
) -> Iterator[None]:
    """What torch raises, as one line: what it was to do, and the first line of its own words.

    what: it was to do, "build". layer: that of the document, where one alone was meant. dtype: None is the document's.
    """
    try:
        yield
    except errors as error:
        action = what if layer is None else f"{what} layer {layer!r}"
        raise spec.refused(
            TorchRefused,
            f"torch {torch.__version__} could not {action} on {device} in {dtype or spec.dtype}: {first_line(error)}",
            () if layer is None else spec.path_of(layer),
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """No word of torch's about which kernels serve a layer, or whether a context was there already."""
    with warnings.catch_warnings():
        for message in _QUIET:
            warnings.filterwarnings("ignore", message=message)
        yield


def broke_cuda(error: BaseException | None) -> bool:
    """Whether an operation may have left CUDA of no use to this process, itself or what it was raised from."""
    if error is None:
        return False
    message = str(error)
    broken = any(words in message for words in _BROKEN) and not any(words in message for words in _UNTOUCHED)
    return broken or broke_cuda(error.__cause__)
