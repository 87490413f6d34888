"""Plan and torch, over every kind and option with sizes that are all different: they agree, always.

And the proof that the comparison can fail: wrong equations and wrong modules are planted and seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import examples
from torch import nn
from worlds import CONFIGS, DOCUMENTS, spec_of

from rnninspect.agree import Difference, differences, merge
from rnninspect.commands import shapes
from rnninspect.commands.shared.options import LookOptions
from rnninspect.document.chain import Spec
from rnninspect.errors import DocumentError
from rnninspect.facts.models import ModelFacts
from rnninspect.facts.weights import WeightFact
from rnninspect.formats import Format
from rnninspect.layers.laws import LAWS
from rnninspect.layers.lstm import LSTM
from rnninspect.plan import plan
from rnninspect.runtime import initial, modules, real
from rnninspect.runtime.device import find_device

CPU = torch.device("cpu")


def measure(spec: Spec, device: torch.device, seed: int = 0) -> ModelFacts:
    """What torch says of the model."""
    return real.measure(spec, plan(spec), device, seed)


def disagreements(spec: Spec, device: torch.device = CPU) -> tuple[Difference, ...]:
    run = modules.reachable(spec, device)
    return differences(plan(run), measure(run, device))


# Three batches of unequal sizes: batched, unbatched, packed (unsorted, with ties).
BATCHES = {
    "batched": {"batch_size": 3, "seq_len": 5},
    "unbatched": {"batch_size": None, "seq_len": 5},
    "packed": {"batch_size": 4, "seq_len": 6, "lengths": [2, 6, 1, 6]},
}
STACKED = {"RNN": [{"nonlinearity": "tanh"}, {"nonlinearity": "relu"}], "LSTM": [{}, {"proj_size": 2}], "GRU": [{}]}
GRID = [
    {"type": kind, **options, "num_layers": depth, "bidirectional": two, "bias": bias, "batch_first": first}
    for kind, variants in STACKED.items()
    for options in variants
    for depth, two, bias, first in itertools.product((1, 3), (False, True), (False, True), (False, True))
]
SINGLE = [
    {"type": kind, "bias": bias, **options}
    for kind, options in (
        ("RNNCell", {"nonlinearity": "relu"}),
        ("RNNCell", {"nonlinearity": "tanh"}),
        ("LSTMCell", {}),
        ("GRUCell", {}),
        ("JordanRNN", {"output_size": 2, "nonlinearity": "tanh"}),
        ("JordanRNN", {"output_size": 13, "nonlinearity": "relu", "batch_first": True}),
    )
    for bias in (False, True)
]


@pytest.mark.parametrize(
    ("state", "batch", "layer"),
    [
        pytest.param(state, batch, layer, marks=() if (k + number) % 2 == turn else pytest.mark.more)
        for turn, state in enumerate(("zeros", "random"))
        for number, batch in enumerate(BATCHES)
        for k, layer in enumerate(GRID + SINGLE)
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else value,
)
def test_every_recurrent_layer_agrees(layer: dict[str, object], batch: str, state: str) -> None:
    """Every layer with every batch, in turn with either state; `more` has both."""
    document = {"input": {**BATCHES[batch], "state": state}, "layers": [{"input_size": 7, "hidden_size": 11, **layer}]}
    assert disagreements(spec_of(document)) == ()


@pytest.mark.parametrize("feeds", ["output", "last", "step", "max", "mean"])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_whole_chains_agree(batch: str, feeds: str, dtype: str) -> None:
    document = {
        "dtype": dtype,
        "input": BATCHES[batch],
        "layers": [
            {"name": "embed", "type": "Embedding", "num_embeddings": 17, "embedding_dim": 9, "padding_idx": 3},
            {
                "type": "LSTM",
                "hidden_size": 11,
                "bidirectional": True,
                "trainable": False,
                "batch_first": True,
                "merge": {"output": "concat", "max": "sum", "mean": "mul"}.get(feeds, "mean"),
            },
            {"type": "LayerNorm"},
            {"type": "Conv1d", "out_channels": 8, "kernel_size": 2, "padding": 1, "dilation": 2},
            {"type": "GRUCell", "hidden_size": 13},
            {"type": "AvgPool1d", "kernel_size": 2, "stride": 1, "padding": 1, "count_include_pad": False},
            {"type": "BatchNorm1d"},
            {"type": "Dropout", "p": 0.5},
            {"type": "JordanRNN", "hidden_size": 8, "output_size": 5, "batch_first": True, "feeds": feeds},
            {"type": "Linear", "out_features": 9},
            {"type": "Linear", "tied_to": "embed"},
        ],
    }
    assert disagreements(spec_of(document)) == ()


@pytest.mark.parametrize("hidden", [300, 512, 600, 1100])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_laws_hold_on_the_coarse_grid_of_half_precision(dtype: str, hidden: int) -> None:
    """Enough values that the bound's rounding and the off-centre grid of torch's uniforms show."""
    document = {
        "dtype": dtype,
        "input": {"batch_size": 1, "seq_len": 1},
        "layers": [{"type": "LSTM", "input_size": hidden, "hidden_size": hidden}],
    }
    assert disagreements(spec_of(document)) == ()


SAID: list[object] = [*LAWS, {"uniform": 0.05}, {"normal": 0.3}]
# Every kind with every law for all its matrices, but with eye for those that are square.
LAID = {
    "RNN": {"num_layers": 2, "bidirectional": True},
    "LSTM": {"num_layers": 3, "bidirectional": True},
    "GRU": {"num_layers": 2, "bidirectional": True},
    "RNNCell": {},
    "LSTMCell": {},
    "GRUCell": {},
}
LAWFUL: list[dict[str, object]] = [
    {"type": kind, **options, "init": dict.fromkeys(["weight_hh", "weight_ih"][: 1 if law == "eye" else 2], law)}
    for law in SAID
    for kind, options in LAID.items()
]
LAWFUL += [
    {"type": kind, **options, "init": dict.fromkeys(names, law)}
    for law in SAID
    for kind, options, names in (
        ("LSTM", {"proj_size": 5, "num_layers": 2, "bidirectional": True}, ["weight_ih", "weight_hh", "weight_hr"]),
        ("JordanRNN", {"output_size": 13}, ["weight_ih", "weight_yh", "weight_hy"]),
    )
    if law != "eye"
]
LAWFUL.append({"type": "JordanRNN", "output_size": 11, "init": {"weight_yh": "eye", "weight_hy": "eye"}})
HALVES_AND_WHOLES = ["float16", "bfloat16", "float32", "float64"]


def in_turn(cases: Sequence[object], dtypes: Sequence[str], every: int) -> list[Any]:
    """Each case with one of `every` dtypes that follow each other, each dtype in its turn; with all of them, `more`."""
    return [
        pytest.param(case, dtype, marks=() if (k + number) % every == 0 else pytest.mark.more)
        for k, case in enumerate(cases)
        for number, dtype in enumerate(dtypes)
    ]


@pytest.mark.parametrize(
    ("layer", "dtype"),
    in_turn(LAWFUL, HALVES_AND_WHOLES, 2),
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else value,
)
def test_every_law_agrees(layer: dict[str, object], dtype: str) -> None:
    layer = {"input_size": 7, "hidden_size": 11, **layer}
    spec = spec_of({"dtype": dtype, "input": BATCHES["batched"], "layers": [layer]})
    assert disagreements(spec) == ()
    matrices = [weight for weight in plan(spec).layers[0].weights if len(weight.shape) == 2]
    chosen = {weight.symbol for weight in matrices if not weight.init.torchs}
    assert chosen == {name.replace("weight", "W") for name in layer["init"]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("dtype", HALVES_AND_WHOLES)
@pytest.mark.parametrize(
    "biases",
    [
        {"forget_bias": 1.1},
        {"forget_bias": {}},
        {"bias": "zeros"},
        {"bias": "zeros", "forget_bias": -1e-9},
        {"bias": {"uniform": 0.1}, "forget_bias": 2},
        {"bias": -0.3},
    ],
)
@pytest.mark.parametrize("kind", LAID)
def test_laws_of_biases_agree(kind: str, biases: dict[str, object], dtype: str) -> None:
    if kind.startswith("RNN"):
        biases = {"bias": biases.get("bias")}
    elif biases == {"forget_bias": {}}:
        biases = {"forget_bias": {"b_hf" if kind.startswith("LSTM") else "b_hz": 3.0}}
    layer = {"type": kind, "input_size": 7, "hidden_size": 11, **LAID[kind], "init": biases}
    assert disagreements(spec_of({"dtype": dtype, "input": BATCHES["batched"], "layers": [layer]})) == ()


SIZED = itertools.product([(1, 1), (1, 2), (2, 1), (300, 70), (512, 512)], [law for law in LAWS if law != "eye"])


@pytest.mark.parametrize(("case", "dtype"), in_turn(list(SIZED), HALVES_AND_WHOLES, 2), ids=str)
def test_every_law_agrees_at_every_size(case: tuple[tuple[int, int], str], dtype: str) -> None:
    """From a single value to enough of them that the bound's rounding and a product's show."""
    (width, hidden), law = case
    init = {"weight_ih": law, "weight_hh": law}
    layer = {"type": "GRU", "input_size": width, "hidden_size": hidden, "init": init}
    document = {"dtype": dtype, "input": {"batch_size": 1, "seq_len": 1}, "layers": [layer]}
    assert disagreements(spec_of(document)) == ()


# Drawing so many weights takes seconds.
LARGEST = ("zaremba-large", "lstm-8192-1024")


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.more if path.stem in LARGEST else (), id=path.stem) for path in DOCUMENTS],
)
def test_every_document_of_configs_agrees(path: Path) -> None:
    spec = spec_of(path.read_text())
    assert disagreements(spec, find_device(spec.device or "cpu")) == ()


@pytest.mark.parametrize("layer", GRID[::7] + SINGLE[::3], ids=lambda layer: "-".join(map(str, layer.values())))
@pytest.mark.parametrize("batch", BATCHES)
def test_meta_agrees_on_shapes(layer: dict[str, object], batch: str) -> None:
    document = {"input": BATCHES[batch], "layers": [{"input_size": 7, "hidden_size": 11, **layer}]}
    assert disagreements(spec_of(document), torch.device("meta")) == ()


@pytest.mark.parametrize(
    ("batch", "shape"),
    [
        ("batched", [3, 7]),
        ("batched", [5, 3, 7]),
        ("batched", 7),
        ("unbatched", [5, 7]),
        ("packed", [15, 7]),
        ("packed", [7]),
    ],
)
def test_a_layer_norm_over_several_axes_agrees(batch: str, shape: object) -> None:
    document = {
        "input": BATCHES[batch],
        "layers": [
            {"type": "GRU", "input_size": 7, "hidden_size": 7},
            {"type": "LayerNorm", "normalized_shape": shape},
        ],
    }
    assert disagreements(spec_of(document)) == ()


def test_an_embedding_whose_only_row_is_padding_agrees() -> None:
    document = {
        "input": BATCHES["batched"],
        "layers": [{"type": "Embedding", "num_embeddings": 1, "embedding_dim": 7, "padding_idx": 0}],
    }
    assert disagreements(spec_of(document)) == ()


@pytest.mark.parametrize(("table", "head"), [(True, True), (True, False), (False, True), (False, False)])
def test_a_tied_matrix_has_gradients_where_its_owner_is_trained(table: bool, head: bool) -> None:
    document = {
        "input": BATCHES["batched"],
        "layers": [
            {"name": "embed", "type": "Embedding", "num_embeddings": 13, "embedding_dim": 5, "trainable": table},
            {"type": "Linear", "tied_to": "embed", "trainable": head},
        ],
    }
    spec = spec_of(document)
    assert disagreements(spec) == ()
    facts = plan(spec)
    tokens, matrix = 15, 13 * 5
    backward = facts.layers[1].backward
    assert backward is not None
    # the input's gradient and the matrix's where the table is trained, the bias's where the Linear is
    assert (backward.macs, backward.elementwise) == (tokens * matrix * 2 * table, tokens * 13 * head)
    assert facts.counts.trainable == matrix * table + 13 * head


sizes = st.integers(1, 9)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    """A random document: a batch of any form, then one to four layers of any kind."""
    seq_len = draw(sizes)
    lengths = draw(st.none() | st.lists(st.integers(1, seq_len), min_size=1, max_size=5))
    size = draw(st.none() | sizes) if lengths is None else len(lengths)
    first = draw(st.booleans())
    embed = draw(st.booleans())
    layers: list[dict[str, object]] = []
    if embed:
        table = {"num_embeddings": draw(sizes), "embedding_dim": draw(sizes), "init": draw(laws(biases=False))}
        layers.append({"type": "Embedding", **table})
    for _ in range(draw(st.integers(1, 3))):
        layers.append(draw(layer(first)))
        if draw(st.booleans()):
            layers.append(draw(activation() | window()))
    for each in layers:
        if each.get("bias") is False and isinstance(each.get("init"), dict):
            each["init"].pop("bias", None)  # type: ignore[attr-defined]
    if "hidden_size" in layers[-1]:
        layers[-1]["feeds"] = draw(st.sampled_from(["output", "last", "step", "max", "mean"]))
        layers.append({"type": "Linear", "out_features": draw(sizes)})
    if not embed:
        width = draw(sizes)
        layers[0][width_key(layers[0])] = width
    batch: dict[str, object] = {
        "batch_size": size,
        "seq_len": seq_len,
        "state": draw(st.sampled_from(["zeros", "random"])),
    }
    if lengths is not None:
        batch["lengths"] = lengths
    return {"input": batch, "dtype": draw(st.sampled_from(["float32", "float64"])), "layers": layers}


def width_key(layer: dict[str, object]) -> str:
    """What the width of a first layer's input is called."""
    keys = {"Linear": "in_features", "LayerNorm": "normalized_shape", "BatchNorm1d": "num_features"}
    return keys.get(str(layer["type"]), "input_size")


