"""A dry run of Da-TACOS's benchmark on synthesised covers.

    python -m benchmarks.studies.datacos_scale --synthesize POP909 --folder scratch

15,000 full-length files in the true layout (:mod:`benchmarks.studies.datacos_layout`), then ``build-index`` and the
evaluation: one vector, Qmax of the candidates alone, vector and Qmax together, and what ``covsearch query`` answers.
``--works 60`` is one fiftieth; ``--asked 1`` asks for one performance of each work, instead of for all 13, among as
many. A run that was stopped goes on where it was: files, index and rows that are there are kept.

The songs are those that the bundled weights heard covers of in training, so the figures flatter the model. They are a
regression test at that size, and say what time, memory and disk it takes; not how good it is on real recordings.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from benchmarks.children import run_child
from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.scale import SharedAlignments, figures
from benchmarks.studies.datacos_layout import SUBSET, VERSIONS, plan, write_collection
from covsearch import stages
from covsearch.dataset.datacos import open_dataset
from covsearch.evaluate.bootstrap import bootstrap_means, percentile_interval
from covsearch.evaluate.ranks import rank_covers
from covsearch.evaluate.retrieval_search import cascade_row, cascade_system, slow_chroma_of
from covsearch.evaluate.retrieval_systems import embedded, head_distances
from covsearch.features.pack import pack_cached
from covsearch.index.calibration import Calibration, read_calibration
from covsearch.index.head import Head
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.progress import silent, stderr_progress
from covsearch.ranking import ALIGN
from covsearch.ranking.fusion import Fusion
from covsearch.ranking.scores import warm
from covsearch.store import in_memory
from covsearch.synthesis.sources import open_collections
from covsearch.workspace import Workspace

FULL = 3_000  # works of the benchmark
QMAX_ALONE = Fusion(head=0, aligned=1, beyond=0, knee=0, bias=0)
SYSTEMS = ("one vector", "Qmax of the candidates", "vector and Qmax", "covsearch query")
REPLICATES = 10_000
AT_ONCE = 20  # queries between two notes of how far it is
COLUMNS = {"MR1": ("mr1", ".1f"), "median": ("median_rank", "g"), "P@1": ("p1", ".3f"), "R@100": ("recall@100", ".3f")}
GB = 2**30


class State:
    """What earlier runs in a folder took; written at every step."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._path = path
        self.values: dict[str, Any] = {"settings": dict(settings)}
        if path.is_file():
            self.values = json.loads(path.read_text(encoding="utf-8"))
            if self.values["settings"] != settings:
                raise SystemExit(f"{path} is of another run ({self.values['settings']}): name another --folder")

    def add(self, **more: float) -> None:
        """Add seconds and counts to those of earlier runs."""
        for name, value in more.items():
            self.values[name] = self.values.get(name, 0) + value
        self.put()

    def put(self, **values: Any) -> None:
        """Set values and write all."""
        self.values |= values
        draft = self._path.with_suffix(".tmp")
        draft.write_text(json.dumps(self.values, indent=1), encoding="utf-8")
        draft.replace(self._path)


def main() -> None:
    """Write, build, evaluate; print and write ``benchmarks/results/datacos_scale.json`` and ``.md``."""
    args = _arguments().parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "works": args.works,
        "asked": args.asked,
        "seed": args.seed,
        "songs": [Path(name).name for name in args.synthesize],
    }
    state, root, home = State(args.folder / "state.json", settings), args.folder / "da-tacos", args.folder / "home"
    _write(args, root, home, state)
    if "index_bytes" not in state.values:
        command = [sys.executable, "-m", "covsearch", "--home", str(home), "build-index", str(root)]
        before = _cpu_of_children()
        done = run_child(command, limit_s=args.limit_hours * 3600)
        assert done.exit_code == 0, done.output
        state.put(build_s=done.seconds, build_cpu_s=_cpu_of_children() - before)
        state.put(build_peak_mb=done.peak_mb, index_bytes=_bytes(home))
    works, asked, files = rank(args.folder, root, Workspace(home), args.asked, state)
    told = {name: judged(path, works, asked) for name, path in zip(SYSTEMS, files, strict=True)}
    state.put(peak_mb=max(state.values.get("peak_mb", 0), _peak_mb()))
    sizes = {"performances": len(works), "works": len(set(works)), "queries": len(asked)}
    result = {"provenance": provenance("studies.datacos_scale", args.seed), "run": state.values, **sizes}
    result |= {"systems": told, "full": expected(state.values, sizes)}
    write_table(args.out, result, markdown(result))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthesize", action="append", required=True, help="folder of MIDI files; repeatable")
    parser.add_argument("--folder", type=Path, required=True, help="keeps files, index and rows; a run goes on in it")
    parser.add_argument("--works", type=int, default=FULL, help="a third has 13 performances, the others one [3000]")
    parser.add_argument("--asked", type=int, default=VERSIONS, help="performances of each work that ask [13]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit-hours", type=float, default=12, help="after which build-index is given up [12]")
    parser.add_argument("--out", type=Path, default=RESULTS / "datacos_scale.json")
    return parser


