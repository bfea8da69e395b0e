"""An index of vectors that another model made: the same answers as NumPy, and everything of ours around them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

import covsearch
from covsearch import foreign
from covsearch.cli import cli
from covsearch.errors import ArtefactError, CovsearchError, NotFoundError, UsageError
from covsearch.index.collection_calibration import CollectionCalibration, read_collection_calibration
from covsearch.index.generation import open_generation
from covsearch.index.manifest import parse_manifest
from covsearch.index.segments import Segments
from covsearch.verify import verify_workspace
from covsearch.workspace import Workspace

DIM, WORKS, VERSIONS, SEGMENTS = 512, 30, 3, 3
COUNT = WORKS * VERSIONS
IDS = [f"track {n}" for n in range(COUNT)]


def songs(seed: int = 0, segments: int = SEGMENTS, noise: float = 2.0) -> NDArray[np.float32]:
    """Tracks (COUNT, segments, DIM): one segment of each is like one of its work, of any length."""
    rng = np.random.default_rng(seed)
    work = np.repeat(rng.normal(size=(WORKS, DIM)), VERSIONS, axis=0)
    vectors = rng.normal(size=(COUNT, segments, DIM)) * noise
    vectors[np.arange(COUNT), rng.integers(0, segments, COUNT)] = work + rng.normal(size=(COUNT, DIM))
    return (vectors * rng.uniform(0.1, 50, (COUNT, segments, 1))).astype(np.float32)


def oracle(vectors: NDArray[np.float32], query: int) -> tuple[list[str], NDArray[np.float64]]:
    """Ids from the most to the least alike, and cosines, in float64 from the vectors as they came."""
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=2, keepdims=True)
    cosine = np.einsum("sd,ntd->nst", unit[query], unit).max(axis=(1, 2))
    order = [int(i) for i in np.argsort(-cosine) if i != query]
    return [IDS[i] for i in order], cosine[order]


def write_csv(path: Path, works: int = WORKS) -> Path:
    """Works of the first `works` of them; the others are unknown."""
    rows = (f"{id_},{f'w{n // VERSIONS}' if n // VERSIONS < works else ''},Song {n}" for n, id_ in enumerate(IDS))
    path.write_text("id,work,title\n" + "\n".join(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 tracks of three segments of 512 numbers, with works."""
    folder = tmp_path_factory.mktemp("foreign")
    np.savez(folder / "clews.npz", vectors=songs(), ids=IDS)
    write_csv(folder / "tracks.csv")
    covsearch.build(vectors=folder / "clews.npz", metadata=folder / "tracks.csv", home=folder / "home")
    return folder / "home"


def run(home: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *map(str, arguments)], catch_exceptions=False)


def test_every_query_is_numpys(home: Path) -> None:
    index = covsearch.open(home)
    for query in range(COUNT):
        found = index.query(IDS[query], top=COUNT)
        ids, cosines = oracle(songs(), query)
        assert [match.pid for match in found] == ids
        np.testing.assert_allclose([match.similarity for match in found], cosines, atol=1e-6)
        np.testing.assert_allclose([match.distance for match in found], 1 - cosines, atol=1e-6)
    assert [match.pid for match in index.query(IDS[4], top=5)] == oracle(songs(), 4)[0][:5]


def test_with_works_there_are_probabilities_fitted_on_them(home: Path) -> None:
    found = covsearch.open(home).query("track 4", top=3)
    assert [match.pid for match in found][:2] in (["track 3", "track 5"], ["track 5", "track 3"])
    assert [(match.predicted, match.listed) for match in found] == [(True, True), (True, True), (False, False)]
    probabilities = [match.cover_probability or 0 for match in found]
    assert probabilities[1] > 0.9
    assert probabilities[2] < 0.2
    assert found.threshold is not None
    assert found.threshold >= 0.5
    assert (found.found, found.calibrated, found.rerank, found.searched) == (True, True, "cosine", COUNT - 1)
    assert found[0].head_p is None


