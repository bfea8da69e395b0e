"""``covsearch query`` and ``covsearch find``."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from covsearch import api
from covsearch.cli.completion import complete_id
from covsearch.cli.options import STORE, NamedPath
from covsearch.cli.performances import headline, identity, named_or_file, working
from covsearch.counting import counted
from covsearch.decision import CALIBRATE
from covsearch.errors import NotFoundError, UsageError
from covsearch.ranking import COSINE, RERANKS, WINDOWS
from covsearch.workspace import Workspace, is_file

if TYPE_CHECKING:
    from covsearch.answers import Match, QueryResult

WINDOW_CAPTION = "ordered by similarity of windows, the most alike of which begin where Query ↔ match says"
CAPTION = "Cover ✓: predicted (=: the same recording) · Listed ✓: of the query's work, as the metadata says"
_IDENTITY = ("rank", "pid", "wid", "title", "artist", "year")
_JUDGED = ("cover_probability", "predicted", "same_recording", "listed", "head_p", "distance")
# what a narrow terminal does without, the first first
_SPARE = ("Distance", "WID", "Query ↔ match", "Listed", "Year", "Similarity", "Cosine", "Rank")
COSINE_ALONE = "the cosine alone says no probability: works of too few tracks are known to fit it"
FITTED_HERE = " · fitted on the collection's own works"
_HYPHEN = re.compile(r"^-(?=[^\W\d_].)")  # before a word
APPROXIMATE = "the collection is large, so the search is approximate: a near match may be missed"
UNCALIBRATED = f"the probability is not calibrated: {CALIBRATE}"


@click.command()
@click.argument("asked", required=False, shell_complete=complete_id)
@click.option(
    "--file", "files", type=NamedPath(path_type=Path), multiple=True, help="Query by file instead; repeatable."
)
@click.option("--frame-rate", type=float, help="Frames a second of an HDF5 file [as it declares].")
@click.option("--top", default=10, show_default=True, help="Matches to show, 1 to 1,000,000.")
@click.option(
    "--rerank", type=click.Choice(RERANKS), help="What orders the matches [the best that the model is calibrated for]."
)
@click.option(
    "--candidates", type=int, help="Candidates passed to the re-ranker, up to 1,000,000 [1000, to windows 100]."
)
@click.option("--json", "as_json", is_flag=True, help="Print query, matches and settings as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the matches as CSV (RFC 4180), with a header line.")
@STORE
@click.pass_obj
def query(
    workspace: Workspace,
    asked: str | None,
    files: tuple[Path, ...],
    frame_rate: float | None,
    top: int,
    rerank: str | None,
    candidates: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Rank the collection as covers of ASKED: the id of a performance in the index, or a file.

    The file has audio, features (HDF5) or notes (MIDI, MusicXML). An id is like P_22. 22, p_22 or a title will do
    where they can mean only one performance; stderr says which. A file with the name of an id is ./NAME.

    \b
    covsearch query P_22 --top 10
    covsearch query song.mp3
    covsearch query tune.mid
    covsearch query P_22 --csv > matches.csv
    covsearch query P_22 --rerank windows
    covsearch query W_1_hpcp/P_1_hpcp.h5
    covsearch query --file P_1_hpcp.h5 --file P_1_crema.h5

    The nearest --candidates under the learned head are aligned with the query: first all of them in coarse frames,
    then the best hundred in fine ones. With the bundled weights a small network, the learned aligner, then judges the
    same hundred from the matrix of their similarities. All of this together orders the matches.

    With --rerank align that network is left out. With --rerank head the learned distance orders the whole collection.
    With --rerank windows the nearest --candidates are ordered by how well two-minute windows of either find their
    like in the other (similarity, 1 is best), and the two most alike are told by where they begin: query ↔ match.
    That needs an index built with --windows.

    Every match has a cover probability: near 1 cover. Of a calibrated model it is that of a search of this size: the
    more performances are searched, the more must speak for a match. Where it is high enough for no match, the answer
    is "no cover found", and the nearest are shown below.

    A model that sees several features needs one --file each, or one HDF5 file that holds them all.
    """
    if (asked is None) == (not files):
        raise UsageError("expected a performance id (like P_22), a file, or --file, one of them")
    if as_json and as_csv:
        raise UsageError("expected --json or --csv, not both")
    by_file = bool(files) or is_file(str(asked))
    if not by_file and frame_rate is not None:
        raise UsageError("--frame-rate is of a file; what is in the index was read when it was built")
    index = api.Index(workspace)
    wanted = list(files) if asked is None else named_or_file(lambda: index, asked)
    with working("embedding with the index's model", by_file):
        result = index.query(wanted, frame_rate=frame_rate, top=top, candidates=candidates, rerank=rerank)
    if as_json:
        click.echo(json.dumps(result.to_dict(), indent=2))
    elif as_csv:
        click.echo(_csv(result), nl=False)
    else:
        _show(result)


