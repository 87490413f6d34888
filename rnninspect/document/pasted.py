"""Modules in a text as people paste it: a print with lines around it, a log, a page of a manual, a class body.

What is read: a print of torch's, wherever its line begins, each of its lines behind the same prefix or behind none;
else the calls that make modules, one after another, as a class body has them. All other lines are passed over and told.
Nothing here moves a character, so that every place is the one in the text, colours left out.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnninspect.document.beginning import CALL, is_document, is_printed
from rnninspect.document.blocks import Document
from rnninspect.document.from_printed import CONTAINERS, POSITIONS, is_complete
from rnninspect.document.printed import CHILD, PrintedModule, Read, read_at, read_printed
from rnninspect.document.source import line_starts, place_at
from rnninspect.errors import DocumentError, Place, listed, show

# So many modules of one text are read: prints, which are looked at by themselves, and calls.
_MOST_PRINTS, _MOST_CALLS = 100, 1000
# So many of the lines that are passed over are named.
_MOST_LINES = 4
# So far above its first child a print may begin, and so long may what stands before it in its line be.
_MOST_ABOVE, _MOST_BEFORE = 5, 300
_KEYS = "|".join(Document.model_fields)
_OF_DOCUMENT = re.compile(rf"""^[ \t]*["']?(?:{_KEYS})["']?[ \t]*:""", re.MULTILINE)
_TABLE = re.compile(r"^.{0,40}?(?:Layer \(type[:)]|\| Name +\| Type )", re.MULTILINE)
# What stands for a space: line ends of Windows, spaces of web pages, a line that goes on. Colours stand for nothing.
_BLANK = re.compile(r"\r(?=\n)|[\xa0\u200b\ufeff\u3000]|\\(?=[ \t\r]*\n)")
_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,40}m")
# What a line that is passed over should not hold.
_RECURRENT = re.compile(r"(?<!\w)(?:RNN|LSTM|GRU)(?:Cell)? {0,40}\(")
_PROMPT = re.compile(r"[ \t]*(?:>>> |\.\.\. )?[ \t]*")
_HEAD = re.compile(r"(?<![\w.])(?:([A-Za-z_][\w.]{0,99}) *= *)?([A-Za-z_][\w.]{0,99}) ?\($")
_NAMED = re.compile(CHILD.pattern + r"\Z")
_CALL = re.compile(CALL.removeprefix(r"^\s*"))
# Behind a call: what moves a module elsewhere, and leaves its sizes and its dtype as they are.
_METHOD = re.compile(
    r"\.(?:to|cuda|cpu|eval|train|requires_grad_)\((?![^()\n]*(?:float|half|double|type))[^()\n]{0,99}\)"
)
# How a line goes on with a print, however far out it stands.
_GOES_ON = r"[)(\]}#]|\.\.\.|…|//"
# Behind a call that is a statement.
_REST = re.compile(r"[ \t]*(?:[,;][ \t,;]*|(?=$|[#`\r]))", re.MULTILINE)
_ONE_EACH = "one module in each line, or one Sequential of all, or what print(model) says"


class Pasted(NamedTuple):
    """What a text holds. modules: by the names that they have among each other; "" of the only one. notes: what was
    passed over, and where a print stops too early.
    """

    modules: tuple[tuple[str, PrintedModule], ...]
    notes: tuple[str, ...] = ()


class _Found(NamedTuple):
    """A module in the text, and where it begins. is_print: as torch writes it, and no code that makes one."""

    start: int
    read: Read
    is_print: bool


def is_pasted(text: str) -> bool:
    """Whether a text holds modules and is no document. Quick for a document."""
    if is_printed(text):
        return True
    if is_document(text):
        return False
    found = next(_beginnings(_cleaned(text)), None)
    return found is not None and (found.has_children or not _OF_DOCUMENT.search(text))


