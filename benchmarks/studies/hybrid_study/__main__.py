"""Does the quantum block help? All models x seeds on one or more collections, run by run, then the tables.

Every model is trained as the report says (preset ``report``: 20 epochs, Adam 5e-4, BCE on fixed pairs), within a seed
on the same split and pairs, and judged on held-out test pairs and, unheard, on the real covers of covers80_dev. Two
collections: the bundled sample, and as many works as Da-TACOS has of covers synthesised from notes
(``--synthesize``; without it only the sample). ``--dataset DIR`` studies a collection of your own, as Da-TACOS.

A track is brought to at most ``--frames`` frames, 256 unless said otherwise, for all models alike. The report has
2,000, and an epoch of its 3,000 pairs then takes eight times as long; ``--dataset da-tacos/ --frames 2000`` is the same
study at the report's length on the report's data. Each run is one file under ``--out``: a killed study goes on at the
run it was in, and several processes may share the work (``--only``, ``--seeds``, ``--threads 1``). One folder holds
runs of one length and number of epochs; a run that was not judged on the real covers is done again once they are
there. The tables are written there too; without ``--out``, into ``benchmarks/results``. ``--summarise`` trains nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.real import REAL
from benchmarks.studies.hybrid_study.report import markdown
from benchmarks.studies.hybrid_study.runs import VARIANTS, Material, run
from benchmarks.studies.hybrid_study.summary import summarise
from benchmarks.studies.hybrid_study.synthetic import Recipe, choose_songs, write_collection
from covsearch.config import CNN_STRIDE, TrainConfig
from covsearch.dataset.datacos import Dataset, open_dataset
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.dataset.sample import sample_root
from covsearch.progress import stderr_progress
from covsearch.synthesis.sources import open_collections

NAME = "hybrid_study"
SETTINGS = "settings.json"
SAMPLE, SYNTHETIC = "sample", "synthetic"
WORK = Path(tempfile.gettempdir()) / "covsearch-hybrid-study"


def main() -> None:
    """Train what is missing, then write ``hybrid_study.json`` and ``.md``: into ``--out``, or the results."""
    args = _arguments().parse_args()
    results = args.out or RESULTS
    args.out = args.out or WORK
    if args.threads:
        torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    settings = settle(args)
    if not args.summarise:
        for name, dataset in collections(args):
            study(name, dataset, args)
    found = finished(args.out)
    if not found:
        sys.exit(f"{args.out} has no finished run: run without --summarise first")
    summary = summarise(found)
    result = {"provenance": provenance("studies.hybrid_study", 0), **settings, "collections": summary}
    write_table(results / f"{NAME}.json", result, markdown(result))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthesize", action="append", default=[], help="folder of MIDI files, or music21")
    parser.add_argument("--works", type=int, default=1000, help="of the synthesised collection [1000]")
    parser.add_argument("--dataset", type=Path, action="append", default=[], help="a Da-TACOS folder, in their place")
    parser.add_argument("--collection", choices=(SAMPLE, SYNTHETIC), help="only this one [both]")
    parser.add_argument("--real", type=Path, default=REAL, help="only judged on [../shared's covers80_dev]")
    parser.add_argument("--seeds", default="5", help="how many, from 0, or which: 0,3 [5]")
    parser.add_argument("--only", default="", help="variants whose name has this in it, as in 'q = 7'")
    parser.add_argument("--epochs", type=int, default=TrainConfig.epochs, help="[the report's %(default)s]")
    parser.add_argument("--frames", type=frames_given, default=CNN_STRIDE, help="of a track at most [%(default)s]")
    parser.add_argument("--threads", type=int, help="of torch [its own choice]")
    parser.add_argument("--out", type=Path, help=f"keeps runs, collections and tables [{WORK}, {RESULTS}]")
    parser.add_argument("--summarise", action="store_true", help="of finished runs only")
    return parser


def frames_given(text: str) -> int:
    """What --frames says: no fewer than the report's CNN pools to nothing."""
    if not text.isdecimal() or int(text) < CNN_STRIDE:
        raise argparse.ArgumentTypeError(f"expected at least {CNN_STRIDE}, which the report's CNN needs, got {text!r}")
    return int(text)


def settle(args: argparse.Namespace) -> dict[str, int]:
    """What all runs of a folder have in common: kept there, and the end of a program that would mix two kinds."""
    path = args.out / SETTINGS
    given = {"frames": args.frames, "epochs": args.epochs}
    found: dict[str, int] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else given
    if args.summarise:
        return found
    if found != given:
        sys.exit(f"{args.out} holds runs with {found}, not with {given}: go on with those, or name another --out")
    path.write_text(json.dumps(given), encoding="utf-8")
    return given


def collections(args: argparse.Namespace) -> Iterator[tuple[str, Dataset]]:
    """Name and dataset of everything to train on; the synthesised one is written first where it is missing."""
    for root in args.dataset:
        yield root.resolve().name, open_dataset(root, ["hpcp"])
    if args.dataset:
        return
    if args.collection != SYNTHETIC:
        yield SAMPLE, open_dataset(sample_root(), ["hpcp"])
    if args.synthesize and args.collection != SAMPLE:
        yield SYNTHETIC, open_dataset(synthetic(args), ["hpcp"], frame_rate=SLOW_RATE)


def synthetic(args: argparse.Namespace) -> Path:
    """The synthesised collection's folder."""
    root: Path = args.out / SYNTHETIC
    with stderr_progress() as progress:
        sources = open_collections(args.synthesize, args.out / "cache", progress)
        recipe = Recipe(tuple(source.name for source in sources), works=args.works, frames=0)
        return write_collection(root, choose_songs(sources, args.works, recipe.seed), recipe, progress)


def study(name: str, dataset: Dataset, args: argparse.Namespace) -> None:
    """Train every run of one collection that is not finished."""
    real = open_dataset(args.real, ["hpcp"]) if args.real.is_dir() else None
    if real is None:
        print(f"{args.real} is not there: no model is judged on real covers", file=sys.stderr)
    material = Material(dataset, real, args.frames, args.out / "cache")
    for seed in wanted_seeds(args.seeds):
        for variant in (v for v in VARIANTS if args.only in v):
            path = run_path(args.out, name, variant, seed)
            if is_finished(path, judged=real is not None):
                continue
            with stderr_progress() as progress:
                done = run(variant, seed, material, epochs=args.epochs, progress=progress)
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps({"collection": name, **done}), encoding="utf-8")
            fresh.replace(path)
            print(f"{name}, {variant}, seed {seed}: AUC {done['test']['auc']:.3f}", file=sys.stderr)


def is_finished(path: Path, *, judged: bool) -> bool:
    """Whether a run is there, and was `judged` on real covers where that is asked for."""
    return path.is_file() and (not judged or json.loads(path.read_text(encoding="utf-8"))["real"] is not None)


def wanted_seeds(text: str) -> list[int]:
    """``5`` is 0 to 4; ``0,3`` is 0 and 3."""
    return [int(word) for word in text.split(",")] if "," in text else list(range(int(text)))


def run_path(out: Path, name: str, variant: str, seed: int) -> Path:
    """Where a run is kept."""
    word = "".join(c if c.isalnum() else "_" for c in variant)
    return out / f"run-{name}-{word}-seed{seed}.json"


def finished(out: Path) -> list[dict[str, Any]]:
    """All runs in a folder."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("run-*.json"))]


if __name__ == "__main__":
    main()