def _write(args: argparse.Namespace, root: Path, home: Path, state: State) -> None:
    if "files_bytes" in state.values:
        return
    with stderr_progress() as progress:
        opened = open_collections(args.synthesize, home / "cache", progress)
        songs = [song for one in opened for song in one.maker.songs]
        started = time.process_time()
        written, size = write_collection(root, args.works, songs, args.seed, progress)
    state.add(write_cpu_s=time.process_time() - started, files=written)
    state.put(files_bytes=size, songs_read=len(songs))


def rank(
    folder: Path, root: Path, workspace: Workspace, a_work: int, state: State
) -> tuple[list[str], NDArray[np.int64], list[Path]]:
    """The work of each performance, rows of those that ask (Q,), and a file of distances (Q, N) for each system."""
    checkpoint = load_checkpoint(bundled_checkpoint())
    dataset = open_dataset(root, checkpoint.config.features.names, subset=SUBSET)
    with stderr_progress() as progress:
        store = pack_cached(workspace.cache, dataset, checkpoint.config.features, progress=progress)
        kept = embedded(checkpoint, store, store.pids, progress)
    assert not store.skipped, store.skipped[0]
    head, vectors = Head(checkpoint.alpha, checkpoint.beta), np.stack(kept.rows)
    calibration = read_calibration(checkpoint.folder, checkpoint.fingerprint)
    assert calibration is not None  # of the bundled weights
    collection = in_memory(store.pids, vectors, head)
    scope = stages.Scope(collection, slow_chroma_of(store, store.pids, dataset.frame_rate), None, calibration)
    warm()
    files = [folder / f"distances {k}.npy" for k in range(len(SYSTEMS))]
    works = dataset.wids_of(store.pids)
    asked = asking(works, a_work)
    _rows(files, scope, calibration, asked, state)
    if "query_cpu_s_at_15000" not in state.values:
        at = cascade_system("bundled", scope, 0.0, 0, silent).query_seconds_at(15_000)
        state.put(query_cpu_s_at_15000=at)
    return works, asked, files


def asking(works: list[str], a_work: int) -> NDArray[np.int64]:
    """Rows of the first `a_work` performances of every work that has a cover, ascending, (Q,)."""
    size, seen, rows = Counter(works), Counter[str](), []
    for row, work in enumerate(works):
        seen[work] += 1
        if size[work] > 1 and seen[work] <= a_work:
            rows.append(row)
    return np.array(rows, dtype=np.int64)


def _rows(
    files: list[Path], scope: stages.Scope, calibration: Calibration, asked: NDArray[np.int64], state: State
) -> None:
    """Fill the files row by row, from the first that is missing on."""
    size, done = len(scope.collection), int(state.values.get("rows", 0))
    mode = "r+" if done else "w+"
    tables = [open_memmap(path, mode, np.float64, None if done else (len(asked), size)) for path in files]
    by_head = head_distances(scope.collection.head, scope.collection.take(range(size)))
    qmax = replace(calibration, coarse=QMAX_ALONE, fine=QMAX_ALONE)
    with stderr_progress() as progress:
        for first in range(done, len(asked), AT_ONCE):
            rows, started = asked[first : first + AT_ONCE], time.process_time()
            tables[0][first : first + len(rows)] = by_head(rows)
            for place, row in enumerate(rows.tolist(), start=first):
                one = replace(scope, cascade=stages.Cascade(align=SharedAlignments()))
                tables[1][place] = cascade_row(replace(one, calibration=qmax), row, stage=ALIGN)
                tables[2][place] = cascade_row(one, row, stage=ALIGN)
                tables[3][place] = cascade_row(one, row)
            for table in tables:
                table.flush()
            state.add(rank_cpu_s=time.process_time() - started, rows=len(rows))
            progress("searching", first + len(rows), len(asked))


