"""Works as the music has them: groups, the same recordings, and what is in no group; computed once, then kept."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from covsearch.groups import Group, Groups, Member
from covsearch.web.asking import asked, index_of, known
from covsearch.web.described import FAILURES
from covsearch.web.jobs import Job
from covsearch.web.receive import options_of
from covsearch.web.rendering import page
from covsearch.web.timeline import timeline
from covsearch.web.waiting import jobs_of, waiting

router = APIRouter(responses=FAILURES)
ROWS = 50  # of a page
SOON = 1.0  # seconds for which a page waits itself


async def finding(request: Request) -> tuple[str, Job]:
    """The job that finds the groups of what is current, begun where nobody did, and its key."""
    index, jobs = index_of(request), jobs_of(request)
    key = f"groups/{await asked(request, lambda: index.state)}"
    job = jobs.get(key)
    if job is None:
        job = jobs.start(key, "Groups", lambda progress: index.groups(progress=progress), patience=math.inf)
    with suppress(TimeoutError):
        await asyncio.wait_for(job.finished.wait(), SOON)
    if job.failed:  # which is told once
        jobs.forget(key)
    return key, job


def groups_of(job: Job) -> Groups:
    """What it found; raises what went wrong."""
    if job.failed:
        raise job.failed
    found: Groups = job.result
    return found


@router.get("/groups", include_in_schema=False)
async def groups_page(
    request: Request,
    show: Literal["groups", "same", "singles"] = "groups",
    part: Annotated[int, Query(ge=1, le=100_000, alias="page")] = 1,
) -> Response:
    """The groups, the same recordings, or what is in no group; until they are found, how far that is."""
    key, job = await finding(request)
    if not job.finished.is_set():
        return waiting(key, job)
    found, index = groups_of(job), index_of(request)
    rows: Sequence[Any] = {"groups": found.groups, "same": same_recordings(found), "singles": found.singles}[show]
    said = await asked(request, lambda: list(index.corrections))
    return page(
        "groups.html",
        found=found,
        show=show,
        counts={"groups": len(found), "same": len(same_recordings(found)), "singles": len(found.singles)},
        rows=rows[(part - 1) * ROWS : part * ROWS],
        part=part,
        parts=max(1, -(-len(rows) // ROWS)),
        said=said[::-1],
        edit=options_of(request).edit,
    )


@router.get("/groups/{id:path}", include_in_schema=False)
async def group_page(request: Request, id: str) -> Response:
    """The group of a performance: its versions by year, what holds them together, and what can be corrected."""
    index, name = index_of(request), await asked(request, lambda: known(request, id))
    key, job = await finding(request)
    if not job.finished.is_set():
        return waiting(key, job)
    group = group_with(groups_of(job), name)
    if group is None:
        edit, one = options_of(request).edit, await asked(request, lambda: index[name])
        said = [one for one in await asked(request, lambda: list(index.corrections)) if name in one.ids]
        return page("single.html", one=one, said=said[::-1], edit=edit)
    members = [member.to_dict() for member in group.members]
    names = {one["pid"] for one in members}
    said = [one for one in await asked(request, lambda: list(index.corrections)) if names & one.ids]
    return page(
        "group.html",
        group=group,
        members=sorted(members, key=lambda one: (one["year"] is None, one["year"] or 0, one["title"])),
        years=timeline(members),
        said=said[::-1],
        edit=options_of(request).edit,
    )


@router.get("/api/groups", tags=["collection"])
async def api_groups(request: Request) -> Response:
    """Find all works from the music alone. While that runs, the answer is 202 with its progress: ask again."""
    _, job = await finding(request)
    if not job.finished.is_set():
        return JSONResponse(job.to_dict(), 202, {"retry-after": "2"})
    return JSONResponse(groups_of(job).to_dict())


def group_with(found: Groups, name: str) -> Group | None:
    """The group of a performance; None where it is in none."""
    for group in found:
        if any(member.performance.pid == name for member in group.members):
            return group
    return None


def same_recordings(found: Groups) -> list[tuple[Group, Member]]:
    """Members that are the same recording as another one, and their groups."""
    return [(group, member) for group in found for member in group.members if member.same_as is not None]
