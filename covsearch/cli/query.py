"""``covsearch query`` and ``covsearch find``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from covsearch.cli.performances import headline, performance_json
from covsearch.dataset.frame_rate import check_frame_rate
from covsearch.dataset.performance import Performance
from covsearch.errors import ArtefactError, FeatureFileError, NotFoundError, UsageError
from covsearch.index.generation import Generation
from covsearch.index.manifest import MEND
from covsearch.search import (
    CALIBRATE,
    HEAD,
    RERANKS,
    WINDOWS,
    Match,
    QueryResult,
    Searcher,
    open_catalogue,
    open_in,
    read_newest,
)
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from covsearch.index.windows import Windows

WINDOW_CAPTION = "ordered by similarity of windows, the most alike of which begin where Query ↔ match says"
CAPTION = "p near 0: cover · p near 1: not · known ✓: listed under the query's work"
UNCALIBRATED = f"p is not calibrated: {CALIBRATE}"


@click.command()
@click.argument("pid", required=False)
@click.option("--file", "files", type=click.Path(path_type=Path), multiple=True, help="Query by HDF5 file instead.")
@click.option("--frame-rate", type=float, help="Frames a second of --file [as the indexed files].")
@click.option("--top", default=10, show_default=True, help="Matches to show.")
@click.option("--candidates", type=int, help="Rank only so many: of cosine neighbours [all], by windows [100].")
@click.option("--rerank", type=click.Choice(RERANKS), default=HEAD, show_default=True, help="What orders candidates.")
@click.option("--expect", type=float, help="Covers to expect in the collection [as calibrated].")
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
    rerank: str,
    expect: float | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Rank the collection as covers of the performance PID, or of a feature file.

    \b
    covsearch query P_22 --top 10
    covsearch query P_22 --csv > matches.csv
    covsearch query P_22 --rerank windows
    covsearch query --file W_1_hpcp/P_1_hpcp.h5
    covsearch query --file P_1_hpcp.h5 --file P_1_crema.h5

    The ranking is exact: the learned head's distance is an inner product in 129 dimensions, which FAISS searches
    whole; rounding in float32 is bounded, and rows that it could have misplaced are ranked again in float64. A test
    holds the result equal to brute force. With --candidates N only the N nearest by cosine are ranked by the head.

    With --rerank windows the N nearest under the head are ordered by how well two-minute windows of either find their
    like in the other (similarity, 1 is best), and the two most alike are told by where they begin: query ↔ match. The
    index must have been built with --windows.

    Of a calibrated model, calibrated p is a probability, too: near 0 cover, at the odds of finding --expect covers in
    a collection of this size. Where it is low enough for no match, the answer is "no cover found", and the nearest
    are shown below it. A p that is not calibrated says what is nearer, not how likely.

    A model that sees several features needs one --file each, or one file that holds them all.
    """
    if (pid is None) == (not files):
        raise UsageError("expected a performance id (like P_22) or --file, one of the two")
    if as_json and as_csv:
        raise UsageError("expected --json or --csv, not both")
    if pid is not None and frame_rate is not None:
        raise UsageError("--frame-rate is of --file; what is in the index was read when it was built")

    def ask(generation: Generation) -> QueryResult:
        searcher = open_in(generation, windows=rerank == WINDOWS)
        if pid is not None:
            return searcher.query(pid, top, candidates, rerank=rerank, expected=expect)
        return query_files(searcher, files, top, candidates, frame_rate, expect)

    result = read_newest(workspace, ask)
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
        found = [{**performance_json(hit.performance), "versions": hit.versions} for hit in hits]
        click.echo(json.dumps({"text": text, "limit": limit, "hits": found}, indent=2))
        return
    from covsearch.cli.tables import stdout, table

    columns = (">PID", ">WID", "Title", "Artist", ">Year", ">Versions")
    stdout().print(table(columns, ((*_identity(hit.performance), hit.versions) for hit in hits)))


def query_files(
    searcher: Searcher,
    paths: Sequence[Path],
    top: int,
    candidates: int | None,
    frame_rate: float | None = None,
    expected: float | None = None,
) -> QueryResult:
    """Embed a performance from its feature files with the index's own model, and query with it.

    The files have the frame rate of those in the index, unless another one is given. A searcher that was opened with
    windows ranks by them.
    """
    rate = searcher.generation.manifest.frame_rate if frame_rate is None else check_frame_rate(frame_rate)
    for path in paths:
        if not path.is_file():
            raise NotFoundError(f"{path}: expected an HDF5 feature file, there is none")
    from rich.console import Console

    with Console(stderr=True).status("embedding with the index's model"):  # loading torch takes seconds
        embedded = _embed(searcher, paths, rate)
    return searcher.query_vector(
        embedded.vector,
        model=embedded.model,
        top=top,
        candidates=candidates,
        windows=embedded.windows,
        expected=expected,
    )


@dataclass(frozen=True, eq=False)
class _Embedded:
    """A query from files, and the fingerprint of the model that embedded it."""

    vector: NDArray[np.float32]
    windows: Windows | None
    model: str


