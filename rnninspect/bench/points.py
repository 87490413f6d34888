"""What a benchmark visits: the points of `sweep`, `cases` and `--sweep`, each in the variants of `--vary`.

A path is what `--set` takes (`encoder.hidden_size`). A document's `cases` are a list of mappings from paths to values,
in which `name` is what the case is called:

    cases:
      - {name: small, encoder.hidden_size: 64, input.batch_size: 1}
      - {encoder.hidden_size: 1760, input.batch_size: 16}

and its `sweep` is a mapping from paths to lists, or to `range(START, STOP, STEP)` as Python means it (YAML wants quotes
round it within braces). Every case comes with every combination of what is swept, in the order written, the last path
changing fastest. What stands in the document is the place that a complaint names; all points are validated before any
is visited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, product
from math import prod
from typing import Any, NamedTuple

from rnninspect.bench.cpus import usable_cpus
from rnninspect.bench.plain import canonical
from rnninspect.bench.records import RunOptions, settings_text
from rnninspect.document.blocks import RANGE, validate
from rnninspect.document.chain import Spec
from rnninspect.document.load import load_tree, spec_of
from rnninspect.document.overrides import option_place, put, put_at
from rnninspect.document.quantity import parse_percent
from rnninspect.document.tree import Tree, read_value
from rnninspect.errors import DocumentError, OptionError, Place, did_you_mean, printable, show

MOST_POINTS = 10_000
# why: a point takes some 25 us for each key and value of its document, so this many are validated within 30 s.
_MOST_VALUES = 1_000_000
# why: nobody reads the name of a point with more, and each is held against all others.
_MOST_AXES = 50
_MOST_NAMED = 100
BACKENDS = ("eager", "compile")
_SECONDS = {"": 1.0, "s": 1.0, "ms": 1e-3, "min": 60.0}


class Variant(NamedTuple):
    """One way to run a point.

    values: what was varied, by name. Where the same values come a second time (an A/A comparison), `again` is 2, and
        so on, so that two variants of a point always differ.
    setting: what that means besides the document; spec: the document it is run with.
    """

    values: Mapping[str, object]
    setting: RunOptions
    spec: Spec


class Point(NamedTuple):
    """One model to time: a document with some of its values replaced.

    name: the case's, then what was swept ("small input.batch_size=1"); the model's where nothing was.
    case: the case's name alone, "" where it has none. settings: the value at each path that a case or a sweep sets.
    variants: at least one, interleaved when timed.
    """

    name: str
    case: str
    settings: Mapping[str, object]
    spec: Spec
    variants: tuple[Variant, ...]


class Vary(NamedTuple):
    """One `--vary`: threads, backend, or a path of the document, and its values, of which some may be the same."""

    name: str
    values: tuple[object, ...]
    place: Place


class _Value(NamedTuple):
    """A value and where it was written."""

    path: str
    value: object
    place: Place


# One path that is swept, its values in order.
_Axis = tuple[_Value, ...]


class _Case(NamedTuple):
    name: str
    values: tuple[_Value, ...]
    place: Place


def load_points(
    path: str,
    settings: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    varies: Sequence[Vary] = (),
    *,
    device: str | None = None,
    dtype: str | None = None,
) -> tuple[Point, ...]:
    """Every point of a document, in order; the document as written where it has no sweep and no cases.

    settings, device, dtype: as `load_spec` takes them. sweeps: `PATH=V1,V2`; one of a path that the document sweeps
    takes that sweep's place. Raises DocumentError, naming the path and where it stands, for a value that no model can
    have, a path that does not exist or is set twice, an empty or repeated list, and more points than MOST_POINTS.
    """
    tree = load_tree(path, settings, device=device, dtype=dtype)
    document = validate(tree).document
    base = spec_of(tree, path)
    as_written = _Case("", (), tree.place(()))
    cases = [_case(i, case, tree) for i, case in enumerate(document.cases or ())] or [as_written]
    _check_cases(cases)
    number = len(cases) * prod(len(vary.values) for vary in varies)
    axes = _axes(document.sweep or {}, sweeps, tree, number)
    fixed = [setting.partition("=")[0].strip() for setting in settings]
    fixed += [name for name, value in (("device", device), ("dtype", dtype)) if value is not None]
    _check_paths(axes, cases, varies, fixed)
    bare = tree
    for block in ("sweep", "cases"):
        if getattr(document, block) is not None:
            bare = put(bare, (block,), None, tree.place((block,)))
    _check_number(number * prod(map(len, axes)), bare)
    points = []
    for case, swept in ((case, swept) for case in cases for swept in product(*axes)):
        values = (*case.values, *swept)
        # why: a case without a name is called by its values, and those of the sweep after it.
        name = " ".join(filter(None, [case.name, _named(swept if case.name else values)])) or base.name
        spec = _spec(bare, path, values, base)
        variants = tuple(_variants(bare, path, values, varies, spec))
        points.append(Point(name, case.name, {item.path: item.value for item in values}, spec, variants))
    return tuple(points)


def parse_varies(given: Sequence[str]) -> tuple[tuple[Vary, ...], tuple[str, ...]]:
    """Each `--vary NAME=V1,V2`, and notes on what was not taken as it was given.

    NAME is threads, backend, or a path of the document other than device. Raises DocumentError or OptionError.
    """
    found: list[Vary] = []
    notes: list[str] = []
    for text in given:
        place = option_place("--vary", text)
        name, values = _parsed(text, place, "--vary backend=eager,compile")
        if name in ("device", "name"):
            hint = "bench each device by itself, then compare the two files" if name == "device" else ""
            raise DocumentError(place, f"{name} cannot be varied", hint=hint)
        if name in (vary.name for vary in found):
            raise DocumentError(place, f"{show(name)} is varied twice", hint="write all its values in one option")
        if name == "threads":
            values, said = _threads(values, place)
            notes += said
        if name == "backend":
            for value in values:
                if value not in BACKENDS:
                    hint = did_you_mean(str(value), BACKENDS)
                    raise DocumentError(place, f"expected eager or compile, got {show(value)}", path=name, hint=hint)
        found.append(Vary(name, tuple(values), place))
    return tuple(found), tuple(notes)


def clamp_threads(threads: int) -> tuple[int, str]:
    """How many threads to use where so many were asked for, and a note where that is fewer.

    why: torch.set_num_threads(100000) ends in SIGSEGV, and more threads than CPUs only wait for each other.
    """
    # why not what a quota leaves: what was asked for can be run, and the benchmark warns of it.
    cpus = usable_cpus().allowed
    if threads <= cpus:
        return threads, ""
    return cpus, f"{threads} threads: this process may use {cpus} CPU{'s' * (cpus != 1)}, so {cpus} will be used"


def parse_budget(given: str) -> float:
    """`--budget 3s`, `500ms`, `2min` or `2` in seconds. Raises OptionError for anything else, and for none at all."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([a-z]*)", given.strip())
    if not found or found[2] not in _SECONDS:
        raise OptionError(f"--budget {printable(given)}: expected a time such as 3s, 500ms or 2min")
    seconds = float(found[1]) * _SECONDS[found[2]]
    if not seconds:
        raise OptionError(f"--budget {printable(given)}: expected more than no time")
    return seconds


