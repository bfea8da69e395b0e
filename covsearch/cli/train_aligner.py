"""``covsearch train --aligner``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from covsearch.aligner_config import AlignerConfig, AlignerTraining
from covsearch.errors import UsageError
from covsearch.progress import Progress, Tell
from covsearch.workspace import Workspace

CHOICES = (AlignerConfig, AlignerTraining)


def train_aligner_command(
    workspace: Workspace, out: Path | None, explicit: Mapping[str, Any], progress: Progress, warn: Tell
) -> dict[str, Any]:
    """Train with what was said explicitly; where it is and its figures, ready for JSON."""
    said = {name: value for name, value in explicit.items() if value is not None}
    shapes, trains = ({field.name for field in dataclasses.fields(cls)} for cls in CHOICES)
    odd = sorted(set(said) - shapes - trains)
    if odd:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in odd)
        raise UsageError(f"--aligner has no {options}: leave them out; it is trained on --synthesize alone")
    if not said.get("synthesize"):
        raise UsageError("the aligner learns from synthesised covers: name their songs with --synthesize")
    if "minutes" in said:
        said.setdefault("steps", 0)
    from covsearch.trained import train_and_fit_aligner  # torch takes seconds, which an error need not wait for

    config = AlignerConfig(**{name: said[name] for name in shapes & set(said)})
    training = AlignerTraining(**{"synthesize": "", **{name: said[name] for name in trains & set(said)}})
    return train_and_fit_aligner(config, training, workspace, out, progress, warn)
