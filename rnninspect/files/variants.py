"""From a layer that was found to a layer of ours, whose equations are those of the file.

torch's own kinds are used where they are the same; what torch has no module for has equations of its own here, so that
what the plan counts is what the file holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import PrivateAttr
from typing_extensions import override

from rnninspect.conventions.packing import Kind
from rnninspect.files.found import FoundLayer
from rnninspect.layers.families import StackedLayer
from rnninspect.layers.gru import GRU
from rnninspect.layers.lstm import LSTM
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.rnn import RNN
from rnninspect.layers.signal import Batch, Signal

# The functions that mean the same wherever they are called so. why not hard_sigmoid: each framework has its own.
SAME_EVERYWHERE = frozenset({"sigmoid", "tanh", "relu", "softplus", "softsign"})


class _AsInFile(StackedLayer):
    """A layer with the equations of the file it is from. _keras: how many bias vectors a gate of it has in Keras."""

    _text: str = PrivateAttr("")
    _keras: int | None = PrivateAttr(None)

    def with_equations(self, text: str, keras: int | None) -> _AsInFile:
        """This layer with equations."""
        layer = self.model_copy()
        layer._text, layer._keras = text, keras
        return layer

    @override
    def equations(self) -> str:
        """As the convention of the file has them."""
        return self._text

    @property
    @override
    def keras_biases(self) -> int | None:
        return self._keras


class FileRNN(_AsInFile, RNN):
    """An Elman network that is not torch's: a bias vector, where torch has two."""

    remarks: ClassVar[tuple[str, ...]] = (
        "These are the equations of the file's layer. torch.nn.RNN has two bias vectors, of which only the sum counts.",
        *StackedLayer.remarks,
    )


class FileLSTM(_AsInFile, LSTM):
    """An LSTM that is not torch's: one bias vector for each gate, or gates that read the cell state."""

    remarks: ClassVar[tuple[str, ...]] = (
        "These are the equations of the file's layer. torch.nn.LSTM has two bias vectors for each gate, of which only "
        "the sum counts, its functions are sigmoid and tanh, and no gate of it reads the cell state.",
        *StackedLayer.remarks,
    )


class FileGRU(_AsInFile, GRU):
    """A GRU that is not torch's: the reset gate multiplies before the product, or there are fewer biases."""

    remarks: ClassVar[tuple[str, ...]] = (
        "These are the equations of the file's layer. In torch.nn.GRU every gate has two bias vectors, and the reset "
        "gate r_t multiplies after the product with W_hn: weights of another GRU do not fit there.",
        *StackedLayer.remarks,
    )


class ReplacingGRU(FileGRU):
    """A GRU whose update gate is the share that is replaced, as haiku's."""

    meanings: ClassVar[Mapping[str, str]] = {**GRU.meanings, "z": "update gate: how much of h_{t-1} is replaced"}
    remarks: ClassVar[tuple[str, ...]] = (
        *FileGRU.remarks,
        "z_t is the share of h_{t-1} that is replaced; in torch it is the share that stays.",
    )


_TORCH: Mapping[Kind, type[StackedLayer]] = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}


def layer_of(found: FoundLayer) -> Recurrent:
    """The layer that was found, fitted to its input.

    What the file does not say of its options is torch's default. Raises ValueError or Misfit where no layer has such
    sizes: a projection as wide as the state, no columns at all.
    """
    torch_kind = _TORCH[found.type]
    text, keras = own_equations(found)
    kind = _own_kind(found) if text else torch_kind
    layer: StackedLayer = kind.model_validate(_arguments(found))
    if isinstance(layer, _AsInFile):
        layer = layer.with_equations(text, keras)
    # why afterwards: a prefix has dots, which names in documents have not.
    layer = layer.model_copy(update={"name": found.name or found.type.lower()})
    batch = Batch(size=1, seq_len=1, batch_first=layer.batch_first)
    return layer.fit(Signal(batch, batch.padded_axes, found.input_size), {})


def _arguments(found: FoundLayer) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": found.type,
        "name": found.type.lower(),
        "input_size": found.input_size,
        "hidden_size": found.hidden_size,
        "num_layers": found.num_layers,
        "bidirectional": found.bidirectional,
        "bias": found.biases != "none",
    }
    if found.proj_size:
        said["proj_size"] = found.proj_size
    if isinstance(first := found.known.get("batch_first"), bool):
        said["batch_first"] = first
    dropout = found.known.get("dropout")
    if isinstance(dropout, int | float) and not isinstance(dropout, bool) and 0 <= dropout <= 1:
        said["dropout"] = float(dropout)
    if found.type == "RNN" and found.known.get("nonlinearity") in ("tanh", "relu"):
        said["nonlinearity"] = found.known["nonlinearity"]
    return said