def laws(*names: str, biases: bool = True) -> st.SearchStrategy[dict[str, object] | None]:
    """Laws for some of the matrices, by name or for all of them, and for biases."""
    spread = st.sampled_from(["uniform", "normal"]).flatmap(lambda law: st.fixed_dictionaries({law: _SPREAD}))
    law = st.sampled_from([law for law in LAWS if law != "eye"]) | spread
    bias = st.just("zeros") | st.floats(-100, 100) | spread
    optional = dict.fromkeys((*names, "weight"), law) | ({"bias": bias} if biases else {})
    return st.none() | st.fixed_dictionaries({}, optional=optional)


_SPREAD = st.sampled_from([1, 100, 1e-6]) | st.floats(1e-6, 100)


def layer(batch_first: bool) -> st.SearchStrategy[dict[str, object]]:
    own = {"trainable": st.booleans()}
    init, jordans, of_weight = (laws(*names) for names in (("weight_ih", "weight_hh"), ("weight_yh", "weight_hy"), ()))
    recurrent = {"hidden_size": st.integers(2, 9), "bias": st.booleans(), "init": init, **own}
    sequence = {**recurrent, "batch_first": st.just(batch_first)}
    merge = st.sampled_from(["concat", "sum", "mean", "mul"])
    stacked = {**sequence, "num_layers": st.integers(1, 3), "bidirectional": st.booleans(), "merge": merge}
    nonlinearity = {"nonlinearity": st.sampled_from(["tanh", "relu"])}
    return st.one_of(
        st.fixed_dictionaries({"type": st.just("RNN"), **stacked, **nonlinearity}),
        st.fixed_dictionaries({"type": st.just("LSTM"), **stacked, "proj_size": st.integers(0, 1)}),
        st.fixed_dictionaries({"type": st.just("GRU"), **stacked}),
        st.fixed_dictionaries({"type": st.just("RNNCell"), **recurrent, **nonlinearity}),
        st.fixed_dictionaries({"type": st.just("LSTMCell"), **recurrent}),
        st.fixed_dictionaries({"type": st.just("GRUCell"), **recurrent}),
        st.fixed_dictionaries(
            {"type": st.just("JordanRNN"), **sequence, **nonlinearity, "output_size": sizes, "init": jordans}
        ),
        st.fixed_dictionaries(
            {"type": st.just("Linear"), "out_features": sizes, "bias": st.booleans(), "init": of_weight, **own}
        ),
        st.fixed_dictionaries(
            {"type": st.just("LayerNorm"), "elementwise_affine": st.booleans(), "bias": st.booleans()}
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("BatchNorm1d"),
                "affine": st.booleans(),
                "bias": st.booleans(),
                "momentum": st.none() | st.floats(0, 1),
                **own,
            }
        ),
    )


