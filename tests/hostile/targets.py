"""The readers of strangers' files, as the fuzzer calls them: bytes in, nothing or a CovsearchError out.

A reader that takes what it should not is found by what is asserted of its result, not only by what it raises.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import safetensors.numpy

from covsearch.collections.content import content_of
from covsearch.collections.tags import read_tags
from covsearch.config import FeatureConfig, ModelConfig, from_toml, to_toml
from covsearch.dataset.hdf5 import inspect_chroma, read_chroma
from covsearch.dataset.ids import is_id, is_pid, is_wid
from covsearch.dataset.metadata import read_metadata
from covsearch.dataset.pairs import read_pairs
from covsearch.dataset.splits import read_split
from covsearch.dataset.tracks_csv import read_tracks
from covsearch.dataset.vectors import read_vectors
from covsearch.errors import CovsearchError
from covsearch.features.audio import read_audio_chroma
from covsearch.features.windows import WindowRecipe
from covsearch.guard.files import RefusedError, text_artefact
from covsearch.guard.tensors import Declared, read_header
from covsearch.index.collection import _read_ids, read_tensors
from covsearch.index.head import load_head
from covsearch.index.manifest import Manifest, StoredFile, parse_manifest
from covsearch.index.part import NoSettings
from covsearch.synthesis.formats import FORMATS
from covsearch.synthesis.midi import read_midi
from tests.hostile.audio import encoded, id3, music
from tests.hostile.documents import SOUND as SOUND_JSON
from tests.hostile.files import chroma, write_file, write_single_file
from tests.hostile.models import BUNDLED, CONFIG
from tests.hostile.songs import SOUND as SOUND_MIDI
from tests.hostile.songs import TUNE, metre, midi, tempo

PIDS = ("P_1", "P_2", "P_3")
HEAD = b"pid_a,pid_b,label,part\n"


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes
    ----------
    read : callable
        ``read(folder, data)`` writes `data` into `folder` and reads it; only a CovsearchError may come out.
    seeds : callable
        ``seeds(folder)`` makes sound inputs to begin with, in `folder` where they need one.
    share : int
        How many times as long as the others it is fuzzed.
    """

    read: Callable[[Path, bytes], object]
    seeds: Callable[[Path], Iterable[bytes]]
    share: int = 1


def _written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _hdf5(folder: Path, data: bytes) -> None:
    path = _written(folder, "P_15_hpcp.h5", data)
    frames = inspect_chroma(path, "hpcp", pid="P_15", wid="W_14", root=folder)
    read = read_chroma(path, "hpcp", pid="P_15", wid="W_14", root=folder)
    assert read.shape == (frames, 12)
    assert np.isfinite(read).all()
    assert read.min() >= 0
    assert read.max() > 0


def _hdf5_seeds(folder: Path) -> Iterable[bytes]:
    for frames, latest in ((5, False), (40, True)):
        path = folder / "seed.h5"
        write_file(path, {"hpcp": chroma(frames)})
        yield path.read_bytes()
        with h5py.File(path, "w", libver="latest" if latest else None) as file:
            file.create_dataset("hpcp", data=chroma(frames), chunks=(3, 5), maxshape=(None, 12), compression="gzip")
        yield path.read_bytes()
        with h5py.File(path, "w", libver="latest" if latest else None) as file:
            file["hpcp"] = chroma(frames)
        yield path.read_bytes()
    write_single_file(path, {"hpcp": chroma(5)})
    yield path.read_bytes()


def _audio(folder: Path, data: bytes) -> None:
    path = _written(folder, "x.mp3", data)
    performance = read_tags(path).performance("x.mp3")
    assert performance.wid is None or is_id(performance.wid)
    assert (performance.title + performance.artist).isprintable()
    assert len(content_of(path)) == 64
    heard = read_audio_chroma(path, hop=2048)
    assert np.isfinite(heard.chroma).all()
    assert heard.chroma.min() >= 0
    assert heard.seconds < 60


def _audio_seeds(folder: Path) -> Iterable[bytes]:
    path = folder / "seed.bin"
    for form, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")):
        encoded(form, subtype, 8000, samples=music(8000, 0.5))(path)
        tag = id3((b"TIT2", b"\x03Title"), (b"TXXX", b"\x03MusicBrainz Work Id\0w-1")) if form == "MP3" else b""
        yield tag + path.read_bytes()


def _metadata(folder: Path, data: bytes) -> None:
    for pid, performance in read_metadata(_written(folder, "m.json", data), folder).performances.items():
        assert is_pid(pid)
        assert pid == performance.pid
        assert is_wid(performance.wid)
        (performance.title + performance.artist + performance.work_title + performance.work_artist).encode()


def _metadata_seeds(folder: Path) -> Iterable[bytes]:
    matches = {"4ce2": {"length": "175000"}, "7c10": {}}
    record = {"perf_artist_mbid": "9bfa", "mb_performances": matches, "instrumental": "No", "perf_title": "♭ 😀"}
    yield json.dumps(SOUND_JSON).encode()
    yield json.dumps({"W_1": {"P_1": record}}, ensure_ascii=False).encode()
    yield json.dumps({"W_1": {"P_1": record}, "W_2": {}}).encode()


