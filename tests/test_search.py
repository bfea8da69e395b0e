from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brute_force import rank_all
from published import FINGERPRINT, made_up_calibration, make_performances, publish, reseal, unit_vectors

from covsearch import stages
from covsearch.decision import decide, decide_uncalibrated, word
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.index.generation import Generation
from covsearch.index.head import Head
from covsearch.index.windows import chamfer, passages
from covsearch.ranking.fusion import log_qmax
from covsearch.ranking.scores import qmax_scores
from covsearch.search import Searcher, open_searcher
from covsearch.stages import SPAN, Cascade, Question, Scope, by_alignment
from covsearch.store import local, store_of
from covsearch.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    publish(Workspace(tmp_path))
    return Workspace(tmp_path)


@pytest.fixture
def searcher(workspace: Workspace) -> Searcher:
    return open_searcher(workspace)


def test_matches_are_the_oracles_with_metadata_and_probability(searcher: Searcher) -> None:
    flat, performances = searcher.collection.flat, make_performances(np.random.default_rng(0), 40)
    u = flat.vectors[21]
    expected = [int(row) for row in rank_all(u, flat.vectors, flat.head) if row != 21][:10]
    result = searcher.query("P_22", top=10)
    assert result.query == performances["P_22"]
    assert [m.rank for m in result.matches] == list(range(1, 11))
    assert [m.performance for m in result.matches] == [performances[f"P_{row + 1}"] for row in expected]
    distances = flat.head.distances(u, flat.vectors[expected])
    assert [m.distance for m in result.matches] == distances.tolist()
    np.testing.assert_allclose(
        [m.head_p for m in result.matches], 1 / (1 + np.exp(-distances - flat.head.beta)), rtol=1e-14
    )
    assert (result.candidates, result.generation, result.model) == (None, "gen-0001", FINGERPRINT)


def test_every_performance_of_the_same_work_is_a_known_cover(searcher: Searcher) -> None:
    matches = searcher.query("P_22", top=39).matches
    assert {m.performance.pid for m in matches if m.listed} == {"P_23", "P_24"}
    assert all(m.listed is not None for m in matches)


@pytest.mark.parametrize(("p", "cover"), [(0.0, True), (0.4999, True), (0.5, False), (1.0, False)])
def test_without_a_calibration_a_cover_is_below_one_half(p: float, cover: bool) -> None:
    judged = decide_uncalibrated(np.array([p]), np.array([False]))
    assert (judged.predicted, judged.probability, judged.threshold) == ([cover], [1 - p], 0.5)
    assert word(cover) == ("cover" if cover else "non-cover")


def test_the_same_recording_is_certain() -> None:
    ratio, none, same = np.array([-9.0, -9.0]), np.empty(0), np.array([True, False])
    chance = made_up_calibration().by_alignment
    for judged in (decide(ratio, none, chance, same, searched=10**6), decide_uncalibrated(np.ones(2), same)):
        assert judged.predicted == [True, False]
        assert judged.probability[0] == 1


def test_a_calibration_changes_no_ranking_of_the_head(searcher: Searcher, tmp_path: Path) -> None:
    calibration = made_up_calibration()
    publish(Workspace(tmp_path / "calibrated"), calibration=calibration)
    result = open_searcher(Workspace(tmp_path / "calibrated")).query("P_22", 39, rerank="head")
    plain = searcher.query("P_22", 39)
    scores = np.array([match.distance for match in plain]) + searcher.collection.flat.head.beta
    ratio = -(calibration.slope * scores + calibration.intercept)
    said = calibration.by_head.probability(ratio, ratio, 39)
    for match, before, probability in zip(result, plain, said, strict=True):
        assert (match.performance, match.head_p, match.distance) == (before.performance, before.head_p, before.distance)
        assert match.cover_probability == pytest.approx(probability)
        assert match.predicted == (match.cover_probability > calibration.by_head.threshold)
    assert result.found == any(match.predicted for match in result)
    assert (result.calibrated, result.searched, result.threshold) == (True, 39, calibration.by_head.threshold)
    assert (plain.calibrated, plain.rerank, plain.threshold) == (False, "head", 0.5)