def activation() -> st.SearchStrategy[dict[str, object]]:
    slope = st.floats(-3, 3)
    options: dict[str, dict[str, st.SearchStrategy[object]]] = {
        "LeakyReLU": {"negative_slope": slope},
        "ELU": {"alpha": slope},
        "GELU": {"approximate": st.sampled_from(["none", "tanh"])},
        "Hardtanh": {"min_val": st.floats(-3, 0), "max_val": st.floats(0.5, 3)},
        "Softplus": {"beta": st.floats(0.5, 3), "threshold": slope},
        "Softmax": {"dim": st.just(-1)},
        "LogSoftmax": {"dim": st.just(-1)},
        "PReLU": {"init": slope, "trainable": st.booleans()},
    }
    plain = {kind: {} for kind in ("ReLU", "Tanh", "Sigmoid", "SiLU", "Dropout")}
    return st.one_of(
        *(st.fixed_dictionaries({"type": st.just(kind), **own}) for kind, own in (options | plain).items())
    )


def window() -> st.SearchStrategy[dict[str, object]]:
    """A convolution or a pool that any number of steps is enough for, and that any of features can be read by."""
    stride = st.integers(1, 3)
    convolution = {"out_channels": st.integers(2, 9), "dilation": st.integers(1, 3), "trainable": st.booleans()}
    pool = {"stride": st.none() | stride, "padding": st.just(1), "ceil_mode": st.booleans()}
    two = {"kernel_size": st.integers(2, 3)}
    kinds: dict[str, dict[str, st.SearchStrategy[object]]] = {
        "Conv1d": {**convolution, "kernel_size": st.integers(1, 4), "padding": st.just("same"), "bias": st.booleans()},
        "MaxPool1d": {**pool, **two},
        "AvgPool1d": {**pool, **two, "count_include_pad": st.booleans()},
    }
    strided = {"type": st.just("Conv1d"), **convolution, "kernel_size": st.just(1), "stride": stride}
    return st.one_of(
        *(st.fixed_dictionaries({"type": st.just(kind), **own}) for kind, own in kinds.items()),
        st.fixed_dictionaries(strided),
    )


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@examples(20)
@given(documents())
def test_random_documents_agree(document: dict[str, object]) -> None:
    assert disagreements(spec_of(document)) == ()


