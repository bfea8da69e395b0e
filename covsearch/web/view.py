"""How an answer is looked at: which rows, and in what order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, Field, field_validator

ROWS = 50  # of a page


class View(BaseModel):
    """What the address of an answer's page says after the question mark.

    Attributes
    ----------
    top : int
        Matches wanted, before any is hidden.
    sort : str
        Column that orders them; what has no value there comes last.
    descending : bool
        Whether it orders them backwards.
    page : int
        Which part of the rows is shown, from 1.
    hide_same : bool
        Whether other copies of the query's recording are left out.
    artist : str
        Only performances with this in their artist, in small or capital letters.
    since, until : int or None
        Only performances of these years; one without a year is left out where either is given.
    whole : bool
        Whether the answer is aligned at once, or shown by its vectors first.
    format : str
        ``html``, ``csv`` or ``json``.
    """

    top: int = Field(10, ge=1, le=1000)
    sort: Literal["rank", "title", "artist", "year"] = "rank"
    descending: bool = False
    page: int = Field(1, ge=1, le=1000)
    hide_same: bool = False
    artist: str = Field("", max_length=200)
    since: int | None = Field(None, ge=0, le=9999)
    until: int | None = Field(None, ge=0, le=9999)
    whole: bool = False
    format: Literal["html", "csv", "json"] = "html"

    @field_validator("since", "until", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value  # a form sends its empty fields, too

    def rows(self, matches: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those of `matches` that are shown, in their order."""
        kept = [row for row in matches if self._keeps(row)]
        by = self.sort
        if by == "rank":
            return kept[::-1] if self.descending else kept
        known = [row for row in kept if row[by] not in (None, "")]
        known.sort(key=lambda row: row[by] if by == "year" else str(row[by]).casefold(), reverse=self.descending)
        return known + [row for row in kept if row[by] in (None, "")]

    def paged(self, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The rows of this page."""
        return rows[(self.page - 1) * ROWS : self.page * ROWS]

    def pages(self, rows: int) -> int:
        """How many pages so many rows fill, at least one."""
        return max(1, -(-rows // ROWS))

    def sorted_by(self, column: str) -> str:
        """The address that sorts by a column; backwards, where it sorts by that one already."""
        return self.address(sort=column, descending=self.sort == column and not self.descending, page=1, whole=True)

    def address(self, **changes: object) -> str:
        """The part of an address that asks for this view, with other values of some fields."""
        asked = self.model_copy(update=changes).model_dump(mode="json", exclude_defaults=True)
        return urlencode({name: str(value).lower() if value is True else value for name, value in asked.items()})

    def _keeps(self, row: Mapping[str, Any]) -> bool:
        year = row["year"]
        if self.hide_same and row["same_recording"]:
            return False
        if self.artist.casefold() not in row["artist"].casefold():
            return False
        if self.since is None and self.until is None:
            return True
        return year is not None and (self.since or 0) <= year <= (9999 if self.until is None else self.until)
