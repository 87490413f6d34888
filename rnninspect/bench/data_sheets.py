"""What NVIDIA's data sheets promise of dense matrix products, in FLOP/s, for the share of it that a phase reaches.

Sheets say it with a clock that a GPU holds only for a while, and of its tensor cores where they have the dtype; what is
sparse, and twice as much, is left out. A GPU that is not here has no share.
"""

from __future__ import annotations

from collections.abc import Mapping

# By the name that torch gives it, and how float32 is multiplied where that is the dtype: TFLOP/s.
_HOPPER = {"float64": 67.0, "ieee": 67.0, "tf32": 494.5, "float16": 989.5, "bfloat16": 989.5}
_HOPPER_PCIE = {"float64": 51.0, "ieee": 51.0, "tf32": 378.0, "float16": 756.5, "bfloat16": 756.5}
_AMPERE = {"float64": 19.5, "ieee": 19.5, "tf32": 156.0, "float16": 312.0, "bfloat16": 312.0}
_VOLTA = {"float64": 7.8, "ieee": 15.7, "float16": 125.0}
_SHEETS: Mapping[str, Mapping[str, float]] = {
    "NVIDIA H200": _HOPPER,
    "NVIDIA H100 80GB HBM3": _HOPPER,
    "NVIDIA H100 PCIe": _HOPPER_PCIE,
    "NVIDIA A100-SXM4-40GB": _AMPERE,
    "NVIDIA A100-SXM4-80GB": _AMPERE,
    "NVIDIA A100-PCIE-40GB": _AMPERE,
    "NVIDIA A100 80GB PCIe": _AMPERE,
    "Tesla V100-SXM2-16GB": _VOLTA,
    "Tesla V100-SXM2-32GB": _VOLTA,
}


def sheet_flops(device_name: str | None, dtype: str, float32_precision: str | None) -> float | None:
    """FLOP/s of this device's data sheet in a dtype; None where it has none, or is not known here.

    float32_precision: "tf32" or "ieee", how float32 is multiplied.
    """
    row = float32_precision if dtype == "float32" else dtype
    tera = _SHEETS.get(device_name or "", {}).get(row or "")
    return None if tera is None else 1e12 * tera
