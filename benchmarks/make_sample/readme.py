"""Write the sample's README: what is real, what is assigned, the rule, the hand check, the numbers."""

from __future__ import annotations

import csv
import datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.make_sample.catalogue import Row
from benchmarks.make_sample.counts import counts
from benchmarks.make_sample.plan import Plan
from benchmarks.make_sample.write import STEPS

PACKAGES = ("music21", "essentia", "midirenderer", "pretty_midi", "h5py", "numpy", "scipy")
CREMA = "crema 0.2.0 (tensorflow-cpu 2.15.1, librosa 0.10.2.post1, pumpp 0.6.0)"

TEMPLATE = Path(__file__).parent / "readme_template.md"


def write_readme(found: Plan, table: list[Row], seed: int, out: Path) -> None:
    """Write ``README.md`` into the sample's folder."""
    numbers = {
        **counts(found),
        "duplicates": len(found.duplicates),
        "checks": "\n".join(_checks(found, table)),
        "hpcp step": STEPS["hpcp"],
        "crema step": STEPS["crema"],
        "seed": seed,
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "crema": CREMA,
        **{name: len(works) for name, works in found.parts.items()},
    }
    (out / "README.md").write_text(TEMPLATE.read_text(encoding="utf-8").format_map(numbers), encoding="utf-8")


def _checks(found: Plan, table: list[Row]) -> list[str]:
    home = {row.setting.source_id: row for row in table}
    best: dict[str, float] = {}
    for pair in found.pairs:
        if pair.first in home and pair.second in home and home[pair.first].work == home[pair.second].work:
            for source_id in (pair.first, pair.second):
                best[source_id] = max(best.get(source_id, 0.0), pair.score)
    lines = []
    with (Path(__file__).parent / "hand_check.csv").open(encoding="utf-8", newline="") as file:
        for check in csv.DictReader(file):
            row = home.get(check["source_id"])
            if row is None:
                continue
            members = [other.setting.source_id for other in table if other.work == row.work]
            weakest = min(best[source_id] for source_id in members)
            work = f"{row.wid} {row.work_title}"
            cells = (work, ", ".join(members), f"{weakest:.2f}", check["verdict"], check["seen"])
            lines.append(f"| {' | '.join(cells)} |")
    return lines
