"""A sorted table of keys and values, as LevelDB writes them and TensorFlow the index of a checkpoint.

https://github.com/google/leveldb/blob/main/doc/table_format.md
"""

from __future__ import annotations

from collections.abc import Iterator

from rnninspect.files.held import Damaged, Unreadable
from rnninspect.files.readers.protobuf import varint
from rnninspect.files.source import Source

# The end of a table: where two blocks are, and the number that says what it is.
_FOOTER = 48
MAGIC = bytes.fromhex("57fb808b247547db")
# Behind a block: how it is compressed, and a checksum.
_TRAILER = 5
# Blocks are written of some hundred KiB, and keys are names; a block is read at once.
_LARGEST_BLOCK = 16 * 2**20
_LONGEST_KEY = 64 * 2**10
_MOST_ENTRIES = 1_000_000


def is_table(source: Source) -> bool:
    """Whether a file ends as a table does."""
    return source.size >= _FOOTER and source.at(source.size - len(MAGIC), len(MAGIC)) == MAGIC


def entries(source: Source) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a table, in its order. Raises Unreadable."""
    if not is_table(source):
        raise Unreadable("no index of a TensorFlow checkpoint: it does not end as one does")
    footer = source.at(source.size - _FOOTER, _FOOTER)
    at = 0
    for _ in range(2):  # of the block of metadata, which is empty
        _, at = _number(footer, at)
    count = 0
    for _, handle in _entries(_block(source, footer[at:])):
        for entry in _entries(_block(source, handle)):
            count += 1
            if count > _MOST_ENTRIES:
                raise Unreadable(f"its index has more than the {_MOST_ENTRIES:,} entries that are read")
            yield entry


def _block(source: Source, handle: bytes) -> bytes:
    """The entries of a block. handle: where it begins and how long it is."""
    offset, at = _number(handle, 0)
    size, _ = _number(handle, at)
    if size > _LARGEST_BLOCK:
        raise Unreadable(f"a block of its index has {size:,} bytes, of which at most {_LARGEST_BLOCK:,} are read")
    block = source.at(offset, size + _TRAILER)
    if block[size]:
        kind = {1: "Snappy", 2: "zlib", 4: "zstd"}.get(block[size], f"kind {block[size]}")
        raise Unreadable(f"its index is compressed ({kind}), which is not read", "save it again with TensorFlow")
    restarts = int.from_bytes(block[max(0, size - 4) : size], "little")
    end = size - 4 - 4 * restarts
    if end < 0:
        raise Damaged(f"the block of its index at byte {offset:,} is damaged")
    return block[:end]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries of a block: each key is told by how much of the one before it begins with."""
    key, at = b"", 0
    while at < len(block):
        shared, at = _number(block, at)
        own, at = _number(block, at)
        length, at = _number(block, at)
        if shared > len(key) or shared + own > _LONGEST_KEY or at + own + length > len(block):
            raise Damaged("an entry of its index is damaged")
        key = key[:shared] + block[at : at + own]
        at += own
        yield key, block[at : at + length]
        at += length


def _number(data: bytes, at: int) -> tuple[int, int]:
    """The varint at a place, and where it ends."""
    found, length = varint(data, at, len(data))
    if not length:
        raise Damaged("a number of its index is damaged")
    return found, at + length
