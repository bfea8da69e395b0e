"""What the tests of the page share: servers of generated indexes, each in a thread of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from collection import write_collection
from published import WEIGHTS, config_text, made_up_calibration, model_folder, publish, publish_dataset

import covsearch
from covsearch.config import FeatureConfig, fingerprint
from covsearch.index.calibration import write_calibration
from covsearch.web.options import Options
from covsearch.workspace import Workspace

HTML = "<script>alert(1)</script> & \"quoted\" 'title'"


@contextmanager
def serving(workspace: Workspace, **options: object) -> Iterator[httpx.Client]:
    """A client of a server of `workspace`; its `covsearch` is the application, its `server` what runs that."""
    from covsearch.web.app import create_app
    from covsearch.web.server import listening, server_of

    app = create_app(workspace, Options(**{"per_second": 1e6, "burst": 1e6, **options}))  # type: ignore[arg-type]
    server = server_of(app)
    with listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, timeout=600, trust_env=False) as client:
            client.covsearch, client.server = app, server  # type: ignore[attr-defined]
            yield client
        server.should_exit = True
        thread.join()


@pytest.fixture
def served() -> Iterator[Callable[..., httpx.Client]]:
    """Starts a server that ends with the test."""
    with ExitStack() as stack:
        yield lambda workspace, **options: stack.enter_context(serving(workspace, **options))


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Eight melodies of three versions, calibrated, with windows."""
    folder = tmp_path_factory.mktemp("web")
    workspace = Workspace(folder / "home")
    own = fingerprint(config_text(FeatureConfig("hpcp", key="normalised")), WEIGHTS)
    write_calibration(model_folder(workspace.home / "models" / "made-up"), made_up_calibration(model=own))
    publish_dataset(workspace, write_collection(folder / "toy"), windows=True)
    return workspace


@pytest.fixture(scope="session")
def toy_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight melodies of three versions, as files; P_4 is in ``da-tacos_toy_subset_hpcp/W_2_hpcp/P_4_hpcp.h5``."""
    return write_collection(tmp_path_factory.mktemp("edit") / "toy")


@pytest.fixture(scope="session")
def editable(toy_files: Path) -> Iterator[httpx.Client]:
    """A server that takes files, of an index by the bundled model."""
    covsearch.build(toy_files, home=toy_files.parent / "home")
    with serving(Workspace(toy_files.parent / "home"), edit=True) as client:
        yield client


@pytest.fixture(scope="session")
def page(songs: Workspace) -> Iterator[httpx.Client]:
    with serving(songs) as client:
        yield client


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server of titles that are HTML."""
    workspace = Workspace(tmp_path_factory.mktemp("hostile"))
    publish(workspace, 12, titles=[HTML] * 12, calibration=made_up_calibration())
    with serving(workspace) as client:
        yield client


@pytest.fixture
def small(tmp_path: Path) -> Workspace:
    """Six performances without a calibration."""
    publish(Workspace(tmp_path), 6)
    return Workspace(tmp_path)


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    """A browser; of one module, as its event loop would be in the way of others."""
    from web.browsing import CHROMIUM, api

    with api.sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


def find_groups(page: httpx.Client) -> None:
    """Wait until the server has its groups: until then it answers 202."""
    while page.get("/api/groups").status_code == 202:
        time.sleep(0.1)
