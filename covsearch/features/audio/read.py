"""An audio file to the chroma of one performance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covsearch.errors import ArtefactError
from covsearch.features.audio.analysis import SAMPLE_RATE, SEARCH_HOP, hpcp_stream
from covsearch.features.audio.decode import mono_blocks

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
    """

    chroma: NDArray[np.float32]
    frame_rate: float
    seconds: float


def read_audio_chroma(path: Path, *, hop: int = SEARCH_HOP, longest: float = LONGEST_SECONDS) -> AudioChroma:
    """Chroma of an audio file, decoded and analysed block by block: memory grows by 4 MB an hour at most.

    Parameters
    ----------
    path : Path
        Any format that :func:`~covsearch.features.audio.decode.mono_blocks` reads.
    hop : int
        Samples at 44.1 kHz between frames, 1 to 4096.
    longest : float
        Seconds of sound; a longer file is refused.

    Returns
    -------
    AudioChroma

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
    counter = _Counted(mono_blocks(path), path, longest)
    frames = list(hpcp_stream(counter, hop))
    if not frames:
        raise ArtefactError(f"{path}: holds no audio at all")
    return AudioChroma(np.concatenate(frames), SAMPLE_RATE / hop, counter.samples / SAMPLE_RATE)


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
