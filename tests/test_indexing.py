from __future__ import annotations

import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from collection import write_collection
from published import (
    make_chroma,
    make_performances,
    publish,
    publish_made,
    random_head,
    unit_vectors,
)
from untrained import write_model

from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.embedding import embed_chroma_windows, embed_files, read_features
from covsearch.errors import ArtefactError, CovsearchError, NotFoundError, UsageError
from covsearch.features.slow import restored, slow_chroma
from covsearch.features.windows import WindowRecipe
from covsearch.index.collection import read_collection
from covsearch.index.generation import open_generation
from covsearch.index.publish import builder_lock
from covsearch.indexing import build_index
from covsearch.models import load_checkpoint
from covsearch.search import open_searcher
from covsearch.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", features=FeatureConfig("hpcp", 200))


def test_a_built_index_has_each_performances_own_embedding_head_and_metadata(
    toy: Path, model: Path, workspace: Workspace
) -> None:
    report = build_index(toy, model, workspace)
    checkpoint, dataset = load_checkpoint(model), open_dataset(toy)
    assert (report.performances, report.works, report.skipped) == (24, 8, ())
    assert (report.generation, report.model, report.subset) == ("gen-0001", checkpoint.fingerprint, "toy")
    collection = read_collection(open_generation(workspace))
    np.testing.assert_array_equal(collection.flat.head.alpha, checkpoint.alpha)
    assert collection.flat.head.beta == checkpoint.beta
    for pid in ("P_1", "P_9", "P_10", "P_24"):
        expected = embed_files(checkpoint, dataset.files[pid], dataset.frame_rate)
        np.testing.assert_allclose(collection.flat.vectors[collection.rows[pid]], expected, atol=1e-5)
    searcher = open_searcher(workspace)
    assert searcher.query("P_22").query == dataset.performances["P_22"]
    assert {m.performance.pid for m in searcher.query("P_22", 23).matches if m.listed} == {"P_23", "P_24"}


def test_windows_are_each_performances_own_and_the_datasets_folder_is_kept(
    tmp_path: Path, workspace: Workspace
) -> None:
    root = write_collection(tmp_path / "data", works=3, frames=500)
    write_model(tmp_path / "rated", branch="invariant", features=FeatureConfig("hpcp", 2000, rate=2.5))
    report = build_index(root, tmp_path / "rated", workspace, frame_rate=2.5, windows=True)
    assert report.windows == 9 * 3  # from frame 0, from frame 90, and to the end
    manifest = open_generation(workspace).manifest
    assert (manifest.windows, manifest.source) == (WindowRecipe(2.5), str(root.resolve()))
    windows = open_searcher(workspace, windows=True).windows
    assert windows is not None
    checkpoint, files = load_checkpoint(tmp_path / "rated"), open_dataset(root).files
    for row in (0, 4, 8):
        own = windows.take([row])
        vectors, cuts = embed_chroma_windows(
            checkpoint, read_features(checkpoint, files[f"P_{row + 1}"]), 2.5, WindowRecipe(2.5)
        )
        np.testing.assert_allclose(own.vectors, vectors, atol=1e-5)
        assert own.cuts.start.tolist() == cuts.start.tolist() == [0, 90 / 2.5, (140 + 8 * (row % 3)) / 2.5]


def test_every_performances_own_chroma_is_kept_whole_and_as_played(
    toy: Path, model: Path, workspace: Workspace
) -> None:
    """However little the model sees of a track, and at whatever rate; a file outside gives the same bytes."""
    build_index(toy, model, workspace, frame_rate=2.2 * SLOW_RATE)
    searcher, files = open_searcher(workspace), open_dataset(toy).files
    assert searcher.chroma.rates.tolist() == pytest.approx([1.1 * SLOW_RATE] * 24)
    checkpoint = load_checkpoint(model)
    for row in (0, 10, 23):
        chroma = read_features(checkpoint, files[f"P_{row + 1}"])
        frames, rate = slow_chroma(chroma, checkpoint.config.features.names, 2.2 * SLOW_RATE)
        assert (len(frames), rate) == ((240 + 8 * (row % 3)) / 2, searcher.chroma.rates[row])
        np.testing.assert_array_equal(searcher.chroma.take([row]).frames, frames)
        np.testing.assert_array_equal(searcher.chroma.track(row), restored(frames))


def test_windows_of_a_model_without_a_frame_rate_are_refused_before_anything_is_read(
    toy: Path, model: Path, workspace: Workspace
) -> None:
    with pytest.raises(UsageError, match="this one sees every track in at most 200 frames"):
        build_index(toy, model, workspace, windows=True)
    assert not workspace.cache.exists()


def test_the_bundled_sample_is_known_without_its_folder(workspace: Workspace) -> None:
    assert publish(workspace).manifest.source is None


def test_p_is_what_the_network_says(toy: Path, model: Path, workspace: Workspace) -> None:
    """From files to p by the whole network, and from the index without it."""
    build_index(toy, model, workspace)
    checkpoint, dataset = load_checkpoint(model), open_dataset(toy)
    a, b = (
        torch.from_numpy(embed_files(checkpoint, dataset.files[pid], dataset.frame_rate))[None]
        for pid in ("P_22", "P_3")
    )
    with torch.inference_mode():
        expected = float(torch.sigmoid(checkpoint.model.head(a, b))[0])
    matches = {m.performance.pid: m.head_p for m in open_searcher(workspace).query("P_22", 23).matches}
    assert matches["P_3"] == pytest.approx(expected, abs=1e-5)


