"""What the commands that look at models, and at the library of cells, print with --format json."""

from __future__ import annotations

from rnninspect.results.schema_words import (
    COUNTS,
    DIRECTION,
    DTYPE,
    FILE,
    HEAD,
    LAYER,
    NAME,
    OPEN_SIZE,
    PER_TOKEN,
    SHAPE,
    STACKED,
    TYPE,
    Schema,
    by_name,
    many,
    number,
    of_any,
    record,
    result,
    some,
    text,
    whole,
    without,
    yes,
)


def _live() -> Schema:
    """What was seen of a module of the user's own."""
    return record(
        "Of a module in Python alone: what was seen of it. `models` has its recurrent layers as its one model.",
        ran=yes("It was run once; false of rnninspect.recurrent."),
        agrees=yes("Every layer is what its plan says."),
        parameters=whole("Those of the recurrent layers, by torch, each once."),
        other_parameters=whole("Those of everything else, by torch, each once."),
        other_modules=whole("How many other layers there are."),
        lazy_parameters=whole("How many parameters have no size before a forward pass."),
        not_read=many("What looks recurrent and is not torch's.", text("A sentence for a module.")),
        notes=many("What else is to be told.", text("A sentence.")),
        layers=many("Its recurrent layers, in its order.", _live_layer()),
    )


def _live_layer() -> Schema:
    return record(
        "A recurrent layer.",
        name=text("Where the module has it, dotted."),
        names=many("All of its names; empty for the module itself.", text("A name.")),
        type=text("What it is of torch's.", "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"),
        **{"class": text("Its own class.")},
        arguments=by_name("What its constructor was given, under torch's names.", of_any("The value.")),
        calls=some(whole("How often it ran; null where the module was not run.")),
        calls_with_states=whole("How many calls were given states."),
        lengths=some(many("Of a packed first call: those of its sequences.", whole("A length."))),
        other_inputs=many("Shapes that later calls read, up to four.", many("Of an input.", whole("A size."))),
        parameters=whole("Those of the module, by torch."),
        macs=some(whole("Multiply-accumulates of all calls; null where it did not run, or by a forward of its own.")),
        macs_per_token=whole("Those of one token, or of one step of one sequence."),
        agrees=yes("Its parameters, and what came out, are what the plan says."),
        device=text("Where its parameters are, as torch calls it."),
        dtype=text("Their dtype, as torch calls it."),
        notes=many("What is to be told of it.", text("A sentence.")),
    )


def _translated() -> Schema:
    """The same weights in another framework."""
    gate = record(
        "What a gate has in a tensor.",
        **{"is": text("What stands there, in symbols of torch's equations: `b_if + b_hf`.")},
        index=text("Where, as an index of numpy's: `[:, 0:50]`."),
        shape=SHAPE,
    )
    tensor = record(
        "A tensor there.",
        name=text("Its name there, with what tells stacked layers and directions apart before it."),
        stacked_layer=STACKED,
        direction=DIRECTION,
        **{"from": some(text("The parameters of torch's that it is made of; null where nothing makes it."))},
        order=some(text("Its gates in their order there, by torch's letters; null for what has none.")),
        shape=SHAPE,
        count=whole("How many elements it has."),
        gates=many("Where each gate stands; empty for a tensor of one.", gate),
    )
    layer = record(
        "A recurrent layer.",
        model=NAME,
        file=FILE,
        name=LAYER,
        type=TYPE,
        made=some(text("The layer there; null where there is none.")),
        exact=yes("The weights there compute what torch's do."),
        run_by_tests=yes("Tests run the framework on such weights; else only the record of its packing says so."),
        verdict=text("`exact`, and what becomes of biases; or `none`, and why."),
        parameters=some(whole("How many parameters the layer has there; null where there is none.")),
        tensors=many("Its tensors there; empty where there is no such layer.", tensor),
    )
    return record(
        "With --as: the same weights in another framework.",
        framework=text("Its name."),
        layers=many("The recurrent layers of all models.", layer),
    )


