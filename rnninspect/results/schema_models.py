"""What the commands that look into models print with --format json."""

from __future__ import annotations

from rnninspect.results import schema_wires
from rnninspect.results.schema_live import live
from rnninspect.results.schema_words import (
    COUNTS,
    DIRECTION,
    DTYPE,
    FILE,
    HEAD,
    LAYER,
    NAME,
    PER_TOKEN,
    STACKED,
    TYPE,
    Schema,
    by_name,
    many,
    number,
    open_size,
    record,
    result,
    some,
    text,
    whole,
    without,
    yes,
)

_AXES = many("For each axis its letters, such as D*H_out.", text("A letter, a product of letters, or a number."))
_SHAPE = many("For each axis its size.", whole("A size."))
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
    shape=many("For each axis its size.", open_size("A size")),
    layout=_LAYOUT,
    unpacked_axes=some(many("Of a packed batch: the axes after pad_packed_sequence.", text("Letters."))),
    unpacked_shape=some(many("The sizes of those.", open_size("A size"))),
    dtype=DTYPE,
)
_GATE = record(
    "The rows of one gate.",
    name=text("The gate's matrix or bias, such as W_if."),
    rows=many("The first row, and the one after the last.", whole("A row, from 0.")),
    shape=_SHAPE,
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
    shape=_SHAPE,
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
    shape=_SHAPE,
    count=whole("How many elements it has."),
    bytes=whole("How many bytes it takes."),
    dtype=DTYPE,
    init=_INIT,
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
    **schema_wires.of_layer(_TENSOR),
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
    **schema_wires.of_model(_TENSOR),
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
        some_have["live"] = live()
    page = result(command, "Everything known of each model.", **HEAD, ledger=ledger, **_MODELS, **some_have)
    return without(page, *some_have)


_COMPARED = record(
    "A tensor of torch's against the equations'.",
    name=text("output, h_n, or grad and what the gradient is of: a weight, input, h_0."),
    shape=_SHAPE,
    largest_magnitude=some(number("The largest magnitude of the equations'.")),
    largest_error=some(number("The largest difference; null where it is not finite.")),
    relative_epsilons=some(number("That over the largest magnitude, in epsilons; null where it is not finite.")),
    allowed_epsilons=number("The most that it may be."),
    ok=yes("It is within what is allowed."),
)
_PROOF = record(
    "One thing that was held against another, in float64 on the CPU.",
    what=text(
        "states: output and final states; slope: that of the gradients along a random direction.",
        *("states", "gradients", "slope"),
    ),
    against=text("equations: evaluated as they are written; differences: central ones.", "equations", "differences"),
    tensor=some(text("The one that is farthest off; null of a slope.")),
    relative_error=some(number("The largest error over the largest magnitude; null where it is not finite.")),
    allowed_error=some(number("The most that it may be; null where it is not finite.")),
    kinks=whole("How many kinks lay within the step of the differences, and were not crossed."),
    ok=some(yes("It is within what is allowed; null where nothing can be said.")),
)
_AGAINST = record(
    "Somebody's class that the layer was held against in float64; null where it was not.",
    **{"class": text("module:Class.")},
    version=some(text("What its package says it is.")),
    ok=yes("Every tensor is within what is allowed."),
    tensors=many("Its tensors, in epsilons of float64, by the names of ours.", _COMPARED),
    fixed=many("Our parameters that it lacks, set to a number.", text("A parameter.")),
)


def verified() -> Schema:
    """What `verify` prints."""
    layer = record(
        "A layer.",
        layer=LAYER,
        type=TYPE,
        ok=yes("Every tensor is within what is allowed, and no proof has failed."),
        terms=whole("The most numbers that are added up in one (K)."),
        steps=whole("How many steps a state is carried over (L); 1 where none follow."),
        tensors=many("Its tensors.", _COMPARED),
        against=some(_AGAINST),
        proofs=many("Of a layer that torch lacks: what else was held against what.", _PROOF),
    )
    wire = record(
        "What a layer is connected to.",
        layer=LAYER,
        wire=text("Which wire, in the words of the document: from own, encoder."),
        ok=yes("Every tensor is within what is allowed."),
        tensors=many("Its tensors, gradients in epsilons of float64.", _COMPARED),
    )
    model = record(
        "A model.",
        name=NAME,
        file=FILE,
        ok=yes("Every tensor of every layer, and of every wire, is within what is allowed."),
        epsilon=number("What errors are counted in."),
        epsilon_of=text("Whose that is: a dtype, or TF32."),
        layers=many("The layers that could be compared.", layer),
        skipped=many("Layers without equations, which were only run.", LAYER),
        without_dropout=many("Layers whose dropout was taken as 0.", LAYER),
        not_in_torch=many("Layers that torch lacks, whose equations are held against themselves: see `proofs`.", LAYER),
        drawn=many("Layers whose weights and running statistics were drawn at random for this.", LAYER),
        eval_alone=many("Layers that this batch, of one row, cannot be run through in training mode.", LAYER),
        wires=many("What layers read, hand on and hand over, by itself, where any do.", wire),
    )
    return result(
        "verify",
        "What torch computed against the equations in float64.",
        **HEAD,
        ledger=text("Where the numbers are from.", "equations"),
        ok=yes("Torch and the equations agree in every model."),
        models=many("The models.", without(model, "drawn", "eval_alone", "wires")),
    )


_STATS = record(
    "Over all units, and all sequences that have this step.",
    mean=some(number("The mean.")),
    std=some(number("The standard deviation.")),
    minimum=some(number("The least.")),
    maximum=some(number("The largest.")),
    norm=some(number("The Euclidean norm over the units, averaged over the sequences.")),
    saturated_percent=some(number("How many are where their function is flat, or a relu is off; null without one.")),
    half_life=some(number("Steps after which half of the state is left; null for no such gate, and for ever.")),
)
_VECTOR = record(
    "A vector of the equations.",
    name=text("Its name there, such as f or h."),
    function=some(text("The last function applied to it, such as sigmoid or tanh.")),
    is_state=yes("It is carried to the next step."),
    carries=some(text("The state whose past it multiplies; null for what is no such gate.")),
    inverse=yes("It does so as 1 - itself."),
)


def traced() -> Schema:
    """What `trace` prints."""
    memory = record(
        "How long a state lasts, by its gate averaged over all steps and sequences.",
        state=text("The state."),
        gate=text("The gate that keeps it."),
        median=some(number("The half-life of the median unit in steps; null for ever.")),
        longest=some(number("That of the longest; null for ever.")),
        unit=whole("Which unit that is, from 0."),
    )
    step = record(
        "A step.",
        t=whole("The step, from 0."),
        sequences=whole("How many sequences have it."),
        vectors=by_name("By the vector's name.", _STATS),
    )
    value = record(
        "A unit at a step.",
        t=whole("The step, from 0."),
        unit=whole("The unit, from 0."),
        vectors=by_name("By the vector's name.", some(number("Its value; null where it is not so wide."))),
    )
    level = record(
        "One stacked layer in one direction.",
        layer=LAYER,
        type=TYPE,
        stacked_layer=STACKED,
        direction=DIRECTION,
        output_relative_epsilons=some(number("How far the layer's output is from torch's, in epsilons.")),
        output_allowed_epsilons=number("The most that it may be."),
        vectors=many("What is traced.", _VECTOR),
        memory=many("How long each state lasts; empty where no gate keeps one.", memory),
        steps=many("Statistics of every step; empty with --step or --unit.", step),
        values=many("With --step or --unit the values of one sequence.", value),
    )
    model = record("A model.", name=NAME, file=FILE, layers=many("By stacked layer and direction.", level))
    ledger = text("Where the numbers are from.", "equations")
    return result("trace", "Every gate and state.", **HEAD, ledger=ledger, models=many("The models.", model))
