"""What docs/serving.md shows is so."""

from __future__ import annotations

import re
from pathlib import Path

import click
import httpx
import pytest
from web.conftest import find_groups

from covsearch import api
from covsearch.cli.serve import serve
from covsearch.web.options import Options
from covsearch.web.server import GRACE, LINE
from covsearch.workspace import Workspace

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")


def test_the_python_example_runs(page: httpx.Client, songs: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert block.count("http://127.0.0.1:8000") == 1
    exec(compile(block.replace("http://127.0.0.1:8000", str(page.base_url)), "docs/serving.md", "exec"), {})
    found = api.open_index(songs.home).query("P_4", top=5)
    assert capsys.readouterr().out.splitlines() == [f"{m.pid} {m.title} {m.cover_probability}" for m in found]


def test_it_names_every_option_and_no_other() -> None:
    options = {name for option in serve.params if isinstance(option, click.Option) for name in option.opts}
    assert set(re.findall(r"^\| `(--\w+)", TEXT, re.MULTILINE)) == options


def test_it_names_every_address_of_the_description(page: httpx.Client) -> None:
    told = {path.split("{")[0] for path in page.get("/openapi.json").json()["paths"]}
    rows = re.findall(r"^\| (`/.*?) \|", TEXT, re.MULTILINE)
    named = [re.split(r"[?]|P_22$", one)[0] for row in rows for one in re.findall(r"`([^`]+)`", row)]
    assert set(named) == told - {"/api/setlist"} | {"/openapi.json"}
    assert "| POST `/api/setlist` " in TEXT
    find_groups(page)
    for row in rows:
        for address in re.findall(r"`([^`]+)`", row):
            has = not address.startswith("/audio/")  # features cannot be heard: tests/web/test_sound.py
            assert page.get(address).status_code == (200 if has else 404)


def test_its_limits_are_those_of_the_server() -> None:
    options = Options()
    assert f"| {options.waiting} |" in TEXT
    assert f"| {options.burst:.0f} at once, {options.per_second:.0f} a second |" in TEXT
    assert f"| {LINE // 1024} KiB |" in TEXT
    assert f"| {options.upload_bytes // 2**20} MiB |" in TEXT
    assert f"| {options.upload_seconds:.0f} s, {options.upload_idle:.0f} s |" in TEXT
    assert f"| {options.uploads}, {options.uploads_bytes // 2**30} GiB |" in TEXT
    assert f"| {options.long_waiting} |" in TEXT
    assert f"for {GRACE} seconds at most" in TEXT
