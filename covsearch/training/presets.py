"""Named starting points for a training; anything said explicitly wins over them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from covsearch.config import FeatureConfig, ModelConfig, TrainConfig, check_branch
from covsearch.dataset.frame_rate import SLOW_RATE
from covsearch.errors import UsageError

BUNDLED, SCRATCH = "bundled", "scratch"
_INVARIANT = {
    "branch": "invariant",
    "tempi": 3,
    "rate": SLOW_RATE,
    "frames": 2048,
    "alpha": "positive",
    "loss": "supcon",
    "batch_works": 40,
    "batch_versions": 2,
    "vary_time": True,
    "schedule": "cosine",
    "weight_decay": 0.01,
    "clip": 2.0,
    "precision": "bfloat16",
}
PRESETS: dict[str, dict[str, Any]] = {
    # the report, Tables 1, 3 and 4: zeros are pooled like music, 20 epochs of Adam 5e-4, nothing else
    "report": {"pooling": "unmasked"},
    # the bundled weights, tuned to the collection: see benchmarks/studies/finetune.py
    "default": {**_INVARIANT, "start": BUNDLED, "epochs": 20, "learning_rate": 1e-4},
    # found on the sample's validation works, before there were bundled weights
    "cnn": {
        "frames": 128,
        "key": "normalised",
        "alpha": "positive",
        "loss": "supcon",
        "vary_time": True,
        "epochs": 120,
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "weight_decay": 0.02,
    },
    # the key-invariant branch on synthesised covers; needs --synthesize: see the bundled weights' card
    "invariant": {**_INVARIANT, "epochs": 60, "learning_rate": 3e-3, "average": 0.995, "keep": "last"},
}


def configure(preset: str, explicit: Mapping[str, Any]) -> tuple[ModelConfig, TrainConfig]:
    """Configurations of a preset with explicit choices on top.

    Parameters
    ----------
    preset : str
        A key of :data:`PRESETS`.
    explicit : mapping
        Names of fields of :class:`ModelConfig`, :class:`FeatureConfig` or :class:`TrainConfig`; None values
        count as not said. ``start`` may be ``scratch``: fresh weights.

    Raises
    ------
    UsageError
        For an unknown preset or field, or a value out of range.
    """
    if preset not in PRESETS:
        raise UsageError(f"preset must be one of {sorted(PRESETS)}, not {preset!r}")
    values = {**PRESETS[preset], **{name: value for name, value in explicit.items() if value is not None}}
    if values.get("start") == SCRATCH:
        values["start"] = ""
    features = FeatureConfig(**_fields(FeatureConfig, values))
    check_branch(values.get("branch", ModelConfig.branch))
    model = ModelConfig(**_fields(ModelConfig, values), features=features)
    training = TrainConfig(**_fields(TrainConfig, values))
    if values:
        raise UsageError(f"unknown choices {sorted(values)}")
    return model, training


def _fields(cls: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """Take the simple fields of `cls` out of `values`."""
    names = [f.name for f in dataclasses.fields(cls) if f.type in {"str", "int", "float", "bool"}]
    return {name: values.pop(name) for name in names if name in values}
