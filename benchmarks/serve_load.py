"""What `covsearch serve` bears at 15,000 performances: ``python -m benchmarks.serve_load``.

Publishes a generated collection, as :mod:`benchmarks.query_latency` does, by the bundled model, starts the server with
``--edit`` on 127.0.0.1 and asks it from fifty clients, each one thing after the other: pages of the nearest by their
vectors, titles, now and then an aligned answer or its evidence. A client that is told to wait (503) waits as it is
told, and asks again. The same again while twenty clients send files of a byte a second, and while another process
publishes the index anew three times; then decoders are killed. The cold start is from the process to its first ready
answer. Chromium, where it is there, tells when the first rows of an answer are on the page, and when the aligned ones.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import shutil
import signal
import tempfile
import threading
import time
import wave
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.provenance import RESULTS, provenance, write_table
from benchmarks.served import Collection, Server, rebuilds

FIRST, FIND, ALIGNED, WHY = "first rows (page)", "titles", "aligned answer", "evidence"
SHARES = {FIRST: 0.6, FIND: 0.37, ALIGNED: 0.02, WHY: 0.01}
PATIENCE = 600  # seconds that a client waits for an answer
WORDS = ("love", "night", "moon", "song", "heart", "blue")
LOOKED = 5  # answers that the browser looks at
_CLOCKS = """
addEventListener("DOMContentLoaded", () => {
  const answer = document.getElementById("answer");
  window.first = performance.now();
  new MutationObserver(() => { window.aligned ??= performance.now(); }).observe(answer, { childList: true });
});
"""


@contextmanager
def meanwhile(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """While `work` runs in a thread, which ends when its event is set."""
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def load(server: Server, count: int, clients: int, seconds: float, seed: int) -> dict[str, Any]:
    """Requests a second, seconds of each kind of request, errors, and memory before and after."""
    before, cpu = server.megabytes(), server.cpu_s()
    took: dict[str, list[float]] = defaultdict(list)
    other: Counter[str] = Counter()
    highest = [before]

    async def ask(client: httpx.AsyncClient, number: int, end: float) -> None:
        rng, head = random.Random(f"{seed} {number}"), {"x-forwarded-for": f"10.0.0.{number}"}  # as behind a proxy
        while time.perf_counter() < end:
            kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
            started = time.perf_counter()
            address = _address(kind, rng, count)
            try:
                while (answer := await client.get(address, headers=head)).status_code == 503:
                    other["told to wait (503)"] += 1
                    await asyncio.sleep(float(answer.headers["retry-after"]))
            except httpx.HTTPError as e:
                other[type(e).__name__] += 1
                continue
            if answer.status_code == 200:
                took[kind].append(time.perf_counter() - started)
            else:
                other[str(answer.status_code)] += 1

    async def watch(end: float) -> None:
        while time.perf_counter() < end:
            highest.append(server.megabytes())
            await asyncio.sleep(1)

    async def everybody() -> float:
        limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
        started = time.perf_counter()
        end = started + seconds
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=PATIENCE, limits=limits) as inner:
            await asyncio.gather(watch(end), *(ask(inner, number, end) for number in range(clients)))
        return time.perf_counter() - started

    wall = asyncio.run(everybody())
    done = sum(map(len, took.values()))
    waited = other.pop("told to wait (503)", 0)
    return {
        "requests": done,
        "requests_s": done / wall,
        "seconds": {kind: _spread(took[kind]) for kind in SHARES},
        "errors": sum(other.values()),
        "errors_by_kind": dict(other),
        "told_to_wait": waited,
        "mb": {"before": before, "highest": max(highest), "after": server.megabytes()},
        "cpu_s": server.cpu_s() - cpu,
        "load_1min": os.getloadavg()[0],
    }


def _address(kind: str, rng: random.Random, count: int) -> str:
    a, b = rng.sample(range(1, count + 1), 2)
    if kind == FIND:
        return f"/api/find?q={rng.choice(WORDS)}&limit=8"
    if kind == WHY:
        return f"/api/compare?a=P_{a}&b=P_{b}"
    return f"/performances/P_{a}" if kind == FIRST else f"/api/query?id=P_{a}"


def _spread(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {"n": 0}
    p50, p99 = (float(np.percentile(seconds, q)) for q in (50, 99))
    return {"n": len(seconds), "p50_s": p50, "p99_s": p99}


def one_by_one(server: Server, count: int, seed: int) -> dict[str, dict[str, float]]:
    """Wall-clock and processor seconds of a request, by its kind, while the server does nothing else; medians."""
    rng, found = random.Random(seed), {}
    with httpx.Client(base_url=server.url, trust_env=False, timeout=PATIENCE) as client:
        for kind in SHARES:
            wall, cpu = [], []
            for _ in range(LOOKED + 1):
                before, started = server.cpu_s(), time.perf_counter()
                client.get(_address(kind, rng, count)).raise_for_status()
                wall.append(time.perf_counter() - started)
                cpu.append(server.cpu_s() - before)
            found[kind] = {"wall_s": float(np.median(wall[1:])), "cpu_s": float(np.median(cpu[1:]))}
    return found


def slow_uploads(server: Server, many: int) -> Callable[[threading.Event], None]:
    """`many` files that arrive at a byte a second."""

    async def one(client: httpx.AsyncClient, number: int, over: threading.Event) -> None:
        async def body() -> Any:
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n'
            while not over.is_set():
                yield b"x"
                await asyncio.sleep(1)

        head = {"content-type": "multipart/form-data; boundary=b", "x-forwarded-for": f"10.0.1.{number}"}
        with suppress(httpx.HTTPError):
            await client.post("/uploads", content=body(), headers=head)

    async def everybody(over: threading.Event) -> None:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=120) as client:
            await asyncio.gather(*(one(client, number, over) for number in range(many)))

    return lambda over: asyncio.run(everybody(over))


def killed_decoders(server: Server, times: int) -> dict[str, int]:
    """A file is sent, and its decoder killed: what the client is told, and whether the next file is answered."""
    told: Counter[str] = Counter()
    file = {"file": ("a.wav", _noise(600))}
    for _ in range(times):
        answers: list[httpx.Response] = []

        def ask(into: list[httpx.Response] = answers) -> None:
            into.append(httpx.post(f"{server.url}api/query", files=file, trust_env=False, timeout=120))

        thread = threading.Thread(target=ask)
        thread.start()
        while thread.is_alive():
            for decoder in server.decoders():
                with suppress(ProcessLookupError):
                    os.kill(decoder, signal.SIGKILL)
            time.sleep(0.05)
        thread.join()
        told[f"killed: {answers[0].status_code}"] += 1
    short = {"file": ("a.wav", _noise(20))}
    after = httpx.post(f"{server.url}api/query", files=short, trust_env=False, timeout=120)
    told[f"after: {after.status_code}"] += 1
    return dict(told)


def _noise(seconds: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 44100, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(0).integers(-9999, 9999, 44100 * seconds, dtype=np.int16).tobytes())
    return out.getvalue()


def in_browser(server: Server, count: int, seed: int) -> dict[str, Any] | None:
    """Milliseconds from the click to the first rows and to the aligned answer; None without Chromium."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if chromium is None:
        return None
    rng, first, aligned = random.Random(seed), [], []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.add_init_script(_CLOCKS)
        for n in range(LOOKED + 1):
            page.goto(f"{server.url}performances/P_{rng.randint(1, count)}")
            page.locator(".verdict.yes, .verdict.no").wait_for(timeout=60_000)
            if n:  # the first one loads scripts and loops
                first.append(page.evaluate("window.first"))
                aligned.append(page.evaluate("window.aligned"))
        browser.close()
    return {
        name: {"p50_ms": float(np.median(ms)), "min_ms": min(ms), "max_ms": max(ms)}
        for name, ms in (("first rows", first), ("aligned answer", aligned))
    }


