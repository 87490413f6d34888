"""What training a model with wires costs and keeps, held against autograd as `test_training` holds chains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import pytest
import torch
from test_training import backward_flops, kept, on_cpu, planned_macs, saved_bytes
from wired_models import MODELS, larger
from worlds import spec_of, text_of

from rnninspect.agree import differences
from rnninspect.document.chain import Spec
from rnninspect.plan import plan
from rnninspect.runtime.real import measure
from rnninspect.wired_plan import waiting

CPU = torch.device("cpu")


def trained(name: str, flags: Sequence[bool], dtype: str = "float64", times: int = 1) -> Spec:
    """A wired model, each of its layers that have weights of their own trained or frozen, in order."""
    head, layers = MODELS[name]
    given = iter(flags)
    said = [
        layer if "same_as" in layer else f"{layer}, trainable: {str(next(given, True)).lower()}" for layer in layers
    ]
    return spec_of(larger(text_of(*said, head=f"dtype: {dtype}\n{head}"), times))


def own(name: str) -> int:
    return sum("same_as" not in layer for layer in MODELS[name][1])


def some(name: str) -> Iterator[tuple[bool, ...]]:
    """All trained; and each of some layers frozen, or the only one that trains: others for each model."""
    count, first = own(name), list(MODELS).index(name)
    yield (True,) * count
    yield tuple((k + first) % 3 > 0 for k in range(count))
    yield tuple(k == first % count for k in range(count))


def check_macs(name: str, every: bool) -> None:
    for flags in product((True, False), repeat=own(name)) if every else some(name):
        input_grad = sum(flags) % 2 == 1
        spec = trained(name, flags)
        assert 2 * planned_macs(spec, input_grad=input_grad) == backward_flops(spec, input_grad=input_grad), flags


@pytest.mark.parametrize("name", MODELS)
def test_backward_macs_are_torchs(name: str) -> None:
    check_macs(name, every=False)


@pytest.mark.more
@pytest.mark.parametrize("name", MODELS)
def test_backward_macs_are_torchs_for_every_choice_of_what_trains(name: str) -> None:
    check_macs(name, every=True)


def check_kept(name: str, dtype: str, flags: Sequence[bool]) -> None:
    spec = trained(name, flags, dtype, times=10)
    saved, by_equations, said = saved_bytes(spec), kept(plan(spec)), kept(on_cpu(spec))
    assert by_equations <= min(saved, said), flags
    assert 0.94 * saved <= said <= 1.06 * saved, flags


@pytest.mark.parametrize("name", MODELS)
def test_autograd_keeps_what_is_said(name: str) -> None:
    check_kept(name, "float64", (True,) * own(name))


@pytest.mark.more
@pytest.mark.parametrize("name", MODELS)
def test_autograd_keeps_what_is_said_for_every_choice_of_what_trains(name: str) -> None:
    # why not unbatched: oneDNN's arrays of one sequence are not whole cache lines.
    for dtype in ("float64",) if "unbatched" in name else ("float32", "float64"):
        for flags in product((True, False), repeat=own(name)):
            # why: torch's GRUCell keeps more than is known of it, as it does where no wires are.
            if "states" in name and not any(flags[:3]):
                continue
            check_kept(name, dtype, flags)


def test_what_two_layers_read_is_kept_once() -> None:
    gru = "name: rnn, type: GRU, input_size: 16, hidden_size: 64"
    heads = (f"name: {name}, type: Linear, from: rnn, out_features: 8" for name in "ab")
    spec = spec_of(text_of(gru, *heads, head="outputs: [a, b]\ninput: {batch_size: 30, seq_len: 20}"))
    assert kept(on_cpu(spec)) == saved_bytes(spec)


def test_what_joining_and_adding_take_by_hand() -> None:
    """Of 21 tokens of 4 numbers: a and b each add their input, norm adds a; head reads a, norm and the input.

    Forward: 84 additions each. Backward the gradients of what is read again are added: of the input (if it has one) in
    a's `add` and in head, of a in b's `add`, in norm's and in head.
    """
    elements = 21 * 4
    with_wires = trained("residual", (True,) * 4)
    head, layers = MODELS["residual"]
    alone = [layer.replace(", add: input", "").replace(", from: b, add: a", "") for layer in layers[:-1]]
    plain = spec_of(text_of(*alone, "name: head, type: Linear, out_features: 3", head=f"dtype: float64\n{head}"))
    for input_grad, expected in ((False, [0, 1, 1, 1]), (True, [1, 1, 1, 2])):
        wired, chain = plan(with_wires, input_grad=input_grad).layers, plan(plain, input_grad=input_grad).layers
        forward = [w.forward.elementwise - c.forward.elementwise for w, c in zip(wired[:3], chain[:3], strict=True)]
        assert forward == [elements] * 3
        assert wired[3].forward.elementwise == chain[3].forward.elementwise
        backward = [w.backward.elementwise - c.backward.elementwise for w, c in zip(wired, chain, strict=True)]
        assert backward == [count * elements for count in expected]


def test_buffers_that_are_shared_count_once() -> None:
    layers = (
        "name: one, type: BatchNorm1d, num_features: 6",
        "name: two, same_as: one",
        "name: three, same_as: two, from: one, add: two",
    )
    spec = spec_of(text_of(*layers, head="input: {batch_size: 4, seq_len: 3}"))
    planned = plan(spec)
    real = measure(spec, planned, CPU)
    assert not differences(planned, real)
    assert [layer.buffer_bytes for layer in planned.layers] == [6 * 4 + 6 * 4 + 8, 0, 0]
    assert planned.buffer_bytes == real.buffer_bytes == 56
    # Keras has the statistics too, and not how many batches there were.
    assert planned.counts.keras == 4 * 6


def test_what_others_have_handed_on_is_held_meanwhile() -> None:
    """Of 21 tokens of 4 float64s: a's sum; then the input beside a's, and b's sum; then all four, side by side."""
    spec = trained("residual", (True,) * 4)
    flow = 21 * 4 * 8
    assert waiting(spec) == [flow, 2 * flow, 3 * flow, 3 * flow]
