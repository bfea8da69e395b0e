"""The served side of :mod:`benchmarks.serve_load`: the generated collection, its rebuilds, and the server's process."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np

from benchmarks.query_latency import make_performances, medleys
from covsearch.config import EMBEDDING_DIM
from covsearch.dataset.frame_rate import DATACOS_RATE
from covsearch.index.generation import read_model
from covsearch.index.head import Head
from covsearch.indexing import publish
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.workspace import Workspace

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event


class Collection:
    """The generated collection; published as often as one likes."""

    def __init__(self, home: Path, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.workspace, self.performances = Workspace(home), make_performances(count, rng)
        vectors = rng.standard_normal((count, EMBEDDING_DIM))
        self.vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        self.head = Head(rng.normal(0.5, 1.0, EMBEDDING_DIM).astype(np.float32), 0.0)
        self.model = load_checkpoint(bundled_checkpoint())
        self.chroma = medleys(count, rng)

    def publish(self) -> None:
        """Make it the current generation."""
        publish(
            self.workspace,
            list(self.performances),
            self.vectors,
            self.head,
            self.performances,
            model_files=read_model(bundled_checkpoint(), self.model.fingerprint),
            fingerprint=self.model.fingerprint,
            features=self.model.config.features,
            subset="generated",
            frame_rate=DATACOS_RATE,
            parts={"chroma": self.chroma},
        )


@contextmanager
def rebuilds(home: Path, count: int, seed: int, times: int, apart: float) -> Iterator[None]:
    """Meanwhile another process, as a build is, publishes the collection `times`, `apart` seconds after one another."""
    context = multiprocessing.get_context("spawn")
    ready, begin = context.Event(), context.Event()
    builder = context.Process(target=_rebuild, args=(home, count, seed, times, apart, ready, begin))
    builder.start()
    while not ready.wait(1):
        if not builder.is_alive():
            raise SystemExit("the process that rebuilds ended")
    begin.set()
    yield
    builder.join()
    if builder.exitcode:
        raise SystemExit("a rebuild failed")


def _rebuild(home: Path, count: int, seed: int, times: int, apart: float, ready: Event, begin: Event) -> None:
    collection = Collection(home, count, seed)
    ready.set()
    begin.wait()
    for _ in range(times):
        collection.publish()
        time.sleep(apart)


class Server:
    """``covsearch serve --edit`` as a process."""

    def __init__(self, home: Path) -> None:
        line = [sys.executable, "-m", "covsearch", "--home", str(home), "serve", "--edit", "--port", "0"]
        started = time.perf_counter()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed when the server is stopped
        self.process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=self._log)
        while not (found := re.search(r"http://\S+", self._said())):
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended: {self._said()}")
            time.sleep(0.01)
        self.url = found[0]
        while not self._ready():
            time.sleep(0.01)
        self.cold_s, self.cold_cpu_s = time.perf_counter() - started, self.cpu_s()

    def _said(self) -> str:
        return os.pread(self._log.fileno(), 10_000, 0).decode()

    def _ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}readyz", trust_env=False, timeout=60).status_code == 200
        return False

    def megabytes(self) -> float:
        """Memory that is the process's own or shared."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 1e6

    def cpu_s(self) -> float:
        """Seconds of a processor that the process has taken; other work on the machine does not count."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def decoders(self) -> list[int]:
        """Process ids of what decodes files."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        ids = [int(word) for file in children for word in file.read_text().split()]
        return [one for one in ids if any("covsearch-upload" in name for name in _open_files(one))]

    def stop(self) -> int:
        """End it as systemd does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._log.close()
        return code


def _open_files(process: int) -> list[str]:
    with suppress(OSError):
        return [str(file.readlink()) for file in Path(f"/proc/{process}/fd").iterdir()]
    return []
