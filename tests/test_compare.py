"""Two performances side by side: what is known of made-up versions must come out."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collection import write_collection
from matplotlib.image import imread
from numpy.typing import NDArray
from published import (
    WEIGHTS,
    chroma_of,
    config_text,
    made_up_calibration,
    model_folder,
    publish_dataset,
    publish_made,
    random_head,
    unit_vectors,
)

from covsearch import api, compare
from covsearch.compare import draw
from covsearch.config import FeatureConfig, fingerprint
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.errors import NotFoundError, UsageError
from covsearch.index.calibration import write_calibration
from covsearch.index.generation import open_generation
from covsearch.index.windows import chamfer, passages
from covsearch.ranking import scores
from covsearch.ranking.chance import Chance
from covsearch.ranking.fusion import log_qmax
from covsearch.search import Searcher, open_searcher
from covsearch.stages import Cascade, Question, Scope, align_rows, by_alignment
from covsearch.store.protocols import ChromaBlobs
from covsearch.workspace import Workspace


@pytest.fixture
def workspace(toy: Path, tmp_path: Path) -> Workspace:
    publish_dataset(Workspace(tmp_path / "home"), toy)
    return Workspace(tmp_path / "home")


def test_versions_are_found_in_their_key_from_end_to_end(workspace: Workspace) -> None:
    """Each version of a work is two semitones above the one before and eight frames longer, at the end."""
    found = compare.compare(workspace, "P_4", "P_6")
    assert (found.a.pid, found.b.pid, found.listed) == ("P_4", "P_6", True)
    assert found.alignment.semitones == 4
    assert found.key == "P_6 is 4 semitones higher"
    assert compare.compare(workspace, "P_6", "P_5").key == "P_5 is 2 semitones lower"
    assert found.rates == pytest.approx((SLOW_RATE, SLOW_RATE))
    assert found.alignment.score > 3 * found.alignment.chance
    stretch = found.stretch
    assert stretch is not None
    assert stretch.a == pytest.approx((0, 240 / SLOW_RATE), abs=2 / SLOW_RATE)
    assert stretch.b == pytest.approx(stretch.a, abs=2 / SLOW_RATE)
    np.testing.assert_allclose(found.path[:, 0], found.path[:, 1], atol=2 / SLOW_RATE)
    assert "0:00-1:29 ↔ 0:00-1:29 (score " in found.together


def test_tempo_is_how_many_times_as_fast_b_plays(workspace: Workspace) -> None:
    """The same frames at a higher frame rate last less long."""
    found = compare.compare(workspace, "P_4", "P_6")
    assert found.tempo == pytest.approx(1, abs=2 / 240)
    faster = replace(found, rates=(SLOW_RATE, 1.25 * SLOW_RATE))
    assert faster.tempo == pytest.approx(1.25 * found.tempo)
    assert faster.to_dict()["tempo"] == faster.tempo
    nothing = replace(found, alignment=replace(found.alignment, path=np.empty((0, 2), np.int64)))
    assert nothing.tempo is None
    assert nothing.to_dict()["tempo"] is None


def test_an_open_index_ranks_once_for_several_pairs_of_a_performance(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, asked = api.open_index(workspace.home), []
    rank = Searcher._rank
    monkeypatch.setattr(
        Searcher, "_rank", lambda self, question, *a: asked.append(question) or rank(self, question, *a)
    )
    pairs = [("P_1", "P_2"), ("P_1", "P_9"), ("P_4", "P_2"), ("P_1", "P_2")]
    found = [index.compare(*pair).to_dict() for pair in pairs]
    assert len(asked) == 3
    assert found == [compare.compare(workspace, *pair).to_dict() for pair in pairs]


def test_p_and_distance_are_those_of_a_query(workspace: Workspace) -> None:
    found = compare.compare(workspace, "P_2", "P_13")
    by_query = {m.performance.pid: m for m in open_searcher(workspace).query("P_2", 23).matches}["P_13"]
    assert (found.head_p, found.distance, found.predicted) == (by_query.head_p, by_query.distance, by_query.predicted)
    assert (found.listed, found.generation) == (False, "gen-0001")
    assert found.model == open_generation(workspace).manifest.model


def test_strangers_run_together_no_further_than_chance(workspace: Workspace) -> None:
    ratios = [compare.compare(workspace, "P_1", f"P_{n}").alignment for n in (4, 7, 10)]
    assert max(found.score / found.chance for found in ratios) < 2


def test_without_windows_there_are_no_passages(workspace: Workspace) -> None:
    found = compare.compare(workspace, "P_1", "P_2")
    assert (found.similarity, found.passages) == (None, ())


def test_windows_say_which_match(toy: Path, tmp_path: Path) -> None:
    made = publish_dataset(Workspace(tmp_path), toy, windows=True)
    found = compare.compare(Workspace(tmp_path), "P_3", "P_8")
    a, b = made.take([2]), made.take([7])
    assert found.similarity == chamfer(a.vectors, b.vectors)
    assert found.passages == passages(a, b)


def test_files_of_a_higher_frame_rate_are_heard_at_the_slow_one(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "data", works=2, versions=2, frames=960)
    publish_dataset(Workspace(tmp_path / "home"), root, rate=4 * SLOW_RATE)
    found = compare.compare(Workspace(tmp_path / "home"), "P_1", "P_2")
    assert found.rates == pytest.approx((SLOW_RATE, SLOW_RATE))
    assert found.alignment.similarity.shape == (240 - 3, 242 - 3)


def test_tracks_too_long_for_a_matrix_are_heard_more_slowly(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "FRAMES", 100)
    found = compare.compare(workspace, "P_1", "P_2")
    assert found.rates == pytest.approx((SLOW_RATE / 3, SLOW_RATE / 3))
    assert found.alignment.similarity.shape == (80 - 3, 83 - 3)


def test_several_features_are_transposed_together(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "data", works=2, features=("hpcp", "crema"))
    publish_dataset(Workspace(tmp_path / "home"), root, features="hpcp+crema")
    assert compare.compare(Workspace(tmp_path / "home"), "P_1", "P_3").alignment.semitones == 4


def test_the_key_is_told_in_words(workspace: Workspace) -> None:
    found = compare.compare(workspace, "P_1", "P_2")
    words = {
        0: "same key",
        1: "P_2 is 1 semitone higher",
        -1: "P_2 is 1 semitone lower",
        6: "P_2 is 6 semitones higher",
    }
    for semitones, expected in words.items():
        assert replace(found, alignment=replace(found.alignment, semitones=semitones)).key == expected


def test_both_keys_are_told_where_another_aligns_further(workspace: Workspace) -> None:
    found = compare.compare(workspace, "P_1", "P_2")
    words = {
        (2, -3): "P_2 is 2 semitones higher by mean chroma, 3 semitones lower by alignment",
        (0, 1): "same key by mean chroma, 1 semitone higher by alignment",
        (-1, 0): "P_2 is 1 semitone lower by mean chroma, in the same key by alignment",
    }
    for (semitones, other), expected in words.items():
        rival = replace(found.alignment, semitones=semitones, score=7.0, chance=7.5, chance_semitones=other)
        assert replace(found, alignment=rival).key == expected
        equal = replace(found, alignment=replace(rival, chance=7.0))
        assert "by" not in equal.key


@pytest.mark.parametrize("most", [4_096, 100])
def test_the_score_is_the_one_that_the_search_ranks_by(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Also where tracks are too long, and both hear them more slowly."""
    monkeypatch.setattr(compare, "FRAMES", most)
    monkeypatch.setattr(scores, "MOST_FRAMES", most)
    searcher, ranked = open_searcher(workspace), {}
    chroma, row = searcher.chroma, searcher.collection.rows["P_1"]
    assert chroma is not None

    def align(chroma: ChromaBlobs, query: NDArray[np.float32], rows: NDArray[np.int64], block: int, span: int) -> Any:
        aligned = align_rows(chroma, query, rows, block, span)
        ranked.update(zip(rows.tolist(), aligned.tolist(), strict=True))
        return aligned

    scope = Scope(searcher.collection, chroma, None, made_up_calibration(), cascade=Cascade(align=align))
    by_alignment(scope, Question(searcher.collection.take([row])[0], chroma.track(row), row=row), 23, None)
    assert len(ranked) == 23
    for other, score in ranked.items():
        found = compare.compare(workspace, "P_1", searcher.collection.names[other]).alignment
        assert log_qmax(found.score, len(chroma.track(row)), len(chroma.track(other))) == score


