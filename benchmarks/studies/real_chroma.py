"""How far is synthesised chroma from real chroma of the same songs?

Real: NNLS chroma of recordings that have chord charts (treble half). Synthesised: covers of these charts at hardness 0,
in the charts' order and key, so that the chord of every frame is known in both. NNLS chroma is no HPCP: it takes
overtones away, where HPCP adds subharmonics. So levels differ by kind (entropy, floor, energy outside the chord), and
what can be compared are differences in time: how alike neighbouring frames are, and how much never changes.

Run as ``python -m benchmarks.studies.real_chroma --charts billboard_chords.zip --chroma billboard_chroma.h5``; writes
``benchmarks/results/real_chroma.json``, ``.md`` and five pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.synthesis.archive import Archive
from covsearch.synthesis.charts import Chart, chart_song, read_chart
from covsearch.synthesis.cover import CoverMaker
from covsearch.synthesis.song import NO_CHORD

Frames = NDArray[np.float32]  # (T, 12), C first, unit frames
Chords = NDArray[np.int8]  # (T, 5)
MAX_CHART = 2**20
PICTURES = 5
LAGS, INTERVALS = (1, 4, 32), range(1, 7)
TRIADS = {"major": (4, 7), "minor": (3, 7)}
COMPARABLE = ("cosine, lag 1", "cosine, lag 4", "cosine, lag 32", "static share")


def main() -> None:
    """Measure, print, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--charts", type=Path, required=True)
    parser.add_argument("--chroma", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=60, help="recordings, evenly spread [60]")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    pairs = [pair(*one, rng) for one in charts(args.charts, args.chroma, args.limit)]
    kinds = {"real": [one[0] for one in pairs], "synthesised": [one[1] for one in pairs]}
    result = {
        "provenance": provenance("studies.real_chroma", args.seed),
        "recordings": len(pairs),
        "statistics": {name: spread([described(*track) for track in tracks]) for name, tracks in kinds.items()},
        "profiles": {name: profiles(tracks) for name, tracks in kinds.items()},
    }
    draw(pairs)
    write_table(RESULTS / "real_chroma.json", result, markdown(result))


def charts(archive: Path, chroma: Path, limit: int) -> list[tuple[str, Chart, Frames]]:
    """Charts and the real chroma of the same recordings."""
    packed = Archive(archive)
    files = {Path(name).stem: name for name in packed.names if name.endswith(".txt")}
    with h5py.File(chroma) as stored:
        ids = [key for key in stored["chroma"] if key in files]
        chosen = [ids[k * len(ids) // limit] for k in range(limit)] if len(ids) > limit else ids
        treble = {key: np.roll(stored["chroma"][key][:, 12:].astype(np.float32), -3, axis=1) for key in chosen}
    return [(key, read_chart(packed.read(files[key], MAX_CHART)), unit(treble[key])) for key in chosen]


def unit(frames: NDArray[np.float32]) -> Frames:
    """Frames of length 1; silence stays zero."""
    norm = np.linalg.norm(frames, axis=1, keepdims=True)
    return np.asarray(np.divide(frames, norm, out=np.zeros_like(frames), where=norm > 0), np.float32)


def pair(
    name: str, chart: Chart, real: Frames, rng: np.random.Generator
) -> tuple[tuple[Frames, Chords], tuple[Frames, Chords]]:
    """Real and synthesised frames of one chart with their chords."""
    labels = np.full((len(real), 5), NO_CHORD, dtype=np.int8)
    for phrase in chart.phrases:
        rows = np.arange(int(np.ceil(phrase.start * SLOW_RATE)), min(int(phrase.end * SLOW_RATE), len(real)))
        place = (rows / SLOW_RATE - phrase.start) / max(phrase.end - phrase.start, 1e-6)
        labels[rows] = phrase.chords[np.clip((place * len(phrase.chords)).astype(int), 0, len(phrase.chords) - 1)]
    song = chart_song(name, chart, int(name))
    batch, lengths = CoverMaker([song]).make([0], rng, hardness=0.0, semitones=[0])
    made = batch[0, : lengths[0]]
    steps = np.minimum(((np.arange(len(made)) + 0.5) / len(made) * song.steps).astype(int), song.steps - 1)
    return (real, labels), (unit(made), song.chords[steps])


def described(frames: Frames, chords: Chords) -> dict[str, float]:
    """What does not need a chord, then the entropy of a frame in bits and the energy outside the chord."""
    heard = np.linalg.norm(frames, axis=1) > 0
    found = statistics(frames[heard])
    share = np.square(frames[heard]).astype(np.float64)
    share /= share.sum(axis=1, keepdims=True)
    found["entropy"] = float(-(share * np.log2(share + 1e-12)).sum(axis=1).mean())
    known = (chords[heard, 0] != NO_CHORD).nonzero()[0]
    inside = np.zeros((len(known), 13), dtype=bool)
    np.put_along_axis(
        inside, np.where(chords[heard][known, :4] == NO_CHORD, 12, chords[heard][known, :4]), True, axis=1
    )
    found["outside the chord"] = float((share[known] * ~inside[:, :12]).sum(axis=1).mean())
    moved = np.roll(inside[:, :12], 1, axis=1)
    found["outside the chord a semitone up"] = float((share[known] * ~moved).sum(axis=1).mean())
    return found


def statistics(frames: Frames) -> dict[str, float]:
    """What one track looks like.

    Parameters
    ----------
    frames : NDArray[float32], shape (L, 12)
        L of 64 or more.

    Returns
    -------
    dict
        Mean and standard deviation of the values; the mean of a frame's 1st, 2nd, 3rd, 6th and 12th strongest value;
        then of centred frames (less their own mean) the cosine with the frame 1, 4 and 32 later, the autocorrelation
        over pitch at 1 to 6 semitones, and the share of energy that the mean frame has: what never changes.
    """
    exact = frames.astype(np.float64)
    ordered = np.sort(exact, axis=1)[:, ::-1].mean(axis=0)
    centred = exact - exact.mean(axis=1, keepdims=True)
    power = np.square(centred).mean() + 1e-12
    found: dict[str, Any] = {"mean": exact.mean(), "std": exact.std()}
    found |= {f"strongest {k}": ordered[k - 1] for k in (1, 2, 3, 6, 12)}
    found |= {f"cosine, lag {k}": _cosine(centred[:-k], centred[k:]) for k in LAGS}
    found |= {f"pitch, {k} st": (centred * np.roll(centred, k, axis=1)).mean() / power for k in INTERVALS}
    found["static share"] = np.square(centred.mean(axis=0)).mean() / power
    return {name: float(value) for name, value in found.items()}


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / np.maximum(norms, 1e-6)).mean())


