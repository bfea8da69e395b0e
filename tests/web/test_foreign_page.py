"""The page of an index of foreign vectors: cosines, nothing to align, works and years that may be unknown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

import covsearch
from covsearch.workspace import Workspace

IDS = ["a/b c", "d?e=f&g#h", "ü%2F", "~/i", "..x", "P_1"]


@pytest.fixture
def foreign(tmp_path: Path) -> Workspace:
    """Six tracks with ids that an address must escape, no works, and a title alone."""
    vectors = np.random.default_rng(0).normal(size=(len(IDS), 16)).astype(np.float32)
    np.savez(tmp_path / "clews.npz", vectors=vectors, ids=IDS)
    (tmp_path / "tracks.csv").write_text("id,title\n" + "\n".join(f'"{id_}",Song {id_}' for id_ in IDS))
    covsearch.build(vectors=tmp_path / "clews.npz", metadata=tmp_path / "tracks.csv", home=tmp_path / "home")
    return Workspace(tmp_path / "home")


def test_it_answers_at_once_and_promises_no_comparison(foreign: Workspace, served: Callable[..., httpx.Client]) -> None:
    page = served(foreign)
    shown = page.get("/performances/P_1?sort=year&since=", headers={"accept": "text/html"}).text
    assert "no probability of a cover is known" in shown
    assert 'data-settled="1"' in shown
    assert '<p class="verdict ">' in shown
    assert "/compare?" not in shown
    assert "Where they run together" not in shown
    assert shown.count("<td>unknown</td>") == 5
    refused = page.get("/api/compare", params={"a": IDS[0], "b": IDS[1]})
    assert refused.status_code == 400
    assert "comparing needs chroma, and the index has only foreign vectors" in refused.json()["detail"]
    found = covsearch.open(foreign.home).query("P_1").to_dict()
    assert page.get("/api/query?id=P_1").json() == json.loads(json.dumps(found))


def test_every_id_has_an_address(foreign: Workspace, served: Callable[..., httpx.Client]) -> None:
    page = served(foreign)
    listed = page.get("/find?q=song", headers={"accept": "text/html"}).text
    addresses = re.findall(r'href="(/performances/[^"]+)"', listed)
    assert len(addresses) == len(IDS)
    for address in addresses:
        answer = page.get(address, headers={"accept": "text/html"})
        assert answer.status_code == 200
        (id_,) = re.findall(r'data-id="([^"]+)"', answer.text)
        assert f"Song {id_}" in listed
    for id_ in IDS:
        assert page.get("/find", params={"q": id_}).headers["location"] in addresses
        assert page.get("/api/query", params={"id": id_}).json()["query"]["pid"] == id_
