"""What `rnninspect check` costs, as ratios measured in one run: it gates commits, so it has to be quick and small."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from costs import TOOL, Figure, medians, peak_bytes, processor, told

CHECK = [*TOOL, "check"]
FEW, MANY = 50, 200

# The usual pipeline, with a budget: what a folder of models is made of.
MODEL = """\
name: model-{0}
input: {{batch_size: 32, seq_len: 20}}
budget: {{max_params: 20M, max_param_bytes: 80 MiB, max_macs: 1G}}
layers:
  - {{name: embed, type: Embedding, num_embeddings: 1000, embedding_dim: {0}}}
  - {{name: encoder, type: LSTM, hidden_size: 50, num_layers: 2, bidirectional: true}}
  - {{name: head, type: Linear, out_features: 10}}
"""


def main() -> int:
    """Measure, print, and return 1 where a limit is broken."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [f"model-{size}.yaml" for size in range(100, 100 + MANY)]
        for size, file in enumerate(files, start=100):
            (folder / file).write_text(MODEL.format(size))
        subprocess.run([*CHECK, *files, "--update"], check=True, capture_output=True, cwd=folder)
        taken = medians(
            {
                "torch": [sys.executable, "-W", "ignore", "-c", "import torch"],
                "one": [*CHECK, files[0]],
                "few": [*CHECK, *files[:FEW]],
            },
            folder,
        )
        busy = medians({"many": [*CHECK, *files]}, folder, measure=processor)["many"]
        small, large = (peak_bytes([*CHECK, *named], folder) for named in (files[:1], files))
    figures = [
        Figure(f"check of {FEW} documents / of one, wall time", taken["few"] / taken["one"], 3, 2),
        Figure(f"check of {MANY} documents, seconds of a CPU", busy, 1.2, 2),
        Figure("check / import torch, wall time", taken["one"] / taken["torch"], 0.2, 3),
        Figure("check of one document, peak memory in MB", small / 1e6, 60, 1),
        Figure(f"check of {MANY} documents, peak memory in MB", large / 1e6, 60, 1),
    ]
    return told(figures, taken)


if __name__ == "__main__":
    sys.exit(main())
