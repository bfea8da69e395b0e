from __future__ import annotations

from typing import Any

from benchmarks.broken_input import summary, totals


def row(kind: str, code: int, message: str, *, expected: bool = True, mb: int = 50) -> dict[str, Any]:
    about = {"kind": kind, "command": "dataset info", "as_expected": expected, "exit_code": code}
    return {**about, "message": message, "seconds": mb / 100, "peak_mb": mb}


def test_totals_count_and_keep_whole_only_what_was_not_expected() -> None:
    bad = row("a bad one", 1, "Traceback ...", expected=False, mb=90)
    rows = [row("a sound one", 0, ""), row("an empty one", 4, "Error: DIR is empty"), bad]
    assert totals(rows) == {
        "kinds": 3,
        "refused": 2,
        "tracebacks": 1,
        "peak_mb": 90,
        "seconds": 0.9,
        "exit_codes": {"dataset info": {"0": 1, "4": 1, "1": 1}},
        "not_as_expected": [bad],
    }
    told = summary(rows).splitlines()
    assert told[0].startswith("2 kinds of broken input refused, 1 of 3 not as expected; at most 90 MB and 1 s each")
    assert "| an empty one | dataset info | 4 | DIR is empty | 50 |" in told
