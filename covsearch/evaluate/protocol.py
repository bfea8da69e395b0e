"""Which pairs a model may be judged on: those that its training never saw."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from covsearch.counting import comma_list
from covsearch.dataset.datacos import Dataset
from covsearch.dataset.pairs import COVER, NON_COVER, Pairs, balanced_pairs, cover_pairs, non_cover_pairs, read_pairs
from covsearch.dataset.performance import Performance
from covsearch.dataset.splits import PARTS, Split, read_split
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.features.store import FrameStore

SPLIT, PAIRS = "split.json", "pairs.csv"
KINDS = ("balanced", "all")
BALANCED_PAIRS = 1000  # the report's test set (Table 3)
MAX_NON_COVERS = 1_000_000  # 15,000 performances make 112 million; beyond this an AUC moves in its fourth digit

HELD_OUT_WORKS, HELD_OUT_PAIRS, ZERO_SHOT = "held-out works", "held-out pairs (leaky)", "zero-shot"

_SEEN = {
    "train": "train works: the model was trained on these, so the numbers flatter",
    "validation": "validation works: the model was chosen by these, so the numbers flatter",
}


@dataclass(frozen=True)
class TrainedOn:
    """What a checkpoint says of the data it was trained on.

    Attributes
    ----------
    folder : Path
        The checkpoint.
    subset : str
        Name of the collection.
    by : str
        ``works``, or ``pairs`` for the report's leaky protocol.
    split : Split
    """

    folder: Path
    subset: str
    by: str
    split: Split

    def protocol(self, subset: str) -> str:
        """What an evaluation on the collection `subset` is: one of the three protocols."""
        if subset != self.subset:
            return ZERO_SHOT
        return HELD_OUT_WORKS if self.by == "works" else HELD_OUT_PAIRS


@dataclass(frozen=True)
class HeldOut:
    """Pairs to judge a model on.

    Attributes
    ----------
    protocol : str
        ``held-out works``, ``held-out pairs (leaky)`` or ``zero-shot``.
    pairs : Pairs
        Positions in the list of performances they were chosen from.
    notes : tuple of str
        What a reader of the numbers must know.
    """

    protocol: str
    pairs: Pairs
    notes: tuple[str, ...]


def read_trained_on(folder: Path) -> TrainedOn:
    """Read ``split.json`` of a checkpoint folder.

    Raises
    ------
    NotFoundError
        When the checkpoint does not say what it was trained on.
    ArtefactError
        When what it says is malformed.
    """
    path = folder / SPLIT
    if not path.is_file():
        raise NotFoundError(f"{folder} has no {SPLIT}: which works it was trained on, and so a fair test, is unknown")
    split = read_split(path)
    about = json.loads(path.read_text(encoding="utf-8"))
    subset, by = about.get("subset"), about.get("by")
    if not isinstance(subset, str) or by not in ("works", "pairs"):
        raise ArtefactError(f"{path}: expected a subset and by works or pairs, got {subset!r} by {by!r}")
    return TrainedOn(folder, subset, by, split)


def candidates(dataset: Dataset, origin: TrainedOn, kind: str) -> Dataset:
    """The part of `dataset` that held-out pairs can come from; only this has to be read and embedded.

    Performances whose work is not known are left out: nobody can say which pairs of theirs are covers.

    Raises
    ------
    UsageError
        For an unknown `kind`, for all pairs of a model whose training saw every work, and where no work is known.
    ArtefactError
        When the collection has the name of the one trained on but none of its test works.
    """
    if kind not in KINDS:
        raise UsageError(f"pairs must be one of {comma_list(sorted(KINDS))}, not {kind!r}")
    protocol = origin.protocol(dataset.subset)
    if protocol == ZERO_SHOT:
        return dataset.of_known_works()
    if protocol == HELD_OUT_PAIRS:
        if kind == "all":
            raise UsageError(
                f"all pairs need a split by work, but {origin.folder} was trained with a split by pairs, which saw "
                "every work: use --pairs balanced"
            )
        pids = tuple(dataset.performances)
        pairs = read_pairs(origin.folder / PAIRS, pids, "test")
        return only(dataset, {pids[i] for i in np.concatenate([pairs.a, pairs.b]).tolist()})
    test = set(origin.split.test)
    part = only(dataset, {pid for pid, performance in dataset.performances.items() if performance.wid in test})
    if not part.performances:
        raise ArtefactError(
            f"{dataset.root} has none of the {len(test)} test works of {origin.folder}: "
            f"another collection with the name {dataset.subset}?"
        )
    return part


@dataclass(frozen=True)
class Searched:
    """A collection to search, in which every performance is query (if it has a cover) and candidate.

    Attributes
    ----------
    protocol : str
        ``held-out works``, ``zero-shot``, or which other works of the checkpoint's split these are.
    dataset : Dataset
    notes : tuple of str
        What a reader of the numbers must know.
    """

    protocol: str
    dataset: Dataset
    notes: tuple[str, ...]


def searched(
    dataset: Dataset, origin: TrainedOn, part: str | None = None, keep: Callable[[Performance], bool] | None = None
) -> Searched:
    """The part of `dataset` that retrieval is measured on; without the performances whose work is not known.

    Parameters
    ----------
    dataset : Dataset
    origin : TrainedOn
    part : str, optional
        ``train``, ``validation`` or ``test`` works of the split, for the collection trained on only. By default
        its test works, and all of any other collection.
    keep : callable, optional
        Only performances for which it is true.

    Raises
    ------
    UsageError
        For an unknown `part`, one of a collection that was not trained on, a model whose training saw every work, or
        where no work is known.
    ArtefactError
        When the collection has the name of the one trained on but none of these works.
    """
    if part is not None and part not in PARTS:
        raise UsageError(f"part must be one of {comma_list(PARTS)}, not {part!r}")
    own = dataset.subset == origin.subset
    if part and not own:
        raise UsageError(
            f"the {part} works are of {origin.subset}, which the model was trained on, not {dataset.subset}"
        )
    if own and origin.by != "works":
        raise UsageError(
            f"retrieval needs works that training never saw, but {origin.folder} was trained on pairs of every work of "
            f"{origin.subset}: judge it on another collection, or by `covsearch eval-pairs`"
        )
    chosen = part or "test"
    works = set(origin.split.part(chosen)) if own else set(dataset.of_known_works().works)
    kept = {pid for pid, p in dataset.performances.items() if p.wid in works and (keep is None or keep(p))}
    if not kept:
        where = f"the {len(works)} {chosen} works of {origin.folder}" if own else "the performances asked for"
        raise ArtefactError(f"{dataset.root} has none of {where}: another collection with the name {dataset.subset}?")
    if own and chosen != "test":
        return Searched(f"{chosen} works", only(dataset, kept), (_SEEN[chosen],))
    protocol = origin.protocol(dataset.subset)
    notes = [_explain(protocol, origin, dataset.subset)]
    notes += ["queries and collection are these works alone"] if own else []
    return Searched(protocol, only(dataset, kept), tuple(notes))


def searched_by_all(
    dataset: Dataset,
    origins: Sequence[TrainedOn],
    part: str | None = None,
    keep: Callable[[Performance], bool] | None = None,
) -> tuple[list[Searched], Dataset]:
    """What retrieval is measured on for each of several models, and what all of these have in common.

    Parameters are those of :func:`searched`, with one origin a model; so are the errors.

    Returns
    -------
    list of Searched
        One a model.
    Dataset
        The performances in all of them.

    Raises
    ------
    UsageError
        When there is none.
    """
    found = [searched(dataset, origin, part, keep) for origin in origins]
    common = set.intersection(*(set(one.dataset.performances) for one in found))
    if not common:
        folders = " and ".join(str(origin.folder) for origin in origins)
        raise UsageError(f"no performance of {dataset.subset} is fair to all of {folders}: judge them one by one")
    return found, only(dataset, common)


def only(dataset: Dataset, pids: set[str]) -> Dataset:
    """The part of `dataset` that is the performances `pids`."""
    performances = {pid: p for pid, p in dataset.performances.items() if pid in pids}
    return replace(dataset, performances=performances, files={pid: dataset.files[pid] for pid in performances})


def choose_pairs(
    dataset: Dataset, origin: TrainedOn, pids: tuple[str, ...], kind: str = "balanced", seed: int = 0
) -> HeldOut:
    """Choose the pairs among `pids`, the candidates that could be read.

    Parameters
    ----------
    dataset : Dataset
        The whole collection.
    origin : TrainedOn
    pids : tuple of str
        The performances that the positions in the result count through.
    kind : str
        ``balanced``: the checkpoint's own test pairs, or in a zero-shot evaluation up to 1,000 drawn ones.
        ``all``: every pair, with at most a million non-covers, drawn.
    seed : int
        Of whatever is drawn.

    Returns
    -------
    HeldOut

    Raises
    ------
    ArtefactError
        When the checkpoint's pairs do not fit the collection.
    UsageError
        When there are no covers, or no non-covers.
    """
    protocol = origin.protocol(dataset.subset)
    wids = dataset.wids_of(pids)
    rng = np.random.default_rng([seed, 2])  # 1 is the random baseline's, the bare seed the bootstrap's
    notes = [_explain(protocol, origin, dataset.subset)]
    if kind == "all":
        pairs, population = all_pairs(wids, MAX_NON_COVERS, rng)
        if len(pairs) < population:
            notes.append(f"{len(pairs):,} of {population:,} pairs: every cover, non-covers drawn with seed {seed}")
    elif protocol == ZERO_SHOT:
        pairs = balanced_pairs(wids, BALANCED_PAIRS, rng)
        notes.append(f"{len(pairs):,} pairs drawn with seed {seed}")
    else:
        pairs, lost = recorded_pairs(dataset, origin, pids)
        notes += [f"{lost} test pairs left out: a file of theirs was refused"] if lost else []
    return HeldOut(protocol, pairs, tuple(notes))


def _explain(protocol: str, origin: TrainedOn, subset: str) -> str:
    if protocol == HELD_OUT_WORKS:
        return f"{protocol}: training saw no performance of these works"
    if protocol == HELD_OUT_PAIRS:
        return f"{protocol}: training saw these works and performances in other pairs, so the numbers flatter"
    return f"{protocol}: trained on {origin.subset}, judged on {subset}"


def recorded_pairs(dataset: Dataset, origin: TrainedOn, pids: tuple[str, ...], part: str = "test") -> tuple[Pairs, int]:
    """The checkpoint's pairs of `part` as positions in `pids`, and how many are lost because a PID is not in it.

    Raises
    ------
    ArtefactError
        When they do not fit the collection.
    """
    path = origin.folder / PAIRS
    everyone = tuple(dataset.performances)
    pairs = read_pairs(path, everyone, part)
    wids = np.array([performance.wid for performance in dataset.performances.values()])
    wrong = np.flatnonzero((wids[pairs.a] != wids[pairs.b]) != (pairs.label == NON_COVER))
    if len(wrong):
        a, b = everyone[pairs.a[wrong[0]]], everyone[pairs.b[wrong[0]]]
        raise ArtefactError(
            f"{path}: {a} and {b} have label {pairs.label[wrong[0]]}, "
            f"but their works are {wids[pairs.a[wrong[0]]]} and {wids[pairs.b[wrong[0]]]}"
        )
    position = {pid: i for i, pid in enumerate(pids)}
    moved = np.array([position.get(pid, -1) for pid in everyone], dtype=np.int64)
    a, b = moved[pairs.a], moved[pairs.b]
    there = (a >= 0) & (b >= 0)
    return Pairs(a[there], b[there], pairs.label[there]), int(np.sum(~there))


def all_pairs(wids: list[str], most: int, rng: np.random.Generator) -> tuple[Pairs, int]:
    """Every pair of performances; when there are too many non-covers, `most` drawn ones.

    Parameters
    ----------
    wids : list of str
        The work of each of M performances.
    most : int
        Non-covers at most; bounds memory, whatever M is.
    rng : numpy.random.Generator

    Returns
    -------
    pairs : Pairs
        Covers first.
    population : int
        M (M - 1) / 2.
    """
    covers = cover_pairs(wids)
    population = len(wids) * (len(wids) - 1) // 2
    others = non_cover_pairs(wids, min(most, population - len(covers)), rng)
    both = np.concatenate([covers, others])
    label = np.repeat(np.array([COVER, NON_COVER], dtype=np.int64), [len(covers), len(others)])
    return Pairs(both[:, 0].copy(), both[:, 1].copy(), label), population


def skipped_note(stores: Sequence[FrameStore]) -> list[str]:
    """The note that some performances could not be read for one of several models, where that is so."""
    skipped = list(dict.fromkeys(one for store in stores for one in store.skipped))
    if not skipped:
        return []
    first = skipped[0]
    return [f"{len(skipped)} left out, first {first.path}: {first.reason} (see `covsearch dataset info`)"]


def assumed_rate(dataset: Dataset, matters: bool) -> list[str]:
    """The note that the frame rate is only assumed, where something that was computed depends on it."""
    if dataset.rate_is_known or not matters:
        return []
    return [f"{dataset.frame_rate:.2f} frames/s assumed of the files: say --frame-rate if it is not"]
