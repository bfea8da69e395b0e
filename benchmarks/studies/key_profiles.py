"""Which key profiles bring the versions of a work to the same key.

For every cover pair of the sample's training and validation works: does the difference of the two estimated tonics
equal the transposition under which the two mean frames fit best? Test works are not looked at.

Run as ``python -m benchmarks.studies.key_profiles``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, provenance, write_result
from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.pairs import cover_pairs
from covsearch.dataset.sample import sample_root, sample_split
from covsearch.features.key import MAJOR, MINOR, key_profiles, major_tonic
from covsearch.features.pack import pack_cached
from covsearch.workspace import find_workspace

DIATONIC = np.isin(np.arange(12), [0, 2, 4, 5, 7, 9, 11]).astype(np.float64)
PROFILES = {
    "Temperley 1999 (used)": (MAJOR, MINOR),
    "Krumhansl & Kessler 1982": (
        np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88]),
        np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17]),
    ),
    "the seven tones of the scale": (DIATONIC, np.roll(DIATONIC, 3)),
}


def main() -> None:
    """Measure, print and write ``benchmarks/results/key_profiles.json`` and ``.md``."""
    means, pairs, chorale = load()
    shifts = np.array([best_shift(means[i], means[j]) for i, j in pairs])
    kinds = {"all": np.ones(len(pairs), dtype=bool), "chorales": chorale[pairs[:, 0]], "tunes": ~chorale[pairs[:, 0]]}
    rows = {}
    for name, (major, minor) in PROFILES.items():
        tonics = np.array([major_tonic(mean[None], key_profiles(major, minor)) for mean in means])
        same = (tonics[pairs[:, 0]] - tonics[pairs[:, 1]]) % 12 == shifts
        rows[name] = {kind: round(float(same[mask].mean()), 3) for kind, mask in kinds.items()}
    counts = {kind: int(mask.sum()) for kind, mask in kinds.items()}
    about = provenance("studies.key_profiles", None)
    write_result("key_profiles", {"provenance": about, "pairs": counts, "same_key": rows})
    print(write_table(RESULTS / "key_profiles.md", rows, counts))


def load() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Mean frames (N, 12), cover pairs (M, 2) outside the test works, and which performances are chorales (N,)."""
    config = FeatureConfig("hpcp", 128)
    dataset = open_dataset(sample_root(), config.names)
    store = pack_cached(find_workspace().cache, dataset, config)
    held_out = set(sample_split().test)
    pairs = np.array([row for row in cover_pairs(store.wids) if store.wids[row[0]] not in held_out])
    means = np.stack([frames.astype(np.float32).mean(axis=0) for frames in store])
    return means, pairs, np.array(["BWV" in dataset.performances[pid].title for pid in store.pids])


def best_shift(a: NDArray[np.float32], b: NDArray[np.float32]) -> int:
    """Semitones by which `b` goes up to fit `a` best."""
    return int(np.argmax([(a - a.mean()) @ np.roll(b, k) for k in range(12)]))


def write_table(path: Path, rows: dict[str, dict[str, float]], counts: dict[str, int]) -> str:
    """The shares as a Markdown table."""
    lines = [f"| profiles | {' | '.join(f'{kind} ({n} pairs)' for kind, n in counts.items())} |", "|---|---|---|---|"]
    lines += [f"| {name} | {' | '.join(f'{100 * v:.1f} %' for v in row.values())} |" for name, row in rows.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path.read_text()


if __name__ == "__main__":
    main()
