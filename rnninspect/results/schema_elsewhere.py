"""What `weights --as` prints besides with --format json: the same weights in another framework."""

from __future__ import annotations

from rnninspect.results.schema_words import (
    DIRECTION,
    FILE,
    LAYER,
    NAME,
    STACKED,
    TYPE,
    Schema,
    many,
    record,
    some,
    text,
    whole,
    yes,
)


def translated() -> Schema:
    """The same weights in another framework."""
    shape = many("For each axis its size.", whole("A size."))
    gate = record(
        "What a gate has in a tensor.",
        **{"is": text("What stands there, in symbols of torch's equations: `b_if + b_hf`.")},
        index=text("Where, as an index of numpy's: `[:, 0:50]`."),
        shape=shape,
    )
    tensor = record(
        "A tensor there.",
        name=text("Its name there, with what tells stacked layers and directions apart before it."),
        stacked_layer=STACKED,
        direction=DIRECTION,
        **{"from": some(text("The parameters of torch's that it is made of; null where nothing makes it."))},
        order=some(text("Its gates in their order there, by torch's letters; null for what has none.")),
        shape=shape,
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
