"""A folder of real formats from the sample's test works, and what searching by audio costs against HPCP files.

Run ``python -m benchmarks.make_audio_folder``: it plays the sample's test works with the sound font, each as a file of
the next of six formats, builds an index of the folder, and queries it with every file. Then it writes the same
recordings' HPCP (hop 512) as HDF5 in Da-TACOS's layout, and does the same with these. It writes
``benchmarks/results/audio_folder.md`` and ``.json``: mean average precision of both, and their difference. With
``--keep FOLDER`` the audio stays. It ends with 1 if the
difference is over .01. It needs the extras ``sample`` and ``audio``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

import covsearch
from benchmarks.audio_works import Played, played
from benchmarks.provenance import RESULTS, provenance, write_result
from covsearch.collections.extract import extract_folder
from covsearch.collections.hdf5 import write_hpcp
from covsearch.dataset.frame_rate import DATACOS_RATE
from covsearch.features.audio import DATASET_HOP, hpcp

RATE = 44_100
FORMATS = ("wav", "flac", "ogg", "opus", "mp3", "m4a")
LIMIT = 0.01


@dataclass(frozen=True)
class Searched:
    """What queries of one collection found.

    Attributes
    ----------
    queries : int
        That have a cover to find.
    mean_average_precision : float
    by_format : mapping
        Suffix of the query's file -> its mean average precision.
    """

    queries: int
    mean_average_precision: float
    by_format: Mapping[str, float]


def write_audio(path: Path, samples: NDArray[np.float32]) -> None:
    """Write mono samples at 44.1 kHz in the format that the suffix says."""
    if path.suffix == ".m4a":
        _write_aac(path, samples)
        return
    rate = 48_000 if path.suffix == ".opus" else RATE
    form, subtype = ("OGG", "OPUS") if path.suffix == ".opus" else (None, None)
    if rate != RATE:
        import soxr

        samples = soxr.resample(samples, RATE, rate)
    with soundfile.SoundFile(path, "w", rate, 1, subtype, format=form) as file:
        for start in range(0, len(samples), rate):  # libsndfile's Vorbis encoder overflows its stack on long blocks
            file.write(samples[start : start + rate])


def _write_aac(path: Path, samples: NDArray[np.float32]) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=RATE)
        stream.layout, stream.bit_rate = "mono", 128_000
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        for part in av.AudioResampler("fltp", "mono", RATE, frame_size=1024).resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode())


def make_folder(recordings: Iterable[Played], folder: Path) -> dict[str, Played]:
    """Write every recording into a folder of its work, in one format after the other; what is where in `folder`."""
    made = {}
    for number, one in enumerate(recordings):
        path = folder / one.wid / f"{one.pid}.{FORMATS[number % len(FORMATS)]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_audio(path, one.samples())
        made[path.relative_to(folder).as_posix()] = one
    return made


def make_features(recordings: Iterable[Played], folder: Path) -> None:
    """Write HPCP of the recordings themselves, uncompressed as they were played, in Da-TACOS's layout."""
    for one in recordings:
        path = folder / "played_subset_hpcp" / f"{one.wid}_hpcp" / f"{one.pid}_hpcp.h5"
        if not path.exists():
            write_hpcp(path, hpcp(one.samples(), DATASET_HOP), one.wid, one.pid, DATACOS_RATE)


def search_all(index: covsearch.Index, asked: Mapping[str, tuple[str, Path | str]]) -> Searched:
    """Query with everything and average the precision over those that have a cover.

    Parameters
    ----------
    index : covsearch.Index
    asked : mapping
        Id in the index -> its work, and what to ask with.
    """
    found: dict[str, float] = {}
    for id_, (work, question) in asked.items():
        ranked = [match.pid for match in index.query(question, top=len(asked)) if match.pid != id_]
        hits = [asked[pid][0] == work for pid in ranked]
        if any(hits):
            places = 1 + np.flatnonzero(hits)
            found[id_] = float(np.mean(np.arange(1, len(places) + 1) / places))
    formats = {Path(id_).suffix for id_ in found}
    by_format = {
        form: float(np.mean([ap for id_, ap in found.items() if Path(id_).suffix == form])) for form in formats
    }
    return Searched(len(found), float(np.mean(list(found.values()))), dict(sorted(by_format.items())))


def study(work: Path, folder: Path, kind: str, jobs: int) -> dict[str, Any]:
    """Play, write, index and query; what is there already is not made again."""
    recordings = played("test", work, kind, jobs=jobs)
    audio, features, home = folder / "audio", folder / "features", folder / "home"
    made = make_folder(recordings, audio)
    by_audio = covsearch.build(audio, home=home / "audio")
    found = search_all(by_audio, {id_: (one.wid, audio / id_) for id_, one in made.items()})
    make_features(recordings, features)
    by_hpcp = covsearch.build(features, home=home / "features")
    known = search_all(by_hpcp, {one.pid: (one.wid, one.pid) for one in recordings})
    extracted = extract_folder(audio, folder / "extracted")
    return {
        "files": len(made),
        "works": len({one.wid for one in recordings}),
        "formats": list(FORMATS),
        "audio": {"map": found.mean_average_precision, "queries": found.queries, "by_format": found.by_format},
        "hpcp": {"map": known.mean_average_precision, "queries": known.queries},
        "difference": found.mean_average_precision - known.mean_average_precision,
        "extracted": extracted.extracted + extracted.kept,
    }


def summary(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    formats = ", ".join(f"{form[1:]} {ap:.3f}" for form, ap in result["audio"]["by_format"].items())
    audio, known = result["audio"], result["hpcp"]
    return (
        f"{result['files']} recordings of {result['works']} works in {len(result['formats'])} formats, each asked of "
        f"an index of all: difference of the mean average precision {result['difference']:+.4f}.\n\n"
        "| indexed and asked with | queries | MAP |\n|---|---:|---:|\n"
        f"| audio files ({', '.join(result['formats'])}) | {audio['queries']} | {audio['map']:.4f} |\n"
        f"| HPCP of the same recordings, hop 512 | {known['queries']} | {known['map']:.4f} |\n\n"
        f"By the format of the query: {formats}.\n"
    )


def main() -> int:
    """Run the study, print and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("audio_works"), help="keeps scores and recordings")
    parser.add_argument("--keep", type=Path, help="folder for the audio, which then stays")
    parser.add_argument("--kind", default="chorale", choices=["chorale", "tune", ""], help="of works [chorale]")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--no-write", action="store_true", help="leave benchmarks/results as it is")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = study(chosen.work, chosen.keep or Path(folder), chosen.kind, chosen.jobs)
    print(summary(result))
    if not chosen.no_write:
        about = provenance("make_audio_folder", None)
        write_result("audio_folder", {"provenance": about, **result})
        (RESULTS / "audio_folder.md").write_text(summary(result), encoding="utf-8")
    return 0 if abs(result["difference"]) <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
