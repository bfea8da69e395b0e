from __future__ import annotations

import dataclasses
import hashlib
import json
import operator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covsearch.config import FeatureConfig
from covsearch.errors import ArtefactError
from covsearch.features.windows import WindowRecipe
from covsearch.index.manifest import FIELDS, FORMAT, Manifest, StoredFile, digest, parse_manifest
from covsearch.index.part import NoSettings

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
    parts={"chroma": NoSettings(), "windows": WindowRecipe(2.7)},
    source="/music/da-tacos",
    files={"index/gen-0001/ids.json": StoredFile(12, "ab" * 32)},
)


def changed(**values: Any) -> str:
    return json.dumps({**json.loads(MANIFEST.to_json()), **values})


def windows(value: Any) -> str:
    return changed(parts={"chroma": {}, "windows": value})


@pytest.mark.parametrize(
    "manifest", [MANIFEST, dataclasses.replace(MANIFEST, parts={"chroma": NoSettings()}, source=None)]
)
def test_a_manifest_comes_back_equal(manifest: Manifest) -> None:
    assert parse_manifest(manifest.to_json()) == manifest


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
        ("{}", "index has format None, this covsearch reads format 3"),
        (changed(format=2), "index has format 2, this covsearch reads format 3: run `covsearch build-index`"),
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
        (changed(parts=[360]), r"parts must be dict, not \[360\]"),
        (changed(parts={}), r"parts nothing, expected chroma, known are chroma, windows"),
        (changed(parts={"chroma": {}, "lyrics": {}}), r"parts 'chroma', 'lyrics', expected chroma"),
        (changed(parts={"chroma": 3}), "chroma must be dict, not 3"),
        (changed(parts={"chroma": {"x": 1}}), "unexpected|takes no arguments"),
        (windows([360]), r"windows must be dict, not \[360\]"),
        (windows({"rate": 2.7, "length": 360}), "KeyError 'hop'"),
        (windows({"rate": 2.7, "length": 360.0, "hop": 90}), "windows: length must be int, not 360.0"),
        (windows({"rate": 2.7, "length": 90, "hop": 360}), "a window of 90 frames every 360 leaves frames out"),
        (windows({"rate": 2.7, "length": 360, "hop": 90, "x": 1}), "unexpected keyword argument 'x'"),
        (windows({}), "KeyError 'rate'"),
        (changed(source=3), "source must be str, not 3"),
        (changed(recipe=None), "recipe must be dict, not None"),
        (changed(features=None), "features must be dict, not None"),
    ],
)
def test_anything_else_is_refused_with_the_way_out(text: str, message: str) -> None:
    with pytest.raises(ArtefactError, match=message) as caught:
        parse_manifest(text)
    assert "run `covsearch build-index`" in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
places = st.sampled_from(
    [(name,) for name in [*FIELDS, "x"]]
    + [("features", name) for name in ("features", "frames", "rate", "key", "x")]
    + [("parts", name) for name in ("chroma", "windows", "x")]
    + [("parts", "windows", name) for name in ("rate", "length", "hop", "x")]
    + [("files", "index/gen-0001/ids.json"), ("files", "x")]
)


@given(place=places, value=json_values)
def test_any_value_in_any_place_is_read_or_refused(place: tuple[str, ...], value: Any) -> None:
    values = json.loads(MANIFEST.to_json())
    inside = reduce(operator.getitem, place[:-1], values)
    inside[place[-1]] = value
    try:
        found = parse_manifest(json.dumps(values))
    except ArtefactError:
        return
    assert parse_manifest(found.to_json()) == found  # fields of older manifests may be missing inside
