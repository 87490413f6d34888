"""Operation counts: worked by hand, against what torch's dispatcher really runs, and against torch's FLOP counter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from rnninspect.cells.backward import backward_terms, gradient_sources, kept
from rnninspect.cells.evaluate import step
from rnninspect.cells.language import parse
from rnninspect.cells.ops import forward_terms
from rnninspect.cells.tree import Cell
from rnninspect.facts.amounts import Ops
from rnninspect.layers.gru import GRU
from rnninspect.layers.jordan import JordanRNN
from rnninspect.layers.layer import Layer, Wants
from rnninspect.layers.linear import Linear
from rnninspect.layers.lstm import LSTM
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.rnn import RNN
from rnninspect.layers.signal import Batch, Signal

# Sizes that share no factor, so that no product of them can be mistaken for another.
SIZES = {"H_in": 3, "H_cell": 7, "H_out": 5}


def backward_of(layer: Recurrent, *, trainable: bool = True, x: bool = True) -> Ops:
    """A step that is not the first, for one sequence."""
    *_, later = gradient_sources(layer.cell, matrices=trainable, biases=trainable, x=x, states=())
    return backward_terms(layer.cell, layer.declared(0), later).ops(layer.sizes())


class TestByHand:
    """An RNN with H = 5 and I = 3: h = tanh(W_ih @ x + b_ih + W_hh @ h + b_hh)."""

    @staticmethod
    def counts(*, bias: bool, trainable: bool = True) -> tuple[Ops, Ops]:
        rnn = RNN(type="RNN", input_size=3, hidden_size=5, bias=bias)
        forward = forward_terms(rnn.cell, rnn.declared(0)).ops(rnn.sizes())
        return forward, backward_of(rnn, trainable=trainable)

    def test_with_biases(self) -> None:
        forward, backward = self.counts(bias=True)
        # W_ih (5, 3) @ x: 15 MACs; W_hh (5, 5) @ h: 25. Three additions of 5 elements and 5 tanh: 20.
        assert forward == Ops(macs=15 + 25, elementwise=3 * 5 + 5)
        # W_ih' g and W_hh' g: 15 + 25 MACs; g x' and g h': 15 + 25. (1 - t t) g: 3 operations on 5 elements. Both
        # biases' gradients summed over the tokens: 5 + 5. h goes to the output and to the next step: one addition.
        assert backward == Ops(macs=2 * (15 + 25), elementwise=3 * 5 + 5 + 5 + 5)

    def test_without_biases(self) -> None:
        forward, backward = self.counts(bias=False)
        # One addition is left, of the two products.
        assert forward == Ops(macs=40, elementwise=1 * 5 + 5)
        assert backward == Ops(macs=80, elementwise=3 * 5 + 5)

    def test_frozen(self) -> None:
        _, backward = self.counts(bias=True, trainable=False)
        # Neither g x' nor g h', and no bias gradient; the gradient still passes through to x and the step before.
        assert backward == Ops(macs=40, elementwise=3 * 5 + 5)

    @pytest.mark.parametrize(
        ("text", "forward", "backward"),
        [
            # 1 - x is 3 operations; backward one change of sign. y is nobody's state, x is used once.
            ("y = 1 - x", 3, 3),
            ("y = x - 1", 3, 0),
            ("y = x + 1", 3, 0),
            ("y = x * 2", 3, 3),
            # d(x x) = g x + g x: two products, and one addition for the second use of x.
            ("y = x * x", 3, 9),
            ("y = x + x", 3, 3),
            ("y = x - x", 3, 6),
            ("y = relu(x)", 3, 3),
            ("y = sigmoid(x)", 3, 9),
            # Three uses of x: two additions.
            ("y = x + x + x", 6, 6),
            ("y = -x", 3, 3),
            ("y = x / 2", 3, 3),
            # -g (2 / x) / x
            ("y = 2 / x", 3, 12),
            # both, and one addition
            ("y = x / x", 3, 18),
            ("y = x ** 2", 3, 9),
            ("y = 2 ** x", 3, 9),
            # 4 for the base, whose exponent is no number, 3 for the exponent, one addition
            ("y = x ** x", 3, 24),
            ("y = max(x, 0)", 3, 3),
            ("y = min(x, x)", 3, 9),
            # What is made of numbers alone is worked out once.
            ("y = x * (1 - 0.5)", 3, 3),
            ("y = x * exp(0.5) ** 2", 3, 3),
            ("y = exp(x)", 3, 3),
            ("y = sqrt(x)", 3, 6),
            ("y = hardsigmoid(x)", 3, 6),
            ("y = gelu(x)", 3, 33),
            ("y = silu(x)", 3, 18),
            ("y = softmax(x)", 15, 12),
            ("y = logsoftmax(x)", 15, 12),
            ("y = layernorm(x)", 15, 21),
            ("y = rmsnorm(x)", 9, 15),
            # w: w g for x, x g and its sum over the tokens for w
            ("y = w * x", 3, 9),
            ("y = w + x", 3, 3),
            ("y = b + x", 3, 3),
        ],
    )
    def test_each_operator(self, text: str, forward: int, backward: int) -> None:
        cell, declared = parse(text), (("x", ("H_in",)),)
        assert forward_terms(cell, declared).ops(SIZES) == Ops(0, forward)
        (sources,) = gradient_sources(cell, matrices=True, biases=True, x=True, states=())
        assert backward_terms(cell, declared, sources).ops(SIZES) == Ops(0, backward)


class TestOtherCells:
    """Cells with the parts that torch's kinds lack, worked by hand, where everything is 3 wide and all train."""

    DECLARED = (("x", ("H_in",)), ("s", ("1",)), ("w_s", ("1",)), ("*", ("H_in",)))

    @classmethod
    def counts(cls, text: str, **options: Any) -> tuple[Ops, Ops, dict[str, int]]:
        cell = parse(text, **options)
        *_, later = gradient_sources(cell, matrices=True, biases=True, x=True, states=())
        backward = backward_terms(cell, cls.DECLARED, later).ops(SIZES)
        return (forward_terms(cell, cls.DECLARED).ops(SIZES), backward, dict(kept(cell, cls.DECLARED, later).lengths))

    def test_a_weight_that_is_used_twice_is_multiplied_twice(self) -> None:
        forward, backward, own = self.counts("y = W @ x + W @ tanh(x)")
        # two products, a tanh and an addition; backward each operand and each use of W
        assert forward == Ops(macs=2 * 9, elementwise=3 + 3)
        # (1 - t t) g, and x is used twice
        assert backward == Ops(macs=4 * 9, elementwise=3 * 3 + 3)
        assert own == {"H_in": 1}

    def test_a_transposed_matrix_costs_what_the_matrix_does(self) -> None:
        forward, backward, _ = self.counts("y = W @ x - W.T @ x")
        assert forward == Ops(macs=2 * 9, elementwise=3)
        # one sign, and x is used by two products that are no stack
        assert backward == Ops(macs=4 * 9, elementwise=3 + 3)

    def test_a_fixed_weight_wants_no_gradient(self) -> None:
        _, backward, own = self.counts("y = W @ tanh(W_in @ x)", fixed=("W*",))
        assert backward == Ops(macs=2 * 9, elementwise=3 * 3)
        # what tanh gave: no operand is kept of weights that do not train
        assert own == {"H_in": 1}

    def test_one_number_beside_a_vector_has_its_gradient_summed(self) -> None:
        forward, backward, own = self.counts("y = sigmoid(w_s) * x")
        assert forward == Ops(0, 1 + 3)
        # for x and for the number 3 each, its sum 3; sigmoid of one number 3, and its gradient over the tokens 1
        assert backward == Ops(0, 3 + 3 + 3 + 3 + 1)
        # sigmoid(w_s) is the same at every step, and kept once
        assert own == {}

    def test_a_number_that_is_computed_is_one_wide(self) -> None:
        forward, _, _ = self.counts("s = sigmoid(W_s @ x + b_s)\ny = s * x")
        assert forward == Ops(macs=3, elementwise=1 + 1 + 3)

    def test_a_product_of_an_expression_keeps_it(self) -> None:
        _, _, own = self.counts("y = W @ (x * h)\nh = tanh(y)")
        # x h, the factor h, which is what the step before has handed on, y not; tanh's result is that h
        assert own == {"H_in": 2}

    @pytest.mark.parametrize(
        ("expression", "own"),
        [
            ("tanh(x) / sigmoid(x)", 2),
            ("2 / sigmoid(x)", 1),
            ("sigmoid(x) / 2", 1),
            # of log its argument, sigmoid's result
            ("log(sigmoid(x))", 1),
            ("exp(sigmoid(x))", 2),
            ("max(tanh(x), 0)", 1),
            ("tanh(x) ** 2", 1),
            # the base, the exponent and the power itself
            ("sigmoid(x) ** tanh(x)", 3),
            ("-tanh(x)", 1),
        ],
    )
    def test_what_is_kept(self, expression: str, own: int) -> None:
        assert self.counts(f"y = {expression}")[2] == {"H_in": own}

    def test_an_output_that_is_no_state_is_read_by_whoever_reads_it(self) -> None:
        text = "h = tanh(x + h)\ny = h * 2"
        (_, state, _), (_, other, _) = self.counts(text), self.counts(text, output="y")
        # h: handed on, read by the y of the step, and put out; y is used by nobody else where it is not
        assert state.elementwise - other.elementwise == 3


