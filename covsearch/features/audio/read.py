"""An audio file to the chroma of one performance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError
from covsearch.features.audio.analysis import SAMPLE_RATE, SEARCH_HOP, hpcp_stream
from covsearch.features.audio.decode import mono_blocks
from covsearch.features.audio.tuning import LISTENED_SECONDS, reference, tuning

LONGEST_SECONDS = 12 * 3600.0


@dataclass(frozen=True)
class AudioChroma:
    """Chroma of one audio file.

    Attributes
    ----------
    chroma : NDArray[float32], shape (T, 12)
        Bin 0 is A, as in Da-TACOS's HPCP. Each frame's maximum is 1, or the frame is all zero where nothing sounds.
    frame_rate : float
        Frames/s: 44,100 over the hop.
    seconds : float
        Of sound that was decoded, > 0.
    tuning : float
        Semitones by which the bins lie above A = 440 Hz, in [-.5, .5].
    """

    chroma: NDArray[np.float32]
    frame_rate: float
    seconds: float
    tuning: float


def read_audio_chroma(
    path: Path, *, hop: int = SEARCH_HOP, tuned: bool = True, longest: float = LONGEST_SECONDS
) -> AudioChroma:
    """Chroma of an audio file, decoded and analysed block by block: memory grows by 4 MB an hour.

    Parameters
    ----------
    path : Path
        Any format that :func:`~covsearch.features.audio.decode.mono_blocks` reads.
    hop : int
        Samples at 44.1 kHz between frames, 1 to 4096.
    tuned : bool
        Whether bin 0 is the recording's own A, as :func:`~covsearch.features.audio.tuning.tuning` hears it. Without,
        it is 440 Hz, as in Da-TACOS.
    longest : float
        Seconds of sound; a longer file is refused.

    Raises
    ------
    ArtefactError
        When the file cannot be read or decoded, holds no sample, or is longer than `longest`.
    MissingExtraError
        When the format needs the extra ``audio``.
    UsageError
        When `hop` is out of range.
    """
    path = Path(path)
    sound = _Counted(mono_blocks(path), path, longest)
    blocks = iter(sound)
    beginning = _beginning(blocks) if tuned else []
    semitones = tuning(np.concatenate(beginning)) if beginning else 0.0
    frames = list(hpcp_stream(chain(beginning, blocks), hop, reference(semitones)))
    if not frames:
        raise ArtefactError(f"{path}: holds no audio at all")
    return AudioChroma(np.concatenate(frames), SAMPLE_RATE / hop, sound.samples / SAMPLE_RATE, semitones)


def _beginning(blocks: Iterator[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """As many blocks as the tuning is heard from."""
    held: list[NDArray[np.float32]] = []
    missing = LISTENED_SECONDS * SAMPLE_RATE
    while missing > 0 and (block := next(blocks, None)) is not None:
        held.append(block)
        missing -= len(block)
    return held


class _Counted:
    """Blocks as they come, and how many samples they had; too many are refused."""

    def __init__(self, blocks: Iterable[NDArray[np.float32]], path: Path, longest: float) -> None:
        self.samples = 0
        self._blocks, self._path, self._longest = blocks, path, longest

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in self._blocks:
            self.samples += len(block)
            if self.samples > self._longest * SAMPLE_RATE:
                raise ArtefactError(
                    f"{self._path}: is longer than {self._longest / 3600:g} hours, the most that is read"
                )
            yield block
