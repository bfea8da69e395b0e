"""``covsearch score``: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from commands import Commands

EXPECTED = Path(__file__).parent / "expected" / "score.txt"
SIZES = [2] * 8 + [4] * 5 + [1] * 6
WORK = np.repeat(np.arange(len(SIZES)), SIZES)
IDS = [f"P_{k}" for k in range(len(WORK))]


def vectors(noise: float) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(1)
    return rng.standard_normal((len(SIZES), 8))[WORK] + noise * rng.standard_normal((len(WORK), 8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Vectors and distances of two systems, and what their rows are."""
    for name, noise in (("mine", 0.6), ("other", 1.3)):
        found = vectors(noise)
        np.save(tmp_path / f"{name}.npy", found)
        np.save(tmp_path / f"{name}_distances.npy", ((found[:, None] - found) ** 2).sum(axis=2).astype(np.float32))
    rows = [f"{id_},W_{work},{'AB'[k % 2]}" for k, (id_, work) in enumerate(zip(IDS, WORK.tolist(), strict=True))]
    (tmp_path / "works.csv").write_text("\n".join(["id,work,source", *rows]))
    return tmp_path


def test_the_tables(folder: Path, command: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    files = [folder / "mine.npy", folder / "other.npy"]
    found = command.out(folder, "score", *files, "--metric", "cosine", "--works", folder / "works.csv")
    assert [line.rstrip() for line in found.splitlines()] == EXPECTED.read_text(encoding="utf-8").splitlines()


def test_a_narrow_table_keeps_map_and_says_what_is_gone(
    folder: Path, command: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = command.out(folder, "score", folder / "mine_distances.npy", "--works", folder / "works.csv")
    assert max(map(len, found.splitlines())) <= 80
    assert "left out for want of width: median, R@10" in " ".join(found.split())
    assert "MAP [95 % CI]" in found


def test_all_files_say_the_same_of_one_system(folder: Path, command: Commands) -> None:
    distances, order = np.load(folder / "mine_distances.npy"), np.random.default_rng(0).permutation(len(WORK))
    shuffled, ids = distances[np.ix_(order, order)], [IDS[k] for k in order]
    np.savez(folder / "a.npz", distances=shuffled, ids=np.array(ids))
    np.savez(folder / "b.npz", vectors=np.load(folder / "mine.npy")[order], ids=np.array(ids))
    np.save(folder / "c.npy", -distances)
    safetensors.numpy.save_file({"distances": shuffled}, folder / "d.safetensors", {"ids": json.dumps(ids)})
    np.save(folder / "e.npy", np.asfortranarray(distances.astype(np.float64)))
    works = ("--works", folder / "works.csv")
    expected = command.json(folder, "score", folder / "mine_distances.npy", *works)["systems"][0]
    assert expected["queries"] == 36
    assert [part["name"] for part in expected["by_size"]] == ["2", "3-5"]
    for name, more in (("a.npz", []), ("c.npy", ["--similarity"]), ("d.safetensors", []), ("e.npy", [])):
        found = command.json(folder, "score", folder / name, *works, *more)["systems"][0]
        assert {**found, "name": "mine_distances"} == expected, name
    found = command.json(folder, "score", folder / "b.npz", *works, "--metric", "euclidean")["systems"][0]
    for name, told in expected["figures"].items():
        assert found["figures"][name]["value"] == pytest.approx(told["value"], abs=1e-3), name


def test_json_compares_every_pair_of_files(folder: Path, command: Commands) -> None:
    files = [folder / "mine_distances.npy", folder / "other_distances.npy"]
    told = command.json(folder, "score", *files, "--works", folder / "works.csv", "--seed", "3")
    assert [one["name"] for one in told["systems"]] == ["mine_distances", "other_distances"]
    maps = [one["figures"]["map"]["value"] for one in told["systems"]]
    (difference,) = told["differences"]
    assert difference["value"] == pytest.approx(maps[0] - maps[1])
    assert difference["ci"][0] < difference["value"] < difference["ci"][1]
    assert difference["p"] == difference["p_holm"] < 0.01
    assert told["systems"][0]["bootstrap"]["seed"] == 3


def test_lines_that_name_no_row_are_counted(folder: Path, command: Commands) -> None:
    np.savez(folder / "part.npz", distances=np.load(folder / "mine_distances.npy")[:20, :20], ids=np.array(IDS[:20]))
    ran = command(folder, "score", folder / "part.npz", "--works", folder / "works.csv")
    assert ran.code == 0
    assert f"22 lines of {folder / 'works.csv'} name no row" in ran.err
    assert "20 queries in 20 performances of 9 works" in ran.out


REFUSED = [
    ("none.npy", [], 3, "none.npy is not there; expected distances or vectors as .npy, .npz, .safetensors"),
    ("mine.pt", [], 2, "expected distances or vectors as .npy, .npz, .safetensors; pickles are never opened"),
    ("mine.npy", [], 4, "expected distances of the shape (N, N), got (42, 8); of vectors say --metric cosine"),
    ("mine.npy", ["--metric", "cosine", "--similarity"], 2, "vectors have a metric and are no similarities"),
    ("v.npz", [], 4, "has no array 'distances'; its vectors need --metric cosine or --metric euclidean"),
    ("v.npz", ["--metric", "cosine"], 4, "works.csv has no line for 1 ids of"),
    ("mine_distances.npy", ["--protocol", "datacos"], 2, "1,000 works of 13, 2,000 works of 1); this has 42 perform"),
    ("short.npy", [], 4, "works.csv has 42 lines and"),
    ("nan.npy", [], 4, "nan.npy: row 2, column 5 of the distances is nan: expected finite numbers"),
    ("flat.npy", [], 4, "flat.npy: expected distances of the shape (N, N), got (42,)"),
    ("flat.npy", ["--metric", "cosine"], 4, "flat.npy: expected vectors of the shape (N, D), one row a performance"),
    ("text.npy", [], 4, "expected distances as numbers, not <U1"),
    ("twice.npz", [], 4, "has the id P_0 in row 0 and row 1: expected one row a performance"),
]


@pytest.mark.parametrize(("name", "more", "code", "message"), REFUSED, ids=lambda value: str(value)[:20])
def test_refused(folder: Path, name: str, more: list[str], code: int, message: str, command: Commands) -> None:
    (folder / "mine.pt").write_bytes(b"x")
    table = np.load(folder / "mine_distances.npy")
    np.savez(folder / "v.npz", vectors=vectors(1.0), ids=np.array([*IDS[:-1], "P_99"]))
    np.save(folder / "short.npy", table[:9, :9])
    np.savez(folder / "twice.npz", distances=table[:2, :2], ids=np.array(["P_0", "P_0"]))
    np.save(folder / "flat.npy", table[0])
    np.save(folder / "text.npy", np.full((42, 42), "x"))
    table[2, 5] = np.nan
    np.save(folder / "nan.npy", table)
    ran = command(folder, "score", folder / name, "--works", folder / "works.csv", *more)
    assert ran.code == code
    assert message in ran.err
    assert len(ran.err.strip().splitlines()) <= 2


def test_files_of_other_performances_are_not_compared(folder: Path, command: Commands) -> None:
    table = np.load(folder / "mine_distances.npy")
    np.savez(folder / "some.npz", distances=table[:20, :20], ids=np.array(IDS[:20]))
    np.savez(folder / "more.npz", distances=table[:24, :24], ids=np.array(IDS[:24]))
    works = ("--works", folder / "works.csv")
    ran = command(folder, "score", folder / "some.npz", folder / "more.npz", *works)
    assert (ran.code, "hold different performances: score them one by one" in ran.err) == (2, True)
    ran = command(folder, "score", folder / "mine.npy", folder / "mine.npy", *works)
    assert (ran.code, "is named twice: name it once" in ran.err) == (2, True)


def test_no_work_twice(folder: Path, command: Commands) -> None:
    (folder / "apart.csv").write_text("work\n" + "\n".join(IDS))
    ran = command(folder, "score", folder / "mine_distances.npy", "--works", folder / "apart.csv")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "none of 42 performances has a cover in this collection: there is no query" in ran.err
