"""The learned aligner: a small network over the similarity matrix of two performances, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from covsearch.aligner_config import HIDDEN, SIZES, STRIDES, AlignerConfig
from covsearch.config import from_toml
from covsearch.counting import comma_list
from covsearch.errors import ArtefactError, NotFoundError, UsageError
from covsearch.features.augment import resampled
from covsearch.features.frames import means_of
from covsearch.guard.files import RefusedError, read_bytes, read_text
from covsearch.guard.tensors import Declared, read_header
from covsearch.ranking import learned_kernel, score_kernel
from covsearch.ranking.alignment import CLOSE
from covsearch.ranking.scores import cores

WEIGHTS, CONFIG = "model.safetensors", "config.toml"
MAX_WEIGHT_BYTES, MAX_CONFIG_BYTES = 2**21, 2**13
MOST_FRAMES = 1_024  # of either track: 19 minutes at 0.90 frames/s; longer ones are compared in coarser frames
TEMPI = (0.90, 1.11)  # lengths at which the shorter track is heard too: covers are played slower and faster
LEAST = -12.0  # what is said of a track too short to be compared; no score is beyond 12 on either side
BUNDLED = Path(__file__).parent.parent / "models" / "bundled" / "aligner"


@dataclass(frozen=True, eq=False)
class HeardTrack:
    """A performance as matrices are made of it.

    Attributes
    ----------
    units : NDArray[float32], shape (L, F)
        Centred frames of one length, in whole numbers.
    sums : NDArray[float64], shape (F,)
        Of the frames before they were centred.
    """

    units: NDArray[np.float32]
    sums: NDArray[np.float64]


def heard(chroma: NDArray[np.float32], config: AlignerConfig, coarser: int = 1) -> HeardTrack:
    """Prepare chroma (T, F) at about 2.69 frames/s, F a multiple of 12, in means of `coarser` times as many frames."""
    frames = np.require(means_of(chroma, config.block * coarser), np.float32, ["C", "W", "E"])
    length = score_kernel.length_of_unit(config.span, frames.shape[1])
    units = score_kernel.whole_units(frames, length)
    return HeardTrack(score_kernel.whole_units(learned_kernel.centred(units), length), score_kernel.pitch_sums(units))


def keys(first: HeardTrack, second: HeardTrack) -> list[int]:
    """How many semitones higher the second may sound: the key that fits best, and the next if it is close."""
    fits = score_kernel.key_fits(first.sums, second.sums)
    best, other = np.argsort(-fits, kind="stable")[:2].tolist()
    return [best, other] if fits[best] - fits[other] <= CLOSE * (fits[best] - fits.mean()) else [best]


def matrix(first: HeardTrack, second: HeardTrack, key: int, config: AlignerConfig) -> NDArray[np.float32]:
    """The network's input (C, M, L): the second's M stretches of frames by the L of the first, both at least a span."""
    length = score_kernel.length_of_unit(config.span, first.units.shape[1])
    columns = np.ascontiguousarray(first.units.T)
    similarity = score_kernel.stretches(second.units, columns, key, config.span, length)
    seen: NDArray[np.float32] = learned_kernel.normalised(similarity, config.channels)
    return seen


class Aligner:
    """Weights that judge pairs of performances.

    Parameters
    ----------
    config : AlignerConfig
    tensors : mapping
        As :func:`covsearch.models.aligner.folded` makes them.
    """

    def __init__(self, config: AlignerConfig, tensors: dict[str, NDArray[np.float32]]) -> None:
        self.config = config
        self._layers = []
        for i, (size, stride) in enumerate(zip(SIZES, STRIDES, strict=True)):
            weight = tensors[f"convolution{i}.weight"].reshape(config.widths[i + 1], -1)
            more, missing = -len(weight) % learned_kernel.TOGETHER, -weight.shape[1] % learned_kernel.UNROLLED
            padded = np.ascontiguousarray(np.pad(weight, ((0, more), (0, missing))))
            self._layers.append((padded, tensors[f"convolution{i}.bias"].copy(), size, stride))
        self._dense = [(tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in ("hidden", "out")]

    def logit(self, x: NDArray[np.float32]) -> float:
        """What the network says of one matrix (C, M, L): high = cover."""
        for layer in self._layers:
            x = learned_kernel.convolved(x, *layer)
        values = learned_kernel.pooled(x)[list(self.config.kept)].ravel()
        (hidden, bias), (out, last) = self._dense
        # products and sums instead of BLAS: the same whatever the threads
        inner = np.maximum((hidden * values).sum(axis=1) + bias, 0)
        return float((out * inner).sum() + last[0])

    def pair(self, a: NDArray[np.float32], b: NDArray[np.float32], tempi: Sequence[float] = TEMPI) -> float:
        """How much two performances (L, F) and (M, F) look like covers, -12 to 12; the same for (b, a).

        The longer has the matrix's rows. Where both are equally long, it is the mean of both ways. Where a second
        key is close to the best, the higher of both counts. The shorter is heard at `tempi` too, in the better key;
        what is said is the logarithm of the mean odds.
        """
        coarser = max(1, -(-max(len(a), len(b)) // (MOST_FRAMES * self.config.block)))
        short, long = sorted((a, b), key=len)
        if len(heard(short, self.config, coarser).units) < self.config.span:
            return LEAST
        found = self._at_tempi(short, long, coarser, tempi)
        if len(short) == len(long):
            found = (found + self._at_tempi(long, short, coarser, tempi)) / 2
        return float(np.clip(found, LEAST, -LEAST))

    def _at_tempi(
        self, short: NDArray[np.float32], long: NDArray[np.float32], coarser: int, tempi: Sequence[float]
    ) -> float:
        own, there = (heard(one, self.config, coarser) for one in (short, long))
        by_key = {key: self.logit(matrix(own, there, key, self.config)) for key in keys(own, there)}
        best = max(by_key, key=lambda key: by_key[key])
        logits = [by_key[best]]
        for tempo in tempi:
            moved = heard(resampled(short, round(len(short) * tempo)), self.config, coarser)
            if len(moved.units) >= self.config.span:
                logits.append(self.logit(matrix(moved, there, best, self.config)))
        return float(np.logaddexp.reduce(logits) - np.log(len(logits)))

    def scores(
        self,
        query: NDArray[np.float32],
        candidates: Sequence[NDArray[np.float32]],
        tempi: Sequence[float] = TEMPI,
        threads: int | None = None,
    ) -> NDArray[np.float64]:
        """:meth:`pair` of a query with each of n candidates, (n,), whatever the threads.

        Parameters
        ----------
        query, candidates : NDArray[float32], shapes (L, F) and (M_i, F)
            Chroma at about 2.69 frames/s.
        tempi : sequence of float
            How many times as long the shorter is heard, beside as it is.
        threads : int, optional
            By default one a core that this process may use.

        Raises
        ------
        UsageError
            When the tracks do not have one multiple of 12 numbers a frame.
        """
        shapes = {one.shape[1:] for one in (query, *candidates)}
        if len(shapes) != 1 or len(query.shape) != 2 or not query.shape[1] or query.shape[1] % score_kernel.PITCHES:
            raise UsageError(
                f"expected tracks of (frames, pitches), pitches one multiple of 12, not {comma_list(sorted(shapes))}"
            )
        workers = min(threads or cores(), len(candidates))
        if workers <= 1:
            return np.array([self.pair(query, one, tempi) for one in candidates], dtype=np.float64)
        with ThreadPoolExecutor(workers) as pool:
            return np.array(list(pool.map(lambda one: self.pair(query, one, tempi), candidates)), dtype=np.float64)


def load_aligner(folder: Path) -> Aligner:
    """Read ``model.safetensors`` and ``config.toml`` of a trained aligner.

    Raises
    ------
    NotFoundError
        When a file is missing.
    ArtefactError
        When one is damaged, or they do not belong together.
    """
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise NotFoundError(f"{folder}: expected a trained aligner with {WEIGHTS} and {CONFIG}, no {name}")
    try:
        text = read_text(folder / CONFIG, MAX_CONFIG_BYTES)
        config: AlignerConfig = from_toml(text, aligner=AlignerConfig)["aligner"]
    except (UsageError, RefusedError) as e:
        raise ArtefactError(f"{folder / CONFIG}: expected an aligner's configuration: {e}") from e
    path = folder / WEIGHTS
    try:
        data = read_bytes(path, MAX_WEIGHT_BYTES)
        came, expected = read_header(data), _declared(config)
        if came != expected:
            odd = min(name for name in came.keys() | expected.keys() if came.get(name) != expected.get(name))
            theirs, ours = came.get(odd, "missing"), expected.get(odd, "missing")
            raise RefusedError(f"{odd[:80]!r} is {theirs} in the file and {ours} by {CONFIG}")
        tensors = safetensors.numpy.load(data)
    except (RefusedError, SafetensorError, ValueError) as e:
        raise ArtefactError(f"{path}: expected safetensors of an aligner: {e}; fetch the file again") from e
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise ArtefactError(f"{path}: {name} holds NaN or infinity; fetch the file again")
    return Aligner(config, tensors)


@cache
def bundled_aligner() -> Aligner:
    """The weights that come with the package, read once."""
    return load_aligner(BUNDLED)


def _declared(config: AlignerConfig) -> dict[str, Declared]:
    """The tensors that a configuration asks for."""
    widths, found = config.widths, {}
    for i, size in enumerate(SIZES):
        found[f"convolution{i}.weight"] = Declared("F32", (widths[i + 1], widths[i], size, size))
        found[f"convolution{i}.bias"] = Declared("F32", (widths[i + 1],))
    shapes = {"hidden": (HIDDEN, len(config.kept) * widths[-1]), "out": (1, HIDDEN)}
    for name, shape in shapes.items():
        found |= {f"{name}.weight": Declared("F32", shape), f"{name}.bias": Declared("F32", shape[:1])}
    return found