def test_the_feature_files_are_not_needed_any_more(workspace: Workspace, toy: Path) -> None:
    expected = compare.compare(workspace, "P_1", "P_2")
    shutil.rmtree(toy)
    found = compare.compare(workspace, "P_1", "P_2")
    np.testing.assert_array_equal(found.alignment.similarity, expected.alignment.similarity)
    assert found.to_dict() == expected.to_dict()


def test_performances_of_two_folders_are_each_read_at_their_own_frame_rate(toy: Path, tmp_path: Path) -> None:
    """P_1 at 2.69 frames/s and P_2 at four times that: P_2's 248 frames are 62 of the slow ones."""
    dataset = open_dataset(toy)
    rates = {"P_1": SLOW_RATE, "P_2": 4.4 * SLOW_RATE}
    rng = np.random.default_rng(0)
    publish_made(
        Workspace(tmp_path / "home"),
        ["P_1", "P_2"],
        unit_vectors(rng, 2),
        random_head(rng),
        dataset.performances,
        subset="toy",
        frame_rate=SLOW_RATE,
        parts={"chroma": chroma_of(dataset, ["hpcp"], rates)},
    )
    found = compare.compare(Workspace(tmp_path / "home"), "P_1", "P_2")
    assert found.rates == pytest.approx((SLOW_RATE, 1.1 * SLOW_RATE))
    span = found.alignment.span
    assert found.alignment.similarity.shape == (240 - span + 1, 62 - span + 1)
    path = found.alignment.path
    np.testing.assert_allclose(found.path[:, 1], (path[:, 1] + span / 2) / (1.1 * SLOW_RATE))


