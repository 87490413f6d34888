"""What torch is told of precision, in the words of every torch from 2.4 on, and when a GPU computes in TF32."""

from __future__ import annotations

import types
import warnings

import pytest
import torch
from worlds import CONFIGS

from rnninspect.document.load import load_spec
from rnninspect.plan import plan
from rnninspect.runtime.modules import ready
from rnninspect.runtime.precision import float32_precision, in_tf32, multiplying_float32, set_float32_precision
from rnninspect.runtime.torch_errors import broke_cuda, quiet

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


def test_the_precision_is_read_set_and_put_back() -> None:
    for of in ("rnn", "matmul"):
        before = float32_precision(of)
        for value in ("ieee", "tf32"):
            with multiplying_float32(value, of):
                assert float32_precision(of) == value
                set_float32_precision("ieee", of)
                assert float32_precision(of) == "ieee"
            assert float32_precision(of) == before


def test_what_torch_says_of_kernels_is_kept_from_the_user() -> None:
    """Here every warning is an error."""
    with quiet():
        for said in (
            "LSTM with projections is not supported with oneDNN. Using default implementation. (Triggered ...)",
            "RNN module weights are not part of single contiguous chunk of memory. This means that ...",
            "Attempting to run cuBLAS, but there was no current CUDA context! Attempting to set the primary context...",
        ):
            warnings.warn(said, stacklevel=1)
        with pytest.raises(UserWarning, match="something else"):
            warnings.warn("something else", stacklevel=1)


def test_a_model_that_is_made_ready_is_quiet() -> None:
    spec = load_spec(str(CONFIGS / "lstm.yaml"))
    with ready(spec, plan(spec), CPU, 0):
        warnings.warn("RNN module weights are not part of single contiguous chunk of memory", stacklevel=1)


class Setting:
    """Somewhere that torch keeps a precision: as a setting of its own, or as a flag."""

    def __init__(self, **settings: object) -> None:
        self.__dict__.update(settings)


def plain_module() -> types.ModuleType:
    """What `import torch.backends.cudnn.rnn` leaves in the package where torch puts nothing else there."""
    return types.ModuleType("torch.backends.cudnn.rnn")


def test_before_torch_2_9_there_is_a_module_and_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as a layer was flattened on CUDA `cudnn.rnn` is there, and knows nothing of precision."""
    cudnn, cuda = Setting(allow_tf32=True, rnn=plain_module()), Setting(matmul=Setting(allow_tf32=False))
    monkeypatch.setattr(torch, "backends", Setting(cudnn=cudnn, cuda=cuda))
    assert (float32_precision(), float32_precision("matmul")) == ("tf32", "ieee")
    set_float32_precision("ieee")
    assert (cudnn.allow_tf32, vars(cudnn.rnn).get("fp32_precision")) == (False, None)
    with multiplying_float32("tf32", "matmul"):
        assert cuda.matmul.allow_tf32 is True
    assert cuda.matmul.allow_tf32 is False


def test_in_torch_2_9_the_module_hides_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cudnn(Setting):
        rnn: object = Setting(fp32_precision="tf32")

        @property
        def allow_tf32(self) -> bool:
            raise RuntimeError("a mix of the legacy and new APIs")

    setting = Cudnn.rnn
    cudnn = Cudnn()
    monkeypatch.setattr(torch, "backends", Setting(cudnn=cudnn, cuda=Setting()))
    for flattened in (False, True):
        if flattened:
            cudnn.rnn = plain_module()
        for value in ("ieee", "tf32"):
            set_float32_precision(value)
            assert (float32_precision(), setting.fp32_precision) == (value, value)


@pytest.mark.parametrize(
    ("capability", "hip", "told", "override", "on"),
    [
        ((8, 0), None, "tf32", None, True),
        ((9, 0), None, "tf32", "1", True),
        ((9, 0), None, "ieee", None, False),
        ((7, 5), None, "tf32", None, False),
        # what the notes advise: NVIDIA's libraries obey it, and torch's flags do not show it
        ((8, 0), None, "tf32", "0", False),
        # ROCm numbers its devices in another way: 9.4 is none of NVIDIA's
        ((9, 4), "6.2", "tf32", None, False),
    ],
)
def test_when_tf32_is_on(
    monkeypatch: pytest.MonkeyPatch,
    capability: tuple[int, int],
    hip: str | None,
    told: str,
    override: str | None,
    on: bool,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.version, "hip", hip)
    if override is None:
        monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    else:
        monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", override)
    for of, other in (("rnn", "matmul"), ("matmul", "rnn")):
        with multiplying_float32(told, of), multiplying_float32("ieee", other):
            assert in_tf32(CUDA, of) is on
            assert in_tf32(CUDA, other) is False
            assert in_tf32(CPU, of) is False


def test_what_leaves_cuda_of_no_use() -> None:
    lost = RuntimeError("CUDA error: an illegal memory access was encountered")
    outer = RuntimeError("a layer could not be run")
    assert not broke_cuda(outer)
    outer.__cause__ = lost
    assert broke_cuda(lost)
    assert broke_cuda(outer)
    assert not broke_cuda(RuntimeError("CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling cublasGemmEx"))
