"""What makes the bundled branch find more: ideas against today's recipe, each trained anew for the same time.

    python -m benchmarks.studies.branch_ideas --synthesize POP909 --synthesize billboard_chords.zip \
        --synthesize billboard_chroma.h5 --seconds 240

Each row is a branch that heard covers of songs for so many seconds of one core. It is judged on songs that no row
heard: whole covers of 5 % of every source's songs, and the validation works of the bundled sample, all in one
collection. One vector a performance, compared by cosine. A run that was stopped goes on with the next row.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.provenance import RESULTS, provenance, write_table
from covsearch import durable
from covsearch.config import ModelConfig, TrainConfig
from covsearch.dataset.datacos import open_dataset
from covsearch.dataset.sample import sample_root, sample_split
from covsearch.embedding import embed_frames
from covsearch.evaluate import retrieval
from covsearch.evaluate.distances import cosine
from covsearch.evaluate.score import RetrievalScore, differences
from covsearch.features.frames import block_means
from covsearch.features.pack import pack_cached
from covsearch.features.slow import restored
from covsearch.models import Siamese
from covsearch.models.invariant import InvariantCNN
from covsearch.progress import stderr_progress
from covsearch.ranking.scores import qmax_scores, warm
from covsearch.synthesis.cover import CoverMaker
from covsearch.synthesis.sources import SongCollection, open_collections
from covsearch.training.aligner import split_songs
from covsearch.training.batches import Batch
from covsearch.training.losses import contrastive_loss
from covsearch.training.mixture import cover_batch
from covsearch.training.presets import configure
from covsearch.workspace import Workspace, find_workspace

NAME = "branch_ideas"
HARDNESS, VERSIONS = 0.7, 3  # of the covers that are judged
QUEUE = 1_000  # vectors of earlier batches of the same source
BLOCK, SPAN = 3, 3  # of the teacher's alignment: 0.90 frames/s
WEIGHT = 0.5  # of the teacher's word beside the contrastive loss
WINDOW = 280  # frames, 104 s
BASE = "today's recipe"


class Attending(InvariantCNN):
    """Two layers of attention over moments of 3 s, before they are pooled."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        width = self.widths[-1]
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.1, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def moments(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """As the branch has them, each changed by what the others are."""
        x, mask = super().moments(frames, lengths)
        x = self.layers(x.transpose(1, 2), src_key_padding_mask=mask[:, 0] == 0).transpose(1, 2)
        return F.relu(x) * mask, mask


class Wider(InvariantCNN):
    """Half as many channels again."""

    widths = (72, 96, 144, 192)


@dataclass(frozen=True)
class Idea:
    """One row: how its training differs from :data:`BASE`."""

    branch: type[InvariantCNN] = InvariantCNN
    frames: int = WINDOW
    songs: int = 40
    queue: bool = False
    teacher: bool = False
    first_alone: bool = False
    recordings: bool = True

    def hears(self, collections: Sequence[SongCollection]) -> list[SongCollection]:
        """What it is trained on."""
        some = collections[:1] if self.first_alone else collections
        return [one if self.recordings else replace(one, maker=CoverMaker(one.maker.songs)) for one in some]


IDEAS = {
    BASE: Idea(),
    "songs of the first source alone": Idea(first_alone=True),
    "all sources, no real recordings": Idea(recordings=False),
    "covers of 5 minutes, not 104 s": Idea(frames=800, songs=14),
    "1,000 vectors of earlier batches as non-covers": Idea(queue=True),
    "similarity learns from the alignment, too": Idea(teacher=True),
    "attention before pooling": Idea(branch=Attending),
    "half as wide again": Idea(branch=Wider),
}


@dataclass(frozen=True, eq=False)
class Judged:
    """Performances (L_i, 12) at 2.69 frames/s, the work and the source of each."""

    tracks: list[NDArray[np.float16]]
    works: list[str]
    sources: list[str]


def main() -> None:
    """Train and judge what is not there yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthesize", action="append", required=True, help="as `covsearch train` takes it")
    parser.add_argument("--seconds", type=float, default=240, help="of one core, each training [240]")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each row [1]")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warm()
    workspace = find_workspace()
    with stderr_progress() as progress:
        collections = open_collections(args.synthesize, workspace.cache, progress)
        kept, held_out = divided(collections)
        judged = judged_on(held_out, workspace)
        folder = workspace.cache / f"{NAME}-{args.seconds:g}"
        folder.mkdir(parents=True, exist_ok=True)
        for seed in range(args.seeds):
            for done, (name, idea) in enumerate(IDEAS.items(), 1):
                path = folder / f"{done}-{seed}.npz"
                if not path.is_file():
                    model, steps = trained(idea, kept, args.seconds, seed)
                    save(path, model, steps, judged, windows=name == BASE)
                progress(f"ideas, seed {seed}", done, len(IDEAS))
    runs = [scored(folder, seed, judged) for seed in range(args.seeds)]
    result = {
        "provenance": provenance(f"studies.{NAME}", 0),
        "judged": {"performances": len(judged.works), "works": len(set(judged.works))},
        "seeds": [{name: {"steps": steps, **one.to_dict()} for name, (steps, one) in run.items()} for run in runs],
    }
    write_table(RESULTS / f"{NAME}.json", slim(result), markdown(runs))


def divided(collections: Sequence[SongCollection]) -> tuple[list[SongCollection], list[SongCollection]]:
    """The songs that are trained on, and those that are judged."""
    kept, held_out = [], []
    for k, one in enumerate(collections):
        out, rest = split_songs(len(one.maker), np.random.default_rng([0, k]))
        kept.append(part(one, rest))
        held_out.append(part(one, out))
    return kept, held_out


def part(one: SongCollection, rows: NDArray[np.int64]) -> SongCollection:
    """Some songs of a collection."""
    return replace(one, maker=CoverMaker([one.maker.songs[i] for i in rows.tolist()], one.maker.recordings))


def judged_on(held_out: Sequence[SongCollection], workspace: Workspace) -> Judged:
    """Whole covers of the songs held out, and the validation works of the sample."""
    tracks, works, sources = [], [], []
    for k, one in enumerate(held_out):
        songs = np.repeat(np.arange(len(one.maker)), VERSIONS).tolist()
        frames, lengths = one.maker.make(songs, np.random.default_rng([1, k]), hardness=HARDNESS)
        tracks += [track[:length] for track, length in zip(frames, lengths.tolist(), strict=True)]
        works += [f"{one.name}:{song}" for song in songs]
        sources += [one.name] * len(songs)
    config = configure("invariant", {})[0].features
    dataset = open_dataset(sample_root(), config.names)
    store = pack_cached(workspace.cache, dataset, config)
    validation = set(sample_split().validation)
    rows = [row for row, wid in enumerate(store.wids) if wid in validation]
    tracks += [restored(store.slow(row)) for row in rows]
    works += [f"sample:{store.wids[row]}" for row in rows]
    sources += ["sample"] * len(rows)
    return Judged([block_means(track, config.frames).astype(np.float16) for track in tracks], works, sources)


def trained(idea: Idea, collections: Sequence[SongCollection], seconds: float, seed: int) -> tuple[Siamese, int]:
    """A fresh branch after so many seconds of one core, and its steps; the moving average of its weights."""
    config, training = configure("invariant", {"cover_frames": idea.frames, "batch_works": idea.songs, "seed": seed})
    torch.manual_seed(seed)
    model = Siamese(config)
    model.branch = idea.branch(config)
    heard = idea.hears(collections)
    share = np.array([one.notes for one in heard]) / sum(one.notes for one in heard)
    optimizer = torch.optim.AdamW(model.branch.parameters(), training.learning_rate, weight_decay=training.weight_decay)
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    queues: dict[str, Queue] = {one.name: Queue() for one in heard}
    rng = np.random.default_rng([seed, 2])
    started, steps = time.process_time(), 0
    while (done := (time.process_time() - started) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * min(1, (steps + 1) / 50) * (1 + math.cos(math.pi * done)) / 2
        hardness = training.first_hardness + (training.last_hardness - training.first_hardness) * done
        one = heard[int(rng.choice(len(heard), p=share))]
        batch = cover_batch(one, training, config.features.key, hardness, model, rng)
        model.train()
        with torch.autocast("cpu", torch.bfloat16):
            vectors = model.embed(batch.frames, batch.lengths).float()
        loss = idea_loss(idea, vectors, batch, training, queues[one.name])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.branch.parameters(), training.clip)
        optimizer.step()
        steps += 1
        follow(average, model, 1 - min(0.99, steps / (steps + 10)))
    model.load_state_dict(average)
    return model.eval(), steps


def follow(average: dict[str, Tensor], model: Siamese, share: float) -> None:
    """Move the averaged weights towards the model's."""
    for name, now in model.state_dict().items():
        if now.is_floating_point():
            average[name].lerp_(now.detach(), share)
        else:
            average[name].copy_(now)


class Queue:
    """Vectors (M, 128) and songs (M,) of the latest batches of a source."""

    def __init__(self) -> None:
        self.vectors, self.works = torch.zeros(0, 128), torch.zeros(0, dtype=torch.int64)

    def push(self, vectors: Tensor, works: Tensor) -> None:
        """The newest first; no more than :data:`QUEUE` stay."""
        self.vectors = torch.cat([vectors.detach(), self.vectors])[:QUEUE]
        self.works = torch.cat([works, self.works])[:QUEUE]


def idea_loss(idea: Idea, vectors: Tensor, batch: Batch, training: TrainConfig, queue: Queue) -> Tensor:
    """The contrastive loss of a batch (B, 128), with what the idea adds."""
    if idea.queue:
        loss = queued_loss(vectors, batch.works, queue, training.temperature)
        queue.push(vectors, batch.works)
        return loss
    loss = contrastive_loss(vectors, batch.works, training.temperature)
    if idea.teacher:
        loss = loss + WEIGHT * taught_loss(vectors, batch, training.temperature)
    return loss


def queued_loss(vectors: Tensor, works: Tensor, queue: Queue, temperature: float) -> Tensor:
    """The contrastive loss where earlier vectors of other songs are non-covers, too."""
    similar = vectors @ vectors.T / temperature  # (B, B)
    itself = torch.eye(len(works), dtype=torch.bool)
    covers = (works[:, None] == works) & ~itself
    earlier = vectors @ queue.vectors.T / temperature
    earlier = earlier.masked_fill(works[:, None] == queue.works, -torch.inf)
    everything = torch.cat([similar.masked_fill(itself, -torch.inf), earlier], dim=1)
    log_share = similar - everything.logsumexp(1, keepdim=True)
    return -(log_share * covers).sum() / covers.sum()


def taught_loss(vectors: Tensor, batch: Batch, temperature: float) -> Tensor:
    """Divergence of whom a track is near by its vector from whom it aligns with by Qmax (Hinton et al., 2015)."""
    tracks = [frames[:length].numpy() for frames, length in zip(batch.frames, batch.lengths.tolist(), strict=True)]
    count = len(tracks)
    aligned = np.zeros((count, count))
    for i in range(count - 1):
        aligned[i, i + 1 :] = qmax_scores(tracks[i], tracks[i + 1 :], span=SPAN, block=BLOCK, threads=1).scores
    aligned += aligned.T
    itself = torch.eye(count, dtype=torch.bool)
    score = torch.from_numpy(aligned).float()
    spread = score.std(1, keepdim=True).clamp(min=1e-3)
    wanted = (score / spread).masked_fill(itself, -torch.inf).softmax(1)
    similar = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf).log_softmax(1)
    return F.kl_div(similar.masked_fill(itself, 0), wanted, reduction="batchmean")


