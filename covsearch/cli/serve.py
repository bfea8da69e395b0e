"""``covsearch serve``."""

from __future__ import annotations

from contextlib import suppress

import click

from covsearch.cli.options import STORE
from covsearch.cli.shown import say
from covsearch.errors import MissingExtraError
from covsearch.workspace import Workspace


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--name", "names", multiple=True, help="A host name that clients may call the server by; repeatable.")
@click.option(
    "--token",
    help="Clients must send this as a bearer token or as the password [COVSEARCH_TOKEN].",
    envvar="COVSEARCH_TOKEN",
)
@click.option("--edit", is_flag=True, help="Take files to ask with, and corrections of groups.")
@click.option("--open", "browser", is_flag=True, help="Open the page in a browser.")
@STORE
@click.pass_obj
def serve(
    workspace: Workspace,
    /,
    host: str,
    port: int,
    names: tuple[str, ...],
    token: str | None,
    edit: bool,
    browser: bool,
) -> None:
    """Serve a page and an API over the index.

    It listens on this machine alone. For any other address a token is needed, or a proxy that asks for one.

    \b
    covsearch serve --open
    covsearch serve --edit --open
    covsearch serve --host 0.0.0.0 --name music.example.org --token SECRET
    """
    try:
        from covsearch.web.server import run
    except ImportError as e:
        raise MissingExtraError("serving a page", "web") from e
    with suppress(KeyboardInterrupt):
        run(workspace, host, port, names=names, token=token, edit=edit, browser=browser, say=say)
    say("The server stopped.")
