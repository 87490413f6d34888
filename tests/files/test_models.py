"""The layers of a file as models: their names, their batch, what can be set, and what of them no plan says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from found_by_hand import FOUND

from rnninspect.document.chain import Spec
from rnninspect.errors import DocumentError
from rnninspect.files.found import FoundLayer, Identified, Kind, Part
from rnninspect.files.held import Held, HeldTensor
from rnninspect.files.models import remarks, specs_of
from rnninspect.plan import plan
from rnninspect.results.shapes import shapes_table
from rnninspect.results.subjects import by_file


def found(*layers: FoundLayer, undecided: tuple[str, ...] = (), file: str = "dir/model.pt") -> Identified:
    return Identified(Held(file, "torch (zip)", {}, notes=("a call",)), layers, {}, undecided, 0)


def parts(dtype: str, bias: str | None = None) -> tuple[Part, ...]:
    """A matrix, and a bias that has two axes, as some formats hold it."""
    matrix, vector = HeldTensor("w", (28, 5), dtype), HeldTensor("b", (2, 28), bias or dtype)
    return Part(matrix, "kernel"), Part(vector, "bias")


def one(layer: FoundLayer, *settings: str) -> Spec:
    (spec,) = specs_of(found(layer), settings)
    return spec


def test_each_layer_is_a_model_of_its_own() -> None:
    layers = [FOUND, FOUND._replace(name="", type="GRU"), FOUND._replace(name="c", hidden_size=3)]
    specs = specs_of(found(*layers))
    assert [(spec.name, spec.links[0].layer.name, len(spec.links)) for spec in specs] == [
        ("a.b", "a.b", 1),
        ("model", "gru", 1),
        ("c", "c", 1),
    ]
    assert {(spec.source, spec.checkpoint, spec.device) for spec in specs} == {("dir/model.pt", "torch (zip)", None)}
    assert [plan(spec).layers[0].outputs[0].shape for spec in specs] == [("L", "N", 7), ("L", "N", 7), ("L", "N", 3)]


@pytest.mark.parametrize(
    ("settings", "shape", "known"),
    [
        ((), ("L", "N", 5), False),
        (("input.seq_len=4",), (4, "N", 5), False),
        (("input.batch_size=3",), ("L", 3, 5), False),
        (("input.batch_size=null",), ("L", 5), False),
        (("input.batch_size=3", " input.seq_len = 4"), (4, 3, 5), True),
        (("input.lengths=[3, 2]",), (5, 5), True),
        (("input.lengths=[3, 2]", "input.seq_len=9", "input.state=random"), (5, 5), True),
    ],
)
def test_the_batch_is_open_but_for_what_is_set(settings: tuple[str, ...], shape: object, known: bool) -> None:
    spec = one(FOUND, *settings)
    (layer,) = plan(spec).layers
    assert (layer.inputs[0].shape, not layer.per_token) == (shape, known)
    assert spec.batch.state == ("random" if "input.state=random" in settings else "zeros")


def test_batch_first_where_the_file_says_it() -> None:
    said = FOUND._replace(known={"batch_first": True})
    assert plan(one(said)).layers[0].inputs[0].shape == ("N", "L", 5)
    assert plan(one(said, "input.seq_len=4")).layers[0].outputs[0].shape == ("N", 4, 7)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("a.b.hidden_size=3", "dir/model.pt is a checkpoint: its sizes are its own (only its batch can be set: "),
        ("dtype=float64", "its sizes are its own"),
        ("input=3", "its sizes are its own"),
        ("input.seq_len", "expected PATH=VALUE"),
        ("input.seq_le=3", "unknown key 'seq_le' (did you mean 'seq_len'?)"),
        ("input.seq_len=0", "input.seq_len: expected an integer >= 1, got 0"),
        ("input.batch_size=x", "input.batch_size: expected an integer >= 1, or null for unbatched input, got 'x'"),
        ("input.lengths=[]", "input.lengths: expected one length for each sequence, batch_size 1, got 0"),
    ],
)
def test_what_cannot_be_set(setting: str, said: str) -> None:
    with pytest.raises(DocumentError) as refused:
        one(FOUND, setting)
    assert str(refused.value).startswith(f"--set {setting}: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("undecided", "said"), [((), "no recurrent layer in it"), (("x",), "no recurrent layer that a rule reads")]
)
def test_a_file_without_layers(undecided: tuple[str, ...], said: str) -> None:
    with pytest.raises(DocumentError, match=rf"^dir/model.pt: {said} \(rnninspect identify dir/model.pt tells"):
        specs_of(found(undecided=undecided))


def test_what_is_not_understood_is_told() -> None:
    assert list(remarks(found(FOUND, undecided=("3 tensors",)))) == ["a call", "undecided: 3 tensors"]


@pytest.mark.parametrize(
    ("dtypes", "computed", "held"),
    [
        (("float16", None), "float16", ("float16", "float16")),
        (("int8", "float64"), "float64", ("int8", "float64")),
        (("bfloat16", "int8"), "bfloat16", ("bfloat16", "int8")),
        (("int8", None), "float32", ("int8", "int8")),
    ],
)
def test_dtypes_are_the_files(dtypes: tuple[str, str | None], computed: str, held: tuple[str, str]) -> None:
    model = plan(one(FOUND._replace(parts=parts(*dtypes))))
    assert model.dtype == computed
    weights = model.layers[0].weights
    assert {(weight.is_bias, weight.dtype) for weight in weights} == {(False, held[0]), (True, held[1])}
    assert {tensor.dtype for tensor in (*model.layers[0].inputs, *model.layers[0].outputs)} == {computed}


def test_a_dtype_of_no_known_size() -> None:
    with pytest.raises(DocumentError, match=r"^dir/model.pt: 'w' is 'float3', a dtype of no known size"):
        one(FOUND._replace(parts=parts("float3")))


GRU = FOUND._replace(type="GRU", reset_after=True)


@pytest.mark.parametrize(
    ("layer", "module"),
    [
        (FOUND, ""),
        (GRU, ""),
        (GRU._replace(biases="one", reset_after=False, convention="Keras"), "before the product with W_hn, so that no"),
        (GRU._replace(biases="one", convention="Equinox"), "in the candidate is no sum of two, so that no"),
        (FOUND._replace(biases="one", convention="Keras"), "Of Keras: torch.nn.LSTM computes these equations too"),
        (FOUND._replace(biases="one", peepholes=True), "its gates read the cell state, so that no torch.nn.LSTM"),
        (
            FOUND._replace(known={"recurrent_activation": "hard_sigmoid"}),
            "its functions are others, so that no torch.nn",
        ),
        (FOUND._replace(known={"activation": "relu"}), "its functions are others, so that no torch.nn.LSTM computes"),
    ],
)
def test_whether_torch_has_a_module_that_is_the_layer(layer: FoundLayer, module: str) -> None:
    given = one(layer).from_file
    assert given is not None
    assert module in given.module
    assert bool(module) == bool(given.module)


def test_what_the_file_says_beside_the_plan_is_no_part_of_it() -> None:
    spec = one(FOUND._replace(unknown={"dropout": "not in the file"}, remarks=("It is one.",), reverse=True))
    given = plan(spec).layers[0].from_file
    assert given == spec.from_file
    assert given is not None
    assert (given.convention, given.unknown, given.reverse, given.remarks) == (
        "PyTorch",
        {"batch_first": "not in the file", "dropout": "not in the file"},
        True,
        ("It is one.",),
    )
    assert replace(plan(spec).layers[0], from_file=None) == plan(spec).layers[0]


def test_tensors_of_two_layers_are_counted_once_on_a_page() -> None:
    own = (Part(HeldTensor("w", (28, 5), "float32"), "weight_ih"),)
    other = (Part(HeldTensor("v", (28, 5), "float32"), "weight_ih"),)
    layers = [FOUND._replace(name=name, parts=parts) for name, parts in (("a", own), ("b", own), ("c", other))]
    models = [plan(spec) for spec in specs_of(found(*layers))]
    (page,) = by_file(models)
    assert [layer.counts.parameters for layer in page.layers] == [392, 0, 392]
    assert page.parameters == 784
    assert page.layers[1].weights[0].shared_with == "a.weight_ih_l0"
    assert [model.parameters for model in models] == [392, 392, 392]


@pytest.mark.parametrize(
    ("known", "unknown", "said"),
    [
        ({}, {}, None),
        ({"merge_mode": "concat"}, {}, None),
        ({}, {"merge_mode": "not in the file"}, "merge_mode of a.b is not in the file: its output is that of concat"),
        ({"merge_mode": "sum"}, {}, "merge_mode of a.b is sum: its output stands here as it is before that"),
    ],
)
def test_how_directions_are_merged_is_no_fact_unless_the_file_says_it(
    known: dict[str, str], unknown: dict[str, str], said: str | None
) -> None:
    layer = FOUND._replace(bidirectional=True, known=known, unknown=unknown)
    notes = shapes_table(plan(one(layer))).notes
    assert [note for note in notes if "merge_mode" in note] == [said] * (said is not None)
    assert not [note for note in shapes_table(plan(one(layer._replace(bidirectional=False)))).notes if "merge" in note]


@pytest.mark.parametrize(
    ("kind", "known", "said"),
    [
        ("LSTM", {"recurrent_activation": "hard_sigmoid"}, ("Written here with sigmoid in place of hard_sigmoid.",)),
        ("GRU", {"activation": "gelu"}, ("Written here with tanh in place of gelu.",)),
        ("RNN", {"nonlinearity": "selu"}, ("Written here with tanh in place of selu.",)),
        ("RNN", {"nonlinearity": "relu"}, ()),
        ("LSTM", {"recurrent_activation": "softsign"}, ()),
    ],
)
def test_a_function_that_equations_are_not_written_with(kind: Kind, known: dict[str, str], said: object) -> None:
    given = one(FOUND._replace(type=kind, known=known)).from_file
    assert given is not None
    assert given.remarks == said
