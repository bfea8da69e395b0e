"""kill -9 in the middle of a training; the same call goes on and ends with the same file."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner
from collection import write_collection

from covsearch.cli import cli

# kill -9 in the third epoch, between its state and its line of metrics, whatever the clock says
_KILLED = """
import os, signal, sys
from covsearch import durable
from covsearch.cli import main

write, written = durable.replace_text, []
def replace_text(path, text):
    if path.name == "metrics.jsonl":
        written.append(path)
        if len(written) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
    write(path, text)

durable.replace_text = replace_text
sys.argv = ["covsearch", *sys.argv[1:]]
main()
"""


def test_weights_after_kill_9_are_those_of_an_unbroken_training(tmp_path: Path) -> None:
    root = write_collection(tmp_path / "toy", works=15, frames=120)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = ["--preset", "report", "--frames", "256", "--epochs", "4", "--seed", "2", "--no-plot"]
    words = ["--home", str(tmp_path), "train", "--dataset", str(root), *options, "--out"]
    assert CliRunner().invoke(cli, [*words, str(whole)]).exit_code == 0
    killed = subprocess.run([sys.executable, "-c", _KILLED, *words, str(broken)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len((broken / "metrics.jsonl").read_text().splitlines()) == 2
    assert not (broken / "model.safetensors").exists()
    assert CliRunner().invoke(cli, [*words, str(broken)]).exit_code == 0
    assert (broken / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert not (broken / "state.safetensors").exists()
