"""Every choice that shapes a result, as frozen dataclasses that travel beside the artefact they made.

A configuration goes to TOML and comes back equal; an unknown key or a value out of range is a
:class:`~covsearch.errors.UsageError` that names the allowed ones.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import tomllib
from dataclasses import dataclass, field
from operator import index
from typing import Any, ClassVar, TypeVar, get_type_hints

import tomli_w

from covsearch.counting import comma_list, counted
from covsearch.errors import UsageError

MAX_FRAMES = 200_000  # 39 minutes as stored; what a model does with more takes gigabytes
BRANCH_NAMES = ("bottleneck", "cnn", "hybrid", "invariant")  # keys of covsearch.models.BRANCHES, which needs torch
_CNNS = ("bottleneck", "cnn", "hybrid")
CNN_STRIDE = 256  # frames of one step of the report's CNN after its four pools by 4; fewer leave nothing to pool
MAX_SHOTS = 1_000_000
MAX_COUNT = 1_000_000  # of matches, hits, pairs, epochs...: more than that is a slip of the hand
MAX_SEED = 2**32 - 1  # what numpy, torch and Python's own generator all take
EMBEDDING_DIM = 128  # the report's D; FAISS, the head and the manifest all rely on it

T = TypeVar("T")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} must be one of {comma_list(sorted(allowed))}, not {value!r}")


def check_range(name: str, value: float, least: float, most: float = math.inf) -> None:
    """Refuse a number that is not in [`least`, `most`].

    Raises
    ------
    UsageError
    """
    if not least <= value <= most:
        allowed = f"at least {least}" if most == math.inf else f"{least} to {most}"
        raise UsageError(f"{name} must be {allowed}, not {value}")


def check_branch(name: str) -> None:
    """Refuse the name of a branch that there is not.

    Raises
    ------
    UsageError
    """
    _one_of("model", name, BRANCH_NAMES)


def check_count(number: Any, what: str, plural: str | None = None) -> None:
    """Refuse a number of things that is no whole number from 1 to :data:`MAX_COUNT`; -1 would be all but the last.

    `what` is one of the things, `plural` several where an s is not enough.

    Raises
    ------
    UsageError
    """
    try:
        whole = index(number)
    except TypeError as e:
        raise UsageError(f"expected a whole number, at least 1 {what}, not {number!r}") from e
    if whole < 1:
        raise UsageError(f"at least 1 {what} must be asked for, not {number}")
    if whole > MAX_COUNT:
        raise UsageError(f"at most {counted(MAX_COUNT, what, plural)} may be asked for, not {number}")


@dataclass(frozen=True)
class FeatureConfig:
    """What a branch sees of a performance: which chroma, at which frame rate, at most how many frames.

    Attributes
    ----------
    features : str
        ``hpcp``, ``crema``, ``cens`` or ``hpcp+crema``; a ``+`` stacks features on the last axis.
    frames : int
        Longest sequence, in frames after block means; the report uses 2,000.
    rate : float
        Frames/s after block means, as nearly as whole blocks of stored frames come to it; a track that would have
        more than `frames` gets larger blocks. 0 is the report's way: every track in blocks just large enough for
        `frames`, whatever frame rate that is.
    key : str
        ``played`` leaves every performance in its key (the report); ``normalised`` brings its estimated tonic to C
        (:mod:`covsearch.features.key`), since a plain CNN does not know that a key does not matter.
    """

    ALLOWED: ClassVar[tuple[str, ...]] = ("hpcp", "crema", "cens", "hpcp+crema")

    features: str = "hpcp"
    frames: int = 2000
    rate: float = 0.0
    key: str = "played"

    def __post_init__(self) -> None:
        _one_of("features", self.features, self.ALLOWED)
        _one_of("key", self.key, ("played", "normalised"))
        check_range("frames", self.frames, 1)
        if not 0 <= self.rate < math.inf:
            raise UsageError(f"rate must be a number of frames a second, or 0 for none, not {self.rate}")

    @property
    def names(self) -> tuple[str, ...]:
        """The single features in stacking order."""
        return tuple(self.features.split("+"))

    @property
    def width(self) -> int:
        """F, the size of the last axis: 12 for one feature, 24 for two."""
        return 12 * len(self.names)


@dataclass(frozen=True)
class ModelConfig:
    """A branch and its head.

    Attributes
    ----------
    branch : str
        A key of :data:`covsearch.models.BRANCHES`; checked where the branch is made.
    pooling : str
        ``masked`` ignores padding; ``unmasked`` is the report's baseline, whose embedding depends on
        how far a sequence was padded.
    norm : str
        ``batch`` (Table 1) or ``group`` (the report's suggestion for small batches).
    alpha : str
        ``signed`` (the report) or ``positive`` (softplus: the head becomes a metric).
    qubits : int
        q of Table 2, 2 to 10, the numbers that ``hybrid`` and ``bottleneck`` pass on; ``cnn`` does without. At the
        default 7 the 128-D embedding is the state's amplitudes, and nothing is projected.
    q_layers : int
        L, entangling layers of ``hybrid``. The report does not say; 2 is the least whose qubits all meet.
    readout : str
        Of ``hybrid`` and ``bottleneck``: ``report`` (Table 2: what q numbers reach) or ``residual`` (the classical
        embedding plus that).
    quantum_device : str
        Of ``hybrid``: ``exact`` computes the circuit's expectations in closed form; anything else is a PennyLane device
        that measures them, ``NAME`` or ``NAME:SHOTS`` (``default.qubit:1000``), far slower.
    tempi : int
        How many tempi, from 0.90 to 1.11 of its own, a performance is heard at: its vector is the mean. 1 to 9, odd;
        more than 1 only with masked pooling. A training sees one tempo at a time.
    features : FeatureConfig
        What the branch was made for.
    """

    branch: str = "cnn"
    pooling: str = "masked"
    norm: str = "batch"
    alpha: str = "signed"
    qubits: int = 7
    q_layers: int = 2
    readout: str = "report"
    quantum_device: str = "exact"
    tempi: int = 1
    features: FeatureConfig = field(default_factory=FeatureConfig)

    def __post_init__(self) -> None:
        _one_of("pooling", self.pooling, ("masked", "unmasked"))
        _one_of("norm", self.norm, ("batch", "group"))
        _one_of("alpha", self.alpha, ("signed", "positive"))
        _one_of("readout", self.readout, ("report", "residual"))
        check_range("qubits", self.qubits, 2, 10)
        check_range("q_layers", self.q_layers, 1, 100)
        check_range("tempi", self.tempi, 1, 9)
        if self.tempi % 2 == 0 or (self.tempi > 1 and self.pooling == "unmasked"):
            raise UsageError(f"tempi must be odd, and 1 with unmasked pooling, not {self.tempi}")
        check_range("features.frames", self.features.frames, 1, MAX_FRAMES)
        if self.pooling == "unmasked" and self.branch in _CNNS and self.features.frames < CNN_STRIDE:
            raise UsageError(
                f"frames must be at least {CNN_STRIDE} with unmasked pooling, not {self.features.frames}: the report's "
                "CNN pools four times by 4"
            )


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained; the defaults are the report's Tables 3 and 4.

    Attributes
    ----------
    split : str
        ``works`` keeps every work in one part; ``pairs`` is the report's leaky protocol, in which works
        and performances of test pairs are also trained on.
    train_pairs, validation_pairs, test_pairs : int
        Half covers, half non-covers; fewer when the collection has fewer cover pairs.
    loss : str
        ``pairs``: cross-entropy on the training pairs (the report). ``supcon``: supervised contrastive loss over
        works and their versions, the head fitted on all pairs of a batch; needs the extra ``train``. ``batch``:
        cross-entropy on all pairs of a batch of works and their versions, head and branch together.
    batch_pairs : int
        Pairs a step (``pairs``); the report does not say, 64 keeps 128 tracks of 2,000 frames in memory.
    batch_works, batch_versions : int
        Works a step, and versions of each at most (``supcon``, ``batch``).
    temperature : float
        Of ``supcon``.
    epochs, learning_rate, weight_decay : number
        Adam (decoupled weight decay; 0 is plain Adam).
    schedule : str
        ``constant`` or ``cosine`` (to zero over the epochs).
    patience : int
        Epochs without a better validation accuracy before stopping; 0 never stops early.
    rotate_keys : bool
        Transpose every track by a random number of semitones each time it is seen.
    vary_time : bool
        Change the tempo of every track and cut a part of it each time it is seen.
    mask_frames : bool
        Drop single frames, blur stretches and silence pitch classes of every track each time it is seen.
    synthesize : str
        Where the covers that are synthesised come from, joined by `` + ``: folders and archives of songs, ``music21``;
        empty for none (:mod:`covsearch.synthesis`). Each batch then is of one kind of music, the collection's own
        training works being one (:class:`covsearch.training.mixture.MixedBatches`); not for the loss ``pairs``.
    start : str
        Folder of the checkpoint whose weights the training begins with, or ``bundled`` for the package's own; empty
        for fresh ones.
    epoch_steps : int
        Batches an epoch, when covers are synthesised: they never end.
    cover_frames : int
        Longest stretch of a synthesised cover, 280 being 104 s at 2.69 frames/s.
    first_hardness, last_hardness : float
        Of the covers synthesised at the beginning and at the end, in [0, 1]: too hard at once, nothing is learned.
    average : float
        Decay a step of the moving average of the weights that is validated and kept; 0 keeps the weights themselves.
    keep : str
        ``best`` validation accuracy, or ``last`` epoch: few validation pairs choose by chance.
    clip : float
        Largest norm of the gradient; 0 for any.
    precision : str
        ``float32``, or ``bfloat16`` for the branch's matrix products: half the time on processors that have it.
    seed : int
        Decides split, pairs, initial weights, order, dropout, rotations and covers.
    """

    LOSSES: ClassVar[tuple[str, ...]] = ("pairs", "batch", "supcon")

    split: str = "works"
    train_pairs: int = 3000
    validation_pairs: int = 1000
    test_pairs: int = 1000
    loss: str = "pairs"
    batch_pairs: int = 64
    batch_works: int = 32
    batch_versions: int = 3
    temperature: float = 0.1
    epochs: int = 20
    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    schedule: str = "constant"
    patience: int = 0
    rotate_keys: bool = False
    vary_time: bool = False
    mask_frames: bool = False
    synthesize: str = ""
    start: str = ""
    epoch_steps: int = 100
    cover_frames: int = 280
    first_hardness: float = 0.1
    last_hardness: float = 0.7
    average: float = 0.0
    keep: str = "best"
    clip: float = 0.0
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        _one_of("split", self.split, ("works", "pairs"))
        _one_of("schedule", self.schedule, ("constant", "cosine"))
        _one_of("loss", self.loss, self.LOSSES)
        _one_of("keep", self.keep, ("best", "last"))
        _one_of("precision", self.precision, ("float32", "bfloat16"))
        for name in ("first_hardness", "last_hardness", "average"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must lie in [0, 1], not {getattr(self, name)}")
        if self.synthesize and self.loss == "pairs":
            raise UsageError("synthesised covers come in batches of works: choose --loss supcon or batch, not pairs")
        for name, least in _LEAST.items():
            check_range(name, getattr(self, name), least)
            check_range(name, getattr(self, name), least, MAX_COUNT)
        check_range("seed", self.seed, 0)
        check_range("seed", self.seed, 0, MAX_SEED)
        if not self.temperature > 0:
            raise UsageError(f"temperature must be greater than 0, not {self.temperature}")
        check_range("temperature", self.temperature, 0, MAX_COUNT)
        if not 0 < self.learning_rate < 1:
            raise UsageError(f"learning_rate must lie between 0 and 1, not {self.learning_rate}")


_LEAST = {
    **dict.fromkeys(
        ("train_pairs", "validation_pairs", "test_pairs", "batch_pairs", "batch_works", "batch_versions"), 2
    ),
    **dict.fromkeys(("weight_decay", "patience", "clip"), 0),
    **dict.fromkeys(("epochs", "epoch_steps", "cover_frames"), 1),
}


def to_toml(**tables: Any) -> str:
    """Configurations as TOML text, one table a keyword.

    Returns
    -------
    str
        UTF-8 text that :func:`from_toml` reads back to equal objects.
    """
    return tomli_w.dumps({name: dataclasses.asdict(config) for name, config in tables.items()})


def from_toml(text: str, **classes: type[Any]) -> dict[str, Any]:
    """Read the named tables of a TOML text back into their dataclasses.

    Raises
    ------
    UsageError
        For text that is no TOML, a table or key that is missing or unknown, or a value out of range.
    """
    try:
        tables = tomllib.loads(text)
    except RecursionError as e:
        raise UsageError("configuration is nested too deeply") from e
    except ValueError as e:  # TOMLDecodeError, and what dates and numbers raise that cannot be
        raise UsageError(f"configuration is not TOML: {e}") from e
    missing = sorted(set(classes) - set(tables))
    if missing:
        raise UsageError(
            f"configuration has no table {comma_list(missing)}; it has {comma_list(map(repr, sorted(tables)))}"
        )
    return {name: _build(cls, tables[name], name) for name, cls in classes.items()}


def fingerprint(text: str, weights: bytes) -> str:
    """What a model is called by its content: ``cnn-3f2a9c51``, the branch and a hash of configuration and weights.

    Parameters
    ----------
    text : str
        Its ``config.toml``; only the table ``model`` counts.
    weights : bytes
        Its ``model.safetensors``.

    Raises
    ------
    UsageError
        As :func:`from_toml`.
    """
    branch = from_toml(text, model=ModelConfig)["model"].branch
    # the table as it was written: a field that came later, at its default, does not rename what it does not change
    table = tomli_w.dumps({"model": tomllib.loads(text)["model"]})
    return f"{branch}-{hashlib.sha256(table.encode() + weights).hexdigest()[:8]}"


def _build(cls: type[T], values: Any, where: str) -> T:
    if not isinstance(values, dict):
        raise UsageError(f"configuration: [{where}] must be a table, not {type(values).__name__}")
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise UsageError(
            f"configuration: [{where}] has unknown keys {comma_list(map(repr, unknown))}; "
            f"known are {comma_list(sorted(fields))}"
        )
    kinds = get_type_hints(cls)
    return cls(**{key: _value(kinds[key], value, f"{where}.{key}") for key, value in values.items()})


def _value(kind: type, value: Any, where: str) -> Any:
    """A TOML value checked against its field's type (a dataclass, bool, int, float or str)."""
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, where)
    wanted = (int, float) if kind is float else (kind,)
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise UsageError(f"configuration: {where} must be {kind.__name__}, not {value!r}")
    return float(str(value)) if kind is float else value
