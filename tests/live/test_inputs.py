"""What a live model is called with: tensors, sizes, several of them, tokens, nests, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rnninspect
from rnninspect.live.inputs import inputs_for

LINEAR = nn.Linear(2, 2)
X = torch.zeros(4, 3, 5)


def described(value: Any) -> Any:
    if isinstance(value, Tensor):
        return (str(value.dtype).removeprefix("torch."), tuple(value.shape))
    return tuple(map(described, value)) if isinstance(value, tuple) else value


F, T = ("float32", (4, 3, 5)), ("int64", (4, 3))


@pytest.mark.parametrize(
    ("given", "named", "expected"),
    [
        ([(4, 3, 5)], {}, (F,)),
        ([torch.Size([4, 3, 5])], {}, (F,)),
        ([], {"input_size": (4, 3, 5)}, (F,)),
        ([], {"input_size": [4, 3, 5]}, (F,)),
        ([], {"input_size": [(4, 3, 5), (4, 3)], "dtypes": [torch.float, torch.long]}, (F, T)),
        ([(4, 3, 5), (4, 3)], {"dtypes": [torch.float, torch.long]}, (F, T)),
        ([(4, 3)], {"dtypes": torch.long}, (T,)),
        ([(4, 3), (4, 3)], {"dtypes": [torch.long]}, (T, T)),
        ([(4, 3, 5), ((4, 3, 5), (4, 3, 5))], {}, (F, (F, F))),
        ([], {"input_size": [(4, 3, 5), ((4, 3, 5), (4, 3, 5))]}, (F, (F, F))),
        ([X], {}, (F,)),
        # Beside a tensor a tuple of numbers is what it is.
        ([X, (4, 3)], {}, (F, (4, 3))),
        ([X, [4, 3], 7, None], {}, (F, [4, 3], 7, None)),
        ([5], {}, (5,)),
        ([], {}, ()),
    ],
)
def test_what_is_named_is_what_is_called_with(given: list[Any], named: dict[str, Any], expected: Any) -> None:
    args = {"input_size": None, "dtypes": None, **named}
    assert described(inputs_for(LINEAR, given, **args).args) == expected


@pytest.mark.parametrize(
    ("given", "named", "message"),
    [
        ([X], {"input_size": (4, 3)}, r"expected inputs or input_size, got both"),
        ([X], {"dtypes": [torch.long]}, r"dtypes are of sizes, and no argument is one \(give tensors"),
        ([(4, 3), X], {"dtypes": torch.long}, r"no argument is one \(beside a tensor a tuple is none: give tensors"),
        ([(4, 3)], {"dtypes": [torch.long, torch.float]}, r"expected one, or one for each of 1 sizes, got 2"),
        ([], {"input_size": 5}, r"input_size: expected a size such as"),
        ([], {"input_size": "abc"}, r"input_size: expected a size such as"),
        ([], {"input_size": [(4, 3), "x"]}, r"input_size: expected a size such as .* got 'x'"),
    ],
)
def test_what_contradicts_itself_is_refused(given: list[Any], named: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        rnninspect.inspect(LINEAR, *given, **named)


def test_sizes_become_what_the_module_is_made_of() -> None:
    for module in (nn.Linear(2, 2, dtype=torch.float64), nn.Linear(2, 2, device="meta", dtype=torch.float64)):
        (x,) = inputs_for(module, [(4, 2)], None, None).args
        assert (x.dtype, x.device) == (torch.float64, module.weight.device)
    assert inputs_for(nn.ReLU(), [(4, 2)], None, None).args[0].dtype is torch.float32


def test_tokens_are_in_every_vocabulary_and_random_numbers_are_the_same() -> None:
    assert inputs_for(LINEAR, [(4, 3)], None, torch.long).args[0].unique().tolist() == [0]
    first, second = (inputs_for(LINEAR, [(4, 3)], None, None).args[0] for _ in range(2))
    assert torch.equal(first, second)
    assert len(first.unique()) == 12


def test_arguments_by_keyword_go_to_the_forward() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(5, 7)

        def forward(self, x: Tensor, *, scale: float, lengths: Any = None) -> Any:
            assert (scale, lengths) == (0.5, (4, 3))
            return self.rnn(x * scale)

    result = rnninspect.inspect(Named(), (4, 3, 5), scale=0.5, lengths=(4, 3))
    assert result["rnn"].calls == 1


def test_what_a_forward_raises_on_made_input_says_what_was_made() -> None:
    with pytest.raises(RuntimeError, match="Expected 5, got 6") as raised:
        rnninspect.inspect(nn.GRU(5, 7), (4, 3, 6))
    assert raised.value.__notes__ == [
        "rnninspect made its input from sizes: float32 (4, 3, 6) (dtypes=[torch.long] makes tokens)"
    ]
    with pytest.raises(RuntimeError, match="should be positive") as raised_of_zeros:
        rnninspect.inspect(nn.Embedding(0, 7), (4, 3), dtypes=torch.long)
    assert raised_of_zeros.value.__notes__ == [
        "rnninspect made its input from sizes: int64 (4, 3) (integers are zeros: give tensors for others)"
    ]
    for given in ([[4, 3, 5]], [[(4, 3, 5), (1, 4, 7)]], [X, (1, 4, 7)]):
        with pytest.raises((AttributeError, RuntimeError, TypeError)) as raised_as_it_is:
            rnninspect.inspect(nn.GRU(5, 7), *given)
        assert "passed tuples and lists on as they are" in raised_as_it_is.value.__notes__[0]
    with pytest.raises(RuntimeError) as raised_of_a_tensor:
        rnninspect.inspect(nn.GRU(5, 7), torch.zeros(4, 3, 6))
    assert not hasattr(raised_of_a_tensor.value, "__notes__")
    with pytest.raises(TypeError) as raised_without:
        rnninspect.inspect(nn.GRU(5, 7))
    assert "rnninspect.recurrent(module) runs nothing" in raised_without.value.__notes__[0]
