"""Completion of ids on the command line, with the titles beside them where the shell shows such."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from covsearch import api
from covsearch.errors import CovsearchError
from covsearch.workspace import find_workspace

_SHOWN = 100


def complete_id(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids in the index that begin so; none where there is no index: a shell has no place for an error."""
    del param
    try:
        index = api.Index(find_workspace(ctx.find_root().params.get("home")))
        return [CompletionItem(p.pid, help=p.title or None) for p in index.beginning_with(incomplete, _SHOWN)]
    except (CovsearchError, OSError):
        return []