def judged(path: Path, works: list[str], asked: NDArray[np.int64]) -> dict[str, Any]:
    """:func:`~benchmarks.scale.figures`, and the interval of MAP."""
    table = np.load(path, mmap_mode="r")
    work = np.unique(works, return_inverse=True)[1].astype(np.int64)
    ranks = rank_covers(lambda rows: np.asarray(table[np.searchsorted(asked, rows)]), work, queries=asked)
    precision = {"map": ranks.average_precision()}
    interval = percentile_interval(bootstrap_means(precision, ranks.work, replicates=REPLICATES)["map"])
    return {**figures(ranks), "ci": [interval.low, interval.high]}


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def expected(run: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, float]:
    """Hours of one core and gigabytes of the whole benchmark, from what this run took."""
    every = [len(work.pids) for work in plan(FULL)]
    full, asked = sum(every), sum(size for size in every if size > 1)
    more, shared = full / sizes["performances"], 1.2  # Qmax alone aligns some hundred finely that the others do not
    return {
        "performances": full,
        "write_hours": run["write_cpu_s"] * more / 3600,
        "build_hours": run["build_cpu_s"] * more / 3600,
        "rank_hours": run["query_cpu_s_at_15000"] * asked * shared / 3600,
        "files_gb": run["files_bytes"] * more / GB,
        "home_gb": run["index_bytes"] * more / GB,
        "distances_gb": len(SYSTEMS) * 8 * asked * full / GB,
    }


def markdown(result: Mapping[str, Any]) -> str:
    """A row a system; what the run took, and what the whole would take."""
    run, full = result["run"], result["full"]
    kept = len(SYSTEMS) * 8 * result["queries"] * result["performances"] / GB
    lines = [
        f"{result['performances']:,} performances of {result['works']:,} works (a third of {VERSIONS} performances, "
        f"the others of one), {result['queries']:,} queries.",
        "",
        f"| system | MAP [95 % CI] | {' | '.join(COLUMNS)} |",
        f"|---|---|{'---:|' * len(COLUMNS)}",
    ]
    for name, found in result["systems"].items():
        others = (f"{found[key]:{form}}" for key, form in COLUMNS.values())
        low, high = found["ci"]
        lines.append(f"| {name} | {found['map']:.3f} [{low:.3f}, {high:.3f}] | {' | '.join(others)} |")
    lines += [
        "",
        "| | this run | all 13,000 queries of 15,000, from this run |",
        "|---|---:|---:|",
        f"| write the files, CPU | {run['write_cpu_s']:.0f} s | {full['write_hours']:.1f} h |",
        f"| `build-index`, CPU | {run['build_cpu_s']:.0f} s | {full['build_hours']:.1f} h |",
        f"| all searches, CPU | {run['rank_cpu_s']:.0f} s | {full['rank_hours']:.1f} h |",
        f"| files | {run['files_bytes'] / GB:.2f} GB | {full['files_gb']:.1f} GB |",
        f"| index and cache | {run['index_bytes'] / GB:.3f} GB | {full['home_gb']:.1f} GB |",
        f"| distances | {kept:.3f} GB | {full['distances_gb']:.1f} GB |",
        f"| peak memory of `build-index` | {run['build_peak_mb']:,} MB | |",
        f"| peak memory of the evaluation | {run['peak_mb']:,} MB | |",
        "",
        *EXPLAINED,
    ]
    return "\n".join(lines) + "\n"


EXPLAINED = (
    "Figures are defined in docs/score.md. The songs are those that the model heard covers of in training, which",
    "flatters the one vector; what the query weighs beside it was fitted on the bundled sample. Seconds are of the",
    "processor, over all threads; those of a query at 15,000 are measured on disturbed copies. `build-index` takes",
    "some seconds whatever the size, so a small run makes its hours too many.",
)


if __name__ == "__main__":
    main()