# --- the comparison can fail --------------------------------------------------------------------------------

LSTM_DOCUMENT = {
    "input": {"batch_size": 3, "seq_len": 5},
    "layers": [{"name": "encoder", "type": "LSTM", "input_size": 7, "hidden_size": 11}],
}


def facts_named(found: tuple[Difference, ...]) -> set[str]:
    return {difference.fact for difference in found}


@pytest.mark.parametrize(
    ("right", "wrong", "caught"),
    [
        # a gate too few: every packed weight is too low by a quarter
        ("f = sigmoid(W_if @ x + b_if + W_hf @ h + b_hf)\n", "", "weights weight_ih_l0 shape"),
        # the recurrent matrix of one gate reads c: the packing changes
        ("W_ho @ h", "W_ho @ c", "weights weight_hh_l0 shape"),
        # a bias forgotten
        (" + b_ii", "", "weights bias_ih_l0 shape"),
        # a projection that torch's module does not have
        ("h = o * tanh(c)\n", "h = o * tanh(c)\nh = W_hr @ h\n", "weights weight_hr_l0"),
        # a gate fed by nothing but itself: fewer products
        ("W_ig @ x + b_ig + ", "", "forward macs"),
    ],
)
def test_a_wrong_equation_is_caught(monkeypatch: pytest.MonkeyPatch, right: str, wrong: str, caught: str) -> None:
    text = LSTM.equations(spec_of(LSTM_DOCUMENT).links[0].layer)  # type: ignore[arg-type]
    assert right in text
    planted = text.replace(right, wrong)
    if not wrong and "f =" in right:
        planted = planted.replace("f * c", "i * c")
    measured = measure(spec_of(LSTM_DOCUMENT), CPU)
    monkeypatch.setattr(LSTM, "equations", lambda self: planted)
    found = differences(plan(spec_of(LSTM_DOCUMENT)), measured)
    assert caught in facts_named(found)