def refuse_others(text: str, source: str) -> None:
    """Raise DocumentError for what no document is: Python without a module, or a table that torchinfo, Keras or
    Lightning prints.
    """
    if source.endswith(".py") and not is_document(text):
        hint = "nothing is run: give what print(model) says, or in Python call rnninspect.inspect"
        raise DocumentError(Place(source), "it makes no layer that is read, as nn.LSTM(300, 50) does", hint=hint)
    table = None if is_document(text) else _TABLE.search(text)
    if table is not None:
        hint = "print(model) says them, and a checkpoint does"
        what = "a table of layers says no hidden_size, nor whether there are two directions"
        raise DocumentError(place_at(text, table.end() - 1, source), what, hint=hint)


def read_pasted(text: str, source: str) -> Pasted:
    """The modules of a text. Raises DocumentError where one of them cannot be read, or there is none."""
    cleaned = _cleaned(text)
    found = list(_modules(cleaned, source))
    if not found:
        return Pasted((("", read_printed(cleaned, source)),))
    prints = [each for each in found if each.is_print]
    chosen = prints if any(each.read.module.children for each in prints) else found
    return Pasted(tuple(_named([each.read.module for each in chosen])), tuple(_notes(cleaned, found, chosen)))


class _Beginning(NamedTuple):
    """Where a module begins. prefix: what stands before it in its line. has_children: it looks like a print's."""

    at: int
    prefix: str
    has_children: bool


def _cleaned(text: str) -> str:
    return _BLANK.sub(" ", _COLOUR.sub("", text))


def _modules(text: str, source: str) -> Iterator[_Found]:
    """Every module of the text in its order, one that is inside of another with that."""
    starts = line_starts(text)
    after = 0
    numbers = Counter[bool]()
    while (begins := next(_beginnings(text, after), None)) is not None:
        numbers[begins.has_children] += 1
        most = _MOST_PRINTS if begins.has_children else _MOST_CALLS
        if numbers[begins.has_children] > most:
            raise DocumentError(place_at(text, begins.at, source), f"more than {most:,} modules in one text")
        whole = text
        if begins.has_children:
            text = _without_prefix(text, begins)
            whole = text[: _end_of_print(text, begins)]
        read = read_at(whole, begins.at, source, starts)
        torch_wrote = begins.has_children and bool(read.module.children)
        is_print = torch_wrote or read.module.listed or is_complete(read.module)
        after = read.end
        if not torch_wrote:
            after = _end_of_statement(text, after, source)
        yield _Found(begins.at, read, is_print)


def _beginnings(text: str, after: int = 0) -> Iterator[_Beginning]:
    """Where modules may begin, line by line from `after` on."""
    at = after
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        begins = _in_line(text, at, end)
        if begins is not None:
            yield begins
        at = end + 1


def _in_line(text: str, at: int, end: int) -> _Beginning | None:
    first = max(at, end - _MOST_BEFORE)
    head = _HEAD.search(text[first:end].rstrip())
    if head is not None and _has_child_below(text, end + 1):
        start = first + head.start()
        named = _NAMED.search(text, first, start)
        start = named.start() if named else start
        return _Beginning(start, text[at:start], has_children=True)
    prompt = _PROMPT.match(text, at, end)
    start = prompt.end() if prompt else at
    child = CHILD.match(text, start, end)
    call = _CALL.match(text, child.end() if child else start)
    if call is None:
        return None
    kind = call[0].rpartition("=")[2].strip(" (")
    known = kind.rpartition(".")[2] in (*POSITIONS, *CONTAINERS) and not kind.startswith("keras.")
    of_torch = kind.startswith(("nn.", "torch.nn.")) or call[0].startswith("self.")
    if known or (child is None and of_torch and kind.rpartition(".")[2][:1].isupper()):
        return _Beginning(start, "", has_children=False)
    return None


def _has_child_below(text: str, at: int) -> bool:
    """Whether a child is printed within the next lines, before anything else that is."""
    for _ in range(_MOST_ABOVE):
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)][:_MOST_BEFORE]
        child = re.search(r"(?<![\w)])" + CHILD.pattern, line)
        if child is not None:
            return True
        if end < 0 or line.strip().startswith(")") or line.rstrip().endswith("("):
            return False
        at = end + 1
    return False


