"""torch.nn.BatchNorm1d (Ioffe & Szegedy 2015) of the features of every token: a token is a row of its batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self

from typing_extensions import override

from rnninspect.cells.language import parse
from rnninspect.cells.tree import Cell
from rnninspect.cells.widths import Declared
from rnninspect.errors import counted
from rnninspect.facts.amounts import ITEM_BYTES, Ops
from rnninspect.facts.weights import Init, WeightFact
from rnninspect.layers.fields import Expect, Flag, Positive, Real, Size
from rnninspect.layers.layer import NOTHING_KEPT, Kept, Layer, Misfit, Wants, inferred
from rnninspect.layers.pointwise import EquationLayer
from rnninspect.layers.signal import Signal
from rnninspect.layers.weights import cell_weights

# mean and var are given, as x is, and the same for every token; y is as wide as x, whichever letter says it.
_GIVEN = ("mean", "var")
_WIDTHS: Declared = (*((name, ("H_in",)) for name in ("x", *_GIVEN)), ("y", ("H_in", "H_out")))
_STARTS = {"w": Init("ones", torchs=True), "b": Init("zeros", torchs=True)}


class BatchNorm1d(EquationLayer):
    """y = (x - mean) / sqrt(var + eps) * w + b: in eval mode of running statistics, in training mode of the batch's.

    The statistics are buffers, no parameters. What is counted forward is eval mode, backward and in memory training.
    """

    meanings: ClassVar[Mapping[str, str]] = {
        "x": "input: the features that come in",
        "mean": "the mean of each feature: running_mean, or the batch's, see above",
        "var": "the variance of each feature: running_var, or the batch's, see above",
        "y": "output: as many features",
    }
    remarks: ClassVar[tuple[str, ...]] = (
        "momentum is the share of the batch in the new statistics: 0.1 is what Keras calls 0.9. Keras' own defaults "
        "are 0.99, and 0.001 for eps.",
    )

    width_field: ClassVar[str] = "num_features"

    type: Literal["BatchNorm1d"]
    num_features: Size | None = None
    eps: Positive = 1e-5
    momentum: Annotated[Real | None, Expect("a number, or null for the mean of all batches")] = 0.1
    affine: Flag = True
    track_running_stats: Flag = True
    bias: Flag = True

    @override
    def arguments(self) -> dict[str, Any]:
        """Without `bias` where it says nothing: older versions of torch do not have it."""
        said = self.affine and not self.bias
        return {key: value for key, value in super().arguments().items() if key != "bias" or said}

    @property
    @override
    def cell(self) -> Cell:
        text = f"y = (x - mean) / sqrt(var + {self.eps!r}){' * w + b' * self.affine}"
        return parse(text, bias=self.bias, given=_GIVEN)

    @override
    def declared(self, layer: int) -> Declared:
        return _WIDTHS

    @property
    @override
    def takes_rows(self) -> bool:
        return True

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        fitted = self.model_copy(update={"num_features": inferred("num_features", self.num_features, signal)})
        if not self.track_running_stats and not fitted.can_train_on(signal):
            raise Misfit(
                "track_running_stats",
                "expected true: what is normalised by its own batch needs more than one row, and here is one",
                "leave track_running_stats out, or have more tokens",
            )
        return fitted

    @override
    def sizes(self) -> dict[str, int]:
        width = self.fitted(self.num_features)
        return {"H_in": width, "H_out": width}

    @override
    def can_train_on(self, signal: Signal) -> bool:
        """Whether there is a variance: of one row there is none, and torch refuses it in training mode."""
        return signal.batch.is_open or signal.tokens > 1

    @override
    def weights(self, dtype: str) -> tuple[WeightFact, ...]:
        """w starts as ones, b as zeros. why no Keras without statistics: its layer always keeps them."""
        keras = 1 if self.track_running_stats else None
        return tuple(
            replace(weight, init=_STARTS[weight.symbol])
            for weight in cell_weights(
                self.cell,
                _WIDTHS,
                self.sizes(),
                dtype=dtype,
                init=Init("ones", torchs=True),
                trainable=self.trainable,
                keras_biases=keras,
            )
        )

    @override
    def buffers(self, dtype: str) -> tuple[WeightFact, ...]:
        """The running statistics, mean 0 and variance 1 at first, and how many batches they are of."""
        if not self.track_running_stats:
            return ()
        mean = WeightFact(
            name="running_mean",
            symbol="mean",
            axes=("H_in",),
            shape=(self.width_in,),
            dtype=dtype,
            init=Init("zeros", torchs=True),
            trainable=False,
        )
        return (
            mean,
            replace(mean, name="running_var", symbol="var", init=Init("ones", torchs=True)),
            replace(mean, name="num_batches_tracked", symbol="", axes=(), shape=(), dtype="int64", in_keras=False),
        )

    @override
    def in_sentences(self, signal: Signal) -> tuple[str, ...]:
        rows = "its rows" if signal.batch.is_open else f"its {counted(signal.tokens, 'row')}"
        batch = f"those of the batch, n being {rows}: mean = sum(x) / n, var = sum((x - mean)^2) / n"
        source = "(Ioffe & Szegedy 2015)"
        if not self.track_running_stats:
            return (self.summary, f"In either mode mean and var are {batch} {source}. No statistics are kept.")
        return (
            self.summary,
            "In eval mode, which every command runs but the training phases of bench, mean and var are running_mean "
            "and running_var, at first 0 and 1; verify checks both modes.",
            f"In training mode mean and var are {batch}; and then {self._moves()} {source}.",
            *["What is frozen are w and b: the statistics go on changing in training mode."] * (not self.trainable),
        )

    def _moves(self) -> str:
        """What becomes of the running statistics."""
        if self.momentum is None:
            return "running_mean and running_var are the means, over all batches so far, of mean and of var n / (n - 1)"
        old, new = f"{1 - self.momentum:g}", f"{self.momentum:g}"
        moves = f"running_mean becomes {old} running_mean + {new} mean"
        return f"{moves}, running_var {old} running_var + {new} var n / (n - 1)"

    @override
    def forward_ops(self, signal: Signal) -> Ops:
        """Per element in eval mode: x - mean, the division, and one each for w and b; the batch's own take 3 more.

        Those are two sums and a square. What is done once for each feature (adding eps, the root) is left out.
        """
        return Ops(0, (2 + 3 * (not self.track_running_stats) + self._affine) * signal.elements)

    @override
    def backward_ops(self, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
        """Per element in training, with z the normalised x: dx = w (g - mean(g) - z mean(g z)) / sigma, 7 for all.

        The sum of g is b's gradient, and that of g z is w's: by themselves they take 1 and 2.
        """
        trains = self.trainable and self.affine
        each = 7 if wants.input else trains * (2 + self.bias)
        return Ops(0, each * signal.elements)

    @override
    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        """x, and the batch's mean and sigma of each feature, from which z is made again."""
        if not wants.input and not (self.trainable and self.affine):
            return NOTHING_KEPT
        return Kept(2 * self.width_in * ITEM_BYTES[dtype], input=True, output=False)

    @property
    def _affine(self) -> int:
        return self.affine * (1 + self.bias)
