"""The sample's rows: every performance with its ids, and Da-TACOS' metadata for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from benchmarks.make_sample.grouping import Work, title_keys
from benchmarks.make_sample.hymns import bwv, hymn_tune, own_line
from benchmarks.make_sample.titles import display, normalised
from covsearch.synthesis.setting import Setting

AIRD_YEARS = {"1": "1782", "2": "1785", "3": "1788", "4": "1796", "5": "1801", "6": "1803"}
"""The dates commonly given for the six volumes, which are undated themselves."""
BACH_YEARS = {"244": "1727", "245": "1724", "248": "1734"}
"""First performances of the Passions after Matthew and John and of the Christmas Oratorio; others are left empty."""
PRINTED = {
    "oneill": ("O'Neill's Music of Ireland", "1903"),
    "ryan": ("Ryan's Mammoth Collection", "1883"),
    "aird": ("Aird's Selection of Airs", ""),
}


@dataclass(frozen=True)
class Row:
    """One performance: ``W_<work>``, ``P_<performance>``, its setting and its work's title."""

    work: int
    performance: int
    setting: Setting
    work_title: str

    @property
    def wid(self) -> str:
        """``W_14``."""
        return f"W_{self.work}"

    @property
    def pid(self) -> str:
        """``P_22``."""
        return f"P_{self.performance}"


def rows(works: list[Work]) -> list[Row]:
    """Number works and performances from 1, in order."""
    found: list[Row] = []
    for number, work in enumerate(works, 1):
        title = hymn_tune(work.settings) if work.kind == "chorale" else tune_name(work.settings)
        found += [Row(number, len(found) + place, setting, title) for place, setting in enumerate(work.settings, 1)]
    return found


def tune_name(settings: tuple[Setting, ...]) -> str:
    """The printed title that most settings agree on; of equals, the first one."""
    keys = Counter(key for setting in settings for key in title_keys(setting))
    return display(max((setting.titles[0] for setting in settings), key=lambda title: keys[normalised(title)]))


def metadata(found: list[Row]) -> dict[str, dict[str, dict[str, str]]]:
    """Da-TACOS' metadata JSON, all values strings."""
    works: dict[str, dict[str, dict[str, str]]] = {}
    for row in found:
        perf_title, perf_artist, year = _performance(row)
        works.setdefault(row.wid, {})[row.pid] = {
            "work_title": row.work_title,
            "work_artist": "Traditional",
            "perf_title": perf_title,
            "perf_artist": perf_artist,
            "release_year": year,
            "work_id": row.wid,
            "perf_id": row.pid,
            "instrumental": "Yes",
        }
    return works


def _performance(row: Row) -> tuple[str, str, str]:
    setting = row.setting
    if setting.kind == "chorale":
        title = f"{own_line(setting) or row.work_title}, {bwv(setting.number)}"
        return title, "Johann Sebastian Bach", BACH_YEARS.get(setting.number.split(".")[0], "")
    collection, year = PRINTED[setting.collection]
    if book := setting.extra.get("book"):
        collection, year = f"{collection}, vol. {book}", AIRD_YEARS[book]
    return display(setting.titles[0]), collection, year