_AXES = many("For each axis its letters, such as D*H_out.", text("A letter, a product of letters, or a number."))
_LAYOUT = many(
    "For each axis what stands where along it; null for an axis that is nobody's in particular.",
    some(many("From the first to the last.", text("Such as `layer 0 reverse` or `features 50-99 reverse`."))),
)
_INIT = without(
    record(
        "The law that the first values are drawn from.",
        law=text(
            "uniform, normal, xavier_..., kaiming_..., orthogonal, orthogonal_packed, eye, ones, zeros or constant."
        ),
        bound=number("Of a uniform law: values are from -bound to bound."),
        std=number("Of a normal law, and of orthogonal: the standard deviation."),
        zero_row=whole("The row that is zeros all the same: padding_idx."),
        value=number("Of a constant law: what every value is."),
    ),
    *("bound", "std", "zero_row", "value"),
)
_OBSERVED = some(
    record(
        "What the first values were found to be; null where torch was not asked.",
        minimum=number("The least."),
        maximum=number("The largest."),
        mean=number("The mean."),
        std=number("The standard deviation."),
        peak_ratio=some(number("The largest magnitude over the law's bound; null for a law without one.")),
        std_ratio=some(number("The standard deviation over the law's; null for a law that leaves none.")),
        deviation=some(number("Of orthogonal and eye: how far at most an element is from what it should be.")),
    )
)
_TENSOR = record(
    "A tensor that goes into a layer or comes out.",
    name=text("What torch calls it: input, h_0, output, h_n."),
    axes=_AXES,
    shape=many("For each axis its size.", OPEN_SIZE),
    layout=_LAYOUT,
    unpacked_axes=some(many("Of a packed batch: the axes after pad_packed_sequence.", text("Letters."))),
    unpacked_shape=some(many("The sizes of those.", OPEN_SIZE)),
    dtype=DTYPE,
)
_GATE = record(
    "The rows of one gate.",
    name=text("The gate's matrix or bias, such as W_if."),
    rows=many("The first row, and the one after the last.", whole("A row, from 0.")),
    shape=SHAPE,
    init=_INIT,
    observed=_OBSERVED,
)
_GATE = without(_GATE, "init")
_WEIGHT = record(
    "One parameter tensor of a layer.",
    name=text("What torch calls it: weight_ih_l0_reverse."),
    symbol=text("What the equations call it: W_ih."),
    stacked_layer=STACKED,
    direction=DIRECTION,
    axes=_AXES,
    shape=SHAPE,
    layout=_LAYOUT,
    count=whole("How many elements it has."),
    bytes=whole("How many bytes it takes."),
    dtype=DTYPE,
    trainable=yes("It trains."),
    shared_with=some(text("The `layer.weight` that it is one tensor with; null where it is its own.")),
    init=_INIT,
    gates=many("The blocks of rows that it packs; empty where it packs none.", _GATE),
    observed=_OBSERVED,
)
_MEASURED = some(
    record(
        "What only the run could tell; null where torch was not asked.",
        device=text("The device, as torch calls it."),
        torch=text("torch's version."),
        seed=whole("The seed of the weights and of the batch."),
        finite=some(yes("No output holds a nan or an infinity; null on meta.")),
        peak_bytes=some(whole("The most memory that the run took; null where nothing can say.")),
    )
)
_BUFFER = record(
    "A tensor of a layer's state_dict that is no parameter.",
    name=text("What torch calls it: running_mean."),
    axes=_AXES,
    shape=SHAPE,
    count=whole("How many elements it has."),
    bytes=whole("How many bytes it takes."),
    dtype=DTYPE,
    init=_INIT,
)
_WIRES = record(
    "Of a model whose document says any wires: where the layer's input, states and weights come from.",
    **{"from": many("What it is fed with, by the names of inputs and earlier layers.", text("A name."))},
    add=some(text("What is added to what it hands on: input, which is its own, or a name.")),
    same_as=some(text("The layer whose weights it has too.")),
    state_from=some(text("The layer whose last states are its first ones.")),
    directions=some(text("How that layer's two directions become one.", "concat", "sum")),
)
_LAYER = record(
    "A layer.",
    name=LAYER,
    type=TYPE,
    **COUNTS,
    inputs=many("What goes in: the input, and states that are passed.", _TENSOR),
    outputs=many("What comes out: the output, and the last states.", _TENSOR),
    weights=many("Its parameters.", without(_WEIGHT, "trainable", "init")),
    buffers=many("Of one that has any: its buffers.", _BUFFER),
    wires=_WIRES,
    sources=many("Of a layer that reads several: what each hands it, by its name.", _TENSOR),
    handed_on=record(
        "Of a layer that hands on neither its output nor its last states as they are: what it hands on.",
        words=text("How that is worked out."),
        tensor=_TENSOR,
    ),
    convention=text("Of a file's layer: whose packing its tensors have there."),
    unknown=by_name("Of a file's layer: the options that it does not say.", text("What is the case.")),
)
_SOME_HAVE = ("buffers", "wires", "sources", "handed_on", "convention", "unknown")
_MODEL = record(
    "A model.",
    name=NAME,
    file=FILE,
    dtype=DTYPE,
    **COUNTS,
    measured=_MEASURED,
    inputs=many("Of a model with wires: its inputs, by their names.", _TENSOR),
    outputs=many("Of a model with wires: what it returns, by the layers that hand it on.", _TENSOR),
    layers=many("Its layers in their order.", without(_LAYER, *PER_TOKEN, *_SOME_HAVE)),
)
_MODEL = without(_MODEL, *PER_TOKEN, "inputs", "outputs")
_DIFFERENCE = record(
    "A fact on which the plan and torch differ, or the plan and a file.",
    model=NAME,
    layer=LAYER,
    fact=text("What differs."),
    plan=text("What the plan says."),
    real=text("What torch has, or the file."),
)
_MODELS = {
    "models": many("The models, but for those on which plan and torch differ.", _MODEL),
    "differences": many("Of each model that torch contradicts every fact that differs.", _DIFFERENCE),
}
_PART = record(
    "A part of a printed module that no layer is.",
    file=FILE,
    name=text("Its dotted name; empty of the module itself."),
    kind=text("Its class."),
)


