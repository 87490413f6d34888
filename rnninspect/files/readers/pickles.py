"""Plain pickles of numpy's or jax's arrays, of torch's tensors and modules, and of dicts and lists of them."""

from __future__ import annotations

from rnninspect.files.held import Held, Unreadable
from rnninspect.files.pickles.calls import read_for_tensors, warnings_of
from rnninspect.files.pickles.gathered import Gathered
from rnninspect.files.readers.numpy_arrays import tensor_in
from rnninspect.files.source import Source

# joblib writes the values of arrays between the operations, so that what follows is no pickle.
_JOBLIB = (b"NumpyArrayWrapper", b"NDArrayWrapper")
# So much of a file is looked through for them.
_HEAD = 2**16


def read(source: Source, path: str) -> Held:
    """What a pickle holds. Raises Unreadable."""
    head = source.beginning(_HEAD)
    if any(word in head for word in _JOBLIB):
        raise Unreadable("a file of joblib's, which is not read", "load it with joblib, and save it with numpy.savez")
    pickled = read_for_tensors(source)
    gathered = Gathered()
    gathered.gather(pickled.value, tensor_in)
    if pickled.end < source.size:
        gathered.notes.append(f"{source.size - pickled.end:,} bytes behind the first pickle were not read")
    held = gathered.held(path, "pickle", warnings_of(pickled, "the pickle"))
    if not held.tensors:
        raise Unreadable("the pickle holds no tensor of torch, numpy or jax")
    return held
