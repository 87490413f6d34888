"""What a row of a benchmark is about: the columns that say so, and what stands in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Union

from rnninspect.bench.records import WHOLE_MODEL, settings_text
from rnninspect.errors import printable
from rnninspect.results.table import Cell, Column

if TYPE_CHECKING:
    from rnninspect.bench.compare import Compared
    from rnninspect.bench.largest import FittedBatch
    from rnninspect.bench.matching import Unmatched
    from rnninspect.bench.records import Outcome
    from rnninspect.bench.results import Pooled, Ratio

# A variant of a point of a model.
About = Union["Outcome", "Pooled", "Ratio", "Compared", "Unmatched", "FittedBatch"]
_Thing = TypeVar("_Thing")
# More sentences than this are no answer.
_MOST_SENTENCES = 8
POINT = (
    Column("model", "model", repeats=True),
    Column("file", "file", repeats=True),
    Column("point", "point", repeats=True),
)
DEVICE = Column("device_name", "device", repeats=True)
VARIANT = Column("variant", "variant", repeats=True)
SUBJECT = Column("subject", "subject", repeats=True)
PHASE = Column("phase", "phase")


def cells(row: Any, columns: Iterable[Column]) -> tuple[Cell, ...]:
    """What each column has of a record."""
    return tuple(cell(row, column.key) for column in columns)


def cell(row: Any, key: str) -> Cell:
    """The field of this name, settings as text; of a subject its name, and of what is about no phase none."""
    value = getattr(row, key)
    if key == "subject" and (value is not None or row.phase is not None):
        return subject_text(value)
    return settings_text(value) if isinstance(value, Mapping) else value


def subject_text(subject: str | None) -> str:
    """A layer's name, or what the whole model is called."""
    return WHOLE_MODEL if subject is None else subject


def short_points(things: Sequence[About]) -> list[str]:
    """What each point is called for short: the case, and of the settings what differs between points of that name.

    `encoder.hidden_size` is `hidden_size` where no other path of the model ends so.
    """
    alike: dict[tuple[str, str, str], list[Mapping[str, object]]] = {}
    for one in things:
        alike.setdefault((one.model, one.file, one.case), []).append(one.settings)
    told = {about: _told_paths(settings) for about, settings in alike.items()}
    names = []
    for one in things:
        paths = told[one.model, one.file, one.case]
        settings = settings_text({paths[path]: value for path, value in one.settings.items() if path in paths})
        names.append(" ".join(filter(None, [printable(one.case), settings])) or one.point)
    return names


def _told_paths(points: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """The paths that are not set to the same in all of these points, and what each is called for short."""
    values: dict[str, list[str]] = {}
    for settings in points:
        for path, value in settings.items():
            values.setdefault(path, []).append(str(value))
    ends = Counter(path.rpartition(".")[2] for path in values)
    short = {path: path.rpartition(".")[2] for path in values}
    return {
        path: short[path] if ends[short[path]] == 1 else path
        for path, each in values.items()
        if len(each) < len(points) or len(set(each)) > 1
    }


def told_apart(thing: About, things: Iterable[About], keys: Sequence[str]) -> str:
    """What tells it from the others, as text: the document, and of `keys` what is not the same for all."""
    among = list(things)
    files = {(one.model, one.file) for one in among}
    names = [thing.model] * (len(files) > 1) + [thing.file] * (len(files) > len({model for model, _ in files}))
    differing = [key for key in keys if len({str(cell(one, key)) for one in among}) > 1]
    return " ".join(filter(None, [*names, *(str(cell(thing, key)) for key in differing)]))


def sentences(things: Sequence[_Thing], of: Callable[[_Thing], tuple[str, str]], elsewhere: str) -> Iterator[str]:
    """A sentence for each of the first things. of: what it is about, "" for nothing, and the sentence.

    elsewhere: where the others are to be found.
    """
    for about, sentence in map(of, things[:_MOST_SENTENCES]):
        yield f"{about}: {sentence}" if about else sentence
    if len(things) > _MOST_SENTENCES:
        yield f"{len(things) - _MOST_SENTENCES} more are in {elsewhere}"


def for_people(columns: Sequence[Column], things: Iterable[About], silent: Collection[str] = ()) -> tuple[Column, ...]:
    """`columns`, those for scripts alone that would tell people nothing; silent: keys of more of these."""
    rows = list(things)
    models = {(row.model, row.file) for row in rows}
    hidden = {*silent, *(key for key in ("point", "variant") if not any(getattr(row, key) for row in rows))}
    if len(models) == len({model for model, _ in models}):
        hidden.add("file")
    return tuple(column._replace(for_scripts=column.for_scripts or column.key in hidden) for column in columns)
