"""Metadata JSON that a stranger could send: what is wrong with it, and what its refusal must say."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

SOUND = {
    wid: {pid: {"perf_title": f"Song {pid}", "work_id": wid, "perf_id": pid, "release_year": "1961"} for pid in pids}
    for wid, pids in {"W_14": ("P_15", "P_22"), "W_2": ("P_3",)}.items()
}
"""Metadata of the well-formed folder."""
_TEXT = json.dumps(SOUND)


def _record(**fields: Any) -> str:
    return json.dumps({"W_14": {"P_15": fields}})


def _works(number: int, performances: str) -> Callable[[], bytes]:
    return lambda: ("{" + ",".join(f'"W_{i}":{performances % i}' for i in range(number)) + "}").encode()


_TEXTS: dict[str, tuple[str, str]] = {
    "empty": ("", "Expecting value"),
    "only spaces": (" \n" * 100, "Expecting value"),
    "cut off": (_TEXT[:100], "not Da-TACOS metadata: Unterminated string|Expecting"),
    "two documents": (_TEXT + _TEXT, "Extra data"),
    "a comma too many": (_TEXT[:-1] + ",}", "Expecting property name|trailing comma"),
    "single quotes": (str(SOUND), "Expecting property name"),
    "comments": ("// works\n" + _TEXT, "Expecting value"),
    "a web page": ("<!doctype html><title>404</title>", "Expecting value"),
    "nested 100,000 deep": ('{"W_1": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    "objects 100,000 deep": ('{"W_1":' * 100_000, "nested too deeply"),
    "nested deep in a field nobody reads": (
        _record(x=0).replace("0}", "[" * 50_000 + "]" * 50_000 + "}"),
        "too deeply",
    ),
    "a list": ("[]", "the top level must be an object, not list"),
    "null": ("null", "the top level must be an object, not NoneType"),
    "a number": ("7", "the top level must be an object, not int"),
    "a list as work": ('{"W_14": ["P_15"]}', "W_14 must be an object, not list"),
    "null as work": ('{"W_14": null}', "W_14 must be an object, not NoneType"),
    "a text as performance": ('{"W_14": {"P_15": "Hallelujah"}}', "P_15 must be an object, not str"),
    "true as performance": ('{"W_14": {"P_15": true}}', "P_15 must be an object, not bool"),
    "a key twice": ('{"W_14": {}, "W_14": {}}', "the key 'W_14' comes twice"),
    "a key twice, once escaped": ('{"W_14": {}, "\\u0057_14": {}}', "the key 'W_14' comes twice"),
    "a field twice": ('{"W_14": {"P_15": {"perf_title": "a", "perf_title": "b"}}}', "'perf_title' comes twice"),
    "a PID in two works": ('{"W_14": {"P_15": {}}, "W_2": {"P_15": {}}}', "P_15 is in W_14 and in W_2"),
    "a path as WID": ('{"../../etc": {}}', "expected a work like W_14, got '../../etc'"),
    "a path as PID": ('{"W_14": {"P_15/../../../etc/passwd": {}}}', "expected a performance like P_22 in W_14"),
    "a WID of full-width digits": ('{"W_１４": {}}', "expected a work like W_14"),
    "a WID of a megabyte": ('{"W_' + "1" * 2**20 + '": {}}', "expected a work like W_14, got 'W_111"),
    "half a surrogate as WID": ('{"W_\\ud800": {}}', r"expected a work like W_14, got 'W_\\ud800'"),
    "another work_id": ('{"W_14": {"P_15": {"work_id": "W_2"}}}', "W_14/P_15 has work_id 'W_2'"),
    "a list as perf_id": (_record(perf_id=["P_15"]), "W_14/P_15 has perf_id"),
    "a number as title": (_record(perf_title=7), "perf_title of P_15 must be text, not int"),
    "a list as artist": (_record(perf_artist=[]), "perf_artist of P_15 must be text, not list"),
    "an object as year": (_record(release_year={}), "release_year of P_15 must be text, not dict"),
    "a number as MBID": (_record(perf_artist_mbid=1), "perf_artist_mbid of P_15 must be text, not int"),
    "a list of matches": (_record(mb_performances=[1]), "mb_performances of P_15 must be an object, not list"),
    "a text as match": (_record(mb_performances={"a": "b"}), "a MusicBrainz match of P_15 must be an object"),
    "a NUL": ('{"W_14": {"P_15": {"perf_title": "a\0b"}}}', "Invalid control character"),
    "a title of a megabyte": (_record(perf_title="a" * 2**20), "perf_title of P_15 has 1,048,576 characters"),
    "NaN": ('{"W_14": {"P_15": {"x": NaN}}}', "NaN is not JSON"),
    "Infinity": ('{"W_14": {"P_15": {"x": -Infinity}}}', "-Infinity is not JSON"),
    "a number beyond float64": ('{"W_14": {"P_15": {"x": 1e999}}}', "the number 1e999 is beyond float64"),
    "an integer of 5,000 digits": ('{"W_14": {"P_15": {"x": ' + "7" * 5000 + "}}}", "integer string conversion|digits"),
}
_BYTES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a byte order mark": (lambda: b"\xef\xbb\xbf" + _TEXT.encode(), "begins with a byte order mark"),
    "UTF-16": (lambda: _TEXT.encode("utf-16"), "begins with a byte order mark"),
    "Latin-1": (lambda: _TEXT.replace("Song", "Chanson d'été").encode("latin-1"), "is not UTF-8"),
    "a surrogate in UTF-8": (lambda: _TEXT.encode().replace(b"Song", b"\xed\xa0\x80"), "is not UTF-8"),
    "an overlong NUL": (lambda: _TEXT.encode().replace(b"Song", b"\xc0\x80"), "is not UTF-8"),
    "gzip": (lambda: gzip.compress(_TEXT.encode()), "is not UTF-8"),
    "random bytes": (lambda: bytes((i * i * 197 + i) % 251 for i in range(5000)), "is not UTF-8|Expecting value"),
    "33 MiB of spaces": (lambda: _TEXT.encode() + b" " * (33 * 2**20), "at most 33,554,432 are read"),
    "32 MiB, four bytes a character": (
        lambda: ('{"W_14": {"P_15": {"x": "\N{SAXOPHONE}' + "a" * (32 * 2**20 - 60) + '", "perf_title": 1}}}').encode(),
        "perf_title of P_15 must be text",
    ),
    "a million works": (_works(1_000_000, '{"P_%d":{}}'), "it has about 3,000,000 values; at most 2,000,000 are read"),
    "two million works": (_works(2_000_000, "{}%.0s"), "it has about 4,000,000 values"),
    "660,000 works, the last a list": (
        lambda: _works(660_000, '{"P_%d":{}}')()[:-1] + b',"W_660000":[]}',
        "W_660000 must be an object",
    ),
    "two million empty lists": (
        lambda: b'{"W_14":{"P_15":{"x":[' + b"[]," * 999_990 + b'0],"perf_title":1}}}',
        "perf_title of P_15 must be text",
    ),
}
BROKEN_JSON: dict[str, tuple[Callable[[], bytes], str]] = {
    **{kind: (text.encode, message) for kind, (text, message) in _TEXTS.items()},
    **_BYTES,
}
