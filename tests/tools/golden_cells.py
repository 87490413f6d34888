"""Record what the oracles of the library's cells give, for tests that run without them: `make golden-cells`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from library_runs import GOLDEN, computed, recorded

from rnninspect.document.library import library_names


def main() -> None:
    """Write tests/goldens/cells.json."""
    lines = [f"  {json.dumps(name)}: {json.dumps(recorded(computed(name)))}" for name in library_names()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
