"""A collection of Da-TACOS's size, of covers synthesised from notes, in Da-TACOS's own layout.

Works are songs read from notes, performances are covers of them at 2.69 frames/s. The benchmark's works with versions
have 13 performances; so have these. Their keys are as alike as real covers' are: see :data:`SAME_KEY`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from covsearch.dataset.chroma import CHROMA
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.errors import ArtefactError, UsageError
from covsearch.progress import Progress, silent
from covsearch.synthesis import CoverMaker, Song
from covsearch.synthesis.sources import SongCollection

SUBSET = "synthetic"
RECIPE = "recipe.json"
SAME_KEY = 0.365
"""Of the 5,000 cover pairs of Da-TACOS's coveranalysis subset, so many have HPCP means most alike untransposed."""
_LEVELS = 255  # values are kept as multiples of this: what gzip makes small, and no network notices


@dataclass(frozen=True)
class Recipe:
    """All that decides what is in the collection.

    Attributes
    ----------
    sources : tuple of str
        What the songs were read from: names of folders, ``chorales``, ``tunes``; the first is used up first.
    works, versions : int
    hardness : float
        Of the covers, in [0, 1].
    frames : int
        Of a cover at most, at 2.69 frames/s: a stretch from anywhere in it; 0 keeps it whole.
    same_key : float
        Share of cover pairs in one key, at least 1/12.
    seed : int
    """

    sources: tuple[str, ...]
    works: int = 1000
    versions: int = 13
    hardness: float = 0.9
    frames: int = 256
    same_key: float = SAME_KEY
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.works >= 2 and self.versions >= 2):
            raise UsageError(f"a collection needs 2 works of 2 versions, not {self.works} of {self.versions}")
        if not 1 / 12 <= self.same_key <= 1:
            raise UsageError(f"of cover pairs, 1/12 to all are in one key, not {self.same_key}")

    def to_dict(self) -> dict[str, Any]:
        """What is written beside the collection."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


def choose_songs(collections: Sequence[SongCollection], works: int, seed: int) -> list[Song]:
    """`works` songs: all of the first collection, then ones drawn from the others together.

    Raises
    ------
    UsageError
        When there are too few.
    """
    first = collections[0].maker.songs[:works]
    others = [song for collection in collections[1:] for song in collection.maker.songs]
    missing = works - len(first)
    if missing > len(others):
        raise UsageError(
            f"{works} works were asked for, there are {len(first) + len(others)} songs: name fewer --works"
        )
    return first + [others[i] for i in np.random.default_rng([seed, 0]).permutation(len(others))[:missing].tolist()]


def write_collection(root: Path, songs: Sequence[Song], recipe: Recipe, progress: Progress = silent) -> Path:
    """Write the collection to `root` once; what is there already is kept.

    Parameters
    ----------
    root : Path
        Appears when it is complete.
    songs : sequence of Song
        One a work.
    recipe : Recipe
    progress : Progress

    Returns
    -------
    Path
        `root`.

    Raises
    ------
    ArtefactError
        When `root` holds a collection of another recipe.
    """
    if root.is_dir():
        check_recipe(root, recipe)
        return root
    fresh = root.with_name(root.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    maker = CoverMaker(songs)
    metadata = {}
    for work, song in enumerate(songs):
        metadata[f"W_{work + 1}"] = _write_work(fresh, maker, work, song, recipe)
        progress("synthesising covers", work + 1, len(songs))
    folder = fresh / "da-tacos_metadata"
    folder.mkdir(parents=True)
    (folder / f"da-tacos_{SUBSET}_subset_metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    (fresh / RECIPE).write_text(json.dumps(recipe.to_dict(), indent=1) + "\n", encoding="utf-8")
    fresh.replace(root)
    return root


def check_recipe(root: Path, recipe: Recipe) -> None:
    """Raise ArtefactError unless the collection at `root` was made by `recipe`."""
    found = json.loads((root / RECIPE).read_text(encoding="utf-8"))
    if found != recipe.to_dict():
        raise ArtefactError(f"{root} was made by the recipe {found}, not {recipe.to_dict()}: name another --out")


def _write_work(root: Path, maker: CoverMaker, work: int, song: Song, recipe: Recipe) -> dict[str, dict[str, str]]:
    """All versions of one work, decided by the seed and its number alone; its part of the metadata."""
    rng = np.random.default_rng([recipe.seed, 1, work])
    keys = draw_keys(recipe.versions, recipe.same_key, rng)
    batch, lengths = maker.make(
        [work] * recipe.versions, rng, hardness=recipe.hardness, frames=recipe.frames or None, semitones=keys
    )
    records = {}
    for version, (frames, length) in enumerate(zip(batch, lengths.tolist(), strict=True)):
        wid, pid = f"W_{work + 1}", f"P_{work * recipe.versions + version + 1}"
        _write_chroma(root, wid, pid, frames[:length])
        records[pid] = {
            "work_title": song.name,
            "work_artist": "",
            "perf_title": f"{song.name}, version {version + 1}",
            "perf_artist": "",
            "release_year": "",
            "work_id": wid,
            "perf_id": pid,
            "instrumental": "Yes",
        }
    return records


def draw_keys(versions: int, same_key: float, rng: np.random.Generator) -> list[int]:
    """How far each version is transposed, so that a share `same_key` of all pairs is in one key.

    A version is in its song's own key with probability k, else in any key: two are in one with k² + (1 - k²) / 12.
    """
    keeps = rng.random(versions) < np.sqrt((same_key - 1 / 12) / (1 - 1 / 12))
    keys: list[int] = np.where(keeps, 0, rng.integers(12, size=versions)).tolist()
    return keys


def _write_chroma(root: Path, wid: str, pid: str, frames: NDArray[np.float32]) -> None:
    """One HPCP file as Da-TACOS has them, of frames (L, 12) that begin at C."""
    folder = root / f"da-tacos_{SUBSET}_subset_hpcp" / f"{wid}_hpcp"
    folder.mkdir(parents=True, exist_ok=True)
    values = np.round(np.roll(frames, -CHROMA["hpcp"].first_bin, axis=1) * _LEVELS) / np.float32(_LEVELS)
    with h5py.File(folder / f"{pid}_hpcp.h5", "w") as f:
        f.create_dataset("hpcp", data=values.astype(np.float32), compression="gzip", shuffle=True)
        f.attrs["label"], f.attrs["track_id"] = np.bytes_(wid), np.bytes_(pid)
        f.attrs["frame_rate"] = SLOW_RATE
