"""What a back end must be able to do. ``tests/contract`` is this page as tests; every back end passes them all.

Rows: the N performances of one opened state are numbered 0 to N − 1, in the natural order of their names. The numbers
hold in that state alone; from one state to the next a performance is known by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from covsearch.corrections.log import NOTHING, Log
from covsearch.store.contents import Contents as Contents

if TYPE_CHECKING:  # only types: whoever asks for metadata alone needs no arrays
    import numpy as np
    from numpy.typing import NDArray

    from covsearch.config import FeatureConfig
    from covsearch.dataset.origin import Origin
    from covsearch.dataset.performance import Performance
    from covsearch.db.found import Found
    from covsearch.features.windows import WindowRecipe
    from covsearch.index.calibration import Calibration
    from covsearch.index.collection_calibration import CollectionCalibration
    from covsearch.index.head import Head
    from covsearch.progress import Progress
    from covsearch.ranking.nearest import Ranking
    from covsearch.store.checked import Verified

T = TypeVar("T")


class VectorStore(Protocol):
    """The vectors of one state, and the head that compares them."""

    @property
    def names(self) -> Sequence[str]:
        """What the N performances are called, by row."""

    @property
    def rows(self) -> Mapping[str, int]:
        """Row of each name."""

    @property
    def head(self) -> Head:
        """Of the model that made the vectors."""

    @property
    def exact(self) -> bool:
        """Whether :meth:`search` is proven to find the nearest rows; else a nearer one may be left out."""

    def __len__(self) -> int:
        """N."""

    def take(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Vectors of some rows, (len(rows), D), in the order of `rows`; to the bit what was published."""

    def search(self, vector: NDArray[np.float32], k: int, *, exclude: int | None = None) -> Ranking:
        """The `k` nearest rows under the head.

        Where :attr:`exact` is true they are those that brute force in float64 ranks first: a back end that finds
        candidates in float32 looks at enough of them to prove that no other row belongs among the `k`.

        Where it is false, of many vectors, the candidates are found by shortened vectors, and nothing is proven of
        those that were left out: of the true 100 nearest at least 98 are to be found on average, of vectors as the
        bundled model makes them. Where the candidates are all rows, as for `k` = N, the answer is exact here too.

        Always, what is returned has the head's distances in float64 and is in their order, equal ones in row order.
        Weights of the head may be negative.

        Parameters
        ----------
        vector : ndarray of float32, shape (D,)
        k : int
            At least 1; more than there are rows gives all.
        exclude : int, optional
            A row that is not ranked: the query's own.

        Returns
        -------
        Ranking
            Rows, and the head's distances without bias in float64.

        Raises
        ------
        UsageError
            When `k` is less than 1.
        ArtefactError
            When `vector` has another shape or is not finite.
        """


class Catalogue(Protocol):
    """The metadata of one state. Names are what the index calls performances: an id, or ``collection:id``."""

    def __len__(self) -> int:
        """N."""

    def get(self, names: Sequence[str]) -> Mapping[str, Performance]:
        """Performances by name, `pid` and `wid` as the index calls them; unknown names are left out."""

    def stored(self, names: Sequence[str]) -> Mapping[str, Performance]:
        """Performances by name, `pid` and `wid` as their own collection calls them; unknown names are left out."""

    def origins(self, names: Sequence[str]) -> Mapping[str, Origin]:
        """What performances were indexed from, by name; where that is not known they are left out."""

    def names(self) -> Sequence[str]:
        """What all performances are called, by row."""

    def resolve(self, text: str) -> str | None:
        """The name of the performance that `text` means, an id or ``collection:id``; None where there is none.

        Raises
        ------
        UsageError
            When several collections have the id; says the full names.
        """

    def nearest(self, text: str, n: int = 3) -> Sequence[str]:
        """Up to `n` names that `text` may have meant, the likeliest first."""

    def find(self, text: str, limit: int = 20) -> list[Found]:
        """Performances whose title, artist, album or work has all words of `text`, the best first.

        Case, marks and punctuation do not matter (:mod:`covsearch.dataset.words`), and the last word may be cut short.
        A text without a letter is looked for as it is. Nothing in `text` is an operator. A performance whose id is
        `text`, in any case, comes before all others.

        Raises
        ------
        UsageError
            When `limit` is not 1 to 1,000,000, or `text` has more words than any title.
        """

    def clique(self, wid: str) -> Sequence[str]:
        """Names of the performances of a work, in natural order; empty for an unknown work."""

    def collections(self) -> Mapping[str, tuple[int, int]]:
        """Performances and works of every collection, by its name."""

    def clique_sizes(self) -> Mapping[int, int]:
        """How many works have one performance, two, and so on; performances of unknown works count for none."""


class Blobs(Protocol):
    """One part (:mod:`covsearch.index.part`) of every performance; only what is looked at need be fetched."""

    def __len__(self) -> int:
        """N."""

    def take(self, rows: Sequence[int]) -> Any:
        """The part of some rows, at least one, in the order of `rows`: in memory, of the registry's own class."""


class ChromaBlobs(Blobs, Protocol):
    """The part ``chroma``."""

    @property
    def rates(self) -> NDArray[np.float64]:
        """Frames/s of each performance, (N,)."""

    def track(self, row: int) -> NDArray[np.float32]:
        """Chroma of a performance in the key as played, (L, F), values in [0, 1]."""


class SegmentBlobs(Blobs, Protocol):
    """The part ``segments``, of foreign vectors."""

    def track(self, row: int) -> NDArray[np.float32]:
        """The segments of a track, (m, D), of unit length."""

    def search(self, own: NDArray[np.float32], k: int, *, exclude: int | None = None) -> Ranking:
        """The `k` tracks with the segment that is most like one of `own` (m, D), exactly.

        Distances are 1 - cosine; equal ones come in row order. Parameters are those of :meth:`VectorStore.search`.
        """


