"""Documents and kinds that several test files need; everything here is derived from the kinds' own fields."""

from __future__ import annotations

from collections.abc import Mapping

from rnninspect.layers.layer import Layer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import TYPES, kind_of

RECURRENT = tuple(name for name in TYPES if issubclass(kind_of(name), Recurrent))
# Sizes that differ from each other, so that none can stand for another by mistake.
_SIZES = {"hidden_size": 11, "output_size": 2, "num_embeddings": 13, "embedding_dim": 7, "out_features": 11}


def required(kind: type[Layer]) -> set[str]:
    """The fields besides `type` that a layer of this kind cannot leave out."""
    return {key for key, field in kind.model_fields.items() if field.is_required()} - {"type"}


def least_keys(name: str, sizes: Mapping[str, int] = _SIZES) -> dict[str, int]:
    """The smallest set of keys that a kind can do with once it is fed with something."""
    # why out_features: a Linear may leave it out only where `tied_to` gives it.
    keys = required(kind_of(name)) | ({"out_features"} if name == "Linear" else set())
    return {key: sizes.get(key, 3) for key in sorted(keys)}
