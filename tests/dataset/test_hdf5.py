from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covsearch.dataset import hdf5
from covsearch.dataset.chroma import CHROMA
from covsearch.dataset.chunks import read_values
from covsearch.dataset.hdf5 import inspect_chroma, read_chroma, read_rate
from covsearch.errors import FeatureFileError
from tests.hostile.files import DATASETS, chroma, with_attribute, write_file, write_single_file
from tests.hostile.hdf5 import BROKEN_FILES

VALUE_FAULTS = {
    "one NaN",
    "one infinity",
    "beyond float32",
    "one negative value",
    "all frames zero",
    "a gzip bomb",
    "a short chunk",
    "a flipped bit",
    "minus infinity",
    "beyond what can be squared",
    "too small to square",
    "a flood of filters",
    "chunks in one place",
}


@pytest.mark.parametrize("feature", sorted(CHROMA))
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
def test_either_orientation_and_every_float_is_read_as_stored(
    tmp_path: Path, feature: str, transposed: bool, dtype: str
) -> None:
    values = chroma(701).astype(dtype)
    path = tmp_path / "P_15.h5"
    write_file(path, {DATASETS[feature]: values.T if transposed else values})
    read = read_chroma(path, feature, pid="P_15", wid="W_14")
    np.testing.assert_array_equal(read, values.astype(np.float32))
    assert (read.dtype, read.flags.c_contiguous) == (np.float32, True)
    assert inspect_chroma(path, feature, pid="P_15", wid="W_14") == 701


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 400).filter(lambda n: n != 12),
    chunk=st.tuples(st.integers(1, 90), st.integers(1, 12)),
    gzip=st.booleans(),
    shuffle=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_chunking_reads_as_h5py_reads_it(
    tmp_path_factory: pytest.TempPathFactory,
    frames: int,
    chunk: tuple[int, int],
    gzip: bool,
    shuffle: bool,
    seed: int,
) -> None:
    path = tmp_path_factory.mktemp("chunks") / "a.h5"
    values = chroma(frames, seed) + np.float32(0.001)
    with h5py.File(path, "w") as file:
        made = (min(chunk[0], frames), chunk[1])
        file.create_dataset("hpcp", data=values, chunks=made, compression="gzip" if gzip else None, shuffle=shuffle)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(read_chroma(path, "hpcp"), file["hpcp"][()])


def test_chunks_that_skipped_a_filter_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    values = chroma(100)
    with h5py.File(path, "w") as file:
        made = file.create_dataset("hpcp", (100, 12), "f4", chunks=(100, 12), compression="gzip", shuffle=True)
        made.id.write_direct_chunk((0, 0), values.tobytes(), filter_mask=0b11)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["hpcp"][()], values)
    np.testing.assert_array_equal(read_chroma(path, "hpcp"), values)


def test_values_in_one_piece_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["hpcp"] = chroma(100)
    np.testing.assert_array_equal(read_chroma(tmp_path / "a.h5", "hpcp"), chroma(100))


def test_compact_values_are_read(tmp_path: Path) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        space = h5py.h5s.create_simple((30, 12))
        made = h5py.h5d.create(file.id, b"hpcp", h5py.h5t.IEEE_F32LE, space, plist)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, chroma(30))
    np.testing.assert_array_equal(read_chroma(tmp_path / "a.h5", "hpcp"), chroma(30))


def test_a_single_file_holds_every_feature(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"hpcp": chroma(50, 1), "crema": chroma(50, 2).T, "chroma_cens": chroma(49, 3)}
    write_single_file(tmp_path / "P_15.h5", arrays)
    for feature, seed, frames in (("hpcp", 1, 50), ("crema", 2, 50), ("cens", 3, 49)):
        read = read_chroma(tmp_path / "P_15.h5", feature, pid="P_15", wid="W_14")
        np.testing.assert_array_equal(read, chroma(frames, seed))


