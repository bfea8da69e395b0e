"""Adding and removing: the same as one build of everything, or nothing at all."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from collection import melody, write_collection, write_feature
from published import make_chroma, random_head, unit_vectors
from untrained import write_model

from covsearch import compare
from covsearch import indexing as build
from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.embedding import embed_files
from covsearch.errors import ArtefactError, CovsearchError, NotFoundError, UsageError
from covsearch.index.generation import open_generation
from covsearch.index.publish import builder_lock
from covsearch.index.verified import STAMP
from covsearch.indexing import build_index
from covsearch.models import load_checkpoint
from covsearch.search import Searcher, open_searcher
from covsearch.update import add_performances, remove_performances
from covsearch.workspace import Workspace

METADATA = Path("da-tacos_metadata") / "da-tacos_toy_subset_metadata.json"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network with a frame rate, so that windows are possible; rated as the toy collection."""
    folder = tmp_path_factory.mktemp("models") / "model"
    return write_model(folder, features=FeatureConfig("hpcp", 2000, rate=SLOW_RATE))


def index_first(toy: Path, model: Path, folder: Path) -> Workspace:
    """P_1 to P_12 of the toy collection, in ``first``, indexed with windows in ``home``."""
    part(toy, folder / "first", range(1, 5))
    build_index(folder / "first", model, Workspace(folder / "home"), frame_rate=SLOW_RATE, windows=True)
    return Workspace(folder / "home")