# --- against the dispatcher: the equations are run on tensors, and torch's own operators are counted --------

# How many operations an element of the result takes, as the module's docstring counts them.
_ELEMENTWISE = {
    "add": 1,
    "add_": 1,
    "sub": 1,
    "rsub": 1,
    "mul": 1,
    "neg": 1,
    "sigmoid": 1,
    "tanh": 1,
    "relu": 1,
    "sigmoid_backward": 3,
    "tanh_backward": 3,
    "threshold_backward": 1,
}
# Views, copies and joins of memory, which compute nothing.
_FREE = {"t", "transpose", "detach", "alias", "split", "cat", "view", "expand", "clone", "new_empty_strided", "copy_"}


class Dispatched(TorchDispatchMode):
    """Counts what torch runs; an operator it does not know fails the test rather than going uncounted."""

    def __init__(self, weights: tuple[Tensor, ...] = ()) -> None:
        super().__init__()
        self.macs = self.elementwise = 0
        self._weight_shapes = {tuple(weight.shape) for weight in weights}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name == "mm":
            (rows, inner), (_, columns) = args[0].shape, args[1].shape
            self.macs += rows * inner * columns
        elif name == "sum":
            self.elementwise += args[0].numel()
        elif name in ("add", "add_") and tuple(result.shape) in self._weight_shapes:
            # A weight's gradient added up over the steps: the accumulation of its multiply-accumulates, and of a
            # bias's sum over the tokens.
            pass
        elif name in _ELEMENTWISE:
            self.elementwise += _ELEMENTWISE[name] * result.numel()
        elif name not in _FREE:
            raise AssertionError(f"an operator that the oracle cannot count: {func}")
        return result


FUNCTIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}


def recurrent(kind: type[Recurrent], **options: object) -> Recurrent:
    sizes = {"input_size": SIZES["H_in"], "hidden_size": SIZES["H_cell"]}
    return kind(type=kind.__name__, **sizes, **options)


# Every kind with the parameter tensors that torch (or Jordan's paper) has, blocks in the order of their rows.
KINDS: dict[str, tuple[Callable[[bool], Recurrent], list[list[str]]]] = {
    "RNN": (lambda bias: recurrent(RNN, bias=bias), [["W_ih"], ["W_hh"]]),
    "RNN relu": (lambda bias: recurrent(RNN, bias=bias, nonlinearity="relu"), [["W_ih"], ["W_hh"]]),
    "LSTM": (
        lambda bias: recurrent(LSTM, bias=bias),
        [["W_ii", "W_if", "W_ig", "W_io"], ["W_hi", "W_hf", "W_hg", "W_ho"]],
    ),
    "LSTM with proj_size": (
        lambda bias: recurrent(LSTM, bias=bias, proj_size=SIZES["H_out"]),
        [["W_ii", "W_if", "W_ig", "W_io"], ["W_hi", "W_hf", "W_hg", "W_ho"], ["W_hr"]],
    ),
    "GRU": (lambda bias: recurrent(GRU, bias=bias), [["W_ir", "W_iz", "W_in"], ["W_hr", "W_hz", "W_hn"]]),
    "JordanRNN": (
        lambda bias: recurrent(JordanRNN, bias=bias, output_size=SIZES["H_out"]),
        [["W_ih"], ["W_yh"], ["W_hy"]],
    ),
}
every_kind = pytest.mark.parametrize(("make", "blocks"), KINDS.values(), ids=KINDS)
both_biases = pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])


def shape_of_matrix(name: str, layer: Recurrent) -> tuple[int, int]:
    """By hand: LSTM's W_hr (GRU has another) and Jordan's W_hy lead from the cell to the output, all others to it."""
    if name == "W_hy" or (name == "W_hr" and isinstance(layer, LSTM)):
        return SIZES["H_out"], SIZES["H_cell"]
    return SIZES["H_cell"], SIZES["H_in"] if name.startswith("W_i") else layer.h_out