def test_a_query_from_outside_is_calibrated_too(tmp_path: Path) -> None:
    publish(Workspace(tmp_path), calibration=made_up_calibration())
    searcher = open_searcher(Workspace(tmp_path))
    vector = searcher.collection.flat.vectors[21]
    result = searcher.query_vector(vector, model=FINGERPRINT, top=40)
    own = searcher.query("P_22", 39, rerank="head")
    assert (result.searched, result.rerank) == (40, "head")
    ratio = [math.log(m.cover_probability / (1 - m.cover_probability)) for m in own]
    more = {m.pid: math.log(m.cover_probability / (1 - m.cover_probability)) for m in result}
    fewer = 0.9 * (math.log(40) - math.log(39))  # the slope times what one more searched performance adds
    assert [more[m.pid] for m in own] == pytest.approx([r - fewer for r in ratio], abs=1e-6)


@pytest.fixture
def aligned(tmp_path: Path) -> Searcher:
    publish(Workspace(tmp_path), calibration=made_up_calibration())
    return open_searcher(Workspace(tmp_path))


def test_a_calibrated_model_aligns(aligned: Searcher) -> None:
    result = aligned.query("P_22", 39)
    assert (result.rerank, result.candidates, result.threshold) == ("align", 1000, 0.6)
    said = [match.cover_probability for match in result]
    assert said == sorted(said, reverse=True)
    assert len({match.pid for match in result}) == 39


def test_the_probability_is_of_head_and_fine_alignment(aligned: Searcher) -> None:
    """Every pair again, one by one, by the parts of the sum."""
    calibration, rows = aligned.calibration, aligned.collection.rows
    assert calibration
    query = aligned.chroma.track(rows["P_22"])
    result = aligned.query("P_22", 39)
    ratios = []
    for match in result:
        track = aligned.chroma.track(rows[match.pid])
        qmax = qmax_scores(query, [track], span=SPAN).scores
        score = np.array([match.distance + aligned.collection.flat.head.beta])
        ratios.append(float(calibration.fine.ratio(score, log_qmax(qmax, len(query), len(track)))[0]))
    assert ratios == sorted(ratios, reverse=True)
    said = calibration.by_alignment.probability(np.array(ratios), np.array(ratios), 39)
    assert [match.cover_probability for match in result] == pytest.approx(said.tolist())


def test_what_is_not_aligned_follows_in_the_heads_order_and_is_no_likelier(aligned: Searcher) -> None:
    result, head = aligned.query("P_22", 39, candidates=5), aligned.query("P_22", 39, rerank="head")
    assert {match.pid for match in result[:5]} == {match.pid for match in head[:5]}
    assert [match.pid for match in result[5:]] == [match.pid for match in head[5:]]
    assert result[5].cover_probability <= result[4].cover_probability


@pytest.mark.parametrize("fine", [3, 10])
def test_the_best_of_the_coarse_alignment_are_aligned_finely(aligned: Searcher, fine: int) -> None:
    row, collection = aligned.collection.rows["P_22"], aligned.collection
    whole = aligned.query("P_22", 39)
    question = Question(collection.flat.vectors[row], aligned.chroma.track(row), row=row)
    scope = Scope(collection, aligned.chroma, None, aligned.calibration, cascade=Cascade(fine=fine))
    narrow = by_alignment(scope, question, 39, None)
    found = [collection.names[k] for k in narrow.ranking.rows.tolist()]
    place = {match.pid: rank for rank, match in enumerate(whole)}
    first = [place[pid] for pid in found[:fine]]
    assert first == sorted(first)
    assert narrow.ratio.tolist() == sorted(narrow.ratio.tolist(), reverse=True)
    assert len(narrow.best) == fine
    assert set(found) == set(place)


def test_a_cascade_says_how_many_candidates_are_aligned_and_by_what(aligned: Searcher) -> None:
    asked: list[tuple[int, int, int]] = []

    def align(chroma: Any, query: Any, rows: Any, block: int, span: int) -> Any:
        asked.append((len(rows), block, span))
        return stages.align_rows(chroma, query, rows, block, span)

    collection, row = aligned.collection, aligned.collection.rows["P_22"]
    cascade = Cascade(candidates=12, fine=5, align=align)
    scope = Scope(collection, aligned.chroma, None, aligned.calibration, cascade=cascade)
    question = Question(collection.flat.vectors[row], aligned.chroma.track(row), row=row)
    found = by_alignment(scope, question, 39, None)
    assert (asked, found.candidates) == ([(12, 3, 3), (5, 1, 4)], 12)
    head = aligned.query("P_22", 39, rerank="head")
    names = [collection.names[k] for k in found.ranking.rows.tolist()]
    assert names[12:] == [match.pid for match in head[12:]]
    assert Scope(collection, aligned.chroma, None, None).cascade == Cascade(1000, 100, stages.align_rows)


