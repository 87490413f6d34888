"""The state of a pickle that is being run: its stack, the marks in it, and its memo."""

from __future__ import annotations

from rnninspect.files.held import Damaged, Unreadable
from rnninspect.files.pickles.bytes import PickleBytes
from rnninspect.files.pickles.records import Call, Global, Persistent, Skipped
from rnninspect.files.pickles.texts import whole_number

# Places of the memo that do not follow one another. why a limit: pickles are written with places that do.
_MOST_SCATTERED = 100_000
# The function of torch's that reads a pickle in a pickle.
LOADER = "_load_from_bytes"
# why a limit: each is a pickle to be read.
_MOST_LOADED = 5_000
_LOOK_UPS = (Global("builtins", "getattr"), Global("__builtin__", "getattr"))
# Longer names of attributes are cut.
_LONGEST_NAME = 200


class State:
    """What operations change. globals: all that was named. called: what would have been called.

    loaded: what torch's LOADER would be given. outside: all that has a persistent id. lookups: the functions that would
    look up a name of a class, and no more.
    """

    def __init__(self, source: PickleBytes) -> None:
        self.bytes = source
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: list[object] = []
        self.scattered: dict[int, object] = {}
        self.globals: dict[tuple[str, str], Global] = {}
        self.outside: list[Persistent] = []
        self.called: set[Global] = set()
        self.loaded: list[object] = []
        self.lookups: set[Global] = set()

    def marked(self) -> list[object]:
        """Take what stands on the stack above the last mark, and the mark."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def put(self, place: int) -> None:
        """Keep the top of the stack in the memo."""
        value = self.stack[-1]
        if place == len(self.memo):
            self.memo.append(value)
        elif place < len(self.memo):
            self.memo[place] = value
        else:
            self.scattered[place] = value
            if len(self.scattered) > _MOST_SCATTERED:
                raise Unreadable("a pickle that no writer of pickles writes: its memo has gaps")

    def get(self, place: int) -> None:
        """Put on the stack what the memo has at a place."""
        if place < len(self.memo):
            self.stack.append(self.memo[place])
        elif place in self.scattered:
            self.stack.append(self.scattered[place])
        else:
            raise Damaged(f"the pickle is damaged: it asks for object {place:,}, which it never had")

    def named(self, module: object, name: object) -> Global:
        """The record of a function or class, one for each name."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise Damaged("the pickle is damaged: it names something that has no name")
        return self.globals.setdefault((module, name), Global(module, name))

    def call(self, function: object, arguments: object) -> None:
        """Put the record of a call on the stack."""
        if isinstance(function, Global) and function.name == LOADER:
            self.loaded.append(arguments)
            if len(self.loaded) > _MOST_LOADED:
                raise Unreadable(f"a pickle with more than {_MOST_LOADED:,} pickles in it", "save it with torch.save")
        elif isinstance(function, Global):
            self.called.add(self.member(function, arguments) or function)
        self.stack.append(Call(function, arguments))

    def member(self, function: Global, arguments: object) -> Global | None:
        """What `getattr` would look up in a class or an object of one: a member of an Enum, a method of a module.

        why no look-up in a look-up, and no name such as `__init__`: these lead on to anything.
        """
        if function not in _LOOK_UPS or not isinstance(arguments, tuple):
            return None
        match arguments:
            case (Global() as kind, str(attribute)) | (Call(function=Global() as kind), str(attribute)):
                if kind not in _LOOK_UPS and not attribute.startswith("__"):
                    self.lookups.add(function)
                    return self.named(kind.module, f"{kind.name}.{attribute[:_LONGEST_NAME]}")
        return None

    def place_in_line(self) -> int:
        """A place of the memo that is written as a line."""
        line = self.bytes.line()
        place = None if isinstance(line, Skipped) else whole_number(line)
        if not isinstance(place, int) or place < 0:
            raise Damaged("the pickle is damaged: a place of its memo is no number")
        return place

    def stands_outside(self, key: object) -> None:
        """Put the record of an object that stands outside of the pickle on the stack."""
        found = Persistent(key)
        self.outside.append(found)
        self.stack.append(found)
