"""HPCP of MIDI files played through a sound font, as the bundled sample's was made; kept in a folder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.make_sample.features import block_means, cached, hpcp, save
from benchmarks.make_sample.progress import say
from benchmarks.make_sample.render import play


def rendered_hpcp(files: list[Path], work: Path) -> list[NDArray[np.float32]]:
    """Stored chroma (T, 12) of each file, at 10.77 frames/s and with bin 0 = A as in the sample.

    Parameters
    ----------
    files : list of Path
        MIDI files with different names.
    work : Path
        Keeps what was made: a run that was stopped continues.
    """
    (work / "hpcp").mkdir(parents=True, exist_ok=True)
    return [_one(path, cached(work, "hpcp", path.stem)) for path in files]


def _one(path: Path, target: Path) -> NDArray[np.float32]:
    if not target.exists():
        import pretty_midi

        midi = path.read_bytes()
        length = pretty_midi.PrettyMIDI(io.BytesIO(midi)).get_end_time()
        save(target, block_means(hpcp(play(midi, length))))
        say(f"rendered, with HPCP: {path.name}")
    chroma: NDArray[np.float32] = np.load(target)
    return chroma
