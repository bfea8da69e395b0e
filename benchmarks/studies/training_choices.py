"""Which choices of ``covsearch train`` make a branch that finds versions: judged on validation works only.

Every row changes one thing of the preset ``default``, or is the preset ``report``; trained on the sample's training
works and judged by the AUC over all pairs of its validation works. The test works are not looked at.

Run as ``python -m benchmarks.studies.training_choices``; rows are written as they come, and a second run goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.provenance import RESULTS, provenance, write_result
from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.pairs import NON_COVER, Pairs
from covsearch.dataset.sample import sample_root, sample_split
from covsearch.evaluate.baselines import BASELINES, MEAN_CHROMA
from covsearch.features.pack import pack_cached
from covsearch.features.store import FrameStore
from covsearch.training.loop import TrainReport, pair_scores, train
from covsearch.training.presets import configure
from covsearch.training.run import pairs_by_part
from covsearch.workspace import find_workspace

NAME = "training_choices"
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "default": ("default", {}),
    "default, seed 1": ("default", {"seed": 1}),
    "default, seed 2": ("default", {"seed": 2}),
    "keys as played": ("default", {"key": "played"}),
    "keys as played, transposed at random": ("default", {"key": "played", "rotate_keys": True}),
    "keys normalised, transposed at random": ("default", {"rotate_keys": True}),
    "fixed pairs (loss pairs)": ("default", {"loss": "pairs"}),
    "no change of tempo, no crops": ("default", {"vary_time": False}),
    "256 frames": ("default", {"frames": 256}),
    "512 frames": ("default", {"frames": 512}),
    "signed alpha": ("default", {"alpha": "signed"}),
    "report": ("report", {}),
}


def main() -> None:
    """Train every row that is not there yet and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fresh", action="store_true", help="train rows again that are there")
    args = parser.parse_args()
    path = RESULTS / f"{NAME}.json"
    rows = json.loads(path.read_text())["rows"] if path.is_file() and not args.fresh else {}
    for name, (preset, explicit) in ROWS.items():
        if name not in rows:
            rows[name] = judge(preset, explicit)
            print(name, rows[name], file=sys.stderr)
            write_result(NAME, {"provenance": provenance("studies.training_choices", 0), "rows": rows})
    table = markdown(rows)
    (RESULTS / f"{NAME}.md").write_text(table, encoding="utf-8")
    print(table)


def judge(preset: str, explicit: dict[str, Any]) -> dict[str, Any]:
    """Train one row; AUC over all pairs of validation works, and within chorales and within tunes."""
    config, training = configure(preset, explicit)
    store = packed(config.features)
    started = time.perf_counter()
    report = fit(store, config, training)
    pairs, same_kind = validation_pairs(store)
    scores = pair_scores(report.model, store, pairs)
    baseline = BASELINES[MEAN_CHROMA](store, pairs, 0)
    best = report.history[report.best_epoch - 1]
    return {
        "auc": aucs(scores, pairs, same_kind),
        "mean_chroma_auc": aucs(baseline, pairs, same_kind),
        "validation_accuracy": round(best.validation_accuracy, 3),
        "epochs": len(report.history),
        "best_epoch": report.best_epoch,
        "seconds": round(time.perf_counter() - started),
    }


def fit(store: FrameStore, config: ModelConfig, training: TrainConfig) -> TrainReport:
    """Train on the sample and keep nothing but the model."""
    with tempfile.TemporaryDirectory() as folder:
        return train(store, training_pairs(store, training), config, training, Path(folder))


def training_pairs(store: FrameStore, training: TrainConfig) -> Mapping[str, Pairs]:
    """The pairs of each part of the sample."""
    return pairs_by_part(open_dataset(sample_root(), store.config.names), store, training)[1]


def packed(features: FeatureConfig) -> FrameStore:
    """The sample's frames."""
    dataset = open_dataset(sample_root(), features.names)
    return pack_cached(find_workspace().cache, dataset, features)


def validation_pairs(store: FrameStore) -> tuple[Pairs, dict[str, np.ndarray[Any, np.dtype[np.bool_]]]]:
    """All pairs of performances of validation works, and which are within one kind of music."""
    chosen = set(sample_split().validation)
    rows = np.array([i for i, wid in enumerate(store.wids) if wid in chosen], dtype=np.int64)
    a, b = (rows[side] for side in np.triu_indices(len(rows), 1))
    works = np.unique(store.wids, return_inverse=True)[1]
    titles = open_dataset(sample_root()).performances
    chorale = np.array(["BWV" in titles[pid].title for pid in store.pids])
    kinds = {"chorales": chorale[a] & chorale[b], "tunes": ~chorale[a] & ~chorale[b]}
    return Pairs(a, b, np.where(works[a] == works[b], 1 - NON_COVER, NON_COVER)), kinds


def aucs(scores: Any, pairs: Pairs, kinds: dict[str, Any]) -> dict[str, float]:
    """AUC over all pairs and within each kind, rounded."""
    everything = {"all": np.ones(len(pairs), dtype=bool), **kinds}
    return {name: round(float(roc_auc_score(pairs.label[m], scores[m])), 3) for name, m in everything.items()}


def markdown(rows: dict[str, Any]) -> str:
    """The rows as a Markdown table, the baseline last."""
    lines = ["| choice | AUC all | chorales | tunes | accuracy | seconds |", "|---|---|---|---|---|---|"]
    for name, row in rows.items():
        values = [*row["auc"].values(), row["validation_accuracy"]]
        lines.append(f"| {name} | {' | '.join(f'{v:.3f}' for v in values)} | {row['seconds']} |")
    baseline = next(iter(rows.values()))["mean_chroma_auc"].values()
    lines.append(f"| *mean chroma, best of 12 keys* | {' | '.join(f'{v:.3f}' for v in baseline)} | - | - |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