@pytest.fixture(scope="module")
def indexed(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """What every test gets a copy of."""
    folder = tmp_path_factory.mktemp("indexed")
    return index_first(write_collection(folder / "toy"), model, folder)


@pytest.fixture
def workspace(indexed: Workspace, tmp_path: Path) -> Workspace:
    return Workspace(Path(shutil.copytree(indexed.home, tmp_path / "home")))


def part(root: Path, into: Path, works: range) -> Path:
    """A copy of some works of the toy collection, with the metadata of just those."""
    for number in works:
        folder = Path("da-tacos_toy_subset_hpcp") / f"W_{number}_hpcp"
        shutil.copytree(root / folder, into / folder)
    known = json.loads((root / METADATA).read_text())
    (into / METADATA).parent.mkdir(exist_ok=True)
    (into / METADATA).write_text(json.dumps({f"W_{number}": known[f"W_{number}"] for number in works}))
    return into


def everything(searcher: Searcher) -> dict[str, object]:
    """All answers of an index: every query, by the head and by windows, without the generation's name."""
    answers: dict[str, object] = {}
    for pid in searcher.collection.pids:
        for rerank in ("head", "windows"):
            answers[f"{pid} {rerank}"] = searcher.query(
                pid, 99, 99 if rerank == "windows" else None, rerank=rerank
            ).matches
    return answers


def names(workspace: Workspace) -> list[str]:
    """What is there, the stamp aside: a slow machine has written it by now."""
    there = [path.name for folder in (workspace.index, workspace.db) for path in folder.iterdir()]
    return sorted(name for name in there if name != STAMP)


def test_built_in_two_parts_is_built_in_one(toy: Path, model: Path, workspace: Workspace, tmp_path: Path) -> None:
    report = add_performances(workspace, [part(toy, tmp_path / "rest", range(5, 9))], frame_rate=SLOW_RATE)
    assert report.added == tuple(f"P_{n}" for n in range(13, 25))
    assert (report.already_there, report.skipped) == ((), ())
    assert (report.performances, report.works, report.generation) == (24, 8, "gen-0002")
    whole = Workspace(tmp_path / "whole")
    build_index(toy, model, whole, frame_rate=SLOW_RATE, windows=True)
    ours, theirs = open_searcher(workspace, windows=True), open_searcher(whole, windows=True)
    assert ours.collection.pids == theirs.collection.pids
    np.testing.assert_allclose(ours.collection.flat.vectors, theirs.collection.flat.vectors, atol=1e-6)
    assert ours.windows is not None
    assert theirs.windows is not None
    np.testing.assert_allclose(ours.windows.vectors, theirs.windows.vectors, atol=1e-6)
    np.testing.assert_array_equal(ours.windows.cuts.first, theirs.windows.cuts.first)
    np.testing.assert_array_equal(ours.windows.cuts.start, theirs.windows.cuts.start)
    for name in ("frames", "first", "rates"):
        np.testing.assert_array_equal(getattr(ours.chroma, name), getattr(theirs.chroma, name))
    assert ours.catalogue.get(ours.collection.pids) == theirs.catalogue.get(theirs.collection.pids)
    a, b = ours.generation.manifest, theirs.generation.manifest
    assert replace(a, created="", files={}, source="") == replace(b, created="", files={}, source="")


def test_what_was_there_keeps_its_rows_to_the_bit(toy: Path, workspace: Workspace, tmp_path: Path) -> None:
    before = open_searcher(workspace, windows=True)
    add_performances(workspace, [toy], frame_rate=SLOW_RATE)
    after = open_searcher(workspace, windows=True)
    rows = [after.collection.rows[pid] for pid in before.collection.pids]
    np.testing.assert_array_equal(after.collection.flat.vectors[rows], before.collection.flat.vectors)
    assert before.windows is not None
    assert after.windows is not None
    np.testing.assert_array_equal(after.windows.take(rows).vectors, before.windows.vectors)
    np.testing.assert_array_equal(after.chroma.take(rows).frames, before.chroma.frames)
    np.testing.assert_array_equal(after.collection.flat.head.alpha, before.collection.flat.head.alpha)


def test_removing_what_was_added_gives_the_answers_before(toy: Path, workspace: Workspace) -> None:
    before = everything(open_searcher(workspace, windows=True))
    added = add_performances(workspace, [toy], frame_rate=SLOW_RATE).added
    assert everything(open_searcher(workspace, windows=True)) != before
    report = remove_performances(workspace, added)
    assert (report.removed, report.not_there, report.performances, report.works) == (added, (), 12, 4)
    assert everything(open_searcher(workspace, windows=True)) == before


def test_adding_the_same_again_publishes_nothing(toy: Path, workspace: Workspace) -> None:
    add_performances(workspace, [toy], frame_rate=SLOW_RATE)
    before = names(workspace)
    report = add_performances(workspace, [toy, *toy.rglob("P_2_hpcp.h5")], frame_rate=SLOW_RATE)
    assert (report.added, report.already_there) == ((), tuple(f"P_{n}" for n in range(1, 25)))
    assert (report.generation, report.performances) == ("gen-0002", 24)
    assert names(workspace) == before


def test_any_order_of_adding_and_removing_gives_what_is_left(toy: Path, workspace: Workspace) -> None:
    """The index is the set of its performances, whatever was done to it: each has its own vector, title and files."""
    files = {pid: by_feature["hpcp"] for pid, by_feature in open_dataset(toy).files.items()}
    add_performances(workspace, [toy], frame_rate=SLOW_RATE)
    whole = open_searcher(workspace, windows=True)
    own = whole.collection.flat.vectors
    rng = np.random.default_rng(5)
    left = set(files)
    for _ in range(8):
        some = [str(pid) for pid in rng.choice(list(files), rng.integers(1, 9), replace=False)]
        if rng.random() < 0.5:
            left -= set(some)
            remove_performances(workspace, some)
        else:
            left |= set(some)
            add_performances(workspace, [files[pid] for pid in some], frame_rate=SLOW_RATE)
        searcher = open_searcher(workspace, windows=True)
        assert set(searcher.collection.pids) == left
        rows = [whole.collection.rows[pid] for pid in searcher.collection.pids]
        np.testing.assert_allclose(searcher.collection.flat.vectors, own[rows], atol=1e-6)
        pids = searcher.collection.pids
        assert searcher.catalogue.get(pids) == {pid: whole.catalogue.get([pid])[pid] for pid in pids}
        assert searcher.windows is not None
        assert whole.windows is not None
        np.testing.assert_allclose(searcher.windows.vectors, whole.windows.take(rows).vectors, atol=1e-6)
        np.testing.assert_array_equal(searcher.chroma.frames, whole.chroma.take(rows).frames)


def test_moved_files_are_the_same_where_their_content_is(toy: Path, model: Path, tmp_path: Path) -> None:
    workspace, moved = index_first(toy, model, tmp_path), tmp_path / "elsewhere"
    (tmp_path / "first").rename(moved)
    assert add_performances(workspace, [moved], frame_rate=SLOW_RATE).added == ()
    assert open_searcher(workspace).catalogue.origins(["P_1"])["P_1"].folder == str(tmp_path / "first")


def test_removing_twice_is_removing_once(workspace: Workspace) -> None:
    assert remove_performances(workspace, ["P_2", "P_9", "P_2"]).removed == ("P_2", "P_9")
    before = names(workspace)
    report = remove_performances(workspace, ["P_9", "P_2", "P_777"])
    assert (report.removed, report.not_there) == ((), ("P_2", "P_9", "P_777"))
    assert (report.performances, report.generation) == (10, "gen-0002")
    assert names(workspace) == before


def test_a_work_without_performances_is_gone(workspace: Workspace) -> None:
    assert remove_performances(workspace, ["P_4", "P_5", "P_6"]).works == 3
    assert open_searcher(workspace).catalogue.clique("W_2") == ()


def test_the_last_performance_stays(workspace: Workspace) -> None:
    pids = [f"P_{n}" for n in range(1, 13)]
    with pytest.raises(UsageError, match="at least one performance, and these are all 12 that it has"):
        remove_performances(workspace, pids)
    assert remove_performances(workspace, pids[1:]).performances == 1
    assert open_searcher(workspace).query("P_1").matches == ()


def test_a_file_brings_its_title_from_the_json_of_its_dataset(toy: Path, model: Path, workspace: Workspace) -> None:
    file = open_dataset(toy).files["P_22"]["hpcp"]
    assert add_performances(workspace, [file], frame_rate=SLOW_RATE).added == ("P_22",)
    searcher = open_searcher(workspace)
    assert searcher.query("P_22").query == open_dataset(toy).performances["P_22"]
    expected = embed_files(load_checkpoint(model), {"hpcp": file}, SLOW_RATE)
    row = searcher.collection.rows["P_22"]
    np.testing.assert_allclose(searcher.collection.flat.vectors[row], expected, atol=1e-6)
    # and compare finds both files, of two folders
    assert compare.compare(workspace, "P_22", "P_1").passages
    origins = searcher.catalogue.origins(["P_1", "P_22"])
    assert origins["P_22"].folder == str(toy)
    assert origins["P_1"].folder != origins["P_22"].folder


def test_a_file_outside_of_a_dataset_is_known_by_its_ids(workspace: Workspace, tmp_path: Path) -> None:
    source = write_feature(tmp_path / "x", "y", "hpcp", "W_3", "P_500", melody(3))
    loose = tmp_path / "incoming" / "W_3_hpcp" / "P_500_hpcp.h5"
    loose.parent.mkdir(parents=True)
    source.rename(loose)
    report = add_performances(workspace, [loose], frame_rate=SLOW_RATE)
    assert report.frame_rates == (SLOW_RATE,)
    assert (report.added, report.works) == (("P_500",), 4)
    query = open_searcher(workspace).query("P_500").query
    assert query is not None
    assert (query.wid, query.title, query.work_title) == ("W_3", "", "Song 3")
    origin = open_searcher(workspace).catalogue.origins(["P_500"])["P_500"]
    assert (origin.folder, origin.subset, origin.frame_rate) == (str(tmp_path / "incoming"), "files", SLOW_RATE)
    assert compare.compare(workspace, "P_500", "P_7").listed
    assert add_performances(workspace, [loose], frame_rate=SLOW_RATE).already_there == ("P_500",)


def test_files_that_say_no_rate_are_not_read_at_that_of_the_index(workspace: Workspace, tmp_path: Path) -> None:
    write_feature(tmp_path / "mine", "mine", "hpcp", "W_100", "P_100", melody(100), None)
    before = names(workspace)
    expected = r"mine: no frame rate is declared, and the index has files of 2\.69 frames/s: say --frame-rate, or write"
    with pytest.raises(UsageError, match=expected):
        add_performances(workspace, [tmp_path / "mine"])
    assert names(workspace) == before


def test_a_declared_rate_counts_and_a_known_one_does(workspace: Workspace, tmp_path: Path) -> None:
    for subset, first in (("mine", 100), ("sample", 200)):
        write_feature(tmp_path / subset, subset, "hpcp", f"W_{first}", f"P_{first}", melody(first), None)
    (tmp_path / "mine" / "covsearch.toml").write_text(f"frame_rate = {SLOW_RATE}\n")
    rates = [add_performances(workspace, [tmp_path / subset]).frame_rates for subset in ("mine", "sample")]
    assert rates == [(SLOW_RATE,), (4 * SLOW_RATE,)]
    origins = open_searcher(workspace).catalogue.origins(["P_100", "P_200"])
    assert origins["P_100"].frame_rate == SLOW_RATE
    assert origins["P_200"].frame_rate == 4 * SLOW_RATE


def change_metadata(root: Path, wid: str, pid: str, key: str, value: str) -> None:
    known = json.loads((root / METADATA).read_text())
    known[wid][pid][key] = value
    (root / METADATA).write_text(json.dumps(known))


def change_file(root: Path) -> None:
    open_dataset(root).files["P_2"]["hpcp"].unlink()
    write_feature(root, "toy", "hpcp", "W_1", "P_2", melody(77))


def move_to_another_work(root: Path) -> None:
    known = json.loads((root / METADATA).read_text())
    known["W_4"]["P_2"] = {
        **known["W_1"].pop("P_2"),
        "work_id": "W_4",
        "work_title": "Song 4",
        "work_artist": "Writer 4",
    }
    (root / METADATA).write_text(json.dumps(known))
    path = root / "da-tacos_toy_subset_hpcp"
    write_feature(root, "toy", "hpcp", "W_4", "P_2", melody(1))
    (path / "W_1_hpcp" / "P_2_hpcp.h5").unlink()


CONFLICTS = {
    "file": (change_file, r"P_2 is in the index with another hpcp file, .*W_1_hpcp/P_2_hpcp\.h5 of "),
    "title": (
        lambda root: change_metadata(root, "W_1", "P_2", "perf_title", "Other"),
        "P_2 is in the index with another title: 'Song 1, version 2' there, 'Other' here",
    ),
    "year": (
        lambda root: change_metadata(root, "W_1", "P_2", "release_year", "1800"),
        "another year: 1962 there, 1800",
    ),
    "work": (move_to_another_work, "P_2 is in the index as a performance of W_1, not of W_4"),
    "work's title": (
        lambda root: [change_metadata(root, "W_8", f"P_{n}", "work_title", "Else") for n in (22, 23, 24)],
        "P_22 is of W_8, whose title is 'Song 8' in the index and 'Else' here",
    ),
}


@pytest.mark.parametrize("what", CONFLICTS)
def test_a_known_name_for_something_else_is_refused_and_nothing_is_added(
    toy: Path, workspace: Workspace, what: str
) -> None:
    add_performances(workspace, [*toy.rglob("P_24_hpcp.h5")], frame_rate=SLOW_RATE)  # so that W_8 is known
    before = names(workspace)
    change, message = CONFLICTS[what]
    change(toy)
    with pytest.raises(CovsearchError, match=message) as caught:
        add_performances(workspace, [toy], frame_rate=SLOW_RATE)
    assert "nothing was added" in str(caught.value)
    assert caught.value.exit_code == 1
    assert names(workspace) == before


def test_another_frame_rate_is_something_else(toy: Path, workspace: Workspace) -> None:
    with pytest.raises(CovsearchError, match=r"P_1 is in the index at 2\.69\d+ frames/s, not 10 \(11 more differ\)"):
        add_performances(workspace, [toy], frame_rate=10)


def test_after_removing_it_the_other_one_can_be_added(toy: Path, workspace: Workspace) -> None:
    before = open_searcher(workspace).collection
    change_file(toy)
    remove_performances(workspace, ["P_2"])
    add_performances(workspace, [toy], frame_rate=SLOW_RATE)
    after = open_searcher(workspace).collection
    assert not np.allclose(after.flat.vectors[after.rows["P_2"]], before.flat.vectors[before.rows["P_2"]], atol=1e-3)


def test_a_work_that_had_no_title_gets_the_first_one(toy: Path, workspace: Workspace, tmp_path: Path) -> None:
    write_feature(tmp_path / "bare", "toy", "hpcp", "W_5", "P_300", melody(5))
    add_performances(workspace, [tmp_path / "bare"], frame_rate=SLOW_RATE)
    add_performances(workspace, [toy], frame_rate=SLOW_RATE)
    assert open_searcher(workspace).catalogue.get(["P_300"])["P_300"].work_title == "Song 5"
    assert add_performances(workspace, [tmp_path / "bare", toy], frame_rate=SLOW_RATE).added == ()


def test_one_bad_file_refuses_all_files(toy: Path, workspace: Workspace) -> None:
    files = open_dataset(toy).files
    files["P_23"]["hpcp"].write_bytes(b"not HDF5")
    before = names(workspace)
    with pytest.raises(ArtefactError, match=r"P_23_hpcp\.h5: cannot be read as HDF5"):
        add_performances(workspace, [files[pid]["hpcp"] for pid in ("P_22", "P_23", "P_24")], frame_rate=SLOW_RATE)
    assert names(workspace) == before


def test_a_folder_skips_as_a_build_does_and_strict_does_not(toy: Path, workspace: Workspace) -> None:
    files = open_dataset(toy).files
    files["P_23"]["hpcp"].write_bytes(b"not HDF5")
    files["P_24"]["hpcp"].unlink()
    with pytest.raises(ArtefactError, match=r"1 would be skipped, first W_8/P_24: has no hpcp file"):
        add_performances(workspace, [toy], frame_rate=SLOW_RATE, strict=True)
    report = add_performances(workspace, [toy], frame_rate=SLOW_RATE)
    assert (len(report.added), len(report.already_there)) == (10, 12)
    skipped = {s.path: s.reason for s in report.skipped}
    assert skipped["W_8/P_24"] == "has no hpcp file"
    assert skipped["da-tacos_toy_subset_hpcp/W_8_hpcp/P_23_hpcp.h5"].startswith("cannot be read as HDF5")
    with pytest.raises(NotFoundError, match="no performance P_23"):
        open_searcher(workspace).query("P_23")


def test_a_model_of_two_features_needs_both_files(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "data", works=2, features=("hpcp", "crema"))
    workspace = Workspace(tmp_path / "home")
    build_index(root, write_model(tmp_path / "model", features=FeatureConfig("hpcp+crema", 100)), workspace)
    remove_performances(workspace, ["P_6"])
    files = open_dataset(root).files["P_6"]
    with pytest.raises(ArtefactError, match=r"W_2/P_6: has no crema file; nothing was taken"):
        add_performances(workspace, [files["hpcp"]])
    assert add_performances(workspace, list(files.values())).added == ("P_6",)
    assert set(open_searcher(workspace).catalogue.origins(["P_6"])["P_6"].files) == {"hpcp", "crema"}


def test_damage_is_not_copied_into_a_new_generation(toy: Path, workspace: Workspace) -> None:
    path = open_generation(workspace).folder / "embeddings.safetensors"
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    before = names(workspace)
    with pytest.raises(ArtefactError, match=r"embeddings\.safetensors"):
        add_performances(workspace, [toy], frame_rate=SLOW_RATE)
    with pytest.raises(ArtefactError, match=r"embeddings\.safetensors"):
        remove_performances(workspace, ["P_1"])
    assert names(workspace) == before


def test_an_index_of_another_model_than_its_copy_is_refused(toy: Path, tmp_path: Path) -> None:
    """As one whose files were put together by hand would be: its checksums hold."""
    workspace = Workspace(tmp_path / "home")
    features, rng = FeatureConfig("hpcp", 100), np.random.default_rng(0)
    write_model(tmp_path / "model", features=features)
    build.publish(
        workspace,
        ["P_1"],
        unit_vectors(rng, 1),
        random_head(rng),
        open_dataset(toy).performances,
        model_files={path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()},
        fingerprint="cnn-00000000",
        features=features,
        subset="toy",
        frame_rate=SLOW_RATE,
        parts={"chroma": make_chroma(1)},
    )
    with pytest.raises(ArtefactError, match=r"built with model cnn-00000000, its copy is cnn-.*build-index"):
        add_performances(workspace, [toy])


def test_an_update_needs_an_index_and_makes_no_folders_without_one(toy: Path, tmp_path: Path) -> None:
    nowhere = Workspace(tmp_path / "nowhere")
    for update in (lambda: add_performances(nowhere, [toy]), lambda: remove_performances(nowhere, ["P_1"])):
        with pytest.raises(NotFoundError, match="no index in"):
            update()
    assert not nowhere.home.exists()


def test_what_cannot_be_asked_is_refused(toy: Path, workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one folder or file"):
        add_performances(workspace, [])
    with pytest.raises(UsageError, match="at least one performance id"):
        remove_performances(workspace, [])
    with pytest.raises(UsageError, match=r"'P_1\\n' is no performance id"):
        remove_performances(workspace, ["P_1", "P_1\n"])
    with pytest.raises(NotFoundError, match="nowhere is not there"):
        add_performances(workspace, [tmp_path / "nowhere"])
    with pytest.raises(NotFoundError, match="no Da-TACOS feature folder"):
        add_performances(workspace, [workspace.index])
    assert len(open_searcher(workspace).collection.pids) == 12


def test_while_another_builds_both_are_refused(toy: Path, workspace: Workspace) -> None:
    with builder_lock(workspace):
        for update in (lambda: add_performances(workspace, [toy]), lambda: remove_performances(workspace, ["P_1"])):
            with pytest.raises(CovsearchError, match="another build is running"):
                update()
