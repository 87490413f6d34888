"""The format that torch.save wrote before zip: five pickles one after another, then the values of each storage."""

from __future__ import annotations

from collections.abc import Mapping

from rnninspect.files.held import Damaged, Held, Unreadable
from rnninspect.files.pickles.calls import warnings_of
from rnninspect.files.pickles.gathered import Gathered, shortfall
from rnninspect.files.pickles.machine import Pickled, read_pickle
from rnninspect.files.readers.numpy_arrays import tensor_in
from rnninspect.files.readers.torch_tensors import storage_of
from rnninspect.files.source import Source

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
# The first pickles are a number each and a few words on the machine.
_FEW_STEPS = 1000
# Before its values a storage has their number.
_COUNT = 8


def read(source: Source, path: str) -> Held:
    """What a file of the format before zip holds. Raises Unreadable."""
    head = _head(source)
    model = read_pickle(source, head[-1].end)
    keys = read_pickle(source, model.end)
    if not isinstance(keys.value, list):
        raise Damaged("the file is damaged: it has no list of its storages behind the model")
    gathered = Gathered()
    gathered.gather(model.value, tensor_in)
    there = _storages(source, keys.end, keys.value, model, gathered.storages)
    warnings = dict.fromkeys(told for each in (*head, model, keys) for told in warnings_of(each, "its pickle"))
    return gathered.held(path, "torch (legacy)", warnings, shortfall(gathered.storages, there))


def _head(source: Source) -> list[Pickled]:
    """The pickles before that of the model. Raises Unreadable where the format is another."""
    head: list[Pickled] = []
    for _ in range(3):
        head.append(read_pickle(source, head[-1].end if head else 0, _FEW_STEPS))
    if head[0].value != _MAGIC or head[1].value != _PROTOCOL:
        raise Unreadable("no file of torch's: its first number is another, or its second, the protocol, is not 1001")
    return head


def _storages(source: Source, at: int, keys: list[object], model: Pickled, needed: Mapping[str, int]) -> dict[str, int]:
    """How many bytes of each storage the file has. They stand one after another, in the order of their keys."""
    told = [storage_of(each) for each in model.outside]
    sizes = {storage.key: storage.nbytes for storage in told if storage is not None}
    there: dict[str, int] = {}
    for key in keys:
        nbytes = sizes.get(key) if isinstance(key, str) else None
        if not isinstance(key, str) or nbytes is None:
            return {**needed, **there}  # why: what follows a storage of no known size stands anywhere
        at += _COUNT
        there[key] = max(0, min(nbytes, source.size - at))
        at += nbytes
    return there
