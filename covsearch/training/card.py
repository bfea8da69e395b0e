"""A trained model as a checkpoint folder: weights, configuration, split, pairs, metrics and a card to read first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from covsearch import __version__
from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.dataset.pairs import Pairs, write_pairs
from covsearch.dataset.splits import Split, write_split
from covsearch.features.store import FrameStore
from covsearch.models import save_checkpoint
from covsearch.training.loop import TrainReport

CARD, SPLIT, PAIRS = "README.md", "split.json", "pairs.csv"

_LEAKY = """> **Leaky protocol.** Pairs, not works, were split: works and performances of the test pairs were also
> trained on, so these test figures say little about songs the model has never heard.
"""

_KEY = {
    "played": "It hears performances in their own keys, unable to ignore them: it misses transposed versions.",
    "normalised": "It hears performances brought to C by an estimated key: where that is wrong, versions are missed.",
}


_P = "- p near 0 means cover, p near 1 non-cover"
_INVARIANT = "It hears performances in any key alike; it cannot tell two songs that differ by a transposition alone."


def _trained_on(training: TrainConfig, facts: Mapping[str, Any]) -> str:
    """What a training heard, in words."""
    own = f"{facts['pairs']['train']} pairs of one collection"
    if not training.synthesize:
        return own
    steps, tracks = training.epoch_steps * facts["epochs"], training.batch_works * training.batch_versions
    return f"{steps:,} batches of {tracks} tracks: covers synthesised from {training.synthesize}, and {own}"


def _begun(training: TrainConfig) -> str:
    return f", beginning with the weights of {training.start}" if training.start else ""


def _kept(facts: Mapping[str, Any]) -> str:
    if not facts["best_epoch"]:
        return "after which none was better on validation than these weights, which are kept"
    return f"best validation accuracy in epoch {facts['best_epoch']}"


def _rests_on(songs: Sequence[str]) -> str:
    """Which songs, under which licences, the weights rest on."""
    if not songs:
        return ""
    return "\n".join(["", "## Songs and their licences", "", *(f"- {line}" for line in songs), ""])


@dataclass(frozen=True)
class Trained:
    """A finished training and everything that belongs into its folder.

    Attributes
    ----------
    report : TrainReport
    config : ModelConfig
    training : TrainConfig
    store : FrameStore
        What it was trained on.
    pairs : mapping
        Part -> Pairs over positions in the store.
    split : Split or None
        None for the leaky split by pairs.
    songs : tuple of str
        What covers were synthesised from: a line a source, with its licence.
    """

    report: TrainReport
    config: ModelConfig
    training: TrainConfig
    store: FrameStore
    pairs: Mapping[str, Pairs]
    split: Split | None
    songs: tuple[str, ...] = ()


def write_checkpoint(folder: Path, trained: Trained) -> None:
    """Write `trained` to `folder`; the weights come last, so that a folder with weights is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    write_pairs(folder / PAIRS, trained.store.pids, trained.pairs)
    everything = tuple(dict.fromkeys(trained.store.wids))
    # split by pairs: every work may have been trained on, so none is held out
    split = trained.split or Split(everything, (), (), trained.training.seed)
    write_split(folder / SPLIT, split, subset=trained.store.subset, by=trained.training.split)
    (folder / CARD).write_text(model_card(trained), encoding="utf-8")
    save_checkpoint(folder, trained.report.model, trained.config, train=trained.training)


def calibrate_card(folder: Path, calibrated: str) -> None:
    """Let the card in `folder` say how the model was calibrated, in place of what it said before of p.

    A card that says nothing of p, having been written by hand, stays as it is.
    """
    path = folder / CARD
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    told = [f"{_P}. {calibrated}" if line.startswith(_P) else line for line in lines]
    path.write_text("\n".join(told) + "\n", encoding="utf-8")


def summary(trained: Trained) -> dict[str, Any]:
    """The figures of a training, ready for JSON."""
    return {
        "best_epoch": trained.report.best_epoch,
        "epochs": len(trained.report.history),
        "validation_accuracy": trained.report.validation_accuracy,
        "test_accuracy": trained.report.test_accuracy,
        "test_auc": trained.report.test_auc,
        "pairs": trained.report.pairs,
        "split": trained.training.split,
        "seed": trained.training.seed,
        "seconds": round(sum(epoch.seconds for epoch in trained.report.history), 1),
    }


def _heard(features: FeatureConfig) -> str:
    rate = f"{features.rate:.2f} frames/s, " if features.rate else ""
    return f"{features.features}, {rate}at most {features.frames} frames, key {features.key}"


def model_card(trained: Trained) -> str:
    """The card: data, split, seed, metrics and limits, in Markdown."""
    facts = summary(trained)
    store, training = trained.store, trained.training
    parameters = sum(p.numel() for p in trained.report.model.parameters())
    head = "a metric (all weights positive)" if trained.config.alpha == "positive" else "signed weights"
    return f"""# {trained.config.branch}, trained on {store.subset}

{"" if training.split == "works" else _LEAKY}
| | |
|---|---|
| Model | {trained.config.branch}, {parameters:,} parameters, {trained.config.pooling} pooling, {trained.config.norm} norm, head with {head} |
| Input | {_heard(trained.config.features)} |
| Data | {store.subset}: {len(store):,} performances of {len(set(store.wids)):,} works |
| Split | by {training.split}, seed {training.seed}; pairs: {json.dumps(facts["pairs"])} |
| Trained | {facts["epochs"]} epochs in {facts["seconds"]} s{_begun(training)}, {_kept(facts)} |
| Validation | accuracy {facts["validation_accuracy"]:.3f} |
| Test | accuracy at 0.5: {facts["test_accuracy"]:.3f}, AUC {facts["test_auc"]:.3f} ({facts["pairs"]["test"]} pairs) |
| Made | {datetime.now(UTC):%Y-%m-%d}, covsearch {__version__}, torch {version("torch")} |

Intervals and baselines on the same pairs: `covsearch eval-pairs --model THIS_FOLDER`.
The configuration is in `config.toml`, the works of each part in `split.json`, the pairs in `pairs.csv`, every epoch
in `metrics.jsonl`.

## Limits

{_P}; 0.5 is not calibrated: `covsearch calibrate --model THIS_FOLDER`.
- The branch sees chroma only: no timbre, no words, no rhythm beyond it.
- {_INVARIANT if trained.config.branch == "invariant" else _KEY[trained.config.features.key]}
- Trained on {_trained_on(training, facts)}; expect less on music unlike it.
{_rests_on(trained.songs)}
## Choices

```json
{json.dumps({"model": asdict(trained.config), "train": asdict(training)}, indent=1)}
```
"""  # noqa: E501  (table rows cannot be broken)
