"""Lengths that cannot be true at an assumed frame rate."""

from __future__ import annotations

from pathlib import Path

import pytest
from collection import melody, write_collection, write_feature

from covsearch.dataset import lengths
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.lengths import check_lengths
from covsearch.errors import UsageError


def collection(root: Path, frames: int) -> Path:
    return write_collection(root, works=1, versions=1, frames=frames, frame_rate=None)


@pytest.mark.parametrize(
    ("frames", "said"),
    [(240, "2.8 s"), (3875, "45.0 s"), (3876, None), (103_359, None), (103_360, "20.0 min"), (250_000, "48.4 min")],
)
def test_the_median_must_be_45_s_to_20_min_at_the_assumed_rate(tmp_path: Path, frames: int, said: str | None) -> None:
    dataset = open_dataset(collection(tmp_path / "data", frames))
    if said is None:
        check_lengths(dataset, "hpcp")
        return
    expected = rf"data: expected 45 s to 20 min, found a median length of {said} at 86\.13 frames/s, .* --frame-rate$"
    with pytest.raises(UsageError, match=expected):
        check_lengths(dataset, "hpcp")


def test_a_rate_that_somebody_said_is_believed(tmp_path: Path) -> None:
    root = collection(tmp_path, 240)
    check_lengths(open_dataset(root, frame_rate=86.13), "hpcp")
    (root / "covsearch.toml").write_text("frame_rate = 86.13\n")
    check_lengths(open_dataset(root), "hpcp")


def test_the_files_looked_at_are_few_and_spread_and_those_that_cannot_be_read_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(1, 11):
        write_feature(tmp_path, "toy", "hpcp", "W_1", f"P_{n}", melody(n, 240 if n % 2 else 4000), None)
    dataset = open_dataset(tmp_path)
    seen: list[str] = []
    original = lengths.inspect_chroma

    def spy(path: Path, *args: object, **how: object) -> int:
        seen.append(path.name)
        return original(path, *args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(lengths, "inspect_chroma", spy)
    monkeypatch.setattr(lengths, "_LOOKED_AT", 5)
    with pytest.raises(UsageError, match=r"median length of 2\.8 s"):
        check_lengths(dataset, "hpcp")
    assert seen == [f"P_{n}_hpcp.h5" for n in (1, 3, 5, 7, 9)]
    for name in seen:
        (tmp_path / "da-tacos_toy_subset_hpcp" / "W_1_hpcp" / name).write_bytes(b"")
    check_lengths(dataset, "hpcp")
