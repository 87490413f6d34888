"""`trace` of models with wires: layers that others feed and start, each over its own steps; and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ended import Run
from wired_models import ANOTHER_ORDER, MODELS, TIES
from worlds import spec_of, text_of, written

from rnninspect.commands.shared.proof import prove
from rnninspect.plan import plan
from rnninspect.study.trace import Pick, trace_layers

CPU = torch.device("cpu")
ALL = MODELS | {"in another order": (ANOTHER_ORDER, TIES)}


def text(name: str, head: str = "") -> str:
    given, layers = ALL[name]
    return text_of(*layers, head=f"{head}{given}")


@pytest.mark.parametrize("name", ALL)
def test_every_layer_is_traced_over_its_own_steps_and_is_what_torch_put_out(name: str) -> None:
    spec = spec_of(text(name))
    found = trace_layers(spec, CPU)
    steps = {link.layer.name: link.signal.batch.letters["L"] for link in spec.links}
    assert found.levels
    assert {level.layer: len(level.steps) for level in found.levels} == {
        level.layer: steps[level.layer] for level in found.levels
    }
    assert all(output.ok for output in found.outputs.values())


def test_a_layer_that_is_handed_its_states_begins_with_them() -> None:
    """By the GRU's last equation, of the encoder's last step and the decoder's first."""
    layers = (
        "name: enc, type: GRU, from: src, input_size: 2, hidden_size: 3",
        "name: dec, type: GRU, from: tgt, hidden_size: 3, state_from: enc",
        "name: head, type: Linear, from: dec, out_features: 2",
    )
    head = "dtype: float64\ninput: {batch_size: 2}\ninputs: {src: {seq_len: 7}, tgt: {seq_len: 5, input_size: 4}}"
    spec = spec_of(text_of(*layers, head=head))
    last = trace_layers(spec, CPU, layer="enc", pick=Pick(6, None, 1)).levels[0]
    first = trace_layers(spec, CPU, layer="dec", pick=Pick(0, None, 1)).levels[0]
    names = [vector.name for vector in first.vectors]
    for before, unit in zip(last.units, first.units, strict=True):
        values = dict(zip(names, unit.values, strict=True))
        h = before.values[[vector.name for vector in last.vectors].index("h")]
        assert values["h"] == pytest.approx((1 - values["z"]) * values["n"] + values["z"] * h, rel=1e-12)


def test_a_file_is_for_one_input(here: Run, tmp_path: Path) -> None:
    file = written(tmp_path, text("seq2seq", "device: cpu\n"))
    numbers = written(tmp_path, "1\n2\n3\n", "words.csv")
    done = here("trace", str(file), "--input", str(numbers))
    assert (done.returncode, done.stdout) == (2, "")
    expected = "a file is for one input, and there are several, src, tgt (leave it out: all are drawn at random)"
    assert expected in done.stderr
    done = here("trace", str(file), "--step", "6")
    assert (done.returncode, done.stdout) == (2, "")
    assert "what layer 'decoder' reads has 5 steps (--layer chooses another)" in done.stderr
    done = here("trace", str(file), "--step", "6", "--layer", "encoder")
    assert done.returncode == 0


@pytest.mark.parametrize("name", ALL)
def test_on_meta_joined_sequences_stay_equal(name: str) -> None:
    spec = spec_of(text(name, "device: meta\n"))
    proof = prove(spec, plan(spec), 0)
    assert not proof.differences
    if name == "seq2seq":
        assert proof.notes == (
            "doc.yaml: on meta 2 of 7 time steps of src and 2 of 5 time steps of tgt were run; sizes along L are the "
            "plan's, which is linear in L",
        )