def _embed(searcher: Searcher, paths: Sequence[Path], frame_rate: float) -> _Embedded:
    from covsearch.embed import embed_file_windows, embed_files  # torch, which a query by PID does without
    from covsearch.features.frames import seen_rate
    from covsearch.index.windows import Windows
    from covsearch.models import load_checkpoint

    checkpoint = load_checkpoint(searcher.generation.model_folder)
    config, built = checkpoint.config.features, searcher.generation.manifest.features
    if config != built:
        raise ArtefactError(f"index was built with {built}, the model in it sees {config}: {MEND}")
    files = {name: _file_with(name, paths) for name in config.names}
    parts = None
    if searcher.windows is not None:
        recipe = replace(searcher.windows.cuts.recipe, rate=seen_rate(config, frame_rate))
        parts = Windows(*embed_file_windows(checkpoint, files, frame_rate, recipe))
    return _Embedded(embed_files(checkpoint, files, frame_rate), parts, checkpoint.fingerprint)


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
    asked = performance_json(result.query) if result.query else {"files": [str(path) for path in files]}
    settings = {
        "top": top,
        "search": "exact" if result.candidates is None else "two-stage",
        "rerank": result.rerank,
        "candidates": result.candidates,
        "threshold": result.threshold,
        "calibrated": result.calibrated,
        "expected": result.expected,
        "generation": result.generation,
        "model": result.model,
    }
    matches = [
        {"rank": m.rank, **performance_json(m.performance), **_judgement(m), **_passage(m), "is_cover": m.is_cover}
        for m in result.matches
    ]
    return {"query": asked, "found": result.found, "matches": matches, "settings": settings}


def _judgement(match: Match) -> dict[str, Any]:
    return {
        "p": match.p,
        "verdict": match.verdict,
        "distance": match.distance,
        "p_calibrated": match.calibrated,
        "cover": match.cover,
    }


def _passage(match: Match) -> dict[str, Any]:
    """What windows say of a match; nothing where they were not asked."""
    if match.passage is None:
        return {}
    at = {"query_start": match.passage.a, "match_start": match.passage.b}
    return {"similarity": match.similarity, **at, "cosine": match.passage.cosine}


def _csv(matches: Sequence[Match]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    added = list(_passage(matches[0])) if matches else []
    judged = ["p", "verdict", "distance", "p_calibrated", "cover"]
    writer.writerow(["rank", "pid", "wid", "title", "artist", "year", *judged, "is_cover", *added])
    for m in matches:
        values = [*_judgement(m).values(), m.is_cover, *_passage(m).values()]
        writer.writerow([m.rank, *_identity(m.performance), *map(_plain, values)])
    return text.getvalue()


def _plain(value: object) -> object:
    """A value in CSV: booleans as JSON has them; the writer leaves None empty."""
    return str(value).lower() if isinstance(value, bool) else value


def _identity(p: Performance) -> tuple[str, str, str, str, int | None]:
    return p.pid, p.wid or "", p.title, p.artist, p.year


def _show(result: QueryResult, files: Sequence[Path]) -> None:
    from covsearch.cli.tables import plain, stdout, table

    console = stdout()
    console.print(plain(headline(result.query) if result.query else " + ".join(path.name for path in files)))
    if result.calibrated and not result.found:
        console.print(plain(_none_found(result)))
    by_windows = result.rerank == WINDOWS
    judged = ("Known", ">Similarity", ">Query ↔ match") if by_windows else (">Distance", "Known")
    likely = (">p", ">Calibrated") if result.calibrated else (">p",)
    rows = ((m.rank, *_identity(m.performance), *_likely(m), *_shown(m)) for m in result.matches)
    columns = (">Rank", ">PID", ">WID", "Title", "Artist", ">Year", *likely, *judged)
    ordered = f"{WINDOW_CAPTION}\n" if by_windows else ""
    console.print(table(columns, rows, caption=f"{ordered}{CAPTION}\n{_meaning(result)}"))


def _none_found(result: QueryResult) -> str:
    """The answer that none of the matches is a cover, and how near the likeliest came."""
    if not result.matches:
        return "No cover found: there is nothing else in the index."
    best = min(result.matches, key=lambda match: match.p)
    return f"No cover found: the likeliest, {best.performance.pid}, has a chance of {1 - (best.calibrated or 0):.1%}."


def _meaning(result: QueryResult) -> str:
    """What calibrated p is, below the table."""
    if not result.calibrated:
        return UNCALIBRATED
    among = f"covers expected among {result.searched:,} (--expect)"
    return f"calibrated: p with {result.expected:.3g} {among} · cover below {result.threshold:.3f}"


def _likely(match: Match) -> tuple[str, ...]:
    return (f"{match.p:.4f}",) if match.calibrated is None else (f"{match.p:.4f}", f"{match.calibrated:.4f}")


def _shown(match: Match) -> tuple[str, ...]:
    """What the table tells beside p."""
    from covsearch.plots import clock

    known = "✓" if match.is_cover else ""
    if match.passage is None:
        return f"{match.distance:z.3f}", known
    return known, f"{match.similarity:.3f}", f"{clock(match.passage.a)} ↔ {clock(match.passage.b)}"
