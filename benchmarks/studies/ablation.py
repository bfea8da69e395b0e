"""What each part of a model is worth: branch x loss x pooling x transposing while training, with several seeds.

Trained on the sample's training works, judged by MAP and AUC over all its validation works; the test works are not
looked at. Every row is the preset ``cnn`` in the keys as played, but for what its name says, and every training
hears as many performances: ``--epochs`` counts epochs of the loss ``pairs``, and a loss whose epochs are shorter gets
more of them. How many frames a performance has is a matter of the branch, and a column of the table.

Run as ``python -m benchmarks.studies.ablation``; every training is written when it is done, and a second run goes on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.provenance import RESULTS, provenance
from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.pairs import NON_COVER, Pairs
from covsearch.dataset.sample import sample_root, sample_split
from covsearch.evaluate.baselines import BASELINES, MEAN_CHROMA
from covsearch.evaluate.ranks import rank_covers
from covsearch.features.pack import pack_cached
from covsearch.features.store import FrameStore
from covsearch.models import BRANCHES, Siamese
from covsearch.training.batches import training_batches
from covsearch.training.loop import TrainReport, pair_scores, train
from covsearch.training.presets import configure
from covsearch.training.run import pairs_by_part
from covsearch.workspace import find_workspace

CNN = {"frames": 256}
INVARIANT = {"rate": 2.69, "frames": 192}  # unmasked pooling pads every track to so many, and the median has 112
SEES: dict[str, dict[str, Any]] = {"cnn": CNN, "invariant": INVARIANT, "hybrid": CNN}
POOLINGS = ("masked", "unmasked")
KEYS = {"played": False, "transposed": True}
Row = tuple[str, str, str, str]
"""Branch, loss, pooling, keys while training."""

NOTES = """
Mean ± standard deviation over seeds, which is how far one training strays and no confidence interval. MAP ranks the
{tracks} performances of the validation works for each that has a cover; AUC is over all their pairs. The weights kept
are those of the epoch with the best accuracy on drawn pairs of the same works, in every row: figures of works that
nothing was chosen by would be lower. Every training heard as many performances as there are in
{epochs} epochs of the loss `pairs`, to within half an epoch; Mframes is what they came to at the branch's own frame
rate, in millions; a track with more than the {frames} that `invariant` is given has longer ones. The branch `invariant`
embeds a track the same in all keys, so transposing makes no difference to it and is left out.
"""


def rows() -> Iterator[Row]:
    """The table's rows that can be trained here; branches that cannot are named on stderr."""
    for branch in SEES:
        if branch not in BRANCHES:
            print(f"skipped the branch {branch}: there are {sorted(BRANCHES)}", file=sys.stderr)
            continue
        keys = [*KEYS][:1] if branch == "invariant" else KEYS
        yield from itertools.product([branch], TrainConfig.LOSSES, POOLINGS, keys)


def configured(row: Row, seed: int, epochs: int) -> tuple[ModelConfig, TrainConfig]:
    """The configurations of one training."""
    branch, loss, pooling, keys = row
    choices = {"branch": branch, "loss": loss, "pooling": pooling, "rotate_keys": KEYS[keys]}
    return configure("cnn", {"key": "played", **SEES[branch], **choices, "seed": seed, "epochs": epochs})


