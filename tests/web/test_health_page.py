"""The health page: what the calibration says, drawn, and the model's card, which may be a stranger's."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from published import (
    made_up_calibration,
    make_chroma,
    make_performances,
    model_folder,
    publish,
    publish_made,
    random_head,
    unit_vectors,
)
from test_foreign import home as foreign_home  # noqa: F401, a fixture
from web.test_pages import text

from covsearch.web.health import BUNDLED, MOST_BYTES, card, curves
from covsearch.workspace import Workspace

Served = Callable[..., httpx.Client]


@pytest.fixture
def calibrated(tmp_path: Path) -> Workspace:
    """Twelve performances; the checkpoint is in ``models/made-up``."""
    publish(Workspace(tmp_path), 12, calibration=made_up_calibration())
    return Workspace(tmp_path)


def test_the_curve_is_that_of_the_calibration() -> None:
    chance = made_up_calibration().by_alignment
    (curve,), ticks = curves({"all": chance}, 11)
    points = np.array([[float(n) for n in point.split(",")] for point in curve.points.split()])
    (x0, first), *_, (x1, last) = ticks
    ratios = first + (points[:, 0] - x0) * (last - first) / (x1 - x0)
    level = np.log(11) + chance.offset
    probability = 1 / (1 + np.exp(-(chance.slope * (ratios - level) + chance.bias)))
    np.testing.assert_allclose((210 - points[:, 1]) / 200, probability, atol=0.01)
    assert curve.called[0] == chance.threshold
    assert curve.where[1] == pytest.approx(210 - 200 * chance.threshold)
    told = chance.probability(np.array([*curve.ratios, curve.called[1]]), np.empty(0), 11)
    np.testing.assert_allclose(told, [0.1, 0.5, 0.9, chance.threshold])
    assert all(40 <= x <= 350 for x, _ in ticks)


@pytest.mark.parametrize("slope", [1e-300, 1e300])
def test_a_strange_calibration_is_drawn_or_left_out(slope: float) -> None:
    drawn, _ = curves({"all": replace(made_up_calibration().by_head, slope=slope)}, 11)
    assert len(drawn) == (slope > 1)
    assert not any("nan" in curve.points for curve in drawn)


def test_both_curves_are_told_in_words_too(calibrated: Workspace, served: Served) -> None:
    shown = text(served(calibrated), "/health")
    assert shown.count("<polyline") == 2
    assert re.findall(r">Ratio, (.*?)</th>", shown) == ["vectors and alignment", "vectors alone"]
    assert "not what was observed" in shown
    assert "compared with 11 performances" in shown
    assert "15 covers, 90 non-covers, 5 works, at even odds" in shown


def test_foreign_vectors_have_their_own_curve(foreign_home: Path, served: Served) -> None:  # noqa: F811
    shown = text(served(Workspace(foreign_home)), "/health")
    assert shown.count("<polyline") == 1
    assert "of the cosines of the foreign vectors" in shown
    assert "fitted on this collection&#39;s own works: 90 covers and 3,915 non-covers of 30 works" in shown
    assert "the vectors are foreign, and came without their model" in shown


def test_performances_without_listed_works_are_of_unknown_works(tmp_path: Path, served: Served) -> None:
    rng = np.random.default_rng(0)
    made = {pid: replace(one, wid=None) for pid, one in make_performances(rng, 6).items()}
    model_folder(tmp_path / "models" / "made-up")
    publish_made(
        Workspace(tmp_path), list(made), unit_vectors(rng, 6), random_head(rng), made, parts={"chroma": make_chroma(6)}
    )
    client = served(Workspace(tmp_path))
    for page in ("/health", "/"):
        assert "6 performances of unknown works" in text(client, page)


def test_without_a_calibration_the_page_says_so(small: Workspace, served: Served) -> None:
    shown = text(served(small), "/health")
    assert "this index has no calibration" in shown
    assert "<polyline" not in shown


def test_the_bundled_card_is_shown_whole(editable: httpx.Client) -> None:
    (shown,) = re.findall('<pre class="card">(.*?)</pre>', text(editable, "/health"), re.DOTALL)
    assert html.unescape(shown) == (BUNDLED / "README.md").read_text()


def test_a_strangers_card_is_text(calibrated: Workspace, served: Served) -> None:
    evil = "</pre><script>alert(1)</script> [x](javascript:alert(1))\x00\u202e\n"
    (calibrated.home / "models" / "made-up" / "README.md").write_text(evil)
    shown = text(served(calibrated), "/health")
    assert "<script>alert" not in shown
    assert "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:alert(1))\ufffd\ufffd\n</pre>" in shown


def test_a_card_that_cannot_be_shown_is_said(calibrated: Workspace, tmp_path: Path) -> None:
    model = made_up_calibration().model
    path = calibrated.home / "models" / "made-up" / "README.md"
    assert card(calibrated, model) == ("", f"README.md beside the weights of {model} does not exist.")
    path.write_text("x" * (MOST_BYTES + 1))
    assert "has 65,537 bytes; at most 65,536 are read" in card(calibrated, model)[1]
    path.unlink()
    (tmp_path / "secret").write_text("a secret")
    path.symlink_to(tmp_path / "secret")
    assert card(calibrated, model)[0] == ""
    assert "not followed" in card(calibrated, model)[1]
    assert "An index keeps no card" in card(calibrated, "invariant-00000000")[1]
