"""Several models on held-out pairs, beside each other: one table, one ROC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covsearch.evaluate.held_out import PairsReport, evaluate_pairs
from covsearch.evaluate.pairs import COLUMNS, PairReport
from covsearch.workspace import Workspace


@dataclass(frozen=True)
class ModelsReport:
    """Models that were judged on held-out pairs of one collection.

    Attributes
    ----------
    reports : tuple of PairsReport
        At least one, each of another model.
    """

    reports: tuple[PairsReport, ...]

    columns = COLUMNS

    @property
    def same_pairs(self) -> bool:
        """Whether all were judged on the same pairs."""
        return len({report.which for report in self.reports}) == 1

    @property
    def rows(self) -> tuple[PairReport, ...]:
        """The models and the baselines; where the pairs differ, every model with its own baselines after it."""
        if not self.same_pairs:
            return tuple(system for report in self.reports for system in report.systems)
        return (*(report.systems[0] for report in self.reports), *self.reports[0].systems[1:])

    @property
    def heading(self) -> str:
        """What was judged, and of calibrated models what calibrating does, a line each."""
        first = self.reports[0]
        if len(self.reports) == 1:
            return first.heading
        judged = [first.judged_on] if self.same_pairs else [f"{one.model}: {one.judged_on}" for one in self.reports]
        return "\n".join(judged + [f"{one.model}: {told}" for one in self.reports if (told := one.told_of_calibrating)])

    @property
    def caption(self) -> str:
        """What differences and intervals are."""
        return self.reports[0].caption

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know; what is not so of every model, with its name."""
        if len(self.reports) == 1:
            return self.reports[0].notes
        common = [note for note in self.reports[0].notes if all(note in one.notes for one in self.reports)]
        own = [f"{one.model}: {note}" for one in self.reports for note in one.notes if note not in common]
        apart = [] if self.same_pairs else ["the models were judged on different pairs: their rows cannot be compared"]
        return (*common, *own, *apart)

    def to_dict(self) -> dict[str, Any] | list[dict[str, Any]]:
        """What each report has, ready for :func:`json.dumps`: of one model its own, of several a list."""
        of_each = [report.to_dict() for report in self.reports]
        return of_each[0] if len(of_each) == 1 else of_each


def evaluate_models(
    dataset_dir: Path | None, models: Sequence[Path], workspace: Workspace, **options: Any
) -> ModelsReport:
    """Judge each of several checkpoints by :func:`~covsearch.evaluate.held_out.evaluate_pairs`, the same weights once.

    Parameters
    ----------
    dataset_dir : Path or None
        A Da-TACOS folder; None is the bundled sample.
    models : sequence of Path
        Checkpoint folders; none is the bundled weights.
    workspace : Workspace
    **options
        As for `evaluate_pairs`, whose errors are raised.
    """
    asked: Sequence[Path | None] = models or [None]
    found = [evaluate_pairs(dataset_dir, model, workspace, **options) for model in asked]
    return ModelsReport(tuple({report.model: report for report in found}.values()))
