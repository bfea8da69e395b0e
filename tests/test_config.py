"""Configurations survive TOML and refuse what cannot be."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from covsearch.config import MAX_FRAMES, FeatureConfig, ModelConfig, TrainConfig, from_toml, to_toml
from covsearch.errors import UsageError

configs = st.builds(
    ModelConfig,
    branch=st.text(max_size=8),
    pooling=st.sampled_from(["masked", "unmasked"]),
    norm=st.sampled_from(["batch", "group"]),
    alpha=st.sampled_from(["signed", "positive"]),
    qubits=st.integers(2, 10),
    q_layers=st.integers(1, 100),
    readout=st.sampled_from(["report", "residual"]),
    quantum_device=st.text(max_size=8),
    features=st.builds(
        FeatureConfig, st.sampled_from(FeatureConfig.ALLOWED), st.integers(1, MAX_FRAMES), st.floats(0, 1e9)
    ),
)


@given(configs, st.integers(0, 2**31), st.floats(1e-9, 0.9), st.booleans())
def test_toml_gives_back_what_went_in(model: ModelConfig, seed: int, rate: float, rotate: bool) -> None:
    training = TrainConfig(seed=seed, learning_rate=rate, rotate_keys=rotate)
    assert from_toml(to_toml(model=model, train=training), model=ModelConfig, train=TrainConfig) == {
        "model": model,
        "train": training,
    }


@pytest.mark.parametrize(
    ("cls", "values", "message"),
    [
        (FeatureConfig, {"features": "mfcc"}, r"features must be one of cens, crema, hpcp, hpcp\+crema"),
        (
            ModelConfig,
            {"features": FeatureConfig("hpcp", MAX_FRAMES + 1)},
            "features.frames must be 1 to 200000, not 200001",
        ),
        (FeatureConfig, {"frames": 0}, "frames must be at least 1, not 0"),
        (FeatureConfig, {"rate": -1.0}, "rate must be a number of frames a second, or 0 for none, not -1.0"),
        (FeatureConfig, {"rate": float("nan")}, "rate must be a number of frames a second"),
        (ModelConfig, {"norm": "layer"}, r"norm must be one of batch, group, not 'layer'"),
        (ModelConfig, {"qubits": 1}, "qubits must be 2 to 10, not 1"),
        (ModelConfig, {"qubits": 11}, "qubits must be 2 to 10, not 11"),
        (ModelConfig, {"q_layers": 0}, "q_layers must be 1 to 100, not 0"),
        (ModelConfig, {"readout": "sum"}, r"readout must be one of report, residual, not 'sum'"),
        (TrainConfig, {"learning_rate": 1.5}, "learning_rate must lie between 0 and 1, not 1.5"),
        (TrainConfig, {"learning_rate": float("nan")}, "learning_rate must lie between"),
        (TrainConfig, {"split": "random"}, r"split must be one of pairs, works"),
        (TrainConfig, {"loss": "triplet"}, r"loss must be one of batch, pairs, supcon, not 'triplet'"),
        (TrainConfig, {"batch_pairs": 1}, "batch_pairs must be at least 2"),
    ],
)
def test_values_out_of_range(cls: type, values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cls(**values)


def test_width_and_names() -> None:
    assert FeatureConfig("hpcp+crema").names == ("hpcp", "crema")
    assert FeatureConfig("hpcp+crema").width == 24
    assert FeatureConfig("cens").width == 12


def test_a_configuration_of_before_there_was_a_rate_is_the_reports_way() -> None:
    old = '[features]\nfeatures = "crema"\nframes = 128\nkey = "normalised"\n'
    assert from_toml(old, features=FeatureConfig) == {"features": FeatureConfig("crema", 128, 0.0, "normalised")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model]\nfrom = " + "[" * 100_000, "nested too deeply|is not TOML"),
        ("[model]\nqubits = 1" + "0" * 5000, "is not TOML: .*(integer string conversion|digits)"),
        ("[model]\nqubits = 2020-13-45", "is not TOML"),
        ("[model]\nqubits = true", "model.qubits must be int, not True"),
        ("[model]\nbranch = 'a\0b'", "is not TOML"),
        ("[model]\nfeatures = 7", "model.features. must be a table, not int"),
        ("model = 3", ". must be a table, not int"),
        ("[model]\n[model]", "is not TOML"),
    ],
)
def test_strangers_configurations_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_toml(text, model=ModelConfig)


toml_values = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["cnn", "hpcp", "exact", "batch"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
fields = st.sampled_from([*ModelConfig.__dataclass_fields__, *FeatureConfig.__dataclass_fields__, "x"])


@given(st.dictionaries(fields, toml_values | st.dictionaries(fields, toml_values, max_size=3), max_size=4))
def test_any_table_is_a_configuration_or_refused(table: dict[str, Any]) -> None:
    try:
        model = from_toml(tomli_w.dumps({"model": table}), model=ModelConfig)["model"]
    except UsageError:
        return
    assert from_toml(to_toml(model=model), model=ModelConfig)["model"] == model


@given(st.text() | st.text(alphabet="[]{}=.'\"\\\n#model 0123456789_+-:Tinfaxl"))
def test_any_text_is_a_configuration_or_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        from_toml(text, model=ModelConfig)
