"""What the commands that look into the numbers of models print with --format json."""

from __future__ import annotations

from rnninspect.results.schema_words import (
    DIRECTION,
    FILE,
    HEAD,
    LAYER,
    NAME,
    SHAPE,
    STACKED,
    TYPE,
    Schema,
    by_name,
    many,
    number,
    record,
    result,
    some,
    text,
    whole,
    without,
    yes,
)

_COMPARED = record(
    "A tensor of torch's against the equations'.",
    name=text("output, h_n, or grad and what the gradient is of: a weight, input, h_0."),
    shape=SHAPE,
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


def flowing() -> Schema:
    """What `gradflow` prints."""
    decay = record(
        "The curve in one number.",
        factor=some(number("By how much the norm changes from one lag to the next; null for too few lags.")),
        low=some(number("The lower end of its 95 % interval; null for one sequence.")),
        high=some(number("The upper end.")),
        horizon=some(whole("The first lag at which the norm is below 1e-3 of its start; null for none.")),
        verdict=text("vanishing, exploding, fading, growing, kept, unclear or dead (0 at every lag)."),
    )
    gradient = record(
        "The gradient with respect to one tensor.",
        layer=LAYER,
        of=text("x, the layer's input, or the state's name."),
        stacked_layer=STACKED,
        direction=DIRECTION,
        side=text("past: lags count back from the position; future: ahead of it.", "past", "future"),
        first_lag=whole("The lag of the first norm."),
        norms=many(
            "By lag, the root mean square over the sequences.", some(number("A norm; null for an infinite one."))
        ),
        decay=some({**decay, "description": "The curve in one number; null where there is no decay to tell."}),
        inputs=many("Of x, where the model has several inputs: those whose steps the layer reads.", text("An input.")),
        own_lag=yes("The lag is counted from the layer's own last step: it hands over a last state, or one vector."),
    )
    weight = record(
        "A weight.",
        layer=LAYER,
        parameter=text("What torch calls it."),
        norm=some(number("The norm of its gradient; null for one that is frozen.")),
    )
    model = record(
        "A model.",
        name=NAME,
        file=FILE,
        target=text("Which steps the loss reads.", "last", "sum"),
        layer=text("The layer whose output the loss reads."),
        position=some(whole("The step it reads, from 0; null for the last of each sequence.")),
        sequences=whole("How many sequences the batch has."),
        gradients=many("A curve for each input and state, and each side.", without(gradient, "inputs", "own_lag")),
        weights=many("The gradients of the weights.", weight),
    )
    ledger = text("Where the numbers are from.", "equations")
    return result("gradflow", "How gradients decay.", **HEAD, ledger=ledger, models=many("The models.", model))
