"""Choices that a person makes for a training: read from KEY=VALUE, and checked against each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from covsearch.config import FeatureConfig, ModelConfig, TrainConfig
from covsearch.errors import UsageError
from covsearch.training.presets import BUNDLED, configure

_OF_BRANCHES = {
    "qubits": ("hybrid", "bottleneck"),
    "readout": ("hybrid", "bottleneck"),
    "q_layers": ("hybrid",),
    "quantum_device": ("hybrid",),
}
_OF_LOSSES = {
    "batch_pairs": ("pairs",),
    "batch_works": ("supcon", "batch"),
    "batch_versions": ("supcon", "batch"),
    "temperature": ("supcon",),
}
_OF_SONGS = ("epoch_steps", "cover_frames", "first_hardness", "last_hardness")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


BRANCH = (ModelConfig, FeatureConfig, TrainConfig)
"""What the training of a branch chooses."""


def kinds_of(choices: Sequence[type]) -> dict[str, str]:
    """Name and type of every choice."""
    fields = [field for cls in choices for field in dataclasses.fields(cls)]
    return {field.name: str(field.type) for field in fields if field.type in ("str", "int", "float", "bool")}


def read_choices(pairs: Sequence[str], choices: Sequence[type] = BRANCH) -> dict[str, Any]:
    """``KEY=VALUE`` texts as fields of the dataclasses `choices`, each of its field's type.

    Raises
    ------
    UsageError
        For an unknown key, a key twice, or a value of another type.
    """
    kinds, found = kinds_of(choices), dict[str, Any]()
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or key not in kinds:
            raise UsageError(f"expected KEY=VALUE with a key of {', '.join(sorted(kinds))}; got {pair!r}")
        if key in found:
            raise UsageError(f"{key} is set twice")
        found[key] = _value(key, kinds[key], text)
    return found


def _value(key: str, kind: str, text: str) -> Any:
    if kind == "bool":
        if text.lower() not in (*_TRUE, *_FALSE):
            raise UsageError(f"{key} must be true or false, not {text!r}")
        return text.lower() in _TRUE
    try:
        return {"str": str, "int": int, "float": float}[kind](text)
    except ValueError as e:
        raise UsageError(f"{key} must be {'a whole number' if kind == 'int' else 'a number'}, not {text!r}") from e


def chosen(preset: str, explicit: Mapping[str, Any]) -> tuple[ModelConfig, TrainConfig]:
    """:func:`covsearch.training.presets.configure` for a person, who is told what could have no effect.

    Raises
    ------
    UsageError
        As `configure`; for a choice that only other branches have, for one that only synthesised covers have where
        there are none, and for one that the bundled weights do not have.
    """
    config, training = configure(preset, explicit)
    said = [name for name, value in explicit.items() if value is not None]
    for name in said:
        branches = _OF_BRANCHES.get(name, (config.branch,))
        if config.branch not in branches:
            only = " and ".join(branches)
            raise UsageError(f"{name} is a choice of {only}, not of {config.branch}: leave it out, or say --model")
    if training.start == BUNDLED and (odd := other_choices(config, configure("default", {})[0])):
        raise UsageError(
            f"the bundled weights are of another {' and '.join(odd)}: say --preset cnn, or --from scratch to begin anew"
        )
    if not training.synthesize:
        if preset == "invariant":
            raise UsageError("the preset invariant trains on synthesised covers: name their songs with --synthesize")
        if songs := [name for name in said if name in _OF_SONGS]:
            raise UsageError(f"{songs[0]} is a choice for synthesised covers: name their songs with --synthesize")
    return config, training


def other_choices(one: ModelConfig, other: ModelConfig) -> list[str]:
    """Names of the choices that differ."""
    this, that = ({**vars(config), **vars(config.features)} for config in (one, other))
    return [name for name in this if this[name] != that[name]]


def idle(training: TrainConfig, explicit: Mapping[str, Any]) -> Iterator[str]:
    """What of the choices has no effect with the loss, a line each."""
    for name, losses in _OF_LOSSES.items():
        if explicit.get(name) is not None and training.loss not in losses:
            yield f"{name} has no effect with the loss {training.loss}, only with {' and '.join(losses)}"


def uses(preset: str) -> str:
    """What a preset uses, in a line."""
    config, training = configure(preset, {})
    seen = config.features
    rate = f" of {seen.rate:.2f} frames/s" if seen.rate else ""
    sees = f"{seen.features}, at most {seen.frames:,} frames{rate}, key {seen.key}"
    how = f"loss {training.loss}, {training.epochs} epochs, learning rate {training.learning_rate:g}"
    begun = f"; begun from {training.start}" if training.start else ""
    return f"{config.branch}, {sees}; {how}{begun}"


def all_choices(preset: str) -> str:
    """Every choice as KEY=VALUE, with the preset's values."""
    config, training = configure(preset, {})
    return told_choices(config, config.features, training)


def told_choices(*made: Any) -> str:
    """Every choice of some dataclasses as KEY=VALUE."""
    return ", ".join(f"{name}={_said(getattr(one, name))}" for one in made for name in kinds_of([type(one)]))


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