def save(path: Path, model: Siamese, steps: int, judged: Judged, *, windows: bool) -> None:
    """Keep the vectors (M, 128) of what is judged; with `windows` also those at three tempi, and what windows say."""
    model.tempi = 1
    kept: dict[str, Any] = {"steps": steps, "vectors": vectors_of(model, judged.tracks)}
    if windows:
        kept["windows"] = window_similarity(model, judged.tracks)
        model.tempi = 3
        kept["tempi"] = vectors_of(model, judged.tracks)
    with durable.replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **kept)


def vectors_of(model: Siamese, tracks: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
    """One vector a track, (M, 128)."""
    vectors = np.empty((len(tracks), 128), dtype=np.float32)
    order = np.argsort([len(track) for track in tracks], kind="stable")
    for rows in (order[i : i + 16] for i in range(0, len(order), 16)):
        vectors[rows] = embed_frames(model, [tracks[row] for row in rows.tolist()])
    return vectors


def window_similarity(model: Siamese, tracks: Sequence[NDArray[np.float16]]) -> NDArray[np.float64]:
    """Mean over a query's windows of the most similar window of the other, (M, M)."""
    cut = [list(windows_of(track)) for track in tracks]
    vectors = vectors_of(model, [one for some in cut for one in some])
    ends = np.cumsum([len(some) for some in cut])
    similar = vectors @ vectors.T
    best = np.maximum.reduceat(similar, np.r_[0, ends[:-1]], axis=1)
    mean = np.add.reduceat(best, np.r_[0, ends[:-1]], axis=0) / np.array([len(some) for some in cut])[:, None]
    return np.asarray(mean, dtype=np.float64)


def windows_of(track: NDArray[np.float16]) -> Iterator[NDArray[np.float16]]:
    """Stretches of 104 s, every 52 s."""
    for start in range(0, max(1, len(track) - WINDOW // 2), WINDOW // 2):
        yield track[start : start + WINDOW]


Run = dict[str, tuple[int, RetrievalScore]]


def scored(folder: Path, seed: int, judged: Judged) -> Run:
    """Every row's steps and figures."""
    found: Run = {}
    for row, name in enumerate(IDEAS, 1):
        with np.load(folder / f"{row}-{seed}.npz") as kept:
            steps = int(kept["steps"])
            found[name] = steps, judge(cosine(kept["vectors"]), judged)
            if name == BASE:
                found["the same, at three tempi"] = steps, judge(cosine(kept["tempi"]), judged)
                found["the same, windows of 104 s, best matches"] = steps, judge(-kept["windows"], judged)
    return found


def judge(distances: Any, judged: Judged) -> RetrievalScore:
    """Figures over all, and of each source's queries among all."""
    return retrieval(distances, judged.works, sources=judged.sources)


def slim(result: dict[str, Any]) -> dict[str, Any]:
    """MAP alone: the other figures make the file ten times as long."""
    for run in result["seeds"]:
        for name, row in run.items():
            sources = {one["name"]: one["figures"]["map"] for one in row["by_source"]}
            run[name] = {"steps": row["steps"], "map": row["figures"]["map"], "by_source": sources}
    return result


def markdown(runs: Sequence[Run]) -> str:
    """MAP of each row, means over seeds; and what it is less the base, of the first seed."""
    base = runs[0][BASE][1]
    names = [group.name for group in base.by_source]
    lines = [
        f"| idea | MAP | less today's recipe | steps | {' | '.join(names)} |",
        f"|---|---:|---|---:|{'---:|' * len(names)}",
    ]
    for name in runs[0]:
        maps = [run[name][1]["map"].value for run in runs]
        parts = [
            f"{np.mean([run[name][1].by_source[k].figures['map'].value for run in runs]):.3f}"
            for k in range(len(names))
        ]
        (less,) = differences({name: runs[0][name][1], "base": base})
        steps = int(np.mean([run[name][0] for run in runs]))
        lines.append(
            f"| {name} | {np.mean(maps):.3f} | {less.value:+.3f} {less.ci:+.3f} | {steps:,} | {' | '.join(parts)} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
