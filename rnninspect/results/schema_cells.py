"""What `cells` prints with --format json."""

from __future__ import annotations

from rnninspect.results.schema_words import (
    HEAD,
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
    yes,
)


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
