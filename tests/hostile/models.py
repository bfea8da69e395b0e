"""Checkpoint folders that a stranger could send: weights, configuration, pairs, split."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from tests.hostile.trees import BrokenTree

BUNDLED = Path(__file__).resolve().parents[2] / "covsearch" / "models" / "bundled" / "invariant"
SHOW = ("model", "show", "DIR")
EVALUATE = ("eval-pairs", "--model", "DIR")
WEIGHTS, CONFIG = "model.safetensors", "config.toml"
Tensors = dict[str, NDArray[Any]]


def write_checkpoint(folder: Path) -> None:
    """A copy of the bundled weights, with which nothing is wrong."""
    shutil.copytree(BUNDLED, folder)


def stored(header: Any, values: bytes = b"") -> bytes:
    """A safetensors file of any header: JSON-ready, or the text itself."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + values


def _with(name: str, content: bytes | Callable[[Path], object]) -> Callable[[Path], None]:
    """A copy in which one file has other content, or is made anew by a function."""

    def made(folder: Path) -> None:
        write_checkpoint(folder)
        (folder / name).unlink()
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            content(folder / name)

    return made


def _tensors(change: Callable[[Tensors], object]) -> Callable[[Path], None]:
    """A copy in which the tensors were changed."""

    def make(path: Path) -> None:
        tensors = {k: v.copy() for k, v in safetensors.numpy.load_file(BUNDLED / WEIGHTS).items()}
        change(tensors)
        path.write_bytes(safetensors.numpy.save(tensors))

    return _with(WEIGHTS, make)


