"""Fixtures of the tests of audio folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.collections.music import write_music


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three songs, and a cache in which they are decoded; nobody may change either."""
    from covsearch.collections.audio import open_audio

    root = write_music(tmp_path_factory.mktemp("made") / "Music")
    cache = root.parent / "cache"
    open_audio(root, cache)
    return root, cache


@pytest.fixture
def music(made: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the three songs."""
    import shutil

    return Path(shutil.copytree(made[0], tmp_path / "Music"))


@pytest.fixture
def cache(made: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the cache, which knows these sounds but not the folder."""
    import shutil

    return Path(shutil.copytree(made[1], tmp_path / "cache"))
