"""From a path, or `-` for stdin, and overrides to a Spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from rnninspect.errors import Place
from rnninspect.spec.chain import Spec, connect
from rnninspect.spec.document import validate
from rnninspect.spec.overrides import override, put
from rnninspect.spec.source import read_source
from rnninspect.spec.tree import read_tree


def load_spec(path: str, settings: Sequence[str] = (), *, device: str | None = None, dtype: str | None = None) -> Spec:
    """Read, override, validate and connect one document.

    settings: `PATH=VALUE` overrides. device, dtype: win over the document's.
    Raises DocumentError for whatever is wrong with it.
    """
    source, text = read_source(path)
    tree = override(read_tree(text, source), settings)
    for key, value in (("device", device), ("dtype", dtype)):
        if value is not None and isinstance(tree.data, dict):
            tree = put(tree, (key,), value, Place(f"--{key} {value}"))
    return connect(validate(tree), tree, name="stdin" if path == "-" else PurePath(path).stem)