def _own_kind(found: FoundLayer) -> type[_AsInFile]:
    if found.type == "GRU":
        return ReplacingGRU if found.convention == "haiku" else FileGRU
    return FileLSTM if found.type == "LSTM" else FileRNN


def own_equations(found: FoundLayer) -> tuple[str, int | None]:
    """The equations of what torch has no module for, and how many bias vectors Keras has for it; "" for torch's."""
    if found.type == "RNN":
        return _rnn(found)
    text, keras = _lstm(found) if found.type == "LSTM" else _gru(found)
    functions = {"sigmoid": "recurrent_activation", "tanh": "activation"}
    chosen = {ours: found.known.get(key, ours) for ours, key in functions.items()}
    if all(theirs == ours or theirs not in SAME_EVERYWHERE for ours, theirs in chosen.items()):
        return text, keras
    body = text or _TORCH[found.type].model_construct(proj_size=found.proj_size).equations()
    # why by way of marks: sigmoid may become tanh, and tanh sigmoid.
    for ours, theirs in chosen.items():
        body = body.replace(f"{ours}(", f"<{theirs if theirs in SAME_EVERYWHERE else ours}>(")
    return body.replace("<", "").replace(">", ""), keras if text else (2 if found.type == "GRU" else 1)


def _rnn(found: FoundLayer) -> tuple[str, int | None]:
    said = found.known.get("nonlinearity", found.known.get("activation", "tanh"))
    function = said if said in SAME_EVERYWHERE else "tanh"
    if found.biases != "one" and function in ("tanh", "relu"):
        return "", 1
    biases = ("", "b_h") if found.biases == "one" else ("b_ih", "b_hh")
    return f"h = {function}({_sum('W_ih @ x', biases[0], 'W_hh @ h', biases[1])})", 1


def _lstm(found: FoundLayer) -> tuple[str, int | None]:
    # why: haiku's LSTM adds 1 whenever it runs, whoever calls it; CoreML's where its layer says so.
    more = "1" if found.convention == "haiku" or found.known.get("forgetBias") is True else ""
    if found.biases != "one" and not found.peepholes and not more:
        return "", 1

    def gate(name: str, peephole: bool = True, more: str = "") -> str:
        peep = f"w_c{name} * c" if peephole and found.peepholes else ""
        if found.biases == "one":
            return _sum(f"W_i{name} @ x", f"W_h{name} @ h", peep, f"b_{name}", more)
        return _sum(f"W_i{name} @ x", f"b_i{name}", f"W_h{name} @ h", f"b_h{name}", peep, more)

    # why o after c: its peephole reads the new cell state.
    lines = [
        f"i = sigmoid({gate('i')})",
        f"f = sigmoid({gate('f', more=more)})",
        f"g = tanh({gate('g', peephole=False)})",
        "c = f * c + i * g",
        f"o = sigmoid({gate('o')})",
        "h = o * tanh(c)",
    ]
    if found.proj_size:
        lines.append("h = W_hr @ h")
    keras = None if found.peepholes or found.proj_size else 1
    return "\n".join(lines), keras


def _gru(found: FoundLayer) -> tuple[str, int | None]:
    before, one = found.reset_after is False, found.biases == "one"
    if not before and not one:
        return "", 2

    def gate(name: str) -> str:
        if not one:
            return _sum(f"W_i{name} @ x", f"b_i{name}", f"W_h{name} @ h", f"b_h{name}")
        bias = f"b_{name}" if before else f"b_i{name}"
        return _sum(f"W_i{name} @ x", f"W_h{name} @ h", bias)

    if before and one:
        candidate = "W_in @ x + W_hn @ (r * h) + b_n"
    elif before:
        candidate = "W_in @ x + b_in + W_hn @ (r * h) + b_hn"
    else:
        candidate = "W_in @ x + b_in + r * (W_hn @ h + b_hn)"
    replaces = found.convention == "haiku"
    kept = "h = (1 - z) * h + z * n" if replaces else "h = (1 - z) * n + z * h"
    text = f"r = sigmoid({gate('r')})\nz = sigmoid({gate('z')})\nn = tanh({candidate})\n{kept}"
    # Keras has the one with the reset before, and one bias vector; of four vectors it has none.
    return text, 1 if before else None


def _sum(*terms: str) -> str:
    return " + ".join(filter(None, terms))
