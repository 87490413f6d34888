"""`--set PATH=VALUE`: what it replaces, what it refuses, and where its complaints point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import spec_of, written

from rnninspect.document.load import load_spec
from rnninspect.document.overrides import override
from rnninspect.document.tree import read_tree
from rnninspect.errors import DocumentError, Place

TEXT = """\
name: tagger
input: {batch_size: 3, seq_len: 5}
layers:
  - {name: encoder, type: LSTM, input_size: 2, hidden_size: 4}
  - {type: LSTM, hidden_size: 6}
  - {name: head, type: Linear, out_features: 7}
"""


def data(*settings: str, text: str = TEXT) -> Any:
    return override(read_tree(text, "doc.yaml"), settings).data


def refused(*settings: str, text: str = TEXT) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        override(read_tree(text, "doc.yaml"), settings)
    assert caught.value.place == Place(f"--set {settings[-1]}")
    return caught.value


def test_how_often_a_block_is_repeated_is_set_by_a_layer_in_it() -> None:
    block = "  - {repeat: 2, layers: [{name: inner, type: GRU, hidden_size: 3}]}\n"
    assert data("inner.repeat=4", text=TEXT + block)["layers"][3]["repeat"] == 4
    names = [link.layer.name for link in spec_of(TEXT + block, "inner.repeat=3").links[3:]]
    assert names == ["inner_0", "inner_1", "inner_2"]
    assert "repeat" in data("encoder.repeat=4", text=TEXT + block)["layers"][0]  # which no layer has, and is refused


class TestPut:
    @pytest.mark.parametrize(
        ("setting", "path", "value"),
        [
            ("encoder.hidden_size=128", ("layers", 0, "hidden_size"), 128),
            ("encoder.num_layers=2", ("layers", 0, "num_layers"), 2),
            ("lstm.hidden_size=9", ("layers", 1, "hidden_size"), 9),
            ("head.bias=false", ("layers", 2, "bias"), False),
            ("encoder.init=null", ("layers", 0, "init"), None),
            ("head.type=Dropout", ("layers", 2, "type"), "Dropout"),
            ("head.out_features='7'", ("layers", 2, "out_features"), "7"),
            ("input.seq_len=1e3", ("input", "seq_len"), 1000.0),
            ("input.batch_size=null", ("input", "batch_size"), None),
            ("input.lengths=[5, 4, 2]", ("input", "lengths"), [5, 4, 2]),
            ("input.lengths=[]", ("input", "lengths"), []),
            ("dtype=float64", ("dtype",), "float64"),
            ("device=cuda:1", ("device",), "cuda:1"),
            ("name=a=b", ("name",), "a=b"),
            (" encoder.hidden_size = 128 ", ("layers", 0, "hidden_size"), 128),
        ],
    )
    def test_a_value_at_a_path(self, setting: str, path: tuple[str | int, ...], value: object) -> None:
        expected = read_tree(TEXT, "doc.yaml").data
        owner: Any = expected
        for part in path[:-1]:
            owner = owner[part]
        owner[path[-1]] = value
        tree = override(read_tree(TEXT, "doc.yaml"), [setting])
        assert tree.data == expected
        assert tree.place(path) == Place(f"--set {setting}")

    def test_nothing_else_moves(self) -> None:
        before = read_tree(TEXT, "doc.yaml")
        after = override(before, ["encoder.hidden_size=128"])
        path = ("layers", 0, "hidden_size")
        assert {key: place for key, place in after.values.items() if key != path} == {
            key: place for key, place in before.values.items() if key != path
        }
        assert before == read_tree(TEXT, "doc.yaml")

    def test_no_settings_no_change(self) -> None:
        tree = read_tree(TEXT, "doc.yaml")
        assert override(tree, []) == tree

    def test_the_later_wins(self) -> None:
        overridden = data("encoder.hidden_size=8", "encoder.bias=false", "encoder.hidden_size=9")
        assert (overridden["layers"][0]["hidden_size"], overridden["layers"][0]["bias"]) == (9, False)

    def test_a_later_one_sees_the_names_an_earlier_one_gave(self) -> None:
        assert data("encoder.name=e", "e.hidden_size=8")["layers"][0]["hidden_size"] == 8

    @pytest.mark.parametrize(
        ("written", "settings", "expected"),
        [
            ("lengths: [5, 4, 3]", ["input.lengths=[3, 5]"], (2, 5, (3, 5))),
            ("lengths: [5, 4, 3]", ["input.seq_len=9"], (3, 9, (5, 4, 3))),
            ("lengths: [5, 4, 3]", ["input.lengths=null", "input.batch_size=2", "input.seq_len=7"], (2, 7, None)),
            ("state: zeros", ["input.lengths=[3, 5]"], (2, 5, (3, 5))),
            ("batch_size: 2, seq_len: 9", ["input.lengths=[3, 5]"], (2, 9, (3, 5))),
        ],
    )
    def test_lengths_say_what_the_document_leaves_out(
        self, written: str, settings: list[str], expected: tuple[int, int, tuple[int, ...] | None]
    ) -> None:
        batch = spec_of(TEXT.replace("batch_size: 3, seq_len: 5", written), *settings).batch
        assert (batch.size, batch.seq_len, batch.lengths) == expected

    def test_places_inside_a_replaced_list_are_the_options(self) -> None:
        text = TEXT.replace("seq_len: 5", "seq_len: 5, lengths: [5, 4, 3]")
        tree = override(read_tree(text, "doc.yaml"), ["input.lengths=[1, 2, 9]"])
        assert tree.place(("input", "lengths", 2)) == Place("--set input.lengths=[1, 2, 9]")


class TestBlocks:
    """A block need not be there already."""

    PATH = ("layers", 0, "init")

    @pytest.mark.parametrize("keys", ["", ", init: null", ", init: {}"])
    def test_one_that_is_not_there_is_made(self, keys: str) -> None:
        tree = read_tree(TEXT.replace("hidden_size: 4", f"hidden_size: 4{keys}"), "doc.yaml")
        settings = ["encoder.init.weight_hh=orthogonal", "encoder.init.forget_bias=2"]
        overridden: Any = override(tree, settings)
        assert overridden.data["layers"][0]["init"] == {"weight_hh": "orthogonal", "forget_bias": 2}
        assert [overridden.place((*self.PATH, key)) for key in ("weight_hh", "forget_bias")] == [
            Place(f"--set {setting}") for setting in settings
        ]

    def test_of_one_that_is_there_the_rest_stays(self) -> None:
        text = TEXT.replace("hidden_size: 4", "hidden_size: 4, init: {bias: zeros, forget_bias: 1.0}")
        before = read_tree(text, "doc.yaml")
        after: Any = override(before, ["encoder.init.forget_bias=null"])
        assert after.data["layers"][0]["init"] == {"bias": "zeros", "forget_bias": None}
        assert after.place((*self.PATH, "bias")) == before.place((*self.PATH, "bias"))

    @pytest.mark.parametrize("keys", ["", ", init: null", ", init: {}", ", init: {forget_bias: null, weight: null}"])
    def test_one_within_one_is_made(self, keys: str) -> None:
        tree = read_tree(TEXT.replace("hidden_size: 4", f"hidden_size: 4{keys}"), "doc.yaml")
        settings = ["encoder.init.forget_bias.b_hf=3", "encoder.init.weight.uniform=0.1"]
        overridden: Any = override(tree, [*settings, "encoder.init.forget_bias.b_if=0"])
        assert overridden.data["layers"][0]["init"] == {
            "forget_bias": {"b_hf": 3, "b_if": 0},
            "weight": {"uniform": 0.1},
        }
        assert overridden.place((*self.PATH, "weight", "uniform")) == Place(f"--set {settings[1]}")

    def test_a_law_is_not_one_that_has_numbers(self) -> None:
        text = TEXT.replace("hidden_size: 4", "hidden_size: 4, init: {weight: orthogonal}")
        error = refused("encoder.init.weight.uniform=0.1", text=text)
        assert error.message == "layers[0].init.weight is not a mapping, so it has no 'uniform' to set"

    def test_what_is_no_block(self) -> None:
        text = TEXT.replace("hidden_size: 4", "hidden_size: 4, init: 3")
        error = refused("encoder.init.bias=zeros", text=text)
        assert error.message == "layers[0].init is not a mapping, so it has no 'bias' to set"

    def test_a_budget(self) -> None:
        assert data("budget.max_params=20M")["budget"] == {"max_params": "20M"}
        assert data("budget.max_params=3", text=TEXT + "budget: null\n")["budget"] == {"max_params": 3}


class TestAliases:
    TEXT = """\