def spread(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over tracks."""
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {name: {"mean": round(float(v.mean()), 4), "std": round(float(v.std()), 4)} for name, v in values.items()}


def profiles(tracks: list[tuple[Frames, Chords]]) -> dict[str, list[float]]:
    """The mean frame of major and minor chords, from the root up; sums to 1."""
    found = {}
    frames = np.concatenate([frames for frames, _ in tracks])
    chords = np.concatenate([chords for _, chords in tracks]).astype(int)
    for name, (third, fifth) in TRIADS.items():
        root = chords[:, 0]
        mine = (root >= 0) & ((chords[:, 1] - root) % 12 == third) & ((chords[:, 2] - root) % 12 == fifth)
        turned = np.take_along_axis(frames[mine], (np.arange(12) + root[mine, None]) % 12, axis=1)
        mean = turned.mean(axis=0)
        found[name] = [round(float(value), 4) for value in mean / mean.sum()]
    return found


def draw(pairs: list[tuple[tuple[Frames, Chords], tuple[Frames, Chords]]]) -> None:
    """The first of some recordings beside a cover of the same chart, a minute each."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = [pairs[k * len(pairs) // PICTURES] for k in range(min(PICTURES, len(pairs)))]
    figure, axes = plt.subplots(len(shown), 2, figsize=(10, 1.7 * len(shown)), squeeze=False)
    frames = int(60 * SLOW_RATE)
    for row, both in zip(axes, shown, strict=True):
        for axis, (track, _), kind in zip(row, both, ("real, NNLS treble", "synthesised, as HPCP"), strict=True):
            axis.imshow(
                track[:frames].T, aspect="auto", origin="lower", extent=(0, len(track[:frames]) / SLOW_RATE, 0, 12)
            )
            axis.set_title(kind, fontsize=8)
            axis.set_yticks([0.5, 4.5, 7.5], ["C", "E", "G"], fontsize=7)
            axis.tick_params(labelsize=7)
    axes[-1, 0].set_xlabel("seconds", fontsize=8)
    figure.tight_layout()
    figure.savefig(RESULTS / "real_chroma.png", dpi=90)
    plt.close(figure)


def markdown(result: dict[str, Any]) -> str:
    """Statistics side by side, the distance in standard deviations of the recordings, then the chords' profiles."""
    real, made = result["statistics"]["real"], result["statistics"]["synthesised"]
    lines = [
        f"{result['recordings']} recordings and a cover of each chart, whole, in its key and order, at 2.69 frames/s.",
        "",
        "| | real, NNLS treble | synthesised, as HPCP | apart, in real standard deviations | |",
        "|---|---:|---:|---:|---|",
    ]
    for name in real:
        a, b = real[name], made[name]
        apart = abs(a["mean"] - b["mean"]) / max(a["std"], 1e-6)
        kind = "comparable" if name in COMPARABLE else ""
        lines.append(
            f"| {name} | {a['mean']:.3f} ± {a['std']:.3f} | {b['mean']:.3f} ± {b['std']:.3f} | {apart:.1f} | {kind} |"
        )
    lines += [
        "",
        "NNLS takes overtones away, HPCP adds subharmonics: levels differ by kind. Comparable is what is said to be.",
        "`outside the chord`: share of a frame's energy on pitch classes that the chart's chord has not; a semitone",
        "up: of the same chords moved, which says that charts and recordings run together.",
        "",
        "| Mean frame, from the root up | " + " | ".join(str(k) for k in range(12)) + " | cosine |",
        "|---|" + "---:|" * 13,
    ]
    for triad in TRIADS:
        rows = [result["profiles"][kind][triad] for kind in ("real", "synthesised")]
        cosine = float(np.dot(*rows) / np.prod(np.linalg.norm(rows, axis=1)))
        for kind, row in zip(("real", "synthesised"), rows, strict=True):
            cells = " | ".join(f"{value:.3f}" for value in row)
            lines.append(f"| {triad}, {kind} | {cells} | {f'{cosine:.3f}' if kind != 'real' else ''} |")
    lines += ["", "![Five recordings beside covers of their charts](real_chroma.png)"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
