"""The frameworks that weights are translated into, by the name that `weights --as` takes."""

from __future__ import annotations

from collections.abc import Mapping

from rnninspect.conventions.engines import COREML, CUDNN, MIOPEN, ONEDNN, ONNX
from rnninspect.conventions.libraries import FLAX, HAIKU, KERAS, MXNET, TENSORFLOW
from rnninspect.conventions.target import Framework

FRAMEWORKS: Mapping[str, Framework] = {
    "keras": KERAS,
    "onnx": ONNX,
    "tf": TENSORFLOW,
    "flax": FLAX,
    "haiku": HAIKU,
    "cudnn": CUDNN,
    "miopen": MIOPEN,
    "onednn": ONEDNN,
    "mxnet": MXNET,
    "coreml": COREML,
}
