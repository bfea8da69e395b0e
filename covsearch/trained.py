"""Train a model and find out at once what its p is worth: the whole of ``covsearch train``, as a library call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covsearch import plots
from covsearch.aligner_config import AlignerConfig, AlignerTraining
from covsearch.calibrate import CalibrationReport, calibrate
from covsearch.calibrate_aligner import calibrate_aligner
from covsearch.config import ModelConfig, TrainConfig
from covsearch.errors import ArtefactError, UsageError
from covsearch.progress import Progress, Tell, silent, unheard
from covsearch.synthesis.sources import open_collections, source_names
from covsearch.training.aligner import check_free, default_folder, train_aligner
from covsearch.training.card import Trained, summary
from covsearch.training.run import run_training
from covsearch.training.source import TrainingSource
from covsearch.training.together import is_first, is_shared
from covsearch.workspace import Workspace


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A training that ended.

    Attributes
    ----------
    folder : Path
        The checkpoint.
    trained : Trained
        Its curves, pairs and test figures.
    calibration : CalibrationReport or None
        None where the model could not be calibrated; it is a model all the same.
    uncalibrated : str or None
        Why not.
    """

    folder: Path
    trained: Trained
    calibration: CalibrationReport | None
    uncalibrated: str | None

    def to_dict(self) -> dict[str, Any]:
        """Where it is and its figures as plain values, ready for JSON."""
        test = self.calibration.parts[-1].score if self.calibration else None
        return {
            "checkpoint": str(self.folder),
            **summary(self.trained),
            "threshold": self.calibration.calibration.threshold if self.calibration else None,
            "test_accuracy_calibrated": test.accuracy_calibrated if test else None,
            "test_ece": test.before.ece if test else None,
            "test_ece_calibrated": test.after.ece if test else None,
        }

    def draw_curves(self) -> list[Path]:
        """Draw loss and accuracy over the epochs beside the weights.

        Raises
        ------
        MissingExtraError
            Without matplotlib.
        """
        report = self.trained.report
        history, best = [vars(epoch) for epoch in report.history], report.best_epoch
        return [
            plots.learning_curve(history, self.folder / f"{quantity}.png", quantity=quantity, best_epoch=best)
            for quantity in ("loss", "accuracy")
        ]


def train_model(
    source: TrainingSource,
    config: ModelConfig,
    training: TrainConfig,
    workspace: Workspace,
    out: Path | None = None,
    progress: Progress = silent,
    warn: Tell = unheard,
    hear: Tell = unheard,
) -> TrainedModel:
    """Train a branch and its head, then calibrate them; parameters and errors are those of :func:`run_training`."""
    folder, trained = run_training(source, config, training, workspace, out, progress, warn, hear)
    if not is_first():
        return TrainedModel(folder, trained, None, "another process does it")
    report, reason = None, None
    try:
        report = calibrate(
            folder,
            source.dataset,
            workspace,
            subset=source.subset,
            frame_rate=source.frame_rate,
            seed=training.seed,
            progress=progress,
        )
    except (ArtefactError, UsageError) as e:
        reason = str(e)
    return TrainedModel(folder, trained, report, reason)


def train_and_fit_aligner(
    config: AlignerConfig,
    training: AlignerTraining,
    workspace: Workspace,
    out: Path | None = None,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> dict[str, Any]:
    """Train the learned aligner, then fit it beside the bundled model.

    Parameters and errors are those of :func:`~covsearch.training.aligner.train_aligner` and
    :func:`~covsearch.synthesis.sources.open_collections`.

    Returns
    -------
    dict
        The folder, how long it took and the last epoch's figures, ready for JSON.
    """
    if is_shared():
        raise UsageError("the aligner is trained by one process: run the command without torchrun")
    out = out or default_folder(workspace, training)
    check_free(out)  # said before minutes of reading, not after
    collections = open_collections(source_names(training.synthesize), workspace.cache, progress, tell)
    folder, history = train_aligner(collections, config, training, workspace, out, progress)
    calibrate_aligner(folder, collections, workspace, training.seed, progress)
    last = {name: value for name, value in history[-1].items() if name.startswith(("train_", "map_"))}
    steps, seconds = (sum(row[name] for row in history) for name in ("steps", "seconds"))
    return {"aligner": str(folder), "steps": int(steps), "seconds": round(seconds, 1), **last}
