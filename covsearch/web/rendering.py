"""Templates, filled in; every value is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from covsearch import __version__
from covsearch.counting import counted, in_works
from covsearch.plots import clock
from covsearch.web.receive import SUFFIXES

TEMPLATES = Path(__file__).parent / "templates"

_environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
_environment.filters |= {
    "clock": clock,
    "counted": counted,
    "in_works": in_works,
    "percent": lambda p: "" if p is None else f"{p:.1%}",
    "quoted": partial(quote, safe=""),
}
_environment.globals |= {"version": __version__, "suffixes": ",".join(sorted(SUFFIXES))}


def page(name: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> HTMLResponse:
    """A template as a page."""
    return HTMLResponse(piece(name, **values), status, headers)


def piece(name: str, **values: Any) -> str:
    """A template as text."""
    return _environment.get_template(name).render(**values)
