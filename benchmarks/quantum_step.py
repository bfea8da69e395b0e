"""What the quantum block costs and how exact it is: ``python -m benchmarks.quantum_step``.

The closed form beside PennyLane's TorchLayer on default.qubit: the worst errors of outputs and gradients for q = 2..8
and L = 1..6; the time of forward and backward, and of inference with what is kept of the unitary; and a whole training
step of the hybrid beside the CNN's. The ways take turns, so that a busy machine slows all alike, and a ratio is the
median over the rounds of the ratio within a round.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import torch
from torch import Tensor, nn

from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.config import FeatureConfig, ModelConfig
from covsearch.models import Siamese
from covsearch.models.head import pair_loss
from covsearch.models.qnode import make_qnode
from covsearch.models.quantum import ExactCircuit

QUBITS, LAYERS, BATCHES = 7, (2, 4), (64, 256, 1024)
WARM_UP, CALLS = 2, 5
BOTH, INFERENCE, STEP = "forward and backward", "inference", "training step"
GOALS = {BOTH: 7.0, INFERENCE: 15.0, STEP: 1.10}  # at least, at least, at most

Ways = dict[str, Callable[[], object]]


def take_turns(ways: Ways, rounds: int, calls: int = 1) -> dict[str, list[float]]:
    """Seconds a call of every way, the mean of a turn of `calls`, one number a round."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(WARM_UP + rounds):
        for name, way in ways.items():
            way()  # finds the caches as another way left them
            started = time.perf_counter()
            for _ in range(calls):
                way()
            if i >= WARM_UP:
                seconds[name].append((time.perf_counter() - started) / calls)
    return seconds


def compared(what: str, setting: dict[str, Any], seconds: dict[str, list[float]]) -> dict[str, Any]:
    """The second way beside the first: medians in milliseconds, and the median of the ratios second / first."""
    (first, a), (second, b) = seconds.items()
    ratio = float(np.median(np.array(b) / np.array(a)))
    medians = {name: round(1000 * float(np.median(s)), 3) for name, s in seconds.items()}
    return {"what": what, **setting, "ms": medians, "ratio": f"{second} / {first}", "value": round(ratio, 3)}


def torch_layer(qubits: int, layers: int) -> nn.Module:
    """PennyLane's own layer around the definition."""
    layer: nn.Module = qml.qnn.TorchLayer(make_qnode(qubits), {"weights": (layers, qubits)})
    return layer


def time_block(batch: int, layers: int, rounds: int) -> list[dict[str, Any]]:
    """Forward and backward, and inference, of the closed form and of TorchLayer."""
    blocks: dict[str, nn.Module] = {
        "closed form": ExactCircuit(QUBITS, layers),
        "TorchLayer": torch_layer(QUBITS, layers),
    }
    x = torch.randn(batch, 2**QUBITS, requires_grad=True)
    upstream = torch.randn(batch, QUBITS)

    def both(block: nn.Module) -> object:
        return torch.autograd.grad(block(x), [x, *block.parameters()], upstream)

    def inference(block: nn.Module) -> object:
        with torch.no_grad():
            return block(x)

    setting = {"batch": batch, "layers": layers}
    kinds = {BOTH: both, INFERENCE: inference}
    return [
        compared(what, setting, take_turns({n: lambda b=b, f=f: f(b) for n, b in blocks.items()}, rounds, CALLS))  # type: ignore[misc]
        for what, f in kinds.items()
    ]


