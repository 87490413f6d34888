"""`--map FILE`: which parameter of somebody's class is which of a layer's, and how that class is called.

layer: encoder                      # of the document; may be left out where only one layer has equations
arguments: {input_size: 3, hidden_size: 5}
call: sequence                      # or step: a cell, called with (N, features) at every step
batch_first: false
states: [h, c]                      # the order in which it takes and gives them
parameters:                         # ours: theirs; one of the same name needs no line
  weight_ih_l0: cell.weight_ih
  weight_hh_l0: {name: cell.weight_hh, blocks: [W_hn, W_hf]}          # the order of gates in theirs
  bias_ih_l0: [{name: gate.bias}, {name: cell.bias, rows: [5, 10]}]   # a tensor, or some rows of it, for each gate
fixed: {bias_hh_l0: 0}              # parameters that the other side lacks, and what all of their numbers are
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rnninspect.document.complaints import fault_at, valid
from rnninspect.document.faults import Faults, with_excerpts
from rnninspect.document.source import read_source
from rnninspect.document.tree import Tree, read_tree
from rnninspect.errors import OptionError, printable, show
from rnninspect.layers.fields import Expect

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True, defer_build=True)
_NEEDS = "for example arguments: {input_size: 3, hidden_size: 4}"
_Name = Annotated[str, Field(min_length=1, max_length=200), Expect("a name")]
_Row = Annotated[int, Field(ge=0), Expect("a whole number")]


class Piece(BaseModel):
    """Where blocks of one of our parameters are: in a tensor of theirs, or in some rows of it, in this order.

    blocks: all that the parameter has where None; transposed: theirs has rows for our columns.
    """

    model_config = _STRICT

    name: _Name
    rows: Annotated[list[_Row] | None, Field(min_length=2, max_length=2), Expect("two numbers, such as [0, 5]")] = None
    blocks: Annotated[list[_Name] | None, Field(min_length=1), Expect("a list of blocks, such as [W_hn, W_hf]")] = None
    transposed: Annotated[bool, Expect("true or false")] = False


def _pieces(value: object) -> object:
    """A name stands for the whole tensor, one piece for a list of one."""
    items = value if isinstance(value, list) else [value]
    return [{"name": item} if isinstance(item, str) else item for item in items]


_Pieces = Annotated[
    list[Piece], BeforeValidator(_pieces), Field(min_length=1), Expect("a name of theirs, or where its blocks are")
]
_Value = Annotated[float | int, Expect("a number")]


class NameMap(BaseModel):
    """What the file says."""

    model_config = _STRICT

    layer: Annotated[str | None, Expect("the name of a layer")] = None
    arguments: Annotated[dict[str, Any], Expect("a mapping, such as {hidden_size: 5}")] = {}
    call: Annotated[Literal["sequence", "step"], Expect("sequence or step")] = "sequence"
    batch_first: Annotated[bool, Expect("true or false")] = False
    states: Annotated[list[_Name] | None, Expect("a list of states, such as [h, c]")] = None
    parameters: Annotated[dict[str, _Pieces], Expect("a mapping of our parameters to theirs")] = {}
    fixed: Annotated[dict[str, _Value], Expect("a mapping of parameters to numbers, such as {bias: 0}")] = {}


class Theirs(NamedTuple):
    """Somebody's class, and how its names are ours."""

    module: str
    name: str
    map: NameMap
    tree: Tree

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


def read_against(named: str, path: Path | None) -> Theirs:
    """What `--against` and `--map` say. Nothing is imported yet. Raises OptionError and DocumentError."""
    module, colon, name = named.partition(":")
    if not (colon and name.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise OptionError(f"--against: expected package.module:Class, got {show(named)}")
    if path is None:
        raise OptionError("--against needs --map FILE, which says what its parameters are called")
    source, text = read_source(str(path))
    with with_excerpts(text, source):
        tree = read_tree(text, source, _NEEDS)
        Faults(tree.faults).tell()
        if not isinstance(tree.data, dict):
            raise fault_at((), tree, f"expected a mapping, got {show(tree.data)}", _NEEDS)
        return Theirs(module=module, name=name, map=valid(NameMap, tree.data, (), tree), tree=tree)


def printed(against: Theirs) -> str:
    """Its name, safe to print."""
    return printable(str(against))
