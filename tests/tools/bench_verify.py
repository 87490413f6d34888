"""What `rnninspect verify` costs beside `rnninspect shapes` of the same document, as a ratio measured in one run."""

from __future__ import annotations

import sys

from costs import TOOL, Figure, medians, processor, told


def main() -> int:
    """Measure, print, and return 1 where the limit is broken."""
    commands = {name: [*TOOL, name, "configs/lstm.yaml", "--device", "cpu"] for name in ("shapes", "verify")}
    taken = medians(commands, measure=processor)
    ratio = taken["verify"] / taken["shapes"]
    return told([Figure("verify / shapes of the seed's LSTM, processor time", ratio, 2, 3)], taken)


if __name__ == "__main__":
    sys.exit(main())
