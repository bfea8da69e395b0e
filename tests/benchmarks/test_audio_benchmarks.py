"""The benchmarks of audio folders: what they say of what they found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from features.audio.sounds import tones

from benchmarks import broken_audio, make_audio_folder, update_harness
from benchmarks.make_audio_folder import FORMATS, search_all, write_audio
from benchmarks.update_harness import CHANGED, Round
from tests.hostile.audio import KINDS


def a_round(**changes: Any) -> Round:
    good = {"killed_at": 0.5, "ended": False, "old_or_new": True, "decoded_before": 4, "decoded_after": CHANGED - 4}
    return Round(**{**good, "decoded_twice": 0, "lost": 0, "verified": True, **changes})


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"old_or_new": False}, False),
        ({"lost": 1}, False),
        ({"decoded_twice": 1}, False),
        ({"decoded_after": CHANGED}, False),
        ({"verified": False}, False),
    ],
)
def test_a_killed_update_is_good_when_nothing_was_lost_or_done_twice(changes: dict[str, Any], good: bool) -> None:
    assert a_round(**changes).good is good


def test_the_table_of_killed_updates() -> None:
    told = update_harness.summary([a_round(), a_round(lost=2, old_or_new=False, killed_at=0.25)], 500).splitlines()
    assert told[0].endswith(
        "killed with SIGKILL 2 times: 2 songs lost, 0 sounds decoded twice, 1 times neither the old nor the new index."
    )
    assert told[-2:] == ["| 50% | whole | 4 | 6 | 0 | 0 | yes |", "| 25% | BROKEN | 4 | 6 | 0 | 2 | yes |"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_written_and_is_the_same_music(tmp_path: Path, form: str) -> None:
    from covsearch.features.audio import read_audio_chroma

    plain, path = tmp_path / "plain.wav", tmp_path / f"x.{form}"
    soundfile.write(plain, tones(10.0), 44_100)
    write_audio(path, tones(10.0))
    a, b = read_audio_chroma(plain).chroma, read_audio_chroma(path).chroma
    count = min(len(a), len(b))
    assert abs(len(a) - len(b)) <= 3
    alike = (a[:count] * b[:count]).sum(1) / np.maximum(
        np.linalg.norm(a[:count], axis=1) * np.linalg.norm(b[:count], axis=1), 1e-9
    )
    assert alike.mean() > 0.95


def test_mean_average_precision_leaves_out_the_query_and_counts_all_covers() -> None:
    class Asked:
        def query(self, question: str, top: int) -> list[Any]:
            order = {"a": "a c b d", "b": "b a c d", "c": "c d a b", "d": "d a b c"}[question].split()
            return [type("Match", (), {"pid": pid}) for pid in order]

    found = search_all(Asked(), {p: (w, p) for p, w in (("a", "1"), ("b", "1"), ("c", "2"), ("d", "3"))})  # type: ignore[arg-type]
    assert (found.queries, found.mean_average_precision) == (2, pytest.approx((1 / 2 + 1) / 2))


def test_the_summary_of_the_audio_folder() -> None:
    result = {
        "files": 60, "works": 20, "formats": list(FORMATS), "difference": 0.0021,
        "audio": {"map": 0.8021, "queries": 60, "by_format": {".mp3": 0.8}}, "hpcp": {"map": 0.8, "queries": 60},
    }  # fmt: skip
    told = make_audio_folder.summary(result)
    assert told.startswith(
        "60 recordings of 20 works in 6 formats, each asked of an index of all: difference of the mean average "
        "precision +0.0021."
    )
    assert "| HPCP of the same recordings, hop 512 | 60 | 0.8000 |" in told


def test_broken_audio_is_tabled(tmp_path: Path) -> None:
    (row,) = broken_audio.study(tmp_path, {"a text": KINDS["a text"]})
    assert row["as_expected"]
    assert row["exit_code"] == 4
    assert row["message"].startswith("Error: DIR: there is no audio file that can be read; first a.mp3: ")
    assert "| a text | 4 | DIR: there is no audio file that can be read; first a.mp3: " in broken_audio.summary([row])


def test_the_number_of_processes_leaves_no_recording_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def played(part: str, work: Path, kind: str, **more: Any) -> list[Any]:
        asked.update(more)
        raise InterruptedError("asked")

    monkeypatch.setattr(make_audio_folder, "played", played)
    with pytest.raises(InterruptedError, match="asked"):
        make_audio_folder.study(tmp_path, tmp_path, "chorale", 3)
    assert asked == {"jobs": 3}
