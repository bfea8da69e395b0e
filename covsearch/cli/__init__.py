"""The command line: every command parses, calls the library, prints.

Commands are imported when they are called, so that ``covsearch --help`` stays quick.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from covsearch import WINDOWS, __version__
from covsearch.cli.limits import check_address_space, out_of_memory
from covsearch.cli.options import NamedPath
from covsearch.cli.shown import shown
from covsearch.errors import CovsearchError, UsageError
from covsearch.workspace import Workspace, find_workspace

COMMANDS = {
    "add": ("update", "add", "Add performances to the index, without training or building it again."),
    "build-index": ("build", "build_index_command", "Embed a collection and publish it as a searchable index."),
    "calibrate": ("calibrate", "calibrate_command", "Fit what a model's p is worth on its validation pairs."),
    "compare": ("compare", "compare_command", "Set two performances side by side: how alike, and where."),
    "copy": ("copy", "copy_command", "Copy the index to a database, or to another workspace."),
    "dataset": ("dataset", "dataset", "Look into a Da-TACOS folder."),
    "doctor": ("doctor", "doctor", "Versions, machine and workspace health, for a bug report."),
    "eval-detection": ("evaluate", "eval_detection", "Covers found and false alarms, by the collection's size."),
    "eval-pairs": ("evaluate", "eval_pairs", "Accuracy, AUC and ROC on held-out pairs, with baselines."),
    "eval-retrieval": ("evaluate", "eval_retrieval", "MAP, ranks and recall of a search, with baselines."),
    "extract": ("extract", "extract", "Write features of a folder of audio as HDF5 files."),
    "find": ("query", "find", "Find performances by title, artist or album."),
    "groups": ("groups", "groups", "Find all works in the index, and correct them."),
    "model": ("model", "model", "Look into a trained model."),
    "query": ("query", "query", "Rank the collection as covers of one performance."),
    "remove": ("update", "remove", "Remove performances from the index."),
    "reproduce": ("reproduce", "reproduce_command", "Repeat the report on a collection, as one page."),
    "score": ("score", "score", "Judge anybody's distances or vectors; compare systems."),
    "serve": ("serve", "serve", "Serve a page and an API over the index."),
    "setlist": ("setlist", "setlist_command", "Say what is played in a long recording, and when."),
    "stats": ("stats", "stats", "Say what is in the workspace."),
    "train": ("train", "train_command", "Train a branch and its head on pairs of a dataset."),
    "update": ("update", "update", "Bring the index up to date with a folder of audio."),
    "verify": ("verify", "verify", "Check that every file of the index is what was built."),
}
"""Name -> module in ``covsearch.cli``, function there, and what it does."""


INTERRUPTED = 130  # as shells say of a process that SIGINT ended


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """A reader of our stdout that leaves early (``... | head``) is not a failure."""
    try:
        yield
    except BrokenPipeError:  # caught here, as click would exit with 1
        _discard(sys.stdout)
        raise click.exceptions.Exit(0) from None


@contextmanager
def _may_be_read_only(ctx: click.Context) -> Iterator[None]:
    """Say what to do about a workspace that this user cannot write."""
    try:
        yield
    except OSError as e:
        path = Path(os.fsdecode(e.filename or ""))
        if e.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not _in_workspace(path, ctx.obj):
            raise
        raise CovsearchError(f"{e.strerror}: {path}; name another workspace by --home or COVSEARCH_HOME") from e


def _in_workspace(path: Path, workspace: Workspace | None) -> bool:
    try:
        return workspace is not None and path.is_relative_to(workspace.home)
    except UsageError:  # the user has no home folder
        return False


class Commands(click.Group):
    """A group that imports a command only when it runs."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the command line, which for ``--help`` is all there is to do."""
        with _reader_may_leave():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and see that what it printed has left this process."""
        with _reader_may_leave(), _may_be_read_only(ctx):
            result = super().invoke(ctx)
            if sys.stdout:  # None where it was closed before we started
                sys.stdout.flush()
        return result

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and see that it can run here; help is for everybody."""
        name, command, rest = super().resolve_command(ctx, args)
        if name and not {"-h", "--help"} & set(rest):
            check_address_space(name)
        return name, command, rest

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command `cmd_name`, or None when there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"covsearch.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--home", type=NamedPath(path_type=Path, file_okay=False), help="Workspace folder [COVSEARCH_HOME].")
@click.version_option(__version__, prog_name="covsearch")
@click.pass_context
def cli(ctx: click.Context, home: Path | None) -> None:
    """Search engine for cover songs: rank a collection by how likely each recording is a version of a query.

    \b
    covsearch build-index                 index the bundled sample with the bundled weights
    covsearch build-index ~/Music         index a folder of audio
    covsearch query song.mp3              rank it as covers of a song
    covsearch find "o haupt"              look up performance ids by title or artist
    covsearch query P_22 --top 10         rank the collection as covers of P_22
    covsearch compare P_22 P_20           see where two performances run together
    covsearch serve --open                the same as a page, and as an API
    covsearch eval-pairs                  how good is it on works it never saw?
    """
    ctx.obj = find_workspace(home)


def main() -> None:
    """Run the command line; failures become one line on stderr and the exit code of ``covsearch.errors``."""
    if os.name == "nt":
        _fail(f"Error: {WINDOWS}", 1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a title in an ASCII terminal must not end in a traceback
    try:
        sys.exit(cli(prog_name="covsearch", standalone_mode=False) or 0)
    except click.exceptions.Exit as e:
        sys.exit(e.exit_code)
    except click.ClickException as e:
        e.show()
        sys.exit(e.exit_code)
    except CovsearchError as e:
        _fail(f"Error: {e}", e.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("Interrupted: nothing half-made was published; run the command again to go on.", INTERRUPTED)
    except OSError as e:
        where = f": {e.filename}" if e.filename else ""
        _fail(f"Error: {out_of_memory(e) or f'{e.strerror or e}{where}'}", 1)
    except (MemoryError, ImportError, RuntimeError) as e:
        line = out_of_memory(e)
        if line is None:
            raise
        _fail(f"Error: {line}", 1)


def _fail(message: str, code: int) -> NoReturn:
    """Say why and end, with the same exit code where nobody can be told."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        _discard(sys.stdout)
    try:
        click.echo(shown(message), err=True)
    except OSError:
        _discard(sys.stderr)
    sys.exit(code)


def _discard(stream: TextIO) -> None:
    """Send what is left in a buffer nowhere: it would fail again when the interpreter ends, with the exit code 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
