"""What a training hears, and where its model goes: checked before anything that takes seconds to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from covsearch.counting import counted
from covsearch.dataset.datacos import Dataset, open_dataset, subset_of
from covsearch.dataset.frame_rate import check_frame_rate
from covsearch.dataset.sample import sample_root
from covsearch.errors import NotFoundError, UsageError
from covsearch.progress import Tell, unheard
from covsearch.synthesis.sources import CORPUS
from covsearch.training.presets import BUNDLED, SCRATCH
from covsearch.workspace import Workspace

WEIGHTS = "model.safetensors"


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

    def default_folder(self, branch: str, seed: int, workspace: Workspace) -> Path:
        """Where a checkpoint goes that nobody named a folder for: ``<home>/models/<branch>-<subset>-seed<seed>``.

        Raises
        ------
        NotFoundError, UsageError
            When the dataset has no such subset; without a home folder.
        """
        models = workspace.home / "models"
        return models / f"{branch}-{subset_of(self.dataset or sample_root(), self.subset)}-seed{seed}"

    def check(self) -> None:
        """Refuse at once what :meth:`open` would refuse later.

        Raises
        ------
        NotFoundError
            When the folder is not there, or is no Da-TACOS folder.
        UsageError
            When the frame rate cannot be, or the folder holds several subsets and none is named.
        """
        if self.dataset is not None:
            subset_of(self.dataset, self.subset)
        if self.frame_rate is not None:
            check_frame_rate(self.frame_rate)


def check_unused(out: Path) -> None:
    """Refuse a checkpoint folder that is taken, or is no folder.

    Raises
    ------
    UsageError
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder for --out, got {out}, which is not one; name another --out")
    if (out / WEIGHTS).exists():
        raise UsageError(f"{out} already holds a trained model; delete it or name another --out")


def check_places(source: TrainingSource, out: Path, start: str | None, songs: Sequence[str]) -> None:
    """Make `out`; refuse at once one that is taken, and a source, first weights or songs that are not there.

    Raises
    ------
    UsageError
        As :meth:`TrainingSource.check` and :func:`check_unused`, and where no folder can be made.
    PermissionError
        Where this user may make none.
    NotFoundError
        When the source, the weights or the songs are not there; what is in them is checked when they are read.
    """
    source.check()
    check_unused(out)
    if start and start not in (BUNDLED, SCRATCH) and not Path(start).exists():
        raise NotFoundError(f"{start} is not there; expected a checkpoint folder, {BUNDLED} or {SCRATCH}")
    for name in songs:
        if name != CORPUS and not Path(name).exists():
            raise NotFoundError(f"{name} is not there; expected a folder or zip archive of songs, or {CORPUS}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except PermissionError:
        raise  # the command line knows whether that is the workspace
    except OSError as e:
        raise UsageError(f"--out {out} cannot be made: {e.strerror}; name another folder") from e
