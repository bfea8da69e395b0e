"""``covsearch build-index``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from covsearch.cli.options import FRAME_RATE, METADATA, MODEL, PATH, STORE, SUBSET
from covsearch.cli.shown import fitted
from covsearch.counting import counted, in_works
from covsearch.dataset.ids import in_words
from covsearch.errors import UsageError
from covsearch.progress import stderr_progress
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from covsearch.config import FeatureConfig
    from covsearch.dataset.datacos import Skipped
    from covsearch.foreign import ForeignReport
    from covsearch.indexing import BuildReport

_LISTED = 5  # skipped performances that the summary names


@click.command()
@click.argument("source", required=False, type=PATH)
@click.option("--dataset", type=PATH, help="The same as SOURCE.")
@SUBSET
@MODEL
@FRAME_RATE
@click.option("--windows", is_flag=True, help="Index two-minute windows too, for `query --rerank windows`.")
@click.option("--vectors", type=PATH, help="Index vectors of your own: .npz, .npy, .safetensors.")
@METADATA
@click.option("--strict", is_flag=True, help="Stop at the first performance that cannot be indexed.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, every skipped performance listed.")
@STORE
@click.pass_obj
def build_index_command(
    workspace: Workspace,
    /,
    source: Path | None,
    dataset: Path | None,
    model: Path | None,
    vectors: Path | None,
    metadata: Path | None,
    strict: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Embed a collection and publish it; until that is done, queries are answered from the index before.

    SOURCE is a folder of audio, or a Da-TACOS folder; without it, the bundled sample is indexed. Performances that
    cannot be read are skipped, counted and listed. Decoded audio and packed features are kept in HOME/cache, so that
    building again reads only what is new.

    \b
    covsearch build-index
    covsearch build-index ~/Music
    covsearch build-index da-tacos --subset benchmark
    covsearch build-index da-tacos --model models/mine --windows --strict
    covsearch build-index --metadata tracks.csv

    The CSV of --metadata has a header line with id and any of work, title, artist, year, album. It goes before what the
    collection says. Ids that are not in the collection are counted; with --strict they are an error.

    \b
    covsearch build-index --vectors clews.npz --metadata tracks.csv

    With --vectors the index is of vectors that a model of your own made, with an id for each; several with one id are
    segments of one track. They are ranked by cosine, of segments by that of the most alike pair.
    """
    both: dict[str, Any] = {"strict": strict, "metadata": metadata}
    dataset = one_source(source, dataset)
    report: BuildReport | ForeignReport
    with stderr_progress() as progress:
        if vectors is None:
            from covsearch.indexing import build_index

            report = build_index(dataset, model, workspace, progress=progress, **chosen, **both)
        else:
            from covsearch.foreign import build_foreign, refuse_beside_vectors

            refuse_beside_vectors(dataset=dataset, model=model, **chosen)
            report = build_foreign(vectors, workspace, progress=progress, **both)
    click.echo(json.dumps(dataclasses.asdict(report), indent=2) if as_json else _told(report))


def one_source(source: Path | None, dataset: Path | None) -> Path | None:
    """The folder that was named, in one way or the other."""
    if source is not None and dataset is not None:
        raise UsageError("expected SOURCE or --dataset, not both")
    return source or dataset


def _told(report: BuildReport | ForeignReport) -> str:
    from covsearch.indexing import BuildReport

    return fitted(_summary(report) if isinstance(report, BuildReport) else _foreign_summary(report))


def _foreign_summary(report: ForeignReport) -> str:
    several = f" with {counted(report.segments, 'segment')}" if report.segments else ""
    fitted = report.calibration
    worth = (
        f"Probabilities of a cover are fitted on the collection's own {fitted.works:,} works with two versions or more."
        if fitted
        else f"No probability of a cover is told, only the cosine: {report.uncalibrated}."
    )
    lines = [
        f"Indexed {in_works(report.performances, report.works, 'track')}{several} in {report.seconds:.1f} s.",
        f"{report.generation} · foreign vectors {report.model} of {report.dim:,} numbers, ranked by cosine",
        worth,
    ]
    return "\n".join([*lines, *unused_lines(report.unused_metadata), *skipped_lines(report.skipped)])


def _summary(report: BuildReport) -> str:
    seen = report.features
    features = f"{seen.features}, {_rate(report)}at most {seen.frames:,} frames, {key_in_words(seen)}"
    lines = [
        f"Indexed {in_works(report.performances, report.works)}{_windows(report)} in {report.seconds:.1f} s.",
        f"{report.generation} · collection {report.subset} · model {report.model} · {features}",
    ]
    return "\n".join([*lines, *unused_lines(report.unused_metadata), *skipped_lines(report.skipped)])


def key_in_words(features: FeatureConfig) -> str:
    """In which key the model sees a performance."""
    return {"played": "in the key as played", "normalised": "all in one key"}[features.key]


def unused_lines(ids: Sequence[str]) -> list[str]:
    """How many ids of --metadata are not there, and the first of them."""
    if not ids:
        return []
    listed = ", ".join(map(in_words, ids[:_LISTED]))
    more = f" and {len(ids) - _LISTED:,} more" if len(ids) > _LISTED else ""
    return [f"--metadata: {len(ids):,} of its ids {'is' if len(ids) == 1 else 'are'} not there: {listed}{more}"]


def skipped_lines(skipped: Sequence[Skipped]) -> list[str]:
    """How many were skipped, and the first of them with the reasons."""
    if not skipped:
        return []
    listed = [f"  {one.path}: {one.reason}" for one in skipped[:_LISTED]]
    more = [f"  and {len(skipped) - _LISTED:,} more; --json lists all"] if len(skipped) > _LISTED else []
    return [f"Skipped {len(skipped):,}:", *listed, *more]


def _windows(report: BuildReport) -> str:
    return "" if report.windows is None else f" and {counted(report.windows, 'window')}"


def _rate(report: BuildReport) -> str:
    """At how many frames a second the model sees the files, where it has a frame rate of its own."""
    if not report.features.rate:
        return ""
    assumed = "" if report.rate_is_known else ", assumed: say --frame-rate if it is not"
    return f"{report.features.rate:.2f} frames/s (of {report.frame_rate:.2f}{assumed}), "
