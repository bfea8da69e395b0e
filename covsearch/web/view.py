"""How an answer is looked at: which rows, and in what order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, Field, field_validator


class View(BaseModel):
    """What the address of an answer's page says after the question mark.

    Attributes
    ----------
    top : int
        Matches wanted, before any is hidden.
    sort : str
        Column that orders them; what has no value there comes last.
    hide_same : bool
        Whether other copies of the query's recording are left out.
    artist : str
        Only performances with this in their artist, in small or capital letters.
    since, until : int or None
        Only performances of these years; one without a year is left out where either is given.
    whole : bool
        Whether the answer is aligned at once, or shown by its vectors first.
    format : str
        ``html`` or ``csv``.
    """

    top: int = Field(10, ge=1, le=1000)
    sort: Literal["rank", "title", "artist", "year"] = "rank"
    hide_same: bool = False
    artist: str = Field("", max_length=200)
    since: int | None = Field(None, ge=0, le=9999)
    until: int | None = Field(None, ge=0, le=9999)
    whole: bool = False
    format: Literal["html", "csv"] = "html"

    @field_validator("since", "until", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value  # a form sends its empty fields, too

    def rows(self, matches: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those of `matches` that are shown, in their order."""
        kept = [row for row in matches if self._keeps(row)]
        by = self.sort
        if by != "rank":
            kept.sort(key=lambda row: (row[by] in (None, ""), row[by] if by == "year" else str(row[by]).casefold()))
        return kept

    def address(self, **changes: object) -> str:
        """The part of an address that asks for this view, with other values of some fields."""
        values = {**self.model_dump(mode="json", exclude_defaults=True), **changes}
        return urlencode({name: str(value).lower() if value is True else value for name, value in values.items()})

    def _keeps(self, row: Mapping[str, Any]) -> bool:
        year = row["year"]
        if self.hide_same and row["same_recording"]:
            return False
        if self.artist.casefold() not in row["artist"].casefold():
            return False
        if self.since is None and self.until is None:
            return True
        return year is not None and (self.since or 0) <= year <= (9999 if self.until is None else self.until)
