"""kill -9 in the middle of a training; the same call goes on and ends with the same file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from collection import write_collection


def train(root: Path, home: Path, out: Path) -> subprocess.Popen[bytes]:
    options = ["--preset", "report", "--frames", "256", "--epochs", "6", "--seed", "2", "--no-plot"]
    command = [sys.executable, "-m", "covsearch", "--home", str(home), "train", "--dataset", str(root), *options]
    return subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_weights_after_kill_9_are_those_of_an_unbroken_training(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train(root, tmp_path, whole).wait() == 0
    process = train(root, tmp_path, broken)
    deadline = time.monotonic() + 60
    while not (broken / "metrics.jsonl").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    if (broken / "model.safetensors").exists():
        pytest.skip("the training ended before it could be killed")
    done = len((broken / "metrics.jsonl").read_text().splitlines())
    assert 1 <= done < 6
    assert train(root, tmp_path, broken).wait() == 0
    assert (broken / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert not (broken / "state.safetensors").exists()