Change = Callable[[nn.Module], object]


def built_with(
    monkeypatch: pytest.MonkeyPatch, change: Change, document: dict[str, object] = LSTM_DOCUMENT
) -> tuple[Difference, ...]:
    """The differences when torch's module is changed after it is built."""
    build = modules._module

    def changed(*args: object) -> nn.Module:
        module = build(*args)  # type: ignore[arg-type]
        with torch.no_grad():
            change(module)
        return module

    monkeypatch.setattr(modules, "_module", changed)
    return disagreements(spec_of(document))


@pytest.mark.parametrize(
    ("scale", "caught"),
    [
        (2.0, {"max |w| / bound", "std / law's"}),
        (1.001, {"max |w| / bound"}),
        # why 0.998: of 30,800 values the largest is within 0.1 % of the bound, all but once in 10^12
        (0.998, {"max |w| / bound"}),
        (0.5, {"max |w| / bound", "std / law's"}),
    ],
)
def test_a_wrong_init_bound_is_caught_on_both_sides(
    monkeypatch: pytest.MonkeyPatch, scale: float, caught: set[str]
) -> None:
    document = {**LSTM_DOCUMENT, "layers": [{"type": "LSTM", "input_size": 70, "hidden_size": 110}]}
    differing = built_with(monkeypatch, lambda module: module.get_parameter("weight_ih_l0").mul_(scale), document)
    assert facts_named(differing) == {f"weight_ih_l0 {fact}" for fact in caught}