def test_what_cannot_be_compared_is_refused(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="expected two performances, got P_1 twice"):
        compare.compare(workspace, "P_1", "P_1")
    with pytest.raises(NotFoundError, match="no performance P_222 in the index: did you mean P_22"):
        compare.compare(workspace, "P_1", "P_222")


def test_the_picture_has_the_path_on_the_dark_diagonal(workspace: Workspace, tmp_path: Path) -> None:
    found = compare.compare(workspace, "P_4", "P_6")
    assert draw(found, tmp_path / "some.png") == tmp_path / "some.png"
    assert draw(found, tmp_path / "folder") == tmp_path / "folder" / "compare_P_4_P_6.png"
    pixels = imread(tmp_path / "some.png")[:, :, :3]
    orange = np.abs(pixels - np.array([0xD1, 0x60, 0x3D]) / 255).max(axis=2) < 0.05
    rows, columns = np.nonzero(orange)
    assert len(rows) > 500
    assert np.corrcoef(rows, columns)[0, 1] < -0.99  # from the lower left to the upper right


def test_a_pair_that_runs_together_nowhere_can_be_told_and_drawn(workspace: Workspace, tmp_path: Path) -> None:
    found = compare.compare(workspace, "P_1", "P_5")
    nothing = replace(found, alignment=replace(found.alignment, path=np.empty((0, 2), np.int64), score=0.0))
    assert (nothing.stretch, nothing.together, nothing.path.shape) == (None, "nowhere", (0, 2))
    assert draw(nothing, tmp_path / "nothing.svg").is_file()


@pytest.mark.parametrize("threshold", [0.001, 0.4, 0.999])
def test_compare_and_query_never_disagree_about_a_pair(tmp_path: Path, toy: Path, threshold: float) -> None:
    own = fingerprint(config_text(FeatureConfig("hpcp", key="normalised")), WEIGHTS)
    chance = Chance(offset=-3.7, own=-1.0, slope=1.0, bias=-3.7, threshold=threshold)
    calibration = made_up_calibration(by_alignment=chance, model=own)
    write_calibration(model_folder(tmp_path / "models" / "made-up"), calibration)
    publish_dataset(Workspace(tmp_path), toy, windows=True)
    index = api.open_index(tmp_path)
    for match in index.query("P_1", top=8):
        found = index.compare("P_1", match.pid)
        assert (found.cover_probability, found.predicted) == (match.cover_probability, match.predicted)
        assert (found.listed, found.head_p, found.distance) == (match.listed, match.head_p, match.distance)


def test_json_has_everything_and_the_path_in_seconds(toy: Path, tmp_path: Path) -> None:
    publish_dataset(Workspace(tmp_path), toy, windows=True)
    found = compare.compare(Workspace(tmp_path), "P_1", "P_4")
    answer = json.loads(json.dumps(found.to_dict()))
    assert (answer["a"]["pid"], answer["b"]["title"], answer["listed"]) == ("P_1", "Song 2, version 1", False)
    for name in ("head_p", "predicted", "distance", "cover_probability"):
        assert answer[name] == getattr(found, name)
    assert answer["semitones"] == found.alignment.semitones
    alignment, stretch = answer["alignment"], found.stretch
    assert stretch is not None
    assert (alignment["score"], alignment["chance"]) == (found.alignment.score, found.alignment.chance)
    assert alignment["stretch"] == {"a": list(stretch.a), "b": list(stretch.b)}
    assert alignment["path"] == found.path.tolist()
    passages = [{"a": p.a, "b": p.b, "cosine": p.cosine} for p in found.passages]
    assert answer["windows"] == {"similarity": found.similarity, "passages": passages}
    settings = {"threshold": 0.5, "frame_rates": list(found.rates), "generation": "gen-0001", "model": found.model}
    assert answer["settings"] == settings
