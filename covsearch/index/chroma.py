"""Chroma of an indexed collection, a byte a number, read from the disk only where it is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from covsearch.counting import comma_list
from covsearch.errors import ArtefactError
from covsearch.features.slow import restored, slow_rate
from covsearch.index import offsets
from covsearch.index.manifest import Manifest
from covsearch.index.mapped import map_matrix
from covsearch.index.part import Packed, Part

if TYPE_CHECKING:  # reading an index opens no feature file
    from covsearch.features.store import FrameStore


@dataclass(frozen=True, eq=False)
class Chroma(Part):
    """Slow chroma (:mod:`covsearch.features.slow`) of N performances, M frames in all.

    Attributes
    ----------
    frames : NDArray[uint8], shape (M, F)
        255 times values in [0, 1], rounded, so at most 1/510 away from them; of a generation, mapped from its file.
    first : NDArray[int64], shape (N + 1,)
        Frames ``first[i]`` to ``first[i + 1]`` are those of performance i; at least one.
    rates : NDArray[float64], shape (N,)
        Frames/s of each.

    Raises
    ------
    ArtefactError
        When these do not fit each other.
    """

    frames: NDArray[np.uint8]
    first: NDArray[np.int64]
    rates: NDArray[np.float64]

    def __post_init__(self) -> None:
        first, rates, count = self.first, self.rates, len(self.frames)
        if self.frames.dtype != np.uint8 or self.frames.ndim != 2:
            raise ArtefactError(f"expected frames as uint8 (M, F), not {self.frames.dtype} {self.frames.shape}")
        if not offsets.rise(first, count):
            raise ArtefactError(f"offsets must rise from 0 to the number of frames, {count}")
        if rates.dtype != np.float64 or rates.shape != (len(first) - 1,):
            raise ArtefactError(f"{len(first) - 1} performances and {rates.dtype} {rates.shape} rates do not fit")
        if not (np.isfinite(rates) & (rates > 0)).all():
            raise ArtefactError("expected rates as positive numbers of frames a second")

    def __len__(self) -> int:
        return len(self.rates)

    def __add__(self, other: Chroma) -> Chroma:
        """The chroma of these performances and, after them, of the other ones."""
        first = offsets.joined(self.first, other.first)
        return Chroma(_joined([self.frames, other.frames]), first, np.concatenate([self.rates, other.rates]))

    def take(self, rows: Sequence[int]) -> Chroma:
        """That of some performances, in the order of `rows`; only their frames are read."""
        spans = [self.frames[self.first[row] : self.first[row + 1]] for row in rows]
        first = np.cumsum([0, *map(len, spans)], dtype=np.int64)
        return Chroma(_joined([self.frames[:0], *spans]), first, self.rates[np.asarray(rows, dtype=np.int64)])

    def track(self, row: int) -> NDArray[np.float32]:
        """Chroma of performance `row`, (L, F) float32 in [0, 1]."""
        return restored(self.quantised(row))

    def quantised(self, row: int) -> NDArray[np.uint8]:
        """The same as it is kept, (L, F) uint8."""
        return self.frames[self.first[row] : self.first[row + 1]]

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        tensors: dict[str, NDArray[Any]] = {"first": self.first, "rates": self.rates}
        tensors["frames"] = np.ascontiguousarray(self.frames)
        path.write_bytes(safetensors.numpy.save(tensors))

    @classmethod
    def load(cls, path: Path, manifest: Manifest) -> Chroma:
        """Read what :meth:`save` wrote; the frames are mapped, not read."""
        found = cls(*_open(path))
        width = manifest.heard()[0].width
        if found.frames.shape[1] != width:
            raise ArtefactError(f"expected frames of {width} numbers, found {found.frames.shape[1]}")
        return found

    def blob(self, row: int) -> bytes:
        """Its rate as a float64, then its frames, each F bytes."""
        return self.rates[row : row + 1].astype("<f8").tobytes() + self.quantised(row).tobytes()

    @classmethod
    def of_blobs(cls, blobs: Sequence[bytes], manifest: Manifest) -> Chroma:
        """Of what :meth:`blob` made."""
        width = manifest.heard()[0].width
        try:
            frames = [np.frombuffer(blob, np.uint8, offset=8).reshape(-1, width) for blob in blobs]
            rates = np.array([np.frombuffer(blob, "<f8", 1)[0] for blob in blobs], dtype=np.float64)
        except ValueError as e:
            raise ArtefactError(f"expected a rate and frames of {width} numbers: {e}") from e
        first = np.cumsum([0, *map(len, frames)], dtype=np.int64)
        return cls(_joined([np.empty((0, width), np.uint8), *frames]), first, rates)

    def check(self, names: Sequence[str]) -> None:
        """Nothing is left to look at: every byte is a value."""

    @classmethod
    def make(cls, packed: Packed, settings: Any) -> Chroma:
        """The slow chroma that was packed beside the frames."""
        return cls.of_store(packed.store, packed.frame_rate)

    @classmethod
    def of_store(cls, store: FrameStore, frame_rate: float) -> Chroma:
        """That of all performances of a packed store, of files with `frame_rate` frames/s."""
        first = np.cumsum([0, *(entry.slow_frames for entry in store.entries)], dtype=np.int64)
        frames = np.empty((first[-1], store.config.width), dtype=np.uint8)
        for i in range(len(store)):  # one by one: each is a mapping of its own, and a process may have only so many
            frames[first[i] : first[i + 1]] = store.slow(i)
        return cls(frames, first, np.full(len(store), slow_rate(frame_rate)))


def _joined(spans: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Spans one after the other, in memory."""
    return np.asarray(np.concatenate(spans))


def _open(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.float64]]:
    """Frames, offsets and rates of a file, none of them looked at yet; the library checks what the header says."""
    try:
        with safe_open(path, framework="np") as file:
            if sorted(file.keys()) != ["first", "frames", "rates"]:
                raise ArtefactError(
                    f"expected first, frames and rates, found {comma_list(map(repr, sorted(file.keys())))}"
                )
            first, rates = file.get_tensor("first"), file.get_tensor("rates")
        frames = map_matrix(path, "frames", np.uint8)
    except (SafetensorError, KeyError, ValueError) as e:
        raise ArtefactError(f"expected safetensors: {e}") from e
    return frames, first, rates
