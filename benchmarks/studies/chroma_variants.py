"""Does the aligner gain by other chroma of the same audio: bands, chords, smoother frames?

The sample's validation works are played with the sound font. From the same spectra come the HPCP that covsearch uses,
that of the band below 500 Hz alone (bass), that above (treble), and how well each frame fits the 24 triads (chords).
Several of them stand beside each other as blocks of 12, which the aligner transposes alike. Every performance that
has a version asks all others by Qmax alone, at 2.69 frames/s. Intervals are of the difference to the HPCP of today,
by drawing works.

Run as ``python -m benchmarks.studies.chroma_variants``; ``--work`` keeps scores and recordings. It plays and aligns
in one process.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from benchmarks.audio_works import Played, played
from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.evaluate.bootstrap import REPLICATES, bootstrap_means, percentile_interval
from covsearch.features.audio.analysis import SAMPLE_RATE, SEARCH_HOP, hpcp_stream
from covsearch.features.audio.profile import SPLIT_HZ
from covsearch.features.frames import means_of
from covsearch.ranking.fusion import log_qmax
from covsearch.ranking.scores import qmax_scores
from covsearch.stages import SPAN

USED = "HPCP (used)"
VARIANTS: dict[str, tuple[str, ...]] = {
    USED: ("hpcp",),
    "bass": ("bass",),
    "treble": ("treble",),
    "bass, treble": ("bass", "treble"),
    "HPCP, bass, treble": ("hpcp", "bass", "treble"),
    "chords": ("major", "minor"),
    "HPCP, chords": ("hpcp", "major", "minor"),
    "HPCP, smoothed over 1.9 s": ("smooth",),
}
"""Name -> the blocks of 12 that stand beside each other."""
SMOOTH = 5  # frames
_BLOCK = round(SAMPLE_RATE / SEARCH_HOP / SLOW_RATE)

Blocks = dict[str, NDArray[np.float32]]


def main() -> None:
    """Play, align, print and write ``benchmarks/results/chroma_variants.json`` and ``.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("audio_works"), help="keeps scores and recordings")
    parser.add_argument("--out", type=Path, default=RESULTS / "chroma_variants.json")
    args = parser.parse_args()
    recordings = played("validation", args.work)
    heard = [blocks_of(one) for one in recordings]
    work = np.array([one.wid for one in recordings])
    precision = {name: average_precisions(stacked(heard, names), work) for name, names in VARIANTS.items()}
    asked = ~np.isnan(precision[USED])
    rows = compared({name: some[asked] for name, some in precision.items()}, work[asked])
    about = provenance("studies.chroma_variants", 0)
    counts = {"performances": len(work), "queries": int(asked.sum()), "works": len(set(work[asked].tolist()))}
    write_table(args.out, {"provenance": about, **counts, "variants": rows}, markdown(rows, counts))


def blocks_of(one: Played) -> Blocks:
    """All chroma of one recording at 2.69 frames/s, each (T, 12) in [0, 1]."""
    samples = one.samples()
    found = {"hpcp": slow(samples)}
    low = np.fft.rfft(samples)
    middle = round(SPLIT_HZ * len(samples) / SAMPLE_RATE)
    high = low.copy()
    low[middle:], high[:middle] = 0, 0
    found["bass"], found["treble"] = (slow(np.fft.irfft(part, len(samples))) for part in (low, high))
    found["major"], found["minor"] = (triads(found["hpcp"], third) for third in (4, 3))
    found["smooth"] = uniform_filter1d(found["hpcp"], SMOOTH, axis=0)
    return found


def slow(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """HPCP of mono samples, in means of eight frames."""
    frames = list(hpcp_stream([np.asarray(samples, np.float32)]))
    return means_of(np.concatenate(frames), _BLOCK)


def triads(chroma: NDArray[np.float32], third: int) -> NDArray[np.float32]:
    """Squares of how well frames fit the triad with this third on every root, cosines: (T, 12)."""
    length = np.maximum(np.linalg.norm(chroma, axis=1, keepdims=True), 1e-9)
    tones = sum(np.roll(chroma, -step, axis=1) for step in (0, third, 7)) / (np.sqrt(3) * length)
    return np.asarray(tones**2, np.float32)


def stacked(heard: list[Blocks], names: tuple[str, ...]) -> list[NDArray[np.float32]]:
    """The blocks of a variant beside each other, each as long as the others: (T, 12 * blocks)."""
    return [np.concatenate([one[name] for name in names], axis=1) for one in heard]


def average_precisions(tracks: list[NDArray[np.float32]], work: NDArray[np.str_]) -> NDArray[np.float64]:
    """Of every performance asked of all others; NaN for one without a version."""
    lengths = np.array([len(track) for track in tracks])
    found = np.full(len(tracks), np.nan)
    for row, track in enumerate(tracks):
        score = log_qmax(qmax_scores(track, tracks, span=SPAN, threads=1).scores, len(track), lengths)
        others = np.delete(np.arange(len(tracks)), row)
        order = others[np.argsort(-score[others], kind="stable")]
        places = np.flatnonzero(work[order] == work[row]) + 1
        if len(places):
            found[row] = np.mean(np.arange(1, len(places) + 1) / places)
    return found


def compared(precision: dict[str, NDArray[np.float64]], work: NDArray[np.str_]) -> dict[str, dict[str, float]]:
    """MAP of every variant, and its difference to :data:`USED` with a 95 % interval."""
    codes = np.unique(work, return_inverse=True)[1]
    drawn = bootstrap_means(precision, codes, replicates=REPLICATES)
    rows = {}
    for name, some in precision.items():
        own, more = percentile_interval(drawn[name]), percentile_interval(drawn[name] - drawn[USED])
        values = (some.mean(), own.low, own.high, some.mean() - precision[USED].mean(), more.low, more.high)
        keys = ("map", "map_low", "map_high", "difference", "difference_low", "difference_high")
        rows[name] = {key: round(float(value), 4) for key, value in zip(keys, values, strict=True)}
    return rows


def markdown(rows: dict[str, dict[str, float]], counts: dict[str, int]) -> str:
    """The table."""
    lines = ["| chroma | MAP of Qmax | 95 % interval | difference | 95 % interval |", "|---|---:|---:|---:|---:|"]
    for name, row in rows.items():
        own = f"{row['map']:.3f} | [{row['map_low']:.3f}, {row['map_high']:.3f}]"
        more = f"{row['difference']:+.3f} | [{row['difference_low']:+.3f}, {row['difference_high']:+.3f}]"
        lines.append(f"| {name} | {own} | {more if name != USED else ' | '} |")
    said = (
        f"{counts['queries']} rendered recordings of {counts['works']} validation works, each asked of "
        f"{counts['performances'] - 1} others; works were drawn {REPLICATES:,} times."
    )
    return "\n".join([*lines, "", said]) + "\n"


if __name__ == "__main__":
    main()
