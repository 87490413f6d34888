"""torch.nn.MaxPool1d and AvgPool1d over the steps of a sequence, each feature by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import ClassVar, Literal, Self

from typing_extensions import override

from rnninspect.facts.amounts import ITEM_BYTES, Ops
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.fields import Flag, Size, Width
from rnninspect.layers.layer import NOTHING_KEPT, Kept, Layer, Misfit, Wants
from rnninspect.layers.pointwise import need_width
from rnninspect.layers.signal import Signal
from rnninspect.layers.window import Window, WindowLayer


class Pool(WindowLayer):
    """What of a window is one number for each feature: no parameters, and the width stays."""

    kernel_size: Size
    stride: Size | None = None
    padding: Width = 0

    @property
    @override
    def window(self) -> Window:
        stride = self.stride or self.kernel_size
        return Window(kernel_size=self.kernel_size, stride=stride, left=self.padding, right=self.padding)

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        need_width(self.type, signal)
        most = self.kernel_size // 2
        if self.padding > most:
            raise Misfit(
                "padding", f"expected at most {most}, half of kernel_size {self.kernel_size}, got {self.padding}"
            )
        return super().fit(signal, earlier)

    @override
    def width_of(self, signal: Signal) -> int:
        return signal.features

    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        """Its input, as torch's kernels do; of a packed batch that is another tensor, with its padding."""
        if not wants.input:
            return NOTHING_KEPT
        if "T" not in signal.axes:
            return Kept(0, input=True, output=False)
        steps = signal.batch.letters["L"] * signal.batch.letters["N"]
        return Kept(steps * signal.features * ITEM_BYTES[dtype], input=False, output=False)

    def packed(self, signal: Signal, what: str) -> list[str]:
        """What is to be said of a packed batch."""
        return [what] if "T" in signal.axes else []


class MaxPool1d(Pool):
    """y_t = the largest of x_{stride t + dilation k - padding} over k, of each feature."""

    summary: ClassVar[str] = "y_t = max over k of x_{stride t + dilation k - padding}, of each feature by itself."

    type: Literal["MaxPool1d"]
    dilation: Size = 1
    return_indices: Flag = False
    ceil_mode: Flag = False

    @property
    @override
    def window(self) -> Window:
        return super().window._replace(dilation=self.dilation, ceil_mode=self.ceil_mode)

    @property
    @override
    def pads_with(self) -> float:
        return -inf

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        if self.return_indices:
            raise Misfit("return_indices", "expected false: a document has no place for indices, got true")
        fitted = super().fit(signal, earlier)
        shortest = min(signal.batch.lengths or (signal.batch.letters.get("L", self.dilation),))
        if self.padding and self.dilation > shortest:
            # why: a window could read one step before the first and its next after the last, and have no largest.
            raise Misfit(
                "dilation", f"expected at most {shortest}, the steps of the shortest input, got {self.dilation}"
            )
        return fitted

    def forward_ops(self, signal: Signal) -> Ops:
        """A comparison for each step of a window but the first."""
        return Ops(0, (self.kernel_size - 1) * self.emits(signal).elements)

    def backward_ops(self, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
        """Each gradient is added to that of the step where the largest was found."""
        return Ops(0, wants.input * self.emits(signal).elements)

    @override
    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        """Besides its input the step of each largest number, in int64."""
        kept = super().kept(signal, dtype, weights, wants)
        put_out = self.emits(signal)
        # why the padding: of a packed batch the kernel runs over that too.
        whole = "T" in signal.axes and not self.by_sequence
        tokens = put_out.batch.letters["L"] * put_out.batch.letters["N"] if whole else put_out.tokens
        found = wants.input * tokens * signal.features * ITEM_BYTES["int64"]
        return kept._replace(nbytes=kept.nbytes + found)

    @override
    def in_sentences(self, signal: Signal) -> tuple[str, ...]:
        steps = f"k = 0 to {self.kernel_size - 1}"
        never = "; what is padded is never the largest" * (self.padding > 0 or "T" in signal.axes)
        return (
            f"y_t = max over k of x_{{{self.window.read_at()}}}, {steps}, of each feature by itself{never}.",
            *self.on_steps(signal),
            *self.packed(
                signal,
                "A packed batch is padded with -inf for it, not with zeros, which would be the largest of negative "
                "numbers, and its output is packed again.",
            ),
        )


class AvgPool1d(Pool):
    """y_t = the mean of x_{stride t + k - padding} over k, of each feature."""

    summary: ClassVar[str] = "y_t = mean over k of x_{stride t + k - padding}, of each feature by itself."

    type: Literal["AvgPool1d"]
    ceil_mode: Flag = False
    count_include_pad: Flag = True

    @property
    @override
    def window(self) -> Window:
        return super().window._replace(ceil_mode=self.ceil_mode)

    @property
    @override
    def by_sequence(self) -> bool:
        return self.ceil_mode or (self.padding > 0 and not self.count_include_pad)

    def counted(self, t: int, steps: int) -> int:
        """By how many the sum of step t is divided: those of a window within a sequence of so many steps.

        Its padding counts too, unless count_include_pad says otherwise; what lies beyond that never does.
        """
        start = t * self.window.stride - self.padding
        stop = min(start + self.kernel_size, steps + self.padding)
        return stop - start if self.count_include_pad else min(stop, steps) - max(start, 0)

    def forward_ops(self, signal: Signal) -> Ops:
        """An addition for each step of a window but the first, and a division."""
        return Ops(0, self.kernel_size * self.emits(signal).elements)

    def backward_ops(self, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
        """A division, and an addition to the gradient of each step of the window."""
        return Ops(0, wants.input * (self.kernel_size + 1) * self.emits(signal).elements)

    @override
    def in_sentences(self, signal: Signal) -> tuple[str, ...]:
        among = ""
        if self.padding and self.count_include_pad:
            among = "; zeros of the padding count"
        elif self.by_sequence:
            among = "; only steps of the sequence count"
        steps = f"k = 0 to {self.kernel_size - 1}"
        return (
            f"y_t = mean over k of x_{{{self.window.read_at()}}}, {steps}, of each feature by itself{among}.",
            *self.on_steps(signal),
            *self.packed(
                signal,
                "Each sequence is averaged by itself, as a mean depends on where it ends, and packed again."
                if self.by_sequence
                else "A packed batch is padded with zeros for it, and its output is packed again.",
            ),
        )
