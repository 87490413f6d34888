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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, product
from math import prod
from typing import Any, NamedTuple

from rnninspect.bench.jobs import VariantRun
from rnninspect.bench.option_values import MOST_POINTS, Vary, parse_range, parse_values, too_many
from rnninspect.bench.plain import canonical
from rnninspect.bench.records import NONE, RunOptions, settings_text
from rnninspect.document.chain import Spec, need_batch
from rnninspect.document.faults import together, with_excerpts
from rnninspect.document.load import load_tree, spec_of
from rnninspect.document.overrides import option_place, put, put_at
from rnninspect.document.tree import Tree
from rnninspect.document.validate import validate
from rnninspect.errors import DocumentError, Place, printable, show

# why: a point takes some 25 us for each key and value of its document, so this many are validated within 30 s.
_MOST_VALUES = 1_000_000
# why: nobody reads the name of a point with more, and each is held against all others.
_MOST_AXES = 50
_MOST_NAMED = 100
# The types of layers that cuDNN runs whole, and the most steps that it takes.
_IN_CUDNN, CUDNN_STEPS = ("RNN", "LSTM", "GRU"), 65_535


class Point(NamedTuple):
    """One model to time: a document with some of its values replaced.

    case: the case's name, "" where it has none. settings: the value at each path that a case or a sweep sets.
    variants: at least one, interleaved when timed.
    """

    case: str
    settings: Mapping[str, object]
    spec: Spec
    variants: tuple[VariantRun, ...]


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
    if tree.printed:
        need_batch(spec_of(tree, path))
    with with_excerpts(tree.text, tree.source):
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
        return tuple(
            _point(case, swept, varies, tree=bare, path=path, base=base) for case in cases for swept in product(*axes)
        )


def beyond_cudnn(points: Iterable[Point]) -> Iterator[str]:
    """A note on each model with more steps than cuDNN takes, where it may be run on CUDA."""
    told: set[str] = set()
    for point in points:
        for link in point.spec.links:
            steps = link.signal.batch.letters["L"]
            is_long = link.layer.type in _IN_CUDNN and steps > CUDNN_STEPS
            if is_long and point.spec.device not in ("cpu", "mps") and point.spec.name not in told:
                told.add(point.spec.name)
                layer = f"{printable(point.spec.name)}: layer {link.layer.name!r}"
                most = f"cuDNN takes no more than {CUDNN_STEPS:,}"
                yield f"{layer} has {steps:,} steps, and {most}: on a GPU torch may fail (shorter sequences, in parts)"


# --- axes and cases ----------------------------------------------------------------------------------------


def _axes(written: Mapping[str, list[Any] | str], sweeps: Sequence[str], tree: Tree, number: int) -> list[_Axis]:
    """Every axis, the document's first. number: of the points without them.

    why counted on the way: a document of a few kilobytes can ask for more points than there is memory for.
    """
    given = [
        parse_values(sweep, option_place("--sweep", sweep), "--sweep encoder.hidden_size=64,128") for sweep in sweeps
    ]
    replaced = {path for path, _ in given}
    axes: list[_Axis] = []
    for axis in chain(
        (_document_axis(path, values, tree) for path, values in written.items() if path not in replaced),
        (
            _axis([_Value(path, value, option_place("--sweep", sweep)) for value in values])
            for sweep, (path, values) in zip(sweeps, given, strict=True)
        ),
    ):
        axes.append(axis)
        number *= len(axis)
        if number > MOST_POINTS:
            raise too_many(axis[0].place, number, axis[0].path)
        if len(axes) > _MOST_AXES:
            hint = "write what only changes once into the document itself"
            raise DocumentError(axis[0].place, f"more than {_MOST_AXES} paths are swept", path=axis[0].path, hint=hint)
    return axes


def _document_axis(path: str, values: list[Any] | str, tree: Tree) -> _Axis:
    where = ("sweep", path)
    if isinstance(values, str):
        place = tree.place(where)
        return _axis([_Value(path, value, place) for value in parse_range(values, place, path)])
    return _axis([_Value(path, value, tree.place((*where, i))) for i, value in enumerate(values)])


def _axis(values: list[_Value]) -> _Axis:
    values_before: set[str] = set()
    for path, value, place in values:
        if path == "name":
            raise DocumentError(place, "name cannot be swept", hint="give the cases of `cases` names")
        if canonical(value) in values_before:
            raise DocumentError(place, f"{show(value)} stands twice", path=path, hint="keep one of them")
        values_before.add(canonical(value))
    return tuple(values)


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


# --- points and variants -----------------------------------------------------------------------------------


def _point(case: _Case, swept: _Axis, varies: Sequence[Vary], *, tree: Tree, path: str, base: Spec) -> Point:
    values = (*case.values, *swept)
    spec = _spec(tree, path, values, base)
    settings = {item.path: item.value for item in values}
    variants = tuple(
        VariantRun(spec=varied, settings=settings, variant=variant, setting=setting, case=case.name)
        for variant, setting, varied in _variants(tree, path, values, varies, spec)
    )
    return Point(case=case.name, settings=settings, spec=spec, variants=variants)


def _spec(tree: Tree, path: str, values: Sequence[_Value], base: Spec) -> Spec:
    """The model with `values` put in; a complaint says with which."""
    if not values:
        return base
    try:
        for item in values:
            tree = put_at(tree, item.path, item.value, item.place)
        return spec_of(tree, path)
    except DocumentError as error:
        at = f", at {_named(values)}"
        raise together(
            DocumentError(fault.place, fault.message + at, path=fault.path, hint=fault.hint) for fault in error.faults
        ) from error


def _variants(
    tree: Tree, path: str, values: Sequence[_Value], varies: Sequence[Vary], spec: Spec
) -> Iterator[tuple[Mapping[str, object], RunOptions, Spec]]:
    """What is varied, what that means besides the document, and the document; two variants of a point always differ."""
    times: dict[str, int] = {}
    for chosen in product(*(vary.values for vary in varies)):
        varied: dict[str, Any] = {vary.name: value for vary, value in zip(varies, chosen, strict=True)}
        own = {name: value for name, value in varied.items() if name in RunOptions._fields}
        meant: dict[str, Any] = {name: None if value == NONE else value for name, value in own.items()}
        put_in = [
            _Value(vary.name, value, vary.place)
            for vary, value in zip(varies, chosen, strict=True)
            if vary.name not in own
        ]
        varied_spec = _spec(tree, path, (*values, *put_in), spec) if put_in else spec
        again = times[canonical(varied)] = times.get(canonical(varied), 0) + 1
        # why again: the same values may come twice, to be compared with themselves.
        yield varied | ({"again": again} if again > 1 else {}), RunOptions(**meant), varied_spec


def _named(values: Iterable[_Value]) -> str:
    """`encoder.hidden_size=64 input.batch_size=1`, on one line and not without end."""
    text = settings_text({item.path: item.value for item in values})
    return text if len(text) <= _MOST_NAMED else f"{text[:_MOST_NAMED]}..."
