"""The machine that reads pickles: what it builds of plain data, and that nothing hostile runs, hangs or grows."""

from __future__ import annotations

import datetime
import enum
import io
import os
import pickle
import struct
import subprocess
import time
import tracemalloc
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import examples

from rnninspect.files.held import Unreadable
from rnninspect.files.pickles.bytes import mentions
from rnninspect.files.pickles.calls import runs_things, warnings_of
from rnninspect.files.pickles.gathered import Gathered
from rnninspect.files.pickles.machine import MOST_STEPS, read_pickle
from rnninspect.files.pickles.records import Call, Global, Key, Persistent, Skipped
from rnninspect.files.pickles.walk import part_of
from rnninspect.files.readers import pickles
from rnninspect.files.readers.torch_tensors import rebuilt
from rnninspect.files.source import Source

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def source_of(data: bytes) -> Source:
    return Source.of(data, "made.pkl")


def value_of(data: bytes) -> Any:
    return read_pickle(source_of(data)).value


def plain(value: Any) -> Any:
    """A value of the machine's as `pickle.loads` has it: calls of the classes of plain data, made."""
    match value:
        case Call(function=Global(name="encode"), arguments=(text, _)):
            return text.encode("latin-1")
        case Call(function=Global(module="__builtin__", name="bytes"), arguments=()):
            return b""
        case Call(function=Global(module="__builtin__" | "builtins", name=name), arguments=(items,)):
            return {"set": set, "frozenset": frozenset, "bytearray": bytearray}[name](map(plain, items))
        case Key(value=inner):
            return plain(inner)
        case dict():
            return {plain(key): plain(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return type(value)(map(plain, value))
    return value


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
KEYS = SCALARS | st.tuples(SCALARS, SCALARS)
PLAIN = st.recursive(
    SCALARS | st.sets(SCALARS) | st.frozensets(SCALARS),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner, inner, inner, inner, inner),
    max_leaves=20,
)


@given(PLAIN, st.sampled_from(PROTOCOLS))
@examples(15)
def test_plain_data_is_what_it_is(value: Any, protocol: int) -> None:
    assert plain(value_of(pickle.dumps(value, protocol))) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_held_twice_is_one_object_and_may_hold_itself(protocol: int) -> None:
    inner: list[Any] = [1]
    inner.append(inner)
    built = value_of(pickle.dumps({"a": inner, "b": inner}, protocol))
    assert built["a"] is built["b"]
    assert built["a"][1] is built["a"]


class Colour(enum.Enum):
    RED = 1


class Point:
    class Inner:
        """A class in a class, which is looked up in it."""

    def __init__(self, x: int) -> None:
        self.x = x


class Keyword:
    def __new__(cls, *, x: int) -> Keyword:
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[int, ...], dict[str, int]]:
        return (), {"x": 3}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_object_is_a_call_that_was_not_made(protocol: int) -> None:
    built = value_of(pickle.dumps(Point(7), protocol))
    assert isinstance(built, Call)
    assert built.state == {"x": 7}
    ordered = value_of(pickle.dumps(OrderedDict(a=1, b=2), protocol))
    assert (ordered.function, ordered.items) == (Global("collections", "OrderedDict"), {"a": 1, "b": 2})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_objects_that_stand_outside(protocol: int) -> None:
    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return value.decode() if isinstance(value, bytes) else None

    stream = io.BytesIO()
    Pickler(stream, protocol).dump([b"first", b"second"])
    built = read_pickle(source_of(stream.getvalue()))
    assert all(isinstance(each, Persistent) for each in built.value)
    assert [each.key for each in built.outside] == ["first", "second"]


def test_keys_of_several_parts_are_names_where_they_are_short() -> None:
    assert part_of(Key(("a", 1))) == "a/1"
    assert part_of(Key((1,) * 101)) == "?"


def test_texts_of_python_2() -> None:
    assert value_of(rb"S'it\'s \x41\102\n\\ \q'" + b"\n.") == "it's AB\n\\ \\q"
    assert value_of(b"U\x02\xc3\xa9.") == "é"
    assert value_of(b"T\x01\x00\x00\x00\xe9.") == "é"
    assert value_of(b"(dp0\nS'w'\np1\nI5\nsS'x'\nL12L\ns.") == {"w": 5, "x": 12}


