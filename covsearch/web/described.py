"""What the API's description tells beside the parameters: examples, and what a failure looks like."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example

from covsearch.web.gate import BusyError

PROBLEM = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "no performance P_222 in the index: did you mean P_22 or P_2? Look it up with `covsearch find TITLE`",
}
BUSY = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": str(BusyError())}
FAILURES: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "The question cannot be answered; the words are those of the command line.",
        "content": {"application/problem+json": {"example": PROBLEM}},
    },
    503: {
        "description": "Too many questions at once; Retry-After says when to come back.",
        "content": {"application/problem+json": {"example": BUSY}},
    },
}


FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


def example(value: str) -> dict[str, Example]:
    """One example of a parameter, of the bundled sample."""
    return {"of the bundled sample": Example(value=value)}
