"""Damaged and hostile files, hundreds of them, many made from small real ones: each a name and its bytes.

The same seed does the same to them. None is dangerous: what an evil one would call makes a file named MARKER.
"""

from __future__ import annotations

import gzip
import json
import os
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from protobuf_bytes import field, varint
from small_checkpoints import small_checkpoints, tarred, zipped

MARKER = "was-called"
LARGE = 2**63 - 1


class Damaged(NamedTuple):
    """One file. family: what was done to it. file: its name in the folder.

    content: its bytes, or what makes it there. of: the name of the small checkpoint that it is a part of, "" elsewhere.
    """

    family: str
    what: str
    file: str
    content: bytes | Callable[[Path], None]
    of: str = ""

    def write(self, folder: Path) -> Path:
        """The file, made in a folder of its own."""
        folder.mkdir(parents=True)
        path = folder / self.file
        if isinstance(self.content, bytes):
            path.write_bytes(self.content)
        else:
            self.content(path)
        return path


def damaged(seed: int = 0) -> list[Damaged]:
    """All of them."""
    chance = random.Random(seed)
    whole = small_checkpoints()
    return [
        *(cut for name, content in whole.items() for cut in cuts(name, content, chance)),
        *(flip for name, content in whole.items() for flip in flips(name, content, chance)),
        *lengths(whole),
        *bombs(),
        *deep(),
        *evil(),
        *names(),
        *others(whole),
    ]


# --- what happens to files by accident ---------------------------------------------------------------------

# Where formats have something to tell: after a magic number, in a header, before the directory at a file's end.
PLACES = (1, 2, 7, 8, 9, 64, -1, -8, -22, -48)


def cuts(name: str, content: bytes, chance: random.Random) -> Iterator[Damaged]:
    """A file that ends too early."""
    length = len(content)
    places = {place % length for place in PLACES} | {length // 2} | {chance.randrange(length) for _ in range(3)}
    for place in sorted(places):
        yield Damaged("cut", f"{name} at {place}", name, content[:place], name)


def flips(name: str, content: bytes, chance: random.Random) -> Iterator[Damaged]:
    """A file some of whose bits are others: near its ends, where headers are, or anywhere."""
    for number in range(5):
        bad = bytearray(content)
        reach = (len(bad), 200, len(bad), 400, len(bad))[number]
        for _ in range(chance.choice((1, 2, 8))):
            at = chance.randrange(min(reach, len(bad))) * chance.choice((1, -1))
            bad[at] ^= 1 << chance.randrange(8)
        yield Damaged("flip", f"{name}, {number}", name, bytes(bad), name)


# --- numbers that say too much -----------------------------------------------------------------------------


def _header(text: str | bytes, length: int | None = None) -> bytes:
    body = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(body) if length is None else length) + body


def _one(shape: object, dtype: object = "F32", offsets: object = (0, 4)) -> bytes:
    return _header(json.dumps({"a.weight_hh_l0": {"dtype": dtype, "shape": shape, "data_offsets": offsets}})) + bytes(4)