def _tracks(folder: Path, data: bytes) -> None:
    tracks = read_tracks(_written(folder, "tracks.csv", data))
    for id_, performance in tracks.rows.items():
        assert is_id(id_)
        assert performance.pid == id_
        assert performance.wid is None or is_id(performance.wid)
        (performance.title + performance.artist).encode()


def _vectors(suffix: str) -> Callable[[Path, bytes], None]:
    def read(folder: Path, data: bytes) -> None:
        tracks = read_tracks(_written(folder, "tracks.csv", b"id\na\nb\nc\n"))
        found = read_vectors(_written(folder, f"v{suffix}", data), tracks)
        assert all(map(is_id, found.ids))
        assert len(found.first) - 1 == len(set(found.ids)) == len(found.ids)
        assert np.abs(np.linalg.norm(found.vectors, axis=1) - 1).max() < 1e-6

    return read


def _vector_seeds(suffix: str) -> Callable[[Path], Iterable[bytes]]:
    def seeds(folder: Path) -> Iterable[bytes]:
        path = folder / f"seed{suffix}"
        for vectors in (np.eye(3, 5), np.arange(12, dtype=np.float16).reshape(3, 2, 2) + 1):
            if suffix == ".npy":
                np.save(path, vectors)
            elif suffix == ".npz":
                save = np.savez if vectors.ndim == 2 else np.savez_compressed
                save(path, vectors=vectors, ids=np.array(["x", "y", "ä b"]))
            else:
                ids = {"ids": json.dumps(["x", "y", "y"])} if vectors.ndim == 2 else None
                path.write_bytes(safetensors.numpy.save({"vectors": vectors}, metadata=ids))
            yield path.read_bytes()

    return seeds


def _pairs(folder: Path, data: bytes) -> None:
    pairs = read_pairs(_written(folder, "pairs.csv", data), PIDS, "test")
    assert (pairs.a < pairs.b).all()
    assert np.isin(pairs.label, (0, 1)).all()
    assert len(np.unique(pairs.a * len(PIDS) + pairs.b)) == len(pairs)


def _split(folder: Path, data: bytes) -> None:
    assert all(map(is_wid, read_split(_written(folder, "split.json", data), folder).part_of()))


def _manifest(folder: Path, data: bytes) -> None:
    found = parse_manifest(data.decode("utf-8", "replace"))
    assert parse_manifest(found.to_json()) == found


def _manifest_seeds(folder: Path) -> Iterable[bytes]:
    files = {"index/gen-0001/ids.json": StoredFile(12, "ab" * 32)}
    for windows in ({}, {"windows": WindowRecipe(2.69, 323, 81)}):
        made = Manifest(
            format=3, covsearch="0.1.0", created="2026-11-25T13:34:00+00:00", subset="sample", count=3, works=2,
            dim=128, model="cnn-3f2a9c51", features=FeatureConfig(), frame_rate=86.13, recipe={"kind": "flat"},
            parts={"chroma": NoSettings(), **windows}, source=None, files=files,
        )  # fmt: skip
        yield made.to_json().encode()
    foreign = replace(made, features=None, frame_rate=None, dim=512, parts={"segments": NoSettings()}, source="/v.npz")
    yield foreign.to_json().encode()


def _ids(folder: Path, data: bytes) -> None:
    assert len(set(_read_ids(_written(folder, "ids.json", data), 3))) == 3


def _config(folder: Path, data: bytes) -> None:
    text = text_artefact(_written(folder, "config.toml", data), 2**13)
    found = from_toml(text, model=ModelConfig)
    assert from_toml(to_toml(**found), model=ModelConfig) == found


def _tensors(folder: Path, data: bytes) -> None:
    path = _written(folder, "head.safetensors", data)
    declared: dict[str, Declared] = {}
    with contextlib.suppress(RefusedError):
        declared = read_header(data)
    if declared and not any(one.dtype == "BF16" for one in declared.values()):  # numpy has none
        assert safetensors.numpy.load(data).keys() == declared.keys()
    load_head(path)
    assert read_tensors(path)["alpha"].shape == (128,)


def _tensor_seeds(folder: Path) -> Iterable[bytes]:
    alpha = np.linspace(0, 1, 128, dtype=np.float32)
    yield safetensors.numpy.save({"alpha": alpha, "beta": np.array([-4.0])})
    yield safetensors.numpy.save({"alpha": alpha, "beta": np.array([1e300])}, metadata={"about": "x"})


def _midi(folder: Path, data: bytes) -> None:
    song = read_midi(_written(folder, "a.mid", data), folder)
    assert song.chords.min() >= -1
    assert song.chords.max() < 12
    assert 0.01 <= song.beat <= 100


