"""The public face: one object to open, query, compare, add to and remove from.

What is heavy (torch, FAISS, SQL) is imported when a method needs it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from covsearch.corrections.log import read_log
from covsearch.counting import counted
from covsearch.errors import CovsearchError, NotFoundError, UsageError
from covsearch.progress import Progress, silent
from covsearch.ranking import WINDOWS
from covsearch.store import store_of
from covsearch.workspace import Workspace, expanded, find_workspace, is_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from covsearch.answers import QueryResult
    from covsearch.compare import Comparison
    from covsearch.correcting import Corrections
    from covsearch.dataset.performance import Performance
    from covsearch.db.found import Found
    from covsearch.groups import Groups
    from covsearch.listened import Listened
    from covsearch.refresh import UpdateReport
    from covsearch.search import Searcher
    from covsearch.setlist import Setlist
    from covsearch.stats import Stats
    from covsearch.store.protocols import Catalogue
    from covsearch.update import AddReport, RemoveReport
    from covsearch.verify import Verification

    Asked = str | Path | Sequence[str | Path] | NDArray[Any] | Mapping[str, ArrayLike] | Listened

T = TypeVar("T")


class Index:
    """A workspace's index; made by :func:`open_index` and :func:`covsearch.making.build_and_open`.

    It answers from the newest generation: what another process publishes is seen by the next call. It may be used in
    a ``with`` block, and by several threads.

    Raises
    ------
    NotFoundError
        When nothing was built in this workspace.
    ArtefactError
        When a file of the index is missing, corrupt or belongs to another build; so do all methods.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._opened: tuple[str, bool, Searcher] | None = None
        self._store = store_of(workspace)
        self._store.current()

    def query(
        self,
        asked: Asked,
        *,
        frame_rate: float | None = None,
        top: int = 10,
        rerank: str | None = None,
        candidates: int | None = None,
    ) -> QueryResult:
        """Rank the collection as covers of one performance.

        Parameters
        ----------
        asked : str, Path, sequence of these, array or mapping
            An id in the index; the path of an audio file, or of an HDF5 feature file or several of one performance; or
            chroma of shape (T, 12), by feature name where the model sees several; or what :meth:`listen` gave. A string
            is an id if the index has it, else a file.
        frame_rate : float, optional
            Frames/s of a file or an array; an array needs it.
        top : int
            Matches wanted; more than the collection has gives all.
        rerank, candidates
            As for :meth:`covsearch.search.Searcher.query`.

        Raises
        ------
        NotFoundError
            When neither a performance nor a file is called so.
        UsageError
            For numbers that cannot be, an array without a frame rate, or an id with one.
        """
        wanted: dict[str, Any] = {"top": top, "candidates": candidates, "rerank": rerank}
        windows = rerank == WINDOWS
        if isinstance(asked, str) and (not is_file(asked) or asked in self):
            if frame_rate is not None:
                raise UsageError("a frame rate is of a file or an array; what is in the index has its own")
            found: QueryResult = self._answered(windows, lambda searcher: searcher.query(asked, **wanted))
            return found
        from covsearch.outside import query_chroma, query_files, query_listened

        if hasattr(asked, "question"):
            return self._answered(windows, query_listened, asked, **wanted)
        if isinstance(asked, (str, Path)):
            asked = [asked]
        if isinstance(asked, Mapping) or hasattr(asked, "__array__"):
            return self._answered(windows, query_chroma, asked, frame_rate=frame_rate, **wanted)
        if not (isinstance(asked, Sequence) and asked and all(isinstance(path, (str, Path)) for path in asked)):
            raise UsageError(f"expected an id, files, or an array of shape (T, 12), not {type(asked).__name__}")
        files = [expanded(path) for path in asked]
        return self._answered(windows, query_files, files, cache=self.workspace.cache, frame_rate=frame_rate, **wanted)

    def query_vector(self, vector: NDArray[np.float32], *, model: str, top: int = 10) -> QueryResult:
        """Rank the collection as covers of a vector of the index's model.

        Parameters
        ----------
        vector : NDArray[float32], shape (D,)
            Of unit length, as :func:`covsearch.embed` gives it; of the dimension of the index, 128 of models of ours.
        model, top
            As for :meth:`covsearch.search.Searcher.query_vector`, whose errors it raises.
        """
        found: QueryResult = self._answered(False, lambda s: s.query_vector(vector, model=model, top=top))
        return found

    def listen(self, file: str | Path, *, frame_rate: float | None = None, keep: bool = True, **more: Any) -> Listened:
        """Hear a file once, to ask :meth:`query`, :meth:`compare` and :meth:`setlist` with it.

        Decoded audio is kept in the workspace's cache unless `keep` is false. `frame_rate` and `more` are those of
        :func:`covsearch.outside.listen_to_files`.
        """
        from covsearch.outside import listen_to_files

        cache = self.workspace.cache if keep else None
        return self._answered(False, listen_to_files, [expanded(file)], cache=cache, frame_rate=frame_rate, **more)

    def compare(self, a: str | Path | Listened, b: str | Path, *, frame_rate: float | None = None) -> Comparison:
        """Set two performances of the index, or files, side by side; see :func:`covsearch.compare.compare`."""
        from covsearch.compare import compare, compare_in, compare_listened

        if not isinstance(a, (str, Path)):
            return self._answered(None, compare_listened, a, b=str(b))
        if isinstance(a, str) and isinstance(b, str) and frame_rate is None and a in self and b in self:
            return self._answered(None, compare_in, a, b)
        return compare(self.workspace, str(a), str(b), frame_rate)

    def audio(self, id_: str) -> Path | None:
        """The audio file of a performance; None where it was indexed from something else, or is not there any more.

        Raises
        ------
        NotFoundError
            When the index has no such performance.
        """
        from covsearch.collections.given import audio_file

        catalogue = self._catalogue()
        name = self._name(id_, catalogue)
        origin = catalogue.origins([name]).get(name)
        return audio_file(origin) if origin else None

    def setlist(
        self,
        recording: str | Path | ArrayLike | Mapping[str, ArrayLike] | Listened,
        *,
        frame_rate: float | None = None,
        progress: Progress = silent,
    ) -> Setlist:
        """Say which performances are played in a long recording, and from when to when.

        Parameters
        ----------
        recording : str, Path, array or mapping
            A file or what :meth:`listen` gave; or chroma of shape (T, 12), by feature name if the model sees several.
        frame_rate : float, optional
            Frames/s; an array needs it, and a file that declares none.
        progress : Progress

        Raises
        ------
        NotFoundError
            When there is no such file.
        UsageError
            When the array or the frame rate cannot be, or the index's model has no calibration.
        """
        from covsearch.setlist import find_setlist

        asked = expanded(recording) if isinstance(recording, (str, Path)) else recording
        more = {"cache": self.workspace.cache, "frame_rate": frame_rate, "progress": progress}
        return self._answered(False, find_setlist, asked, **more)

    def groups(self, alarms: float = 0.01, progress: Progress = silent) -> Groups:
        """All works in the index, found from the music alone; see :func:`covsearch.groups.find_groups`."""
        from covsearch.groups import find_groups

        return self._answered(False, find_groups, alarms, progress)

    @property
    def state(self) -> str:
        """Another text whenever another generation or other corrections hold: for who keeps what was answered."""
        said = self._store.corrections().encode()
        return f"{self._store.current()}-{hashlib.sha256(said).hexdigest()[:12]}"

    @property
    def corrections(self) -> Corrections:
        """What was said of the works; see :class:`covsearch.correcting.Corrections`."""
        from covsearch.correcting import Corrections

        return Corrections(self._store, self.groups)

    def find(self, text: str, limit: int = 20) -> list[Found]:
        """Performances by id, title, artist or album; see :meth:`covsearch.store.protocols.Catalogue.find`."""
        return self._catalogue().find(text, limit)

    def versions(self, work: str) -> list[str]:
        """Ids of the performances listed under a work, in natural order; none for an unknown work."""
        return list(self._catalogue().clique(work))

    @property
    def foreign(self) -> bool:
        """Whether it is of foreign vectors: there is no chroma to align, and `rerank` has no choice."""
        return self._searcher(None).generation.manifest.foreign  # with what compare needs, so that it is opened once

    def meant(self, text: str) -> str:
        """The id that `text` can mean alone: ``5`` or a title; see :func:`covsearch.meant.performance_meant`."""
        from covsearch.meant import performance_meant

        return performance_meant(text, self._catalogue())

    def beginning_with(self, text: str, limit: int) -> list[Performance]:
        """Up to `limit` performances whose ids begin with `text`, in any case, in natural order."""
        catalogue, start = self._catalogue(), text.casefold()
        names = [name for name in catalogue.names() if name.casefold().startswith(start)][:limit]
        return list(catalogue.get(names).values())

    def add(
        self,
        *paths: str | Path,
        subset: str | None = None,
        strict: bool = False,
        frame_rate: float | None = None,
        metadata: str | Path | None = None,
        vectors: str | Path | None = None,
        progress: Progress = silent,
    ) -> AddReport:
        """Add the performances of folders or files; see :func:`covsearch.update.add_performances`.

        With `vectors`, add these to an index of foreign vectors; see :func:`covsearch.foreign_update.add_vectors`.
        """
        if vectors is not None:
            from covsearch.foreign import refuse_beside_vectors
            from covsearch.foreign_update import add_vectors

            refuse_beside_vectors(paths=paths or None, subset=subset, frame_rate=frame_rate)
            more = expanded(vectors)
            return add_vectors(self.workspace, more, metadata=expanded(metadata), strict=strict, progress=progress)
        from covsearch.update import add_performances

        found = [expanded(path) for path in paths]
        wanted: dict[str, Any] = {"subset": subset, "frame_rate": frame_rate, "metadata": expanded(metadata)}
        return add_performances(self.workspace, found, strict=strict, progress=progress, **wanted)

    def update(
        self,
        folder: str | Path,
        *,
        metadata: str | Path | None = None,
        strict: bool = False,
        progress: Progress = silent,
    ) -> UpdateReport:
        """Bring the index up to date with a folder of audio; see :func:`covsearch.refresh.update_folder`."""
        from covsearch.refresh import update_folder

        found = expanded(folder)
        return update_folder(self.workspace, found, metadata=expanded(metadata), strict=strict, progress=progress)

    def remove(self, *ids: str) -> RemoveReport:
        """Remove performances; see :func:`covsearch.update.remove_performances`."""
        from covsearch.update import remove_performances

        return remove_performances(self.workspace, ids)

    def verify(self, progress: Progress = silent) -> Verification:
        """Read every file and compare it with its checksum; see :func:`covsearch.verify.verify_workspace`."""
        from covsearch.verify import verify_workspace

        return verify_workspace(self.workspace, progress)

    def stats(self) -> Stats:
        """What is in the workspace; see :func:`covsearch.stats.read_stats`."""
        from covsearch.stats import read_stats

        return read_stats(self.workspace)

    def close(self) -> None:
        """Let go of what was read; the next call reads it again."""
        self._opened = None

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._catalogue())

    def __contains__(self, id_: object) -> bool:
        try:
            return isinstance(id_, str) and self._catalogue().resolve(id_) is not None
        except UsageError:  # several collections have it
            return True

    def __getitem__(self, id_: str) -> Performance:
        catalogue = self._catalogue()
        name = self._name(id_, catalogue)
        return catalogue.get([name])[name]

    def __repr__(self) -> str:
        return f"<covsearch.Index of {counted(len(self), 'performance')} in {self._store.place}>"

    def _name(self, id_: str, catalogue: Catalogue) -> str:
        """What the index calls the performance that `id_` means."""
        name = catalogue.resolve(id_)
        if name is None:
            from covsearch.search import unknown_pid

            raise NotFoundError(unknown_pid(id_, catalogue))
        return name

    def _catalogue(self) -> Catalogue:
        opened = self._still_newest()
        return opened.catalogue if opened else self._store.catalogue()

    def _still_newest(self, windows: bool | None = False) -> Searcher | None:
        """What is open, if it is the newest generation and has windows where they are needed; `windows` as below."""
        opened = self._opened  # once: another thread may open or close meanwhile
        if opened is None:
            return None
        current, looked, searcher = opened
        enough = windows is False or (looked and windows is None) or searcher.windows is not None
        if not enough or current != self._store.current():
            return None
        if (said := self._store.corrections()) != searcher.corrections.text:
            searcher = searcher.corrected(read_log(said))
            self._opened = (current, looked, searcher)
        return searcher

    def _searcher(self, windows: bool | None = False) -> Searcher:
        """The newest generation, opened once; with windows if `windows` is true, and if it is None where there are."""
        from covsearch.search import open_searcher

        searcher = self._still_newest(windows)
        if searcher is None:
            current = self._store.current()
            searcher = open_searcher(self.workspace, windows=windows)
            self._opened = (current, windows is None or windows, searcher)
        return searcher

    def _answered(self, windows: bool | None, ask: Callable[..., T], *asked: Any, **wanted: Any) -> T:
        """Ask the newest generation; where another one took its place and this one failed, ask that."""
        while True:
            searcher = self._searcher(windows)
            try:
                return ask(searcher, *asked, **wanted)
            except (CovsearchError, OSError):  # what was not read before another build removed it, is gone
                if self._still_newest() is searcher:
                    raise


def open_index(home: str | os.PathLike[str] | None = None, *, store: str | None = None) -> Index:
    """Open the index of a workspace.

    Parameters
    ----------
    home : str or Path, optional
        Folder of the workspace; by default that of the command line: ``COVSEARCH_HOME``, the clone, or the user's data.
    store : str, optional
        URL of a database with the index, ``postgresql://USER@HOST/DATABASE``; by default ``COVSEARCH_STORE``, ``store``
        in the workspace's ``covsearch.toml``, or the workspace's own files.

    Raises
    ------
    NotFoundError
        When nothing was built there.
    ArtefactError
        When the index is damaged.
    """
    return Index(find_workspace(expanded(home), store))