def parse_precision(given: str) -> float:
    """`--precision 5%` as 0.05. Raises OptionError for anything else, and for what is not above 0 and below 100 %."""
    try:
        share = parse_percent(given.strip())
    except ValueError as error:
        raise OptionError(f"--precision {printable(given)}: {error}") from error
    if not 0 < share < 1:
        raise OptionError(f"--precision {printable(given)}: expected more than 0% and less than 100%")
    return share


# --- axes and cases ----------------------------------------------------------------------------------------


def _axes(written: Mapping[str, list[Any] | str], sweeps: Sequence[str], tree: Tree, number: int) -> list[_Axis]:
    """Every axis, the document's first. number: of the points without them.

    why counted on the way: a document of a few kilobytes can ask for more points than there is memory for.
    """
    given = [_parsed(sweep, option_place("--sweep", sweep), "--sweep encoder.hidden_size=64,128") for sweep in sweeps]
    replaced = {path for path, _ in given}
    found: list[_Axis] = []
    for axis in chain(
        (_document_axis(path, values, tree) for path, values in written.items() if path not in replaced),
        (
            _axis([_Value(path, value, option_place("--sweep", sweep)) for value in values])
            for sweep, (path, values) in zip(sweeps, given, strict=True)
        ),
    ):
        found.append(axis)
        number *= len(axis)
        if number > MOST_POINTS:
            raise _too_many(axis[0].place, number, axis[0].path)
        if len(found) > _MOST_AXES:
            hint = "write what only changes once into the document itself"
            raise DocumentError(axis[0].place, f"more than {_MOST_AXES} paths are swept", path=axis[0].path, hint=hint)
    return found