def test_the_number_of_matches_asked_for_changes_none_of_them(aligned: Searcher) -> None:
    assert aligned.query("P_22", 3).matches == aligned.query("P_22", 39).matches[:3]


@pytest.mark.parametrize("top", [0, -1, 2.5, None, "3"])
@pytest.mark.parametrize("rerank", ["align", "head"])
def test_a_number_of_matches_that_cannot_be_is_refused(aligned: Searcher, top: Any, rerank: str) -> None:
    with pytest.raises(UsageError, match=r"at least 1 match( must be asked for, not|, not)"):
        aligned.query("P_22", top, rerank=rerank)


def test_a_recording_that_is_in_the_collection_is_found_as_itself(aligned: Searcher) -> None:
    row = aligned.collection.rows["P_22"]
    asked = Question(aligned.collection.flat.vectors[row], aligned.chroma.track(row))
    for by in ("align", "head"):
        result = aligned.ask(asked, 3, rerank=by)
        assert (result[0].pid, result[0].same_recording, result[0].cover_probability) == ("P_22", True, 1.0)
        assert [match.same_recording for match in result[1:]] == [False, False]
        assert result.sentence == "The same recording found: P_22."
        for probability, said in ((0.99951, "over 99.9%"), (0.9994, "99.9%"), (1.0, "100.0%"), (0.0004, "0.0%")):
            one = replace(result.matches[0], same_recording=False, cover_probability=probability)
            assert replace(result, matches=(one,)).sentence.endswith(f"P_22, has a cover probability of {said}.")


def test_alignment_needs_a_calibration_and_chroma(searcher: Searcher, aligned: Searcher) -> None:
    with pytest.raises(UsageError, match="alignment needs a calibrated model: run `covsearch calibrate`, then"):
        searcher.query("P_22", rerank="align")
    with pytest.raises(UsageError, match="alignment needs the query's chroma, not a vector alone"):
        aligned.ask(Question(aligned.collection.flat.vectors[0], None), rerank="align")
    with pytest.raises(UsageError, match="at least 1 candidate must be asked for, not 0"):
        aligned.query("P_22", candidates=0)
    with pytest.raises(UsageError, match="the head ranks the whole collection exactly"):
        aligned.query("P_22", rerank="head", candidates=5)