input: {batch_size: 3, seq_len: 5}
layers:
  - &gru {name: first, type: GRU, input_size: 4, hidden_size: 4, dropout: 0.0}
  - {<<: *gru, name: second}
  - {name: third, type: LayerNorm, normalized_shape: &shape [3, 4]}
  - {name: fourth, type: LayerNorm, normalized_shape: *shape}
"""

    @pytest.mark.parametrize(("setting", "sizes"), [("first.num_layers=2", (2, 1)), ("second.num_layers=2", (1, 2))])
    def test_of_two_layers_that_share_an_anchor_one_is_set(self, setting: str, sizes: tuple[int, int]) -> None:
        spec = spec_of(self.TEXT, setting)
        assert tuple(link.layer.num_layers for link in spec.links[:2]) == sizes

    def test_of_two_whole_layers_that_are_one_mapping_one_is_set(self) -> None:
        text = (
            "input: {batch_size: 3, seq_len: 5}\nlayers:\n"
            "  - &d {type: GRU, input_size: 4, hidden_size: 4}\n  - *d\n  - *d\n"
        )
        spec = spec_of(text, "gru2.bias=false")
        assert [link.layer.bias for link in spec.links] == [True, False, True]

    def test_a_shared_list(self) -> None:
        spec = spec_of(self.TEXT, "fourth.normalized_shape=[5, 3, 4]")
        assert [link.layer.shape for link in spec.links[2:]] == [(3, 4), (5, 3, 4)]

    def test_the_read_tree_is_not_changed(self) -> None:
        tree = read_tree(self.TEXT, "doc.yaml")
        changed = override(tree, ["first.hidden_size=9", "third.normalized_shape=4"])
        assert tree == read_tree(self.TEXT, "doc.yaml")
        assert changed.data != tree.data


class TestRefused:
    @pytest.mark.parametrize("setting", ["", "encoder", "encoder.hidden_size", "encoder.hidden_size:3"])
    def test_what_is_no_setting(self, setting: str) -> None:
        error = refused(setting)
        assert error.message == "expected PATH=VALUE"
        assert error.hint == "for example --set encoder.hidden_size=128"

    @pytest.mark.parametrize(
        ("setting", "message", "hint"),
        [
            ("encodr.hidden_size=3", "no layer is called 'encodr'", "did you mean 'encoder'?"),
            ("lstm2.hidden_size=3", "no layer is called 'lstm2'", "did you mean 'lstm'?"),
            ("inptu.seq_len=3", "no layer is called 'inptu'", "did you mean 'input'?"),
            ("decoder.hidden_size=3", "no layer is called 'decoder'", "did you mean 'encoder'?"),
            ("x.hidden_size=3", "no layer is called 'x'", "known: encoder, lstm, head, input"),
            ("layers.0=3", "no layer is called 'layers'", ""),
            (".hidden_size=3", "no layer is called ''", "known: encoder, lstm, head, input"),
            ("input.seq_length=3", "unknown key 'seq_length'", "did you mean 'seq_len'?"),
            ("input.packed=true", "unknown key 'packed'", "did you mean 'lengths'?"),
            ("input.=3", "unknown key ''", "known: batch_size, seq_len, lengths, state"),
            ("dytpe=float64", "no top-level key 'dytpe' can be set", "did you mean 'dtype'?"),
            ("encoder=3", "no top-level key 'encoder' can be set", "known: name, device, dtype"),
            ("layers=[]", "no top-level key 'layers' can be set", "known: name, device, dtype"),
            ("input=3", "no top-level key 'input' can be set", "known: name, device, dtype"),
            ("=3", "no top-level key '' can be set", "known: name, device, dtype"),
        ],
    )
    def test_a_path_that_does_not_exist(self, setting: str, message: str, hint: str) -> None:
        error = refused(setting)
        assert error.message == message
        assert hint in error.hint

    @pytest.mark.parametrize("setting", ["dtype=", "dtype= ", "encoder.hidden_size="])
    def test_an_empty_value(self, setting: str) -> None:
        error = refused(setting)
        assert error.message == "the value is empty"
        assert "null" in error.hint

    @pytest.mark.parametrize("value", ["[1, 2", "{a: 1}", "!!int 3", "*a", "'x", "a: b"])
    def test_a_value_that_cannot_be_read(self, value: str) -> None:
        refused(f"encoder.hidden_size={value}")

    def test_a_bad_setting_among_good_ones(self) -> None:
        refused("encoder.hidden_size=3", "dtype=float64", "nobody.hidden_size=3")

    @pytest.mark.parametrize(
        ("text", "setting", "message"),
        [
            ("input: 3\nlayers: []", "input.seq_len=3", "input is not a mapping, so it has no 'seq_len' to set"),
            ("layers: []", "input.seq_len=3", "input is not a mapping, so it has no 'seq_len' to set"),
            ("layers: [LSTM]", "layer.bias=true", "layers[0] is not a mapping, so it has no 'bias' to set"),
        ],
    )
    def test_a_document_that_has_no_such_place(self, text: str, setting: str, message: str) -> None:
        assert refused(setting, text=text).message == message

    @pytest.mark.parametrize("text", ["[1, 2]", "model"])
    def test_a_document_that_is_no_mapping(self, text: str) -> None:
        with pytest.raises(DocumentError, match="expected a mapping with input and layers") as caught:
            override(read_tree(text, "doc.yaml"), ["dtype=float64"])
        assert caught.value.place == Place("doc.yaml", 1, 1)


class TestValidatedLikeTheFile:
    """The value is judged as if it stood in the file, and the complaint points at the option."""

    @pytest.mark.parametrize(
        ("setting", "path", "message"),
        [
            ("encoder.hidden_size=big", "layers[0].hidden_size", "expected an integer >= 1, got 'big'"),
            ("encoder.hidden_size=50.0", "layers[0].hidden_size", "expected an integer >= 1, got 50.0"),
            ("encoder.hidden_size=[1, 2]", "layers[0].hidden_size", "expected an integer >= 1, got a list"),
            ("encoder.bias=yes", "layers[0].bias", "expected true or false, got 'yes'"),
            ("head.bais=false", "layers[2].bais", "unknown key 'bais'"),
            ("head.a.b=false", "layers[2].'a.b'", "unknown key 'a.b'"),
            ("head.init.weight_hh=eye", "layers[2].init.weight_hh", "unknown key 'weight_hh'"),
            ("encoder.init.weight_hx=eye", "layers[0].init.weight_hx", "unknown key 'weight_hx'"),
            (
                "encoder.init.weight_hh=ones",
                "layers[0].init.weight_hh",
                "expected a law of torch.nn.init, {uniform: 0.1}",
            ),
            ("encoder.init.weight_ih=eye", "layers[0].init.weight_ih", "layer 'encoder': expected square matrices"),
            ("encoder.init.=eye", "layers[0].init.''", "unknown key ''"),
            ("head.type=Nope", "layers[2].type", "expected a layer type, got 'Nope'"),
            ("head.name=encoder", "layers[2].name", "the name 'encoder' is taken by layers[0]"),
            ("input.seq_len=0", "input.seq_len", "expected an integer >= 1, got 0"),
            ("input.lengths=[5, 4, 9]", "input.lengths[2]", "expected at most seq_len 5, got 9"),
            ("input.lengths=[5, x, 3]", "input.lengths[1]", "expected an integer >= 1, got 'x'"),
            ("dtype=float8", "dtype", "expected float32, float64, float16 or bfloat16, got 'float8'"),
            ("lstm.input_size=5", "layers[1].input_size", "layer 'lstm': expected 4, the width that layer 'encoder'"),
        ],
    )
    def test_a_wrong_value(self, setting: str, path: str, message: str) -> None:
        with pytest.raises(DocumentError) as caught:
            spec_of(TEXT, setting)
        assert caught.value.place == Place(f"--set {setting}")
        assert caught.value.path == path
        assert caught.value.message.startswith(message)

    def test_a_wrong_value_of_the_file_can_be_put_right(self) -> None:
        text = TEXT.replace("hidden_size: 4", "hidden_size: big")
        assert spec_of(text, "encoder.hidden_size=4") == spec_of(TEXT)

    def test_a_mismatch_with_an_overridden_layer_points_at_the_size_that_does_not_fit(self) -> None:
        text = TEXT.replace("{type: LSTM, hidden_size: 6}", "{type: LSTM, input_size: 4, hidden_size: 6}")
        with pytest.raises(DocumentError, match="expected 9, the width that layer 'encoder' puts out, got 4") as caught:
            spec_of(text, "encoder.hidden_size=9")
        assert (caught.value.place.line, caught.value.path) == (5, "layers[1].input_size")

    @pytest.mark.parametrize("key", ["device", "dtype"])
    def test_options_win_over_settings_and_these_over_the_file(self, tmp_path: Path, key: str) -> None:
        first, second, third = {"device": ("cpu", "meta", "cuda:1"), "dtype": ("float16", "float64", "bfloat16")}[key]
        path = str(written(tmp_path, f"{key}: {first}\n{TEXT}"))
        assert getattr(load_spec(path), key) == first
        assert getattr(load_spec(path, [f"{key}={second}"]), key) == second
        assert getattr(load_spec(path, [f"{key}={second}"], **{key: third}), key) == third

    @pytest.mark.parametrize(("key", "value"), [("device", "gpu"), ("dtype", "float8")])
    def test_a_wrong_option_is_complained_of_as_the_option(self, tmp_path: Path, key: str, value: str) -> None:
        with pytest.raises(DocumentError) as caught:
            load_spec(str(written(tmp_path, TEXT)), **{key: value})
        assert caught.value.place == Place(f"--{key} {value}")
        assert caught.value.path == key

    def test_the_name_is_the_documents_or_the_files(self, tmp_path: Path) -> None:
        assert spec_of(TEXT).name == "tagger"
        assert spec_of(TEXT, "name=other").name == "other"
        nameless = written(tmp_path, TEXT.removeprefix("name: tagger\n"), "mine.yaml")
        assert load_spec(str(nameless)).name == "mine"