def looked(command: str) -> Schema:
    """What `inspect`, `shapes`, `weights` and `params` print: all the same object."""
    ledger = text(
        "agreed: plan and torch agree on all of it; plan: torch was not asked; file: plan and checkpoints agree on all "
        "of it; mixed: checkpoints do, and of documents `measured` says which torch was asked about.",
        *("agreed", "plan", "file", "mixed"),
    )
    some_have = {"not_described": many("Of printed modules alone: what no layer is.", _PART)}
    if command == "inspect":
        some_have["live"] = _live()
    if command == "weights":
        some_have["elsewhere"] = _translated()
    page = result(command, "Everything known of each model.", **HEAD, ledger=ledger, **_MODELS, **some_have)
    return without(page, *some_have)


def listed() -> Schema:
    """What `cells` prints."""
    size = "input_size = hidden_size = 128, the cell's own sizes at their defaults"
    cell = record(
        "A cell of the library.",
        name=text("Its name, which is the type of a layer in a document."),
        title=text("What it is called in full."),
        gates=whole("How many blocks are stacked in its largest parameter."),
        weights=whole("How many parameter tensors it has."),
        parameters=whole(f"How many parameters it has at {size}."),
        parameters_lstm=whole("How many torch.nn.LSTM has at the same sizes."),
        scannable=yes("Each state is linear in the states before, so that L steps can be run in log2 L rounds."),
        equations=text("One step, in the equation language."),
        output=some(text("The vector that a step puts out; null for the first state.")),
        widths=by_name("The widths of vectors and weights that are not hidden_size.", of_any("A key or a number.")),
        sizes=by_name("Sizes of its own, which a layer may set, with their defaults.", whole("The default.")),
        constants=by_name("Numbers that a layer may set, with their defaults.", number("The default.")),
        init=some(by_name("Laws of first values by symbol.", of_any("A law of torch.nn.init, or a number."))),
        initial=by_name("What a state starts as, where that is not zero or must be.", of_any("A number, or learned.")),
        fixed=many("The weights that are not trained.", text("A name.")),
        source=text("Who published it, when and where."),
        meanings=by_name("What each vector is for.", text("In words.")),
        year=whole("The year of its publication."),
        oracle=text("What its numbers were checked against, and what differs there."),
    )
    return result(
        "cells",
        "The library of published cells.",
        **HEAD,
        ledger=text("Where the numbers are from.", "plan"),
        cells=many("The cells that were named, else all, by name.", cell),
    )
