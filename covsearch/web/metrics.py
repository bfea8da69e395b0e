"""Counts of requests in Prometheus's text form."""

from __future__ import annotations

from collections import Counter

BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # seconds


class Metrics:
    """Requests by status, and how long they took. Counted in the event loop alone."""

    def __init__(self) -> None:
        self._status: Counter[int] = Counter()
        self._within: Counter[float] = Counter()
        self._seconds, self._requests = 0.0, 0

    def count(self, status: int, seconds: float) -> None:
        """One request that ended."""
        self._status[status] += 1
        self._requests += 1
        self._seconds += seconds
        for bound in BUCKETS:
            self._within[bound] += seconds <= bound

    def text(self, inside: int) -> str:
        """The exposition; `inside` is how many questions run or wait."""
        lines = ["# TYPE covsearch_requests_total counter"]
        lines += [f'covsearch_requests_total{{status="{s}"}} {n}' for s, n in sorted(self._status.items())]
        lines.append("# TYPE covsearch_request_seconds histogram")
        lines += [f'covsearch_request_seconds_bucket{{le="{b:g}"}} {self._within[b]}' for b in BUCKETS]
        lines.append(f'covsearch_request_seconds_bucket{{le="+Inf"}} {self._requests}')
        lines.append(f"covsearch_request_seconds_sum {self._seconds:.6f}")
        lines.append(f"covsearch_request_seconds_count {self._requests}")
        lines += ["# TYPE covsearch_questions gauge", f"covsearch_questions {inside}"]
        return "\n".join(lines) + "\n"
