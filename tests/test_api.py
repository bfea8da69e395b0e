"""The public face: a notebook session, what it refuses, and what importing it costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from collection import write_collection
from published import FINGERPRINT, publish
from rich.cells import cell_len
from untrained import write_model

import covsearch
from covsearch import api, models, outside
from covsearch.config import FeatureConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.errors import NotFoundError, UsageError
from covsearch.search import Searcher
from covsearch.workspace import Workspace

RATE = 10.77


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the tutorial's blocks use: a collection, a workspace, an untrained model, a file and its chroma."""
    folder = tmp_path_factory.mktemp("api")
    features = FeatureConfig("hpcp", 2000, rate=2.69)
    write_model(folder / "model", branch="invariant", alpha="positive", features=features)
    root = write_collection(folder / "data", works=4, frames=1000)
    file = open_dataset(root).files["P_2"]["hpcp"]
    with h5py.File(file) as stored:
        chroma = stored["hpcp"][:]
    home = str(folder / "home")
    return {"collection": root, "home": home, "model": folder / "model", "file": str(file), "chroma": chroma}


def tutorial() -> list[str]:
    text = (Path(__file__).resolve().parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def session(names: dict[str, Any]) -> dict[str, Any]:
    """The tutorial's names after all of its blocks ran."""
    space = dict(names)
    for block in tutorial():
        exec(compile(block, "docs/api.md", "exec"), space)
    return space


def test_the_tutorial_runs_and_says_what_is_so(session: dict[str, Any]) -> None:
    assert len(tutorial()) == 8
    assert len(session["index"]) == 12
    assert "P_2" in session["index"]
    assert "P_999" not in session["index"]
    assert session["index"]["P_2"].title == "Song 1, version 2"
    assert repr(session["index"]) == f"<covsearch.Index of 12 performances in {session['home']}>"
    assert (session["by_file"][0].pid, session["by_array"][0].pid) == ("P_2", "P_2")
    assert [m.head_p for m in session["by_file"]] == [m.head_p for m in session["by_array"]]
    assert session["by_file"].to_dict()["settings"]["frame_rate"] == RATE
    assert np.linalg.norm(session["vector"]) == pytest.approx(1, abs=1e-5)
    assert session["removed"].removed == session["added"].added == ("P_3",)
    assert session["picture"].is_file()


def test_results_are_sequences_tables_and_html(session: dict[str, Any]) -> None:
    found = session["found"]
    assert len(found) == 5
    assert [match.rank for match in found] == [1, 2, 3, 4, 5]
    assert found[1:3] == found.matches[1:3]
    assert list(session["table"]["pid"]) == [match.pid for match in found]
    assert json.loads(json.dumps(found.to_dict()))["matches"] == json.loads(json.dumps(found.to_dicts()))
    assert found._repr_html_().count("<tr>") == 6


def test_a_result_is_printed_as_a_short_table(tmp_path: Path) -> None:
    """The first ten matches, each in one line; a wide letter takes two places."""
    publish(Workspace(tmp_path), titles=["x", "O Haupt\x1b[31m voll Blut und Wunden, the second stanza", "宇多田"] * 13)
    found = covsearch.open(tmp_path).query("P_1", top=12)
    lines = str(found).splitlines()
    assert lines[:2] == [f"P_1 · x · {index_artist(tmp_path)}", found.sentence]
    assert lines[2].split() == ["rank", "id", "title", "artist", "probability", "verdict"]
    assert (len(lines), lines[-1]) == (14, "... and 2 more")
    for line, match in zip(lines[3:13], found, strict=False):
        rank, pid, *_, likely, verdict = line.split()
        assert (rank, pid) == (str(match.rank), match.pid)
        assert (likely, verdict) == (f"{match.cover_probability:.4f}", "cover" if match.predicted else "non-cover")
        assert match.artist in line
    assert len({cell_len(line.rpartition(" ")[0]) for line in lines[3:13]}) == 1
    assert "\x1b" not in str(found)
    assert repr(found) == f"<covsearch.QueryResult for P_1 of 12 matches: {found.sentence}>"


def index_artist(home: Path) -> str:
    return covsearch.open(home)["P_1"].artist


def test_what_is_printed_of_nothing_and_of_files(session: dict[str, Any], tmp_path: Path) -> None:
    by_file = session["by_file"]
    assert repr(by_file).startswith("<covsearch.QueryResult for P_2_hpcp.h5 of 5 matches: ")
    assert str(by_file).splitlines()[0] == "P_2_hpcp.h5"
    assert repr(session["by_array"]).startswith("<covsearch.QueryResult for an array of 5 matches: ")
    publish(Workspace(tmp_path), count=1)
    alone = covsearch.open(tmp_path).query("P_1")
    assert str(alone).splitlines()[1:] == ["No cover found: there is nothing else in the index."]


def test_titles_are_escaped_in_html(tmp_path: Path) -> None:
    publish(Workspace(tmp_path), count=3, titles=["a", "<script>alert(1)</script>", "<b>"])
    shown = covsearch.open(tmp_path).query("P_1")._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_an_open_index_sees_what_others_publish(tmp_path: Path) -> None:
    publish(Workspace(tmp_path), count=10)
    with covsearch.open(str(tmp_path)) as index:
        assert (len(index), index.query("P_1").generation) == (10, "gen-0001")
        publish(Workspace(tmp_path), count=20, seed=1)
        assert (len(index), index.query("P_1").generation) == (20, "gen-0002")
        assert index.query("P_15").query == index["P_15"]


def test_a_vector_of_the_index_finds_itself(tmp_path: Path) -> None:
    publish(Workspace(tmp_path), count=10)
    index = covsearch.open(tmp_path)
    vector = index._searcher().collection.flat.vectors[3]
    assert len(index.query_vector(vector, model=FINGERPRINT)) == 10
    with pytest.raises(UsageError, match=r"expected a query vector of length 1, its length is 2: divide"):
        index.query_vector(2 * vector, model=FINGERPRINT)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((50, 11)), r"expected hpcp as numbers of shape \(T, 12\), not float64 \(50, 11\)"),
        (np.ones((12, 50)), r"not float64 \(12, 50\)"),
        (np.ones(12), r"not float64 \(12,\)"),
        (np.ones((0, 12)), r"not float64 \(0, 12\)"),
        (np.full((50, 12), "x"), r"expected hpcp as numbers"),
        (np.full((50, 12), np.nan), r"it has a NaN, an infinity or a negative value"),
        (np.full((50, 12), -1.0), r"it has a NaN, an infinity or a negative value"),
    ],
)
def test_an_array_that_is_no_chroma_is_refused(
    names: dict[str, Any], session: dict[str, Any], array: Any, message: str
) -> None:
    for ask in (session["index"].query, lambda a, frame_rate: covsearch.embed(a, frame_rate, model=names["model"])):
        with pytest.raises(UsageError, match=message):
            ask(array, frame_rate=RATE)


