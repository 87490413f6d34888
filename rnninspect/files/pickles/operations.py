"""What each opcode of a pickle does to the state, of protocols 0 to 5: none runs, imports or looks up a thing."""

from __future__ import annotations

import struct
from collections.abc import Callable

from rnninspect.files.held import Damaged
from rnninspect.files.pickles.records import Call, Global, Skipped, key_of
from rnninspect.files.pickles.state import State
from rnninspect.files.pickles.texts import text_of_latin, text_of_quoted, text_of_utf8, whole_number

# A number of more bytes than this is no size of anything.
_LONGEST_NUMBER = 1024

Operation = Callable[[State], None]
STOP = ord(".")


def _nothing(length: int) -> Operation:
    """An operation that says nothing of the object, with an argument of so many bytes."""
    return lambda state: state.bytes.skip(length)


def _pushed(value: object) -> Operation:
    return lambda state: state.stack.append(value)


def _made(make: Callable[[], object]) -> Operation:
    return lambda state: state.stack.append(make())


def _number(length: int, *, signed: bool = False) -> Operation:
    return lambda state: state.stack.append(int.from_bytes(state.bytes.take(length), "little", signed=signed))


def _text(read: Callable[[bytes], object], length: int) -> Operation:
    """Bytes or a text whose own length stands before it, in `length` bytes."""

    def operation(state: State) -> None:
        data = state.bytes.bytes_of(state.bytes.number(length))
        state.stack.append(data if isinstance(data, Skipped) else read(data))

    return operation


def _line(read: Callable[[bytes], object]) -> Operation:
    """A text or a number that ends with its line."""

    def operation(state: State) -> None:
        data = state.bytes.line()
        if isinstance(data, Skipped):  # why: what is kept of a long text is UTF-8
            head = data.head.decode("raw-unicode-escape", "ignore").encode("utf-8", "ignore")
            state.stack.append(Skipped(data.length, head))
        else:
            state.stack.append(read(data))

    return operation


def _long(length: int) -> Operation:
    def operation(state: State) -> None:
        size = state.bytes.number(length)
        if size > _LONGEST_NUMBER:
            state.bytes.skip(size)
            state.stack.append(Skipped(size))
        else:
            state.stack.append(int.from_bytes(state.bytes.take(size), "little", signed=True))

    return operation


def _pop(state: State) -> None:
    if state.marks and state.marks[-1] == len(state.stack):  # why: a mark stands on the stack too
        state.marks.pop()
    else:
        state.stack.pop()


def _tuple(length: int) -> Operation:
    def operation(state: State) -> None:
        if len(state.stack) < length:
            raise IndexError
        items = tuple(state.stack[-length:])
        del state.stack[-length:]
        state.stack.append(items)

    return operation


def _of_marked(make: Callable[[list[object]], object]) -> Operation:
    return lambda state: state.stack.append(make(state.marked()))


