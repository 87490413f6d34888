"""What a document expects of an input file, and the errors that say how a file or the document can be made to fit."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.errors import NotEnoughMemory, OptionError, printable, show
from rnninspect.letters import tuple_text
from rnninspect.runtime.memory import available_bytes

if TYPE_CHECKING:
    Values = array[float] | array[int]

# By axis, the value of the document that is its size; which layer the width belongs to, only the caller knows.
SETTINGS: Mapping[str, str] = {"L": "input.seq_len", "N": "input.batch_size"}


class Expected(NamedTuple):
    """What the file at `path` is to hold.

    shape, axes: what the document expects, (20, 32, 300) and ("L", "N", "H_in").
    below: the file holds token indices, each less than this; None where it holds features.
    settings: by axis, what `--set` can change to make the document fit the file.
    besides: what has to be set with them, and to what, for L and N to be free.
    remark: what to do with a sentence on how the file was taken.
    """

    path: Path
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    below: int | None = None
    settings: Mapping[str, str] = SETTINGS
    besides: Mapping[str, object] = {}
    remark: Callable[[str], None] = lambda remark: None

    @property
    def name(self) -> str:
        """How errors name the file."""
        return f"--input {printable(str(self.path))}"

    @property
    def letters(self) -> str:
        """`(L, N, H_in)`, as Python writes a tuple."""
        return tuple_text(self.axes)

    def size(self, axis: str) -> int:
        """How long an axis is; 1 where the document has no such axis."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def set_options(self, sizes: Mapping[str, object]) -> str:
        """The `--set` options that give the document's axes these sizes."""
        changed = {self.settings[axis]: size for axis, size in sizes.items()}
        besides = self.besides if sizes.keys() & SETTINGS.keys() else {}
        options = {path: value for path, value in besides.items() if path not in changed} | changed
        return " ".join(f"--set {path}={value}" for path, value in options.items())

    def refusal(self, message: str, hint: str = "", line: int | None = None) -> OptionError:
        """The error for a file that does not fit, at a line of it where one is to blame."""
        where = self.name if line is None else f"{self.name}:{line}"
        return OptionError(f"{where}: {message}" + (f" ({hint})" if hint else ""))

    def allows(self, value: float) -> bool:
        """Whether the model can take a number."""
        return math.isfinite(value) if self.below is None else 0 <= value < self.below

    def not_allowed(self, count: int, where: str, value: object) -> OptionError:
        """The error for `count` numbers that the model cannot take, of which `value` is the first."""
        if self.below is None:
            numbers, hint = "finite numbers", "NaN and infinity would spread to every later step"
        else:
            numbers = f"token indices from 0 to {self.below - 1:,}"
            hint = "the first layer's num_embeddings is the number of tokens"
        bad = f"{count:,} of {math.prod(self.shape):,} are not, the first {where}: {show(value)}"
        return self.refusal(f"expected {numbers}, {bad}", hint)

    def remark_on_integers(self, which: str) -> None:
        """Say that integers were taken for features: they may have been meant as token indices."""
        if self.below is None:
            self.remark(f"{self.name}: {which} were taken as numbers (token indices are for a model with an Embedding)")

    def need_memory(self, bytes_each: int) -> None:
        """Raise NotEnoughMemory where the machine has less free than so many bytes for each value."""
        needed, free = bytes_each * math.prod(self.shape), available_bytes()
        if free is not None and needed > free:
            raise NotEnoughMemory(f"{self.name}: to read it takes {needed:,} bytes, the machine has {free:,} free")
