"""How much sound there is, and how much is needed."""

from __future__ import annotations

import numpy as np
import pytest
from collection import melody

from covsearch.errors import ArtefactError, UsageError
from covsearch.features.sound import check_sound, seconds_of_sound


def test_silent_frames_do_not_count_and_the_feature_with_the_least_sound_does() -> None:
    whole, quiet = melody(1, 100), melody(1, 100)
    quiet[10:40] = 0
    assert seconds_of_sound({"hpcp": whole}, 10) == 10
    assert seconds_of_sound({"hpcp": whole, "crema": quiet}, 10) == 7
    assert seconds_of_sound({"hpcp": np.zeros((5, 12), np.float32)}, 10) == 0


@pytest.mark.parametrize(("frames", "said"), [(1, "0.1"), (100, "10.0"), (1499, "14.9"), (42, "4.2")])
def test_too_little_is_said_and_never_rounded_up(frames: int, said: str) -> None:
    rate = 100 if frames == 1499 else 10
    with pytest.raises(ArtefactError, match=rf"^{said} s of sound, at least 15 s are needed$"):
        check_sound({"hpcp": melody(1, frames)}, rate)


def test_15_seconds_are_enough() -> None:
    check_sound({"hpcp": melody(1, 150)}, 10)
    with pytest.raises(UsageError, match=r"^it has 7\.5 s of sound"):
        check_sound({"hpcp": melody(1, 150)}, 20, what="it has ", error=UsageError)
