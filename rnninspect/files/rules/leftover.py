"""What looks recurrent and was read by no rule, in a few sentences: names and shapes that no other layer has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Set

from rnninspect.errors import printable
from rnninspect.files.held import UNROLLED
from rnninspect.files.rules import numbered, siblings
from rnninspect.files.rules.left import LONGEST, Left, Undecided, bare

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


def sentences(left: Left, undecided: Iterable[Undecided], found: Iterable[str]) -> Iterator[str]:
    """A sentence for each group of tensors that a rule left, then for those that no rule has read.

    found: the names of the layers that were.
    """
    said = [*undecided]
    named = {*found, *(bare(one.prefix) for one in said)}
    said += [*_described(left, named), *siblings.unread(left), *_unread(left), *numbered.unread(left)]
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
