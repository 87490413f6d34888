"""What a cell is described by: its equations as text, and what the text alone does not say.

One mapping with the same keys wherever it stands: in a layer of `type: Cell`, under `cells:`, in a file of the library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rnninspect.layers.fields import Expect, Size

# why: a number is also a float to the equations, and a product of some still is one.
_MOST = 10**100
_BOUNDS = Field(ge=-_MOST, le=_MOST)
Number = Annotated[Annotated[int, _BOUNDS] | Annotated[float, _BOUNDS], Expect("a number")]
_Width = Annotated[
    Size | Annotated[str, Field(max_length=40)], Expect("an integer >= 1, a key of sizes, hidden_size or input_size")
]
_First = Annotated[Literal["learned"] | Number, Expect("a number, or learned")]
_Words = Annotated[str, Field(max_length=1000), Expect("a text of at most 1000 characters")]


class Definition(BaseModel):
    """A recurrent cell.

    equations: one step, see `cells.language`. output: the vector that a step puts out, else the first state.
    widths: of vectors and of matrices' rows. sizes, constants: numbers by name that a layer may set, and their
    defaults. init: laws of first values by symbol or parameter. initial: what a state starts as. fixed: weights that
    are not trained. packing: none gives each matrix a parameter of its own. source, meanings: for the reader.
    """

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True, defer_build=True)

    equations: Annotated[str, Expect("equations, one a line, such as h = tanh(W_ih @ x + W_hh @ h + b_h)")]
    output: Annotated[str | None, Expect("the name of a vector")] = None
    widths: Annotated[dict[str, _Width], Expect("a mapping of vectors to widths, such as {m: 1}")] = {}
    sizes: Annotated[dict[str, Size], Expect("a mapping of names to sizes, such as {order: 64}")] = {}
    constants: Annotated[dict[str, Number], Expect("a mapping of names to numbers, such as {dt: 0.1}")] = {}
    init: Annotated[dict[str, Any] | None, Expect("a mapping such as {W_hh: orthogonal, b_f: 1.0}")] = None
    initial: Annotated[dict[str, _First], Expect("a mapping of states to numbers, or {h: learned}")] = {}
    fixed: Annotated[
        list[Annotated[str, Expect("the name of a weight")]], Expect("a list of weights, such as [W_A]")
    ] = []
    packing: Annotated[Literal["none"] | None, Expect("none")] = None
    source: Annotated[_Words | None, Expect("a text")] = None
    meanings: Annotated[dict[str, _Words], Expect("a mapping of vectors to what they are for")] = {}

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """Constants and sizes with their defaults."""
        return {**self.constants, **self.sizes}


class Published(Definition):
    """A cell of the library.

    name: what it is called in full. year: of its publication. oracle: what its numbers were checked against, and what
    differs there.
    """

    name: Annotated[_Words, Expect("a text")]
    year: Annotated[int, Expect("a year")]
    source: Annotated[_Words, Expect("a text")]
    oracle: Annotated[_Words, Expect("a text")]
