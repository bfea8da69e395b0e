"""One training by one process and by two: how much quicker, and as good?

Run ``python -m benchmarks.studies.ddp``. It trains the preset ``default`` on the sample's training works, with every
seed by one process and by two (torchrun, gloo, one thread each), and judges by the AUC over all pairs of validation
works. The test works are not looked at. Seconds of the processor say what a machine with two free cores would need,
whatever else runs on this one: while a process waits for the other it uses none.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.studies.ablation import aucs, training_pairs, validation_pairs
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root
from covsearch.features.pack import pack_cached
from covsearch.training import together
from covsearch.training.loop import pair_scores, train
from covsearch.training.presets import configure

SEEDS, EPOCHS = (0, 1), 10


def one_of_several(seed: int, epochs: int, folder: Path) -> None:
    """What one process does: train with the others, and write what it saw."""
    config, training = configure("default", {"epochs": epochs, "seed": seed})
    with together.as_one():
        with together.first_before_others():
            store = pack_cached(folder / "cache", open_dataset(sample_root(), config.features.names), config.features)
        pairs = training_pairs(store, training)
        wall, cpu = time.perf_counter(), time.process_time()
        report = train(store, pairs, config, training, folder / "model")
        found: dict[str, Any] = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        weights = [value.numpy().tobytes() for value in report.model.state_dict().values()]
        found["weights"] = hashlib.sha256(b"".join(weights)).hexdigest()
        validation, _ = validation_pairs(store)
        found["auc"] = aucs(pair_scores(report.model, store, validation), validation, {})["all"]
        (folder / f"rank-{together.place()[0]}.json").write_text(json.dumps(found), encoding="utf-8")


def trained(seed: int, epochs: int, processes: int) -> dict[str, Any]:
    """One training by so many processes."""
    with tempfile.TemporaryDirectory() as name:
        command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), "-m"]
        words = ["benchmarks.studies.ddp", "--seed", str(seed), "--epochs", str(epochs), "--folder", name]
        subprocess.run(
            [sys.executable, *command, *words],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=True,
            stderr=sys.stderr,
        )
        seen = [json.loads((Path(name) / f"rank-{rank}.json").read_text()) for rank in range(processes)]
    return {
        "seed": seed,
        "processes": processes,
        "wall_s": round(max(one["wall_s"] for one in seen), 1),
        "cpu_s": [round(one["cpu_s"], 1) for one in seen],
        "auc": seen[0]["auc"],
        "weights_equal": len({one["weights"] for one in seen}) == 1,
        "load_1min": round(os.getloadavg()[0], 1),
    }


def summary(rows: list[dict[str, Any]], epochs: int) -> str:
    """The rows and what follows of them, as Markdown."""
    lines = [
        f"| {row['seed']} | {row['processes']} | {' + '.join(f'{cpu:.1f}' for cpu in row['cpu_s'])} | "
        f"{row['wall_s']:.0f} | {row['auc']:.3f} | {'yes' if row['weights_equal'] else 'NO'} | {row['load_1min']} |"
        for row in rows
    ]
    alone, shared = ([row for row in rows if row["processes"] == n] for n in (1, 2))
    quicker = sum(row["cpu_s"][0] for row in alone) / sum(max(row["cpu_s"]) for row in shared)
    work = sum(sum(row["cpu_s"]) for row in shared) / sum(row["cpu_s"][0] for row in alone)
    means = [sum(row["auc"] for row in some) / len(some) for some in (alone, shared)]
    return (
        f"Preset `default`, {epochs} epochs on the sample's training works; AUC over all pairs of validation works. "
        "Cores were shared with other work (load of the machine in the last column), so seconds on the clock say "
        "little; those of the processor hold.\n\n"
        "| seed | processes | processor, s | clock, s | AUC | weights equal | load |\n"
        "|---:|---:|---:|---:|---:|---|---:|\n" + "\n".join(lines) + "\n\n"
        f"With two free cores two processes would be at most {quicker:.2f} times as quick as one: processor seconds of "
        f"one by those of the busier of two. Together they do {work:.2f} times the work, since each makes all batches. "
        f"Mean AUC {means[0]:.3f} by one, {means[1]:.3f} by two.\n"
    )


def main() -> int:
    """Train everything, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.folder:
        one_of_several(chosen.seed, chosen.epochs, chosen.folder)
        return 0
    rows = list[dict[str, Any]]()
    for seed in SEEDS:
        for processes in (1, 2):
            rows.append(trained(seed, chosen.epochs, processes))
            print(rows[-1], file=sys.stderr)
    result = {"provenance": provenance("studies.ddp", SEEDS[0]), "epochs": chosen.epochs, "rows": rows}
    write_table(RESULTS / "ddp.json", result, summary(rows, chosen.epochs))
    return 0 if all(row["weights_equal"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
