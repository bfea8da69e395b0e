"""Generated collections, published without a network, for tests of the index, the search and the commands."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covsearch import indexing as build
from covsearch.config import EMBEDDING_DIM, FeatureConfig, ModelConfig, fingerprint, to_toml
from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.dataset.frame_rate import DATACOS_RATE, SLOW_RATE
from covsearch.dataset.hdf5 import read_chroma
from covsearch.dataset.origin import Origin, OriginFile
from covsearch.dataset.performance import MusicBrainzMatch, Performance
from covsearch.features.slow import slow_chroma
from covsearch.features.windows import Cuts, WindowRecipe
from covsearch.index.calibration import Calibration, write_calibration
from covsearch.index.chroma import Chroma
from covsearch.index.generation import CURRENT, MANIFEST, Generation, read_current, read_generation, read_model
from covsearch.index.head import Head
from covsearch.index.manifest import digest
from covsearch.index.part import Part
from covsearch.index.windows import Windows
from covsearch.ranking.chance import Chance
from covsearch.ranking.fusion import Fusion
from covsearch.workspace import Workspace

WORDS = ("love", "yesterday", "Haupt", "Blut", "train", "señorita", "Über", "blue", "moon", "Björk")
WEIGHTS = b"stands for weights\n"


def config_text(features: FeatureConfig) -> str:
    """The configuration of a model that sees `features`."""
    return to_toml(model=ModelConfig(features=features))


FINGERPRINT = fingerprint(config_text(FeatureConfig()), WEIGHTS)


def unit_vectors(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Random directions, (count, 128) float32."""
    vectors = rng.standard_normal((count, EMBEDDING_DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def random_head(rng: np.random.Generator, *, signed: bool = True) -> Head:
    """Weights like a trained head's; with `signed` about a third are negative."""
    alpha = rng.normal(0.5, 1.0, EMBEDDING_DIM)
    return Head((alpha if signed else np.abs(alpha)).astype(np.float32), float(rng.normal()))


def make_performances(rng: np.random.Generator, count: int, versions: int = 3) -> dict[str, Performance]:
    """P_1 to P_count with made-up titles; every `versions` neighbours share a work."""
    made = {}
    for number in range(1, count + 1):
        work = 1 + (number - 1) // versions
        made[f"P_{number}"] = Performance(
            pid=f"P_{number}",
            wid=f"W_{work}",
            title=f"{' '.join(rng.choice(WORDS, 2))} {number}",
            artist=f"Singer {rng.integers(1, 40)}",
            work_title=f"Song {work}",
            work_artist=f"Writer {1 + work % 7}",
            year=None if number % 10 == 0 else int(rng.integers(1900, 2020)),
            instrumental=(None, True, False)[number % 3],
            artist_mbid=f"artist-{number}" if number % 4 == 0 else None,
            matches=tuple(MusicBrainzMatch(f"mb-{number}-{i}", 1000 * i or None) for i in range(number % 3)),
        )
    return made


def model_folder(folder: Path, features: FeatureConfig | None = None) -> Path:
    """A checkpoint's two files; the weights are none, as nothing is embedded."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "config.toml").write_text(config_text(features or FeatureConfig()))
    return folder


def model_files(folder: Path, features: FeatureConfig | None = None) -> dict[str, bytes]:
    """What a store keeps of :func:`model_folder`, and of a calibration that is there."""
    seen = features or FeatureConfig()
    return read_model(model_folder(folder, seen), fingerprint(config_text(seen), WEIGHTS))


def make_windows(rng: np.random.Generator, count: int) -> Windows:
    """One to four windows of each of `count` performances, a third of a window apart."""
    first = np.cumsum([0, *rng.integers(1, 5, count)])
    start = np.concatenate([30.0 * np.arange(size) for size in np.diff(first)])
    return Windows(unit_vectors(rng, int(first[-1])), Cuts(first, start, WindowRecipe(3.0, 270, 90)))


def make_chroma(count: int, seed: int = 0, width: int = 12) -> Chroma:
    """Random slow chroma of 20 to 60 frames of each of `count` performances."""
    rng = np.random.default_rng(seed)
    first = np.cumsum([0, *rng.integers(20, 61, count)], dtype=np.int64)
    frames = rng.integers(0, 256, (int(first[-1]), width), dtype=np.uint8)
    return Chroma(frames, first, rng.uniform(2.6, 2.8, count))


def made_up_calibration(**values: object) -> Calibration:
    """Numbers that a fit could have found for the model of :func:`publish`."""
    fitted = {"slope": 2.0, "intercept": -0.5, "temperature": 0.6, "threshold": 0.4}
    weights = {"coarse": Fusion(0.7, 2.5, 4.8, 0.4, -1.6), "fine": Fusion(0.4, 2.0, 6.5, 0.9, -3.3)}
    chances = {"by_head": Chance(-2.3, -0.8, 0.9, -1.5, 0.9), "by_alignment": Chance(-3.7, -1.0, 1.0, -3.7, 0.6)}
    pairs = {"pairs": "all validation works", "works": 5, "performances": 15, "covers": 15, "non_covers": 90}
    errors = {"ece_before": 0.2, "ece_temperature": 0.1, "ece_after": 0.05}
    everything = {
        "model": FINGERPRINT,
        "subset": "generated",
        "seed": 0,
        **fitted,
        **weights,
        **chances,
        **pairs,
        **errors,
    }
    return Calibration(**{**everything, **values})  # type: ignore[arg-type]


def publish(
    workspace: Workspace,
    count: int = 40,
    seed: int = 0,
    titles: Sequence[str] = (),
    *,
    windows: bool = False,
    calibration: Calibration | None = None,
) -> Generation:
    """Publish a generated collection in random order; `titles` are given to the first performances."""
    rng = np.random.default_rng(seed)
    performances = make_performances(rng, count)
    for number, title in enumerate(titles, start=1):
        performances[f"P_{number}"] = replace(performances[f"P_{number}"], title=title)
    pids = list(rng.permutation(list(performances)))
    vectors, head = unit_vectors(rng, count), random_head(rng)
    model = model_folder(workspace.home / "models" / "made-up")
    if calibration:
        write_calibration(model, calibration)
    parts: dict[str, Part] = {"chroma": make_chroma(count, seed)}
    if windows:
        parts["windows"] = make_windows(rng, count)
    return publish_made(workspace, pids, vectors, head, performances, frame_rate=DATACOS_RATE, parts=parts)


def publish_made(
    workspace: Workspace,
    pids: Sequence[str],
    vectors: NDArray[np.float32],
    head: Head,
    performances: Mapping[str, Performance],
    **given: Any,
) -> Generation:
    """Publish rows as those of the made-up model; `given` are other arguments of a build's publishing."""
    seen = given.setdefault("features", FeatureConfig())
    own = fingerprint(config_text(seen), WEIGHTS)
    usual = {"fingerprint": own, "subset": "generated", "frame_rate": 10.0}
    files = model_files(workspace.home / "models" / "made-up", seen)
    return build.publish(workspace, pids, vectors, head, performances, model_files=files, **(usual | given))  # type: ignore[arg-type]


def reseal(workspace: Workspace, **changes: Any) -> None:
    """Give the current generation a manifest and a CURRENT that fit its files, so that only their contents speak.

    `changes` are other fields of the manifest.
    """
    generation = read_generation(workspace, current_name(workspace), None)
    files = {path: digest(workspace.home / path) for path in generation.manifest.files}
    path = generation.folder / MANIFEST
    path.write_text(replace(generation.manifest, files=files, **changes).to_json())
    (workspace.index / CURRENT).write_text(f"{generation.name} {digest(path).sha256}\n")


def current_name(workspace: Workspace) -> str:
    """Of the generation that CURRENT names, whatever state it is in."""
    current = read_current(workspace)
    assert current is not None
    return current[0]


def origin_of(dataset: Dataset, pid: str, rate: float) -> Origin:
    """What a build notes of the files of a performance."""
    files = {
        name: OriginFile(str(path.relative_to(dataset.root)), hashlib.sha256(path.read_bytes()).hexdigest())
        for name, path in dataset.files[pid].items()
    }
    return Origin(str(dataset.root), dataset.subset, rate, files)


def chroma_of(dataset: Dataset, names: Sequence[str], rates: Mapping[str, float]) -> Chroma:
    """What a build keeps of the performances in `rates`, whose files have that many frames/s."""
    frames, kept = [], []
    for pid, rate in rates.items():
        read = {name: read_chroma(dataset.files[pid][name], name) for name in names}
        slow, slow_rate = slow_chroma(read, names, rate)
        frames.append(slow)
        kept.append(slow_rate)
    return Chroma(np.concatenate(frames), np.cumsum([0, *map(len, frames)]), np.array(kept))


def publish_dataset(
    workspace: Workspace, root: Path, *, windows: bool = False, features: str = "hpcp", rate: float = SLOW_RATE
) -> Windows:
    """Publish made-up vectors and the chroma of the dataset at `root`; its windows are made up, stored or not."""
    rng = np.random.default_rng(0)
    dataset = open_dataset(root)
    count = len(dataset.performances)
    made = make_windows(rng, count)
    seen = FeatureConfig(features, key="normalised")
    parts: dict[str, Part] = {"chroma": chroma_of(dataset, seen.names, dict.fromkeys(dataset.performances, rate))}
    publish_made(
        workspace,
        list(dataset.performances),
        unit_vectors(rng, count),
        random_head(rng),
        dataset.performances,
        features=seen,
        subset=dataset.subset,
        frame_rate=rate,
        parts=parts | ({"windows": made} if windows else {}),
        origins={pid: origin_of(dataset, pid, rate) for pid in dataset.performances},
        source=root,
    )
    return made
