"""What is served, by which model, and what that says of itself: its card, and what its scores are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response

from covsearch.config import fingerprint
from covsearch.counting import counted
from covsearch.errors import UsageError
from covsearch.guard.files import RefusedError, read_bytes, read_text
from covsearch.index.calibration import Calibration, facts
from covsearch.index.collection_calibration import CollectionCalibration
from covsearch.ranking.chance import Chance
from covsearch.stats import Stats
from covsearch.web.asking import asked, index_of, inside
from covsearch.web.rendering import page
from covsearch.workspace import Workspace

router = APIRouter(include_in_schema=False)
BUNDLED = Path(__file__).parent.parent / "models" / "bundled" / "invariant"
MOST_BYTES = 2**16  # of a card
LARGEST = 2**26  # bytes of weights, as checkpoints may have
TOLD = (0.1, 0.5, 0.9)  # probabilities that the table has
LEFT, RIGHT, TOP, BOTTOM = 40.0, 350.0, 10.0, 210.0  # of a picture that is 360 wide and 250 high
POINTS = 61
WIDEST = 1e6  # a ratio that is still drawn


@dataclass(frozen=True)
class Curve:
    """Cover probability over log likelihood ratios, of a query of usual harmony.

    Attributes
    ----------
    name : str
        What the ratios are of.
    points : str
        Of an SVG polyline.
    where : tuple of (float, float)
        In the picture, from where on a match is called a cover.
    called : tuple of (float, float)
        The probability and the ratio there.
    ratios : tuple of float
        Where the probability is each of :data:`TOLD`.
    """

    name: str
    points: str
    where: tuple[float, float]
    called: tuple[float, float]
    ratios: tuple[float, ...]


@router.get("/health")
async def health_page(request: Request) -> Response:
    """What is in the index, by which model, and what its probabilities are."""
    index = index_of(request)

    def told() -> tuple[Stats, tuple[str, str]]:
        found = index.stats()
        return found, ("", "") if found.manifest.foreign else card(index.workspace, found.manifest.model)

    found, (text, missing) = await asked(request, told)
    calibration, searched = found.calibration, max(found.manifest.count - 1, 1)
    named = {"vectors alone": calibration.by_head} if calibration else {}
    if isinstance(calibration, Calibration):
        named = {"vectors and alignment": calibration.by_alignment, **named}
    drawn, ticks = curves(named, searched)
    more: dict[str, Any] = {"curves": drawn, "ticks": ticks, "searched": searched}
    more |= {"lines": calibration_lines(calibration), "card": text, "missing": missing}
    return page("health.html", stats=found.to_dict(), inside=inside(request), **more)


def calibration_lines(calibration: Calibration | CollectionCalibration | None) -> list[str]:
    """What a calibration was fitted on, for people."""
    if isinstance(calibration, CollectionCalibration):
        c = calibration
        pairs = f"{counted(c.covers, 'cover')} and {counted(c.non_covers, 'non-cover')}"
        return [f"fitted on this collection's own works: {pairs} of {counted(c.works, 'work')}"]
    return facts(calibration) if calibration else []


def curves(named: Mapping[str, Chance], searched: int) -> tuple[list[Curve], list[tuple[float, int]]]:
    """A curve of each calibration on one scale of ratios, and its ticks: where, and which ratio.

    Parameters
    ----------
    named : mapping
        What ratios are of -> what they mean in a search.
    searched : int
        Performances that a query is compared with.
    """
    ends = [_ratio(chance, p, searched) for chance in named.values() for p in (0.005, 0.995)]
    if not ends or not max(map(abs, ends)) < WIDEST:
        return [], []
    low, high = min(ends) - 0.5, max(ends) + 0.5
    scale = (RIGHT - LEFT) / (high - low)
    ratios, drawn = np.linspace(low, high, POINTS), []
    for name, chance in named.items():
        probability = chance.probability(ratios, np.empty(0), searched)
        heights = BOTTOM - (BOTTOM - TOP) * probability
        points = " ".join(f"{LEFT + scale * (x - low):.1f},{y:.1f}" for x, y in zip(ratios, heights, strict=True))
        called = _ratio(chance, chance.threshold, searched)
        where = (LEFT + scale * (called - low), BOTTOM - (BOTTOM - TOP) * chance.threshold)
        told = tuple(_ratio(chance, p, searched) for p in TOLD)
        drawn.append(Curve(name, points, where, (chance.threshold, called), told))
    step = math.ceil((high - low) / 8)
    return drawn, [
        (LEFT + scale * (x - low), x) for x in range(math.ceil(low / step) * step, math.floor(high) + 1, step)
    ]


def _ratio(chance: Chance, probability: float, searched: int) -> float:
    """The log likelihood ratio that is told as `probability`, of a query of which nothing else is known."""
    odds = math.log(probability) - math.log1p(-probability)
    return chance.level(np.empty(0), searched) + (odds - chance.bias) / chance.slope


def card(workspace: Workspace, model: str) -> tuple[str, str]:
    """The card of a model: its text, or why there is none; bundled, or in the workspace's ``models``."""
    for folder in (BUNDLED, *sorted((workspace.home / "models").glob("*/"))):
        root = folder.resolve()
        try:
            text = read_text(folder / "config.toml", MOST_BYTES // 8, root)
            if fingerprint(text, read_bytes(folder / "model.safetensors", LARGEST, root)) != model:
                continue
        except (RefusedError, UsageError):
            continue  # no checkpoint
        try:
            found = read_text(folder / "README.md", MOST_BYTES, root)
        except RefusedError as e:
            return "", f"README.md beside the weights of {model} {e}."
        return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in found.replace("\r\n", "\n")), ""
    return "", f"An index keeps no card, and no folder in the workspace's models has the weights of {model}."
