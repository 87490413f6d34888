"""What of a layer is the affair of the file that it was found in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class FromFile(NamedTuple):
    """What of a layer is its file's affair. convention: whose packing its tensors have there (`PyTorch`, `Keras`).

    held_as: the dtypes of its biases (True) and matrices (False). unknown: the options that the file does not say, by
    torch's name, each with what is the case. reverse: it reads the sequence from its end. module: a sentence that says
    why torch's own module is not this layer, "" where it is. remarks: sentences on how it was found.
    merge: how Keras makes one output of two directions where it is not side by side; None where no file says it.
    same_as: the layer before it in the file that has the very same tensors, "" where none has.
    """

    convention: str
    held_as: Mapping[bool, str]
    unknown: Mapping[str, str]
    reverse: bool
    module: str
    remarks: tuple[str, ...]
    merge: str | None = ""
    same_as: str = ""