def test_everything_else_works_too(home: Path) -> None:
    index = covsearch.open(home)
    assert [hit.performance.pid for hit in index.find("song 41")] == ["track 41"]
    assert (index["track 41"].wid, len(index), "track 90" in index) == ("w13", COUNT, False)
    stats = index.stats()
    assert (stats.manifest.dim, stats.manifest.model, stats.segments, stats.cover_pairs) == (DIM, "clews", 270, 90)
    assert stats.to_dict()["features"] is None
    lines = run(home, "stats").stdout.splitlines()
    assert lines[-3].split(maxsplit=1) == [
        "vectors",
        "foreign (clews), of 512 numbers, 270 segments; ranked by cosine",
    ]
    checks = [check.what for check in index.verify().current.checks]
    assert "segments of every track, finite and of length 1" in checks
    assert run(home, "verify").stdout.startswith("gen-0001 (current): sound · 90 performances of 30 works, model clews")


def test_a_vector_may_ask(home: Path) -> None:
    index = covsearch.open(home)
    vector = songs()[7, 1] / np.linalg.norm(songs()[7, 1])
    found = index.query_vector(vector, model="clews", top=4)
    assert found[0].pid == "track 7"
    assert found[0].similarity == pytest.approx(1)
    assert found.query is None
    with pytest.raises(ArtefactError, match="index was built with model clews, the query's vector with mert"):
        index.query_vector(vector, model="mert")
    with pytest.raises(ArtefactError, match=r"a query vector must be 512 finite numbers, got shape \(128,\)"):
        index.query_vector(vector[:128], model="clews")
    with pytest.raises(UsageError, match="expected a query vector of length 1, its length is 2"):
        index.query_vector(vector * 2, model="clews")


def test_json_csv_and_table_say_the_cosine(home: Path) -> None:
    answer = json.loads(run(home, "query", "track 4", "--json").stdout)
    ours = {"rank", "pid", "cover_probability", "predicted", "same_recording", "listed", "head_p", "distance"}
    assert ours < set(answer["matches"][0])
    assert answer["matches"][0]["similarity"] == pytest.approx(oracle(songs(), 4)[1][0], abs=1e-6)
    assert answer["settings"]["rerank"] == "cosine"
    text = run(home, "query", "track 4", "--top", "3").stdout
    assert "Cosine" in text
    assert "fitted on the collection's own works" in text
    assert run(home, "query", "track 4", "--csv").stdout.splitlines()[0].endswith("head_p,distance,similarity")


def test_what_needs_features_is_refused_with_the_reason(home: Path, tmp_path: Path) -> None:
    index = covsearch.open(home)
    (tmp_path / "x.h5").write_bytes(b"x")
    why = (
        r"the index has foreign vectors \(clews\) and no model that could hear a file: ask by an id, or in Python "
        r".* `covsearch add --vectors FILE`"
    )
    for ask in (
        lambda: index.query(tmp_path / "x.h5"),
        lambda: index.query(np.ones((900, 12)), frame_rate=10.0),
        lambda: index.add(tmp_path),
    ):
        with pytest.raises(UsageError, match=why):
            ask()
    with pytest.raises(UsageError, match=r"comparing needs chroma, and the index has only foreign vectors \(clews\)"):
        index.compare("track 1", "track 2")
    for rerank in ("head", "align", "windows"):
        with pytest.raises(UsageError, match=f"ranked by cosine, and not by {rerank}: leave rerank out"):
            index.query("track 1", rerank=rerank)
    with pytest.raises(NotFoundError, match="no performance 'track 99' in the index: did you mean 'track 9'"):
        index.query("track 99")
    with pytest.raises(UsageError, match="foreign vectors are all ranked by cosine, exactly"):
        index.query("track 1", candidates=50)


