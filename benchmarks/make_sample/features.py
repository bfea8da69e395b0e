"""HPCP with Da-TACOS' own parameters, and the cache that rendering, HPCP and CREMA share.

The cache holds, per setting, ``audio/NAME.npy`` (float16 mono at 44.1 kHz), ``hpcp/NAME.npy`` and ``crema/NAME.npy``
(float32), NAME being the source id with ``/`` turned into ``__``. Files are written under another name and renamed, so
that a killed run continues where it stopped.

References
----------
F. Yesiler et al.: Da-TACOS: a dataset for cover song identification and understanding. ISMIR 2019.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.make_sample.performance import assign
from benchmarks.make_sample.progress import say
from benchmarks.make_sample.render import SAMPLE_RATE, render
from covsearch.synthesis.setting import Setting

FRAME, HOP, BLOCK = 4096, 512, 8
FRAMES_PER_SECOND = SAMPLE_RATE / (HOP * BLOCK)


def compute_hpcp(settings: list[Setting], work: Path, seed: int, jobs: int = 2) -> None:
    """Render every setting that has no HPCP in the cache yet and extract it."""
    for folder in ("audio", "hpcp", "crema"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    todo = [setting for setting in settings if not cached(work, "hpcp", setting.source_id).exists()]
    with ProcessPoolExecutor(jobs) as pool:
        running = [pool.submit(_one, setting, work, seed) for setting in todo]
        for done, job in enumerate(as_completed(running), 1):
            job.result()
            if done % 25 == 0 or done == len(running):
                say(f"rendered, with HPCP: {done} of {len(running)}")


def cached(work: Path, folder: str, source_id: str) -> Path:
    """The cache file of one setting."""
    return work / folder / f"{source_id.replace('/', '__')}.npy"


def save(target: Path, array: npt.NDArray[np.generic]) -> None:
    """Write an array whole or not at all."""
    partial = target.with_name(target.stem + ".part.npy")
    np.save(partial, array)
    partial.replace(target)


def _one(setting: Setting, work: Path, seed: int) -> None:
    audio = render(setting, assign(setting, seed))
    save(cached(work, "audio", setting.source_id), audio.astype(np.float16))
    save(cached(work, "hpcp", setting.source_id), block_means(essentia_hpcp(audio)))


def essentia_hpcp(audio: npt.NDArray[np.float32], hop: int = HOP) -> npt.NDArray[np.float32]:
    """The 12 harmonic pitch classes of each frame by Da-TACOS's chain of essentia's algorithms, bin 0 = A.

    Parameters
    ----------
    audio : (N,) float32 at 44.1 kHz
    hop : int

    Returns
    -------
    (T, 12) float32 in [0, 1], T ≈ N / hop, each frame's maximum 1 unless it is silent
    """
    import essentia.standard as es

    window = es.Windowing(type="blackmanharris62")
    spectrum = es.Spectrum()
    band = {"minFrequency": 100, "maxFrequency": 3500, "sampleRate": SAMPLE_RATE}
    peaks = es.SpectralPeaks(magnitudeThreshold=0, maxPeaks=100, orderBy="frequency", **band)
    whitening = es.SpectralWhitening(maxFrequency=3500, sampleRate=SAMPLE_RATE)
    profile = es.HPCP(size=12, harmonics=8, referenceFrequency=440, nonLinear=False, **band)
    rows = []
    for frame in es.FrameGenerator(audio, frameSize=FRAME, hopSize=hop):
        magnitudes = spectrum(window(frame))
        frequencies, heights = peaks(magnitudes)
        rows.append(profile(frequencies, whitening(magnitudes, frequencies, heights)))
    return np.array(rows, np.float32).reshape(-1, 12)


def block_means(frames: npt.NDArray[np.float32], block: int = BLOCK) -> npt.NDArray[np.float32]:
    """Means of `block` frames at a time, (T, 12) → (ceil(T / block), 12); the last block may be shorter."""
    starts = np.arange(0, len(frames), block)
    counts = np.minimum(block, len(frames) - starts)[:, None]
    return np.asarray(np.add.reduceat(frames, starts, axis=0) / counts, dtype=np.float32)


def fit_length(frames: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.float32]:
    """Cut (T, 12) at the end, or repeat its last frame, to `length` frames.

    Raises
    ------
    ValueError
        if the two lengths differ by more than three frames: then they are not of the same audio.
    """
    if abs(len(frames) - length) > 3:
        raise ValueError(f"expected about {length} frames, got {len(frames)}: were they made from the same audio?")
    if len(frames) >= length:
        return frames[:length]
    return np.concatenate([frames, np.repeat(frames[-1:], length - len(frames), axis=0)])
