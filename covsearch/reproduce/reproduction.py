"""Train what is not trained yet, judge everything, write the page."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from covsearch import __version__, durable, plots
from covsearch.config import ModelConfig, TrainConfig, from_toml
from covsearch.dataset.figures import draw_info
from covsearch.dataset.info import DatasetInfo, measure_dataset
from covsearch.errors import UsageError
from covsearch.features.pack import pack_cached
from covsearch.guard.files import text_artefact
from covsearch.models.checkpoint import CONFIG, MAX_CONFIG_BYTES, WEIGHTS
from covsearch.progress import Progress, Tell, silent, unheard
from covsearch.reproduce import chapters
from covsearch.reproduce.findings import Difference, difference, runs_of
from covsearch.reproduce.judged import JudgedRun, judge_run
from covsearch.reproduce.page import Block, Heading, Picture, html, markdown
from covsearch.reproduce.pictures import draw_architecture, draw_roc
from covsearch.reproduce.plan import BRANCHES, NAMES, SEEDS, SPLITS, Run, plan
from covsearch.training.run import run_training
from covsearch.training.source import TrainingSource
from covsearch.workspace import Workspace

PAGE, HTML_PAGE = "report.md", "report.html"
_FIRST_FIGURE = {"cnn": 5, "hybrid": 8}


@dataclass(frozen=True, eq=False)
class Reproduction:
    """The report, made again.

    Attributes
    ----------
    folder : Path
        With ``report.html``, ``report.md``, ``figures/`` and a checkpoint of every run under ``models/``.
    subset : str
        The collection.
    quick : bool
        Whether it is a rehearsal.
    judged : tuple of JudgedRun
        Every run.
    differences : tuple of Difference
        Of the two models, one a split.
    """

    folder: Path
    subset: str
    quick: bool
    judged: tuple[JudgedRun, ...]
    differences: tuple[Difference, ...]

    @property
    def page(self) -> Path:
        """The page to open."""
        return self.folder / HTML_PAGE

    def to_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
        return {
            "page": str(self.page),
            "collection": self.subset,
            "quick": self.quick,
            "runs": [one.to_dict() for one in self.judged],
            "differences": [one.to_dict() for one in self.differences],
        }


def reproduce(
    source: TrainingSource,
    out: Path,
    workspace: Workspace,
    *,
    seeds: int = SEEDS,
    quick: bool = False,
    progress: Progress = silent,
    tell: Tell = unheard,
) -> Reproduction:
    """Repeat the report on a collection, on its own leaky split and on a split by works.

    What `out` holds already is not trained again: a run that was stopped goes on from its last epoch.

    Parameters
    ----------
    source : TrainingSource
        The collection.
    out : Path
        Folder of the page; made when missing.
    workspace : Workspace
        Its cache keeps the packed frames.
    seeds : int
        Trainings of each model on each split.
    quick : bool
        A rehearsal in minutes.
    progress : Progress
    tell : Tell
        Hears the name of every run that begins.

    Raises
    ------
    UsageError
        For less than one seed, a collection without cover pairs, or an `out` of other choices.
    MissingExtraError
        Without matplotlib.
    NotFoundError, ArtefactError
        When the collection is missing or unreadable.
    """
    plots.blank()  # without matplotlib, stop before the work instead of after it
    runs = plan(seeds)
    config, training = runs[0].configured(quick=quick)
    dataset = source.open(config.features.names)
    store = pack_cached(workspace.cache, dataset, config.features, strict=source.strict, progress=progress)
    for place, run in enumerate(runs, 1):
        _train(run, source, out, workspace, quick, _named(progress, run), tell, f"{place} of {len(runs)}")
    judged = tuple(judge_run(run, _folder(out, run), store) for run in runs)
    differences = tuple(difference(judged, split) for split in SPLITS)
    info = measure_dataset(source.open(()), progress=progress)
    blocks: list[Block] = [
        Heading(f"Cover song similarity, reproduced on {dataset.subset}", 1),
        *chapters.findings_table(judged, differences, quick=quick),
        *chapters.dataset_chapter(info, _drawn_info(info, out, progress)),
        *chapters.setup_chapter(judged, training, config.features.frames, _drawn_architecture(out)),
        *(block for b in BRANCHES for block in chapters.model_chapter(judged, b, _drawn_model(judged, b, out))),
        Heading("Both models on the same test pairs"),
        *_drawn_both(judged, out),
        *chapters.contradictions(info),
        *chapters.next_steps(judged, differences),
        *chapters.colophon(_facts(source, out, seeds, quick)),
    ]
    durable.replace_text(out / PAGE, markdown(blocks))
    durable.replace_text(out / HTML_PAGE, html(blocks))
    return Reproduction(out, dataset.subset, quick, judged, differences)


def _folder(out: Path, run: Run) -> Path:
    return out / "models" / run.folder


def _train(
    run: Run,
    source: TrainingSource,
    out: Path,
    workspace: Workspace,
    quick: bool,
    progress: Progress,
    tell: Tell,
    place: str,
) -> None:
    folder = _folder(out, run)
    if (folder / WEIGHTS).exists():
        _check_choices(run, folder, quick)
        return
    tell(f"training {place}: {run.name}")
    run_training(source, *run.configured(quick=quick), workspace, folder, progress)


def _check_choices(run: Run, folder: Path, quick: bool) -> None:
    """Refuse a training of other choices: a page of both would compare what cannot be compared."""
    model, training = run.configured(quick=quick)
    text = text_artefact(folder / CONFIG, MAX_CONFIG_BYTES)
    found = from_toml(text, model=ModelConfig, train=TrainConfig)
    if found != {"model": model, "train": training}:
        raise UsageError(f"{folder} was trained with other choices (with or without --quick?): name another --out")


def _named(progress: Progress, run: Run) -> Progress:
    return lambda stage, done, total: progress(f"{run.name}: {stage}", done, total)


def _picture(out: Path, path: Path, caption: str) -> Picture:
    return Picture(path.relative_to(out).as_posix(), caption)


def _drawn_info(info: DatasetInfo, out: Path, progress: Progress) -> list[Picture]:
    """Figures 1 (CREMA), 2 (HPCP) and 3 (lengths), as far as the collection has them."""
    numbers = {
        "feature-distributions-crema": "Figure 1: CREMA feature",
        "feature-distributions-hpcp": "Figure 2: HPCP feature",
    }
    drawn = draw_info(info, out / "figures", progress)
    captions = {**numbers, "lengths": "Figure 3: lengths of the performances"}
    found = [(captions[path.stem], path) for path in drawn if path.stem in captions]
    return [_picture(out, path, caption) for caption, path in sorted(found)]


def _drawn_architecture(out: Path) -> Picture:
    return _picture(out, draw_architecture(out / "figures" / "architecture.png"), "Figure 4: Siamese architecture")


def _drawn_model(judged: Sequence[JudgedRun], branch: str, out: Path) -> list[Picture]:
    """Loss, accuracy and ROC of the first seed on both splits."""
    pictures, first = [], _FIRST_FIGURE[branch]
    for split in SPLITS:
        one = runs_of(judged, branch, split)[0]
        base, said = out / "figures" / one.run.folder, f"({NAMES[branch]}, {NAMES[split]}, seed {one.run.seed})"
        for number, quantity in enumerate(("loss", "accuracy"), first):
            path = base.with_name(f"{base.name}-{quantity}.png")
            plots.learning_curve(one.history, path, quantity=quantity, best_epoch=one.best_epoch)
            pictures.append(_picture(out, path, f"Figure {number}: training and validation {quantity} {said}"))
        path = draw_roc([one], base.with_name(f"{base.name}-roc.png"), f"{len(one.label):,} test pairs")
        pictures.append(_picture(out, path, f"Figure {first + 2}: ROC curve {said}"))
    return pictures


def _drawn_both(judged: Sequence[JudgedRun], out: Path) -> list[Picture]:
    pictures = []
    for split in SPLITS:
        pair = [runs_of(judged, branch, split)[0] for branch in BRANCHES]
        path = draw_roc(
            pair, out / "figures" / f"roc-{split}.png", f"{NAMES[split]}: {len(pair[0].label):,} test pairs"
        )
        pictures.append(_picture(out, path, f"ROC of both models, {NAMES[split]}, seed {pair[0].run.seed}"))
    return pictures


def _facts(source: TrainingSource, out: Path, seeds: int, quick: bool) -> dict[str, str]:
    words = ["covsearch", "reproduce", *([] if source.dataset is None else [str(source.dataset)])]
    words += [] if source.subset is None else ["--subset", source.subset]
    words += [] if source.frame_rate is None else ["--frame-rate", f"{source.frame_rate:g}"]
    words += ["--seeds", str(seeds), *(["--quick"] if quick else []), "--out", str(out)]
    return {
        "command": shlex.join(words),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": f"covsearch {__version__}, torch {version('torch')}, PennyLane {version('pennylane')}, "
        f"Python {platform.python_version()}",
        "machine": f"{platform.system()} {platform.machine()}",
        "seeds": ", ".join(map(str, range(seeds))),
    }
