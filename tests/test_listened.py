"""A recording from outside, heard once and asked with: the answers are those of its file."""

from __future__ import annotations

from pathlib import Path

import pytest

import covsearch
from covsearch.errors import UsageError
from covsearch.workspace import Workspace
from tests.collections.music import write_music


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, covsearch.Index]:
    folder = tmp_path_factory.mktemp("listened")
    music = write_music(folder / "Music")
    return music, covsearch.build(music, home=folder / "home")


def test_it_asks_as_its_file_does_and_is_called_as_one_likes(made: tuple[Path, covsearch.Index]) -> None:
    music, index = made
    listened = index.listen(music / "one.mp3", name="mine.mp3")
    found, expected = index.query(listened, top=3), index.query(music / "one.mp3", top=3)
    assert found.matches == expected.matches
    assert (found.files, found.frame_rate) == (("mine.mp3",), expected.frame_rate)
    assert (listened.performance.pid, listened.performance.title) == ("mine.mp3", "Ein Lied")


def test_a_comparison_says_what_the_query_said(made: tuple[Path, covsearch.Index]) -> None:
    music, index = made
    listened = index.listen(music / "one.mp3")
    match = next(m for m in index.query(listened, top=3) if m.pid == "Album/two.flac")
    found = index.compare(listened, match.pid)
    assert (found.a.title, found.b.pid) == ("Ein Lied", match.pid)
    assert (found.cover_probability, found.predicted, found.distance) == (
        match.cover_probability,
        match.predicted,
        match.distance,
    )
    itself = index.compare(listened, "one.mp3")
    assert itself.same_recording
    assert itself.tempo == pytest.approx(1)
    of_the_index = index.compare("one.mp3", match.pid)
    assert found.alignment.path.tolist() == of_the_index.alignment.path.tolist()


def test_nothing_is_kept_where_it_must_not_be(tmp_path: Path) -> None:
    music = write_music(tmp_path / "Music")
    index = covsearch.build(music / "Album", home=tmp_path / "home")
    kept = {path for path in index.workspace.cache.rglob("*") if path.is_file()}
    asked = []
    index.listen(music / "one.mp3", keep=False, alive=lambda: asked.append(1))
    assert {path for path in index.workspace.cache.rglob("*") if path.is_file()} == kept
    assert asked
    index.listen(music / "one.mp3")
    assert (
        len([path for path in index.workspace.cache.rglob("*.npy") if path.is_file()])
        == len([path for path in kept if path.suffix == ".npy"]) + 1
    )


def test_decoding_ends_when_nobody_waits(made: tuple[Path, covsearch.Index]) -> None:
    music, index = made

    def gone() -> None:
        raise InterruptedError("gone")

    with pytest.raises(InterruptedError, match="gone"):
        index.listen(music / "one.mp3", keep=False, alive=gone)


def test_another_models_index_is_not_asked(made: tuple[Path, covsearch.Index], tmp_path: Path) -> None:
    from published import made_up_calibration, publish

    music, index = made
    listened = index.listen(music / "one.mp3")
    publish(Workspace(tmp_path), 6, calibration=made_up_calibration())
    other = covsearch.open(tmp_path)
    for ask in (other.query, other.setlist, lambda asked: other.compare(asked, "P_1")):
        with pytest.raises(UsageError, match=r"heard by model .*, and the index is of .*: listen to it again"):
            ask(listened)
