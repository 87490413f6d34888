"""How CUDA is told to multiply float32, whatever torch of the day calls the setting."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def float32_precision(of: str = "rnn") -> str:
    """How CUDA is told to multiply float32, "tf32" or "ieee": recurrent layers ("rnn"), or products ("matmul")."""
    owner, setting = _precision(of)
    return "tf32" if getattr(owner, setting) in ("tf32", True) else "ieee"


def set_float32_precision(value: str, of: str = "rnn") -> None:
    """Tell CUDA how to multiply float32; see `float32_precision`."""
    owner, setting = _precision(of)
    setattr(owner, setting, value if setting == "fp32_precision" else value == "tf32")


@contextmanager
def multiplying_float32(value: str, of: str) -> Iterator[None]:
    """The same for a while; afterwards it is as it was."""
    owner, setting = _precision(of)
    before = getattr(owner, setting)
    set_float32_precision(value, of)
    try:
        yield
    finally:
        setattr(owner, setting, before)


def in_tf32(device: torch.device, of: str = "rnn") -> bool:
    """Whether float32 is multiplied in TF32 there: CUDA is told to, and the GPU has it, NVIDIA's from Ampere on.

    NVIDIA_TF32_OVERRIDE=0 wins over whatever torch tells the libraries.
    """
    if device.type != "cuda" or torch.version.hip or float32_precision(of) != "tf32":
        return False
    return os.environ.get("NVIDIA_TF32_OVERRIDE") != "0" and torch.cuda.get_device_capability(device) >= (8, 0)


def _precision(of: str) -> tuple[Any, str]:
    """Where torch keeps how CUDA multiplies float32, and what it calls the setting there.

    why asked for the setting itself: before torch 2.9 `cudnn.rnn` is a plain module, there as soon as a layer was
    flattened, and in 2.9 that module hides the setting, which is the class's. why not allow_tf32 where there is
    something newer: reading it raises once layers and convolutions differ, and newer torch refuses to mix the two.
    """
    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda
    for owner in (cudnn, type(cudnn)) if of == "rnn" else (cuda,):
        part = getattr(owner, of, None)
        if getattr(part, "fp32_precision", None) is not None:
            return part, "fp32_precision"
    return (cudnn if of == "rnn" else cuda.matmul), "allow_tf32"
