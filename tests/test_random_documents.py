"""Documents with cells at random: one that is read is proven, in plan and in numbers; one that is not ends with 2."""

from __future__ import annotations

import string

import torch
import yaml
from any_cell import equations
from cells.test_random import NUMBERS, texts
from hypothesis import given
from hypothesis import strategies as st
from samples import examples
from worlds import spec_of

from rnninspect.agree import differences
from rnninspect.document.chain import Spec
from rnninspect.errors import DocumentError
from rnninspect.plan import plan
from rnninspect.runtime.real import measure
from rnninspect.study.verify import verify_layers

CPU = torch.device("cpu")


@st.composite
def documents(draw: st.DrawFn, text: st.SearchStrategy[str]) -> str:
    """A document with a cell in a layer, or under `cells:` for two."""
    cell = {"equations": draw(text), "constants": {"dt": NUMBERS["dt"], "depth": int(NUMBERS["depth"])}}
    options = {
        "hidden_size": draw(st.integers(1, 4)),
        "num_layers": draw(st.integers(1, 2)),
        "bidirectional": draw(st.booleans()),
        "merge": draw(st.sampled_from(["concat", "sum", "mean", "mul"])),
        "feeds": draw(st.sampled_from(["output", "last", "step", "max", "mean"])),
        "init": draw(st.sampled_from([None, {"weight": {"uniform": 0.1}}, {"W*": "orthogonal_packed"}])),
    }
    first = {"name": "first", "input_size": draw(st.integers(1, 4)), **options}
    lengths = draw(st.sampled_from([{"seq_len": 3}, {"lengths": [2, 4]}]))
    document: dict[str, object] = {"input": {"batch_size": 2, **lengths}, "dtype": "float64"}
    if draw(st.booleans()):
        document["layers"] = [{"type": "Cell", **cell, **first}]
        if options["feeds"] == "output" and draw(st.booleans()):
            document["layers"] += [{"type": "MaxPool1d", "kernel_size": 2, "padding": 1}]
    else:
        document["cells"] = {"Mine": cell}
        document["layers"] = [{"type": "Mine", **first, "feeds": "output"}, {"type": "Mine", **options}]
    return yaml.safe_dump(document, sort_keys=False)


def read(document: str) -> Spec | None:
    """The document, or None where it is refused as one."""
    try:
        return spec_of(document)
    except DocumentError as error:
        refused = error
    assert (refused.exit_code, [fault for fault in refused.faults if "\n" in str(fault)]) == (2, [])
    return None


@examples(10)
@given(documents(texts()))
def test_what_is_read_is_built_as_it_was_planned(document: str) -> None:
    spec = read(document)
    if spec is not None:
        planned = plan(spec)
        assert differences(planned, measure(spec, planned, CPU)) == ()


@examples(3)
@given(documents(equations()))
def test_what_is_read_computes_the_same_in_two_ways(document: str) -> None:
    spec = read(document)
    if spec is not None:
        result = verify_layers(spec, CPU)
        assert result.ok
        assert all(proof.ok for layer in result.layers for proof in layer.proofs if proof.what != "slope")


@examples(50)
@given(texts(), st.data())
def test_what_is_not_read_is_the_documents_fault(text: str, data: st.DataObject) -> None:
    """A text with a piece cut out, doubled, or put in."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    piece = data.draw(
        st.sampled_from(
            ["", text[start:end] * 2, "\n", "(", ")", "@", "W", "x", " = ", "[k]", ".T", "for", "é", "9" * 30]
        )
        | st.text(string.printable, max_size=5)
    )
    cell = {"type": "Cell", "input_size": 2, "hidden_size": 2, "equations": text[:start] + piece + text[end:]}
    spec = read(yaml.safe_dump({"input": {"batch_size": 1, "seq_len": 1}, "layers": [cell]}))
    if spec is not None:
        plan(spec)