def judge(row: Row, seed: int, epochs: int) -> dict[str, Any]:
    """Train one row with one seed, on as many performances as `epochs` of the loss ``pairs`` have, and judge it."""
    config, training = configured(row, seed, epochs)
    store = packed(config.features)
    performances, frames = heard(store, config, training)
    config, training = configured(row, seed, equal_epochs(epochs, seed, performances))
    started = time.perf_counter()
    report = fit(store, config, training)
    seconds = time.perf_counter() - started
    pairs, kinds = validation_pairs(store)
    scores = pair_scores(report.model, store, pairs)
    return {
        **figures(scores, pairs, kinds, store),
        "epochs": len(report.history),
        "best_epoch": report.best_epoch,
        "performances": performances * len(report.history),
        "frames": frames * len(report.history),
        "seconds": round(seconds, 1),
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


def heard(store: FrameStore, config: ModelConfig, training: TrainConfig) -> tuple[int, int]:
    """Performances and their frames in the batches of one epoch; padding does not count."""
    pairs = training_pairs(store, training)["train"]
    batches = training_batches(store, pairs, Siamese(config), training, np.random.default_rng(0))
    lengths = torch.cat([batch.lengths for batch in batches])
    return len(lengths), int(lengths.sum())


def equal_epochs(epochs: int, seed: int, performances: int) -> int:
    """In how many epochs of so many `performances` as many are heard as in `epochs` of the loss ``pairs``."""
    return max(1, round(epochs * reference(seed) / performances))


@cache
def reference(seed: int) -> int:
    """Performances in an epoch of the loss ``pairs``, which no other choice changes."""
    config, training = configured(("cnn", "pairs", "masked", "played"), seed, 1)
    return heard(packed(config.features), config, training)[0]


def figures(scores: NDArray[Any], pairs: Pairs, kinds: dict[str, Any], store: FrameStore) -> dict[str, Any]:
    """MAP and AUC of scores of all pairs of some tracks."""
    return {"map": round(mean_average_precision(scores, pairs, store.wids), 4), "auc": aucs(scores, pairs, kinds)}


def mean_average_precision(scores: NDArray[Any], pairs: Pairs, wids: tuple[str, ...]) -> float:
    """MAP of the tracks that occur in `pairs`, which are all pairs among them, ranked by `scores` (N,)."""
    tracks, rows = np.unique(np.stack([pairs.a, pairs.b]), return_inverse=True)
    a, b = rows.reshape(2, -1)
    distances = np.zeros((len(tracks), len(tracks)))
    distances[a, b] = distances[b, a] = scores
    ranks = rank_covers(lambda queries: distances[queries], [wids[track] for track in tracks])
    return float(ranks.average_precision().mean())


def baseline() -> dict[str, Any]:
    """Mean chroma, best of 12 keys, judged as the rows are."""
    store = packed(configured(("cnn", "pairs", "masked", "played"), 0, 1)[0].features)
    pairs, kinds = validation_pairs(store)
    tracks = len(np.union1d(pairs.a, pairs.b))
    return {**figures(BASELINES[MEAN_CHROMA](store, pairs, 0), pairs, kinds, store), "tracks": tracks}


def markdown(result: dict[str, Any]) -> str:
    """All rows with a training as a Markdown table, the baseline last, and what a reader must know below."""
    head = (
        "branch",
        "loss",
        "pooling",
        "keys",
        "MAP",
        "AUC",
        "chorales",
        "tunes",
        "seeds",
        "epochs",
        "Mframes",
        "seconds",
    )
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * 4}{'---:|' * (len(head) - 4)}"]
    for name, runs in result["runs"].items():
        of = list(runs.values())
        measured = [spread([run["map"] for run in of])]
        measured += [spread([run["auc"][kind] for run in of]) for kind in of[0]["auc"]]
        epochs, frames, seconds = (np.mean([run[key] for run in of]) for key in ("epochs", "frames", "seconds"))
        spent = [str(len(of)), f"{epochs:.0f}", f"{frames / 1e6:.1f}", f"{seconds:.0f}"]
        lines.append(f"| {' | '.join([*name.split(', '), *measured, *spent])} |")
    plain = result["baseline"]
    values = [f"{value:.3f}" for value in (plain["map"], *plain["auc"].values())]
    lines.append(f"| *{MEAN_CHROMA}, best of 12 keys* | - | - | - | {' | '.join(values)} | - | - | - | - |")
    notes = NOTES.format(tracks=plain["tracks"], epochs=result["epochs"], frames=INVARIANT["frames"])
    return "\n".join(lines) + "\n" + notes


def spread(values: list[float]) -> str:
    """Mean ± standard deviation; one value has none."""
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else "")


def main() -> None:
    """Train every row that is not there yet, seed by seed, and write the table after each."""
    parser = _arguments()
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    result = json.loads(args.out.read_text(encoding="utf-8")) if args.out.is_file() else {"epochs": args.epochs}
    if result["epochs"] != args.epochs:
        parser.error(f"{args.out} holds trainings of {result['epochs']} epochs: go on with these or name another --out")
    chosen = [row for row in rows() if args.only in ", ".join(row)]
    if not chosen:
        parser.error(f"no row has {args.only!r} in its name; one is {', '.join(next(rows()))!r}")
    result.setdefault("baseline", baseline())
    runs = result.setdefault("runs", {})
    for seed, row in itertools.product(range(args.seeds), chosen):
        of = runs.setdefault(", ".join(row), {})
        if str(seed) not in of:
            of[str(seed)] = judge(row, seed, args.epochs)
            print(", ".join(row), f"seed {seed}", of[str(seed)], file=sys.stderr)
            write(args.out, {"provenance": provenance("studies.ablation", 0), **result})
    print(markdown(result))


def write(path: Path, result: dict[str, Any]) -> None:
    """Replace the JSON and the table beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    for target, content in ((path, text), (path.with_suffix(".md"), markdown(result))):
        fresh = target.with_name(target.name + ".new")
        fresh.write_text(content, encoding="utf-8")
        fresh.replace(target)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rows whose name has this in it, as in 'cnn, batch'")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 [3]")
    parser.add_argument("--epochs", type=int, default=30, help="of the CNN with the loss pairs [30]")
    parser.add_argument("--threads", type=int, help="of torch [its own choice]")
    parser.add_argument("--out", type=Path, default=RESULTS / "ablation.json", help="the table goes beside it, as .md")
    return parser


if __name__ == "__main__":
    main()
