"""What is to be told of a file besides the table of its layers, in sentences; each said once, with whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rnninspect.errors import counted, listed, show
from rnninspect.results.table import MOST_NAMED

if TYPE_CHECKING:
    from rnninspect.files.found import FoundLayer, Identified
    from rnninspect.files.held import Said

# So many sentences of one kind are shown.
_MOST_SENTENCES = 8
_NOT_THERE = "not in the file"
NO_PREFIX = "(no prefix)"


def known_from_all(layers: Sequence[FoundLayer]) -> str | None:
    """What all layers were recognised by, where that is one thing: `names`, or nodes, each of its layer's type."""
    values = {layer.known_from.removesuffix(f" {layer.type}") for layer in layers}
    return values.pop() if len(values) == 1 else None


def sentences(identified: Identified, *, whole: bool = False) -> Iterator[str]:
    """All that is to be told of a file, what matters most first. whole: nothing is left out for its length."""
    most = None if whole else _MOST_SENTENCES
    held, layers = identified.held, identified.layers
    if held.damage:
        yield f"damaged: {held.damage}"
    yield from _few([f"note: {sentence}" for sentence in held.notes], most)
    yield from _few([f"undecided: {sentence}" for sentence in identified.undecided], most)
    yield from _few(list(_remarks(layers)), most)
    yield from _options(layers)
    yield from _left_out(identified)


def _few(found: Sequence[str], most: int | None) -> Iterator[str]:
    """The sentences, of which no more than `most` are said, and how many more there are."""
    yield from found[:most]
    if most is not None and len(found) > most:
        yield f"and {len(found) - most:,} more like these (--all tells them)"


def _remarks(layers: Sequence[FoundLayer]) -> Iterator[str]:
    """What is to be told of single layers, a sentence that is of several with all of their names."""
    owners: dict[str, list[int]] = {}
    for number, layer in enumerate(layers):
        for remark in (*_variant(layer), *layer.remarks):
            owners.setdefault(remark, []).append(number)
    for remark, numbers in owners.items():
        yield f"{_names(layers, numbers)}: {remark}"


def _variant(layer: FoundLayer) -> Iterator[str]:
    """What of a layer torch's of that type has not."""
    if layer.type == "GRU" and layer.reset_after is False:
        yield "Its reset gate multiplies before the product with W_hn; that of torch.nn.GRU after it."
    if layer.peepholes:
        yield f"Its gates read the cell state (peepholes); those of torch.nn.{layer.type} do not."


def _options(layers: Sequence[FoundLayer]) -> Iterator[str]:
    """What the file says of options, and what it does not."""
    said = _parts(layers, [[_said(*option) for option in layer.known.items()] for layer in layers])
    if said:
        yield f"in the file: {said}"
    unsaid = [
        [_unsaid(option, words) for option, words in layer.unknown.items() if words.startswith(_NOT_THERE)]
        for layer in layers
    ]
    if parts := _parts(layers, unsaid):
        yield f"{_NOT_THERE}: {parts}"
    others = [
        [f"{option}: {words}" for option, words in layer.unknown.items() if not words.startswith(_NOT_THERE)]
        for layer in layers
    ]
    if parts := _parts(layers, others):
        yield parts


def _said(option: str, value: Said) -> str:
    words = f"({', '.join(value)})" if isinstance(value, tuple) else value if isinstance(value, str) else show(value)
    return f"{option} = {words}"


def _unsaid(option: str, words: str) -> str:
    """`dropout`; where something is known all the same, `nonlinearity: one of tanh, relu`."""
    return option + words.removeprefix(_NOT_THERE)


def _parts(layers: Sequence[FoundLayer], of_each: Sequence[Iterable[str]]) -> str:
    """`batch_first, dropout; nonlinearity: one of tanh, relu (rnn)`: each once, and whose unless all's."""
    owners: dict[str, list[int]] = {}
    for number, texts in enumerate(of_each):
        for text in texts:
            owners.setdefault(text, []).append(number)
    together: dict[tuple[tuple[int, ...], str], list[str]] = {}
    for text, numbers in owners.items():
        # why apart: what has a colon has commas of its own
        together.setdefault((tuple(numbers), text if ":" in text else ""), []).append(text)
    return "; ".join(
        ", ".join(texts) + (f" ({_whose(layers, numbers)})" if len(numbers) < len(layers) else "")
        for (numbers, _), texts in together.items()
    )


def _whose(layers: Sequence[FoundLayer], numbers: Sequence[int]) -> str:
    """The names of some layers; of nearly all, those of the others."""
    if len(layers) - len(numbers) == 1 and len(numbers) > 1:
        return f"all but {_names(layers, sorted(set(range(len(layers))) - set(numbers)))}"
    return _names(layers, numbers)


def _names(layers: Sequence[FoundLayer], numbers: Sequence[int]) -> str:
    return listed([layers[number].name or NO_PREFIX for number in numbers], MOST_NAMED)


def _left_out(identified: Identified) -> Iterator[str]:
    """How many tensors are none of a recurrent layer's, and what they are."""
    aside: Mapping[str, int] = identified.set_aside
    if aside:
        kinds = [f"{counted(number, 'tensor')} ({what})" for what, number in aside.items()]
        yield f"set aside: {', '.join(kinds)}"
    if identified.others:
        elements = f" of {counted(identified.other_elements, 'element')}" if identified.rest else ""
        yield f"of other layers: {counted(identified.others, 'tensor')}{elements}"