def time_step(tracks: int, frames: int, rounds: int) -> list[dict[str, Any]]:
    """A training step (forward, loss, backward, Adam) of each branch beside the CNN's, on the same batch."""
    batch = torch.rand(tracks, frames, 12), torch.full((tracks,), frames)
    rows = torch.arange(tracks).reshape(2, -1)
    label = torch.arange(tracks // 2) % 2
    ways = {name: _stepper(name, frames, batch, rows, label) for name in ("cnn", "hybrid", "bottleneck")}
    seconds = take_turns(ways, rounds)
    setting = {"batch": tracks, "frames": frames}
    return [compared(STEP, setting, {"cnn": seconds["cnn"], n: s}) for n, s in seconds.items() if n != "cnn"]


def _stepper(
    branch: str, frames: int, batch: tuple[Tensor, Tensor], rows: Tensor, label: Tensor
) -> Callable[[], object]:
    torch.manual_seed(0)
    model = Siamese(ModelConfig(branch, features=FeatureConfig("hpcp", frames))).train()
    optimizer = torch.optim.AdamW(model.parameters(), 5e-4)

    def step() -> None:
        optimizer.zero_grad()
        loss: Any = pair_loss(model(*batch, rows[0], rows[1]), label)
        loss.backward()
        optimizer.step()

    return step


def worst_errors(dtype: torch.dtype) -> dict[str, float]:
    """Largest absolute differences to the QNode over q = 2..8, L = 1..6, of values of order 1."""
    worst: dict[str, float] = {}
    for qubits in range(2, 9):
        qnode = make_qnode(qubits)
        for layers in range(1, 7):
            exact = ExactCircuit(qubits, layers).to(dtype)
            x = torch.randn(8, 2**qubits, dtype=dtype, requires_grad=True)
            upstream = torch.randn(8, qubits, dtype=dtype)
            expected = torch.stack(list(qnode(x, exact.weights)), dim=1).to(dtype)
            wanted = torch.autograd.grad(expected, (x, exact.weights), upstream)
            got = torch.autograd.grad(exact(x), (x, exact.weights), upstream)
            with torch.no_grad():
                kept = exact(x)
            pairs = {
                "outputs": (exact(x), expected),
                "outputs without gradients": (kept, expected),
                "gradient of the inputs": (got[0], wanted[0]),
                "gradient of the angles": (got[1], wanted[1]),
            }
            for name, (a, b) in pairs.items():
                worst[name] = max(worst.get(name, 0.0), float((a - b).abs().max().detach()))
    return worst


def parameter_counts() -> dict[str, int]:
    """Of whole models with their heads."""
    models = {
        "cnn": ModelConfig(),
        "hybrid, q = 7, L = 2": ModelConfig("hybrid"),
        "hybrid, q = 6, L = 2": ModelConfig("hybrid", qubits=6),
        "bottleneck, q = 7": ModelConfig("bottleneck"),
    }
    return {name: sum(p.numel() for p in Siamese(config).parameters()) for name, config in models.items()}


def markdown(result: dict[str, Any]) -> str:
    """All measurements as three tables."""
    lines = ["| what | setting | ms | ratio | | goal |", "|---|---|---|---|---:|---:|"]
    for row in result["times"]:
        size = f"L = {row['layers']}" if "layers" in row else f"{row['frames']} frames"
        shown = ", ".join(f"{name} {ms:,.2f}" for name, ms in row["ms"].items())
        goal = f"{'≤' if row['what'] == STEP else '≥'} {GOALS[row['what']]:g}"
        cells = (row["what"], f"batch {row['batch']:,}, {size}", shown, row["ratio"], f"{row['value']:.2f}", goal)
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Worst errors against PennyLane's QNode, q = 2..8, L = 1..6:", ""]
    names = list(result["worst_errors"]["float32"])
    lines += [f"| | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for dtype, errors in result["worst_errors"].items():
        lines.append(f"| {dtype} | {' | '.join(f'{errors[name]:.1e}' for name in names)} |")
    lines += ["", "| model | parameters |", "|---|---:|"]
    lines += [f"| {name} | {count:,} |" for name, count in result["parameters"].items()]
    facts = result["provenance"]
    lines += [
        "",
        f"Torch with {result['threads']} thread, load {facts['load_1min']} on {facts['cores']} cores: compare",
    ]
    lines[-1] += " ratios, not milliseconds."
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write ``benchmarks/results/quantum_step.json`` and ``.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="of the quantum block [25]")
    parser.add_argument("--step-rounds", type=int, default=21, help="of whole training steps [21]")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    times = [row for batch in BATCHES for layers in LAYERS for row in time_block(batch, layers, args.rounds)]
    for tracks, frames in ((128, 128), (32, 2000)):
        times += time_step(tracks, frames, args.step_rounds)
    result = {
        "provenance": provenance("quantum_step", args.seed),
        "threads": torch.get_num_threads(),
        "times": sorted(times, key=lambda row: list(GOALS).index(row["what"])),
        "worst_errors": {str(d).removeprefix("torch."): worst_errors(d) for d in (torch.float32, torch.float64)},
        "parameters": parameter_counts(),
    }
    write_table(RESULTS / "quantum_step.json", result, markdown(result))


if __name__ == "__main__":
    main()
