"""The layers fitted to one another: what is inferred, what does not fit, and where the complaint points.

In a text the arrow `▶` stands where the complaint must point; it is taken out before the text is read.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import worlds
from worlds import DOCUMENTS, WIRED, text_of

from rnninspect.document.chain import Spec
from rnninspect.document.connect import connect
from rnninspect.document.load import load_spec
from rnninspect.document.tree import read_tree
from rnninspect.document.validate import validate
from rnninspect.errors import DocumentError
from rnninspect.layers.linear import Linear
from rnninspect.layers.registry import TYPES
from rnninspect.layers.signal import Batch, Signal
from rnninspect.plan import plan

BATCHED = "input: {batch_size: 3, seq_len: 5}"
UNBATCHED = "input: {batch_size: null, seq_len: 5}"
PACKED = "input: {batch_size: 3, seq_len: 9, lengths: [4, 8, 2]}"


def spec_of(*layers: str, head: str = BATCHED) -> Spec:
    return worlds.spec_of(text_of(*layers, head=head))


def refused(*layers: str, head: str = BATCHED) -> DocumentError:
    before, arrow, after = text_of(*layers, head=head).partition("▶")
    assert arrow
    tree = read_tree(before + after, "doc.yaml")
    validated = validate(tree)
    with pytest.raises(DocumentError) as caught:
        connect(validated, tree, name="doc")
    place = caught.value.place
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert (place.source, place.line, place.column) == ("doc.yaml", line, column)
    return caught.value


EMBED = "type: Embedding, num_embeddings: 9, embedding_dim: 7"


class TestConnect:
    def test_a_pipeline(self) -> None:
        spec = spec_of(
            EMBED, "type: LSTM, hidden_size: 11, bidirectional: true", "type: Dropout", "type: Linear, out_features: 2"
        )
        batch = Batch(3, 5)
        assert [(link.layer.name, link.signal) for link in spec.links] == [
            ("embedding", Signal(batch, ("L", "N"), None, None)),
            ("lstm", Signal(batch, ("L", "N"), 7, "embedding")),
            ("dropout", Signal(batch, ("L", "N"), 22, "lstm")),
            ("linear", Signal(batch, ("L", "N"), 22, "dropout")),
        ]
        assert (spec.name, spec.source, spec.device, spec.dtype, spec.notes) == ("doc", "doc.yaml", None, "float32", ())

    def test_the_first_layers_width_is_its_own(self) -> None:
        (link,) = spec_of("type: Linear, in_features: 6, out_features: 2").links
        assert link.signal == Signal(Batch(3, 5), ("L", "N"), 6, None)

    @pytest.mark.parametrize(
        ("head", "options", "axes"),
        [
            (BATCHED, "", ("L", "N")),
            (BATCHED, ", batch_first: true", ("N", "L")),
            (UNBATCHED, "", ("L",)),
            (UNBATCHED, ", batch_first: true", ("L",)),
            (PACKED, "", ("T",)),
            (PACKED, ", batch_first: true", ("T",)),
        ],
    )
    @pytest.mark.parametrize(
        "before", [[], [EMBED], ["type: Linear, in_features: 2, out_features: 3", "type: Dropout"]]
    )
    def test_the_first_layer_with_a_batch_first_decides(
        self, head: str, options: str, axes: tuple[str, ...], before: list[str]
    ) -> None:
        given = "" if before else "input_size: 4, "
        spec = spec_of(*before, f"type: GRU, {given}hidden_size: 2{options}", head=head)
        assert {link.signal.axes for link in spec.links} == {axes}

    def test_without_such_a_layer_time_comes_first(self) -> None:
        assert spec_of("type: GRUCell, input_size: 2, hidden_size: 3").links[0].signal.axes == ("L", "N")

    @pytest.mark.parametrize("path", [path for path in DOCUMENTS if path not in WIRED], ids=lambda path: path.stem)
    def test_every_config_connects(self, path: Path) -> None:
        spec = load_spec(str(path))
        assert [link.signal.producer for link in spec.links] == [None, *(link.layer.name for link in spec.links[:-1])]
        # What is planned to come out of a layer is what the next is fed with, or that layer's last state.
        facts = plan(spec).layers
        for before, after, link in zip(facts, facts[1:], spec.links, strict=False):
            if getattr(link.layer, "feeds", "output") == "output":
                handed_on = before.outputs[0] if before.handed_on is None else before.handed_on.tensor
                assert handed_on.shape == after.inputs[0].shape

    def test_the_configs_use_every_kind(self) -> None:
        assert {link.layer.type for path in DOCUMENTS for link in load_spec(str(path)).links} >= set(TYPES)


class TestMisfits:
    @pytest.mark.parametrize(
        ("before", "width"),
        [
            ("type: LSTM, input_size: 2, hidden_size: 4", 4),
            ("type: LSTM, input_size: 2, hidden_size: 4, proj_size: 3", 3),
            ("type: LSTM, input_size: 2, hidden_size: 4, bidirectional: true", 8),
            ("type: GRU, input_size: 2, hidden_size: 4, bidirectional: true, feeds: last", 8),
            ("type: JordanRNN, input_size: 2, hidden_size: 4, output_size: 5", 5),
            ("type: Linear, in_features: 2, out_features: 6", 6),
            (EMBED, 7),
        ],
    )
    def test_a_size_given_and_wrong_names_both_layers_and_both_numbers(self, before: str, width: int) -> None:
        error = refused(before + ", name: one", "name: two, type: Linear, out_features: 2, in_features: ▶99")
        assert error.path == "layers[1].in_features"
        assert error.message == f"layer 'two': expected {width}, the width that layer 'one' puts out, got 99"
        assert error.hint == "leave in_features out, or change layer 'one'"

    def test_a_size_given_and_right(self) -> None:
        before = "type: LSTM, input_size: 2, hidden_size: 4"
        assert spec_of(before, "type: GRU, hidden_size: 2, input_size: 4") == spec_of(
            before, "type: GRU, hidden_size: 2"
        )

    def test_a_dropout_between_is_named_as_what_comes_before(self) -> None:
        error = refused(
            "type: GRU, input_size: 2, hidden_size: 4",
            "type: Dropout",
            "type: Linear, out_features: 2, in_features: ▶5",
        )
        assert "expected 4, the width that layer 'dropout' puts out, got 5" in error.message

    @pytest.mark.parametrize(
        ("layer", "path", "message"),
        [
            ("type: GRU, hidden_size: 4", "input_size", "required: there is no layer before to infer it from"),
            ("type: Linear, out_features: 4", "in_features", "required: there is no layer before to infer it from"),
            ("type: LayerNorm", "normalized_shape", "required: there is no layer before to infer it from"),
            ("type: Linear, in_features: 4", "out_features", "required"),
        ],
    )
    def test_a_size_left_out_points_at_the_layer(self, layer: str, path: str, message: str) -> None:
        with pytest.raises(DocumentError) as caught:
            worlds.spec_of(text_of("name: one, " + layer))
        assert (caught.value.place.line, caught.value.place.column) == (3, 5)
        assert caught.value.path == f"layers[0].{path}"
        assert caught.value.message == f"layer 'one': {message}"
        assert path in caught.value.hint

    def test_an_embedding_that_is_not_first(self) -> None:
        error = refused("name: a, type: GRU, input_size: 2, hidden_size: 4", EMBED.replace(": Emb", ": ▶Emb"))
        assert error.path == "layers[1].type"
        assert error.message.startswith("layer 'embedding': expected features for layer 'a' to feed")
        assert error.hint == "make it the first layer"

    def test_a_dropout_that_is_first(self) -> None:
        error = refused("type: ▶Dropout", "type: Linear, out_features: 2")
        assert error.path == "layers[0].type"
        assert error.message == "layer 'dropout': a Dropout cannot come first: nothing says how wide its input is"

    @pytest.mark.parametrize("type_name", ["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"])
    @pytest.mark.parametrize("head", [BATCHED, UNBATCHED, PACKED], ids=["batched", "unbatched", "packed"])
    def test_a_recurrent_layer_after_a_last_state(self, type_name: str, head: str) -> None:
        first = "name: a, type: GRU, input_size: 2, hidden_size: 4, feeds: last"
        error = refused(first, f"type: ▶{type_name}, hidden_size: 3", head=head)
        assert error.path == "layers[1].type"
        assert error.message.endswith("expected a sequence, got the last state of layer 'a'")
        assert error.hint == "give 'a' feeds: output"

    def test_a_linear_after_a_last_state(self) -> None:
        spec = spec_of("type: GRU, input_size: 2, hidden_size: 4, feeds: last", "type: Linear, out_features: 3")
        assert spec.links[1].signal == Signal(Batch(3, 5), ("N",), 4, "gru")

    def test_a_projection_as_wide_as_its_cell(self) -> None:
        error = refused("type: LSTM, input_size: 2, hidden_size: 4, proj_size: ▶4")
        assert error.path == "layers[0].proj_size"
        assert error.message == "layer 'lstm': expected less than hidden_size 4, got 4"

    def test_a_padding_idx_outside_its_table(self) -> None:
        assert refused(EMBED + ", padding_idx: ▶9").path == "layers[0].padding_idx"

    def test_a_table_that_comes_later(self) -> None:
        error = refused("type: Linear, in_features: 7, tied_to: ▶embedding", EMBED)
        assert error.path == "layers[0].tied_to"
        assert error.hint == "there is no Embedding before it"


class TestBatchFirst:
    BETWEEN = (
        (),
        ("type: Linear, out_features: 3",),
        ("type: Dropout", "type: LayerNorm"),
        ("type: GRUCell, hidden_size: 5",),
    )

    @pytest.mark.parametrize("between", BETWEEN, ids=["next", "Linear", "Dropout, LayerNorm", "GRUCell"])
    @pytest.mark.parametrize("type_name", ["RNN", "LSTM", "GRU"])
    @pytest.mark.parametrize(
        ("first", "second", "message"),
        [
            ("true", "▶type: {}", "expected true: its input is (N, L, H_in)"),
            ("true", "type: {}, batch_first: ▶false", "expected true: its input is (N, L, H_in)"),
            ("false", "type: {}, batch_first: ▶true", "expected false: its input is (L, N, H_in)"),
        ],
    )
    def test_layers_that_disagree(
        self, between: tuple[str, ...], type_name: str, first: str, second: str, message: str
    ) -> None:
        layers = [f"type: GRU, input_size: 2, hidden_size: 4, batch_first: {first}", *between]
        last = second.format(type_name) + ", name: last, hidden_size: 3"
        if last.startswith("▶"):  # the key is left out, so the complaint points at the whole layer
            text = text_of(*layers, last.removeprefix("▶"))
            with pytest.raises(DocumentError) as caught:
                worlds.spec_of(text)
            error = caught.value
            assert (error.place.line, error.place.column) == (text.count("\n"), 5)
        else:
            error = refused(*layers, last)
        assert error.path == f"layers[{len(layers)}].batch_first"
        assert error.message == f"layer 'last': {message}"
        assert "silently" in error.hint

    @pytest.mark.parametrize("between", BETWEEN, ids=["next", "Linear", "Dropout, LayerNorm", "GRUCell"])
    @pytest.mark.parametrize("batch_first", ["true", "false"])
    def test_layers_that_agree(self, between: tuple[str, ...], batch_first: str) -> None:
        options = f"batch_first: {batch_first}"
        spec = spec_of(
            f"type: GRU, input_size: 2, hidden_size: 4, {options}", *between, f"type: LSTM, hidden_size: 3, {options}"
        )
        expected = ("N", "L") if batch_first == "true" else ("L", "N")
        assert {link.signal.axes for link in spec.links} == {expected}

    @pytest.mark.parametrize(("head", "axes"), [(UNBATCHED, ("L",)), (PACKED, ("T",))], ids=["unbatched", "packed"])
    @pytest.mark.parametrize(("first", "second"), [("true", "false"), ("false", "true")])
    def test_torch_ignores_it_without_a_batch_axis(
        self, head: str, axes: tuple[str, ...], first: str, second: str
    ) -> None:
        spec = spec_of(
            f"type: GRU, input_size: 2, hidden_size: 4, batch_first: {first}",
            f"type: LSTM, hidden_size: 3, batch_first: {second}",
            head=head,
        )
        assert {link.signal.axes for link in spec.links} == {axes}


ONE_EACH = "expected one length for each sequence, batch_size"


class TestLengths:
    LAYER = "type: GRU, input_size: 2, hidden_size: 4"

    @pytest.mark.parametrize(
        ("given", "path", "message"),
        [
            ("batch_size: 3, seq_len: 5, lengths: ▶[5, 4]", "input.lengths", f"{ONE_EACH} 3, got 2"),
            ("batch_size: 1, seq_len: 5, lengths: ▶[5, 4]", "input.lengths", f"{ONE_EACH} 1, got 2"),
            ("batch_size: 3, seq_len: 5, lengths: ▶[]", "input.lengths", f"{ONE_EACH} 3, got 0"),
            ("batch_size: null, seq_len: 5, lengths: ▶[5]", "input.lengths", f"{ONE_EACH} null (unbatched), got 1"),
            ("batch_size: 2, seq_len: 5, lengths: [5, ▶6]", "input.lengths[1]", "expected at most seq_len 5, got 6"),
            ("batch_size: 2, seq_len: 5, lengths: [▶7, 6]", "input.lengths[0]", "expected at most seq_len 5, got 7"),
            # of two sizes, one of which is left out
            ("batch_size: null, lengths: ▶[5]", "input.lengths", f"{ONE_EACH} null (unbatched), got 1"),
            ("batch_size: 2, lengths: ▶[5]", "input.lengths", f"{ONE_EACH} 2, got 1"),
            ("seq_len: 4, lengths: [3, ▶5]", "input.lengths[1]", "expected at most seq_len 4, got 5"),
        ],
    )
    def test_wrong_ones(self, given: str, path: str, message: str) -> None:
        error = refused(self.LAYER, head=f"input: {{{given}}}")
        assert (error.path, error.message) == (path, message)
        assert error.hint

    @pytest.mark.parametrize(
        ("lengths", "longest", "tokens"), [("[5, 5]", 5, 10), ("[1, 5]", 5, 6), ("[3, 2]", 3, 5), ("[1, 1]", 1, 2)]
    )
    def test_right_ones(self, lengths: str, longest: int, tokens: int) -> None:
        """Any order will do, and the longest need not fill seq_len."""
        spec = spec_of(self.LAYER, head=f"input: {{batch_size: 2, seq_len: 5, lengths: {lengths}}}")
        assert spec.batch.letters == {"L": longest, "N": 2, "T": tokens}
        assert spec.links[0].signal.tokens == tokens

    @pytest.mark.parametrize(
        ("given", "left_out"),
        [
            ("batch_size: 3, seq_len: 8, lengths: [4, 8, 2]", "lengths: [4, 8, 2]"),
            ("batch_size: 3, seq_len: 9, lengths: [4, 8, 2]", "seq_len: 9, lengths: [4, 8, 2]"),
            ("batch_size: 3, seq_len: 8, lengths: [4, 8, 2]", "batch_size: 3, lengths: [4, 8, 2]"),
            ("batch_size: 1, seq_len: 5, lengths: [5]", "lengths: [5]"),
        ],
    )
    def test_what_they_say_may_be_left_out(self, given: str, left_out: str) -> None:
        """batch_size is their number, seq_len the longest."""
        spec = spec_of(self.LAYER, head=f"input: {{{left_out}}}")
        assert spec == spec_of(self.LAYER, head=f"input: {{{given}}}")
        assert spec.cut(3) == spec_of(self.LAYER, head=f"input: {{{given}}}").cut(3)

    def test_a_cut_of_sequences_takes_their_lengths_with_it(self) -> None:
        cut = spec_of(self.LAYER, head="input: {lengths: [4, 2, 8]}").cut(3, sequences=2)
        assert cut == spec_of(self.LAYER, head="input: {seq_len: 3, lengths: [3, 2]}")

    def test_null_is_no_lengths(self) -> None:
        assert spec_of(self.LAYER, head="input: {batch_size: 2, seq_len: 5, lengths: null}").batch.lengths is None

    @pytest.mark.parametrize("state", ["zeros", "random"])
    def test_the_batch_keeps_its_state(self, state: str) -> None:
        assert spec_of(self.LAYER, head=f"input: {{batch_size: 2, seq_len: 5, state: {state}}}").batch.state == state


class TestNotes:
    def test_each_has_its_place(self) -> None:
        layers = (
            "type: GRU, input_size: 2, hidden_size: 4, dropout: 0.5",
            "type: GRU, hidden_size: 4, dropout: 0.5, num_layers: 2",
            "type: LSTM, dropout: 0.1, hidden_size: 4",
        )
        lines = text_of(*layers).splitlines()
        columns = lines[2].index("0.5") + 1, lines[4].index("0.1") + 1
        message = "dropout acts between stacked layers: with num_layers 1 it does nothing"
        assert spec_of(*layers).notes == (
            f"doc.yaml:3:{columns[0]}: layers[0].dropout: {message}",
            f"doc.yaml:5:{columns[1]}: layers[2].dropout: {message}",
        )

    def test_of_a_setting_it_is_the_option(self, tmp_path: Path) -> None:
        path = tmp_path / "doc.yaml"
        path.write_text(text_of("type: GRU, input_size: 2, hidden_size: 4"))
        (note,) = load_spec(str(path), ["gru.dropout=0.5"]).notes
        assert note.startswith("--set gru.dropout=0.5: layers[0].dropout: dropout acts between")

    def test_a_sound_document_has_none(self) -> None:
        assert spec_of("type: GRU, input_size: 2, hidden_size: 4, dropout: 0.0").notes == ()


class TestCut:
    LAYERS = ("type: GRU, input_size: 2, hidden_size: 4", "type: Linear, out_features: 3")

    @pytest.mark.parametrize(("steps", "left"), [(1, 1), (2, 2), (5, 5), (9, 5)])
    def test_of_a_batch(self, steps: int, left: int) -> None:
        spec = spec_of(*self.LAYERS)
        cut = spec.cut(steps)
        assert cut.batch == Batch(3, left)
        assert {link.signal.batch for link in cut.links} == {cut.batch}
        assert cut == spec_of(*self.LAYERS, head=f"input: {{batch_size: 3, seq_len: {left}}}")

    def test_of_a_packed_batch(self) -> None:
        cut = spec_of(*self.LAYERS, head=PACKED).cut(3)
        assert cut.batch == Batch(3, 3, (3, 3, 2))
        assert [link.signal.tokens for link in cut.links] == [8, 8]

    def test_of_one_sequence(self) -> None:
        assert spec_of(*self.LAYERS, head=UNBATCHED).cut(2).batch == Batch(None, 2)

    def test_the_spec_itself_stays_whole(self) -> None:
        spec = spec_of(*self.LAYERS)
        spec.cut(2)
        assert spec == spec_of(*self.LAYERS)

    def test_layers_device_notes_and_state_stay(self) -> None:
        head = "input: {batch_size: 3, seq_len: 5, state: random}\ndevice: meta\ndtype: float16\nname: x"
        spec = spec_of("type: GRU, input_size: 2, hidden_size: 4, dropout: 0.5", head=head)
        cut = spec.cut(2)
        assert cut.batch == Batch(3, 2, None, "random")
        assert (cut.name, cut.device, cut.dtype, cut.notes) == ("x", "meta", "float16", spec.notes)
        assert [link.layer for link in cut.links] == [link.layer for link in spec.links]


def test_what_a_layer_of_a_repeated_block_names_is_its_own_copys() -> None:
    block = """repeat: 2, layers: [{name: e, type: Embedding, from: input, num_embeddings: 7, embedding_dim: 4},
        {name: r, type: RNN, hidden_size: 4}, {name: s, type: RNN, hidden_size: 4, state_from: r},
        {name: head, type: Linear, out_features: 7, tied_to: e}]"""
    spec = worlds.spec_of(text_of(block, head=BATCHED) + "outputs: [head_0, head_1]\n")
    assert [link.layer.tied_to for link in spec.links if isinstance(link.layer, Linear)] == ["e_0", "e_1"]
    assert [link.wires.state_from for link in spec.links if link.wires.state_from] == ["r_0", "r_1"]


def test_an_input_by_its_name_may_be_added() -> None:
    head = "input: {batch_size: 3}\ninputs: {src: {seq_len: 5}, tgt: {seq_len: 5}}"
    first = "name: p, type: Linear, from: src, in_features: 4, out_features: 4"
    spec = worlds.spec_of(
        text_of(first, first.replace("p, ", "q, ").replace("src", "tgt") + ", add: src", head=head)
        + "outputs: [p, q]\n"
    )
    assert spec.links[1].wires.add == "src"
