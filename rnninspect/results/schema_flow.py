"""What `gradflow` prints with --format json."""

from __future__ import annotations

from rnninspect.results.schema_words import (
    DIRECTION,
    FILE,
    HEAD,
    LAYER,
    NAME,
    STACKED,
    Schema,
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
        weight=text("What torch calls it."),
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