class Rows:
    """One gate of a packed weight: its @ is that gate's part of the one product of all gates."""

    def __init__(self, packed: Tensor, gates: int, k: int, memo: dict[int, tuple[Tensor, ...]]) -> None:
        self.packed, self.gates, self.k, self.memo = packed, gates, k, memo

    def __matmul__(self, operand: Tensor) -> Tensor:
        if id(operand) not in self.memo:
            self.memo[id(operand)] = (*(self.packed @ operand).chunk(self.gates), operand)
        return self.memo[id(operand)][self.k]


class Run:
    """A cell on random tensors with `columns` sequences side by side, its weights packed as torch packs them."""

    def __init__(self, layer: Recurrent, blocks: list[list[str]], columns: int, *, trainable: bool = True) -> None:
        self.cell: Cell = layer.cell
        self.layer, self.columns = layer, columns
        torch.manual_seed(0)
        self.given: dict[str, Any] = {}
        self.weights: list[Tensor] = []
        for names in blocks:
            shapes = {shape_of_matrix(name, layer) for name in names}
            ((rows, cols),) = shapes
            packed = torch.rand(len(names) * rows, cols).requires_grad_(trainable)
            self.weights.append(packed)
            memo: dict[int, tuple[Tensor, ...]] = {}
            self.given |= {name: Rows(packed, len(names), k, memo) for k, name in enumerate(names)}
            if layer.bias and names != ["W_hr"]:
                biases = [torch.rand(rows, 1).requires_grad_(trainable) for _ in names]
                self.weights += biases
                self.given |= {"b" + name[1:]: bias for name, bias in zip(names, biases, strict=True)}

    def states(self) -> dict[str, Tensor]:
        sizes = {"h": self.layer.h_out, "c": self.layer.hidden_size, "y": self.layer.h_out}
        return {name: torch.rand(sizes[name], self.columns) for name in self.cell.states}

    def steps(self, count: int, *, x: bool = True) -> tuple[Dispatched, Dispatched]:
        """What `count` steps cost forward, and their backward pass from a gradient for every step's output.

        x: the inputs want a gradient.
        """
        inputs = [torch.rand(SIZES["H_in"], self.columns, requires_grad=x) for _ in range(count)]
        state, outputs = self.states(), []
        seeds = [torch.rand_like(state[self.cell.states[0]]) for _ in range(count)]
        with Dispatched() as forward:
            for x_t in inputs:
                state = {
                    name: value
                    for name, value in step(self.cell, {**self.given, **state, "x": x_t}, FUNCTIONS).items()
                    if name in self.cell.states
                }
                outputs.append(state[self.cell.states[0]])
        with Dispatched(tuple(self.weights)) as backward:
            torch.autograd.backward(outputs, seeds)
        return forward, backward


@every_kind
@both_biases
def test_forward_is_what_torch_runs(make: Callable[[bool], Recurrent], blocks: list[list[str]], bias: bool) -> None:
    layer = make(bias)
    ran, _ = Run(layer, blocks, columns=1).steps(1)
    assert forward_terms(layer.cell, layer.declared(0)).ops(layer.sizes()) == Ops(ran.macs, ran.elementwise)


@every_kind
@both_biases
@pytest.mark.parametrize(
    ("trainable", "x"), [(True, True), (True, False), (False, True)], ids=["all", "weights alone", "x alone"]
)
def test_backward_is_what_torch_runs(
    make: Callable[[bool], Recurrent], blocks: list[list[str]], bias: bool, trainable: bool, x: bool
) -> None:
    """One step more costs what the count says of a step: the first and the last step have a neighbour less.

    With 4 sequences, because with one torch need not sum a bias's gradient over them.
    """
    layer, columns = make(bias), 4
    run = Run(layer, blocks, columns, trainable=trainable)
    (_, first), (_, shorter), (_, longer) = (run.steps(count, x=x) for count in (1, 2, 3))
    counted = backward_of(layer, trainable=trainable, x=x).times(columns)
    assert counted == Ops(longer.macs - shorter.macs, longer.elementwise - shorter.elementwise)
    # At the first step nobody wants a gradient of the state.
    sources, *_ = gradient_sources(layer.cell, matrices=trainable, biases=trainable, x=x, states=())
    macs = backward_terms(layer.cell, layer.declared(0), sources).ops(layer.sizes()).macs
    assert columns * macs == first.macs < counted.macs


