"""``covsearch model show``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from covsearch.cli.options import PATH, NamedPath
from covsearch.cli.tables import plain, stdout, table
from covsearch.describe import DescribedModel, describe_model


@click.group()
def model() -> None:
    """Look into a trained model."""


@model.command()
@click.argument("checkpoint", type=PATH, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--plot", type=NamedPath(path_type=Path, file_okay=False), help="Draw the quantum circuit to circuit.png here."
)
def show(checkpoint: Path | None, as_json: bool, plot: Path | None) -> None:
    """Layers, shapes and parameters of CHECKPOINT [the bundled weights], its calibration, and its quantum circuit.

    \b
    covsearch model show
    covsearch model show models/hybrid --plot figures
    covsearch model show models/hybrid --json
    """
    described = describe_model(checkpoint)
    drawn = described.draw(plot) if plot else None
    click.echo(json.dumps(described.to_dict(), indent=1)) if as_json else _print(described)
    if drawn:
        click.echo(f"drew {drawn}", err=True)


def _print(described: DescribedModel) -> None:
    console, config = stdout(), described.checkpoint.config
    model, features = described.checkpoint.fingerprint, config.features
    console.print(plain(f"{model}: {features.features}, at most {features.frames} frames, key {features.key}"))
    layers = ((each.name, each.kind, each.output, each.parameters) for each in described.layers)
    rows = (_row(*layer) for layer in layers)
    console.print(table(("layer", "kind", ">output of a track", ">parameters"), rows))
    console.print(plain(f"{described.parameters:,} parameters"))
    if circuit := described.circuit:
        size = f"{config.qubits} qubits, {config.q_layers} layers"
        console.print(plain(f"circuit: {size}, expectations: {config.quantum_device}"))
        for line in circuit.splitlines():
            console.print(plain(line), soft_wrap=True)
    for line in described.calibration_lines:
        console.print(plain(line))


def _row(name: str, kind: str, output: tuple[int, ...] | None, parameters: int) -> tuple[str, str, str, str]:
    shape = " x ".join(map(str, output)) if output is not None else ""
    return name, kind, shape, f"{parameters:,}" if parameters else ""