def measure(count: int, clients: int, seconds: float, seed: int) -> dict[str, Any]:
    """Everything; JSON-ready, without its provenance."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        Collection(home, count, seed).publish()
        server = Server(home)
        try:
            result: dict[str, Any] = {"performances": count, "clients": clients, "seconds": seconds}
            result["cold_start"] = {"wall_s": server.cold_s, "cpu_s": server.cold_cpu_s}
            result["one_by_one"] = one_by_one(server, count, seed)
            result["browser"] = in_browser(server, count, seed)
            result["load"] = {"alone": load(server, count, clients, seconds, seed)}
            with meanwhile(slow_uploads(server, 20)):
                result["load"]["twenty slow uploads"] = load(server, count, clients, seconds, seed + 1)
            with rebuilds(home, count, seed, 3, seconds / 6):
                result["load"]["three rebuilds"] = load(server, count, clients, seconds, seed + 2)
            result["decoders"] = killed_decoders(server, 3)
        finally:
            result["exit_code"] = server.stop()
    return result


def markdown(result: dict[str, Any]) -> str:
    """Tables of it."""
    kinds = " | ".join(f"{kind}: p50, p99" for kind in SHARES)
    lines = [
        f"{result['performances']:,} performances, {result['clients']} clients, {result['seconds']:.0f} s a row.",
        "",
        f"| | requests/s | {kinds} | errors | told to wait | MB before, highest, after | CPU a request | load |",
        "|---|---:|" + "---:|" * len(SHARES) + "---:|---:|---:|---:|---:|",
    ]
    for name, row in result["load"].items():
        cells = [f"{s['p50_s']:.2f} s, {s['p99_s']:.2f} s" if s["n"] else "" for s in row["seconds"].values()]
        mb = ", ".join(f"{row['mb'][at]:.0f}" for at in ("before", "highest", "after"))
        cpu = f"{1e3 * row['cpu_s'] / row['requests']:.0f} ms"
        counts = (f"{row['errors']}", f"{row['told_to_wait']}", mb, cpu, f"{row['load_1min']:.0f}")
        lines.append(f"| {name} | {row['requests_s']:.1f} | {' | '.join([*cells, *counts])} |")
    cold = result["cold_start"]
    lines += ["", f"Cold start, until it is ready: {cold['wall_s']:.1f} s ({cold['cpu_s']:.1f} s of CPU)."]
    one = (f"{kind} {s['wall_s']:.2f} s ({s['cpu_s']:.2f} s of CPU)" for kind, s in result["one_by_one"].items())
    lines.append(f"One request at a time, medians: {', '.join(one)}.")
    if result["browser"]:
        told = (
            f"{name} {ms['p50_ms']:.0f} ms ({ms['min_ms']:.0f} to {ms['max_ms']:.0f})"
            for name, ms in result["browser"].items()
        )
        lines.append(f"In Chromium, by one client: {', '.join(told)}, median of {LOOKED}.")
    told_of = ", ".join(f"{what} × {times}" for what, times in result["decoders"].items())
    lines.append(
        f"Decoders killed with SIGKILL, and a file after: {told_of}. SIGTERM: exit code {result['exit_code']}."
    )
    return "\n".join([*lines, "", ""])


def main() -> None:
    """Measure, print and write ``benchmarks/results/serve_load.json`` and ``.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=15_000, help="performances [15000]")
    parser.add_argument("--clients", type=int, default=50, help="clients [50]")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each load [60]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--note", default="", help="what else the machine did")
    args = parser.parse_args()
    result = measure(args.count, args.clients, args.seconds, args.seed)
    text = markdown(result) + (f"{args.note}\n\n" if args.note else "")
    write_table(RESULTS / "serve_load.json", {"provenance": provenance("serve_load", args.seed), **result}, text)


if __name__ == "__main__":
    main()
