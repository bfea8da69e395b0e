"""The compose file of docs/scale.md: one piece with the document, with the client, and with itself."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="needs PyYAML, which comes with the extra `dask`")
ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "milvus-compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_every_image_has_a_version_and_every_service_a_health_check() -> None:
    for name, service in SERVICES.items():
        image, _, tag = service["image"].rpartition(":")
        assert image, name
        assert re.search(r"\d", tag), f"{name}: the newest image may be another one tomorrow"
        assert service["healthcheck"]["test"][0] == "CMD", name
    assert not SERVICES["minio"]["image"].startswith("minio/"), "Docker Hub has no such image any more"


def test_who_waits_for_another_waits_until_that_is_healthy() -> None:
    waited = {other: how for service in SERVICES.values() for other, how in service.get("depends_on", {}).items()}
    assert waited.keys() == {"etcd", "minio"}
    assert {how["condition"] for how in waited.values()} == {"service_healthy"}
    said = SERVICES["milvus"]["environment"]
    assert said == {"ETCD_ENDPOINTS": "etcd:2379", "MINIO_ADDRESS": "minio:9000"}
    assert "-advertise-client-urls=http://etcd:2379" in SERVICES["etcd"]["command"]


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:19530:19530", "127.0.0.1:5432:5432"]


def test_every_volume_is_declared_and_used() -> None:
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert used == set(COMPOSE["volumes"]) == set(SERVICES)


def test_the_document_names_what_the_file_starts() -> None:
    text, said = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8"), SERVICES["postgres"]["environment"]
    user, password = said["POSTGRES_USER"], said["POSTGRES_PASSWORD"]
    assert f"COVSEARCH_TEST_POSTGRES=postgresql://{user}:{password}@127.0.0.1:5432/postgres\n" in text
    assert "COVSEARCH_TEST_MILVUS=http://127.0.0.1:19530\n" in text
    for service in SERVICES.values():
        assert f"`{service['image']}`" in text


def test_milvus_is_of_its_clients_version() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (client,) = (wanted for wanted in extras["milvus"] if wanted.startswith("pymilvus"))
    version = re.search(r":v(\d+)\.", SERVICES["milvus"]["image"])
    assert version
    assert client == f"pymilvus>={version[1]}.0,<{int(version[1]) + 1}"


def test_postgresql_keeps_its_data_in_the_volume() -> None:
    major = int(SERVICES["postgres"]["image"].partition(":")[2])
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql" + ("" if major >= 18 else "/data")]