SAFETENSORS = {
    "no header": struct.pack("<Q", 0),
    "a header of 2^64": _header("{}", 2**64 - 1),
    "a header of 2^63": _header("{}", LARGE),
    "a header of 99 MB": _header("{}", 99_000_000),
    "a header one byte too long": _header("{}", 3),
    "a shape of 2^62 times 2^62": _one([2**62, 2**62]),
    "a shape below zero": _one([-1, 4]),
    "a shape of halves": _one([0.5, 2]),
    "a shape of 10,000 sizes": _one([1] * 10_000),
    "a shape that is none": _one("4"),
    "a shape of truths": _one([True, True]),
    "a size of 5,000 digits": _header(
        '{"a": {"dtype": "F32", "data_offsets": [0, 4], "shape": [' + "9" * 5_000 + "]}}"
    ),
    "no number": _header('{"a": {"dtype": "F32", "data_offsets": [0, NaN], "shape": [Infinity]}}'),
    "offsets behind the end": _one([1], offsets=[2**40, 2**40 + 4]),
    "offsets turned round": _one([1], offsets=[4, 0]),
    "three offsets": _one([1], offsets=[0, 4, 8]),
    "a dtype that is none": _one([1], dtype={"F": 32}),
    "an entry that is none": _header('{"a": 3, "b": null, "c": []}'),
    "a list": _header("[1, 2]"),
    "two of one name": _header('{"a": {}, "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}'),
    "no text": _header(b"{\xff\xfe}"),
}
PROTO = b"\x80\x04"
DIMS = struct.pack("<i", 2**31 - 1)
PICKLES = {
    "a text of 2^32": PROTO + b"X\xff\xff\xff\xffabc.",
    "a text of 2^63": PROTO + b"\x8d" + struct.pack("<Q", LARGE) + b"abc.",
    "bytes of 2^63": PROTO + b"\x8e" + struct.pack("<Q", LARGE) + b"abc.",
    "an array of bytes of 2^63": b"\x80\x05\x96" + struct.pack("<Q", LARGE) + b"abc.",
    "a number of 2^31 bytes": PROTO + b"\x8b" + DIMS + b"\x01.",
    "a number of -1 bytes": PROTO + b"\x8b\xff\xff\xff\xff.",
    "a number of a million digits": PROTO + b"I" + b"9" * 1_000_000 + b"\n.",
    "a frame of 2^63": PROTO + b"\x95" + struct.pack("<Q", LARGE) + b"N.",
    "a memo at 2^32": PROTO + b"Nr\xff\xff\xff\xff.",
    "nothing in the memo": PROTO + b"j\xff\xff\xff\xff.",
    "a tuple of nothing": PROTO + b"t.",
    "a stack that is empty": PROTO + b"0" * 10 + b".",
    "a list that doubles": PROTO + b"]q\x00(" + b"h\x00" * 100 + b"e." + b"2" * 100,
    "a protocol of the future": b"\x80\xff.",
    "an opcode that is none": PROTO + b"\xfe.",
    "a million opcodes": PROTO + b"N0" * 1_000_000 + b"N.",
    "an extension": PROTO + b"\x84\xff\xff\xff\x7f.",
    "no end": PROTO + b"}",
}


def _zips(whole: bytes) -> dict[str, bytes]:
    """A zip whose directory says something else than what is there."""
    end, first = whole.rindex(b"PK\x05\x06"), whole.index(b"PK\x01\x02")

    def put(at: int, content: bytes) -> bytes:
        return whole[:at] + content + whole[at + len(content) :]

    return {
        "65,535 members": put(end + 8, b"\xff\xff\xff\xff"),
        "a directory of 4 GB": put(end + 12, b"\xff\xff\xff\xff"),
        "a directory behind the end": put(end + 16, b"\xff\xff\xff\x7f"),
        "a comment that is not there": put(end + 20, b"\xff\xff"),
        "a member of 4 GB": put(first + 20, b"\xff\xff\xff\xff" * 2),
        "a member behind the end": put(first + 42, b"\xff\xff\xff\x7f"),
        "a name of 64 KB": put(first + 28, b"\xff\xff"),
        "a way to compress that is none": put(first + 10, b"\x63\x00"),
        "encrypted": put(first + 8, b"\x01\x08"),
        "a header that is none": put(0, b"PK\x03\x05"),
        "of another size than it was": put(first + 24, b"\x01\x00\x00\x00"),
    }


def _array(header: str, length: int | None = None) -> bytes:
    body = header.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body) if length is None else length) + body