def _dict_of(items: list[object]) -> dict[object, object]:
    return {key_of(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _set_items(state: State, items: dict[object, object]) -> None:
    target = state.stack[-1]
    if isinstance(target, Call):
        target.items = {} if target.items is None else target.items
        target.items.update(items)
    elif isinstance(target, dict):
        target.update(items)
    else:
        raise Damaged("the pickle is damaged: it stores items in what is no dict")


def _set_item(state: State) -> None:
    value, key = state.stack.pop(), state.stack.pop()
    _set_items(state, {key_of(key): value})


def _append_all(state: State, values: list[object]) -> None:
    target = state.stack[-1]
    if isinstance(target, Call):
        target.elements = target.elements or []
        target = target.elements
    if isinstance(target, list):
        target.extend(values)
    elif isinstance(target, set):
        target.update(map(key_of, values))
    else:
        raise Damaged("the pickle is damaged: it appends to what is no list")


def _global(state: State) -> None:
    module, name = state.bytes.line(), state.bytes.line()
    if isinstance(module, Skipped) or isinstance(name, Skipped):
        raise Damaged("the pickle is damaged: a name in it is longer than names are")
    state.stack.append(state.named(text_of_utf8(module), text_of_utf8(name)))


def _stack_global(state: State) -> None:
    name, module = state.stack.pop(), state.stack.pop()
    state.stack.append(state.named(module, name))


def _instance(state: State) -> None:
    arguments = tuple(state.marked())
    _global(state)
    state.call(state.stack.pop(), arguments)


def _object(state: State) -> None:
    function, *arguments = state.marked() or [None]
    state.call(function, tuple(arguments))


def _reduce(state: State) -> None:
    arguments, function = state.stack.pop(), state.stack.pop()
    state.call(function, arguments)


def _new_with_keywords(state: State) -> None:
    keywords, arguments, function = state.stack.pop(), state.stack.pop(), state.stack.pop()
    state.call(function, (arguments, keywords))


def _build(state: State) -> None:
    given = state.stack.pop()
    target = state.stack[-1]
    if isinstance(target, Call):
        target.state = given


def _persistent(state: State) -> None:
    key = state.stack.pop()
    # why: torch once wrote a class so, with its source beside it.
    if isinstance(key, tuple) and len(key) > 1 and key[0] == "module" and isinstance(key[1], Global):
        state.stack.append(key[1])
    else:
        state.stands_outside(key)


def _persistent_line(state: State) -> None:
    key = state.bytes.line()
    state.stands_outside(key if isinstance(key, Skipped) else text_of_latin(key))


def _extension(length: int) -> Operation:
    return lambda state: state.stack.append(state.named("copyreg", f"extension {state.bytes.number(length)}"))


_BY_CODE: dict[bytes, tuple[int, Operation]] = {
    # how many steps it is worth, and what it does
    b"\x80": (1, _nothing(1)),
    b"\x95": (1, _nothing(8)),
    b"(": (1, lambda state: state.marks.append(len(state.stack))),
    b"0": (1, _pop),
    b"1": (1, lambda state: state.marked().clear()),
    b"2": (1, lambda state: state.stack.append(state.stack[-1])),
    b"N": (1, _pushed(None)),
    b"\x88": (1, _pushed(True)),
    b"\x89": (1, _pushed(False)),
    b"I": (3, _line(whole_number)),
    b"L": (3, _line(whole_number)),
    b"J": (2, _number(4, signed=True)),
    b"K": (1, lambda state: state.stack.append(state.bytes.byte())),
    b"M": (2, _number(2)),
    b"\x8a": (2, _long(1)),
    b"\x8b": (3, _long(4)),
    b"F": (3, _line(float)),
    b"G": (2, lambda state: state.stack.append(struct.unpack(">d", state.bytes.take(8))[0])),
    b"S": (4, _line(text_of_quoted)),
    b"V": (4, _line(lambda data: data.decode("raw-unicode-escape"))),
    b"T": (3, _text(text_of_latin, 4)),
    b"U": (3, _text(text_of_latin, 1)),
    b"X": (3, _text(text_of_utf8, 4)),
    b"\x8c": (3, _text(text_of_utf8, 1)),
    b"\x8d": (3, _text(text_of_utf8, 8)),
    b"B": (3, _text(bytes, 4)),
    b"C": (3, _text(bytes, 1)),
    b"\x8e": (3, _text(bytes, 8)),
    b"\x96": (3, _text(bytes, 8)),
    b"]": (3, _made(list)),
    b"}": (3, _made(dict)),
    b"\x8f": (8, _made(set)),
    b")": (1, _pushed(())),
    b"\x85": (2, _tuple(1)),
    b"\x86": (2, _tuple(2)),
    b"\x87": (2, _tuple(3)),
    b"t": (2, _of_marked(tuple)),
    b"l": (3, _of_marked(list)),
    b"d": (3, _of_marked(_dict_of)),
    b"\x91": (8, _of_marked(lambda items: frozenset(map(key_of, items)))),
    b"a": (1, lambda state: _append_all(state, [state.stack.pop()])),
    b"e": (1, lambda state: _append_all(state, state.marked())),
    b"\x90": (1, lambda state: _append_all(state, state.marked())),
    b"s": (2, _set_item),
    b"u": (2, lambda state: _set_items(state, _dict_of(state.marked()))),
    b"p": (3, lambda state: state.put(state.place_in_line())),
    b"g": (3, lambda state: state.get(state.place_in_line())),
    b"q": (1, lambda state: state.put(state.bytes.byte())),
    b"r": (2, lambda state: state.put(state.bytes.number(4))),
    b"h": (1, lambda state: state.get(state.bytes.byte())),
    b"j": (2, lambda state: state.get(state.bytes.number(4))),
    b"\x94": (1, lambda state: state.put(len(state.memo))),
    b"c": (6, _global),
    b"\x93": (3, _stack_global),
    b"i": (8, _instance),
    b"o": (4, _object),
    b"R": (4, _reduce),
    b"\x81": (4, _reduce),
    b"\x92": (4, _new_with_keywords),
    b"b": (1, _build),
    b"P": (6, _persistent_line),
    b"Q": (3, _persistent),
    b"\x97": (1, _pushed(Skipped(0))),
    b"\x98": (1, _nothing(0)),
    b"\x82": (2, _extension(1)),
    b"\x83": (2, _extension(2)),
    b"\x84": (2, _extension(4)),
}

OPERATIONS: list[Operation | None] = [None] * 256
STEPS = [1] * 256
for _code, (_steps, _operation) in _BY_CODE.items():
    OPERATIONS[_code[0]], STEPS[_code[0]] = _operation, _steps