def drawn_with(
    monkeypatch: pytest.MonkeyPatch, init: dict[str, object], change: Change, dtype: str = "float32"
) -> set[str]:
    """The facts that differ when first values are changed right after they were drawn."""
    draw = initial.draw

    def changed(module: nn.Module, weights: Iterable[WeightFact]) -> None:
        draw(module, weights)
        with torch.no_grad():
            change(module)

    monkeypatch.setattr(initial, "draw", changed)
    layer = {"type": "LSTM", "input_size": 70, "hidden_size": 110, "init": init}
    return facts_named(disagreements(spec_of({**LSTM_DOCUMENT, "dtype": dtype, "layers": [layer]})))


def times(factor: float) -> Change:
    """Every recurrent weight times `factor`: what a wrong gain does."""
    return lambda module: module.weight_hh_l0.mul_(factor)  # type: ignore[operator, union-attr]


def packed(law: str) -> Change:
    """The law drawn for the packed tensor, as a whole."""
    return lambda module: getattr(nn.init, f"{law}_")(module.weight_hh_l0)


def gate_by_gate(module: nn.Module) -> None:
    for gate in module.weight_hh_l0.chunk(4):  # type: ignore[operator, union-attr]
        nn.init.orthogonal_(gate)


PEAK, STD, MEAN = "weight_hh_l0 max |w| / bound", "weight_hh_l0 std / law's", "weight_hh_l0 |mean| / law's std"
PRODUCTS, DIAGONAL = "weight_hh_l0 |W W' - I|", "weight_hh_l0 |W - I|"


@pytest.mark.parametrize(
    ("law", "change", "caught"),
    [
        ("orthogonal", times(1.001), {PRODUCTS}),
        ("orthogonal", times(0.999), {PRODUCTS}),
        ("orthogonal", times(float("nan")), {PRODUCTS, MEAN}),
        ("orthogonal", packed("orthogonal"), {PRODUCTS}),
        ("orthogonal", packed("xavier_normal"), {PRODUCTS}),
        # one gate of the four is drawn by another law
        ("orthogonal", lambda module: nn.init.kaiming_normal_(module.weight_hh_l0[110:220]), {PRODUCTS}),
        # what is orthogonal, but not drawn
        ("orthogonal", lambda module: module.weight_hh_l0.copy_(torch.eye(110).repeat(4, 1)), {MEAN}),
        ("xavier_uniform", times(1.001), {PEAK}),
        ("xavier_uniform", times(0.998), {PEAK}),
        ("xavier_uniform", packed("xavier_uniform"), {PEAK, STD}),
        ("xavier_normal", times(1.03), {STD}),
        ("xavier_normal", times(0.97), {STD}),
        ("xavier_normal", packed("xavier_normal"), {STD}),
        ("xavier_normal", lambda module: module.weight_hh_l0.abs_(), {STD, MEAN}),
        # the gain of a linear layer in place of relu's
        ("kaiming_uniform", times(2**-0.5), {PEAK, STD}),
        ("kaiming_normal", times(2**-0.5), {STD}),
        # fan_out, which is that of the packed tensor
        ("kaiming_normal", lambda module: nn.init.kaiming_normal_(module.weight_hh_l0, mode="fan_out"), {STD}),
        ("eye", times(1.0001), {DIAGONAL}),
        ("eye", times(float("nan")), {DIAGONAL}),
        ("eye", packed("eye"), {DIAGONAL}),
        # each gate by itself, where all are to be one matrix
        ("orthogonal_packed", gate_by_gate, {PRODUCTS}),
        ("orthogonal_packed", times(1.001), {PRODUCTS}),
        # what torch draws itself, and its own default of a law that has a number
        ({"uniform": 0.1}, packed("xavier_uniform"), {PEAK, STD}),
        ({"uniform": 0.1}, lambda module: nn.init.uniform_(module.weight_hh_l0), {PEAK, STD, MEAN}),
        ({"uniform": 0.1}, times(1.001), {PEAK}),
        ({"normal": 0.02}, lambda module: nn.init.normal_(module.weight_hh_l0), {STD, MEAN}),
        ({"normal": 0.02}, times(0.97), {STD}),
        ("zeros", lambda module: module.weight_hh_l0[0, 0].fill_(1e-30), {"weight_hh_l0 values"}),
    ],
)  # fmt: skip
def test_a_wrong_law_is_caught(monkeypatch: pytest.MonkeyPatch, law: object, change: Change, caught: set[str]) -> None:
    assert drawn_with(monkeypatch, {"weight_hh": law}, change) == caught