def test_removing_leaves_the_answers_of_the_others(tmp_path: Path) -> None:
    vectors = songs(1)
    np.savez(tmp_path / "clews.npz", vectors=vectors, ids=IDS)
    csv = write_csv(tmp_path / "tracks.csv")
    index = covsearch.build(vectors=tmp_path / "clews.npz", metadata=csv, home=tmp_path / "home")
    before = open_generation(Workspace(tmp_path / "home")).calibration()
    gone = {"track 3", "track 50"}
    assert index.remove(*sorted(gone)).performances == COUNT - 2
    generation = open_generation(Workspace(tmp_path / "home"))
    assert (generation.name, generation.calibration()) == ("gen-0002", before)
    assert isinstance(before, CollectionCalibration)
    for query in (4, 51, 89):
        expected = [id_ for id_ in oracle(vectors, query)[0] if id_ not in gone]
        assert [match.pid for match in index.query(IDS[query], top=COUNT)] == expected
    assert verify_workspace(Workspace(tmp_path / "home")).current.problems == ()


def test_damaged_segments_are_found_and_the_command_that_mends_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "clews.npz", vectors=songs(), ids=IDS)
    index = covsearch.build(vectors=tmp_path / "clews.npz", home=tmp_path / "home")
    path = tmp_path / "home" / "index" / "gen-0001" / "segments.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + bytes(4))
    found = index.verify()
    assert "segments.safetensors: was changed since it was built" in found.current.problems[0]
    assert found.mend == (f"covsearch build-index --vectors {tmp_path / 'clews.npz'}",)
    with pytest.raises(ArtefactError, match=r"segments\.safetensors: was changed since it was built"):
        covsearch.open(tmp_path / "home").query("track 1")


@pytest.mark.parametrize("dim", [2, 3, 700])
def test_one_vector_a_track_of_any_dimension_without_works(tmp_path: Path, dim: int) -> None:
    rng = np.random.default_rng(dim)
    vectors = rng.normal(size=(40, dim)).astype(np.float16)
    np.savez(tmp_path / "mine.npz", vectors=vectors, ids=np.arange(40))
    result = run(tmp_path / "home", "build-index", "--vectors", tmp_path / "mine.npz")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Indexed 40 tracks of unknown works in ")
    assert lines[1] == f"gen-0001 · foreign vectors mine of {dim} numbers, ranked by cosine"
    why = "0 works with two versions are known, 20 are needed"
    assert lines[2:] == [f"No probability of a cover is told, only the cosine: {why}."]
    assert not (tmp_path / "home" / "index" / "gen-0001" / "segments.safetensors").exists()
    unit = vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    index = covsearch.open(tmp_path / "home")
    for query in range(0, 40, 7):
        cosine = unit @ unit[query]
        order = [i for i in np.argsort(-cosine) if i != query]
        found = index.query(str(query), top=40)
        assert [int(match.pid) for match in found] == order
        np.testing.assert_allclose([match.similarity for match in found], cosine[order], atol=1e-6)
    assert index.verify().current.problems == ()
    assert index.query_vector(unit[3].astype(np.float32), model="mine", top=1)[0].pid == "3"


