"""What the default training is worth: the bundled weights before and after they are tuned to a collection.

Works that the bundled weights never heard are cut into five folds. For each fold a model is tuned as ``covsearch
train`` does by default, on three quarters of the other folds' works; the last quarter chooses the epoch. The fold's
performances then search all of these works' performances, by one vector and the head. So every query is of a work
that its model was not tuned to.

Run as ``python -m benchmarks.studies.finetune``: on the validation and test works of the bundled sample, and on
``../shared/data/covers80_dev`` where it is there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.real import REAL
from covsearch.config import ModelConfig, TrainConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.pairs import NON_COVER, Pairs, pairs_by_work
from covsearch.dataset.sample import sample_root, sample_split
from covsearch.dataset.splits import Split
from covsearch.evaluate import retrieval
from covsearch.evaluate.bootstrap import Interval
from covsearch.evaluate.score import differences
from covsearch.features.pack import pack_cached
from covsearch.features.store import FrameStore
from covsearch.models import Siamese
from covsearch.training.loop import begin, pair_scores, train
from covsearch.training.presets import configure
from covsearch.training.state import STATE
from covsearch.workspace import find_workspace

NAME = "finetune"
FOLDS = 5
BEFORE, AFTER, LAST = "bundled weights", "tuned, best epoch of validation", "tuned, last epoch"
NOTE = """
One vector and the head, before and after `covsearch train` tuned the bundled weights as it does by default: {how}. It
keeps the epoch that is best on validation works, which may be none: 0 is the bundled weights as they were. Queries are
of works that the model was not tuned to ({folds} folds over works). 95 % by bootstrap over works, p by a paired
randomisation over works.
"""


def folds(works: list[str], seed: int) -> Iterator[Split]:
    """Each fold as the test part of a split, three quarters of the others to train on and one to validate on."""
    rng = np.random.default_rng([seed, 5])
    parts = np.array_split(rng.permutation(sorted(works)), FOLDS)
    for k, held_out in enumerate(parts):
        others = rng.permutation(np.concatenate([part for j, part in enumerate(parts) if j != k])).tolist()
        fourth = len(others) // 4
        yield Split(tuple(others[fourth:]), tuple(others[:fourth]), tuple(held_out.tolist()), seed)


def distances(model: Siamese, store: FrameStore, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The head's scores of all pairs of some rows, (R, R)."""
    a, b = np.triu_indices(len(rows), 1)
    every = Pairs(rows[a], rows[b], np.full(len(a), NON_COVER, dtype=np.int64))
    found = np.zeros((len(rows), len(rows)))
    found[a, b] = found[b, a] = pair_scores(model.eval(), store, every)
    return found


def tuned(
    store: FrameStore, split: Split, config: ModelConfig, training: TrainConfig
) -> tuple[Siamese, Siamese, int, float]:
    """The model that the default training keeps, that of the last epoch, the epoch kept, and seconds."""
    sizes = {part: getattr(training, f"{part}_pairs") for part in ("train", "validation", "test")}
    pairs = pairs_by_work(store.wids, split, sizes, training.seed)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        report = train(store, pairs, config, training, Path(folder))
        state = load_file(Path(folder) / STATE)
    last = begin(config, training)
    last.load_state_dict({name.removeprefix("model."): w for name, w in state.items() if name.startswith("model.")})
    return report.model, last, report.best_epoch, time.process_time() - started


def measure(root: Path, unheard: set[str] | None, choices: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """One collection: figures before and after, and their differences.

    Parameters
    ----------
    root : Path
        A Da-TACOS-like folder.
    unheard : set of str or None
        Works that the bundled weights never heard; None for all.
    choices : mapping
        Of the training, over those of the preset ``default``.
    seed : int
    """
    config, training = configure("default", {**choices, "seed": seed})
    dataset = open_dataset(root, config.features.names)
    store = pack_cached(find_workspace().cache, dataset, config.features)
    rows = np.array([row for row, wid in enumerate(store.wids) if unheard is None or wid in unheard])
    works = [store.wids[row] for row in rows.tolist()]
    found = {BEFORE: distances(begin(config, training), store, rows)}
    found |= {name: found[BEFORE].copy() for name in (AFTER, LAST)}
    kept, seconds = [], 0.0
    for split in folds(sorted({wid for wid in works if works.count(wid) > 1}), seed):
        best, last, epoch, spent = tuned(store, split, config, training)
        queries = np.isin(works, split.test)
        for name, model in ((AFTER, best), (LAST, last)):
            found[name][queries] = distances(model, store, rows)[queries]
        kept.append(epoch)
        seconds += spent
        print(f"{dataset.subset}: fold {len(kept)} of {FOLDS}, epoch {epoch} kept", file=sys.stderr)
    scored = {name: retrieval(one, works) for name, one in found.items()}
    return {
        "subset": dataset.subset,
        "queries": scored[BEFORE].queries,
        "among": len(rows),
        "kept": kept,
        "cpu_seconds_a_fold": round(seconds / FOLDS, 1),
        "map": {name: one["map"].to_dict() for name, one in scored.items()},
        "differences": [
            differences({name: one, BEFORE: scored[BEFORE]})[0].to_dict()
            for name, one in scored.items()
            if name != BEFORE
        ],
    }


def markdown(result: Mapping[str, Any]) -> str:
    """A row a collection and system."""
    head = ("collection", "queries", "weights", "MAP [95 %]", "less the bundled [95 %]", "p", "epochs kept")
    lines = [f"| {' | '.join(head)} |", "|---|---:|---|---:|---:|---:|---|"]
    for one in result["collections"]:
        less = {d["first"]: (_with_interval(d, "+.3f"), f"{d['p']:.4f}") for d in one["differences"]}
        for name, rate in one["map"].items():
            kept = ", ".join(map(str, one["kept"])) if name == AFTER else ""
            cells = [one["subset"], f"{one['queries']} of {one['among']}", name, _with_interval(rate, ".3f")]
            lines.append(f"| {' | '.join([*cells, *less.get(name, ('', '')), kept])} |")
    return "\n".join(lines) + "\n" + NOTE.format(how=result["how"], folds=FOLDS)


def _with_interval(of: Mapping[str, Any], form: str) -> str:
    return f"{of['value']:{form}} {Interval(*of['ci']):{form}}"


def main() -> None:
    """Measure the sample and real recordings, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.finetune", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    split = sample_split()
    collections = [measure(sample_root(), {*split.validation, *split.test}, {}, args.seed)]
    if REAL.is_dir():
        collections.append(measure(REAL, None, {}, args.seed))
    training = configure("default", {})[1]
    how = f"{training.epochs} epochs, learning rate {training.learning_rate:g}, loss {training.loss}"
    result = {"provenance": provenance(f"studies.{NAME}", args.seed), "how": how, "collections": collections}
    write_table(RESULTS / f"{NAME}.json", result, markdown(result))


if __name__ == "__main__":
    main()