def _header(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """A copy whose header says something else of the same bytes."""
    data = (BUNDLED / WEIGHTS).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    return _with(WEIGHTS, stored(header, data[8 + length :]))


def _config(**values: str) -> Callable[[Path], None]:
    """A copy whose configuration says other things of the model, as TOML has them."""
    text = (BUNDLED / CONFIG).read_text(encoding="utf-8")
    for key, value in values.items():
        line = re.compile(rf"^{key} = .*$", re.MULTILINE)
        if line.search(text):
            text = line.sub(f"{key} = {value}", text, count=1)
        else:
            text = text.replace("[model]\n", f"[model]\n{key} = {value}\n", 1)
    return _with(CONFIG, text.encode())


class _Runs:
    """What a pickle can do: unpickling makes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("UNPICKLED",)


def _zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(_Runs()))


def _only(name: str) -> Callable[[Path], None]:
    def made(folder: Path) -> None:
        folder.mkdir()
        (folder / name).write_bytes(pickle.dumps(_Runs()))

    return made


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


def _first(header: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = header[min(header)]
    return entry


def _set(tensors: Tensors, value: float) -> None:
    tensors["head.beta"][...] = value


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
_TWICE = b'{"a":' + json.dumps(ONE).encode() + b',"a":' + json.dumps(ONE).encode() + b"}"
_WEIGHTS: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "a pickle by the name of weights": (_with(WEIGHTS, pickle.dumps(_Runs())), 4, "safetensors.*like a pickle"),
    "a zip of torch by that name": (_with(WEIGHTS, _zipped), 4, "expected safetensors.*like a pickle.*save_file"),
    "only pytorch_model.bin": (_only("pytorch_model.bin"), 2, "pickled weights can run code.*convert its state_dict"),
    "only model.pt": (_only("model.pt"), 2, "pickled weights can run code"),
    "only model.PTH": (_only("model.PTH"), 2, "pickled weights can run code"),
    "an empty folder": (Path.mkdir, 3, "expected a checkpoint folder"),
    "a file": (Path.touch, 3, "expected a checkpoint folder"),
    "no weights": (_with(WEIGHTS, lambda path: None), 3, "no model.safetensors"),
    "no configuration": (_with(CONFIG, lambda path: None), 3, r"no config\.toml"),
    "empty weights": (_with(WEIGHTS, b""), 4, "a header of 0 bytes in a file of 0"),
    "truncated weights": (_with(WEIGHTS, (BUNDLED / WEIGHTS).read_bytes()[:-1]), 4, "tensors take"),
    "weights and more": (_with(WEIGHTS, (BUNDLED / WEIGHTS).read_bytes() + b"\0"), 4, "tensors take"),
    "weights cut in the header": (_with(WEIGHTS, (BUNDLED / WEIGHTS).read_bytes()[:500]), 4, "a header of"),
    "a FIFO as weights": (_with(WEIGHTS, os.mkfifo), 4, "is not a regular file"),
    "a folder as weights": (_with(WEIGHTS, Path.mkdir), 4, "is a folder, not a file"),
    "a device as weights": (_with(WEIGHTS, lambda path: path.symlink_to("/dev/zero")), 4, "is not a regular file"),
    "a terabyte of nothing": (_with(WEIGHTS, _sparse), 4, "has 1,099,511,627,776 bytes; at most 67,108,864"),
    "a header of 2^63 bytes": (_with(WEIGHTS, (2**63).to_bytes(8, "little") + b"{}"), 4, "a header of 9,223,"),
    "a header of 32 MiB": (_with(WEIGHTS, stored(b" " * 2**25)), 4, "a header of 33,554,432 bytes"),
    "a header nested deep": (_with(WEIGHTS, stored(b'{"a":' + b"[" * 15_000)), 4, "nested too deeply"),
    "a header of 90,000 names": (
        _with(WEIGHTS, stored(b"{" + b",".join(b'"%x":0' % i for i in range(90_000)) + b"}")), 4, "about 90,000 values",
    ),
    "a header that is no UTF-8": (_with(WEIGHTS, stored(b'{"\xff":1}')), 4, "the header is not UTF-8"),
    "a list as header": (_with(WEIGHTS, stored([])), 4, "the header must be an object, not list"),
    "a name twice": (_with(WEIGHTS, stored(_TWICE, bytes(4))), 4, "the key 'a' comes twice"),
    "tensors that overlap": (
        _header(lambda header: header.update(x={**ONE, "data_offsets": [0, 4]})), 4, "begins at byte|tensors take",
    ),
    "a tensor out of range": (
        _header(lambda header: header.update(x={**ONE, "data_offsets": [2**40, 2**40 + 4]})), 4, "begins at byte",
    ),
    "offsets backwards": (_header(lambda header: _first(header)["data_offsets"].reverse()), 4, "bytes for F32"),
    "a negative shape": (_header(lambda header: _first(header).update(shape=[-1])), 4, "has the shape"),
    "a shape beyond memory": (_header(lambda header: _first(header).update(shape=[2**40, 2**40])), 4, "bytes for F32"),
    "a shape of fractions": (_header(lambda header: _first(header).update(shape=[0.5, 2])), 4, "has the shape"),
    "a type nobody has": (_header(lambda header: _first(header).update(dtype="F7")), 4, "has the type 'F7'"),
    "a list as type": (_header(lambda header: _first(header).update(dtype=["F32"])), 4, "has the type"),
    "whole numbers for weights": (
        _tensors(lambda t: t.update({"head.beta": np.zeros_like(t["head.beta"], dtype=np.int32)})), 4, "do not fit",
    ),
    "double precision": (
        _tensors(lambda t: t.update({"head.beta": t["head.beta"].astype(np.float64)})), 4, "weights do not fit .*F64",
    ),
    "a missing tensor": (_tensors(lambda t: t.pop("head.beta")), 4, "'head.beta' is missing in the file"),
    "a tensor too many": (
        _tensors(lambda t: t.update({"eval": np.zeros(1, np.float32)})), 4, "'eval' is F32 .* missing in the model",
    ),
    "a name with terminal commands": (
        _tensors(lambda t: t.update({"\x1b[2J": np.zeros(1, np.float32)})), 4, r"'\\x1b\[2J' is F32",
    ),
    "another shape": (_tensors(lambda t: t.update({"head.beta": np.zeros(7, np.float32)})), 4, r"F32 \(7,\)"),
    "NaN in weights": (_tensors(lambda t: _set(t, np.nan)), 4, "head.beta holds NaN or infinity"),
    "infinity in weights": (_tensors(lambda t: _set(t, np.inf)), 4, "head.beta holds NaN or infinity"),
    "weights of another branch": (_config(branch='"cnn"'), 4, "weights do not fit config.toml"),
}  # fmt: skip
_CONFIGS: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "empty": (_with(CONFIG, b""), 4, "has no table"),
    "no TOML": (_with(CONFIG, b"\x7fELF\x02"), 4, "is not TOML"),
    "no UTF-8": (_with(CONFIG, b"\xff"), 4, "is not UTF-8"),
    "a byte order mark": (_with(CONFIG, b"\xef\xbb\xbf[model]"), 4, "byte order mark"),
    "a NUL": (_config(branch='"a\0"'), 4, "is not TOML"),
    "a FIFO": (_with(CONFIG, os.mkfifo), 4, "is not a regular file"),
    "a device": (_with(CONFIG, lambda path: path.symlink_to("/dev/zero")), 4, "is not a regular file"),
    "a megabyte": (_with(CONFIG, b"#" * 2**20), 4, "has 1,048,576 bytes; at most 8,192"),
    "nested 8,000 deep": (_with(CONFIG, b"[model]\nx = " + b"[" * 8_000), 4, "nested too deeply|is not TOML"),
    "a key of 4,000 parts": (_with(CONFIG, b"model" + b".a" * 4_000 + b" = 1"), 4, "too deeply|has unknown keys"),
    "a number of 5,000 digits": (_config(frames="1" + "0" * 5000), 4, "is not TOML"),
    "a table twice": (_with(CONFIG, (BUNDLED / CONFIG).read_bytes() + b"[model]\n"), 4, "is not TOML"),
    "a list as model": (_with(CONFIG, b"[[model]]\nbranch = 1"), 4, "must be a table, not list"),
    "an unknown key": (_config(exec='"rm"'), 4, r"unknown keys 'exec'"),
    "a path as branch": (_config(branch='"../../os"'), 4, "model must be one of"),
    "a number as branch": (_config(branch="7"), 4, "model.branch must be str, not 7"),
    "true as frames": (_config(frames="true"), 4, "frames must be int, not True"),
    "no frames": (_config(frames="0"), 4, "frames must be at least 1"),
    "a billion frames": (_config(frames="1_000_000_000"), 4, "frames must be 1 to 200000"),
    "a frame rate of NaN": (_config(rate="nan"), 4, "rate must be a number"),
    "a frame rate of infinity": (_config(rate="inf"), 4, "rate must be a number"),
    "64 qubits": (_config(qubits="64"), 4, "qubits must be 2 to 10"),
    "a million layers": (_config(q_layers="1000000"), 4, "q_layers must be 1"),
    "a device nobody has": (
        _config(branch='"hybrid"', quantum_device='"os.system"'), 4, "a PennyLane device",
    ),
    "a trillion shots": (
        _config(branch='"hybrid"', quantum_device='"default.qubit:999999999999"'), 4, "shot",
    ),
}  # fmt: skip


def _leaky(pairs: bytes) -> Callable[[Path], None]:
    """A checkpoint that says it was trained with a split by pairs of the sample, and names them."""

    def made(folder: Path) -> None:
        write_checkpoint(folder)
        split = json.loads((folder / "split.json").read_text(encoding="utf-8"))
        (folder / "split.json").write_text(json.dumps({**split, "by": "pairs"}), encoding="utf-8")
        (folder / "pairs.csv").write_bytes(pairs)

    return made


_HEAD = b"pid_a,pid_b,label,part\n"
_PAIRS: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "pairs: empty": (_leaky(b""), 4, "its first line must be"),
    "pairs: other columns": (_leaky(b"a,b\n1,2\n"), 4, "its first line must be"),
    "pairs: of another collection": (_leaky(_HEAD + b"P_22,P_x,0,test\n"), 4, "is not in this collection"),
    "pairs: a performance with itself": (_leaky(_HEAD + b"P_22,P_22,0,test\n"), 4, "two performances and 0"),
    "pairs: a label of 2": (_leaky(_HEAD + b"P_22,P_23,2,test\n"), 4, "two performances and 0"),
    "pairs: a pair twice": (_leaky(_HEAD + b"P_22,P_23,0,test\n" * 2), 4, "every pair once"),
    "pairs: a quote without end": (_leaky(_HEAD + b'"P_22,P_23,0,test\n' * 99_999), 4, "expected pairs"),
    "pairs: a cell of a megabyte": (_leaky(_HEAD + b"a" * 2**20), 4, "field larger than field limit"),
    "pairs: no UTF-8": (_leaky(_HEAD + b"\xff"), 4, "is not UTF-8"),
    "pairs: 17 MiB": (_leaky(_HEAD + b" " * (17 * 2**20)), 4, "at most 16,777,216 are read"),
    "split: a list": (_with("split.json", b"[]"), 4, "expected a split"),
    "split: nested deep": (_with("split.json", b"[" * 100_000), 4, "nested too deeply"),
    "split: NaN as seed": (_with("split.json", b'{"train":[],"validation":[],"test":[],"seed":NaN}'), 4, "NaN is not"),
    "split: a work in two parts": (
        _with("split.json", b'{"train":["W_1"],"validation":[],"test":["W_1"],"seed":0}'), 4, "every work in one part",
    ),
    "split: a path as work": (
        _with("split.json", b'{"train":["../W_1"],"validation":[],"test":[],"seed":0}'), 4, "array of works like W_14",
    ),
    "split: a million works": (
        _with("split.json", b'{"train":[' + b'"W_1",' * 1_000_000 + b'"W_1"]}'), 4, "at most 1,000,000 are read",
    ),
}  # fmt: skip
BROKEN_MODELS: dict[str, BrokenTree] = {
    **{f"weights: {kind}": BrokenTree(*case, command=SHOW) for kind, case in _WEIGHTS.items()},
    **{f"configuration: {kind}": BrokenTree(*case, command=SHOW) for kind, case in _CONFIGS.items()},
    **{kind: BrokenTree(*case, command=EVALUATE) for kind, case in _PAIRS.items()},
}
