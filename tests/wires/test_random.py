"""Documents with wires at random: what is read is built as it was planned; what is not ends with 2, in lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from samples import examples
from worlds import spec_of

from rnninspect.agree import differences
from rnninspect.document.chain import Spec
from rnninspect.errors import DocumentError
from rnninspect.plan import plan
from rnninspect.runtime.modules import build, make_feed
from rnninspect.runtime.real import measure
from rnninspect.runtime.recurrence import data_of

pytestmark = pytest.mark.torch

# Few sizes, so that much of what is put together fits.
SIZES = st.sampled_from([4, 4, 4, 2])
KINDS = ("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "Linear", "Tanh", "LayerNorm", "Conv1d")


@st.composite
def wired(
    draw: st.DrawFn, layer: dict[str, Any], earlier: list[str], givers: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The layer with some wires; the layers that may hand it states are `givers`."""
    names = st.sampled_from(earlier)
    if draw(st.integers(0, 1)):
        layer = {**layer, "from": draw(names | st.lists(names, min_size=1, max_size=3, unique=True))}
    if draw(st.integers(0, 2)) == 0:
        layer["add"] = draw(names | st.just("input"))
    if givers and draw(st.integers(0, 2)) == 0:
        giver = draw(st.sampled_from(list(givers)))
        as_giver = {key: giver[key] for key in ("type", "hidden_size", "num_layers", "bidirectional") if key in giver}
        how = draw(st.sampled_from(["", "sum", "concat"])) if giver.get("bidirectional") else ""
        if how:
            as_giver |= {"bidirectional": False, "hidden_size": giver["hidden_size"] * (2 if how == "concat" else 1)}
            layer.pop("merge", None)
        layer |= {"state_from": {"layer": giver["name"], "directions": how} if how else giver["name"], **as_giver}
        keys = ("name", "from", "feeds", "add", "state_from", "merge", *as_giver)
        return {key: value for key, value in layer.items() if key in keys}
    if draw(st.integers(0, 4)) == 0:
        return {key: value for key, value in layer.items() if key in ("name", "from")} | {"same_as": draw(names)}
    return layer


@st.composite
def layers(draw: st.DrawFn, name: str, earlier: list[str], givers: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """A layer that is wired to some of the earlier ones; the first says how wide what it reads is."""
    first = not earlier
    kind = draw(st.sampled_from(KINDS[:6] if first else KINDS))
    layer: dict[str, Any] = {"name": name, "type": kind}
    if kind in KINDS[:5]:
        layer |= {"hidden_size": draw(SIZES), "feeds": draw(st.sampled_from(["output", "output", "last", "max"]))}
        layer |= {"input_size": 4} if first else {}
    if kind in KINDS[:3]:
        layer["num_layers"] = draw(st.integers(1, 2))
        layer |= draw(st.sampled_from([{}, {"bidirectional": True}, {"bidirectional": True, "merge": "sum"}]))
    if kind == "Linear":
        layer |= {"out_features": draw(SIZES)} | ({"in_features": 4} if first else {})
    if kind == "Conv1d":
        layer |= {"out_channels": draw(SIZES), "kernel_size": 3, "padding": draw(st.integers(0, 1))}
    if earlier:
        layer = draw(wired(layer, earlier, givers))
    return layer


def read(document: dict[str, Any]) -> Spec | None:
    """The document, or None where it is refused as one."""
    try:
        return spec_of(yaml.safe_dump(document, sort_keys=False))
    except DocumentError as error:
        refused = error
    assert (refused.exit_code, [fault for fault in refused.faults if "\n" in str(fault)]) == (2, [])
    assert all(fault.place.line for fault in refused.faults)
    return None


def names_of(items: Sequence[dict[str, Any]]) -> list[str]:
    """What the layers of the model are called."""
    return [
        name if times is None else f"{name}_{k}"
        for item in items
        for times in [item.get("repeat")]
        for k in range(times or 1)
        for name in [layer["name"] for layer in item.get("layers", [item])]
    ]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """One or two inputs, layers, and a block that is repeated; a layer that the document is refused with is left out.

    All layers are outputs, or those that nobody reads.
    """
    size = draw(st.sampled_from([None, 3]))
    packed = {"lengths": [4, 6, 3]} if size and draw(st.booleans()) else {}
    document: dict[str, Any] = {"dtype": "float64", "input": {"batch_size": size, "seq_len": 6, **packed}}
    first = draw(layers("first", []))
    earlier = ["input", "first"]
    if draw(st.booleans()):
        second = draw(st.sampled_from([{"seq_len": None}, {"seq_len": 6, **packed}, {"seq_len": 5}]))
        document["input"] = {"batch_size": size}
        document["inputs"] = {"a": {"seq_len": 6, **packed}, "b": {**second, "input_size": 2}}
        first["from"], earlier = "a", ["a", "b", "first"]
    items = [first]
    if "inputs" in document:
        items.append({"name": "second", "type": "Linear", "from": "b", "out_features": 2})
    givers = [first] * ("hidden_size" in first)
    for k in range(draw(st.integers(2, 6))):
        item = draw(layers(f"l{k}", list(earlier), givers))
        if k == 2:
            inside = [item, draw(layers("s", [*earlier, item["name"]]))]
            item = {"repeat": draw(st.integers(1, 3)), "layers": inside}
        longer = [*items, item]
        if read({**document, "outputs": names_of(longer), "layers": longer}) is not None:
            items = longer
            earlier += names_of([item])
            givers += [item] * ("hidden_size" in item)
    document["outputs"] = names_of(items)
    return document | {"layers": items}


@examples(12)
@given(documents())
def test_what_is_read_is_built_as_it_was_planned(document: dict[str, Any]) -> None:
    spec = spec_of(yaml.safe_dump(document, sort_keys=False))
    planned, cpu = plan(spec), torch.device("cpu")
    assert differences(planned, measure(spec, planned, cpu)) == ()
    model, feed = build(spec, "cpu"), make_feed(spec, cpu)
    returned = model(*feed.inputs.values())
    flows = returned if len(spec.returns) > 1 else (returned,)
    assert all(data_of(flow).isfinite().all() for flow in flows)
    # Every weight that a returned layer depends on has a gradient: as every layer is read, all have one.
    sum(data_of(flow).sum() for flow in flows).backward()
    by_name = dict(model.named_parameters())
    assert by_name.keys() == {name for name, weight in by_name.items() if weight.grad is not None}
