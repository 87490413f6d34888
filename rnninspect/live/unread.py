"""What looks recurrent in a model and is no RNNBase or RNNCellBase: named, and not read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torch import jit, nn

from rnninspect.errors import printable
from rnninspect.live.arguments import kind_of_module

# The names of classes: LSTM, ConvGRU, RNNTDecoder, BiLstm.
_RECURRENT = re.compile(r"LSTM|GRU|RNN|Lstm|Gru(?![a-z])|Rnn|Recurrent")

_CALLS = re.compile(r"aten::((?:lstm|gru|rnn_tanh|rnn_relu)(?:_cell)?)\(")


def unread(module: nn.Module) -> list[str]:
    """A sentence for each module that looks recurrent, and that neither is one of torch's nor holds one that does."""
    return [f"{name or 'the model'}: {why}" for name, part in module.named_modules() for why in _why(part)]


def _why(module: nn.Module) -> Iterator[str]:
    if isinstance(module, jit.ScriptModule):
        if next(module.children(), None) is None:
            yield from _compiled(module)
        return
    if kind_of_module(module) is not None or not _looks_recurrent(module):
        return
    inside = [part for part in module.modules() if part is not module]
    if any(kind_of_module(part) is not None or _looks_recurrent(part) for part in inside):
        return
    name = printable(_class_name(module))
    home = type(module).__module__
    if home.startswith(("torch.ao.", "torch.nn.quantized", "torch.nn.quantizable")):
        package = home.rpartition(".")[0]
        yield f"{name} is one of {package}, and none of torch.nn (inspect the model before it is quantised)"
    else:
        yield f"{name} is not made from torch.nn.RNN, LSTM, GRU or their cells, and was not read"


def _compiled(module: jit.ScriptModule) -> Iterator[str]:
    # why the graph too: what torch.jit.freeze leaves is one module, of no class that says anything.
    calls = _CALLS.search(str(getattr(module, "inlined_graph", "")))
    if calls or _looks_recurrent(module):
        name = printable(_class_name(module))
        what = f", which calls {calls[1]}," if calls else ""
        yield f"{name}{what} is compiled by torch.jit, and takes no hooks (inspect the module it was made from)"


def _looks_recurrent(module: nn.Module) -> bool:
    return _RECURRENT.search(_class_name(module)) is not None


def _class_name(module: nn.Module) -> str:
    # why the first: every scripted module is of one class.
    return str(getattr(module, "original_name", "")) if isinstance(module, jit.ScriptModule) else type(module).__name__
