"""What looks recurrent and was read by no rule, in a few sentences: names and shapes that no other layer has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set

from rnninspect.errors import printable
from rnninspect.files.held import UNROLLED
from rnninspect.files.rules.left import LONGEST, Group, Left, Undecided, bare, split
from rnninspect.letters import Shape

_MOST = 8
_LONGEST_SHOWN = 60
_MOST_GATES = 8
# A part of a name that a recurrent layer has, and one that its weights have: `lstm_1`, `biLSTM`; `weight_hh`, `h2h`.
_RECURRENT = re.compile(
    r".*lstm.*|(?:.*[^a-z])?(?:bi|bidirectional)?(?:gru|rnn|recurrent|sru|mgu|qrnn|indrnn)(?:cell|layer)?s?(?:[^a-z].*)?",
    re.IGNORECASE | re.DOTALL,
)
_WEIGHT = re.compile(
    r"(?:.*[^a-z])?(?:weight|bias|[wbu])_(?:hh|ih|hr)(?:[^a-z].*)?"
    r"|(?:.*[^a-z0-9])?[ixh]2h(?:[^a-z0-9].*)?|.*recurrent_kernel.*"
    r"|(?:.*[^a-z0-9])?[wu]_?(?:xh|hh|hx)",
    re.IGNORECASE | re.DOTALL,
)
# All weights of a layer as one vector.
_FLAT = re.compile(
    r"opaque_kernel|(?:.*_)?rnn_param(?:eter)?s?|(?:.*_)?parameters|flat_weights?|_?flat_param", re.DOTALL
)
# One that other layers have too. why: cells are in many networks, and only shapes tell.
_CELL = re.compile(r".*cells?(?:[^a-z].*)?", re.IGNORECASE | re.DOTALL)
_OTHER = re.compile(
    r"(?:.*[^a-z])?(?:fc|linear|proj(?:ection)?|norm|ln|bn|dense|embed(?:ding)?s?|out(?:put)?|att(?:n|ention)"
    r"|head|classifier|logits)(?:[^a-z].*)?",
    re.IGNORECASE | re.DOTALL,
)
# What an exporter puts below a layer's name that is no weight: first states, sizes.
_COMPUTED = re.compile(r"\w*_output_[0-9]+")
_HINT = re.compile("lstm|gru|rnn|recurrent|_hh|_ih|_hr|2h|cell|sru|mgu|[wu](?:xh|hh|hx)$")
# The module of h, by that of x.
_PAIRS = {"input_linearity": "state_linearity", "igates": "hgates", "ih": "hh", "i2h": "h2h", "x2h": "h2h"}
# The matrix of h by that of x, beside each other: of MLX, Flux, tinygrad and others.
_BESIDE = {"Wx": "Wh", "wx": "wh", "Wi": "Wh", "weights_ih": "weights_hh"}
# What the last part of a name ends in where gates and candidate have matrices of h of their own.
_GATES, _CANDIDATE = "_U", "_Ux"
# A name that is a number: only shapes, one after another, tell of those.
_NUMBER = re.compile(r"(arr_|param_|variable_|var_)?([0-9]{1,9})")
_WHY_NUMBERED = "their shapes are those of an LSTM's or a GRU's weights, and their names are numbers"


def sentences(left: Left, undecided: Iterable[Undecided], found: Iterable[str]) -> Iterator[str]:
    """A sentence for each group of tensors that a rule left, then for those that no rule has read.

    found: the names of the layers that were.
    """
    said = [*undecided]
    named = {*found, *(bare(one.prefix) for one in said)}
    said += [*_described(left, named), *_siblings(left), *_unread(left), *_numbered(left)]
    for one in said[:_MOST]:
        yield sentence(one)
    if rest := said[_MOST:]:
        number = sum(one.tensors for one in rest)
        yield f"{number:,} more tensors look recurrent, in {len(rest):,} groups ({_quoted(rest[0].prefix)}, ...)"


def sentence(one: Undecided) -> str:
    """`42 tensors look recurrent (lstm_5/...), no rule reads them`."""
    if not one.tensors:
        return f"{_quoted(one.prefix).removesuffix('...')} looks recurrent: {one.why}"
    tensors = "tensors look" if one.tensors != 1 else "tensor looks"
    return f"{one.tensors:,} {tensors} recurrent ({_quoted(one.prefix)}), {one.why}"


def _described(left: Left, named: Set[str]) -> Iterator[Undecided]:
    """What the file itself calls recurrent, and of which every tensor is left, or none was ever there."""
    unrolled = [layer.name for layer in left.held.layers if layer.kind == UNROLLED and left.is_left(layer.name)]
    if unrolled:
        left.take_named(unrolled)
        yield Undecided(unrolled[0], len(unrolled), "several products have each, as where a layer's steps are unrolled")
    for layer in left.held.layers:
        names = list(layer.tensors.values())
        if not names and layer.kind.startswith("torch.") and layer.name not in named:
            yield Undecided(layer.name, 0, f"the file calls it {printable(layer.kind)}, and its tensors are not there")
        if names and all(left.is_left(name) for name in names):
            left.take_named(names)
            yield Undecided(layer.name, len(names), f"the file calls it {printable(layer.kind)}, which no rule reads")


def _unread(left: Left) -> Iterator[Undecided]:
    numbers: Counter[str] = Counter()
    shown: set[str] = set()
    for prefix, last, tensor in left.names():
        name = prefix + last
        if not _HINT.search(name[:LONGEST].lower()) or _COMPUTED.fullmatch(last):
            continue
        top, only_by_shape = recurrent_part(name)
        if top:
            numbers[top] += 1
            if (
                _of_gates(tensor.shape)
                or _FLAT.fullmatch(last)
                or (_may_be_recurrent(tensor.shape) and not only_by_shape)
            ):
                shown.add(top)
    yield from (Undecided(top, number, "no rule reads them") for top, number in numbers.items() if top in shown)


def recurrent_part(name: str) -> tuple[str, bool]:
    """A name up to its first part that is a recurrent layer's, with what ends it, "" where it has none; of a part that
    is a weight's, what is before it.

    And whether it takes the shape of its tensors to say so: it may be a cell of anything, or a part of the layer that
    is none of its recurrence.
    """
    top, by_shape, start = "", False, 0
    name = name[:LONGEST]
    for match in re.finditer(r"[./]|$", name):
        part = name[start : match.start()]
        if not top and _WEIGHT.fullmatch(part):
            top = name[:start] or name[: match.end()]
        elif not top and (_RECURRENT.fullmatch(part) or _CELL.fullmatch(part)):
            top, by_shape = name[: match.end()], not _RECURRENT.fullmatch(part)
        # why also of the part itself: `rnn_proj`.
        by_shape = by_shape or bool(top and _OTHER.fullmatch(part))
        start = match.end()
    return top, by_shape


def _may_be_recurrent(shape: tuple[int, ...]) -> bool:
    """Whether gates may be stacked in it, of h alone or of x and h; of what has more axes nobody knows."""
    if len(shape) != 2:
        return len(shape) > 2
    least, most = sorted(shape)
    of_both = ((most, least), (least, most))
    return (least > 1 and most % least == 0 and most // least <= _MOST_GATES) or any(
        side % gates == 0 and 1 < side // gates < other for side, other in of_both for gates in (3, 4)
    )


def _of_gates(shape: tuple[int, ...]) -> bool:
    """Whether a matrix may be W_hh of a GRU or an LSTM, whichever way it lies."""
    if len(shape) != 2:
        return False
    least, most = sorted(shape)
    return least > 1 and most in (3 * least, 4 * least)


def _quoted(prefix: str) -> str:
    # why: a dot before three would be read as four.
    text = printable(prefix.removesuffix("."))
    return (text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN]) + "..."


def _siblings(left: Left) -> Iterator[Undecided]:
    """What has both modules of a pair, or both matrices of h of a GRU; what else is below the same module too."""
    for prefix, group in left.holding(lambda last: last in ("weight", "kernel", "w", "W")):
        parent, name = split(bare(prefix))
        other = f"{parent}{_PAIRS[name]}{prefix[-1:]}" if name in _PAIRS else ""
        if other and _has_matrix(group) and _has_matrix(left.group(other)):
            lasts = [(place, last) for place in (prefix, other) for last in left.group(place)]
            for place, last in lasts:
                left.take(place, [last])
            yield Undecided(parent or prefix, len(lasts), f"{name} and {_PAIRS[name]} are of x and of h")
    yield from _beside(left)
    for prefix, group in left.holding(lambda last: last.endswith(_CANDIDATE)):
        for start in [last.removesuffix(_CANDIDATE) for last in group if last.endswith(_CANDIDATE)]:
            if start + _GATES in group:
                lasts_of = [last for last in group if last.startswith(f"{start}_")]
                left.take(prefix, lasts_of)
                yield Undecided(f"{prefix}{start}_", len(lasts_of), "they are as a GRU of Nematus or Marian has them")


def _beside(left: Left) -> Iterator[Undecided]:
    for prefix, group in left.holding(_BESIDE.__contains__):
        for inputs in [last for last in group if last in _BESIDE]:
            of_h = group.get(_BESIDE[inputs])
            if of_h is not None and len(of_h.shape) == 2:
                lasts = [last for last in group if last in (inputs, _BESIDE[inputs]) or last[:1].lower() == "b"]
                left.take(prefix, lasts)
                yield Undecided(prefix, len(lasts), f"{inputs} and {_BESIDE[inputs]} are of x and of h")


def _has_matrix(group: Group) -> bool:
    return any(len(tensor.shape) >= 2 for tensor in group.values())


def _numbered(left: Left) -> Iterator[Undecided]:
    """What stands in the order of a recurrent layer's weights. It is not read: others may have such shapes too."""
    for prefix, group in left.holding(_NUMBER.fullmatch):
        numbered: dict[str, dict[int, str]] = {}
        for last in group:
            if match := _NUMBER.fullmatch(last):
                numbered.setdefault(match.group(1) or "", {})[int(match.group(2))] = last
        for start, lasts in numbered.items():
            numbers = sorted(lasts)
            shapes = [group[lasts[number]].shape for number in numbers]
            found = [at for at in range(len(shapes)) if _begins(shapes[at : at + 3])]
            if found:
                taken = {numbers[at + k] for at in found for k in range(3)}
                left.take(prefix, [lasts[number] for number in taken])
                yield Undecided(prefix + start, len(taken), _WHY_NUMBERED)


def _begins(shapes: Sequence[Shape]) -> bool:
    """Whether W_ih, W_hh and a bias of several gates stand there, lying as torch's or as Keras'."""
    if len(shapes) < 3 or len(shapes[0]) != 2 or len(shapes[1]) != 2 or len(shapes[2]) not in (1, 2):
        return False
    inputs, recurrent, bias = shapes
    for long, wide in ((0, 1), (1, 0)):
        least, most = recurrent[wide], recurrent[long]
        if least > 1 and most in (3 * least, 4 * least) and inputs[long] == most:
            return bias in ((most,), (2, most), (2 * most,))
    return False
