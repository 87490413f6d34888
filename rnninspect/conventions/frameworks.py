"""How each framework packs the same symbols: one record each.

What is written here is what tensors are read by, and what the same weights are called elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnninspect.conventions.packing import ORDER, Convention, Grid, Kind, Stored, beside, flat, rows


def _as_torch(name: str, roles: str, **more: Any) -> Convention:
    """Packed as torch does. roles: what torch calls weight_ih, weight_hh, bias_ih, bias_hh and weight_hr."""
    w_ih, w_hh, b_ih, b_hh, w_hr = roles.split()
    return Convention(
        name,
        {kind: (Stored(w_ih, rows("W_i", order)), Stored(w_hh, rows("W_h", order))) for kind, order in ORDER.items()},
        {
            (kind, "two"): (Stored(b_ih, flat(order, "b_i")), Stored(b_hh, flat(order, "b_h")))
            for kind, order in ORDER.items()
        },
        projection=Stored(w_hr, (("W_hr",),)),
        reset="after",
        **more,
    )


def _kernels(order: str) -> tuple[Stored, ...]:
    return (
        Stored("kernel", rows("W_i", order), transposed=True),
        Stored("recurrent_kernel", rows("W_h", order), transposed=True),
    )


_TORCH = _as_torch("PyTorch", "weight_ih weight_hh bias_ih bias_hh weight_hr")
_EQUINOX = Convention(
    "Equinox",
    _TORCH.matrices,
    {
        ("RNN", "one"): (Stored("bias", flat("h", "b_")),),
        ("LSTM", "one"): (Stored("bias", flat("ifgo", "b_")),),
        ("GRU", "one"): (Stored("bias", flat("rzn", "b_i")), Stored("bias_n", (("b_hn",),))),
    },
    reset="after",
)
_KERAS_GATES: dict[Kind, str] = {"RNN": "h", "LSTM": "ifgo", "GRU": "zrn"}
_KERAS = Convention(
    "Keras",
    {kind: _kernels(order) for kind, order in _KERAS_GATES.items()},
    {
        **{(kind, "one"): (Stored("bias", flat(order, "b_")),) for kind, order in _KERAS_GATES.items()},
        ("GRU", "two"): (Stored("bias", (*flat("zrn", "b_i"), *flat("zrn", "b_h"))),),
    },
    reset="either",
)
_CUDNN_GATES: dict[Kind, str] = {"LSTM": "ifgo", "GRU": "zrn"}
_KERAS_CUDNN = Convention(
    "Keras CuDNN",
    {kind: _kernels(order) for kind, order in _CUDNN_GATES.items()},
    {(kind, "two"): (Stored("bias", flat(order, "b_i", "b_h")),) for kind, order in _CUDNN_GATES.items()},
    reset="after",
)


def _onnx(name: str, transposed: bool) -> Convention:
    gates: dict[Kind, str] = {"RNN": "h", "LSTM": "iofg", "GRU": "zrn"}
    return Convention(
        name,
        {
            kind: (
                Stored("W", rows("W_i", order), transposed, over_directions=True),
                Stored("R", rows("W_h", order), transposed, over_directions=True),
            )
            for kind, order in gates.items()
        },
        {
            (kind, "two"): (Stored("B", flat(order, "b_i", "b_h"), over_directions=True),)
            for kind, order in gates.items()
        },
        peepholes=(Stored("P", flat("iof", "w_c"), over_directions=True),),
        reset="either",
    )


_TENSORFLOW = Convention(
    "TensorFlow",
    {
        "RNN": (Stored("kernel", beside("h"), transposed=True),),
        "LSTM": (Stored("kernel", beside("igfo"), transposed=True),),
        "GRU": (
            Stored("gates/kernel", beside("rz"), transposed=True),
            Stored("candidate/kernel", beside("n"), transposed=True),
        ),
    },
    {
        ("RNN", "one"): (Stored("bias", flat("h", "b_")),),
        ("LSTM", "one"): (Stored("bias", flat("igfo", "b_")),),
        ("GRU", "one"): (Stored("gates/bias", flat("rz", "b_")), Stored("candidate/bias", flat("n", "b_"))),
    },
    projection=Stored("projection/kernel", (("W_hr",),), transposed=True),
    peepholes=tuple(Stored(f"w_{gate}_diag", ((f"w_c{gate}",),)) for gate in "fio"),
    reset="before",
    added={"b_f": 1.0},
    has_biases=True,
)
_HAIKU = Convention(
    "haiku",
    {
        "RNN": (
            Stored("linear/w", rows("W_i", "h"), transposed=True),
            Stored("linear_1/w", rows("W_h", "h"), transposed=True),
        ),
        "LSTM": (Stored("w", beside("igfo"), transposed=True),),
        "GRU": (
            Stored("w_i", rows("W_i", "zrn"), transposed=True),
            Stored("w_h", rows("W_h", "zrn"), transposed=True),
        ),
    },
    {
        ("RNN", "two"): (
            Stored("linear/b", flat("h", "b_i")),
            Stored("linear_1/b", flat("h", "b_h")),
        ),
        ("RNN", "one"): (Stored("linear/b", flat("h", "b_")),),
        ("LSTM", "one"): (Stored("b", flat("igfo", "b_")),),
        ("GRU", "one"): (Stored("b", flat("zrn", "b_")),),
    },
    reset="before",
    added={"b_f": 1.0},
    functions=("relu",),
    has_biases=True,
)


def _flax() -> Convention:
    def each(source: str, gates: str) -> tuple[Stored, ...]:
        return tuple(Stored(f"{source}{gate}/kernel", ((f"W_{source}{gate}",),), transposed=True) for gate in gates)

    lstm = tuple(Stored(f"h{gate}/bias", ((f"b_{gate}",),)) for gate in "ifgo")
    gru = tuple(Stored(f"{gate}/bias", ((f"b_{gate}",),)) for gate in ("ir", "iz", "in", "hn"))
    return Convention(
        "Flax",
        {
            "RNN": (
                Stored("i/kernel", (("W_ih",),), transposed=True),
                Stored("h/kernel", (("W_hh",),), transposed=True),
            ),
            "LSTM": (*each("i", "ifgo"), *each("h", "ifgo")),
            "GRU": (*each("i", "rzn"), *each("h", "rzn")),
        },
        {("RNN", "one"): (Stored("i/bias", (("b_h",),)),), ("LSTM", "one"): lstm, ("GRU", "one"): gru},
        reset="after",
        has_biases=True,
    )


def _coreml() -> Convention:
    names = {"i": "inputGate", "f": "forgetGate", "g": "blockInput", "o": "outputGate"}
    gru = {"z": "updateGate", "r": "resetGate", "n": "outputGate"}

    def matrices(names: Mapping[str, str]) -> tuple[Stored, ...]:
        return (
            *(Stored(f"{name}WeightMatrix", ((f"W_i{gate}",),)) for gate, name in names.items()),
            *(Stored(f"{name}RecursionMatrix", ((f"W_h{gate}",),)) for gate, name in names.items()),
        )

    def biases(names: Mapping[str, str]) -> tuple[Stored, ...]:
        return tuple(Stored(f"{name}BiasVector", ((f"b_{gate}",),)) for gate, name in names.items())

    return Convention(
        "CoreML",
        {
            "RNN": (Stored("weightMatrix", (("W_ih",),)), Stored("recursionMatrix", (("W_hh",),))),
            "LSTM": matrices(names),
            "GRU": matrices(gru),
        },
        {
            ("RNN", "one"): (Stored("biasVector", (("b_h",),)),),
            ("LSTM", "one"): biases(names),
            ("GRU", "one"): biases(gru),
        },
        peepholes=tuple(Stored(f"{names[gate]}PeepholeVector", ((f"w_c{gate}",),)) for gate in "ifo"),
        reset="before",
    )


def _cudnn(name: str, orders: Mapping[Kind, str]) -> Convention:
    """The matrices and vectors of a pseudo-layer, by cuDNN's linLayerID."""

    def each(what: str, starts: tuple[str, str], order: str) -> tuple[Stored, ...]:
        symbols = [start + gate for start in starts for gate in order]
        return tuple(Stored(f"{what}[{number}]", ((symbol,),)) for number, symbol in enumerate(symbols))

    return Convention(
        name,
        {kind: each("matrix", ("W_i", "W_h"), order) for kind, order in orders.items()},
        {(kind, "two"): each("bias", ("b_i", "b_h"), order) for kind, order in orders.items()},
        projection=Stored("matrix[8]", (("W_hr",),)) if name == "cuDNN" else None,
        reset="after",
    )