def _document_axis(path: str, values: list[Any] | str, tree: Tree) -> _Axis:
    where = ("sweep", path)
    if isinstance(values, str):
        place = tree.place(where)
        return _axis([_Value(path, value, place) for value in _range(values, place, path)])
    return _axis([_Value(path, value, tree.place((*where, i))) for i, value in enumerate(values)])


def _axis(values: list[_Value]) -> _Axis:
    seen: set[str] = set()
    for path, value, place in values:
        if path == "name":
            raise DocumentError(place, "name cannot be swept", hint="give the cases of `cases` names")
        if canonical(value) in seen:
            raise DocumentError(place, f"{show(value)} stands twice", path=path, hint="keep one of them")
        seen.add(canonical(value))
    return tuple(values)


def _parsed(text: str, place: Place, example: str) -> tuple[str, list[object]]:
    """The path of `PATH=V1,V2` and its values, ranges written out."""
    path, equals, listed = text.partition("=")
    path = path.strip()
    if not equals or not path:
        raise DocumentError(place, "expected PATH=VALUE,VALUE", hint=f"for example {example}")
    if not listed.strip():
        raise DocumentError(place, "there is no value to visit", path=path, hint=f"for example {example}")
    values: list[object] = []
    for part in _split(listed):
        if re.fullmatch(RANGE, part):
            values += _range(part, place, path)
        elif part.lstrip().startswith("range("):
            hint = "range(START, STOP, STEP), three whole numbers"
            raise DocumentError(place, f"not a range: {show(part)}", path=path, hint=hint)
        else:
            values.append(read_value(part, place.source))
    return path, values


def _split(text: str) -> Iterator[str]:
    """The parts of `text` between commas, those within brackets and quotes aside."""
    depth, quote, start = 0, "", 0
    for k, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            yield text[start:k]
            start = k + 1
    yield text[start:]


def _range(text: str, place: Place, path: str) -> range:
    numbers = [int(number) for number in re.findall(r"-?[0-9]+", text)]
    if len(numbers) == 3 and numbers[2] == 0:
        raise DocumentError(place, f"the step of {text.strip()} is 0", path=path, hint="it is range(START, STOP, STEP)")
    found = range(*numbers)
    if not found:
        message = f"{text.strip()} is empty"
        raise DocumentError(place, message, path=path, hint="STOP itself is left out, as in Python")
    if len(found) > MOST_POINTS:
        raise _too_many(place, len(found), path)
    return found


def _case(number: int, case: Mapping[str, object], tree: Tree) -> _Case:
    where = ("cases", number)
    values = [_Value(path, value, tree.place((*where, path))) for path, value in case.items() if path != "name"]
    return _Case(printable(str(case.get("name", ""))), tuple(values), tree.place(where))


