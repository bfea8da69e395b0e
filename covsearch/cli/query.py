"""``covsearch query`` and ``covsearch find``."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from covsearch.dataset.frame_rate import check_frame_rate
from covsearch.dataset.performance import Performance
from covsearch.errors import ArtefactError, FeatureFileError, NotFoundError, UsageError
from covsearch.search import THRESHOLD, Match, QueryResult, Searcher, open_catalogue, open_searcher
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CAPTION = "p near 0: cover · p near 1: not · known ✓: listed under the query's work"


@click.command()
@click.argument("pid", required=False)
@click.option("--file", "files", type=click.Path(path_type=Path), multiple=True, help="Query by HDF5 file instead.")
@click.option("--frame-rate", type=float, help="Frames a second of --file [as the indexed files].")
@click.option("--top", default=10, show_default=True, help="Matches to show.")
@click.option("--candidates", type=int, help="Rank only so many cosine neighbours [all, exactly].")
@click.option("--json", "as_json", is_flag=True, help="Print query, matches and settings as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the matches as CSV (RFC 4180), with a header line.")
@click.pass_obj
def query(
    workspace: Workspace,
    pid: str | None,
    files: tuple[Path, ...],
    frame_rate: float | None,
    top: int,
    candidates: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Rank the collection as covers of the performance PID, or of a feature file.

    \b
    covsearch query P_22 --top 10
    covsearch query P_22 --csv > matches.csv
    covsearch query --file W_1_hpcp/P_1_hpcp.h5
    covsearch query --file P_1_hpcp.h5 --file P_1_crema.h5

    The ranking is exact: the learned head's distance is an inner product in 129 dimensions, which FAISS searches
    whole; rounding in float32 is bounded, and rows that it could have misplaced are ranked again in float64. A test
    holds the result equal to brute force. With --candidates N only the N nearest by cosine are ranked by the head.

    A model that sees several features needs one --file each, or one file that holds them all.
    """
    if (pid is None) == (not files):
        raise UsageError("expected a performance id (like P_22) or --file, one of the two")
    if as_json and as_csv:
        raise UsageError("expected --json or --csv, not both")
    if pid is not None and frame_rate is not None:
        raise UsageError("--frame-rate is of --file; what is in the index was read when it was built")
    searcher = open_searcher(workspace)
    if pid is not None:
        result = searcher.query(pid, top, candidates)
    else:
        result = query_files(searcher, files, top, candidates, frame_rate)
    if as_json:
        click.echo(json.dumps(_answer(result, files, top), indent=2))
    elif as_csv:
        click.echo(_csv(result.matches), nl=False)
    else:
        _show(result, files)


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", default=20, show_default=True, help="Hits to show.")
@click.option("--json", "as_json", is_flag=True, help="Print the hits as JSON.")
@click.pass_obj
def find(workspace: Workspace, words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Find performances whose title or artist, or whose work's, have all WORDS; the last may be cut short.

    \b
    covsearch find o haupt
    covsearch find "beatles yest" --limit 5
    """
    text = " ".join(words)
    hits = open_catalogue(workspace).find(text, limit)
    if not hits:
        raise NotFoundError(f"no title or artist in the index has the words {text!r}; try fewer of them")
    if as_json:
        found = [{**_performance(hit.performance), "versions": hit.versions} for hit in hits]
        click.echo(json.dumps({"text": text, "limit": limit, "hits": found}, indent=2))
        return
    from covsearch.cli.tables import stdout, table

    columns = (">PID", ">WID", "Title", "Artist", ">Year", ">Versions")
    stdout().print(table(columns, ((*_identity(hit.performance), hit.versions) for hit in hits)))


def query_files(
    searcher: Searcher, paths: Sequence[Path], top: int, candidates: int | None, frame_rate: float | None = None
) -> QueryResult:
    """Embed a performance from its feature files with the index's own model, and query with it.

    The files have the frame rate of those in the index, unless another one is given.
    """
    rate = searcher.generation.manifest.frame_rate if frame_rate is None else check_frame_rate(frame_rate)
    for path in paths:
        if not path.is_file():
            raise NotFoundError(f"{path}: expected an HDF5 feature file, there is none")
    from rich.console import Console

    with Console(stderr=True).status("embedding with the index's model"):  # loading torch takes seconds
        vector, model = _embed(searcher.generation.model_folder, paths, rate)
    return searcher.query_vector(vector, model=model, top=top, candidates=candidates)


def _embed(model_folder: Path, paths: Sequence[Path], frame_rate: float) -> tuple[NDArray[np.float32], str]:
    from covsearch.embed import embed_files  # torch, which a query by PID does without
    from covsearch.models import load_checkpoint

    checkpoint = load_checkpoint(model_folder)
    files = {name: _file_with(name, paths) for name in checkpoint.config.features.names}
    return embed_files(checkpoint, files, frame_rate), checkpoint.fingerprint


def _file_with(feature: str, paths: Sequence[Path]) -> Path:
    """The first of `paths` that holds `feature`."""
    from covsearch.dataset.hdf5 import inspect_chroma

    refused = []
    for path in paths:
        try:
            inspect_chroma(path, feature)
        except FeatureFileError as e:
            refused.append(str(e))
        else:
            return path
    raise ArtefactError(f"the index's model needs {feature}; {'; '.join(refused)}")


def _answer(result: QueryResult, files: Sequence[Path], top: int) -> dict[str, Any]:
    asked = _performance(result.query) if result.query else {"files": [str(path) for path in files]}
    settings = {
        "top": top,
        "search": "exact" if result.candidates is None else "two-stage",
        "candidates": result.candidates,
        "threshold": THRESHOLD,
        "generation": result.generation,
        "model": result.model,
    }
    matches = [
        {"rank": m.rank, **_performance(m.performance), **_judgement(m), "is_cover": m.is_cover} for m in result.matches
    ]
    return {"query": asked, "matches": matches, "settings": settings}


def _performance(performance: Performance) -> dict[str, Any]:
    values = dataclasses.asdict(performance)
    return {**{k: v for k, v in values.items() if k != "matches"}, "musicbrainz": values["matches"]}


def _judgement(match: Match) -> dict[str, Any]:
    return {"p": match.p, "verdict": match.verdict, "distance": match.distance}


def _csv(matches: Sequence[Match]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["rank", "pid", "wid", "title", "artist", "year", "p", "verdict", "distance", "is_cover"])
    for m in matches:
        known = "" if m.is_cover is None else str(m.is_cover).lower()
        writer.writerow([m.rank, *_identity(m.performance), *_judgement(m).values(), known])
    return text.getvalue()


def _identity(p: Performance) -> tuple[str, str, str, str, int | None]:
    return p.pid, p.wid, p.title, p.artist, p.year


def _show(result: QueryResult, files: Sequence[Path]) -> None:
    from covsearch.cli.tables import plain, stdout, table

    console = stdout()
    console.print(plain(_header(result.query) if result.query else " + ".join(path.name for path in files)))
    rows = (
        (m.rank, *_identity(m.performance), f"{m.p:.4f}", f"{m.distance:z.3f}", "✓" if m.is_cover else "")
        for m in result.matches
    )
    columns = (">Rank", ">PID", ">WID", "Title", "Artist", ">Year", ">p", ">Distance", "Known")
    console.print(table(columns, rows, caption=CAPTION))


def _header(p: Performance) -> str:
    parts = (f"{p.pid} ({p.wid})", p.title, p.artist, p.year, f"work: {p.work_title}" if p.work_title else "")
    by = f" by {p.work_artist}" if p.work_title and p.work_artist else ""
    return " · ".join(str(part) for part in parts if part) + by
