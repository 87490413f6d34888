"""`make gpu-check`: what only a CUDA device can show: the CUDA tests, DeepBench's list, and our times beside torch's.

Without a device it says so and ends with 0. The figures are printed with the device's name, for the README.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST_OFF = 0.03
# As DeepBench's training list has them: type, hidden size, batch, steps.
SHAPES = (("RNN", 1760, 16, 50), ("LSTM", 512, 16, 25), ("LSTM", 1536, 8, 50), ("GRU", 1536, 32, 375))
TORCH = """
import json, sys, torch
from torch import nn
from torch.utils.benchmark import Timer
kind, hidden, batch, steps = json.loads(sys.argv[1])
torch.manual_seed(0)
model = getattr(nn, kind)(hidden, hidden, device="cuda").eval()
x = torch.randn(steps, batch, hidden, device="cuda")
h = torch.zeros(1, batch, hidden, device="cuda")
state = (h, torch.zeros_like(h)) if kind == "LSTM" else h
def run():
    with torch.inference_mode():
        model(x, state)
print(Timer("run()", globals={"run": run}).blocked_autorange(min_run_time=2).median)
"""


def tool(*arguments: str, text: str = "") -> str:
    command = [sys.executable, "-m", "rnninspect", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def ours(kind: str, hidden: int, batch: int, steps: int) -> float:
    """Seconds of a forward pass, L2 warm as in torch's own loop."""
    layer = f"{{type: {kind}, input_size: {hidden}, hidden_size: {hidden}}}"
    document = f"device: cuda\ninput: {{batch_size: {batch}, seq_len: {steps}}}\nlayers: [{layer}]\n"
    printed = tool("bench", "-", "--phase", "forward", "--warm-l2", "--format", "json", text=document)
    return float(json.loads(printed)["results"][0]["median_seconds"])


def torchs(*shape: object) -> float:
    """Seconds of the same pass by torch.utils.benchmark."""
    command = [sys.executable, "-c", TORCH, json.dumps(shape)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> int:
    """Run the three parts; 1 where one of them fails."""
    import torch

    if not torch.cuda.is_available():
        print("no CUDA device here: nothing was checked")
        return 0
    print(f"device: {torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    failed = subprocess.run([sys.executable, "-m", "pytest", "-q", "-k", "cuda"], cwd=ROOT, check=False).returncode
    for kind in ("rnn", "lstm", "gru"):
        # why not `tool`: where a shape could not be measured the check has failed, and the others are shown.
        command = ["bench", f"configs/deepbench-{kind}.yaml", "--quick", "--device", "cuda"]
        failed |= subprocess.run([sys.executable, "-m", "rnninspect", *command], cwd=ROOT, check=False).returncode
    for shape in SHAPES:
        mine, theirs = ours(*shape), torchs(*shape)
        off = abs(mine / theirs - 1) > MOST_OFF
        failed |= off
        print(
            f"{shape}: ours {1e3 * mine:.3f} ms, torch.utils.benchmark {1e3 * theirs:.3f} ms{'  OFF' * off}", flush=True
        )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