def test_attributes_may_be_missing_or_padded(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["hpcp"] = chroma(30)
        file.attrs.create("label", np.bytes_("W_14"), dtype="S40")
    assert inspect_chroma(path, "hpcp", pid="P_15", wid="W_14") == 30
    with pytest.raises(FeatureFileError, match=r"attribute label says 'W_14'; folder and file name say W_1$"):
        inspect_chroma(path, "hpcp", wid="W_1")


def test_links_to_regular_files_are_read(tmp_path: Path) -> None:
    write_file(tmp_path / "a.h5", {"hpcp": chroma(30)})
    (tmp_path / "b.h5").symlink_to("a.h5")
    assert inspect_chroma(tmp_path / "b.h5", "hpcp") == 30


@pytest.mark.parametrize("kind", sorted(BROKEN_FILES))
def test_broken_files_are_refused_with_their_reason(tmp_path: Path, kind: str) -> None:
    build, reason = BROKEN_FILES[kind]
    path = tmp_path / "P_15_hpcp.h5"
    build(path)
    with pytest.raises(FeatureFileError, match=reason) as refused:
        read_chroma(path, "hpcp", pid="P_15", wid="W_14")
    assert refused.value.path == path
    assert str(refused.value) == f"{path}: {refused.value.reason}"
    assert len(refused.value.reason) < 200
    assert "\n" not in refused.value.reason


@pytest.mark.parametrize("kind", sorted(BROKEN_FILES.keys() - VALUE_FAULTS))
def test_what_the_header_tells_is_refused_from_the_header(tmp_path: Path, kind: str) -> None:
    build, reason = BROKEN_FILES[kind]
    build(tmp_path / "P_15_hpcp.h5")
    with pytest.raises(FeatureFileError, match=reason):
        inspect_chroma(tmp_path / "P_15_hpcp.h5", "hpcp", pid="P_15", wid="W_14")


@pytest.mark.parametrize("kind", sorted(VALUE_FAULTS))
def test_what_only_values_tell_passes_the_header(tmp_path: Path, kind: str) -> None:
    BROKEN_FILES[kind][0](tmp_path / "a.h5")
    assert inspect_chroma(tmp_path / "a.h5", "hpcp") in (60, 100, 600)


def test_an_unknown_feature_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        read_chroma(tmp_path / "a.h5", "mfcc")


def test_a_gzip_bomb_costs_no_memory(tmp_path: Path) -> None:
    import tracemalloc

    BROKEN_FILES["a gzip bomb"][0](tmp_path / "a.h5")
    tracemalloc.start()
    with pytest.raises(FeatureFileError, match="does not end"):
        read_chroma(tmp_path / "a.h5", "hpcp")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_damage_anywhere_is_refused_or_harmless(tmp_path: Path) -> None:
    """Overwrite each stretch of a file: what is then read has the right shape, or the file is refused."""
    path = tmp_path / "a.h5"
    write_file(path, {"hpcp": chroma(40)})
    whole = path.read_bytes()
    outcomes = {"read": 0, "refused": 0}
    for start, byte in itertools.product(range(0, len(whole), 16), (0x00, 0xFF)):
        path.write_bytes(whole[:start] + bytes([byte]) * 16 + whole[start + 16 :])
        try:
            frames = read_chroma(path, "hpcp", pid="P_15", wid="W_14")
        except FeatureFileError:
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
            assert frames.shape[1] == 12
            assert np.isfinite(frames).all()
            assert frames.min() >= 0
    assert min(outcomes.values()) > 50


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.h5"
    write_file(path, {"hpcp": chroma(60)})

    def read_and_append(layout: Any) -> Any:
        with path.open("ab") as file:
            file.write(bytes(100))
        return read_values(layout)

    monkeypatch.setattr(hdf5, "read_values", read_and_append)
    with pytest.raises(FeatureFileError, match="was changed while it was read"):
        read_chroma(path, "hpcp")


def test_a_file_that_is_cut_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.h5"
    write_file(path, {"hpcp": chroma(6000)})

    def cut_and_read(layout: Any) -> Any:
        os.truncate(path, 6000)
        return read_values(layout)

    monkeypatch.setattr(hdf5, "read_values", cut_and_read)
    with pytest.raises(FeatureFileError, match="has become shorter"):
        read_chroma(path, "hpcp")


def test_a_file_that_became_a_link_out_of_its_dataset_is_refused(tmp_path: Path) -> None:
    write_file(tmp_path / "else.h5", {"hpcp": chroma(60)})
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "a.h5").symlink_to(tmp_path / "else.h5")
    assert inspect_chroma(tmp_path / "dataset" / "a.h5", "hpcp") == 60
    with pytest.raises(FeatureFileError, match="link out of the dataset: not followed"):
        read_chroma(tmp_path / "dataset" / "a.h5", "hpcp", root=tmp_path / "dataset")


def test_no_descriptor_is_left_open_by_what_is_refused(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for i, kind in enumerate(("one NaN", "a soft link", "truncated", "a gzip bomb", "a virtual dataset", "szip")):
        BROKEN_FILES[kind][0](tmp_path / f"{i}.h5")
        with pytest.raises(FeatureFileError):
            read_chroma(tmp_path / f"{i}.h5", "hpcp")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("said", [10.5, np.float32(10.5), np.bytes_("10.5"), np.array(10.5, ">f8")])
def test_a_file_may_declare_its_frame_rate(tmp_path: Path, said: Any) -> None:
    path = tmp_path / "a.h5"
    with_attribute("frame_rate", said)(path)
    assert read_rate(path) == 10.5
    np.testing.assert_array_equal(read_chroma(path, "hpcp", frame_rate=10.5), chroma(60))
    with pytest.raises(FeatureFileError, match=r"declares 10\.5 frames/s, its collection has 86\.1328: keep files"):
        read_chroma(path, "hpcp", frame_rate=44_100 / 512)


def test_a_frame_rate_of_whole_frames_and_none(tmp_path: Path) -> None:
    with_attribute("frame_rate", 10)(tmp_path / "a.h5")
    write_file(tmp_path / "b.h5", {"hpcp": chroma(60)})
    assert (read_rate(tmp_path / "a.h5"), read_rate(tmp_path / "b.h5")) == (10.0, None)
    assert inspect_chroma(tmp_path / "b.h5", "hpcp", frame_rate=3) == 60


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (0.0, "says 0.0"),
        (-3, "says -3.0"),
        (np.nan, "says nan"),
        (np.inf, "says inf"),
        (np.bytes_("fast"), "says 'fast'"),
        (np.bytes_("-1"), "says '-1'"),
        (np.bytes_("1" * 65), "is not a short text"),
        ("10.5", "has variable length; write it as np.bytes_"),
        (np.array([10.5, 10.5]), "is not one number"),
        (True, "is not one number"),
    ],
)
def test_a_frame_rate_that_cannot_be_is_refused_by_every_reader(tmp_path: Path, said: Any, reason: str) -> None:
    path = tmp_path / "a.h5"
    with_attribute("frame_rate", said)(path)
    for read in (read_rate, lambda p: read_chroma(p, "hpcp"), lambda p: inspect_chroma(p, "hpcp")):
        with pytest.raises(FeatureFileError, match=rf"a\.h5: attribute frame_rate {reason}"):
            read(path)
