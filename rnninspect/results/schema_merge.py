"""What `merge` prints with --format json."""

from __future__ import annotations

from rnninspect.results.schema_bench import PHASE, POINT, SUBJECT
from rnninspect.results.schema_words import HEAD, Schema, many, number, record, result, some, text, whole, yes

_SHARE = record(
    "A share of all points, or of a list of those that were missing.",
    number=whole("Which one, from 1."),
    of=whole("Of how many."),
    missing_list=some(text("What the list is called; null of all points.")),
    attempts=whole("How many journals of it there are."),
    hosts=many("Where they were written.", text("A host.")),
    points=some(whole("How many points it has; null where it has not begun, and nobody says.")),
    measured=whole("How many of them are whole, whoever measured them."),
    half=some(text("Of a journal that ends in half a line its name and that line; null for none.")),
    is_whole=yes("Nothing of it is missing."),
    state=text("The same in words."),
)
_MISSING = record(
    "A point that is not whole.",
    number=whole("Which one, from 0, in the order of the points."),
    **{key: POINT[key] for key in ("model", "case", "point", "settings")},
    reason=text("What there is of it."),
)
_CONTROL = record(
    "What one device took for a phase of a point that every share measures.",
    host=some(text("The host; null where nobody says.")),
    gpu_uuid=some(text("Which GPU; null for none.")),
    model=POINT["model"],
    point=text("The point, as text."),
    variant=text("The variant, as text."),
    subject=SUBJECT,
    phase=PHASE,
    median_seconds=number("What it took here."),
    off_percent=number("By how much more than the median of all devices, in % of that."),
    half_width_percent=some(number("The wider ± of the two; null where unknown.")),
    devices=whole("How many devices measured it."),
    is_off=yes("The device is off: by more than 5 % and than the wider ±, of three devices or more."),
)


def merged() -> Schema:
    """What `merge` prints."""
    other = record(
        "A line of what was measured on a CPU, where the others had another device.",
        host=some(text("Where.")),
        file=text("The journal."),
    )
    half = record(
        "A journal that is being written, or was cut off.",
        file=text("The journal."),
        line=whole("The line that is only half there; 1 is its head."),
    )
    return result(
        "merge",
        "How far a benchmark in shares is.",
        **{key: HEAD[key] for key in ("schema_version", "rnninspect", "torch")},
        ledger=text("Where the numbers are from.", "bench"),
        ok=yes("Nothing is missing."),
        digest=text("What tells this measurement from others."),
        journals=whole("How many journals were read."),
        points=whole("How many points there are in all."),
        measured=whole("How many of them are whole."),
        measured_again=whole("How many lines do not count, because another of the same does."),
        shares=many("Every share.", _SHARE),
        missing=many("Every point that is not whole.", _MISSING),
        other_device=many("What is left out.", other),
        incomplete=many("Journals that are not whole.", half),
        controls=many("By device and figure what the control points took.", _CONTROL),
        command=some(text("What shares out anew what is missing; null where nothing does.")),
    )