def test_a_law_that_is_not_drawn_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initial, "draw", lambda module, weights: None)
    init = {"weight_ih": "xavier_normal", "weight_hh": "orthogonal", "weight_hr": "eye", "forget_bias": 1.0}
    layer = {"type": "LSTM", "input_size": 70, "hidden_size": 110, "proj_size": 50, "init": init}
    with pytest.raises(DocumentError, match="expected square matrices for eye; weight_hr_l0 has"):
        spec_of({**LSTM_DOCUMENT, "layers": [layer]})
    layer["init"] = {**init, "weight_hr": "kaiming_uniform", "bias": "zeros"}
    found = facts_named(disagreements(spec_of({**LSTM_DOCUMENT, "layers": [layer]})))
    assert {fact.partition(" ")[0] for fact in found} == {
        "weight_ih_l0", "weight_hh_l0", "weight_hr_l0", "bias_ih_l0", "bias_hh_l0",
    }  # fmt: skip


F, G = slice(110, 220), slice(220, 330)


def at_the_wrong_gate(module: nn.Module) -> None:
    """Keras packs i, f, c, o; others i, j, f, o, so that the forget gate is the third."""
    module.bias_ih_l0[F], module.bias_ih_l0[G] = module.bias_ih_l0[G].clone(), 1.0  # type: ignore[index, operator]


def in_both(module: nn.Module) -> None:
    module.bias_hh_l0[F] = 1.0  # type: ignore[index, operator]


def in_the_other(module: nn.Module) -> None:
    module.bias_ih_l0[F], module.bias_hh_l0[F] = 0.0, 1.0  # type: ignore[index, operator]


def all_but_one(module: nn.Module) -> None:
    module.bias_ih_l0[F.start] = 0.999  # type: ignore[index, operator]


