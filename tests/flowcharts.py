"""Lines of flowcharts as Mermaid reads them: a node with its text and class, and what a class looks like."""

from __future__ import annotations

import re

SHAPES = ((r"\(\[", r"\]\)"), (r"\(\(", r"\)\)"), (r"\[", r"\]"), (r"\(", r"\)"))
NODE = re.compile("|".join(rf'(?:\w+{left}"[^"]*"{right}:::\w+)' for left, right in SHAPES))
CLASS = re.compile(r"classDef (\w+) fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#[0-9a-f]{6}")
