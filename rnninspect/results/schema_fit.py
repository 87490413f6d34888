"""What `fit` prints with --format json."""

from __future__ import annotations

from rnninspect.results.schema_guard import LIMIT
from rnninspect.results.schema_words import FILE, HEAD, NAME, Schema, many, record, result, some, text, whole


def fitted() -> Schema:
    """What `fit` prints."""
    following = record(
        "The size after it; where value is null the least there is. null where the document takes none above.",
        value=whole("The size."),
        parameters=whole("How many parameters the model then has."),
    )
    found = record(
        "What was found for a document.",
        file=FILE,
        name=NAME,
        path=text("The size that was looked for, as it was named; several that are to be one are joined by =."),
        value=some(whole("The size; null where even the least is over a limit.")),
        parameters=some(whole("How many parameters the model then has; null where there is no value.")),
        macs=some(whole("The multiply-accumulates of one forward pass then; null without a value or a batch.")),
        next=some(following),
        limits=many("Every limit that was to be kept, at value, or where that is null at next.", LIMIT),
    )
    return result(
        "fit",
        "Sizes from a budget.",
        **HEAD,
        ledger=text("Where the numbers are from.", "plan"),
        results=many("A size for each document, in the order they were named.", found),
    )
