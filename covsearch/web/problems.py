"""A failure as a page: a heading in plain words, what happened, and what can be done on the page."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from fastapi.responses import HTMLResponse

from covsearch.web.rendering import page

HEADINGS: Mapping[int, str] = {
    400: "This cannot be answered",
    403: "This server does not take that",
    404: "Nothing here has this name",
    405: "This cannot be asked here",
    408: "This took too long to arrive",
    413: "This is too large",
    415: "This kind of file is not taken",
    422: "This file cannot be used",
    503: "The server cannot answer now",
}
BROKEN = "Something went wrong on the server"
_ON_THE_PAGE = {  # what a message says of the command line, and what a reader of a page can do instead
    "Look it up with `covsearch find TITLE`": "Search for its title or artist above.",
    "Look them up with `covsearch find TITLE`": "Search for their titles or artists above.",
    "; list them with `covsearch groups corrections`": ": the page of all groups lists them.",
}


def problem_page(request: Request, status: int, detail: str, headers: Mapping[str, str]) -> HTMLResponse:
    """A failure as a page; without a detail it is about the address."""
    said = on_the_page(detail) or f"The address {request.url.path} leads nowhere here."
    gone = status == HTTPStatus.NOT_FOUND
    return page("problem.html", status, headers, title=HEADINGS.get(status, BROKEN), detail=said, gone=gone)


def on_the_page(message: str) -> str:
    """A message of the command line for a reader of a page."""
    for command, here in _ON_THE_PAGE.items():
        message = message.replace(command, here)
    return message