def test_without_works_nothing_is_predicted(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", vectors=songs(), ids=IDS)
    index = covsearch.build(vectors=tmp_path / "mine.npz", home=tmp_path / "home")
    found = index.query("track 4")
    assert {(match.cover_probability, match.predicted, match.listed) for match in found} == {(None, None, None)}
    assert (found.found, found.threshold, found.calibrated) == (None, None, False)
    assert found.sentence.startswith("The most alike is track ")
    assert "<table>" in found._repr_html_()
    printed = str(found).splitlines()
    assert printed[2].split() == ["rank", "id", "title", "artist", "cosine"]
    assert printed[3].split()[-1] == f"{found[0].similarity:.3f}"
    settings = json.loads(run(tmp_path / "home", "query", "track 4", "--json").stdout)
    assert (settings["found"], settings["settings"]["threshold"]) == (None, None)
    text = run(tmp_path / "home", "query", "track 4").stdout
    assert "the cosine alone says no probability" in text
    assert "No cover found" not in text


def test_the_report_says_what_was_left_out_and_what_was_fitted(tmp_path: Path) -> None:
    vectors = songs()
    vectors[0, 1] = 0
    np.savez(tmp_path / "clews.npz", vectors=vectors, ids=IDS)
    csv = write_csv(tmp_path / "tracks.csv")
    csv.write_text(csv.read_text() + "\nelsewhere,w1,x\n")
    build = ["build-index", "--vectors", tmp_path / "clews.npz", "--metadata", csv]
    lines = run(tmp_path / "home", *build).stdout.splitlines()
    assert lines[0].startswith("Indexed 89 tracks of 30 works with 267 segments in ")
    assert lines[1:] == [
        "gen-0001 · foreign vectors clews of 512 numbers, ranked by cosine",
        "Probabilities of a cover are fitted on the collection's own 30 works with two versions or more.",
        "--metadata: 1 of its ids is not there: elsewhere",
        "Skipped 1:",
        "  track 0: its vector 2 of 3 is all zeros",
    ]
    report = json.loads(run(tmp_path / "home", *build, "--json").stdout)
    assert (report["dim"], report["segments"], report["unused_metadata"]) == (512, 267, ["elsewhere"])
    assert report["calibration"]["works"] == 30
    assert report["calibration"]["covers"] == 29 * 3 + 1
    with pytest.raises(ArtefactError, match="1 tracks would be skipped, first 'track 0'"):
        run(tmp_path / "home", *build, "--strict")
    np.savez(tmp_path / "clews.npz", vectors=songs(), ids=IDS)
    with pytest.raises(ArtefactError, match="1 of its ids is not in the collection, first elsewhere"):
        run(tmp_path / "home", *build, "--strict")


def test_ids_may_come_from_the_csv(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", songs())
    index = covsearch.build(
        vectors=tmp_path / "v.npy", metadata=write_csv(tmp_path / "t.csv", works=3), home=tmp_path / "home"
    )
    assert [match.pid for match in index.query("track 4", top=9)] == oracle(songs(), 4)[0][:9]
    assert (index["track 8"].wid, index["track 9"].wid) == ("w2", None)


def test_options_of_features_are_refused_beside_vectors(tmp_path: Path) -> None:
    np.savez(tmp_path / "a:b.npz", vectors=songs(), ids=IDS)
    np.savez(tmp_path / "v.npz", vectors=songs(), ids=IDS)
    for option in (["--windows"], ["--frame-rate", "10"], ["--subset", "x"], ["--model", "m"], ["--dataset", "d"]):
        name = option[0][2:].replace("-", "_")
        with pytest.raises(UsageError, match=f"vectors are made already and go without {name}; leave it out"):
            run(tmp_path / "home", "build-index", "--vectors", tmp_path / "v.npz", *option)
    with pytest.raises(UsageError, match="go without source"):
        covsearch.build("folder", vectors=tmp_path / "v.npz", home=tmp_path / "home")
    with pytest.raises(UsageError, match="rename it; a collection is called as its file"):
        covsearch.build(vectors=tmp_path / "a:b.npz", home=tmp_path / "home")


def test_one_vector_a_track_can_be_removed(tmp_path: Path) -> None:
    vectors = songs(2, segments=1)
    np.savez(tmp_path / "v.npz", vectors=vectors[:, 0], ids=IDS)
    index = covsearch.build(vectors=tmp_path / "v.npz", metadata=write_csv(tmp_path / "t.csv"), home=tmp_path / "home")
    index.remove("track 0")
    expected = [id_ for id_ in oracle(vectors, 4)[0] if id_ != "track 0"]
    assert [match.pid for match in index.query("track 4", top=COUNT)] == expected
    assert index.query("track 4").calibrated
    assert index.verify().current.problems == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": {"features": "hpcp", "frames": 100, "rate": 0.0, "key": "played"}}, "frame_rate must be float"),
        ({"frame_rate": 10.0}, "features must be dict, not None"),
        ({"parts": {"chroma": {}}}, r"parts 'chroma', known are segments"),
        ({"model": None}, "model must be str, not None"),
        ({"dim": None}, "dim must be int, not None"),
    ],
)
def test_a_manifest_is_of_foreign_vectors_or_of_a_model_and_of_nothing_between(
    home: Path, changes: dict[str, Any], message: str
) -> None:
    text = (home / "index" / "gen-0001" / "manifest.json").read_text()
    assert parse_manifest(text).foreign
    with pytest.raises(ArtefactError, match=message):
        parse_manifest(json.dumps(json.loads(text) | changes))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('model = "clews"', 'model = "other"', "is of other, the vectors beside it are of clews"),
        ("slope = ", "slope = -", "slope must be greater than 0 and finite"),
        ("intercept = ", "intercept = nan # ", "intercept must be finite"),
        ("[collection]", "[calibration]", "missing 7 required positional arguments"),
        ("works = ", "works = true # ", "collection.works must be int, not True"),
    ],
)
def test_a_damaged_calibration_is_refused(home: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (home / "index" / "gen-0001" / "model" / "calibration.toml").read_text()
    assert text.count(f"\n{old}" if old[0] != "[" else old) >= 1
    (tmp_path / "calibration.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(ArtefactError, match=rf"calibration\.toml: .*{message}.*run `covsearch build-index --vectors`"):
        read_collection_calibration(tmp_path, "clews")


def test_segments_that_cancel_have_the_direction_of_the_first() -> None:
    vectors = np.array([[1, 0], [0, 1], [0, 1], [0, -1]], np.float32)
    made = foreign.directions(Segments(vectors, np.array([0, 2, 4])))
    np.testing.assert_allclose(made, [[2**-0.5, 2**-0.5], [0, 1]], atol=1e-7)


@pytest.mark.parametrize(
    ("works", "vectors", "why"),
    [
        ([f"w{n}" for n in range(60)], "random", "0 works with two versions are known, 20 are needed"),
        ([f"w{n // 2}" for n in range(38)] + [None] * 22, "random", "19 works with two versions are known"),
        ([f"w{n // 2}" for n in range(60)], "same", "all 1770 pairs score"),
        ([f"w{n // 2}" for n in range(60)], "opposite", "covers do not score below non-covers"),
    ],
)
def test_what_cannot_be_calibrated_says_why(works: list[str | None], vectors: str, why: str) -> None:
    rng = np.random.default_rng(0)
    made: Any = {"random": rng.normal(size=(60, 8)), "same": np.ones((60, 8))}
    made["opposite"] = np.repeat(rng.normal(size=(30, 8)), 2, axis=0) * np.tile([1.0, -1.0], 30)[:, None]
    chosen = made[vectors] / np.linalg.norm(made[vectors], axis=1, keepdims=True)
    found = foreign.fit_collection(Segments(chosen.astype(np.float32), np.arange(61)), works, "x")
    assert isinstance(found, str)
    assert why in found


def test_an_index_of_ours_has_no_cosine(tmp_path: Path) -> None:
    from published import publish

    from covsearch.search import open_searcher

    publish(Workspace(tmp_path))
    with pytest.raises(UsageError, match=r"rerank must be one of align, aligner, head, windows, not 'cosine'"):
        open_searcher(Workspace(tmp_path)).query("P_1", rerank="cosine")


def test_the_commands_of_the_docs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "own-data.md").read_text(encoding="utf-8")
    section = page.partition("## Vectors of your own model\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    ids = [f"track-{n}" for n in range(COUNT)]
    (tmp_path / "tracks.csv").write_text(
        "id,work,title\n" + "\n".join(f"{id_},w{n // VERSIONS},Song {n}" for n, id_ in enumerate(ids))
    )
    monkeypatch.chdir(tmp_path)
    exec(code, {"vectors": songs(), "ids": ids})
    commands = [line.removeprefix("$ covsearch ") for line in section.splitlines() if line.startswith("$ covsearch ")]
    said = {command.split()[0]: run(tmp_path / "home", *shlex.split(command)) for command in commands}
    assert list(said) == ["build-index", "query", "find", "remove", "verify", "stats"]
    assert {result.exit_code for result in said.values()} == {0}
    assert "Cover found: the likeliest, track-" in said["query"].stdout
    assert "track-7 " in said["find"].stdout
    assert "gen-0002 (current): sound · 89 performances of 30 works" in said["verify"].stdout


def test_while_another_builds_it_is_refused(tmp_path: Path) -> None:
    from covsearch.index.publish import builder_lock

    np.savez(tmp_path / "v.npz", vectors=songs(), ids=IDS)
    with builder_lock(Workspace(tmp_path)), pytest.raises(CovsearchError, match="another build is running"):
        covsearch.build(vectors=tmp_path / "v.npz", home=tmp_path)


@pytest.mark.parametrize("segments", [1, 3])
def test_more_vectors_are_added_as_if_all_had_been_built_at_once(tmp_path: Path, segments: int) -> None:
    """From a CSV for all tracks, and a file of another name; adding again changes nothing."""
    vectors, csv = songs(3, segments), write_csv(tmp_path / "tracks.csv")
    np.savez(tmp_path / "clews.npz", vectors=vectors[:70], ids=IDS[:70])
    np.savez(tmp_path / "more.npz", vectors=vectors[60:], ids=IDS[60:])
    index = covsearch.build(vectors=tmp_path / "clews.npz", metadata=csv, home=tmp_path / "home")
    before = open_generation(Workspace(tmp_path / "home")).calibration()
    words = ("add", "--vectors", tmp_path / "more.npz", "--metadata", csv)
    lines = run(tmp_path / "home", *words).stdout.splitlines()
    assert lines[0].startswith("Added 20 performances in ")
    assert lines[1:3] == ["10 were there already.", "gen-0002 holds 90 performances of 30 works."]
    for query in range(0, COUNT, 7):
        ids, cosines = oracle(vectors, query)
        found = index.query(IDS[query], top=COUNT)
        assert [match.pid for match in found] == ids
        np.testing.assert_allclose([match.similarity for match in found], cosines, atol=1e-6)
    assert (index["track 89"].wid, index["track 89"].title) == ("w29", "Song 89")
    assert open_generation(Workspace(tmp_path / "home")).calibration() == before
    assert index.verify().current.problems == ()
    report = index.add(vectors=tmp_path / "more.npz", metadata=csv)
    assert (report.added, len(report.already_there), report.generation) == ((), 30, "gen-0002")


def test_vectors_that_do_not_fit_the_index_are_not_added(tmp_path: Path) -> None:
    from published import publish

    vectors = songs(4)
    np.savez(tmp_path / "clews.npz", vectors=vectors[:, 0], ids=IDS)
    index = covsearch.build(vectors=tmp_path / "clews.npz", home=tmp_path / "home")
    short = np.ones((2, 64), np.float32)
    cases: list[tuple[dict[str, Any], type[CovsearchError], str]] = [
        ({"vectors": short, "ids": ["x", "y"]}, ArtefactError, "expected vectors of 512 numbers, as in the index, not"),
        ({"vectors": vectors[:2], "ids": ["x", "y"]}, UsageError, "several segments a track, the index one vector"),
        ({"vectors": vectors[:2, 1], "ids": ["x", IDS[5]]}, CovsearchError, "'track 5' is in the index with another v"),
        ({"vectors": vectors[:1, 0], "ids": ["a\nb"]}, ArtefactError, r"'a\\nb' is no id"),
    ]
    for arrays, error, message in cases:
        np.savez(tmp_path / "more.npz", **arrays)
        with pytest.raises(error, match=message):
            index.add(vectors=tmp_path / "more.npz")
    np.savez(tmp_path / "more.npz", vectors=vectors[:2, 0], ids=IDS[:2])
    with pytest.raises(CovsearchError, match="'track 0' is in the index with other metadata; nothing was added: to re"):
        index.add(vectors=tmp_path / "more.npz", metadata=write_csv(tmp_path / "tracks.csv"))
    with pytest.raises(UsageError, match="vectors are made already and go without paths"):
        index.add(tmp_path, vectors=tmp_path / "more.npz")
    assert open_generation(Workspace(tmp_path / "home")).name == "gen-0001"
    publish(Workspace(tmp_path / "ours"))
    with pytest.raises(UsageError, match="the index is of a model of covsearch, which embeds what is added"):
        covsearch.open(tmp_path / "ours").add(vectors=tmp_path / "more.npz")