def _check_cases(cases: Sequence[_Case]) -> None:
    names: dict[str, int] = {}
    settings: dict[str, int] = {}
    for i, case in enumerate(cases):
        same = canonical({item.path: item.value for item in case.values})
        first = settings.setdefault(same, i)
        if first != i:
            message = f"sets the same as cases[{first}]"
            raise DocumentError(case.place, message, path=f"cases[{i}]", hint="keep one of them")
        if case.name and names.setdefault(case.name, i) != i:
            message = f"the name {case.name!r} is taken by cases[{names[case.name]}]"
            raise DocumentError(case.place, message, path=f"cases[{i}].name", hint="points are told apart by name")


def _check_paths(axes: Sequence[_Axis], cases: Sequence[_Case], varies: Sequence[Vary], fixed: Sequence[str]) -> None:
    """Refuse a path that is set by two of the document's cases, sweeps, `--vary` and `--set`: one would be lost."""
    set_by = [(path, "--set") for path in fixed]
    of_cases = {item.path: item for case in cases for item in case.values}
    for item in of_cases.values():
        _refuse_overlap(item, set_by)
    set_by += [(path, "a case") for path in of_cases]
    for axis in axes:
        _refuse_overlap(axis[0], set_by)
        set_by.append((axis[0].path, "a sweep"))
    for vary in varies:
        _refuse_overlap(_Value(vary.name, None, vary.place), set_by)


def _refuse_overlap(item: _Value, set_by: Iterable[tuple[str, str]]) -> None:
    for path, by in set_by:
        if item.path == path or item.path.startswith(f"{path}.") or path.startswith(f"{item.path}."):
            message = f"{by} sets {show(path)} already"
            raise DocumentError(item.place, message, path=item.path, hint="set it in one place")


def _check_number(number: int, bare: Tree) -> None:
    most = min(MOST_POINTS, _MOST_VALUES // len(bare.values))
    if number > most:
        message = f"{number:,} points are too many for a document of {len(bare.values):,} keys and values"
        raise DocumentError(bare.place(()), message, hint=f"the most is {most:,}")


def _too_many(place: Place, number: int, path: str) -> DocumentError:
    return DocumentError(place, f"{number:,} points are too many", path=path, hint=f"the most is {MOST_POINTS:,}")


# --- points and variants -----------------------------------------------------------------------------------


def _spec(tree: Tree, path: str, values: Sequence[_Value], base: Spec) -> Spec:
    """The model with `values` put in; a complaint says with which."""
    if not values:
        return base
    try:
        for item in values:
            tree = put_at(tree, item.path, item.value, item.place)
        return spec_of(tree, path)
    except DocumentError as error:
        message = f"{error.message}, at {_named(values)}"
        raise DocumentError(error.place, message, path=error.path, hint=error.hint) from error


def _variants(tree: Tree, path: str, values: Sequence[_Value], varies: Sequence[Vary], spec: Spec) -> Iterator[Variant]:
    times: dict[str, int] = {}
    for chosen in product(*(vary.values for vary in varies)):
        varied: dict[str, Any] = {vary.name: value for vary, value in zip(varies, chosen, strict=True)}
        own = {name: value for name, value in varied.items() if name in RunOptions._fields}
        put_in = [
            _Value(vary.name, value, vary.place)
            for vary, value in zip(varies, chosen, strict=True)
            if vary.name not in own
        ]
        found = _spec(tree, path, (*values, *put_in), spec) if put_in else spec
        again = times[canonical(varied)] = times.get(canonical(varied), 0) + 1
        yield Variant(varied | ({"again": again} if again > 1 else {}), RunOptions(**own), found)


def _threads(values: Sequence[object], place: Place) -> tuple[list[object], list[str]]:
    clamped: list[object] = []
    notes = []
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise DocumentError(place, f"expected an integer >= 1, got {show(value)}", path="threads")
        threads, note = clamp_threads(value)
        clamped.append(threads)
        notes += [f"{place}: {note}"] if note else []
    return clamped, list(dict.fromkeys(notes))


def _named(values: Iterable[_Value]) -> str:
    """`encoder.hidden_size=64 input.batch_size=1`, on one line and not without end."""
    text = settings_text({item.path: item.value for item in values})
    return text if len(text) <= _MOST_NAMED else f"{text[:_MOST_NAMED]}..."
