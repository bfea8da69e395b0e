"""The stage ``aligner``: what was aligned finely is judged by the learned aligner too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from published import FINGERPRINT, made_up_calibration, publish

from covsearch import stages
from covsearch.aligner_config import AlignerConfig
from covsearch.errors import UsageError
from covsearch.models.aligner import AlignerNet, folded
from covsearch.ranking import learned_fit
from covsearch.ranking.learned import TEMPI, Aligner
from covsearch.ranking.learned_fit import AlignerFit
from covsearch.search import Searcher, open_searcher
from covsearch.workspace import Workspace

FIT = AlignerFit(FINGERPRINT, 20.0)


@pytest.fixture
def aligner(monkeypatch: pytest.MonkeyPatch) -> Aligner:
    torch.manual_seed(0)
    config = AlignerConfig(width=2)
    made = Aligner(config, folded(AlignerNet(config).eval()))
    monkeypatch.setattr(stages, "bundled_aligner", lambda: made)
    monkeypatch.setattr(stages, "bundled_fit", lambda: FIT)
    monkeypatch.setattr(learned_fit, "SHORT", 0.0)
    monkeypatch.setattr(learned_fit, "LONG", 1.0)  # the tests' performances are short
    return made


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    publish(Workspace(tmp_path), calibration=made_up_calibration())
    return open_searcher(Workspace(tmp_path))


@pytest.mark.parametrize("at_tempi", [0, 10, 39])
def test_the_probability_is_of_all_three_scores(
    searcher: Searcher, aligner: Aligner, monkeypatch: pytest.MonkeyPatch, at_tempi: int
) -> None:
    """Every pair again, one by one, by the ratio of the stage before; then the best at tempi too."""
    monkeypatch.setattr(stages, "AT_TEMPI", at_tempi)
    assert searcher.chroma
    rows = searcher.collection.rows
    question = searcher._question("P_22")
    scope = stages.Scope(searcher.collection, searcher.chroma, None, searcher.calibration)
    before = stages.by_alignment(scope, question, 39, None)
    assert before.ratio is not None
    names = [searcher.collection.names[row] for row in before.ranking.rows.tolist()]
    head_and_alignment = dict(zip(names, before.ratio.tolist(), strict=True))

    def judged(name: str, tempi: Sequence[float]) -> float:
        query, track = (searcher.chroma.track(rows[one]) for one in ("P_22", name))
        return head_and_alignment[name] + 20 * aligner.pair(query, track, tempi)

    ratio = {name: judged(name, ()) for name in names}
    names.sort(key=lambda name: -ratio[name])
    for name in names[:at_tempi]:
        ratio[name] = judged(name, TEMPI)
    expected = sorted(names[:at_tempi], key=lambda name: -ratio[name]) + names[at_tempi:]
    result = searcher.query("P_22", 39)
    chance = made_up_calibration().by_alignment
    assert (result.rerank, result.candidates, result.threshold) == ("aligner", 1000, chance.threshold)
    assert [match.pid for match in result] == expected
    assert expected != [*head_and_alignment]
    told = np.minimum.accumulate([ratio[name] for name in expected])
    said = chance.probability(told, told, 39)
    assert [match.cover_probability for match in result] == pytest.approx(said.tolist())
    assert searcher.query("P_22", 39, rerank="align").rerank == "align"


@pytest.mark.usefixtures("aligner")
@pytest.mark.parametrize("cascade", [stages.Cascade(fine=7), stages.Cascade(candidates=7)])
def test_what_was_not_judged_follows_and_is_no_likelier(searcher: Searcher, cascade: stages.Cascade) -> None:
    scope = stages.Scope(searcher.collection, searcher.chroma, None, searcher.calibration, cascade=cascade)
    question = searcher._question("P_22")
    result, before = (by(scope, question, 39, None) for by in (stages.by_aligner, stages.by_alignment))
    rows, rows_before = result.ranking.rows.tolist(), before.ranking.rows.tolist()
    assert set(rows[:7]) == set(rows_before[:7])
    assert rows[7:] == rows_before[7:]
    assert result.ratio is not None
    assert result.ratio.tolist() == sorted(result.ratio.tolist(), reverse=True)
    assert result.best.tolist() == before.best.tolist()  # the level of chance stays
    assert stages.by_aligner(scope, question, 3, None).ranking.rows.tolist() == rows[:3]


def test_of_short_performances_nothing_changes(
    searcher: Searcher, aligner: Aligner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned_fit, "SHORT", 60.0)
    monkeypatch.setattr(learned_fit, "LONG", 120.0)
    monkeypatch.setattr(aligner, "pair", lambda *_: pytest.fail("nothing is to be judged"))
    plain, learned = (searcher.query("P_22", 39, rerank=by).matches for by in ("align", "aligner"))
    assert learned == plain


@pytest.mark.usefixtures("aligner")
def test_nothing_is_likelier_than_the_recording_itself(searcher: Searcher) -> None:
    question = replace(searcher._question("P_22"), row=None)
    found = searcher.ask(question, 40, rerank="aligner")[0]
    assert (found.pid, found.same_recording, found.cover_probability) == ("P_22", True, 1)


@pytest.mark.usefixtures("aligner")
def test_another_models_index_is_refused(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "bundled_fit", lambda: replace(FIT, model="cnn-12345678"))
    monkeypatch.setattr(stages, "by_alignment", lambda *_: pytest.fail("it is refused before anything is aligned"))
    with pytest.raises(UsageError, match=f"fitted beside the model cnn-12345678, not {FINGERPRINT}: choose align"):
        searcher.query("P_22", rerank="aligner")