class _Words(click.Command):
    """A command whose arguments may begin with a hyphen: ``-haupt`` is no ``-h`` with letters behind it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse without that hyphen, which makes no difference to what is found."""
        return super().parse_args(ctx, [_HYPHEN.sub("", arg) for arg in args])


@click.command(cls=_Words, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", default=20, show_default=True, help="Hits to show, 1 to 1,000,000.")
@click.option("--json", "as_json", is_flag=True, help="Print the hits as JSON.")
@STORE
@click.pass_obj
def find(workspace: Workspace, words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Find performances whose title, artist, album or work has all WORDS; the last may be cut short. Or by id: p_22.

    \b
    covsearch find o haupt
    covsearch find "beatles yest" --limit 5
    covsearch find bjork                          finds Björk: case and accents do not matter
    covsearch find dont acdc                      nor do apostrophes, dots, hyphens and slashes
    covsearch find "!!!"                          a title without a letter is found as it is
    """
    if unknown := [word for word in words if word.startswith("--") and word.strip("-")]:
        raise UsageError(f"there is no option {unknown[0]}; to look for the word, leave its hyphens out")
    text = " ".join(words)
    if not text.strip():
        raise UsageError("expected a word of a title, artist, album or work, or an id, not nothing")
    hits = api.Index(workspace).find(text, limit)
    if not hits:
        raise NotFoundError(f"no title, artist or album in the index has the words {text!r}; try fewer of them")
    if as_json:
        click.echo(json.dumps({"text": text, "limit": limit, "hits": [hit.to_dict() for hit in hits]}, indent=2))
        return
    from covsearch.cli.tables import stdout, table

    columns = (">PID", ">WID", "Title", "Artist", ">Year", ">Versions")
    rows = ((*identity(hit.performance), hit.versions) for hit in hits)
    stdout().print(table(columns, rows, spare=("WID", "Versions", "Year")))


def _csv(result: QueryResult) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    rows = [_flat(match) for match in result]
    columns = list(rows[0]) if rows else [*_IDENTITY, *_JUDGED]
    writer.writerow(columns)
    writer.writerows([_plain(row[name]) for name in columns] for row in rows)
    return text.getvalue()


def _flat(match: Match) -> dict[str, object]:
    """A match without what is of its performance alone."""
    values = match.to_dict()
    of_performance = set(match.performance.to_dict()) - set(_IDENTITY)
    return {name: value for name, value in values.items() if name not in of_performance}


def _plain(value: object) -> object:
    """A value in CSV: booleans as JSON has them; the writer leaves None empty."""
    return str(value).lower() if isinstance(value, bool) else value


def _show(result: QueryResult) -> None:
    from covsearch.cli.tables import mark, plain, stdout, table

    console = stdout()
    files = " + ".join(Path(file).name for file in result.files)
    asked = headline(result.query) if result.query else f"{files} · read at {result.frame_rate:.2f} frames/s"
    console.print(plain(asked))
    if result.calibrated or not result:
        console.print(plain(result.sentence))
    if not result:
        return
    by_windows, by_cosine = result.rerank == WINDOWS, result.rerank == COSINE
    judged = (">Similarity", ">Query ↔ match") if by_windows else (">Cosine",) if by_cosine else (">Distance",)
    columns = (">Rank", ">PID", ">WID", "Title", "Artist", ">Year", ">Probability", "Cover", "Listed", *judged)
    ordered = f"{WINDOW_CAPTION}\n" if by_windows else ""
    limits = "" if result.exact else f"\n{APPROXIMATE}"
    caption = f"{ordered}{CAPTION.replace('✓', mark('✓'))}\n{_meaning(result)}{limits}"
    console.print(table(columns, (_row(match) for match in result), caption=caption, spare=_SPARE))


def _meaning(result: QueryResult) -> str:
    """What the probability is, below the table."""
    if result.threshold is None:
        return COSINE_ALONE
    if not result.calibrated:
        return UNCALIBRATED
    among = f"probability of a cover among the {counted(result.searched, 'performance')} searched"
    return f"{among} · cover above {result.threshold:.3f}{FITTED_HERE if result.rerank == COSINE else ''}"


def _row(match: Match) -> tuple[object, ...]:
    from covsearch.cli.tables import mark
    from covsearch.plots import clock

    says = "=" if match.same_recording else mark("✓") if match.predicted else ""
    marks = (says, mark("✓") if match.listed else "")
    probability = "" if match.cover_probability is None else f"{match.cover_probability:.4f}"
    shown = (match.rank, *identity(match.performance), probability, *marks)
    if match.passage is None:
        return *shown, f"{match.distance:z.3f}" if match.similarity is None else f"{match.similarity:z.3f}"
    return *shown, f"{match.similarity:z.3f}", f"{clock(match.passage.a)} ↔ {clock(match.passage.b)}"
