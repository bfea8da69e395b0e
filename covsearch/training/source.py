"""What a training hears, and where its model goes: checked before anything that takes seconds to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from covsearch.counting import counted
from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.dataset.frame_rate import check_frame_rate
from covsearch.dataset.sample import sample_root
from covsearch.errors import NotFoundError, UsageError
from covsearch.progress import Tell, unheard
from covsearch.synthesis.sources import CORPUS

WEIGHTS = "model.safetensors"
BUNDLED = "bundled"


@dataclass(frozen=True)
class TrainingSource:
    """What to train on.

    Attributes
    ----------
    dataset : Path or None
        A Da-TACOS folder; None is the bundled sample.
    subset : str or None
        Needed when the folder holds several.
    strict : bool
        Stop at the first file that would be skipped.
    frame_rate : float or None
        Frames/s of the files; None is what is known of the subset, else Da-TACOS's 86.13.
    """

    dataset: Path | None = None
    subset: str | None = None
    strict: bool = False
    frame_rate: float | None = None

    def open(self, features: Sequence[str], tell: Tell = unheard) -> Dataset:
        """The performances of known works that have all `features`; `tell` hears of others."""
        root = self.dataset or sample_root()
        every = open_dataset(root, features, subset=self.subset, strict=self.strict, frame_rate=self.frame_rate)
        known = every.of_known_works()
        if others := len(every.performances) - len(known.performances):
            tell(f"{counted(others, 'performance')} of unknown works left out: no pair can be made of them")
        return known

    def check(self) -> None:
        """Refuse at once what :meth:`open` would refuse later.

        Raises
        ------
        NotFoundError
            When the folder is not there.
        UsageError
            When the frame rate cannot be.
        """
        if self.dataset is not None and not self.dataset.is_dir():
            what = "is not a folder" if self.dataset.exists() else "is not there"
            raise NotFoundError(f"{self.dataset} {what}; expected a Da-TACOS folder")
        if self.frame_rate is not None:
            check_frame_rate(self.frame_rate)


def check_unused(out: Path | None) -> None:
    """Refuse a checkpoint folder that is taken, or is no folder.

    Raises
    ------
    UsageError
    """
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder for --out, got {out}, which is not one; name another --out")
    if out is not None and (out / WEIGHTS).exists():
        raise UsageError(f"{out} already holds a trained model; delete it or name another --out")


def check_places(out: Path | None, start: str | None, songs: Sequence[str]) -> None:
    """Refuse at once: `out` that is taken, weights to begin with or songs that are not there.

    Raises
    ------
    UsageError
        As :func:`check_unused`.
    NotFoundError
        When the weights or the songs are not there; what is in them is checked when they are read.
    """
    check_unused(out)
    if start and start != BUNDLED and not Path(start).exists():
        raise NotFoundError(f"{start} is not there; expected a checkpoint folder, or {BUNDLED}")
    for name in songs:
        if name != CORPUS and not Path(name).exists():
            raise NotFoundError(f"{name} is not there; expected a folder or zip archive of songs, or {CORPUS}")