def _without_prefix(text: str, begins: _Beginning) -> str:
    """The text with the prefix of the lines of a print, such as `INFO: ` or a time, made blank."""
    prefix = begins.prefix.rstrip()
    if not prefix:
        return text
    pattern = re.compile(r"\d".join(map(re.escape, re.split(r"\d", prefix))))
    pieces, at = [text[: begins.at]], begins.at
    while (line := text.find("\n", at) + 1) and (match := pattern.match(text, line)):
        pieces += [text[begins.at if len(pieces) == 1 else at : line], " " * (match.end() - line)]
        at = match.end()
    return "".join([*pieces, text[at:]])


def _end_of_print(text: str, begins: _Beginning) -> int:
    """Where a print ends at the latest: at a line further out than its first child that closes and lists nothing."""
    child = re.compile(rf"^([ \t]*)(?:{CHILD.pattern})", re.MULTILINE).search(text, text.find("\n", begins.at) + 1)
    inner = len(child[1]) if child else 0
    if not inner:
        return len(text)
    further_out = re.compile(rf"^[ \t]{{0,{min(inner, _MOST_BEFORE) - 1}}}(?![ \t]|{_GOES_ON})\S", re.MULTILINE)
    end = further_out.search(text, child.end() if child else 0)
    return end.start() if end else len(text)


def _end_of_statement(text: str, at: int, source: str) -> int:
    """Where the next statement may begin. Raises DocumentError where something is done to what was made."""
    while match := _METHOD.match(text, at):
        at = match.end()
    rest = _REST.match(text, at)
    if rest is None:
        at += len(text[at:]) - len(text[at:].lstrip(" \t"))
        raise DocumentError(place_at(text, at, source), "expected the end", hint=_ONE_EACH)
    return rest.end()


def _named(modules: Sequence[PrintedModule]) -> Iterator[tuple[str, PrintedModule]]:
    """The modules by name: what each is assigned to, or its class, with a number where several are called so."""
    if len(modules) == 1 and (modules[0].children or not modules[0].assigned):
        yield "", modules[0]._replace(assigned="")
        return
    names = [each.assigned or (each.type if each.children else each.type.lower()) for each in modules]
    total, seen = Counter(names), Counter[str]()
    for name, module in zip(names, modules, strict=True):
        seen[name] += 1
        yield f"{name}-{seen[name]}" if total[name] > 1 else name, module._replace(assigned="")


def _notes(text: str, found: Sequence[_Found], chosen: Sequence[_Found]) -> Iterator[str]:
    """What was passed over. why found: the code that makes what is printed below it is nothing that is missing."""
    starts = line_starts(text)
    within, understood = _lines(chosen, starts), _lines(found, starts)
    bounds = zip(starts, [*starts[1:], len(text)], strict=True)
    over = [n for n, (start, end) in enumerate(bounds, 1) if n not in within and text[start:end].strip("`\n\r\t ")]
    if over:
        what = "line" if len(over) == 1 else "lines"
        yield f"passed over, as no module: {what} {listed(list(_ranges(over)), _MOST_LINES)}"
    odd = [number for number in over if number not in understood]
    for number in [number for number in odd if _RECURRENT.search(_text_of(text, starts, number))][:_MOST_LINES]:
        yield f"line {number} is not read as a layer: {show(_text_of(text, starts, number).strip())}"
    for each in chosen:
        if each.read.unclosed:
            line = _line(starts, each.read.end - 1)
            yield f"the print ends at line {line} before its brackets do: what came after that is not known"


def _lines(found: Sequence[_Found], starts: Sequence[int]) -> set[int]:
    """The lines that modules stand in."""
    spans = ((_line(starts, each.start), _line(starts, each.read.end - 1)) for each in found)
    return {line for first, last in spans for line in range(first, last + 1)}


def _text_of(text: str, starts: Sequence[int], number: int) -> str:
    return text[starts[number - 1] : starts[number] if number < len(starts) else len(text)]


def _line(starts: Sequence[int], at: int) -> int:
    return bisect(starts, at)


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    """`1-3` and `9` of 1, 2, 3, 9."""
    first = last = numbers[0]
    for number in [*numbers[1:], 0]:
        if number == last + 1:
            last = number
            continue
        yield str(first) if first == last else f"{first}-{last}"
        first = last = number