ARRAYS = {
    "a header of 64 KB": _array("{}", 65_535),
    "a header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}",
    "a shape of 10^30": _array("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 30 + ",), }\n"),
    "a shape below zero": _array("{'descr': '<f4', 'fortran_order': False, 'shape': (-4, 4), }\n"),
    "a header that calls": _array("{'descr': __import__('os').system('touch " + MARKER + "'), 'shape': (4,)}\n"),
    "a header of brackets": _array("(" * 30_000),
    "powers": _array("{'descr': '<f4', 'fortran_order': False, 'shape': (9**9**9,), }\n"),
    "objects": _array("{'descr': '|O', 'fortran_order': False, 'shape': (4,), }\n"),
    "a version that is none": b"\x93NUMPY\x09\x00\x10\x00{}" + b" " * 14,
}
MESSAGES = {
    "a graph of 2^63 bytes": field(1, 8) + b"\x3a" + varint(LARGE),
    "a number without an end": field(1, 8) + b"\x3a" + b"\xff" * 40,
    "a kind of field that is none": field(1, 8) + b"\x3e\x3f" + bytes(40),
    "groups": field(1, 8) + b"\x3b" * 2_000,
    "a size of 2^64 - 1": field(1, 8) + field(7, field(5, field(1, 2**64 - 1) + field(2, 1) + field(8, b"W"))),
    "a million sizes": field(1, 8) + field(7, field(5, b"\x08\x01" * 1_000_000 + field(8, b"W"))),
    "no text": field(1, 8) + field(7, field(1, field(4, b"\xff\xfe\x1b[31m") + field(2, b"\xc3"))),
}


def _tars(whole: bytes) -> dict[str, bytes]:
    def put(size: bytes) -> bytes:
        return whole[:124] + size.ljust(12, b"\0") + whole[136:]

    return {
        "a member of 8 GB": put(b"77777777777"),
        "a member of 2^80": put(b"\x80" + b"\xff" * 11),
        "a member below zero": put(b"\xff" * 12),
        "a size that is none": put(b"many"),
    }


def _hdf5(whole: bytes) -> dict[str, bytes]:
    """Its addresses, eight bytes each, somewhere else."""
    return {
        f"an address of {address:#x} at {at}": whole[:at] + struct.pack("<Q", address) + whole[at + 8 :]
        for at, address in ((24, 0), (40, 1), (40, LARGE), (64, 8), (64, LARGE), (80, 2**64 - 2))
    }


def _indexes(whole: bytes) -> dict[str, bytes]:
    footer = len(whole) - 48
    return {
        "a block behind the end": whole[:footer] + (varint(LARGE) + varint(9)).ljust(40, b"\0") + whole[-8:],
        "handles without an end": whole[:footer] + b"\xff" * 40 + whole[-8:],
        "a key longer than its block": b"\0\xff\xff\x7f" + whole[4:],
        "a key that shares what is not there": b"\x7f" + whole[1:],
        "entries of nothing": bytes(footer) + whole[footer:],
    }


def lengths(whole: Mapping[str, bytes]) -> Iterator[Damaged]:
    """Numbers in headers that are too large, too small, or none."""
    made = {
        "a.safetensors": SAFETENSORS,
        "a.pkl": PICKLES,
        "a.pt": {
            f"in a zip, {what}": zipped({"a/data.pkl": text, "a/version": b"3\n"}) for what, text in PICKLES.items()
        },
        "zip.pt": _zips(whole["zip.pt"]),
        "a.npz": {what: zipped({"a.npy": text}) for what, text in ARRAYS.items()} | _zips(whole["a.npz"]),
        "a.keras": _zips(whole["a.keras"]),
        "a.onnx": MESSAGES,
        "a.tar": _tars(whole["a.tar"]),
        "a.h5": _hdf5(whole["a.h5"]),
        "a.index": _indexes(whole["a.index"]),
    }
    for file, contents in made.items():
        for what, content in contents.items():
            yield Damaged("length", f"{file}: {what}", file, content)


# --- little that becomes much ------------------------------------------------------------------------------


def _member(name: str, packed: bytes, length: int, how: int, at: int) -> tuple[bytes, bytes]:
    """A member of a zip, and its entry in the directory."""
    # why a checksum of 0: no reader may get as far as to hold anything against it.
    told = struct.pack("<HHHHHIIIHH", 20, 0, how, 0, 33, 0, len(packed), length, len(name), 0)
    entry = b"PK\x01\x02" + b"\x14\0" + told + struct.pack("<HHHII", 0, 0, 0, 0, at) + name.encode()
    return b"PK\x03\x04" + told + name.encode() + packed, entry


