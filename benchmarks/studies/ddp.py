"""One training by one process and by two: how much quicker, and as good?

Run ``python -m benchmarks.studies.ddp``. It trains the preset ``cnn`` on the sample's training works, with every
seed by one process and by two (torchrun, gloo, one thread each), and judges by the AUC over all pairs of validation
works. With the first ``--plain`` seeds it does the same without the two things that differ by the number of processes:
dropout, and batch normalisation, for which group normalisation stands. The test works are not looked at. Seconds of the
processor say what a machine with two free cores would need, whatever else runs on this one: while a process waits for
the other it uses none. It writes ``benchmarks/results/ddp.md`` and ``.json`` after every pair of trainings.
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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from torch.nn import functional

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.studies.ablation import aucs, training_pairs, validation_pairs
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root
from covsearch.features.pack import pack_cached
from covsearch.training import together
from covsearch.training.loop import pair_scores, train
from covsearch.training.presets import configure

SEEDS, PLAIN, EPOCHS = 12, 4, 10
AS_IS, EQUAL = "as it is", "group normalisation, no dropout"


def one_of_several(seed: int, epochs: int, folder: Path, plain: bool) -> None:
    """What one process does: train with the others, and write what it saw."""
    config, training = configure("cnn", {"epochs": epochs, "seed": seed, "norm": "group" if plain else None})
    if plain:
        functional.dropout = lambda values, *_: values
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


def trained(seed: int, epochs: int, processes: int, plain: bool = False) -> dict[str, Any]:
    """One training by so many processes."""
    with tempfile.TemporaryDirectory() as name:
        command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), "-m"]
        words = ["benchmarks.studies.ddp", "--seed", str(seed), "--epochs", str(epochs), "--folder", name]
        words += ["--plain", str(int(plain))]
        subprocess.run(
            [sys.executable, *command, *words],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=True,
            stderr=sys.stderr,
        )
        seen = [json.loads((Path(name) / f"rank-{rank}.json").read_text()) for rank in range(processes)]
    return {
        "training": EQUAL if plain else AS_IS,
        "seed": seed,
        "processes": processes,
        "wall_s": round(max(one["wall_s"] for one in seen), 1),
        "cpu_s": [round(one["cpu_s"], 1) for one in seen],
        "auc": seen[0]["auc"],
        "weights_equal": len({one["weights"] for one in seen}) == 1,
        "load_1min": round(os.getloadavg()[0], 1),
    }


def difference(rows: list[dict[str, Any]], training: str) -> dict[str, float]:
    """AUC by two processes less that by one, paired by seed: seeds, mean, largest, and a 95 % interval of the mean.

    The interval is Student's t, of three seeds at least.
    """
    by = {(row["seed"], row["processes"]): row["auc"] for row in rows if row["training"] == training}
    found = np.array([by[seed, 2] - by[seed, 1] for seed in sorted({seed for seed, _ in by})])
    told = {"seeds": len(found), "mean": float(found.mean()), "largest": float(np.abs(found).max())}
    if len(found) > 2:
        half = stats.t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found))
        told |= {"low": told["mean"] - float(half), "high": told["mean"] + float(half)}
    return told


def summary(result: Mapping[str, Any]) -> str:
    """The rows and what follows of them, as Markdown."""
    rows = result["rows"]
    lines = [
        f"| {row['training']} | {row['seed']} | {row['processes']} | "
        f"{' + '.join(f'{cpu:.1f}' for cpu in row['cpu_s'])} | {row['wall_s']:.0f} | {row['auc']:.4f} | "
        f"{'yes' if row['weights_equal'] else 'NO'} | {row['load_1min']} |"
        for row in rows
    ]
    alone, shared = ([row for row in rows if row["processes"] == n] for n in (1, 2))
    quicker = sum(row["cpu_s"][0] for row in alone) / sum(max(row["cpu_s"]) for row in shared)
    work = sum(sum(row["cpu_s"]) for row in shared) / sum(row["cpu_s"][0] for row in alone)
    return (
        f"Preset `cnn`, {result['epochs']} epochs on the sample's training works; AUC over all pairs of validation "
        "works. Cores were shared with other work (load of the machine in the last column), so seconds on the clock "
        "say little; those of the processor hold.\n\n"
        "| AUC by two processes less that by one | seeds | mean | 95 % interval of the mean | largest |\n"
        "|---|---:|---:|---|---:|\n"
        + "\n".join(_told(name, one) for name, one in result["differences"].items())
        + "\n\n"
        f"With two free cores two processes would be at most {quicker:.2f} times as quick as one: processor seconds of "
        f"one by those of the busier of two. Together they do {work:.2f} times the work, since each makes all "
        "batches.\n\n"
        "| training | seed | processes | processor, s | clock, s | AUC | weights equal | load |\n"
        "|---|---:|---:|---:|---:|---:|---|---:|\n" + "\n".join(lines) + "\n"
    )


def _told(name: str, one: Mapping[str, float]) -> str:
    interval = f"[{one['low']:+.4f}, {one['high']:+.4f}]" if "low" in one else ""
    return f"| {name} | {one['seeds']} | {one['mean']:+.4f} | {interval} | {one['largest']:.4f} |"


def main() -> int:
    """Train everything, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"of the preset as it is [{SEEDS}]")
    parser.add_argument("--plain", type=int, default=PLAIN, help=f"of them, also without what differs [{PLAIN}]")
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.folder:
        one_of_several(chosen.seed, chosen.epochs, chosen.folder, bool(chosen.plain))
        return 0
    rows = list[dict[str, Any]]()
    for plain, seed in [*((True, seed) for seed in range(chosen.plain)), *((False, n) for n in range(chosen.seeds))]:
        rows += [trained(seed, chosen.epochs, processes, plain) for processes in (1, 2)]
        names = dict.fromkeys(row["training"] for row in rows)
        result = {
            "provenance": provenance("studies.ddp", 0),
            "epochs": chosen.epochs,
            "differences": {name: difference(rows, name) for name in names},
            "rows": rows,
        }
        write_table(RESULTS / "ddp.json", result, summary(result))
    return 0 if all(row["weights_equal"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
