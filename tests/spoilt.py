"""What is read of bytes that were spoilt: some of what they held, or one line that says why nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rnninspect.files.held import Held, Unreadable


def read_of_each(read: Callable[[bytes], Held], spoilt: Iterable[bytes]) -> list[Held]:
    """What is read of those of which anything is."""
    found = []
    for data in spoilt:
        try:
            found.append(read(data))
        except Unreadable as error:
            assert str(error).isprintable()  # noqa: PT017 (of some nothing is wrong)
    return found


def every_cut(data: bytes) -> Iterator[bytes]:
    """A file that ends too early, wherever that is."""
    return (data[:end] for end in range(len(data)))