def bomb(name: str, megabytes: int, head: bytes = b"", of: bytes = b"\0", beside: str = "") -> bytes:
    """A zip with a member that is a thousand times as long as the file: `head`, and then `of` again and again.

    beside: the name of a small one that it has too.
    """
    block = of * (2**20 // len(of))
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = pack.compress(head) + pack.flush(zlib.Z_FULL_FLUSH)
    # why: after a full flush nothing hangs on what came before, so that one packed block can stand for all.
    once = pack.compress(block) + pack.flush(zlib.Z_FULL_FLUSH)
    packed = start + once * megabytes + pack.flush()
    local, directory = _member(name, packed, len(head) + megabytes * len(block), 8, 0)
    if beside:
        small, entry = _member(beside, b"{}", 2, 0, len(local))
        local, directory = local + small, directory + entry
    count = 1 + bool(beside)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(local), 0)
    return local + directory + b"PK\x05\x06" + end


def bombs() -> Iterator[Damaged]:
    """Archives that are small and hold much, and texts that say one thing often."""
    made = {
        "a data.pkl of zeros": ("a.pt", bomb("a/data.pkl", 400)),
        "a data.pkl of a long text": ("a.pt", bomb("a/data.pkl", 100, PROTO + b"X\xff\xff\xff\x0f")),
        "a data.pkl of little opcodes": ("a.pt", bomb("a/data.pkl", 100, PROTO, b"N0")),
        "an array of zeros": ("a.npz", bomb("a.npy", 400)),
        "an array's header of zeros": ("a.npz", bomb("a.npy", 100, b"\x93NUMPY\x02\x00\xff\xff\xff\x0f")),
        "a config.json of zeros": ("a.keras", bomb("config.json", 400, beside="model.weights.h5")),
        "an HDF5 file of zeros": ("a.keras", bomb("model.weights.h5", 400, b"\x89HDF\r\n\x1a\n", beside="config.json")),
        "10,000 members": ("many.pt", zipped({f"a/{k}": b"" for k in range(10_000)})),
        "10,000 arrays": ("many.npz", zipped({f"{k}.npy": b"" for k in range(10_000)})),
        "an index of many names": ("model.safetensors.index.json", _shards(200_000)),
        "a header of many tensors": ("a.safetensors", _many(20_000)),
        "a zip in a zip": ("a.zip", zipped({"a.zip": zipped({"a.zip": zipped({"a.pt": b"PK\x03\x04"})})})),
    }
    for what, (file, content) in made.items():
        yield Damaged("bomb", what, file, content)


def _shards(count: int) -> bytes:
    return json.dumps({"weight_map": {f"a.weight_hh_l{k}": "a.safetensors" for k in range(count)}}).encode()


def _many(count: int) -> bytes:
    about = {"dtype": "F32", "shape": [0, 4], "data_offsets": [0, 0]}
    return _header(json.dumps({f"l{k}.weight_hh_l0": about for k in range(count)}))


# --- what is in itself, or far down ------------------------------------------------------------------------


def deep() -> Iterator[Damaged]:
    """Things inside things."""
    nested = {
        "lists": PROTO + b"](" * 100_000 + b"e" * 100_000 + b".",
        "tuples": PROTO + b")" + b"\x85" * 100_000 + b".",
        "maps": PROTO + b"}" + b"}X\x01\0\0\0a" * 50_000 + b"s" * 0 + b".",
        "a list in itself": PROTO + b"]q\x00h\x00a.",
        "a map in itself": PROTO + b"}q\x00X\x01\0\0\0ah\x00s.",
        "a module in itself": _module_in_itself(),
        "calls of calls": PROTO + b"cbuiltins\nlist\n" + b")R" * 50_000 + b".",
        "marks": PROTO + b"(" * 200_000 + b".",
        "a tuple of its tuples": PROTO + b")" + b"2\x86" * 200 + b".",
    }
    for what, text in nested.items():
        yield Damaged("deep", f"{what}, in a pickle", "a.pkl", text)
        yield Damaged("deep", f"{what}, in a zip", "a.pt", zipped({"a/data.pkl": text, "a/version": b"3\n"}))
    texts = {"lists": "[" * 100_000, "maps": '{"a":' * 100_000, "closed": "[" * 3_000 + "]" * 3_000}
    for what, text in texts.items():
        yield Damaged("deep", f"{what}, in safetensors", "a.safetensors", _header(text))
        yield Damaged("deep", f"{what}, in an index", "a.safetensors.index.json", text.encode())
        config = zipped(
            {"config.json": text.encode(), "metadata.json": b"{}", "model.weights.h5": b"\x89HDF\r\n\x1a\n"}
        )
        yield Damaged("deep", f"{what}, in a config.json", "a.keras", config)
    yield Damaged("deep", "graphs in graphs", "a.onnx", field(1, 8) + field(7, _graphs(3_000)))
    yield Damaged("deep", "tars in tars", "a.tar", _tars_in_tars(20))


