"""The back ends that the contract is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from covsearch.workspace import Workspace

FASTSCAN = "local, FastScan"
"""The local one as it is of many vectors; :func:`tests.contract.conftest.workspace` makes few ones do."""
BACKENDS: Mapping[str, Callable[[Path], Workspace]] = {"local": Workspace, FASTSCAN: Workspace}
"""Name -> makes a workspace, with an empty store or with the one that was made in this folder before."""
