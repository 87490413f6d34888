"""What every layer of a built model is fed with, and what it hands on: the one place where layers meet.

`layers.joining` says what may be read, added and handed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnninspect.document.chain import INPUT, Link
from rnninspect.layers.recurrent import Recurrent
from rnninspect.runtime.feeding import lengths_of
from rnninspect.runtime.recurrence import Flow, States, data_of, with_data


class Flows:
    """What the inputs are and the layers have handed on, each as long as a layer is still to read it.

    returns: the layers whose output is wanted at the end.
    """

    def __init__(self, links: Sequence[Link], inputs: Mapping[str, Flow], returns: Sequence[str]) -> None:
        self._flows = dict(inputs)
        self._states: dict[str, tuple[Recurrent, States]] = {}
        self._returns = returns
        self._uses: dict[str, int] = dict.fromkeys(returns, 1)
        for name in _used(links):
            self._uses[name] = self._uses.get(name, 0) + 1
        self._givers = {link.wires.state_from for link in links if link.wires.state_from}

    def given(self, link: Link, states: States) -> tuple[Flow, States]:
        """What a layer is fed with, and its first states: `states`, unless another layer hands it its last ones."""
        flows = [self._flows[name] for name in link.wires.reads]
        if link.wires.state_from:
            assert isinstance(link.layer, Recurrent)
            giver, last = self._states[link.wires.state_from]
            states = handed_over(link, link.layer, giver, last)
        return flows[0] if len(flows) == 1 else side_by_side(flows, link.signal.axes), states

    def put(self, link: Link, fed: Flow, handed_on: Flow, states: States) -> Flow:
        """Keep what a layer hands on, and return it: with what is added to it. fed: what the layer was fed with."""
        wires, layer = link.wires, link.layer
        if wires.add:
            handed_on = added(handed_on, fed if wires.add == INPUT else self._flows[wires.add])
        if layer.name in self._givers and isinstance(layer, Recurrent):
            self._states[layer.name] = layer, states
        if layer.name in self._uses:
            self._flows[layer.name] = handed_on
        # why: in a forward pass without gradients, what nobody reads any more is freed, as it is in a loop.
        for name in _used([link]):
            self._uses[name] -= 1
            if not self._uses[name]:
                del self._flows[name]
        return handed_on

    @property
    def returned(self) -> tuple[Flow, ...]:
        """What the layers hand on whose output is wanted."""
        return tuple(self._flows[name] for name in self._returns)


def _used(links: Iterable[Link]) -> Iterable[str]:
    """What the layers read and add, each as often as it is."""
    for link in links:
        yield from link.wires.reads
        if link.wires.add not in ("", INPUT):
            yield link.wires.add


# --- what is read -----------------------------------------------------------------------------------------------


def side_by_side(flows: Sequence[Flow], axes: tuple[str, ...]) -> Flow:
    """Features side by side; a vector of each sequence is given to every step of a sequence, whose axes are `axes`."""
    packed = next((flow for flow in flows if isinstance(flow, PackedSequence)), None)
    if packed is not None:
        return packed._replace(data=torch.cat([_packed_as(packed, flow) for flow in flows], dim=-1))
    tensors = [flow for flow in flows if isinstance(flow, Tensor)]
    lead = max((tensor.shape[:-1] for tensor in tensors), key=len)
    return torch.cat([_to_steps(tensor, lead, axes) for tensor in tensors], dim=-1)


def _to_steps(tensor: Tensor, lead: torch.Size, axes: tuple[str, ...]) -> Tensor:
    """A vector of each sequence (N, H) as (L, N, H); a sequence as it is."""
    if tensor.dim() - 1 == len(lead):
        return tensor
    return tensor.unsqueeze(axes.index("L")).expand(*lead, tensor.shape[-1])


def _packed_as(packed: PackedSequence, flow: Flow) -> Tensor:
    """The data of a packed batch of the same lengths, or of a vector of each sequence, in the order of `packed`.

    Raises ValueError for a packed batch of other lengths, which only a caller's own batch can be.
    """
    if isinstance(flow, PackedSequence):
        if not torch.equal(packed.batch_sizes, flow.batch_sizes):
            raise _other_lengths(packed, flow)
        if same_order(packed, flow):
            return flow.data
        # why: sequences of one length may have been packed in another order.
        return _in_order_of(packed, flow)
    order = packed.sorted_indices
    vectors = flow if order is None else flow.index_select(0, order)
    return torch.cat([vectors[:running] for running in packed.batch_sizes.tolist()])


def same_order(one: PackedSequence, other: PackedSequence) -> bool:
    """Whether two packed batches have their sequences in the same order; on meta, where none can be seen, they have."""
    orders = _order(one), _order(other)
    return orders[0].is_meta or bool(torch.equal(*orders))


def _order(flow: PackedSequence) -> Tensor:
    """Which sequence of the batch each of the packed ones is."""
    if flow.sorted_indices is None:  # they came sorted
        return torch.arange(int(flow.batch_sizes[0]), device=flow.data.device)
    return flow.sorted_indices


def _in_order_of(packed: PackedSequence, flow: PackedSequence) -> Tensor:
    place = _order(flow).argsort().index_select(0, _order(packed))
    steps = lengths_of(flow)
    if not torch.equal(steps, steps.index_select(0, place.cpu())):
        raise _other_lengths(packed, flow)
    starts = (flow.batch_sizes.cumsum(0) - flow.batch_sizes).tolist()
    rows = [start + place[:running] for start, running in zip(starts, packed.batch_sizes.tolist(), strict=True)]
    return flow.data.index_select(0, torch.cat(rows))


def _other_lengths(packed: PackedSequence, flow: PackedSequence) -> ValueError:
    lengths = [lengths_of(each).index_select(0, _order(each).argsort().cpu()).tolist() for each in (packed, flow)]
    return ValueError(f"expected packed sequences of the same lengths, got {lengths[0]} and {lengths[1]}")


def added(handed_on: Flow, other: Flow) -> Flow:
    """What a layer hands on with another flow of the same shape added to it."""
    if isinstance(handed_on, PackedSequence):
        return with_data(handed_on, handed_on.data + _packed_as(handed_on, other))
    return handed_on + data_of(other)


# --- states -------------------------------------------------------------------------------------------------------


def handed_over(link: Link, taker: Recurrent, giver: Recurrent, last: States) -> States:
    """The last states of `giver` as the first ones of `taker`, in its order: (num_layers*D, N, H), a cell's (N, H)."""
    made = {
        state: _one_direction(_stacked(tensor, giver), giver.directions, link.wires.directions)
        for state, tensor in zip(giver.cell.states, last, strict=True)
    }
    return tuple(made[state] if taker.stack_axes else made[state].squeeze(0) for state in taker.given_states)


def _stacked(state: Tensor, layer: Recurrent) -> Tensor:
    return state if layer.stack_axes else state.unsqueeze(0)


def _one_direction(state: Tensor, directions: int, how: str) -> Tensor:
    """(num_layers*D, N, H) as (num_layers, N, D*H) or, summed, (num_layers, N, H)."""
    if not how:
        return state
    ways = state.reshape(-1, directions, *state.shape[1:]).unbind(1)
    return torch.cat(ways, dim=-1) if how == "concat" else torch.stack(ways).sum(0)
