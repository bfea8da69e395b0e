from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from covsearch.config import FeatureConfig
from covsearch.errors import ArtefactError
from covsearch.index.manifest import FIELDS, FORMAT, Manifest, StoredFile, digest, parse_manifest

MANIFEST = Manifest(
    format=FORMAT,
    covsearch="0.1.0",
    created="2026-11-22T20:00:00+00:00",
    subset="benchmark",
    count=15_000,
    works=3_000,
    dim=128,
    model="cnn-3f2a9c51",
    features=FeatureConfig("hpcp+crema", 1500),
    frame_rate=86.1328125,
    recipe={"faiss": "Flat"},
    files={"index/gen-0001/ids.json": StoredFile(12, "ab" * 32)},
)


def changed(**values: Any) -> str:
    return json.dumps({**json.loads(MANIFEST.to_json()), **values})


def test_a_manifest_comes_back_equal() -> None:
    assert parse_manifest(MANIFEST.to_json()) == MANIFEST


def test_every_field_is_described() -> None:
    assert list(FIELDS) == [field.name for field in dataclasses.fields(Manifest)]


def test_digest_is_size_and_sha256(tmp_path: Path) -> None:
    data = b"x" * 300_000
    (tmp_path / "file").write_bytes(data)
    assert digest(tmp_path / "file") == StoredFile(300_000, hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "manifest is not JSON"),
        ("[" * 100_000, "manifest is not JSON"),
        ("[1]", "must be a JSON object, not list"),
        ("{}", "index has format None, this covsearch reads format 2"),
        (changed(format=1), "index has format 1, this covsearch reads format 2: run `covsearch build-index`"),
        (changed(surplus=1), "surplus"),
        (changed(count="15000"), "count must be int, not '15000'"),
        (changed(works=True), "works must be int, not True"),
        (changed(model=None), "model must be str, not None"),
        (changed(features={"features": "mfcc"}), "must be one of"),
        (changed(features={"features": "hpcp", "bins": 3}), "unexpected keyword argument 'bins'"),
        (changed(files=[1]), r"files must be dict, not \[1\]"),
        (changed(files={"a": 1}), "a must be dict, not 1"),
        (changed(files={"a": {"size": "many", "sha256": ""}}), "a: size must be int, not 'many'"),
        (changed(files={"a": {"size": 1}}), "manifest cannot be read: KeyError 'sha256'"),
        (changed(frame_rate=86), "frame_rate must be float, not 86"),
        (changed(frame_rate=-1.5), "frame rate must be a positive number"),
        (changed(recipe=None), "recipe must be dict, not None"),
        (changed(features=None), "features must be dict, not None"),
    ],
)
def test_anything_else_is_refused_with_the_way_out(text: str, message: str) -> None:
    with pytest.raises(ArtefactError, match=message) as caught:
        parse_manifest(text)
    assert "run `covsearch build-index`" in str(caught.value)