def test_what_cannot_be_asked_is_said(session: dict[str, Any], tmp_path: Path) -> None:
    index = session["index"]
    with pytest.raises(UsageError, match=r"expected the array's frame rate: say frame_rate=86\.13"):
        index.query(session["chroma"])
    with pytest.raises(UsageError, match="a frame rate is of a file or an array"):
        index.query("P_2", frame_rate=RATE)
    with pytest.raises(UsageError, match="expected an id, files, or an array of shape"):
        index.query([])
    with pytest.raises(UsageError, match="expected an id, files, or an array of shape"):
        index.query(22)
    with pytest.raises(NotFoundError, match="no performance P_222"):
        index.query("P_222")
    with pytest.raises(NotFoundError, match=r"no/such\.h5: expected an audio file or an HDF5 .* file, there is none"):
        index.query(Path("no/such.h5"))
    with pytest.raises(NotFoundError, match="no performance P_222"):
        index["P_222"]
    with pytest.raises(NotFoundError, match="run `covsearch build-index` first"):
        covsearch.open(tmp_path)


def test_every_name_is_there_and_no_other() -> None:
    assert set(covsearch.__all__) <= set(dir(covsearch))
    assert (covsearch.open, covsearch.Index) == (api.open_index, api.Index)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        covsearch.nothing  # noqa: B018


def test_importing_covsearch_loads_nothing_heavy() -> None:
    code = (
        "import sys, covsearch\n"
        "heavy = {'torch', 'faiss', 'sqlalchemy', 'numpy', 'h5py', 'click', 'rich', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_model_is_read_once_for_all_queries_from_outside(
    names: dict[str, Any], session: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    load = models.checkpoint_of
    monkeypatch.setattr(models, "checkpoint_of", lambda files, where: read.append(where) or load(files, where))
    with covsearch.open(names["home"]) as index:
        first = index.query(session["file"], frame_rate=10.77)
        assert index.query(session["chroma"], frame_rate=10.77).matches == first.matches
        assert len(read) == 1


@pytest.mark.parametrize("scale", [1e-25, 1e-3, 1e3, 1e20])
def test_the_scale_of_an_array_is_not_heard(session: dict[str, Any], scale: float) -> None:
    index = session["index"]
    plain = index.query(session["chroma"], frame_rate=10.77)
    scaled = index.query(session["chroma"] * np.float32(scale), frame_rate=10.77)
    assert [match.pid for match in scaled] == [match.pid for match in plain]
    assert [match.distance for match in scaled] == pytest.approx([match.distance for match in plain], abs=1e-4)


def test_a_query_by_file_that_builds_overtake_is_answered_from_the_newer_index(
    names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two builds end after the vectors were read and before the model is."""
    build = partial(covsearch.build, names["collection"], home=tmp_path, model=names["model"])
    index = build()
    asked: list[str] = []
    original = outside._own_checkpoint

    def overtaken(searcher: Searcher, *rest: Any) -> Any:
        asked.append(searcher.generation.name)
        if len(asked) == 1:
            build()
            build()
        return original(searcher, *rest)

    monkeypatch.setattr(outside, "_own_checkpoint", overtaken)
    assert index.query(Path(names["file"])).generation == "gen-0003"
    assert asked == ["gen-0001", "gen-0003"]
