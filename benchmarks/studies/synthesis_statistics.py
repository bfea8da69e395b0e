"""Do synthesised covers look like recordings, and are they as hard to recognise?

Statistics of chroma as a branch sees it (2.69 frames/s, unit frames before block means), each as mean and standard
deviation over tracks: covers made of the notes of some MIDI files, at two hardnesses; the same files played through a
sound font, with HPCP extracted as the bundled sample's was; and real recordings where they are at hand
(``../shared/data/covers80_dev``; their chroma alone, no labels, no model). Beside them MAP of 2D-FTM, a method without
training, on two covers each of many songs by hardness.

Run as ``python -m benchmarks.studies.synthesis_statistics --songs POP909``; writes the JSON and Markdown tables
beside it.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.make_sample.features import FRAMES_PER_SECOND
from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.real import REAL
from benchmarks.studies.midi_audio import rendered_hpcp
from benchmarks.studies.midi_songs import add_songs, read_songs, spread_files
from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.hdf5 import read_chroma
from covsearch.evaluate.ranks import rank_covers
from covsearch.evaluate.retrieval_baselines import FTM, fourier_magnitude, vector_distances
from covsearch.features.frames import prepare
from covsearch.synthesis import CoverMaker

Frames = NDArray[np.float32]  # (L, 12), as a branch sees them
FEATURES = FeatureConfig("hpcp", frames=100_000, rate=SLOW_RATE)
LOOKS, DIFFICULTIES = (0.5, 0.9), (0.5, 0.7, 0.9)
REAL_NAME = f"{REAL.name}, real"
COVERS = 4  # of each song whose looks are measured
SHORTEST = 64  # frames of a track that has statistics at a lag of 32
LAGS, INTERVALS = (1, 4, 32), range(1, 7)
DRAWS = 40  # smaller collections of synthesised covers, for one of the real one's size


def main() -> None:
    """Measure, print and write ``benchmarks/results/synthesis_statistics.json`` and ``.md``."""
    args = _arguments().parse_args()
    command = shlex.join(["python", "-m", "benchmarks.studies.synthesis_statistics", *sys.argv[1:]])
    real = published(RESULTS / "retrieval.json", REAL.name)
    rng = np.random.default_rng(args.seed)
    maker = CoverMaker(read_songs(spread_files(args.songs, args.ranked)))
    result = {
        "provenance": provenance(command, args.seed),
        "looks": {name: summary(tracks) for name, tracks in collections(args, rng).items()},
        "difficulty": [difficulty(maker, h, real, rng) for h in DIFFICULTIES],
        "real": real,
    }
    write_table(RESULTS / "synthesis_statistics.json", result, markdown(result))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_songs(parser)
    parser.add_argument("--limit", type=int, default=12, help="songs that are played, evenly spread [12]")
    parser.add_argument("--ranked", type=int, default=100, help="songs whose covers 2D-FTM looks for [100]")
    parser.add_argument("--seed", type=int, default=0)
    work = Path(tempfile.gettempdir()) / "covsearch-rendered"
    parser.add_argument("--work", type=Path, default=work, help="keeps the chroma of what was played")
    return parser


def collections(args: argparse.Namespace, rng: np.random.Generator) -> dict[str, list[Frames]]:
    """Tracks of every kind, by the name of the kind."""
    files = spread_files(args.songs, args.limit)
    maker = CoverMaker(read_songs(files))
    which = np.repeat(np.arange(len(maker)), COVERS).tolist()
    found = {f"covers, hardness {h:g}": covers(maker, which, h, rng) for h in LOOKS}
    rendered = [prepare({"hpcp": chroma}, FEATURES, FRAMES_PER_SECOND) for chroma in rendered_hpcp(files, args.work)]
    found["the same songs, played"] = rendered
    if REAL.is_dir():
        found[REAL_NAME] = recordings(REAL)
    else:
        print(f"no real recordings: {REAL} is not there", file=sys.stderr)
    return found


def covers(maker: CoverMaker, which: list[int], hardness: float, rng: np.random.Generator) -> list[Frames]:
    """A whole cover of each of these songs."""
    batch, lengths = maker.make(which, rng, hardness=hardness)
    return [row[:length] for row, length in zip(batch, lengths, strict=True)]


def recordings(root: Path) -> list[Frames]:
    """Every performance of a dataset."""
    dataset = open_dataset(root, ["hpcp"])
    chroma = (read_chroma(files["hpcp"], "hpcp") for files in dataset.files.values())
    return [prepare({"hpcp": each}, FEATURES, dataset.frame_rate) for each in chroma]


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
    frames = frames.astype(np.float64)
    ordered = np.sort(frames, axis=1)[:, ::-1].mean(axis=0)
    centred = frames - frames.mean(axis=1, keepdims=True)
    power = np.square(centred).mean() + 1e-12
    found = {"mean": frames.mean(), "std": frames.std()}
    found |= {f"strongest {k}": ordered[k - 1] for k in (1, 2, 3, 6, 12)}
    found |= {f"cosine, lag {k}": _cosine(centred[:-k], centred[k:]) for k in LAGS}
    found |= {f"pitch, {k} st": (centred * np.roll(centred, k, axis=1)).mean() / power for k in INTERVALS}
    found["static share"] = np.square(centred.mean(axis=0)).mean() / power
    return {name: float(value) for name, value in found.items()}


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / np.maximum(norms, 1e-6)).mean())


def summary(tracks: Iterable[Frames]) -> dict[str, Any]:
    """Mean and standard deviation of every statistic over the tracks that are long enough."""
    each = [statistics(frames) for frames in tracks if len(frames) >= SHORTEST]
    values = {name: np.array([one[name] for one in each]) for name in each[0]}
    spread = {name: {"mean": round(float(v.mean()), 4), "std": round(float(v.std()), 4)} for name, v in values.items()}
    return {"tracks": len(each), "statistics": spread}


def published(path: Path, collection: str) -> dict[str, Any] | None:
    """Size of a collection and 2D-FTM's MAP on it, as ``benchmarks.retrieval`` wrote them; None without them."""
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.is_file() else []
    for run in (run for run in runs if run["collection"] == collection):
        [precision] = [system["map"] for system in run["systems"] if system["name"] == FTM]
        return {"collection": collection, "works": run["works"], "tracks": run["performances"], "map": precision}
    return None