@pytest.mark.parametrize(
    ("change", "caught"),
    [
        (at_the_wrong_gate, {"bias_ih_l0 b_if values", "bias_ih_l0 b_ig max |w| / bound"}),
        (in_both, {"bias_hh_l0 b_hf values"}),
        (in_the_other, {"bias_ih_l0 b_if values", "bias_hh_l0 b_hf values"}),
        (all_but_one, {"bias_ih_l0 b_if values"}),
        # the other gates keep their law, and are held to it
        (lambda module: module.bias_hh_l0[G].mul_(2), {"bias_hh_l0 b_hg max |w| / bound"}),
    ],
)  # fmt: skip
def test_a_wrong_forget_bias_is_caught(monkeypatch: pytest.MonkeyPatch, change: Change, caught: set[str]) -> None:
    assert drawn_with(monkeypatch, {"forget_bias": 1.0}, change) >= caught


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_bias_of_the_next_number_is_caught(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    """1.1 is none that these dtypes have: the nearest is right, its neighbours are not."""
    for way, caught in ((0, set()), (1, {"bias_ih_l0 b_if values"}), (-1, {"bias_ih_l0 b_if values"})):

        def move(module: nn.Module, way: int = way) -> None:
            bits = module.bias_ih_l0.detach().view(torch.int32 if dtype == "float32" else torch.int16)  # type: ignore[operator, union-attr]
            bits[F] += way

        with monkeypatch.context() as patch:
            assert drawn_with(patch, {"forget_bias": 1.1}, move, dtype) == caught


@pytest.mark.parametrize("kind", ["LSTM", "Embedding"])
def test_a_nan_among_the_first_values_is_caught(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    sizes = {"LSTM": {"input_size": 7, "hidden_size": 11}, "Embedding": {"num_embeddings": 7, "embedding_dim": 11}}
    document = {**LSTM_DOCUMENT, "layers": [{"type": kind, **sizes[kind]}]}
    poisoned = built_with(monkeypatch, lambda module: next(module.parameters())[0, 0].fill_(float("nan")), document)
    assert len(poisoned) >= 2


def test_a_frozen_weight_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    # why: the whole layer's requires_grad_ runs after the module is made, and would undo what is planted
    monkeypatch.setattr(nn.Module, "requires_grad_", lambda self, requires_grad=True: self)
    differing = built_with(monkeypatch, lambda module: setattr(module.bias_hh_l0, "requires_grad", False))
    assert [(d.fact, d.plan, d.real) for d in differing] == [("weights bias_hh_l0 trainable", True, False)]


def test_an_extra_parameter_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = nn.Parameter(torch.zeros(4))
    differing = built_with(monkeypatch, lambda module: module.register_parameter("peephole", extra))
    assert ("weights peephole", None, (4,)) in [(d.fact, d.plan, d.real) for d in differing]


def test_a_tie_that_torch_does_not_have_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    embed = {"name": "embed", "type": "Embedding", "num_embeddings": 13, "embedding_dim": 5}
    spec = spec_of({**LSTM_DOCUMENT, "layers": [embed, {"name": "head", "type": "Linear", "tied_to": "embed"}]})
    assert disagreements(spec) == ()
    table, head = spec.links
    untied = replace(spec, links=(table, replace(head, layer=head.layer.model_copy(update={"tied_to": None}))))
    differing = differences(plan(spec), measure(untied, CPU))
    assert ("head", "weights weight shared_with") in [(d.layer, d.fact) for d in differing]


def test_every_measured_field_is_compared() -> None:
    """A change of any one fact of a real model is a difference: no field is left out of the comparison."""
    spec = spec_of(LSTM_DOCUMENT)
    measured = measure(spec, CPU)
    layer = measured.layers[0]
    weight, tensor = layer.weights[0], layer.outputs[1]

    def with_layer(**changes: object) -> ModelFacts:
        return replace(measured, layers=(replace(layer, **changes),))

    changed = {
        "type": with_layer(type="GRU"),
        "outputs h_n shape": with_layer(
            outputs=(layer.outputs[0], replace(tensor, shape=(1, 3, 12)), layer.outputs[2])
        ),
        "outputs h_n dtype": with_layer(outputs=(layer.outputs[0], replace(tensor, dtype="float64"), layer.outputs[2])),
        "outputs c_n": with_layer(outputs=layer.outputs[:2]),
        "inputs order": with_layer(inputs=layer.inputs[::-1]),
        "weights order": with_layer(weights=layer.weights[::-1]),
        "weights weight_ih_l0 gates W_if rows": with_layer(
            weights=(
                replace(weight, gates=(weight.gates[0], replace(weight.gates[1], rows=(0, 11)), *weight.gates[2:])),
                *layer.weights[1:],
            )
        ),
        "weights weight_ih_l0 dtype": with_layer(weights=(replace(weight, dtype="float64"), *layer.weights[1:])),
        "forward macs": with_layer(forward=replace(layer.forward, macs=1)),
        "layer": replace(measured, layers=()),
    }
    for fact, facts in changed.items():
        assert facts_named(differences(plan(spec), facts)) == {fact}


def test_the_merged_facts_are_the_plans_with_what_was_seen() -> None:
    spec = spec_of(LSTM_DOCUMENT)
    measured = measure(spec, CPU)
    merged = merge(plan(spec), measured)
    assert merged == plan(spec)
    assert merged.measured == measured.measured
    assert all(weight.observed is not None for weight in merged.layers[0].weights)
    assert merged.forward.elementwise == plan(spec).forward.elementwise


def test_a_difference_is_a_table_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole path: a wrong equation, and the command prints what differs and nothing it cannot stand for."""
    right = LSTM.equations
    monkeypatch.setattr(LSTM, "equations", lambda self: right(self).replace(" + b_ii", ""))
    config = str(CONFIGS / "lstm.yaml")
    assert shapes.run(LookOptions(files=[config], device="cpu", format=Format.CSV)) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == "model,layer,fact,plan,real"
    assert 'lstm,encoder,weights bias_ih_l0 shape,"(150,)","(200,)"' in printed.out.splitlines()
    assert "output" not in printed.out
    assert printed.err == f"error: {config}: plan and torch differ in {printed.out.count(chr(10)) - 1} facts\n"