def test_what_is_long_is_passed_over() -> None:
    big = b"\1" * 5_000_000
    data = pickle.dumps({"a": big, "b": bytearray(big), "c": "ä" * 100_000, "d": 2**100_000}, 5)
    tracemalloc.start()
    built = value_of(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {key: each.length for key, each in built.items()} == {
        "a": 5_000_000,
        "b": 5_000_000,
        "c": 200_000,
        "d": 12_501,
    }
    assert isinstance(built["a"], Skipped)
    assert peak < 2_000_000


def test_buffers_that_stand_outside_are_nothing() -> None:
    data = pickle.dumps({"a": pickle.PickleBuffer(b"abc")}, 5, buffer_callback=lambda buffer: False)
    assert value_of(data) == {"a": Skipped(0)}


# --- what runs things ---------------------------------------------------------------------------------------


class Evil:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.made_by = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.made_by


def evil_pickles(marker: Path) -> dict[str, tuple[object, str]]:
    """Pickles that make a file at `marker` when they are loaded, and what each calls."""
    shell = f"touch {marker}"
    code = f"open({str(marker)!r}, 'w')"
    system = f"{os.name}.system"
    return {
        "system": (Evil(os.system, shell), system),
        "popen": (Evil(subprocess.Popen, ["touch", str(marker)]), "Popen"),
        "eval": (Evil(eval, code), "eval"),
        "exec": (Evil(exec, code), "exec"),
        "nested": ({"a": [(1, {"b": Evil(list, (Evil(os.system, shell),))})]}, system),
        "import": (Evil(getattr, Evil(__import__, "os"), "system"), "__import__"),
        "open": (Evil(open, str(marker), "w"), "open"),
        "mapped": (Evil(list, Evil(map, os.system, [shell])), system),
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", evil_pickles(Path("x")))
def test_an_evil_pickle_is_named_and_nothing_is_run(name: str, protocol: int, tmp_path: Path) -> None:
    marker = tmp_path / "was_here"
    evil, called = evil_pickles(marker)[name]
    data = pickle.dumps(evil, protocol)
    with pytest.raises(Unreadable, match=rf"^the pickle (calls|names) .*{called}.*; nothing was run$"):
        pickles.read(source_of(data), "made.pkl")
    assert not marker.exists()


def test_these_pickles_are_evil(tmp_path: Path) -> None:
    marker = tmp_path / "was_here"
    pickle.loads(pickle.dumps(evil_pickles(marker)["open"][0])).close()
    assert marker.exists()


def test_names_that_lead_out_of_their_module() -> None:
    data = b"\x80\x04\x8c\x13torch.serialization\x8c\x09os.system\x93\x8c\x02ls\x85R."
    assert warnings_of(read_pickle(source_of(data)), "it") == (
        "it calls torch.serialization.os.system; nothing was run",
    )


@pytest.mark.parametrize("module", ["torch.serialization", "numpy.lib"])
def test_a_look_up_that_leads_to_a_module(module: str) -> None:
    code = b"cbuiltins\ngetattr\n(c%s\nos\nVsystem\ntR(Vls\ntR." % module.encode()
    told = f"it calls {module}.os.system; nothing was run"
    assert warnings_of(read_pickle(source_of(code)), "it")[0] == told
    twice = b"cbuiltins\ngetattr\nq\0(h\0(ctorch\nserialization\nVos\ntRVsystem\ntR."
    assert warnings_of(read_pickle(source_of(twice)), "it") == (
        "it calls builtins.getattr and torch.serialization.os; nothing was run",
    )


@pytest.mark.parametrize(
    "code", [b"(cos\nsystem\nVls\no.", b"(Vls\nios\nsystem\n.", b"cos\nsystem\n(Vls\n\x81.", b"cos\nsystem\n)}\x92."]
)
def test_every_operation_that_calls(code: bytes) -> None:
    assert warnings_of(read_pickle(source_of(code)), "it") == ("it calls os.system; nothing was run",)


def test_a_hostile_name_is_shown_on_one_line_and_short() -> None:
    data = b"\x8c\x02os\x8d" + struct.pack("<Q", 9000) + b"\n\x1b[31mab" * 1125 + b"\x93)R."
    (told,) = warnings_of(read_pickle(source_of(data)), "it")
    assert told.isprintable()
    assert len(told) < 1000


@pytest.mark.parametrize(
    "value",
    [
        datetime.datetime(2026, 1, 2),
        PurePosixPath("a/b"),
        defaultdict(list, a=[1]),
        {1, 2},
        complex(1, 2),
        range(3),
        Point(3),
        Colour.RED,
        Point.Inner,
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_what_is_harmless_is_no_alarm(value: object, protocol: int) -> None:
    assert warnings_of(read_pickle(source_of(pickle.dumps(value, protocol))), "it") == ()


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("pytorch_lightning.callbacks ModelCheckpoint", False),
        ("somebody os.system", True),
        ("somebody os.listdir", True),
        ("zipfile ZipFile", True),
        ("torch.jit.unsupported_tensor_ops execWrapper", True),
        ("torch load", True),
        ("torch.hub load", True),
        ("numpy load", True),
        ("torch.fx.graph_module reduce_graph_module", True),
        ("torch.nn.modules.rnn LSTM", False),
        ("torch.nn.modules.rnn LSTM.forward", False),
        ("torch._utils _rebuild_tensor_v2", False),
        ("torch.jit._pickle build_intlist", False),
        ("torch device", False),
        ("torch Size", False),
        ("numpy._core.multiarray scalar", False),
        ("numpy dtype", False),
        ("numpy.random._pickle __randomstate_ctor", False),
        ("jax._src.array _reconstruct_array", False),
    ],
)
def test_what_runs_things(name: str, runs: bool) -> None:
    assert runs_things(Global(*name.split()), called=True) == runs


# --- hostile bytes: each ends soon, and says why --------------------------------------------------------------


# Each is short; `many` of each, in the quick suite a twentieth, makes it as much work as a file can.
MALFORMED = {
    "nothing": b"",
    "text": b"hello",
    "no operation": b"\xff",
    "no stop": b"N",
    "no operand": b"a.",
    "no mark": b"t.",
    "no value": b".",
    "pop below": b"00000.",
    "huge bytes": b"\x8e" + struct.pack("<Q", 2**60) + b"a.",
    "huge text": b"\x8d" + struct.pack("<Q", 2**63) + b"a.",
    "huge list of bytes": b"\x96" + struct.pack("<Q", 2**64 - 1) + b"a.",
    "negative length": b"T" + struct.pack("<i", -5) + b"abcdef.",
    "negative length of a number": b"\x8b" + struct.pack("<i", -1) + b".",
    "no utf-8": b"X\x02\x00\x00\x00\xff\xfe.",
    "half an escape": rb"V\u12" + b"\n.",
    "no number": b"Iabc\n.",
    "a number too long for python": b"I" + b"9" * 5_000 + b"\n.",
    "no float": b"Fabc\n.",
    "no quotes": b"Sabc\n.",
    "a line without an end": b"S'" + b"a" * 100_000,
    "no such object": b"h\x07.",
    "a far place of the memo": b"Nr\xff\xff\xff\xff" + b"j\xfe\xff\xff\xff.",
    "a negative place": b"Np-1\n.",
    "items in no dict": b"(N(u.",
    "elements in no list": b"N(Ne.",
    "a dict with half an item": b"(Nd.",
    "a tuple of too few": b"NN\x87.",
    "a name that is none": b"NN\x93.",
    "a long name": b"c" + b"a" * 100_000 + b"\nb\n.",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_pickle_is_refused(name: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_pickle(source_of(MALFORMED[name]))
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 200


TOO_MUCH: dict[str, Callable[[int], bytes]] = {
    # what it is like of a number of operations
    "numbers": lambda many: b"K\1" * many + b".",
    "lists": lambda many: b"]" * many + b".",
    "sets": lambda many: b"\x8f" * many + b".",
    "texts": lambda many: b"\x8c\x01a" * many + b".",
    "names": lambda many: b"ca\nb\n" * many + b".",
    "calls": lambda many: b"NNR" * many + b".",
    "places": lambda many: b"N" + b"\x94" * many + b".",
    "gaps": lambda many: b"N" + b"".join(b"r" + struct.pack("<I", 2 * i + 1) for i in range(many)) + b".",
}


# Seconds that no machine needs for what is bounded; what is not takes minutes.
ENDLESS = 20


def refused_much(times: int) -> None:
    """Every kind of too much is refused, and soon."""
    for name, data in TOO_MUCH.items():
        made = source_of(data(MOST_STEPS // times))
        began = time.process_time()
        with pytest.raises(Unreadable, match=r"steps to read|memo has gaps"):
            read_pickle(made, most_steps=MOST_STEPS // times - 1)
        assert time.process_time() - began < ENDLESS, name


def test_too_much_is_refused() -> None:
    refused_much(times=50)


@pytest.mark.more
def test_as_much_as_is_read_is_refused_soon() -> None:
    refused_much(times=1)


def test_too_much_text_is_refused() -> None:
    text = b"X" + struct.pack("<I", 16_000) + b"a" * 16_000
    with pytest.raises(Unreadable, match="of names and texts"):
        read_pickle(source_of(text * 2200 + b"."))


def test_too_many_pickles_in_one_are_refused() -> None:
    loaded = b"ctorch.storage\n_load_from_bytes\nq\0" + b"h\0NR" * 6_000 + b"."
    with pytest.raises(Unreadable, match="pickles in it"):
        read_pickle(source_of(loaded))


def test_a_word_is_found_where_two_parts_that_are_read_meet() -> None:
    found = [mentions(source_of(b"." * (2**18 - k) + b"word" + b"." * 9), [b"word", b"longer"]) for k in range(6)]
    assert found == [True] * 6
    assert not mentions(source_of(b"." * 2**19), [b"word"])


TANGLED: dict[str, Callable[[int], bytes]] = {
    "deep tuples": lambda many: b"N" + b"\x85" * many + b".",
    "deep lists": lambda many: b"]" * many + b"a" * (many - 1) + b".",
    "deep calls": lambda many: b"N" + b")R" * many + b".",
    "laughs of tuples": lambda many: b"N" + b"2\x86" * many + b".",
    "laughs of lists": lambda many: b"]q\0" + b"]h\0ah\0aq\0" * many + b".",
    "laughs of dicts": lambda many: b"}q\0" + b"}Nh\0sK\1h\0sq\0" * many + b".",
    "laughs of objects": lambda many: b"Nq\0" + b"cm\nC\n)R}\x8c\1ah\0s\x8c\1bh\0sbq\0" * many + b".",
    "laughs as a key": lambda many: b"N" + b"2\x86" * 60 + b"q\0}h\0Ns.",
    "laughs in a set": lambda many: b"N" + b"2\x86" * 60 + b"q\0\x8f(h\0\x90.",
    "numbers with one hash": lambda many: (
        b"}" + b"".join(b"\x8a\x0b" + (i * (2**61 - 1)).to_bytes(11, "little") + b"Ns" for i in range(many)) + b"."
    ),
    "pairs with one hash": lambda many: (
        b"}"
        + b"".join(
            b"(" + b"".join(b"J%s" % struct.pack("<i", -1 - (i >> k & 1)) for k in range(16)) + b"tNs"
            for i in range(many // 30)
        )
        + b"."
    ),
    "a list in itself": lambda many: b"]" + b"2a" * many + b".",
    "parameters of parameters": lambda many: (
        b"ctorch._utils\n_rebuild_parameter\nq\x00Nq\1" + b"h\0h\1\x85Rq\1" * (many // 2) + b"."
    ),
}


def walked(times: int) -> None:
    """What is tangled is gone through, soon, and holds no tensor."""
    for name, data in TANGLED.items():
        made = source_of(data(60_000 // times))
        began = time.process_time()
        value = read_pickle(made).value
        gathered = Gathered()
        try:
            gathered.gather(value, rebuilt)
        except Unreadable as error:
            gathered.notes.append(error.message)
        assert time.process_time() - began < ENDLESS, name
        assert gathered.tensors == {}
        if name in ("deep tuples", "deep lists") or "laughs of" in name:
            assert gathered.notes[0] == "what is nested more than 100 levels deep was not looked at"


def test_what_is_tangled_ends() -> None:
    walked(times=20)


@pytest.mark.more
def test_what_is_much_tangled_ends() -> None:
    walked(times=1)


def test_a_tensor_with_very_many_names_is_shown_under_some() -> None:
    tensor = b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nfloat32\nK\5K\7\x86K\7K\1\x86\x89tRq\0"
    pickled = read_pickle(source_of(tensor + b"]h\0aq\0" + b"]h\0ah\0aq\0" * 40 + b"."))
    gathered = Gathered()
    gathered.gather(pickled.value, rebuilt)
    assert {(each.shape, each.dtype) for each in gathered.tensors.values()} == {((5, 7), "float32")}
    assert gathered.notes == ["its parts stand in so many places that not every name of each is shown"]
