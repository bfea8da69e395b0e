"""``python -m benchmarks.make_sample --out covsearch/dataset/sample --work /tmp/sample-work``: the bundled sample.

Needs the ``sample`` extra; CREMA-PCP needs an environment of its own, named by ``--crema-python``. Everything dear is
kept in the work folder: a run that was stopped continues. The sample's own folder is made there too; ``--out`` gets the
archive of it and a README. Put the checksum that is printed into ``covsearch/dataset/sample.py``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.make_sample import crema_worker
from benchmarks.make_sample.archive import write_archive
from benchmarks.make_sample.catalogue import Row, rows
from benchmarks.make_sample.choose import Sizes
from benchmarks.make_sample.features import compute_hpcp
from benchmarks.make_sample.plan import plan
from benchmarks.make_sample.progress import say
from benchmarks.make_sample.readme import write_readme
from benchmarks.make_sample.write import write_feature, write_tables
from covsearch.synthesis.corpus import load

SEED = 2


def main() -> None:
    """Run every stage that the work folder does not hold yet and write the sample."""
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    found = plan(load(options.work, options.jobs), options.work, Sizes(), options.seed)
    table = rows(found.works)
    compute_hpcp([row.setting for row in table], options.work, options.seed, options.jobs)
    features = ["hpcp"]
    if options.crema_python:
        _compute_crema(table, options.work, options.crema_python, options.jobs)
        features.append("crema")
    folder = options.work / "sample"
    for feature in features:
        write_feature(feature, table, options.work, folder)
    write_tables(table, found.parts, options.seed, options.work, folder)
    options.out.mkdir(parents=True, exist_ok=True)
    write_readme(found, table, options.seed, options.out)
    print(f'SHA256 = "{write_archive(folder, options.out / "sample.zip")}"')
    say(f"wrote {len(table)} performances with {' and '.join(features)} to {options.out / 'sample.zip'}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.make_sample", description="Make the bundled sample.")
    parser.add_argument("--out", type=Path, default=Path("covsearch/dataset/sample"), help="gets sample.zip, README.md")
    parser.add_argument("--work", type=Path, required=True, help="cache of scores, audio and features (4 GB)")
    parser.add_argument("--crema-python", type=Path, help="Python of crema's environment; without it, HPCP alone")
    parser.add_argument("--seed", type=int, default=SEED, help="of instruments, tempi, choice, order and split")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    return parser.parse_args()


def _compute_crema(table: list[Row], work: Path, python: Path, jobs: int) -> None:
    """Run the workers side by side in their own environment.

    Raises
    ------
    SystemExit
        if one of them failed; what it had finished is kept.
    """
    wanted = work / "crema-wanted.txt"
    wanted.write_text("\n".join(sorted(row.setting.source_id.replace("/", "__") for row in table)), encoding="utf-8")
    command = [str(python), crema_worker.__file__, str(work)]
    running = [subprocess.Popen([*command, str(part), str(jobs)]) for part in range(jobs)]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit(f"CREMA failed, see above; what it finished is in {work / 'crema'}: run the same command again")


if __name__ == "__main__":
    main()
