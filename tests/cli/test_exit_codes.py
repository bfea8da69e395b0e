"""Every failure is one message on stderr, and its exit code; nothing is on stdout."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from collection import FRAME_RATE, melody, write_feature
from commands import Commands
from published import publish
from untrained import write_untrained

from covsearch.indexing import build_index
from covsearch.workspace import Workspace

ON_AN_INDEX = [
    ("query P_222", 3, "no performance P_222 in the index: did you mean P_22 or"),
    ("query ", 3, "'' is no performance id: expected 1 to 255 characters, none of them a control character."),
    ("query", 2, "expected a performance id (like P_22), a file, or --file, one of them"),
    ("query P_22 --file x.h5", 2, "expected a performance id (like P_22), a file, or --file, one of them"),
    ("query P_22 --frame-rate 10", 2, "--frame-rate is of a file"),
    ("query P_22 --json --csv", 2, "expected --json or --csv, not both"),
    ("query P_22 --top 0", 2, "at least 1 match must be asked for, not 0"),
    ("query P_22 --top x", 2, "'x' is not a valid integer"),
    ("query P_22 --candidates 9", 2, "candidates are what windows or alignment order; the head"),
    ("query P_22 --rerank windows", 3, "the index (gen-0001) has no windows: run `covsearch build-index --windows`"),
    ("query --file no/such.h5", 3, "no/such.h5: expected an audio file or an HDF5 feature file, there is none"),
    ("find zzz", 3, "no title, artist or album in the index has the words 'zzz'; try fewer of them"),
    ("find love --limit 0", 2, "at least 1 hit must be asked for, not 0"),
    ("find", 2, "Missing argument 'WORDS...'"),
    ("find ", 2, "expected a word of a title, artist, album or work, or an id, not nothing"),
    ("compare P_1 P_99", 3, "no performance P_99 in the index: did you mean P_39 or"),
    ("compare p1 P_1", 2, "expected two performances, got P_1 twice"),
    ("compare P_1 P_1", 2, "expected two performances, got P_1 twice"),
    ("compare P_1", 2, "Missing argument 'B'"),
    ("compare P_1 P_2 --dataset no/such", 2, "No such option '--dataset'"),
    ("model show nowhere", 3, "expected a checkpoint folder"),
    ("model show --plot figures", 2, "has no quantum circuit to draw"),
    ("qeury", 2, "No such command 'qeury'"),
]
ON_SONGS = [
    ("eval-pairs --subset benchmark", 3, "no subset 'benchmark'"),
    ("eval-pairs --model nowhere", 3, "expected a checkpoint folder"),
    ("eval-pairs --model LEAKY --pairs all", 2, "all pairs need a split by work"),
    ("eval-retrieval --model nowhere", 3, "expected a checkpoint folder"),
    ("eval-retrieval --frame-rate nan", 2, "must be a positive number of frames a second, not nan"),
    ("eval-retrieval --baseline Qmin", 2, "'Qmin' is not one of '2D-FTM', 'Qmax', 'mean chroma', 'random'"),
    ("eval-detection --model nowhere", 3, "expected a checkpoint folder"),
    ("eval-detection --sizes 2,many", 2, "sizes must be whole numbers from 1, or 'own'"),
    ("train --rate -1", 2, "rate must be a number of frames a second, or 0"),
    ("train --lr 7", 2, "learning_rate must lie between 0 and 1"),
    ("train --model hybrid --qubits 11", 2, "qubits must be 2 to 10, not 11"),
    ("train --preset cnn --model hybrid --quantum-device abacus", 2, "a PennyLane device, not 'abacus'"),
    ("train --features mfcc", 2, "'mfcc' is not one of"),
    *(
        (f"{name} --dataset nowhere", 3, "nowhere is not there")
        for name in ("eval-pairs", "eval-retrieval", "eval-detection")
    ),
]


def words_of(line: str) -> list[str]:
    return line.split(" ") if line.endswith(" ") else line.split()


@pytest.mark.parametrize(("line", "code", "message"), ON_AN_INDEX, ids=lambda value: str(value)[:40])
def test_of_an_index(
    line: str, code: int, message: str, command: Commands, plain: Workspace, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    came = command(plain, *words_of(line))
    assert (came.code, came.out) == (code, "")
    assert message in came.err
    assert "Traceback" not in came.err


@pytest.mark.parametrize(("line", "code", "message"), ON_SONGS, ids=lambda value: str(value)[:40])
def test_of_a_collection(
    line: str, code: int, message: str, command: Commands, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = line.replace("LEAKY", str(tmp_path / "leaky")).split()
    if "LEAKY" in line:
        write_untrained(tmp_path / "leaky", songs, by="pairs")
    if "--dataset" not in words:
        words += ["--dataset", str(songs)]
    if words[0] in ("eval-pairs", "eval-retrieval") and "--model" not in words:
        words += ["--model", str(write_untrained(tmp_path / "checkpoint", songs, test=("W_1", "W_4")))]
    came = command(tmp_path / "home", *words)
    assert (came.code, came.out) == (code, "")
    assert message in came.err
    assert "Traceback" not in came.err


@pytest.mark.parametrize("line", ["query P_22", "find love", "compare P_1 P_2", "verify", "stats", "remove P_1"])
def test_no_index_names_the_command(line: str, command: Commands, tmp_path: Path) -> None:
    came = command(tmp_path, *line.split())
    assert came.code == 3
    assert came.err == f"Error: no index in {tmp_path}: run `covsearch build-index` first\n"


def test_a_lost_current_is_named(command: Commands, tmp_path: Path) -> None:
    publish(Workspace(tmp_path))
    current = tmp_path / "index" / "CURRENT"
    current.unlink()
    came = command(tmp_path, "query", "P_22")
    assert came.code == 3
    assert f"{current} is missing beside gen-0001: run `covsearch build-index` first" in came.err


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("query P_22", "index/gen-0001/head.safetensors"),
        ("query P_22", "db/gen-0001.sqlite3"),
        ("query P_22", "index/CURRENT"),
        ("compare P_1 P_2", "index/gen-0001/chroma.safetensors"),
    ],
)
def test_a_damaged_index_is_exit_4_and_names_the_file(line: str, name: str, command: Commands, tmp_path: Path) -> None:
    publish(Workspace(tmp_path))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-1] + b"\x99")
    came = command(tmp_path, *line.split())
    assert (came.code, came.out) == (4, "")
    assert str(tmp_path / name) in came.err
    assert "run `covsearch build-index`" in came.err


def test_of_adding_and_removing(command: Commands, model: Path, songs: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    build_index(songs, model, Workspace(home))
    bad, known = (tmp_path / place for place in ("in/W_9_hpcp/P_99_hpcp.h5", "other/W_1_hpcp/P_2_hpcp.h5"))
    for path in (bad, known):
        path.parent.mkdir(parents=True)
    bad.write_bytes(b"junk")
    tune = tmp_path / "tune.mid"
    tune.write_bytes(b"MThd")
    write_feature(tmp_path / "x", "x", "hpcp", "W_1", "P_2", melody(44), FRAME_RATE).rename(known)
    cases: list[tuple[int, str, list[object]]] = [
        (1, "P_2 is in the index with another hpcp file", ["add", known]),
        (2, "expected a file called W_<number>", ["add", home / "index" / "CURRENT"]),
        (2, "tune.mid: notes can be asked with (`covsearch query tune.mid`), not added", ["add", tune]),
        (2, "'P\\n2' is no performance id", ["remove", "P\n2"]),
        (2, "these are all 24 that it has", ["remove", *(f"P_{n}" for n in range(1, 25))]),
        (3, "nowhere is not there", ["add", tmp_path / "nowhere"]),
        (4, "P_99_hpcp.h5: cannot be read as HDF5", ["add", bad]),
    ]
    for code, message, words in cases:
        came = command(home, *words)
        assert (came.code, came.out) == (code, ""), came.err
        assert came.err.startswith("Error: ")
        assert message in came.err
        assert came.err.count("\n") == 1


@pytest.mark.parametrize("name", ["notes.txt", "notes"])
def test_a_file_of_another_kind_is_told_which_kinds_there_are(
    name: str, command: Commands, model: Path, songs: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    build_index(songs, model, Workspace(home))
    (tmp_path / name).write_bytes(b"C E G")
    came = command(home, "query", tmp_path / name)
    assert (came.code, came.out) == (4, "")
    assert f"{name}: cannot be read as HDF5" in came.err
    assert "Expected audio (WAV, FLAC, " in came.err
    assert came.err.endswith("notes (MIDI or MusicXML) or HDF5 features (.h5)\n")


def test_what_cannot_be_built_leaves_the_index_before(
    command: Commands, model: Path, songs: Path, tmp_path: Path
) -> None:
    toy, home = Path(shutil.copytree(songs, tmp_path / "toy")), tmp_path / "home"
    command.out(home, "build-index", "--dataset", toy, "--model", model)
    (tmp_path / "empty").mkdir()
    next(toy.rglob("P_2_hpcp.h5")).write_bytes(b"broken")
    cases: list[tuple[int, str, list[object]]] = [
        (4, "P_2_hpcp.h5", ["--strict"]),
        (3, "expected a checkpoint folder", ["--model", tmp_path / "nowhere"]),
        (3, "no Da-TACOS feature folder", ["--dataset", tmp_path / "empty"]),
        (3, "no subset 'benchmark'", ["--subset", "benchmark"]),
        (2, "must be a positive number", ["--frame-rate", "0"]),
        (2, "windows need a model with a frame rate (`covsearch train --rate 2.69`)", ["--windows"]),
    ]
    for code, message, more in cases:
        came = command(home, "build-index", "--dataset", toy, "--model", model, *more)
        assert (came.code, came.out) == (code, "")
        assert message in came.err
    assert command.json(home, "query", "P_2")["settings"]["generation"] == "gen-0001"


def test_detection_cannot_be_measured_beyond_what_there_is(command: Commands, songs: Path, tmp_path: Path) -> None:
    for more, code, message in (
        (["--sizes", "5000"], 2, "5,000 performances are more than toy has"),
        (["--distractors", "/nowhere"], 3, "/nowhere: expected a folder of MIDI files"),
    ):
        came = command(tmp_path, "eval-detection", "--dataset", songs, "--queries", "5", *more)
        assert (came.code, came.out) == (code, "")
        assert message in came.err


@pytest.mark.parametrize("rate", ["0", "-1", "nan"])
def test_a_frame_rate_that_cannot_be(rate: str, command: Commands, songs: Path, tmp_path: Path) -> None:
    assert command(tmp_path, "dataset", "info", songs, "--frame-rate", rate).code == 2
