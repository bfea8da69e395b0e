"""``covsearch train --aligner``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from covsearch.aligner_config import AlignerConfig, AlignerTraining
from covsearch.errors import UsageError
from covsearch.progress import Progress, Tell
from covsearch.workspace import Workspace

_CHOICES = ("epoch_steps", "learning_rate", "weight_decay", "seed", "steps", "minutes")


def train_aligner_command(
    workspace: Workspace, out: Path | None, explicit: Mapping[str, Any], progress: Progress, warn: Tell
) -> dict[str, Any]:
    """Train with what was said explicitly; where it is and its figures, ready for JSON."""
    said = {name: value for name, value in explicit.items() if value is not None}
    odd = sorted(set(said) - {*_CHOICES, "synthesize"})
    if odd:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in odd)
        raise UsageError(f"--aligner has no {options}: leave them out; it is trained on --synthesize alone")
    if "minutes" in said:
        said.setdefault("steps", 0)
    from covsearch.trained import train_and_fit_aligner  # torch takes seconds, which an error need not wait for

    training = AlignerTraining(said.pop("synthesize", ""), **said)
    return train_and_fit_aligner(AlignerConfig(), training, workspace, out, progress, warn)
