"""The bound, worked by hand: every number below is written out from the sizes, none is taken from the code.

Peaks are round: 1 FLOP/s, 1 byte/s and 1 s a step where a term is looked at by itself, so that it is read in FLOPs,
bytes and steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from rnninspect.bench.bound import ChipMemory, bound, chain_steps
from rnninspect.bench.records import Bound, Peaks
from rnninspect.document.chain import Link
from rnninspect.facts.tensors import Wires
from rnninspect.layers.dropout import Dropout
from rnninspect.layers.embedding import Embedding
from rnninspect.layers.gru import GRU
from rnninspect.layers.jordan import JordanRNN
from rnninspect.layers.layer import Layer
from rnninspect.layers.layer_norm import LayerNorm
from rnninspect.layers.linear import Linear
from rnninspect.layers.lstm import LSTM, LSTMCell
from rnninspect.layers.rnn import RNN
from rnninspect.layers.signal import Batch, Signal
from rnninspect.plan import owned_weights, plan_layers

ONE = Peaks(flops=1.0, bandwidth=1.0, step_seconds={}, calibrated=False)
COLD = ChipMemory(on_chip=0, cold=True)
# Nothing moves: all of it stays on the chip.
STAYS = ChipMemory(on_chip=None)


def link(layer: Layer, batch: Batch, axes: tuple[str, ...] = ("L", "N"), width: int | None = None) -> Link:
    return Link(layer, Signal(batch, axes, layer.width_in if width is None else width))


def of(
    *links: Link, phase: str = "forward", peaks: Peaks = ONE, memory: ChipMemory = COLD, input_grad: bool = False
) -> Bound:
    least = bound_of(links, phase, peaks, memory=memory, input_grad=input_grad)
    assert least is not None
    return least


def in_order(links: Sequence[Link]) -> list[Link]:
    """The links, each fed with what the one before hands on."""
    before, chain = "input", []
    for k, each in enumerate(links):
        layer = each.layer.model_copy(update={"name": each.layer.name or f"layer{k}"})
        chain.append(replace(each, layer=layer, wires=Wires((before,))))
        before = layer.name
    return chain


def bound_of(
    links: Sequence[Link],
    phase: str,
    peaks: Peaks = ONE,
    *,
    dtype: str = "float32",
    memory: ChipMemory = COLD,
    input_grad: bool = False,
) -> Bound | None:
    links = in_order(links)
    layers = plan_layers(links, owned_weights(links, dtype), dtype, input_grad=input_grad)
    return bound(links, layers, phase, peaks, dtype=dtype, memory=memory, input_grad=input_grad)


def lstm(**options: object) -> LSTM:
    return LSTM(type="LSTM", name="lstm", input_size=3, hidden_size=5, **options)


# T = 7 steps of N = 2 sequences: 14 tokens.
BATCH = Batch(2, 7)
TOKENS = 14

# --- compute --------------------------------------------------------------------------------------------------


def test_compute_is_two_operations_for_each_product_of_both_matrices() -> None:
    # G H (I + H) = 4 x 5 x (3 + 5) = 160 multiply-accumulates a token.
    assert of(link(lstm(), BATCH)).compute == 2 * 160 * TOKENS


def test_compute_with_a_projection() -> None:
    # 4 x 5 x (3 + 2) = 100, as what is fed back is 2 wide; W_hr is 2 x 5 = 10.
    assert of(link(lstm(proj_size=2), BATCH)).compute == 2 * 110 * TOKENS


def test_compute_of_a_stack_in_both_directions() -> None:
    # Two directions: layer 0 reads 3, 4 x 5 x (3 + 5) = 160; layer 1 reads 2 x 5, 4 x 5 x (10 + 5) = 300.
    assert of(link(lstm(num_layers=2, bidirectional=True), BATCH)).compute == 2 * 2 * (160 + 300) * TOKENS


def test_compute_of_a_packed_batch_is_of_its_real_tokens() -> None:
    # 7 + 4 tokens
    packed = link(lstm(), Batch(2, 9, lengths=(7, 4)), ("T",))
    assert of(packed).compute == 2 * 160 * 11


def test_compute_backward() -> None:
    """Every product once more for its matrix's gradient, and once for its operand's where someone wants that."""
    rnn = link(RNN(type="RNN", input_size=3, hidden_size=5), BATCH)
    # W_ih is 15, W_hh 25. Gradients of both: 40 a token. Of h: 25, but for the first step of two sequences (h_0).
    weights, state = 40 * TOKENS, 25 * (TOKENS - 2)
    assert of(rnn, phase="backward").compute == 2 * (weights + state)
    # The input's gradient, 15 a token, and that of h_0 at the first step.
    assert of(rnn, phase="backward", input_grad=True).compute == 2 * (weights + 25 * TOKENS + 15 * TOKENS)
    # A step is both passes.
    assert of(rnn, phase="step").compute == 2 * (weights + state) + 2 * 40 * TOKENS


def test_compute_backward_of_one_step_needs_no_gradient_of_a_state() -> None:
    rnn = link(RNN(type="RNN", input_size=3, hidden_size=5), Batch(2, 1))
    assert of(rnn, phase="backward").compute == 2 * 40 * 2


def test_compute_backward_of_a_stack_reaches_down_to_the_first_layer() -> None:
    # Layer 0: matrices 15 + 25, no gradient of x. Layer 1: 25 + 25, and 25 a token for the gradient of what it reads.
    # W_hh' g: 25 a token and layer, less the first step of 2 sequences in both.
    rnn = link(RNN(type="RNN", input_size=3, hidden_size=5, num_layers=2), BATCH)
    assert of(rnn, phase="backward").compute == 2 * (TOKENS * (40 + 50 + 25) + 2 * 25 * (TOKENS - 2))


def test_compute_backward_of_frozen_layers() -> None:
    frozen = link(RNN(type="RNN", input_size=3, hidden_size=5, trainable=False), BATCH)
    # Nothing is trained and nobody wants the input's gradient: there is no backward pass.
    assert bound_of([frozen], "backward") is None
    # For the gradients of the input and of h_0 the chain runs back: W_ih' g and W_hh' g for 14 tokens.
    assert of(frozen, phase="backward", input_grad=True).compute == 2 * (15 + 25) * TOKENS
    # Behind a layer that is trained, the frozen one hands the gradient on; of h_0 nobody wants one.
    linear = link(Linear(type="Linear", in_features=4, out_features=3), BATCH)
    assert of(linear, frozen, phase="backward").compute == 2 * (15 * TOKENS + 25 * (TOKENS - 2) + 12 * TOKENS)


def test_compute_backward_goes_through_what_is_frozen() -> None:
    """The third layer hands its gradient on, because the first is trained though the second is not."""
    first, third = (Linear(type="Linear", in_features=5, out_features=5, bias=False) for _ in range(2))
    frozen = first.model_copy(update={"trainable": False})
    chain = [link(layer, BATCH) for layer in (first, frozen, third)]
    # 25 a token: the first's matrix, the second's operand, both of the third.
    assert of(*chain, phase="backward").compute == 2 * 4 * 25 * TOKENS


def test_a_tied_matrix_is_trained_where_its_owner_is() -> None:
    table = Embedding(type="Embedding", name="embed", num_embeddings=9, embedding_dim=4, trainable=False)
    tied = Linear(type="Linear", name="out", in_features=4, out_features=9, tied_to="embed", bias=False)
    chain = [link(table, BATCH, width=None), link(tied, BATCH)]
    chain[0] = replace(chain[0], signal=Signal(BATCH, ("L", "N"), None))
    assert bound_of(chain, "backward") is None


# --- latency: how many steps wait for one another -----------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "steps"),
    [
        (lstm(), 7),
        # Layer k can begin when layer k - 1 has taken one step: 7 + 3 - 1.
        (lstm(num_layers=3), 9),
        # The two directions run at the same time; every layer waits for both ends of the one below.
        (lstm(bidirectional=True), 7),
        (lstm(num_layers=3, bidirectional=True), 21),
        (lstm(num_layers=3, proj_size=2), 9),
        (LSTMCell(type="LSTMCell", input_size=3, hidden_size=5), 7),
        (JordanRNN(type="JordanRNN", input_size=3, hidden_size=5, output_size=2), 7),
        (Linear(type="Linear", in_features=3, out_features=5), 0),
        (Dropout(type="Dropout"), 0),
    ],
    ids=lambda value: value.type if isinstance(value, Layer) else value,
)
def test_steps_that_wait_for_one_another(layer: Layer, steps: int) -> None:
    assert chain_steps(layer, Signal(BATCH, ("L", "N"), 3)) == steps


def test_a_packed_batch_has_the_steps_of_its_longest_sequence() -> None:
    signal = Signal(Batch(3, 9, lengths=(4, 8, 2)), ("T",), 3)
    assert chain_steps(lstm(num_layers=2), signal) == 8 + 2 - 1


def test_latency_asks_for_the_kind_and_the_pass() -> None:
    peaks = ONE._replace(step_seconds={"LSTM forward": 0.5, "LSTM forward+grad": 2.0, "LSTM backward": 3.0, "GRU": 7.0})
    stack = link(lstm(num_layers=3), BATCH)
    assert of(stack, peaks=peaks).latency == 9 * 0.5
    assert of(stack, phase="forward+grad", peaks=peaks).latency == 9 * 2.0
    assert of(stack, phase="backward", peaks=peaks).latency == 9 * 3.0
    assert of(stack, phase="step", peaks=peaks).latency == 9 * (2.0 + 3.0)
    gru = link(GRU(type="GRU", input_size=3, hidden_size=5), BATCH)
    assert of(gru, phase="step", peaks=peaks).latency == 7 * (7.0 + 7.0)


# --- traffic ------------------------------------------------------------------------------------------------

# Bytes of the LSTM above. x: 14 x 3; h_0, c_0: 2 x 5 each; output: 14 x 5; h_n, c_n: 2 x 5 each; four bytes each.
X, STATES, OUTPUT = 4 * 14 * 3, 4 * 2 * 2 * 5, 4 * 14 * 5
# W_ih 20 x 3, W_hh 20 x 5, two biases of 20.
WEIGHTS, W_HH = 4 * (60 + 100 + 40), 4 * 100
# i, f, g, o and c of every token: five vectors of 5. h is the output.
KEPT = 4 * 14 * 25


def test_traffic_once() -> None:
    # A cold chip that holds W_hh: inputs, weights and outputs move once.
    holds = ChipMemory(on_chip=W_HH, cold=True)
    assert of(link(lstm(), BATCH), memory=holds).traffic == X + STATES + WEIGHTS + OUTPUT + STATES
    # With a graph, every vector is written too.
    assert of(link(lstm(), BATCH), phase="forward+grad", memory=holds).traffic == (
        X + STATES + WEIGHTS + OUTPUT + STATES + KEPT
    )


def test_traffic_of_matrices_that_do_not_stay() -> None:
    once = X + STATES + WEIGHTS + OUTPUT + STATES
    # Nothing stays: W_hh moves again at the six steps after the first. W_ih is in one product of all steps.
    assert of(link(lstm(), BATCH), memory=COLD).traffic == once + 6 * W_HH
    # 300 of its 400 bytes stay.
    assert of(link(lstm(), BATCH), memory=ChipMemory(300, cold=True)).traffic == once + 6 * 100
    # Two directions have a W_hh each, and 400 bytes hold one of them at a time.
    both = link(lstm(bidirectional=True), BATCH)
    extra = of(both, memory=COLD).traffic - of(both, memory=ChipMemory(W_HH, cold=True)).traffic
    assert extra == 2 * 6 * W_HH


def test_traffic_of_a_projection_at_every_step() -> None:
    # Inside the recurrence: W_hh, 20 x 2, and W_hr, 2 x 5.
    projected = link(lstm(proj_size=2), BATCH)
    again = of(projected, memory=COLD).traffic - of(projected, memory=ChipMemory(4 * 50, cold=True)).traffic
    assert again == 6 * 4 * (40 + 10)


def test_traffic_of_a_packed_batch_counts_real_tokens_and_the_longest_sequence() -> None:
    packed = link(lstm(), Batch(2, 9, lengths=(7, 4)), ("T",))
    # 11 tokens of 3 and of 5; states and weights as above; six steps after the first.
    assert of(packed, memory=COLD).traffic == 4 * 11 * (3 + 5) + 2 * STATES + WEIGHTS + 6 * W_HH


def test_traffic_backward() -> None:
    # Read: weights, what was kept, the output's gradient, and for the matrices' gradients x and the outputs with the
    # last states. Written: the weights' gradients. W_hh is wanted at six steps (not for h_0), so five times again.
    read = WEIGHTS + KEPT + OUTPUT + X + OUTPUT + STATES
    assert of(link(lstm(), BATCH), phase="backward", memory=COLD).traffic == read + WEIGHTS + 5 * W_HH
    # The input's gradient is written as well.
    assert of(link(lstm(), BATCH), phase="backward", memory=COLD, input_grad=True).traffic == (
        read + WEIGHTS + 5 * W_HH + X
    )


def test_traffic_backward_of_a_frozen_layer() -> None:
    # Neither x nor the outputs are read again, and of the gradients only the input's is written.
    frozen = link(lstm(trainable=False), BATCH)
    assert of(frozen, phase="backward", memory=COLD, input_grad=True).traffic == WEIGHTS + KEPT + OUTPUT + X + 5 * W_HH


def test_traffic_of_a_warm_chip_is_what_it_cannot_hold() -> None:
    once = X + STATES + WEIGHTS + OUTPUT + STATES
    assert of(link(lstm(), BATCH), memory=ChipMemory(once - 10)).traffic == 10
    assert of(link(lstm(), BATCH), memory=ChipMemory(once)).traffic == 0
    assert of(link(lstm(), BATCH), memory=STAYS).traffic == 0


def test_traffic_within_the_chip() -> None:
    # What is inside the recurrence goes from the caches to the cores at every step, but for what the cores hold.
    near = ONE._replace(chip_bandwidth=2.0)
    assert of(link(lstm(), BATCH), peaks=near, memory=STAYS).traffic == 7 * W_HH / 2
    assert of(link(lstm(), BATCH), peaks=near, memory=ChipMemory(None, in_core=150)).traffic == 7 * (W_HH - 150) / 2
    # The larger of the two counts.
    once = X + STATES + WEIGHTS + OUTPUT + STATES
    assert of(link(lstm(), BATCH), peaks=near, memory=ChipMemory(W_HH, cold=True)).traffic == max(once, 7 * W_HH / 2)


def test_traffic_of_a_table_is_a_row_for_each_token() -> None:
    table = Embedding(type="Embedding", num_embeddings=1000, embedding_dim=4)
    looked_up = Link(table, Signal(BATCH, ("L", "N"), None))
    # 14 indices of 8 bytes, 14 rows of 4 numbers read and written.
    assert of(looked_up).traffic == 14 * 8 + 2 * 4 * 14 * 4
    small = Link(table.model_copy(update={"num_embeddings": 3}), looked_up.signal)
    assert of(small).traffic == 14 * 8 + 4 * 3 * 4 + 4 * 14 * 4


def test_traffic_of_a_layer_norm() -> None:
    norm = link(LayerNorm(type="LayerNorm", normalized_shape=3), BATCH, width=3)
    assert of(norm) == Bound(4 * (14 * 3 * 2 + 3 + 3), 0.0, 4 * (14 * 3 * 2 + 3 + 3), 0.0, "bandwidth", False)


def test_dropout_of_what_stays_on_the_chip_has_no_bound() -> None:
    dropout = link(Dropout(type="Dropout"), BATCH, width=3)
    assert bound_of([dropout], "forward", memory=STAYS) is None


# --- one hand-worked case for each regime, with peaks that a device could have -----------------------------------

# 10 TFLOP/s, 1 TB/s, 2 us a step.
DEVICE = Peaks(flops=10e12, bandwidth=1e12, step_seconds={"LSTM": 2e-6}, calibrated=True)
HOLDS = ChipMemory(on_chip=50_000_000)


def square(hidden: int, batch: int, steps: int) -> Link:
    return link(LSTM(type="LSTM", input_size=hidden, hidden_size=hidden), Batch(batch, steps))


def test_compute_bound() -> None:
    least = of(square(1024, 256, 100), peaks=DEVICE, memory=HOLDS)
    # 2 x 4 x 1024 x 2048 FLOPs x 25,600 tokens = 429.5 GFLOP: 42.9 ms.
    assert least.compute == pytest.approx(0.04294967296)
    # x and output: 2 x 25,600 x 1024 x 4 = 209.7 MB; weights 33.6 MB, states 4 x 1.05 MB; 50 MB of it stay: 0.197 ms.
    nbytes = 2 * 25_600 * 1024 * 4 + 4 * (8 * 1024 * 1024 + 2 * 4096) + 4 * 256 * 1024 * 4
    assert least.traffic == pytest.approx((nbytes - 50e6) / 1e12)
    # 100 steps of 2 us.
    assert least.latency == pytest.approx(200e-6)
    assert (least.regime, least.seconds, least.calibrated) == ("compute", least.compute, True)


def test_bandwidth_bound() -> None:
    # W_hh of 4 x 4096 x 4096 x 4 = 268 MB, of which 50 MB stay: 218 MB at each of 24 steps after the first.
    least = of(square(4096, 1, 25), peaks=DEVICE, memory=HOLDS)
    again = 24 * (4 * 4096 * 4096 * 4 - 50_000_000)
    once = 2 * (4 * 4096 * 4096 * 4) + 4 * 8 * 4096 + 2 * 25 * 4096 * 4 + 4 * 4096 * 4
    assert least.traffic == pytest.approx((again + once - 50e6) / 1e12)
    # 2 x 8 x 4096 x 4096 x 25 = 6.7 GFLOP: 0.67 ms, against 5.7 ms.
    assert least.compute == pytest.approx(6.7108864e9 / 10e12)
    assert (least.regime, least.seconds) == ("bandwidth", least.traffic)


def test_latency_bound() -> None:
    # A batch of 1 is as long as one of 8: 100 steps of 2 us, against 2 x 8 x 256 x 256 x 100 x 8 FLOPs = 84 us.
    one, eight = (of(square(256, batch, 100), peaks=DEVICE, memory=HOLDS) for batch in (1, 8))
    assert one.seconds == eight.seconds == pytest.approx(200e-6)
    assert one.regime == eight.regime == "latency"
    assert eight.compute == pytest.approx(83.88608e-6)


def test_layers_follow_one_another() -> None:
    """Two layers, one ruled by its steps and one by its products: the whole takes both."""
    rnn, linear = square(256, 8, 100), link(Linear(type="Linear", in_features=256, out_features=32_000), Batch(8, 100))
    # 2 x 256 x 32,000 x 800 = 13.1 GFLOP: 1.31 ms.
    products = 2 * 256 * 32_000 * 800 / 10e12
    least = of(rnn, linear, peaks=DEVICE, memory=STAYS)
    assert least.seconds == pytest.approx(200e-6 + products)
    assert least.compute == pytest.approx(83.88608e-6 + products)
    assert least.latency == pytest.approx(200e-6)
    assert least.regime == "compute"


def test_a_step_is_forward_and_then_backward() -> None:
    parts = [of(square(256, 8, 100), phase=name, peaks=DEVICE, memory=HOLDS) for name in ("forward+grad", "backward")]
    whole = of(square(256, 8, 100), phase="step", peaks=DEVICE, memory=HOLDS)
    assert whole.seconds == pytest.approx(sum(part.seconds for part in parts))
    assert whole.compute == pytest.approx(sum(part.compute for part in parts))


def test_the_dtype_counts_in_bytes() -> None:
    half = bound_of([square(256, 8, 100)], "forward", DEVICE, dtype="float16")
    assert half is not None
    assert half.traffic == pytest.approx(of(square(256, 8, 100), peaks=DEVICE, memory=COLD).traffic / 2)
