"""CREMA-PCP in an environment of its own (TensorFlow 2.15): ``python crema_worker.py WORK [part] [parts]``.

Reads ``WORK/audio/NAME.npy`` for the names in ``WORK/crema-wanted.txt``, writes ``WORK/crema/NAME.npy``: (T, 12)
float32 in [0, 1] at 10.77 frames/s with bin 0 = C, skips what is there. Imports nothing of this package: the
environment has none of it.

References
----------
B. McFee, J. P. Bello: Structured training for large-vocabulary chord recognition. ISMIR 2017.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
SAMPLE_RATE = 44_100


def main(work: Path, part: int = 0, parts: int = 1) -> None:
    """Do every `parts`-th file from the `part`-th on."""
    names = (work / "crema-wanted.txt").read_text(encoding="utf-8").split()[part::parts]
    todo = [work / "audio" / f"{name}.npy" for name in names if not (work / "crema" / f"{name}.npy").exists()]
    if not todo:
        return
    model = _model()
    started = time.monotonic()
    for done, path in enumerate(todo, 1):
        _one(model, path, work / "crema" / path.name)
        if done % 25 == 0 or done == len(todo):
            seconds = time.monotonic() - started
            print(f"CREMA {part + 1}/{parts}: {done} of {len(todo)}, {seconds:.0f} s", file=sys.stderr, flush=True)


def _one(model: Any, source: Path, target: Path) -> None:
    import numpy as np

    outputs = model.outputs(y=np.load(source).astype(np.float32), sr=SAMPLE_RATE)
    partial = target.with_name(target.stem + ".part.npy")
    np.save(partial, np.asarray(outputs["chord_pitch"], dtype=np.float32))
    partial.replace(target)


def _model() -> Any:
    import tensorflow as tf  # type: ignore[import-untyped]

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.disable_interactive_logging()
    from crema.models.chord import ChordModel

    return ChordModel()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(number) for number in sys.argv[2:4]))
