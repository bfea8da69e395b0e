"""What is shown while long work runs, and its progress as events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from covsearch.errors import NotFoundError
from covsearch.web.answer import event, events
from covsearch.web.jobs import Job, Jobs
from covsearch.web.rendering import page

router = APIRouter(include_in_schema=False)


def jobs_of(request: Request) -> Jobs:
    """The server's long work."""
    jobs: Jobs = request.app.state.jobs
    return jobs


def job_of(request: Request, key: str) -> Job:
    """One piece of it; a NotFoundError where it is not kept any more."""
    job = jobs_of(request).get(key)
    if job is None:
        raise NotFoundError("this is not kept any more: send the file again")
    return job


def waiting(key: str, job: Job) -> Response:
    """The page that waits for a job, and then loads itself again."""
    with job.looked_at():
        return page("waiting.html", 200, {"cache-control": "no-store"}, job=job, events=f"/progress/{quote(key)}")


@router.get("/progress/{key:path}")
async def progress(request: Request, key: str) -> Response:
    """What a job does, as server-sent events, until it is done."""
    job = job_of(request, key)

    async def stream() -> AsyncIterator[str]:
        async for state in job.states():
            yield event("progress", json.dumps(state))
        yield event("done", "")

    return events(stream())