@both_biases
def test_linear_is_what_torch_runs(bias: bool) -> None:
    linear = Linear(type="Linear", in_features=3, out_features=5, bias=bias)
    given = {"W": torch.rand(5, 3), "b": torch.rand(5, 1), "x": torch.rand(3, 1)}
    with Dispatched() as ran:
        step(linear.cell, given, FUNCTIONS)
    signal = Signal(Batch(1, 1), ("L", "N"), 3)
    assert linear.forward_ops(signal) == Ops(ran.macs, ran.elementwise) == Ops(15, 5 if bias else 0)


def test_the_oracle_knows_every_operator_or_fails() -> None:
    with Dispatched(), pytest.raises(AssertionError, match="cannot count"):
        torch.exp(torch.zeros(1))


# --- against torch's FlopCounterMode, which counts 2 FLOPs for each multiply-accumulate ----------------------


def counted_flops(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[int, int]:
    """FLOPs of the forward and of the backward pass."""
    # why float64: oneDNN, whose fused float32 LSTM has no formula and so counts as 0, does not take it.
    module = module.double()
    with FlopCounterMode(display=False) as counter:
        result = module(*given)
        output = result if isinstance(result, Tensor) else result[0]
        forward = counter.get_total_flops()
        output.sum().backward()
    return forward, counter.get_total_flops() - forward


MODULES: dict[str, tuple[Layer, nn.Module]] = {
    f"{kind.__name__} {options}": (
        kind(type=kind.__name__, input_size=7, hidden_size=11, **options),
        module(7, 11, **options),
    )
    for kind, module in ((RNN, nn.RNN), (LSTM, nn.LSTM), (GRU, nn.GRU))
    for options in (
        {},
        {"bias": False},
        {"num_layers": 2, "bidirectional": True},
        {"num_layers": 3},
        *([{"proj_size": 5}, {"proj_size": 5, "num_layers": 2, "bidirectional": True}] if kind is LSTM else []),
    )
}
every_module = pytest.mark.parametrize(("layer", "module"), MODULES.values(), ids=MODULES)
STEPS, SEQUENCES = 3, 5
SIGNAL = Signal(Batch(SEQUENCES, STEPS), ("L", "N"), 7)


def random_input() -> Tensor:
    return torch.rand(STEPS, SEQUENCES, 7, dtype=torch.float64, requires_grad=True)


@every_module
def test_forward_macs_are_torchs(layer: Recurrent, module: nn.Module) -> None:
    forward, _ = counted_flops(module, (random_input(),))
    assert 2 * layer.forward_ops(SIGNAL).macs == forward > 0


def backward_macs(layer: Layer, wants: Wants) -> int:
    return layer.backward_ops(SIGNAL, layer.weights("float64"), wants).macs


@every_module
def test_backward_macs_are_torchs_where_h_0_wants_a_gradient(layer: Recurrent, module: nn.Module) -> None:
    states = [
        torch.rand(tensor.shape, dtype=torch.float64, requires_grad=True)
        for tensor in layer.inputs(SIGNAL, "float64")[1:]
    ]
    _, backward = counted_flops(module, (random_input(), tuple(states) if len(states) > 1 else states[0]))
    assert 2 * backward_macs(layer, Wants(input=True, states=True)) == backward > 0


@every_module
def test_backward_macs_are_torchs_without_h_0(layer: Recurrent, module: nn.Module) -> None:
    """torch's zeros want no gradient, so at the first step of every layer and direction W_hh' g falls away."""
    _, backward = counted_flops(module, (random_input(),))
    hidden = sum(p.numel() for name, p in module.named_parameters() if name.startswith("weight_hh"))
    assert 2 * backward_macs(layer, Wants(input=True, states=False)) == backward > 0
    with_states = backward_macs(layer, Wants(input=True, states=True))
    assert with_states - backward_macs(layer, Wants(input=True, states=False)) == SEQUENCES * hidden


@every_module
def test_backward_macs_are_torchs_when_frozen(layer: Recurrent, module: nn.Module) -> None:
    frozen = layer.model_copy(update={"trainable": False})
    try:
        _, backward = counted_flops(module.requires_grad_(False), (random_input(),))
    finally:
        module.requires_grad_(True)
    assert 2 * backward_macs(frozen, Wants(input=True, states=False)) == backward > 0


@both_biases
def test_linear_macs_are_torchs(bias: bool) -> None:
    layer = Linear(type="Linear", in_features=7, out_features=11, bias=bias)
    forward, backward = counted_flops(nn.Linear(7, 11, bias=bias), (random_input(),))
    counted = layer.forward_ops(SIGNAL).macs, backward_macs(layer, Wants(input=True, states=False))
    assert tuple(2 * macs for macs in counted) == (forward, backward)
    assert forward == 2 * 3 * 5 * 7 * 11
