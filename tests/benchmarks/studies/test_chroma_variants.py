"""Chroma variants: triads by hand, and precision of tracks that are their own versions in another key."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.studies.chroma_variants import USED, average_precisions, compared, markdown, stacked, triads


def test_a_triad_fits_itself_best_on_its_root() -> None:
    chroma = np.zeros((3, 12), np.float32)
    chroma[0, [2, 6, 9]] = 0.5  # major, on 2
    chroma[1, [2, 5, 9]] = 1  # minor, on 2
    major, minor = triads(chroma, 4), triads(chroma, 3)
    assert major[0].argmax() == minor[1].argmax() == 2
    assert major[0, 2] == minor[1, 2] == pytest.approx(1)
    assert major[1, 2] == minor[0, 2] == pytest.approx(4 / 9)
    assert not major[2].any()


def test_versions_in_another_key_are_found_in_blocks_that_are_transposed_alike() -> None:
    rng = np.random.default_rng(0)
    heard = []
    for _ in range(3):
        one = rng.random((80, 12)).astype(np.float32) ** 4
        for up in (0, 5):
            turned = np.roll(one, up, axis=1)
            heard.append({"hpcp": turned, "major": triads(turned, 4)})
    heard.append({"hpcp": rng.random((80, 12)).astype(np.float32), "major": np.ones((80, 12), np.float32)})
    tracks = stacked(heard, ("hpcp", "major"))
    assert tracks[0].shape == (80, 24)
    found = average_precisions(tracks, np.array(["a", "a", "b", "b", "c", "c", "d"]))
    assert found[:6].tolist() == [1] * 6
    assert np.isnan(found[6])


def test_differences_are_paired_and_told() -> None:
    precision = {USED: np.array([0.5, 0.5, 1.0]), "other": np.array([0.6, 0.6, 1.1])}
    rows = compared(precision, np.array(["a", "a", "b"]))
    other = rows["other"]
    assert (other["difference"], other["difference_low"], other["difference_high"]) == (0.1, 0.1, 0.1)
    told = markdown(rows, {"queries": 3, "works": 2, "performances": 4}).splitlines()
    assert told[3].startswith("| other | 0.767 | [")
    assert told[3].endswith("| +0.100 | [+0.100, +0.100] |")
    assert told[-1].startswith("3 rendered recordings of 2 validation works, each asked of 3 others;")
