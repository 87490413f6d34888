"""Whatever a file holds, it ends as a model that can be planned or as one RnnInspectError: nothing else gets out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rnninspect.errors import DocumentError, RnnInspectError
from rnninspect.facts import ModelFacts
from rnninspect.layers.registry import TYPES, kind_of
from rnninspect.plan import plan
from rnninspect.spec.chain import connect
from rnninspect.spec.document import Document, Input, validate
from rnninspect.spec.load import load_spec
from rnninspect.spec.overrides import override
from rnninspect.spec.tree import read_tree

CONFIGS = [path.read_text() for path in sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))]
KEYS = sorted({*Document.model_fields, *Input.model_fields, *(key for t in TYPES for key in kind_of(t).model_fields)})


def outcome(text: str, setting: str | None = None) -> ModelFacts | RnnInspectError:
    """The planned model, or the complaint, which is one printable line."""
    try:
        tree = read_tree(text, "doc.yaml")
        if setting is not None:
            tree = override(tree, [setting])
        facts = plan(connect(validate(tree), tree, name="doc"))
    except RnnInspectError as error:
        complaint = error
    else:
        assert facts.parameters >= 0
        assert facts.forward.flops is not None
        return facts
    assert str(complaint).isprintable()
    assert complaint.exit_code == 2
    return complaint


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A good document with a few pieces of it replaced, doubled, dropped or moved."""
    text = draw(st.sampled_from(CONFIGS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = draw(st.integers(start, min(len(text), start + 20)))
        piece = draw(
            st.sampled_from(
                ["", text[start:stop] * 2, "null", "-1", "0", "1e400", "[]", "{}", "yes", ": ", "- ", "\n", "\t", "'"]
            )
            | st.text(max_size=5)
            | st.sampled_from(KEYS)
            | st.integers().map(str)
        )
        text = text[:start] + piece + text[stop:]
    return text


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["LSTM", "Linear", "last"])
)
structures = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@st.composite
def shaped(draw: st.DrawFn) -> str:
    """A document of the right outline, its layers of real kinds, with values of any sort."""
    layers = [
        {"type": draw(st.sampled_from(TYPES)), **draw(st.dictionaries(st.sampled_from(KEYS), structures, max_size=4))}
        for _ in range(draw(st.integers(1, 3)))
    ]
    batch = {"batch_size": draw(st.none() | st.integers(1, 4)), "seq_len": draw(st.integers(1, 4))}
    document = {
        "input": batch,
        "layers": layers,
        **draw(st.dictionaries(st.sampled_from(KEYS), structures, max_size=1)),
    }
    return yaml.safe_dump(document, allow_unicode=True)


@settings(max_examples=200, deadline=None)
@given(mutated())
def test_mutated_documents(text: str) -> None:
    outcome(text)


@settings(max_examples=200, deadline=None)
@given(shaped())
def test_documents_of_any_values(text: str) -> None:
    outcome(text)


@settings(max_examples=200, deadline=None)
@given(structures)
def test_any_structure(value: object) -> None:
    outcome(yaml.safe_dump(value, allow_unicode=True))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(CONFIGS),
    st.text(max_size=20)
    | st.builds("{}.{}={}".format, st.sampled_from(["encoder", "input", "budget"]), st.sampled_from(KEYS), scalars),
)
def test_any_setting(text: str, setting: str) -> None:
    outcome(text, setting)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "doc.yaml"
    path.write_bytes(data)
    with pytest.raises(DocumentError):
        load_spec(str(path))


def test_the_fuzz_reaches_both_ends() -> None:
    """Neither end is out of reach: good documents are planned, and a mutation is complained of."""
    assert all(isinstance(outcome(text), ModelFacts) for text in CONFIGS)
    assert isinstance(outcome(CONFIGS[0].replace("layers", "lairs")), RnnInspectError)
