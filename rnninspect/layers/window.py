"""Layers that slide a window over L: which steps each step of the output reads, and how many of those there are.

Each sequence is taken by itself, those of a packed batch too: what is before its first step and after its last is
padding, whatever other sequences have there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, NamedTuple, Self

from typing_extensions import override

from rnninspect.facts.tensors import TensorFact
from rnninspect.layers.feeding import no_sequence
from rnninspect.layers.layer import Layer, Misfit
from rnninspect.layers.signal import Batch, Signal
from rnninspect.letters import tuple_text


class Window(NamedTuple):
    """Step t of the output reads the steps stride * t + dilation * k - left of the input, k = 0 to kernel_size - 1.

    left, right: steps of padding. ceil_mode: the last window may reach beyond them.
    """

    kernel_size: int
    stride: int
    left: int
    right: int
    dilation: int = 1
    ceil_mode: bool = False

    @property
    def keeps_length(self) -> bool:
        """Whether as many steps come out as go in, however many those are."""
        return self.stride == 1 and self.left + self.right == self.dilation * (self.kernel_size - 1)

    @property
    def least(self) -> int:
        """The fewest steps of which any come out."""
        spared = (self.stride - 1) * self.ceil_mode
        return max(self.dilation * (self.kernel_size - 1) + 1 - self.left - self.right - spared, 1)

    def length(self, steps: int) -> int:
        """How many steps come out of so many, by torch's formula; where they are too few, less than 1."""
        # why the difference: no window begins in the padding on the right.
        return self._windows(steps) - self._begins_beyond(steps)

    def _windows(self, steps: int) -> int:
        free = steps + self.left + self.right - self.dilation * (self.kernel_size - 1) - 1
        return (free + (self.stride - 1) * self.ceil_mode) // self.stride + 1

    def _begins_beyond(self, steps: int) -> bool:
        return self.ceil_mode and (self._windows(steps) - 1) * self.stride >= steps + self.left

    def formula(self, steps: int | str) -> str:
        """The formula with its numbers: `floor((20 + 2*1 - 1*(3 - 1) - 1) / 2) + 1`."""
        less = " - 1" * (isinstance(steps, int) and self._begins_beyond(steps))
        return f"{'ceil' if self.ceil_mode else 'floor'}(({self.free(steps)}) / {self.stride}) + 1{less}"

    def free(self, steps: int | str) -> str:
        """How far the window can be moved, with its numbers: `20 + 2*1 - 1*(3 - 1) - 1`."""
        padding = f"2*{self.left}" if self.left == self.right else f"{self.left + self.right}"
        return f"{steps} + {padding} - {self.dilation}*({self.kernel_size} - 1) - 1"

    def read_at(self) -> str:
        """Which step of the input is read: `2t + k - 1`."""
        parts = [f"{self.stride}t" if self.stride > 1 else "t"]
        if self.kernel_size > 1:
            parts.append(f"+ {self.dilation}k" if self.dilation > 1 else "+ k")
        return " ".join([*parts, *[f"- {self.left}"] * (self.left > 0)])


class WindowLayer(Layer):
    """One input, one output, no state, and another L."""

    @property
    @abstractmethod
    def window(self) -> Window:
        """How the window is laid over a sequence."""

    @property
    def pads_with(self) -> float:
        """The number that stands where there is no step, and changes no result."""
        return 0.0

    @property
    def by_sequence(self) -> bool:
        """Whether what comes out depends on where a sequence ends, so that no padding stands for that."""
        return self.window.ceil_mode

    @abstractmethod
    def width_of(self, signal: Signal) -> int:
        """How many features come out."""

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        """A sequence that is too short for the window is refused."""
        if not signal.is_sequence:
            raise no_sequence(signal, earlier)
        batch = signal.batch
        if isinstance(batch.seq_len, str) and not self.window.keeps_length:
            what = f"nobody says how long its input is: {self.window.formula('L')} steps come out"
            raise Misfit("type", what, "--set input.seq_len=20 says it")
        for number, steps in enumerate(batch.lengths or [n for n in (batch.seq_len,) if isinstance(n, int)]):
            if self.window.length(steps) < 1:
                raise self._too_short(
                    steps, f"the sequence of input.lengths[{number}]" if batch.lengths else "its input"
                )
        return self

    def _too_short(self, steps: int, which: str) -> Misfit:
        window = self.window
        return Misfit(
            "kernel_size",
            f"expected at least 1 step to come out, {which} has {steps}: "
            f"{window.formula(steps)} = {window.length(steps)}",
            f"a smaller kernel_size or dilation, more padding, or no sequence of less than {window.least} steps",
        )

    @override
    def outputs(self, signal: Signal, dtype: str) -> tuple[TensorFact, ...]:
        after = self.emits(signal)
        lengths = None if self.window.keeps_length else after.batch.lengths
        return (replace(after.tensor("output", "H_out", dtype), lengths=lengths),)

    @override
    def emits(self, signal: Signal) -> Signal:
        """The same sequences with as many steps as come out; raises ValueError where none do."""
        batch = replace(signal.batch, seq_len=self._after(signal.batch.seq_len), lengths=self._lengths(signal.batch))
        return replace(signal.to(self.width_of(signal), self.name), batch=batch)

    def _lengths(self, batch: Batch) -> tuple[int, ...] | None:
        return None if batch.lengths is None else tuple(map(self._length, batch.lengths))

    def _after(self, steps: int | Literal["L"]) -> int | Literal["L"]:
        if isinstance(steps, str):
            if not self.window.keeps_length:
                raise ValueError("nobody says how many steps come out")
            return steps
        return self._length(steps)

    def _length(self, steps: int) -> int:
        length = self.window.length(steps)
        if length < 1:
            raise ValueError("no steps come out")
        return length

    @override
    def spans(self, signal: Signal) -> frozenset[str]:
        """L: of fewer steps there may be no window."""
        return frozenset({"L"})

    def on_steps(self, signal: Signal) -> list[str]:
        """How torch has its input, and how many steps come out, a sentence each."""
        after = self.emits(signal)
        unpacked = [s.tensor("x", "H", "float32") for s in (signal, after)]
        shapes = [tensor.unpacked_shape or tensor.shape for tensor in unpacked]
        axes = signal.batch.padded_axes if "T" in signal.axes else signal.axes
        turned = [_channels_first(axes, shape) for shape in shapes]
        names = "(N, C, L)" if "N" in axes else "(C, L)"
        given, put_out = map(tuple_text, shapes)
        sentences = [
            f"torch's {self.type} has the steps last, {names}: {given} is handed to it as {tuple_text(turned[0])}, and "
            f"what it puts out, {tuple_text(turned[1])}, is turned back to {put_out}."
        ]
        lengths = signal.batch.lengths
        if lengths is None:
            sentences.append(f"Steps: L = {self.window.formula(signal.batch.seq_len)} = {after.batch.seq_len}.")
            return sentences
        pairs = dict.fromkeys(zip(lengths, after.batch.lengths or (), strict=True))
        each = ", ".join(f"{before} becomes {now}" for before, now in list(pairs)[:4])
        less = ", and 1 less where a window would begin in the padding after the end" * self.window.ceil_mode
        return [*sentences, f"Steps of each sequence: {self.window.formula('length')}{less}: {each}."]


def _channels_first(axes: tuple[str, ...], shape: tuple[int | str, ...]) -> tuple[int | str, ...]:
    sizes = dict(zip((*axes, "C"), shape, strict=True))
    return tuple(sizes[axis] for axis in ("N", "C", "L") if axis in sizes)
