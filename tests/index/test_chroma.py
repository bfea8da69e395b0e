"""Chroma in a generation: what was published comes back, anything else is refused, and only what is asked is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from published import (
    make_chroma,
    make_performances,
    publish,
    publish_made,
    random_head,
    reseal,
    unit_vectors,
)

from covsearch.config import FeatureConfig
from covsearch.errors import ArtefactError
from covsearch.index.chroma import Chroma
from covsearch.index.generation import Generation, open_generation
from covsearch.index.parts import read_part, write_part
from covsearch.search import open_searcher
from covsearch.workspace import Workspace


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    return publish(Workspace(tmp_path), count=30)


def read(generation: Generation) -> Chroma:
    found = read_part(generation, "chroma")
    assert isinstance(found, Chroma)
    return found


def assert_same(a: Chroma, b: Chroma) -> None:
    np.testing.assert_array_equal(a.frames, b.frames)
    np.testing.assert_array_equal(a.first, b.first)
    np.testing.assert_array_equal(a.rates, b.rates)


def test_chroma_comes_back_each_with_its_performance(generation: Generation) -> None:
    rng = np.random.default_rng(0)  # what `publish` drew
    pids = list(rng.permutation(list(make_performances(rng, 30))))
    drawn, stored = make_chroma(30), open_searcher(generation.workspace).chroma
    assert len(stored) == 30
    for row, pid in enumerate(pids):
        place = int(pid.removeprefix("P_")) - 1
        assert stored.rates[place] == drawn.rates[row]
        np.testing.assert_array_equal(stored.track(place), drawn.track(row))
        assert stored.track(place).dtype == np.float32


def test_the_order_of_publishing_does_not_matter(tmp_path: Path) -> None:
    rng, pids = np.random.default_rng(0), [f"P_{n}" for n in range(1, 13)]
    vectors, head, performances, chroma = (
        unit_vectors(rng, 12),
        random_head(rng),
        make_performances(rng, 12),
        make_chroma(12),
    )
    written = []
    for turn in range(3):
        order = rng.permutation(12).tolist()
        generation = publish_made(
            Workspace(tmp_path / str(turn)),
            [pids[row] for row in order],
            vectors[order],
            head,
            performances,
            parts={"chroma": chroma.take(order)},
        )
        written.append((generation.folder / "chroma.safetensors").read_bytes())
    assert written[0] == written[1] == written[2]
    assert_same(read(generation), chroma)


def test_an_index_without_chroma_is_not_published(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ArtefactError, match="an index needs chroma of every performance, there is none"):
        publish_made(
            Workspace(tmp_path), ["P_1"], unit_vectors(rng, 1), random_head(rng), make_performances(rng, 1), parts={}
        )
    assert not (tmp_path / "index").exists()


@given(st.lists(st.integers(0, 8), max_size=12))
def test_take_and_append_are_rows_one_after_the_other(rows: list[int]) -> None:
    chroma = make_chroma(9)
    taken = chroma.take(rows)
    assert len(taken) == len(rows)
    for place, row in enumerate(rows):
        np.testing.assert_array_equal(taken.track(place), chroma.track(row))
        assert taken.rates[place] == chroma.rates[row]
    assert_same(chroma.take(range(4)) + chroma.take(range(4, 9)), chroma)
    assert_same(chroma.take(rows) + chroma.take([]), taken)


def test_saving_gives_the_same_bytes_again(generation: Generation, tmp_path: Path) -> None:
    stored = read(generation)
    write_part(tmp_path, "chroma", stored, [str(row) for row in range(30)])
    assert (tmp_path / "chroma.safetensors").read_bytes() == (generation.folder / "chroma.safetensors").read_bytes()


def test_opening_maps_the_frames_and_taking_reads_only_its_rows(generation: Generation) -> None:
    stored = read(generation)
    taken = stored.take([0, 29])
    path = generation.folder / "chroma.safetensors"
    with path.open("r+b") as file:  # what is not looked at yet, is seen as it is when it is looked at
        file.seek(-1, 2)
        last = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([last ^ 255]))
    assert stored.frames[-1, -1] == last ^ 255
    assert taken.frames[-1, -1] == last  # what was taken is in memory
    with pytest.raises(ValueError, match="read-only"):
        stored.frames[0, 0] = 1


def stored_as(chroma: Chroma, **changes: Any) -> bytes:
    arrays = {"frames": chroma.frames, "first": chroma.first, "rates": chroma.rates, **changes}
    return safetensors.numpy.save({name: np.ascontiguousarray(a) for name, a in arrays.items() if a is not None})


def test_a_file_that_is_not_what_was_written_is_named(generation: Generation) -> None:
    path, good = generation.folder / "chroma.safetensors", make_chroma(30)
    whole, some = stored_as(good), good.take(range(29))
    steps = good.first.copy()
    steps[3] = steps[4]
    for data, message in [
        (b"", "expected safetensors"),
        (b"junk", "expected safetensors"),
        (whole[:-1], "expected safetensors"),
        (whole + b"\0", "expected safetensors"),
        (whole[: len(whole) // 2], "expected safetensors"),
        (stored_as(good, rates=None), r"expected first, frames and rates, found 'first', 'frames'"),
        (stored_as(good, more=good.rates), "expected first, frames and rates, found"),
        (stored_as(good, frames=good.frames.astype(np.int8)), r"expected frames as uint8 \(M, F\), not I8"),
        (stored_as(good, frames=good.frames[:, 0]), r"expected frames as uint8 \(M, F\), not U8"),
        (stored_as(good, frames=good.frames[:0]), r"expected frames as uint8 \(M, F\), not U8"),
        (stored_as(good, frames=good.frames[:, :6]), "expected frames of 12 numbers, found 6"),
        (stored_as(good, frames=good.frames[:-1]), "offsets must rise from 0 to the number of frames"),
        (stored_as(good, first=good.first.astype(np.int32)), "offsets must rise from 0"),
        (stored_as(good, first=good.first[::-1]), "offsets must rise from 0"),
        (stored_as(good, first=steps), "offsets must rise from 0"),
        (stored_as(good, rates=good.rates[:-1]), "30 performances and float64 .* rates do not fit"),
        (stored_as(good, rates=good.rates.astype(np.float32)), "30 performances and float32 .* rates do not fit"),
        (stored_as(good, rates=np.full(30, np.nan)), "expected rates as positive numbers"),
        (stored_as(good, rates=np.zeros(30)), "expected rates as positive numbers"),
        (stored_as(some), "expected 30 performances, found 29"),
    ]:
        path.write_bytes(data)
        with pytest.raises(ArtefactError, match=rf"chroma\.safetensors: .*{message}.*run `covsearch build-index`"):
            read(generation)


def test_chroma_of_another_number_of_features_is_refused(generation: Generation) -> None:
    reseal(generation.workspace, features=FeatureConfig("hpcp+crema"))
    with pytest.raises(ArtefactError, match="expected frames of 24 numbers, found 12"):
        read(open_generation(generation.workspace))


def test_chroma_of_others_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="chroma of 2 performances expected, not of 3"):
        write_part(tmp_path, "chroma", make_chroma(3), ["P_1", "P_2"])
    assert not list(tmp_path.iterdir())