def _module_in_itself() -> bytes:
    """A pickled LSTM that is one of its own `_modules`."""
    head = PROTO + b"ctorch.nn.modules.rnn\nLSTM\n)\x81q\x00}q\x01X\x08\0\0\0_modules}X\x01\0\0\0ah\x00s"
    return head + b"sb."


def _graphs(depth: int) -> bytes:
    """A graph with a node If with an attribute that is a graph."""
    graph = field(1, field(4, b"Identity"))
    for _ in range(depth):
        graph = field(1, field(4, b"If") + field(5, field(1, b"then_branch") + field(20, 5) + field(6, graph)))
    return graph


def _tars_in_tars(depth: int) -> bytes:
    content = b"PK\x03\x04"
    for _ in range(depth):
        content = tarred({"a.tar": content})
    return content


# --- pickles that call -------------------------------------------------------------------------------------


def _text(text: str) -> bytes:
    raw = text.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


TOUCH = f"touch {MARKER}"
OPENS = f"open({MARKER!r}, 'w').close()"
# What leaves the result of a call on the stack.
CALLS = {
    "os.system": b"cos\nsystem\n" + _text(TOUCH) + b"\x85R",
    "posix.system": b"cposix\nsystem\n" + _text(TOUCH) + b"\x85R",
    "subprocess": b"csubprocess\ncheck_call\n(" + _text("touch") + _text(MARKER) + b"l\x85R",
    "eval": b"cbuiltins\neval\n" + _text(OPENS) + b"\x85R",
    "exec by its old name": b"c__builtin__\nexec\n" + _text(OPENS) + b"\x85R",
    "eval by getattr": b"cbuiltins\ngetattr\ncbuiltins\n__import__\n"
    + _text("builtins")
    + b"\x85R"
    + _text("eval")
    + b"\x86R"
    + _text(OPENS)
    + b"\x85R",
    "import": b"cimportlib\nimport_module\n" + _text("this") + b"\x85R",
    "mkdir": b"cos\nmkdir\n" + _text(MARKER) + b"\x85R",
    "by INST": b"(" + _text(TOUCH) + b"ios\nsystem\n",
    "by OBJ": b"(cos\nsystem\n" + _text(TOUCH) + b"o",
    "by NEWOBJ": b"csubprocess\nPopen\n((" + _text("touch") + _text(MARKER) + b"lt\x81",
    "by NEWOBJ_EX": b"csubprocess\nPopen\n((" + _text("touch") + _text(MARKER) + b"lt}\x92",
    "by STACK_GLOBAL": _text("os") + _text("system") + b"\x93" + _text(TOUCH) + b"\x85R",
    "by a dotted name": _text("os") + _text("path.os.system") + b"\x93" + _text(TOUCH) + b"\x85R",
    "by BUILD": b"ctypes\nSimpleNamespace\n)\x81}"
    + _text("__setstate__")
    + b"cos\nsystem\ns"
    + b"b"
    + _text(TOUCH)
    + b"b",
    "torch.load": b"ctorch.serialization\nload\n" + _text("/etc/passwd") + b"\x85R",
    "a name with a newline": _text("os\n##[error]x") + _text("system\x1b[31m") + b"\x93" + _text(TOUCH) + b"\x85R",
    "in a reference": _text("storage") + b"cos\nsystem\n" + _text(TOUCH) + b"\x85R\x86Q",
}
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."


