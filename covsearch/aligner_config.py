"""Every choice that shapes the learned aligner and its training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from covsearch.config import check_range
from covsearch.counting import comma_list
from covsearch.errors import UsageError

SIZES, STRIDES = (5, 3, 3, 3, 3), (2, 2, 2, 2, 1)
"""Of the network's five convolutions."""
TOP = 12  # greatest values of a channel, whose mean is one of the pooled numbers
HIDDEN = 64  # numbers between the two dense layers


@dataclass(frozen=True)
class AlignerConfig:
    """The network that judges how alike the similarity matrix of two performances looks to that of covers.

    Attributes
    ----------
    block : int
        Frames at 2.69 a second that are averaged first: 3 leave 0.90 a second.
    span : int
        Of these means, compared at once along the diagonal.
    channels : int
        3: the matrix as it is, with standardised rows and with standardised columns; 1: as it is.
    width : int
        Channels of the first convolution; the others have two, three, four and four times as many.
    pooling : str
        What is taken of each channel at the end: ``max``, ``mean``, ``top`` (the mean of the greatest), or ``all``.
    """

    POOLINGS: ClassVar[tuple[str, ...]] = ("max", "mean", "top", "all")

    block: int = 3
    span: int = 4
    channels: int = 3
    width: int = 16
    pooling: str = "all"

    def __post_init__(self) -> None:
        check_range("block", self.block, 1, 64)
        check_range("span", self.span, 1, 64)
        if self.channels not in (1, 3):
            raise UsageError(f"channels must be 1 or 3, not {self.channels}")
        check_range("width", self.width, 1, 64)
        if self.pooling not in self.POOLINGS:
            raise UsageError(f"pooling must be one of {comma_list(sorted(self.POOLINGS))}, not {self.pooling!r}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the matrix and of each convolution."""
        return (self.channels, *(self.width * times for times in (1, 2, 3, 4, 4)))

    @property
    def kept(self) -> tuple[int, ...]:
        """Which rows of maximum, mean and top the last layers see."""
        return (0, 1, 2) if self.pooling == "all" else (self.POOLINGS.index(self.pooling),)


@dataclass(frozen=True)
class AlignerTraining:
    """How the learned aligner is trained, on synthesised covers alone.

    Attributes
    ----------
    synthesize : str
        Where the covers come from, as in :class:`TrainConfig`.
    steps : int
        At most so many; 0 for `minutes` instead.
    minutes : float
        Of training; the last epoch may run over. A training by minutes is not repeatable.
    epoch_steps : int
        Steps on the covers of one pool, after which the network is judged and its state is kept.
    songs, versions : int
        Of a pool.
    anchors : int
        Covers of a step that are compared with one other version and with `negatives` other songs each.
    negatives, hard : int
        How many of them are drawn from the nearest by vectors; the others are drawn from all.
    first_hardness, last_hardness : float
        Of the covers synthesised at the beginning and at the end, in [0, 1].
    excerpts : float
        Share of songs whose covers are all cut to the same 15 to 100 % of the song: short pieces.
    cropped : float
        Share of the other covers that are cut to 40 to 100 %, each elsewhere: live edits, parts of recordings.
    learning_rate, weight_decay : float
        AdamW; the rate falls to zero along a cosine.
    precision : str
        ``float32``, or ``bfloat16`` for the convolutions: half the time on processors that have it.
    seed : int
        Decides initial weights, which songs are held out, covers and pairs.
    """

    synthesize: str
    steps: int = 3000
    minutes: float = 0.0
    epoch_steps: int = 120
    songs: int = 80
    versions: int = 3
    anchors: int = 10
    negatives: int = 3
    hard: int = 1
    first_hardness: float = 0.3
    last_hardness: float = 0.7
    excerpts: float = 0.5
    cropped: float = 0.5
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    precision: str = "bfloat16"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.synthesize:
            raise UsageError("the aligner learns from synthesised covers: name folders of MIDI files, or music21")
        if bool(self.steps) == bool(self.minutes):
            raise UsageError("a training lasts either steps or minutes: set one and leave the other 0")
        for least, names in _LEAST.items():
            for name in names:
                check_range(name, getattr(self, name), least)
        if self.hard > self.negatives:
            raise UsageError(f"{self.hard} hard negatives must be among the {self.negatives} negatives")
        for name in ("first_hardness", "last_hardness", "excerpts", "cropped"):
            check_range(name, getattr(self, name), 0, 1)
        if self.precision not in ("float32", "bfloat16"):
            raise UsageError(f"precision must be float32 or bfloat16, not {self.precision!r}")
        if not 0 < self.learning_rate < 1:
            raise UsageError(f"learning_rate must lie between 0 and 1, not {self.learning_rate}")


_LEAST = {
    0: ("steps", "minutes", "hard", "weight_decay", "seed"),
    1: ("epoch_steps", "anchors", "negatives"),
    2: ("songs", "versions"),
}