def difficulty(
    maker: CoverMaker, hardness: float, real: dict[str, Any] | None, rng: np.random.Generator
) -> dict[str, Any]:
    """MAP of 2D-FTM on two covers of each song: among all of them, and among as many works as there are real ones."""
    songs = np.arange(len(maker))
    tracks = [covers(maker, songs.tolist(), hardness, rng) for _ in range(2)]
    vectors = np.array([[fourier_magnitude(frames) for frames in version] for version in tracks])  # (2, N, 525)
    found: dict[str, Any] = {"hardness": hardness, "songs": len(songs), "map": ftm_map(vectors)}
    if real and real["works"] <= len(songs):
        draws = [ftm_map(vectors[:, rng.permutation(songs)[: real["works"]]]) for _ in range(DRAWS)]
        found |= {"map_at_real_size": float(np.mean(draws)), "draws": DRAWS}
    return found


def ftm_map(vectors: NDArray[np.float32]) -> float:
    """MAP where row v, column n of (V, N, D) is version v of work n."""
    versions, works, size = vectors.shape
    rows = list(vectors.reshape(versions * works, size))
    ranks = rank_covers(vector_distances(rows, len(rows), 0), np.tile(np.arange(works), versions))
    return float(ranks.average_precision().mean())


def markdown(result: dict[str, Any]) -> str:
    """A line a statistic, a column a kind of track; then MAP by hardness."""
    looks = result["looks"]
    header = " | ".join(f"{name} ({kind['tracks']})" for name, kind in looks.items())
    lines = [f"| | {header} |", f"|---|{'---:|' * len(looks)}"]
    for name in next(iter(looks.values()))["statistics"]:
        values = [kind["statistics"][name] for kind in looks.values()]
        cells = " | ".join(f"{value['mean']:.3f} ± {value['std']:.3f}" for value in values)
        lines.append(f"| {name} | {cells} |")
    lines += [
        "",
        "Mean ± standard deviation over (so many) tracks, whole, at 2.69 frames/s. `strongest k`: a frame's k-th",
        "strongest value. Cosine and pitch: of frames less their own mean. Static share: energy of the mean frame.",
        *_differences(looks),
        "",
        *_difficulties(result["difficulty"], result["real"]),
    ]
    return "\n".join(lines) + "\n"


def _differences(looks: dict[str, Any]) -> list[str]:
    """In which statistics each kind differs from the real recordings by more than these do from each other."""
    kinds = {name: kind["statistics"] for name, kind in looks.items()}
    real = kinds.pop(REAL_NAME, None)
    if real is None:
        return []
    lines = ["", "Further from the mean recording than one standard deviation of the recordings (so many times):", ""]
    for name, kind in kinds.items():
        away = {key: abs(kind[key]["mean"] - real[key]["mean"]) / max(real[key]["std"], 1e-6) for key in real}
        far = [f"{key} ({times:.1f})" for key, times in away.items() if times > 1]
        lines.append(f"- {name}: {'; '.join(far) or 'nothing'}.")
    return lines


def _difficulties(rows: list[dict[str, Any]], real: dict[str, Any] | None) -> list[str]:
    size = f"MAP among {real['works']} works" if real else "MAP at the real size"
    lines = [f"| {FTM} on | MAP | {size} |", "|---|---:|---:|"]
    for row in rows:
        small = f"{row['map_at_real_size']:.3f}" if "map_at_real_size" in row else ""
        lines.append(
            f"| two covers of {row['songs']} songs, hardness {row['hardness']:g} | {row['map']:.3f} | {small} |"
        )
    if real:
        lines.append(f"| {real['collection']}, {real['tracks']} recordings | | {real['map']:.3f} |")
    return lines


if __name__ == "__main__":
    main()
