"""``covsearch model show``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from covsearch.cli.tables import plain, stdout, table
from covsearch.index.calibration import facts, read_calibration
from covsearch.models import bundled_checkpoint, load_checkpoint
from covsearch.models.describe import Description, Layer, architecture, draw_circuit

UNCALIBRATED = "p is not calibrated: run `covsearch calibrate --model` with this folder"


@click.group()
def model() -> None:
    """Look into a trained model."""


@model.command()
@click.argument("checkpoint", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--plot", type=click.Path(path_type=Path, file_okay=False), help="Draw the quantum circuit to circuit.png here."
)
def show(checkpoint: Path | None, as_json: bool, plot: Path | None) -> None:
    """Layers, shapes and parameters of CHECKPOINT [the bundled weights], its calibration, and its quantum circuit.

    \b
    covsearch model show
    covsearch model show models/hybrid --plot figures
    covsearch model show models/hybrid --json
    """
    loaded = load_checkpoint(checkpoint or bundled_checkpoint())
    drawn = draw_circuit(loaded, plot) if plot else None
    described, calibration = architecture(loaded), read_calibration(loaded.folder, loaded.fingerprint)
    if as_json:
        fitted = calibration and dataclasses.asdict(calibration)
        click.echo(json.dumps({**described.to_dict(), "calibration": fitted}, indent=1))
    else:
        _print(described)
        for line in facts(calibration) if calibration else [UNCALIBRATED]:
            stdout().print(plain(line))
    if drawn:
        click.echo(f"drew {drawn}", err=True)


def _print(described: Description) -> None:
    console, config = stdout(), described.config
    features = config.features
    console.print(
        plain(f"{described.model}: {features.features}, at most {features.frames} frames, key {features.key}")
    )
    rows = map(_row, described.layers)
    console.print(table(("layer", "kind", ">output of a track", ">parameters"), rows))
    console.print(plain(f"{described.parameters:,} parameters"))
    if described.circuit:
        size = f"{config.qubits} qubits, {config.q_layers} layers"
        console.print(plain(f"circuit: {size}, expectations: {config.quantum_device}"))
        for line in described.circuit.splitlines():
            console.print(plain(line), soft_wrap=True)


def _row(layer: Layer) -> tuple[str, str, str, str]:
    shape = " x ".join(map(str, layer.output)) if layer.output is not None else ""
    return layer.name, layer.kind, shape, f"{layer.parameters:,}" if layer.parameters else ""
