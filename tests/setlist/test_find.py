"""Setlists of made-up concerts of made-up songs, by the bundled model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from collection import FRAME_RATE, melody, write_collection
from numpy.typing import NDArray

import covsearch
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.setlist import Setlist
from covsearch.setlist.candidates import Candidate, beside_the_same

Frames = NDArray[np.float32]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> covsearch.Index:
    """Twelve works in two versions, the second two semitones higher and eight frames longer."""
    folder = tmp_path_factory.mktemp("setlist")
    return covsearch.build(write_collection(folder / "toy", works=12, versions=2), home=folder / "home")


def song(work: int, up: int = 0) -> Frames:
    """A work as the first version has it, `up` semitones higher; bin 0 is A, as in HPCP."""
    return np.roll(melody(work), 3 + up, axis=1)


def applause(frames: int, seed: int = 0) -> Frames:
    return np.random.default_rng(seed).gamma(4.0, 1.0, (frames, 12)).astype(np.float32)


def silence(frames: int) -> Frames:
    return np.zeros((frames, 12), np.float32)


def heard(index: covsearch.Index, *pieces: Frames) -> Setlist:
    return index.setlist(np.concatenate(pieces), frame_rate=FRAME_RATE)


def told(found: Setlist) -> list[tuple[str | None, int, int]]:
    """Work (None in a gap), start and end in whole frames."""
    return [
        (e.performance and e.performance.wid, round(e.start * FRAME_RATE), round(e.end * FRAME_RATE)) for e in found
    ]


@pytest.fixture(scope="module")
def concert() -> list[Frames]:
    return [applause(40), song(3, 4), applause(30, 1), song(7), song(5, -3), silence(50)]


def near(found: Setlist, expected: list[tuple[str | None, int, int]], frames: int = 6) -> None:
    entries = told(found)
    assert [work for work, _, _ in entries] == [work for work, _, _ in expected]
    for (_, start, end), (_, first, last) in zip(entries, expected, strict=True):
        assert abs(start - first) <= frames
        assert abs(end - last) <= frames


EXPECTED = [
    (None, 0, 40),
    ("W_3", 40, 280),
    (None, 280, 310),
    ("W_7", 310, 550),
    ("W_5", 550, 790),
    (None, 790, 840),
]


def test_a_concert(index: covsearch.Index, concert: list[Frames]) -> None:
    found = heard(index, *concert)
    near(found, EXPECTED)
    # the second version of a work, with an even number, is two semitones higher itself
    assert [e.semitones - 2 * (int(e.performance.pid[2:]) % 2 == 1) for e in found.songs] == [2, -2, -5]
    for entry in found.songs:
        assert entry.tempo == pytest.approx(1, abs=0.05)
        assert entry.predicted
        assert entry.cover_probability > 0.6
    assert found.searched == 24


def test_silence_before_it_moves_every_time(index: covsearch.Index, concert: list[Frames]) -> None:
    found = heard(index, silence(200), *concert)
    near(found, [(None, 0, 240), *((work, a + 200, b + 200) for work, a, b in EXPECTED[1:])])


def test_a_concert_of_one_song(index: covsearch.Index) -> None:
    found = heard(index, song(2, 1))
    near(found, [("W_2", 0, 240)])
    assert found[0].matched == pytest.approx((0, 240 / FRAME_RATE), abs=4)


def test_a_song_that_is_played_twice_is_found_twice(index: covsearch.Index) -> None:
    found = heard(index, song(2), applause(60), song(9), applause(20, 3), song(2, 5))
    assert [e.performance.wid for e in found.songs] == ["W_2", "W_9", "W_2"]


def test_the_very_recording_leaves_no_stretch_to_a_cover() -> None:
    """Two covers that share its stretch would have the greater sum; one that lies mostly outside stays."""
    whole = Candidate(0, 100, 300, 0, 200, 0, 1.0, ratio=10.0, same=True)
    twin = replace(whole, row=1, ratio=9.0)
    halves = [replace(whole, row=2, start=start, end=start + 100, ratio=9.0, same=False) for start in (100, 200)]
    before, after = replace(halves[0], start=50, end=150), replace(halves[0], start=251, end=352)
    assert beside_the_same([whole, twin, *halves, before, after]) == [whole, twin, after]
    assert beside_the_same(halves) == halves
    excerpt = replace(whole, row=3, end=250)
    assert beside_the_same([excerpt, whole, twin]) == [whole, twin]


def test_a_recording_of_two_halves_is_not_told_as_its_half_twice(tmp_path: Path) -> None:
    """The index has the song, and a shorter recording that is in it twice."""
    short = song(3)
    names = {"W_1_hpcp/P_1_hpcp.h5": np.concatenate([short, short]), "W_2_hpcp/P_2_hpcp.h5": short}
    for name, frames in names.items():
        path = tmp_path / "toy" / "da-tacos_benchmark_subset_hpcp" / name
        path.parent.mkdir(parents=True)
        with h5py.File(path, "w") as file:
            file.create_dataset("hpcp", data=frames / 20)
            file.attrs["frame_rate"] = FRAME_RATE
    index = covsearch.build(tmp_path / "toy", home=tmp_path / "home")
    found = heard(index, silence(60), short, short, silence(60))
    assert [e.performance.pid for e in found.songs] == ["P_1"]
    near(found, [(None, 0, 60), ("W_1", 60, 540), (None, 540, 600)])


def test_a_faster_song_has_its_tempo(index: covsearch.Index) -> None:
    fast = song(4)[np.linspace(0, 239, 200).round().astype(int)]
    found = heard(index, applause(60), fast, applause(60, 1))
    assert [e.performance.wid for e in found.songs] == ["W_4"]
    assert found.songs[0].tempo == pytest.approx(1.2, abs=0.06)


def test_no_song_of_the_index_is_one_gap(index: covsearch.Index) -> None:
    found = heard(index, applause(900))
    assert told(found) == [(None, 0, 900)]
    assert found.songs == ()


def test_silence_is_refused(index: covsearch.Index) -> None:
    with pytest.raises(UsageError, match=r"has 0\.0 s of sound, at least 15 s are needed"):
        heard(index, silence(900))


def test_an_array_needs_a_frame_rate(index: covsearch.Index) -> None:
    with pytest.raises(UsageError, match="expected the array's frame rate"):
        index.setlist(song(1))


def test_a_file_is_read_at_the_rate_it_declares(index: covsearch.Index, concert: list[Frames], tmp_path: Path) -> None:
    path = tmp_path / "concert.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("hpcp", data=np.concatenate(concert) / 20)
        file.attrs["frame_rate"] = FRAME_RATE
    found = index.setlist(str(path))
    near(found, EXPECTED)
    assert (found.file, found.frame_rate) == (str(path), FRAME_RATE)


def test_no_file_and_no_hdf5(index: covsearch.Index, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is none"):
        index.setlist(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(ArtefactError, match=r"text\.h5"):
        index.setlist(tmp_path / "text.h5")


def test_foreign_vectors_have_nothing_to_align(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", ids=np.array(["a", "b"]), vectors=np.eye(2, 4, dtype=np.float32))
    index = covsearch.build(vectors=tmp_path / "v.npz", home=tmp_path / "home")
    with pytest.raises(UsageError, match="a setlist needs chroma"):
        index.setlist(song(1), frame_rate=FRAME_RATE)