def evil() -> Iterator[Damaged]:
    """Pickles that call something: as the whole, in a state dict, in a zip, after torch's own first pickles."""
    for number, (what, call) in enumerate(CALLS.items()):
        inside = b"}" + _text("encoder.weight_hh_l0") + call + b"s."
        yield Damaged("evil", f"{what}, in a zip", "a.pt", zipped({"a/data.pkl": PROTO + inside, "a/version": b"3\n"}))
        text = PROTO + call + b"." if number % 2 else PROTO + inside
        file, head = (("a.pth", MAGIC), ("a.pkl", b""))[number % 2]
        yield Damaged("evil", f"{what}, in {file}", file, head + text + (b"\x80\x02]." if head else b""))


# --- names -------------------------------------------------------------------------------------------------

NAMES = {
    "a newline": "a\nerror: b\n",
    "a carriage return": "a\rb",
    "an escape": "\x1b[2J\x1b[31mred",
    "a title": "\x1b]0;title\x07",
    "another escape": "\x9b31m",
    "a command of a CI": "\n##[error]x",
    "a command of another CI": "\n::error::x",
    "right to left": "a\u202egpj.b",
    "a million letters": "n" * 1_000_000,
    "thousands of letters": "n" * 16_000,
    "half a letter": "a\udc80\ud800",
    "a folder above": "../../../etc/passwd",
    "a nul": "a\0b",
    "markup": "[/][red]a[link=file:///etc/passwd]",
    "nothing": "",
    "dots": "....",
    "a formula": "=cmd|' /C calc'!A0",
    "no width": "a\u200b\u2066b\ufeff",
}
# A layer that there would be a thousand million before.
FAR = "_l999999999"


def _weights(prefix: str, suffix: str = "_l0") -> dict[str, tuple[int, int]]:
    return {f"{prefix}.weight_{which}{suffix}": shape for which, shape in (("ih", (28, 5)), ("hh", (28, 7)))}


def _safetensors(shapes: Mapping[str, tuple[int, int]]) -> bytes:
    offset, entries = 0, {}
    for name, (rows, columns) in shapes.items():
        end = offset + rows * columns * 4
        entries[name] = {"dtype": "F32", "shape": [rows, columns], "data_offsets": [offset, end]}
        offset = end
    return _header(json.dumps(entries)) + bytes(offset)


def _arrays(shapes: Mapping[str, tuple[int, int]]) -> bytes:
    """A pickle of numpy arrays, written by hand, for no name can have half a letter where numpy writes it."""
    items = b""
    for name, (rows, columns) in shapes.items():
        raw = name.encode("utf-8", "surrogatepass")
        sizes = b"K" + bytes([rows]) + b"K" + bytes([columns]) + b"\x86"
        data = b"B" + struct.pack("<I", rows * columns * 4) + bytes(rows * columns * 4)
        items += b"X" + struct.pack("<I", len(raw)) + raw
        items += b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01" + sizes
        items += b"cnumpy\ndtype\n" + _text("f4") + b"\x89\x88\x87R(K\x03" + _text("<")
        items += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + data + b"tb"
    return PROTO + b"}(" + items + b"u."


def names() -> Iterator[Damaged]:
    """Names of tensors, and of files, that would do something to a terminal, a CI or a page."""
    for what, name in NAMES.items():
        yield Damaged("name", f"{what}, in safetensors", "a.safetensors", _safetensors(_weights(name)))
        yield Damaged("name", f"{what}, in a pickle", "a.pkl", _arrays(_weights(name)))
        member = name.replace("\0", "")
        if len(name) < 10_000 and "\udc80" not in name:
            yield Damaged("name", f"{what}, of a member", "a.npz", zipped({f"{member}.npy": ARRAYS["objects"]}))
    yield Damaged("name", f"{FAR}, in safetensors", "a.safetensors", _safetensors(_weights("a", FAR)))
    yield Damaged("name", f"{FAR}, in a pickle", "a.pkl", _arrays(_weights("a", FAR)))
    yield Damaged("name", "of 5,000 digits", "a.safetensors", _safetensors(_weights("a", "_l" + "9" * 5_000)))
    for name in ("a\nb.pt", "\x1b[31m.safetensors", "a\u202eb.npz", "[red].pt", "-.pt"):
        yield Damaged("name", f"of the file, {name!a}", name, b"PK\x03\x04")


