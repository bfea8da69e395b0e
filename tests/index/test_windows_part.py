"""Windows in a generation: what was published comes back, anything else is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from published import make_performances, make_windows, publish, random_head, unit_vectors

from covsearch.errors import ArtefactError, NotFoundError
from covsearch.index.generation import Generation
from covsearch.index.parts import read_part, write_part
from covsearch.index.windows import Windows
from covsearch.workspace import Workspace


def read_windows(generation: Generation) -> Windows:
    found = read_part(generation, "windows")
    assert isinstance(found, Windows)
    return found


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    return publish(Workspace(tmp_path), count=30, windows=True)


def test_windows_come_back_each_with_its_performance(generation: Generation) -> None:
    rng = np.random.default_rng(0)  # what `publish` drew
    pids = list(rng.permutation(list(make_performances(rng, 30))))
    unit_vectors(rng, 30), random_head(rng)
    drawn, stored = make_windows(rng, 30), read_windows(generation)
    assert stored.cuts.recipe == drawn.cuts.recipe
    assert len(stored) == 30
    for row, pid in enumerate(pids):
        expected, came = drawn.take([row]), stored.take([int(pid.removeprefix("P_")) - 1])
        np.testing.assert_array_equal(came.vectors, expected.vectors)
        assert came.cuts.start.tolist() == expected.cuts.start.tolist()


def test_a_generation_without_windows_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(
        NotFoundError, match=r"the index \(gen-0001\) has no windows: run `covsearch build-index --windows`"
    ):
        read_windows(publish(Workspace(tmp_path)))


def stored(windows: Windows, **changes: Any) -> bytes:
    arrays = {"vectors": windows.vectors, "first": windows.cuts.first, "start": windows.cuts.start, **changes}
    return safetensors.numpy.save({name: array for name, array in arrays.items() if array is not None})


def test_a_file_that_is_not_what_was_written_is_named(generation: Generation) -> None:
    path, good = generation.folder / "windows.safetensors", read_windows(generation)
    first, start = good.cuts.first, good.cuts.start
    some = good.take(range(29))
    for data, message in [
        (b"junk", "expected safetensors"),
        (stored(good, start=None), r"expected first, start and vectors, found 'first', 'vectors'"),
        (stored(good, more=start), "expected first, start and vectors, found"),
        (stored(good, vectors=good.vectors[:, :64].copy()), r"expected float32 of shape \(M, 128\)"),
        (stored(good, vectors=good.vectors.astype(np.float64)), r"expected float32 of shape \(M, 128\)"),
        (stored(good, first=first[::-1].copy()), "offsets must rise from 0"),
        (stored(good, first=first.astype(np.int32)), "offsets must rise from 0"),
        (stored(good, start=start[:-1].copy()), "starts do not fit"),
        (stored(good, start=np.full_like(start, np.nan)), "holds NaN or infinity"),
        (stored(good, vectors=np.full_like(good.vectors, np.inf)), "holds NaN or infinity"),
        (stored(some), "expected 30 performances, found 29"),
    ]:
        path.write_bytes(data)
        with pytest.raises(ArtefactError, match=rf"windows\.safetensors: .*{message}.*run `covsearch build-index"):
            read_windows(generation)


def test_windows_of_others_or_of_no_length_are_not_written(tmp_path: Path) -> None:
    windows = make_windows(np.random.default_rng(0), 3)
    with pytest.raises(ArtefactError, match="windows of 2 performances expected, not of 3"):
        write_part(tmp_path, "windows", windows, ["P_1", "P_2"])
    windows.vectors[windows.cuts.first[1]] *= 2
    with pytest.raises(ArtefactError, match="a window of P_2: vector must be finite and of length 1, its length is 2"):
        write_part(tmp_path, "windows", windows, ["P_1", "P_2", "P_3"])
    assert not list(tmp_path.iterdir())
