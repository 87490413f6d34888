"""What the commands that hold models against others, or against a budget, print with --format json."""

from __future__ import annotations

from rnninspect.results.schema_words import (
    COUNTS,
    DTYPE,
    FILE,
    HEAD,
    NAME,
    PER_TOKEN,
    Schema,
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

_CHANGED_LAYER = some(text("The layer's name; null for the model itself."))
_FIELD = text(
    "What has changed: a count, a weight, or a key as --set calls it; layer where one is new or gone, layers for their "
    "order, model where the lock lacks it."
)
_CHANGE = some(whole("The difference, of counts; null of anything else."))
_PERCENT = some(number("That in % of what there was; null from nothing, and of anything but counts."))


_WORDS = ("ok", "not checked", "FAILED")
LIMIT = record(
    "A limit of the budget.",
    limit=text("Its name, such as max_params."),
    allowed=whole("What it allows."),
    actual=whole("What there is."),
    over=some(whole("By how much that is too much; null where it is not.")),
    percent_of_allowed=some(number("What there is in % of what is allowed; null where that is 0.")),
    ok=yes("The model keeps within it."),
)
_GROWTH = record(
    "How far a count may grow over the lock.",
    field=text("The count: parameters, macs and the like."),
    allowed_percent=some(number("By so many %; null where an amount is allowed.")),
    allowed_change=some(whole("By so much; null where a percentage is allowed.")),
    ok=yes("It has grown by no more."),
)


def _weights_file() -> Schema:
    """A checkpoint that a model was held against."""
    names = text("A tensor's name.")
    cause = record(
        "Why tensors do not fit.",
        layer=some(text("The layer that it is about; null for all of the file.")),
        what=text("What is wrong."),
        remedy=text("What to try; empty where nothing is known."),
    )
    return record(
        "The checkpoint of --weights.",
        file=FILE,
        format=text("What it is, such as safetensors."),
        ok=yes("It has every tensor of the model, with its shape, and no other, and is whole."),
        tensors=whole("How many tensors the model has."),
        fitting=whole("How many of them the file has under their names, with their shapes."),
        missing=many("Those that it lacks, as load_state_dict says.", names),
        unexpected=many("Those that the model lacks.", names),
        mismatched=many("Those of another shape.", names),
        damage=text("What is missing of the file; empty where it is whole."),
        unlike=many("What is no misfit: options that the file says otherwise, what it may lack.", text("A sentence.")),
        causes=many("Why, in sentences.", cause),
    )


def _checked_model() -> Schema:
    change = record(
        "Something that is not as it was locked, or is at the base.",
        layer=_CHANGED_LAYER,
        field=_FIELD,
        locked=of_any("What the lock or the base says; null where it has no such thing."),
        now=of_any("What there is now; null where there is none."),
        change=_CHANGE,
        percent=_PERCENT,
    )
    model = record(
        "A model.",
        name=NAME,
        file=FILE,
        dtype=DTYPE,
        **COUNTS,
        ok=some(yes("The model passes; null where nothing was there to check it by.")),
        budget=text("What its budget says; empty: it is there, and limits nothing.", "none", "empty", "within", "over"),
        lock=text(
            "What the lock says.",
            *("none", "same", "written", "updated", "missing", "renamed", "changed", "changed, allowed"),
        ),
        base=text(
            "What its document at the base says.", *("none", "same", "new", "unreadable", "changed", "changed, allowed")
        ),
        weights=text("What the checkpoint of --weights comes to.", "none", "fit", "do not fit"),
        verdict=text("What all come to.", *_WORDS),
        built=some(yes("It was proven on torch, false of a checkpoint that is damaged; else null without --build.")),
        weights_file=some(_weights_file()),
        limits=many("Every limit of the budget.", LIMIT),
        allowed_growth=some(many("With --max-growth, for each count; null without.", _GROWTH)),
        changes=some(many("Everything that has changed; null without a lock and a base.", change)),
    )
    return without(model, *PER_TOKEN)


def checked() -> Schema:
    """What `check` prints."""
    return result(
        "check",
        "Models held against their budgets and the lock.",
        **HEAD,
        ledger=text("agreed: all were proven on torch; plan: not all were, or it was not asked for.", "agreed", "plan"),
        against=some(
            record(
                "What models are held against besides budgets; null without a lock.",
                kind=text("Which it is.", "lock", "base"),
                name=text("The lock's path, or the revision as --base calls it."),
                commit=some(text("The revision's commit; null of a lock.")),
            )
        ),
        ok=some(yes("All of it passes; null where no more is wrong than that something was not checked.")),
        verdict=text("What all of it comes to.", *_WORDS),
        total=record(
            "All models together.",
            parameters=whole("Their parameters."),
            allowed=some(whole("What --max-total-params allows; null without it.")),
            ok=some(yes("They are no more than that; null without it.")),
        ),
        gone=many(
            "With --locked, each document that the lock has and that is not there.",
            text("Its path from the lock's folder."),
        ),
        models=many("The models.", _checked_model()),
    )


def differing() -> Schema:
    """What `diff` prints."""
    total = record(
        "A count of both models.",
        field=text("The count."),
        old=whole("Of the old one."),
        new=whole("Of the new one."),
        change=_CHANGE,
        percent=_PERCENT,
    )
    change = record(
        "Something that differs.",
        layer=_CHANGED_LAYER,
        field=_FIELD,
        old=of_any("Of the old model; null where it has no such thing."),
        new=of_any("Of the new model; null where it has no such thing."),
        change=_CHANGE,
        percent=_PERCENT,
    )
    model = record("A model.", name=NAME, file=FILE, **COUNTS)
    return result(
        "diff",
        "Two models side by side.",
        **HEAD,
        ledger=text("Where the numbers are from.", "plan"),
        models=many("The old model, then the new one.", without(model, *PER_TOKEN)),
        totals=many("Counts of the whole models, whether they differ or not.", total),
        changes=many("Every key, layer and weight that differs.", change),
    )


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