class Facts(Protocol):
    """What was said of a state when it was published: how it was made, and how large it is."""

    @property
    def covsearch(self) -> str:
        """Version of covsearch that published it."""

    @property
    def created(self) -> str:
        """When: UTC, ISO 8601."""

    @property
    def subset(self) -> str:
        """Of the dataset."""

    @property
    def source(self) -> str | None:
        """Folder of the dataset; None for the bundled sample."""

    @property
    def frame_rate(self) -> float | None:
        """Of the dataset's files, frames/s; None of foreign vectors."""

    @property
    def model(self) -> str:
        """Fingerprint of the model that made the vectors."""

    @property
    def features(self) -> FeatureConfig | None:
        """What that model sees; None of foreign vectors."""

    @property
    def foreign(self) -> bool:
        """Whether the vectors are of a model that is not ours."""

    def heard(self) -> tuple[FeatureConfig, float]:
        """`features` and `frame_rate`; a UsageError for foreign vectors."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def parts(self) -> Mapping[str, Any]:
        """Which parts there are, and how each was made."""

    @property
    def windows(self) -> WindowRecipe | None:
        """How performances are cut into windows; None without windows."""

    @property
    def count(self) -> int:
        """Performances."""

    @property
    def works(self) -> int:
        """Works, unknown ones not counted."""


class State(Protocol):
    """One thing that was published."""

    @property
    def name(self) -> str:
        """Another one for every state of a store."""

    @property
    def manifest(self) -> Facts:
        """What is said of it."""

    def model_files(self) -> Mapping[str, bytes]:
        """The model's checkpoint, as it was published: name of a file -> its bytes; empty of foreign vectors."""

    def calibration(self) -> Calibration | CollectionCalibration | None:
        """Of the model, or of foreign vectors; None where there is none."""


@dataclass(frozen=True, eq=False)
class Opened:
    """What one read sees: all of one state, whatever is published meanwhile.

    Attributes
    ----------
    state : State
    vectors : VectorStore
    catalogue : Catalogue
    parts : mapping
        Those that were asked for, by name, of the same rows as the vectors; of foreign vectors all that there are.
        ``chroma`` is a :class:`ChromaBlobs`, ``segments`` is :class:`SegmentBlobs`.
    corrections : Log
        That the works in `catalogue` follow (:mod:`covsearch.store.corrected`).
    """

    state: State
    vectors: VectorStore
    catalogue: Catalogue
    parts: Mapping[str, Blobs]
    corrections: Log = NOTHING


class Publisher(Protocol):
    """A store: it has one current state, or none yet."""

    def current(self) -> str:
        """What is current, as text that is another one after every publication; cheap.

        Raises
        ------
        NotFoundError
            When nothing was published yet.
        """

    def read(self, work: Callable[[Opened], T], parts: Iterable[str] | None = ()) -> T:
        """What `work` makes of the current state; it is done again when that state goes while it is read.

        What is opened answers from its own state for as long as it is kept, also after `work`. Only `model_files` and
        `calibration` of the state may be gone by then: they must be read inside of `work`.

        Parameters
        ----------
        work : callable
        parts : iterable of str, or None
            To open beside those that every index has; None opens all that there are.

        Raises
        ------
        NotFoundError
            When nothing was published yet, or not with one of `parts`.
        ArtefactError
            When what is stored is damaged.
        """

    def catalogue(self) -> Catalogue:
        """Only the metadata of the current state, which is quicker; raises as :meth:`read`."""

    @property
    def place(self) -> str:
        """Where it is, as people and reports may see it: without a password."""

    def writing(self, *, beside: bool = False) -> AbstractContextManager[None]:
        """Be the only writer while the context lasts; released when the process ends, however it ends.

        Parameters
        ----------
        beside : bool
            Whether others may write at the same time who say so too: they all change what is there, and tell
            :meth:`publish` what they changed. A back end that cannot have that has one writer still.

        Raises
        ------
        CovsearchError
            At once, when there is another writer.
        """

    def open_checked(self) -> Opened:
        """The current state with all its parts, every stored byte compared with its checksum; for the writer."""

    def publish(self, contents: Contents, base: State | None = None) -> State:
        """Make `contents` current: all of it in one step and for good, or none. The caller is the writer.

        Parameters
        ----------
        contents : Contents
        base : State, optional
            What `contents` was made of. Where other writers published since, what `contents` has of its own (added,
            changed, without) is applied to what is current now, and that is published.

        Raises
        ------
        ArtefactError
            When a value cannot be stored.
        CovsearchError
            When another writer changed one of the same performances since `base`.
        """

    def corrections(self) -> str:
        """The document of corrections (:mod:`covsearch.corrections.log`), which is of no state; empty before the first.

        Raises
        ------
        ArtefactError
            When it is no text, or larger than such a document may be.
        """

    def amend(self, change: Callable[[str], str]) -> None:
        """Replace the document of corrections by what `change` makes of it, in one step and for good.

        Whoever amends at the same time waits, and `change` sees what the one before wrote; so nothing is lost. Where
        `change` raises, the document stays as it was. A writer of states is not waited for.
        """

    def sizes(self) -> Mapping[str, int]:
        """Bytes that every stored state takes, by its name, the oldest first."""

    def verify(self, progress: Progress) -> tuple[Verified, ...]:
        """Look at all that is stored, and compare it: every state, the current one first.

        Raises
        ------
        NotFoundError
            When nothing was published yet.
        """

    def tidy(self) -> None:
        """Remove what dead writers left. The caller is the writer."""
