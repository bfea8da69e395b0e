"""Counts of requests, as Prometheus reads them, and the log's line."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import httpx
import pytest

from covsearch.web.metrics import BUCKETS, Metrics
from covsearch.workspace import Workspace

SAMPLE = re.compile(r'^([a-z_]+)(?:\{([a-z]+)="([^"]*)"\})? ([0-9.e+-]+)$')


def parsed(text: str) -> dict[tuple[str, str | None], float]:
    """Samples by name and label; every line must be one, or name a type."""
    found = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if not line.startswith("# TYPE "):
            match = SAMPLE.match(line)
            assert match, line
            found[match[1], match[3]] = float(match[4])
    return found


def test_times_are_counted_up_to_each_bound() -> None:
    metrics = Metrics()
    for status, seconds in [(200, 0.005), (200, 0.2), (404, 0.02), (503, 20)]:
        metrics.count(status, seconds)
    found = parsed(metrics.text(3))
    assert {label: found["covsearch_requests_total", label] for label in ("200", "404", "503")} == {
        "200": 2,
        "404": 1,
        "503": 1,
    }
    within = [found["covsearch_request_seconds_bucket", f"{bound:g}"] for bound in BUCKETS]
    assert within == [1, 2, 2, 3, 3, 3, 3]
    assert found["covsearch_request_seconds_bucket", "+Inf"] == found["covsearch_request_seconds_count", None] == 4
    assert found["covsearch_request_seconds_sum", None] == pytest.approx(20.225)
    assert found["covsearch_questions", None] == 3


def test_a_server_counts_its_requests_and_logs_a_line_of_each(
    small: Workspace, served: Callable[..., httpx.Client], caplog: pytest.LogCaptureFixture
) -> None:
    page = served(small)
    caplog.set_level(logging.INFO, "covsearch.web")
    page.get("/api/stats")
    page.get("/api/performances/P_9%0A9?token=SECRET")
    page.get("/metrics", headers={"host": "evil.example"})
    answer = page.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = parsed(answer.text)
    assert [found["covsearch_requests_total", status] for status in ("200", "404", "421")] == [1, 1, 1]
    assert found["covsearch_questions", None] == 0
    lines = [record.getMessage() for record in caplog.records if record.name == "covsearch.web"]
    assert len(lines) == 4
    assert re.fullmatch(r"GET /api/stats 200 \d+\.\d{3} s \d+ bytes", lines[0])
    assert lines[1].startswith("GET /api/performances/P_9\\n9 404 ")
    assert not any("SECRET" in line for line in lines)