def test_anothers_calibration_is_refused_by_a_build_and_by_a_search(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(ArtefactError, match=f"is of model cnn-99999999, the weights beside it are {FINGERPRINT}"):
        publish(workspace, calibration=made_up_calibration(model="cnn-99999999"))
    assert not (workspace.index / "CURRENT").exists()
    generation = publish(workspace, calibration=made_up_calibration())
    assert generation.calibrated
    path = generation.model_folder / "calibration.toml"
    path.write_text(path.read_text().replace("slope", "slipe"))
    with pytest.raises(ArtefactError):  # whichever notices first: the checksum or the reader
        open_searcher(workspace)


def test_more_than_there_are_gives_all_but_the_query(searcher: Searcher) -> None:
    found = [m.performance.pid for m in searcher.query("P_1", top=1000).matches]
    assert sorted(found) == sorted(f"P_{number}" for number in range(2, 41))


def test_the_head_ranks_all_and_takes_no_candidates(searcher: Searcher) -> None:
    with pytest.raises(UsageError, match="candidates are what windows or alignment order; the head ranks the whole"):
        searcher.query("P_5", 10, 39)


@pytest.mark.parametrize("scale", [0.5, 0.99, 1.01, 2.0])
def test_a_vector_that_is_not_of_unit_length_is_refused(searcher: Searcher, scale: float) -> None:
    with pytest.raises(UsageError, match="expected a query vector of length 1, its length is"):
        searcher.query_vector(np.float32(scale) * searcher.collection.flat.vectors[0], model=FINGERPRINT)


@pytest.fixture
def with_windows(tmp_path: Path) -> Searcher:
    publish(Workspace(tmp_path / "windows"), windows=True)
    return open_searcher(Workspace(tmp_path / "windows"), windows=True)


def test_windows_order_the_heads_nearest_and_say_where(with_windows: Searcher) -> None:
    searcher, windows = with_windows, with_windows.windows
    assert windows is not None
    flat, own = searcher.collection.flat, windows.take([21])
    nearest = flat.rank(flat.vectors[21], 15, exclude=21)
    similar = {row: chamfer(own.vectors, windows.take([row]).vectors) for row in nearest.rows.tolist()}
    result = searcher.query("P_22", 5, 15, rerank="windows")
    expected = sorted(similar, key=lambda row: -similar[row])[:5]
    assert [m.performance.pid for m in result.matches] == [f"P_{row + 1}" for row in expected]
    assert [m.similarity for m in result.matches] == pytest.approx([similar[row] for row in expected], abs=1e-6)
    assert [m.passage for m in result.matches] == [passages(own, windows.take([row]))[0] for row in expected]
    by_head = {m.performance.pid: (m.head_p, m.distance, m.listed) for m in searcher.query("P_22", 15).matches}
    assert all((m.head_p, m.distance, m.listed) == by_head[m.performance.pid] for m in result.matches)
    assert (result.rerank, result.candidates, searcher.query("P_22").rerank) == ("windows", 15, "head")


def test_windows_rank_a_hundred_candidates_unless_more_matches_are_wanted(with_windows: Searcher) -> None:
    assert with_windows.query("P_22", rerank="windows").candidates == 100
    assert with_windows.query("P_22", 200, rerank="windows").candidates == 200
    assert len(with_windows.query("P_22", 200, rerank="windows").matches) == 39


def test_a_vector_with_its_windows_ranks_as_the_performance_itself(with_windows: Searcher) -> None:
    assert with_windows.windows is not None
    own, vector = with_windows.windows.take([21]), with_windows.collection.flat.vectors[21]
    asked = Question(vector, with_windows.chroma.track(21), own)
    by_vector = with_windows.ask(asked, 40, rerank="windows").matches
    by_id = with_windows.query("P_22", 39, rerank="windows").matches
    assert by_vector[0].performance.pid == "P_22"
    assert by_vector[0].similarity == pytest.approx(1, abs=1e-6)
    found = [(m.performance, m.passage) for m in by_vector[1:]]
    assert found == [(m.performance, m.passage) for m in by_id]


def test_windows_that_are_not_there_or_not_opened_are_refused(searcher: Searcher, workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match=r"has no windows: run `covsearch build-index --windows`"):
        open_searcher(workspace, windows=True)
    with pytest.raises(UsageError, match="opened without windows"):
        searcher.query("P_22", rerank="windows")
    with pytest.raises(UsageError, match=r"rerank must be one of align, aligner, head, windows, not 'dtw'"):
        searcher.query("P_22", rerank="dtw")


def test_a_query_by_vector_knows_no_covers_and_excludes_nobody(searcher: Searcher) -> None:
    vector = searcher.collection.flat.vectors[21]
    result = searcher.query_vector(vector, model=FINGERPRINT, top=40)
    assert result.query is None
    assert {m.listed for m in result.matches} == {None}
    assert sorted(m.performance.pid for m in result.matches) == sorted(searcher.collection.pids)


def test_a_vector_of_another_model_is_refused(searcher: Searcher) -> None:
    with pytest.raises(
        ArtefactError, match=f"index was built with model {FINGERPRINT}, the query's vector with cnn-ff"
    ):
        searcher.query_vector(searcher.collection.flat.vectors[0], model="cnn-ff")


@pytest.mark.parametrize(
    ("pid", "message"),
    [
        ("P_222", r"no performance P_222 in the index: did you mean P_22 or .*\? Look it up with `covsearch find"),
        ("p22", r"no performance p22 in the index: did you mean P_22\?"),
        ("22", r"no performance 22 in the index: did you mean P_22\?"),
        ("W_8", r"no performance W_8 in the index: did you mean P_22 or P_23 or P_24\?"),
        ("o haupt", r"no performance 'o haupt' in the index\. Look it up"),
        ("", r"'' is no performance id: expected 1 to 255 characters, none of them a control character\. Look"),
        ("P_2\n", r"'P_2\\n' is no performance id: .*: did you mean P_2\?"),
    ],
)
def test_an_unknown_id_is_answered_with_the_nearest(searcher: Searcher, pid: str, message: str) -> None:
    with pytest.raises(NotFoundError, match=message):
        searcher.query(pid)


def test_impossible_numbers_are_usage_errors(searcher: Searcher) -> None:
    with pytest.raises(UsageError, match="at least 1 match"):
        searcher.query("P_22", top=0)
    with pytest.raises(UsageError, match="candidates are what windows or alignment order"):
        searcher.query("P_22", top=10, candidates=9)


def test_no_index_names_the_command(tmp_path: Path) -> None:
    for opener in (open_searcher, lambda workspace: store_of(workspace).catalogue()):
        with pytest.raises(NotFoundError, match="run `covsearch build-index` first"):
            opener(Workspace(tmp_path))


def test_a_database_of_another_size_of_collection_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    publish(other, count=39)
    path = workspace.db / "gen-0001.sqlite3"
    data = (other.db / "gen-0001.sqlite3").read_bytes()
    path.write_bytes(data)
    reseal(workspace)
    with pytest.raises(ArtefactError, match=r"gen-0001\.sqlite3: expected 40 performances, found 39; run `covsearch"):
        open_searcher(workspace)


def test_a_vector_without_metadata_is_refused(workspace: Workspace, searcher: Searcher, tmp_path: Path) -> None:
    ids = workspace.index / "gen-0001" / "ids.json"
    ids.write_text(ids.read_text().replace('"P_22"', '"P_77"'))
    reseal(workspace)
    with pytest.raises(ArtefactError, match="P_77 has a vector but no metadata"):
        open_searcher(workspace).query("P_1", top=39)


def test_a_reader_keeps_its_generation_while_builds_replace_and_remove_it(
    workspace: Workspace, searcher: Searcher
) -> None:
    before = searcher.query("P_22", 39)
    for seed in (1, 2, 3):
        publish(workspace, seed=seed)
    assert not (workspace.index / "gen-0001").exists()
    assert searcher.query("P_22", 39) == before
    assert open_searcher(workspace).query("P_22").generation == "gen-0004"


def test_a_generation_removed_while_it_is_opened_is_left_for_the_newer_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two builds end between following CURRENT and opening the files."""
    opened: list[str] = []
    original = local.catalogue_of

    def overtaken(generation: Generation) -> object:
        opened.append(generation.name)
        if len(opened) == 1:
            publish(workspace, seed=1)
            publish(workspace, seed=2)
        return original(generation)

    monkeypatch.setattr(local, "catalogue_of", overtaken)
    assert open_searcher(workspace).generation.name == "gen-0003"
    assert opened == ["gen-0001", "gen-0003"]


def test_readers_see_whole_generations_while_builds_go_on(workspace: Workspace) -> None:
    answers = {}
    stop = threading.Event()

    def build() -> None:
        for seed in range(1, 7):
            publish(workspace, seed=seed)
        stop.set()

    builder = threading.Thread(target=build)
    builder.start()
    reads = 0
    while not stop.is_set():
        result = open_searcher(workspace).query("P_22", 39)
        assert answers.setdefault(result.generation, result) == result
        reads += 1
    builder.join()
    assert reads >= 3
    for name, result in answers.items():
        seed = int(name.removeprefix("gen-")) - 1
        titles = make_performances(np.random.default_rng(seed), 40)
        assert all(m.performance == titles[m.performance.pid] for m in result.matches)


def test_many_threads_may_ask_one_searcher(searcher: Searcher) -> None:
    pids = [f"P_{number}" for number in range(1, 41)]
    expected = [searcher.query(pid) for pid in pids]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(searcher.query, pids)) == expected


def test_in_process_queries_are_the_same_for_a_head_with_negative_weights(searcher: Searcher) -> None:
    """With signed weights the query would not be its own nearest, so excluding rank 1 would lose a match."""
    head: Head = searcher.collection.flat.head
    assert (head.alpha < 0).any()
    rng = np.random.default_rng(3)
    for vector in unit_vectors(rng, 5):
        result = searcher.query_vector(vector, model=FINGERPRINT, top=40)
        flat = searcher.collection.flat
        expected = rank_all(vector, flat.vectors, head).tolist()
        assert [int(m.performance.pid[2:]) - 1 for m in result.matches] == expected