def _midi_seeds(folder: Path) -> Iterable[bytes]:
    yield SOUND_MIDI
    yield midi(tempo(400_000) + metre(3, 2) + b"\x00\xff\x03\x06MELODY" + TUNE, b"\x00\xc1\x05" + TUNE, resolution=480)
    yield midi(metre(6, 3) + TUNE[:-4] + metre(2, 1) + tempo(900_000) + TUNE, kind=0)


def _beside(name: str) -> Callable[[Path, bytes], None]:
    def read(folder: Path, data: bytes) -> None:
        (folder / name).write_bytes(data)
        _midi(folder, SOUND_MIDI)

    return read


def _song(kind: str) -> Callable[[Path, bytes], None]:
    def judged(_: Path, data: bytes) -> None:
        try:
            song = FORMATS[kind].reader("a", data, {}).song
        except RefusedError as e:
            raise CovsearchError(str(e)) from e
        assert song.chords.min() >= -1
        assert song.chords.max() < 12
        assert 0.01 <= song.beat <= 100

    return judged


NOTE = b"<note><pitch><step>%s</step><octave>4</octave></pitch><duration>2</duration></note>"
MUSICXML = (
    b'<score-partwise><work><work-title>A</work-title></work><part id="P1"><measure number="1"><attributes><divisions>2'
    b"</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes><direction><sound tempo="
    b'"90"/></direction><harmony><root><root-step>A</root-step></root><kind>minor</kind></harmony><note><pitch><step>C'
    b'</step><alter>1</alter><octave>4</octave></pitch><duration>4</duration><tie type="start"/></note><note><rest/>'
    b'<duration>4</duration></note></measure><measure number="2"><barline location="left"><repeat direction="forward"/>'
    b"</barline>" + b"".join(NOTE % bytes([step]) for step in b"GECD") + b'<barline location="right"><repeat '
    b'direction="backward" times="6"/></barline></measure></part></score-partwise>'
)  # fmt: skip
ABC = b"X:1\nT:A tune\nM:6/8\nL:1/8\nQ:3/8=80\nK:Dmix\n" + 5 * b"|:d2f (3agf e|[ce]3-c3:|\n"
CHART = b"# title: A\n# metre: 4/4\n# tonic: C\n\n0.0\tsilence\n" + b"".join(
    b"%.1f\t%s, verse, | C:maj | A:min7 F:maj | G:sus4 | C:maj |, (voice\n" % (8 * k + 1, b"AB"[k % 2 : k % 2 + 1])
    for k in range(4)
) + b"33.0\tend\n"  # fmt: skip

TARGETS: dict[str, Target] = {
    "HDF5": Target(_hdf5, _hdf5_seeds, share=4),
    "audio": Target(_audio, _audio_seeds, share=4),
    "metadata JSON": Target(_metadata, _metadata_seeds),
    "tracks CSV": Target(
        _tracks, lambda _: [b"id,work,title,artist,year\na,w,x,y,1969\nb,,,,\n", b'\xef\xbb\xbfid, work\r\n"a b",w\r\n']
    ),
    "vectors npz": Target(_vectors(".npz"), _vector_seeds(".npz")),
    "vectors npy": Target(_vectors(".npy"), _vector_seeds(".npy")),
    "vectors safetensors": Target(_vectors(".safetensors"), _vector_seeds(".safetensors")),
    "pairs CSV": Target(_pairs, lambda _: [HEAD + b"P_1,P_2,0,test\nP_1,P_3,1,test\n", HEAD + b'"P_1",P_3,1,test\r\n']),
    "split JSON": Target(
        _split, lambda _: [b'{"train": ["W_1"], "validation": ["W_2"], "test": ["W_3"], "seed": 0, "by": "works"}']
    ),
    "manifest": Target(_manifest, _manifest_seeds),
    "ids.json": Target(_ids, lambda _: [json.dumps(PIDS).encode(), json.dumps(PIDS).encode("utf-16")]),
    "config.toml": Target(_config, lambda _: [(BUNDLED / CONFIG).read_bytes(), to_toml(model=ModelConfig()).encode()]),
    "safetensors": Target(_tensors, _tensor_seeds),
    "MIDI": Target(_midi, _midi_seeds),
    "MusicXML": Target(_song("MusicXML"), lambda _: [MUSICXML]),
    "ABC": Target(_song("ABC"), lambda _: [ABC]),
    "chord chart": Target(_song("chord charts"), lambda _: [CHART]),
    "beats text": Target(
        _beside("beat_midi.txt"), lambda _: [b"".join(b"%.2f 0.0 %d.0\n" % (k / 2, k % 4 == 0) for k in range(9))]
    ),
    "chord text": Target(
        _beside("chord_midi.txt"), lambda _: [b"0.0 1.0 C:maj\n1.0 2.0 A:min7/b3\n2.0 4.5 N\n", b"0 16 F#:sus4(b7)/5\n"]
    ),
}  # fmt: skip