# --- what is no checkpoint ---------------------------------------------------------------------------------

PAGE = b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>not here</body></html>\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16 + b"\nsize 4012345\n"


def _loop(path: Path) -> None:
    path.symlink_to(path.with_suffix(".other"))
    path.with_suffix(".other").symlink_to(path)


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "model.safetensors").write_bytes(_safetensors(_weights("a")))
    (path / "a\n\x1b[31m.pt").write_bytes(b"PK\x03\x04")


def _unreadable(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04")
    path.chmod(0)


def _sparse(path: Path) -> None:
    """A file as long as a disk, with nothing in it."""
    with path.open("wb") as file:
        file.write(_header("{}", 2**39))
        file.truncate(2**40)


def others(whole: Mapping[str, bytes]) -> Iterator[Damaged]:
    """What is served, cloned or named instead of a checkpoint."""
    made: dict[str, tuple[str, bytes | Callable[[Path], None]]] = {
        "an HTML page": ("model.pt", PAGE),
        "a pointer of git LFS": ("model.safetensors", POINTER),
        "gzip": ("model.pt", gzip.compress(whole["zip.pt"], mtime=0)),
        "empty": ("model.pt", b""),
        "one byte": ("model.pt", b"\x80"),
        "zeros": ("model.onnx", bytes(100_000)),
        "bytes": ("model.bin", random.Random(1).randbytes(100_000)),
        "text": ("model.ckpt", b"Einst war ein Modell\n" * 1_000),
        "text of UTF-16": ("model.ckpt", "layers: []\n".encode("utf-16")),
        "a folder": ("model", _folder),
        "an empty folder": ("model", Path.mkdir),
        "a named pipe": ("model.pt", os.mkfifo),
        "a loop of links": ("model.pt", _loop),
        "a link to nothing": ("model.pt", lambda path: path.symlink_to("nowhere")),
        "a device": ("model.pt", lambda path: path.symlink_to("/dev/zero")),
        "a terminal": ("model.pt", lambda path: path.symlink_to("/dev/null")),
        "a process": ("model.pt", lambda path: path.symlink_to("/proc/self/mem")),
        "nobody may read it": ("model.pt", _unreadable),
        "a terabyte of nothing": ("model.safetensors", _sparse),
        "an index without its shards": (
            "model.safetensors.index.json",
            json.dumps({"weight_map": {"a": "model-1.safetensors"}}).encode(),
        ),
        "an index of what is elsewhere": (
            "model.safetensors.index.json",
            json.dumps({"weight_map": {"a": "../../../etc/passwd", "b": "/dev/zero", "c": "\x1b[31m\n"}}).encode(),
        ),
        "an index of itself": (
            "model.safetensors.index.json",
            json.dumps({"weight_map": {"a": "model.safetensors.index.json"}}).encode(),
        ),
        "an index that is none": ("model.safetensors.index.json", b'{"weight_map": ["a", 3]}'),
        "GGUF": ("model.gguf", b"GGUF\x03\0\0\0" + b"\xff" * 64),
        "TFLite": ("model.tflite", b"\x1c\0\0\0TFL3" + bytes(64)),
        "a zip of nothing": ("model.pt", zipped({})),
        "a zip of a text": ("model.pt", zipped({"README": b"# text\n"}, zipfile.ZIP_DEFLATED)),
        "a tar of a link": ("model.tar", tarred({"a.pt": b""}).replace(b"\x000\x00", b"\x002/", 1)),
        "a pickle of a number": ("model.pkl", pickle.dumps(3)),
        "a pickle of a long text": ("model.pkl", pickle.dumps("a" * 5_000_000)),
        "two in one": ("model.pt", whole["zip.pt"] + whole["a.safetensors"]),
        "one after something": ("model.pt", b"#!/bin/sh\nexit 0\n" + whole["zip.pt"]),
    }
    for what, (file, content) in made.items():
        yield Damaged("other", what, file, content)
