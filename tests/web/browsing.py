"""Debian's Chromium, driven by Playwright, for the tests that look at pages as people do."""

from __future__ import annotations

import shutil
from urllib.parse import urlsplit

import pytest

api = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra 'dev'")
CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
WAIT = 600_000  # ms; a busy machine is slow, not wrong


class Tab:
    """A page, what it complained of, and the hosts that it asked."""

    def __init__(self, browser: api.Browser, url: str, **context: object) -> None:
        self.context = browser.new_context(base_url=url, **context)
        self.context.set_default_timeout(WAIT)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type != "log" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def close(self) -> None:
        """Close it; it must not have complained, nor asked several hosts."""
        self.context.close()
        assert self.complaints == []
        assert len(self.hosts) <= 1
