"""Real recordings among the covers: read with care, changed by chance, and in the key that is asked for."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import make_song

from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.errors import ArtefactError, NotFoundError
from covsearch.synthesis import CoverMaker
from covsearch.synthesis.recorded import read_recordings, recorded_cover, recordings_of
from covsearch.synthesis.sources import open_collections


def write(path: Path, rate: float = SLOW_RATE, **recordings: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["frame_rate"] = rate
        for name, chroma in recordings.items():
            file[f"chroma/{name}"] = chroma
    return path


def chroma(frames: int = 200, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((frames, 24)).astype(np.float16)


def test_a_recording_begins_with_c_and_keeps_bass_and_treble_apart(tmp_path: Path) -> None:
    played = np.zeros((100, 24), dtype=np.float16)
    played[:, 3], played[:, 12] = 1, 2  # a bass C and a treble A: the columns begin with A
    read = read_recordings(write(tmp_path / "some.h5", song=played))["song"]
    assert read.shape == (100, 2, 12)
    assert (read[:, 0, 0] == 1).all()
    assert (read[:, 1, 9] == 2).all()
    assert read.sum() == 300


def test_why_nothing_can_be_used_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "some.h5", short=chroma(10))
    with h5py.File(path, "a") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((200, 24))
        plist.set_filter(307, h5py.h5z.FLAG_OPTIONAL, (9,))  # bzip2, as PyTables writes it
        space = h5py.h5s.create_simple((200, 24))
        made = h5py.h5d.create(file["chroma"].id, b"packed", h5py.h5t.IEEE_F32LE, space, plist)
        made.write_direct_chunk((0, 0), b"BZh9 or whatever")
    why = "packed uses the HDF5 filter bzip2; only shuffle and gzip are read: open it with the package hdf5plugin"
    with pytest.raises(ArtefactError, match=rf"none of its 2 recordings is .*; {why}"):
        read_recordings(path)


def test_what_cannot_be_used_costs_itself(tmp_path: Path) -> None:
    wrong = chroma()
    wrong[3, 4] = np.nan
    path = write(tmp_path / "some.h5", good=chroma(), short=chroma(10), wide=chroma()[:, :12], odd=wrong)
    with h5py.File(path, "a") as file:
        file["chroma/text"] = "text"
        file["chroma/linked"] = h5py.ExternalLink("/etc/passwd", "/x")
        file.create_group("chroma/group")
    assert list(read_recordings(path)) == ["good"]
    with pytest.raises(ArtefactError, match="none of its 1 recordings"):
        read_recordings(write(tmp_path / "none.h5", odd=wrong))
    with pytest.raises(ArtefactError, match=r"frame_rate of 2\.69"):
        read_recordings(write(tmp_path / "fast.h5", rate=21.5, good=chroma()))
    with pytest.raises(NotFoundError, match="is not there"):
        read_recordings(tmp_path / "missing.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(ArtefactError, match="cannot be read as HDF5"):
        read_recordings(tmp_path / "text.h5")


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 300), st.integers(0, 11))
def test_a_stretch_is_unit_frames_in_the_key_asked_for(seed: int, frames: int, up: int) -> None:
    recording = np.random.default_rng(1).random((200, 2, 12)).astype(np.float32)
    plain, higher = (
        recorded_cover(recording, np.random.default_rng(seed), frames=frames, semitones=k) for k in (0, up)
    )
    assert 1 <= len(plain) <= frames
    np.testing.assert_array_equal(np.roll(plain, up, axis=1), higher)
    assert (plain >= 0).all()
    assert np.linalg.norm(plain, axis=1) == pytest.approx(1, abs=0.2)  # interpolated between unit frames


def test_half_of_the_covers_of_a_recorded_song_are_its_recording() -> None:
    songs = [make_song(seed) for seed in range(2)]
    loud = np.zeros((400, 2, 12), dtype=np.float32)
    loud[:, :, 6] = 1  # one note, which no arrangement holds all the time
    recorded = CoverMaker(songs, {songs[0].name: loud})
    which = [0] * 40 + [1] * 40
    batch, lengths = recorded.make(which, np.random.default_rng(0), hardness=0.2, frames=100, semitones=[0] * 80)
    is_one = np.array(
        [(row[:length].argmax(axis=1) == 6).mean() > 0.8 for row, length in zip(batch, lengths, strict=True)]
    )
    assert 10 <= is_one[:40].sum() <= 30
    assert not is_one[40:].any()
    plain = CoverMaker(songs).make(which, np.random.default_rng(0), hardness=0.2, frames=100)
    none = CoverMaker(songs, {}).make(which, np.random.default_rng(0), hardness=0.2, frames=100)
    np.testing.assert_array_equal(plain[0], none[0])


def test_songs_are_called_by_their_recordings() -> None:
    one = np.ones((100, 2, 12), dtype=np.float32)
    assert list(recordings_of(["charts/0003.txt", "0004", "0005"], {"0003": one, "0004": one})) == [
        "charts/0003.txt",
        "0004",
    ]


def test_what_lies_elsewhere_is_not_opened(tmp_path: Path) -> None:
    path = write(tmp_path / "some.h5", good=chroma())
    other = write(tmp_path / "other.h5", secret=chroma())
    with h5py.File(path, "a") as file:
        layout = h5py.VirtualLayout(shape=(200, 24), dtype="<f2")
        layout[:] = h5py.VirtualSource(str(other), "chroma/secret", shape=(200, 24))
        file["chroma"].create_virtual_dataset("virtual", layout)
        raw = tmp_path / "raw.bin"
        raw.write_bytes(chroma().tobytes())
        file["chroma"].create_dataset("outside", shape=(200, 24), dtype="<f2", external=[(str(raw), 0, 9600)])
    assert list(read_recordings(path)) == ["good"]


def test_recordings_alone_are_no_songs(tmp_path: Path) -> None:
    path = write(tmp_path / "some.h5", good=chroma())
    with pytest.raises(NotFoundError, match="recordings alone are no songs"):
        open_collections([str(path)], tmp_path)
