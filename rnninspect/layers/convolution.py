"""torch.nn.Conv1d over the steps of a sequence: y_t = b + the sum over k of W_k x_{stride t + dilation k - padding}."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Self

from typing_extensions import override

from rnninspect.facts.amounts import ITEM_BYTES, Ops
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.fields import Expect, Flag, Size, Width
from rnninspect.layers.layer import NOTHING_KEPT, Kept, Layer, Misfit, Wants, inferred
from rnninspect.layers.signal import Signal
from rnninspect.layers.weights import uniform
from rnninspect.layers.window import Window, WindowLayer

Padding = Annotated[Width | Literal["same", "valid"], Expect("an integer >= 0, same or valid")]


class Conv1d(WindowLayer):
    """y_t = b + the sum over k of W_k x_{stride t + dilation k - padding}; W_k is weight[:, :, k].

    Multiply-accumulates are those of every step of every window, of padding too, as torch counts them.
    """

    summary: ClassVar[str] = "y_t = b + sum over k of W_k x_{stride t + dilation k - padding}, W_k = weight[:, :, k]."

    width_field: ClassVar[str] = "in_channels"

    type: Literal["Conv1d"]
    in_channels: Size | None = None
    out_channels: Size
    kernel_size: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    groups: Size = 1
    bias: Flag = True
    padding_mode: Annotated[Literal["zeros"], Expect("zeros")] = "zeros"

    @property
    def width_in(self) -> int:
        """H_in of a fitted layer."""
        return self.fitted(self.in_channels)

    @property
    @override
    def window(self) -> Window:
        left = right = self.padding if isinstance(self.padding, int) else 0
        if self.padding == "same":
            both = self.dilation * (self.kernel_size - 1)
            # why the right one is longer: so torch has it where they cannot be equal.
            left, right = both // 2, both - both // 2
        return Window(kernel_size=self.kernel_size, stride=self.stride, left=left, right=right, dilation=self.dilation)

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        fitted = super().fit(signal, earlier)
        in_channels = inferred("in_channels", self.in_channels, signal)
        if self.padding == "same" and self.stride > 1:
            raise Misfit(
                "padding", f"expected a number: torch has no same with stride {self.stride}", "stride: 1, or a number"
            )
        for name, channels in (("in_channels", in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise Misfit("groups", f"expected a divisor of {name} {channels}, got {self.groups}")
        return fitted.model_copy(update={"in_channels": in_channels})

    @override
    def width_of(self, signal: Signal) -> int:
        return self.out_channels

    @override
    def weights(self, dtype: str) -> tuple[WeightFact, ...]:
        """Each is drawn from U(-1/sqrt(fan), 1/sqrt(fan)), fan being the numbers that are added up in one of y."""
        each = self.width_in // self.groups
        law = uniform(each * self.kernel_size)
        columns = "H_in" if self.groups == 1 else "H_in/groups"
        shapes = {
            "weight": (("H_out", columns, "kernel_size"), (self.out_channels, each, self.kernel_size)),
            **({"bias": (("H_out",), (self.out_channels,))} if self.bias else {}),
        }
        return tuple(
            WeightFact(
                name=name,
                symbol={"weight": "W", "bias": "b"}[name],
                axes=axes,
                shape=shape,
                dtype=dtype,
                init=law,
                trainable=self.trainable,
            )
            for name, (axes, shape) in shapes.items()
        )

    def forward_ops(self, signal: Signal) -> Ops:
        """A matrix for each step of a window, and an addition for each bias."""
        return Ops(self._macs(signal), self.bias * self.emits(signal).elements)

    def backward_ops(self, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
        """As many multiply-accumulates for the gradient of W as for that of x; a bias's is the sum of those of y."""
        macs = (self.trainable + wants.input) * self._macs(signal)
        return Ops(macs, (self.trainable and self.bias) * self.emits(signal).elements)

    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        """Its input, which the gradient of W is made with; of a packed batch it is another tensor, with its padding."""
        # why of a frozen one too: torch's kernel keeps it whatever is wanted of it.
        if not (self.trainable or wants.input):
            return NOTHING_KEPT
        more = self.window.right - self.window.left
        if "T" not in signal.axes and not more:
            return Kept(0, input=True, output=False)
        # why more: torch copies an input that is padded more on one side.
        steps = signal.batch.letters["L"] + more
        nbytes = steps * signal.batch.letters["N"] * signal.features * ITEM_BYTES[dtype]
        return Kept(nbytes, input=False, output=False)

    def _macs(self, signal: Signal) -> int:
        return self.emits(signal).elements * self.width_in // self.groups * self.kernel_size

    @override
    def in_sentences(self, signal: Signal) -> tuple[str, ...]:
        return (self._equation(), *self.on_steps(signal), *self._besides(signal))

    def _equation(self) -> str:
        window, b = self.window, "b + " * self.bias
        last = self.kernel_size - 1
        if last == 0:
            return f"y_t = {b}W_0 x_{{{window.read_at()}}}, W_0 = weight[:, :, 0]."
        padded = ", x being 0 before the first step and after the last" * (window.left + window.right > 0)
        steps = f"k = 0 to {last}, W_k = weight[:, :, k]"
        return f"y_t = {b}sum over k of W_k x_{{{window.read_at()}}}, {steps}{padded}."

    def _besides(self, signal: Signal) -> Iterator[str]:
        if self.groups > 1:
            read, put_out = self.width_in // self.groups, self.out_channels // self.groups
            yield (
                f"In {self.groups} groups: the first {put_out} channels of y read the first {read} of x, the next the "
                "next."
            )
        if "T" in signal.axes:
            after = "b and what it still reads of the sequence" if self.bias else "what it still reads of the sequence"
            yield (
                "A packed batch is padded with zeros for it, and its output is packed again: what it puts out beyond a "
                f"sequence's end is {after}, not 0, and is cut off, so that the next layer finds zeros there again. "
                "Code that does not mask it computes something else."
            )
        yield "Its MACs are those of all steps of every window, of padding too."