def test_the_generation_has_its_own_copy_of_the_model(toy: Path, model: Path, workspace: Workspace) -> None:
    build_index(toy, model, workspace)
    for path in model.iterdir():
        path.unlink()
    generation = open_generation(workspace)
    assert load_checkpoint(generation.model_folder).fingerprint == generation.manifest.model


def test_unreadable_performances_are_skipped_listed_and_not_in_the_index(
    toy: Path, model: Path, workspace: Workspace
) -> None:
    dataset = open_dataset(toy)
    dataset.files["P_5"]["hpcp"].write_bytes(b"not HDF5")
    with h5py.File(dataset.files["P_6"]["hpcp"], "r+") as file:
        file["hpcp"][3, 3] = np.nan
    dataset.files["P_7"]["hpcp"].unlink()
    report = build_index(toy, model, workspace)
    assert report.performances == 21
    skipped = {s.path: s.reason for s in report.skipped}
    assert skipped.keys() == {
        "da-tacos_toy_subset_hpcp/W_2_hpcp/P_5_hpcp.h5",
        "da-tacos_toy_subset_hpcp/W_2_hpcp/P_6_hpcp.h5",
        "W_3/P_7",
    }
    assert skipped["W_3/P_7"] == "has no hpcp file"
    with pytest.raises(NotFoundError, match="no performance P_6"):
        open_searcher(workspace).query("P_6")


def test_strict_stops_at_the_first_and_publishes_nothing(toy: Path, model: Path, workspace: Workspace) -> None:
    open_dataset(toy).files["P_5"]["hpcp"].write_bytes(b"not HDF5")
    with pytest.raises(ArtefactError, match=r"P_5_hpcp\.h5"):
        build_index(toy, model, workspace, strict=True)
    with pytest.raises(NotFoundError, match="no index"):
        open_generation(workspace)


def test_a_subset_is_chosen_by_name(toy: Path, model: Path, workspace: Workspace) -> None:
    write_collection(toy, works=2, versions=2, subset="other")
    report = build_index(toy, model, workspace, subset="other")
    assert (report.performances, report.works, report.subset) == (4, 2, "other")


def test_progress_counts_every_stage_to_its_end(toy: Path, model: Path, workspace: Workspace) -> None:
    seen: dict[str, tuple[int, int]] = {}
    build_index(toy, model, workspace, progress=lambda stage, done, total: seen.update({stage: (done, total)}))
    assert seen.pop("compiling the alignment") == (1, 1)
    assert len(seen) == 2
    assert set(seen.values()) == {(24, 24)}


def test_building_again_makes_the_next_generation_with_the_same_answers(
    toy: Path, model: Path, workspace: Workspace
) -> None:
    build_index(toy, model, workspace)
    first = open_searcher(workspace).query("P_22", 23)
    assert build_index(toy, model, workspace).generation == "gen-0002"
    second = open_searcher(workspace).query("P_22", 23)
    assert second.matches == first.matches


def test_a_second_build_is_refused_before_it_reads_anything(toy: Path, model: Path, workspace: Workspace) -> None:
    with builder_lock(workspace), pytest.raises(CovsearchError, match="another build is running"):
        build_index(toy / "not there", model, workspace)


def test_of_builds_at_the_same_time_one_wins_and_the_others_say_so(workspace: Workspace) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def contender(seed: int) -> None:
        barrier.wait()
        try:
            outcomes.append(publish(workspace, seed=seed).name)
        except CovsearchError as e:
            outcomes.append(str(e).partition(" in ")[0])

    threads = [threading.Thread(target=contender, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = sorted(outcome for outcome in outcomes if outcome.startswith("gen-"))
    assert won == [f"gen-{number:04d}" for number in range(1, len(won) + 1)]
    assert len(won) >= 1
    assert set(outcomes) - set(won) <= {"another build is running"}
    assert open_generation(workspace).name == won[-1]


@pytest.mark.parametrize(
    ("pids", "message"),
    [
        (["P_1", "P_2", "P_99"], "P_99 has a vector but no metadata"),
        (["P_1", "P_2", "P_3\n"], r"'P_3\\n' is no performance id: expected 1 to 255 characters"),
        (["P_1", "P_2", "P_2"], "every PID may have one vector, P_2 has more"),
        (["P_1", "P_2"], r"float32 of shape \(2, 128\)"),
    ],
)
def test_ids_that_do_not_fit_are_refused_and_nothing_is_written(
    workspace: Workspace, tmp_path: Path, pids: list[str], message: str
) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ArtefactError, match=message):
        publish_made(
            workspace,
            pids,
            unit_vectors(rng, 3),
            random_head(rng),
            make_performances(rng, 3),
            frame_rate=86.13,
            parts={"chroma": make_chroma(3)},
        )
    assert not workspace.index.exists()


def test_metadata_of_another_performance_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    performances = make_performances(rng, 2)
    with pytest.raises(ArtefactError, match="P_1 has the metadata of P_2"):
        publish_made(
            workspace,
            ["P_1"],
            unit_vectors(rng, 1),
            random_head(rng),
            {"P_1": performances["P_2"]},
            frame_rate=86.13,
            parts={"chroma": make_chroma(1)},
        )