def _onednn() -> Convention:
    gates: dict[Kind, str] = {"RNN": "h", "LSTM": "ifgo", "GRU": "zrn"}

    def weights(role: str, grid: Grid, axes: str = "ldigo") -> Stored:
        return Stored(role, grid, transposed=True, over_directions=True, axes=axes)

    def bias(*symbols: str) -> tuple[Stored, ...]:
        return (Stored("bias", (symbols,), over_directions=True, axes="ldgo"),)

    return Convention(
        "oneDNN",
        {
            kind: (weights("weights_layer", rows("W_i", order)), weights("weights_iter", rows("W_h", order)))
            for kind, order in gates.items()
        },
        {
            ("RNN", "one"): bias("b_h"),
            ("LSTM", "one"): bias("b_i", "b_f", "b_g", "b_o"),
            # why four: this is its lbr_gru, whose reset gate multiplies after the product.
            ("GRU", "one"): bias("b_iz", "b_ir", "b_in", "b_hn"),
        },
        projection=weights("weights_projection", (("W_hr",),), "ldio"),
        reset="after",
    )


CONVENTIONS: Mapping[str, Convention] = {
    convention.name: convention
    for convention in (
        _TORCH,
        _EQUINOX,
        _KERAS,
        _KERAS_CUDNN,
        _onnx("ONNX", transposed=False),
        _onnx("ONNX quantized", transposed=True),
        _TENSORFLOW,
        _HAIKU,
        _flax(),
        _coreml(),
        _as_torch("MXNet", "i2h_weight h2h_weight i2h_bias h2h_bias h2r_weight", has_biases=True),
        _cudnn("cuDNN", ORDER),
        _cudnn("MIOpen", {"RNN": "h", "LSTM": "ifog", "GRU": "zrn"}),
        _onednn(),
    )
}
