"""One training by several processes: ``torchrun --nproc_per_node 2 -m covsearch train …``.

All processes draw the same batches. Each embeds its share of a batch's tracks; the vectors are gathered, so that the
loss is of the whole batch in all of them. Then gradients are summed, and every process takes the same step.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from covsearch.errors import UsageError
from covsearch.models import Siamese

_PATIENCE = timedelta(hours=12)  # others wait while the first packs a collection


def is_shared() -> bool:
    """Whether torchrun started this process."""
    return bool(os.environ.get("TORCHELASTIC_RUN_ID"))


def is_first() -> bool:
    """Whether this process is the one that writes and speaks: the first that torchrun started, or the only one."""
    return not is_shared() or os.environ["RANK"] == "0"


def place() -> tuple[int, int]:
    """Which process this is, from 0, and of how many; (0, 1) where it trains alone."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_available() and dist.is_initialized() else (0, 1)


@contextmanager
def as_one() -> Iterator[None]:
    """The processes that torchrun started belong together, from now to their end; nothing without torchrun.

    All leave the block at once. (Processes that part and join again meet the addresses of the first time.)
    """
    if not is_shared():
        yield
        return
    if not dist.is_initialized():
        dist.init_process_group("gloo", timeout=_PATIENCE)
        atexit.register(dist.destroy_process_group)
    yield
    dist.barrier()  # the first has written


@contextmanager
def first_before_others() -> Iterator[None]:
    """The first process runs the block and fills caches; the others then find them full."""
    rank, world = place()
    if rank:
        dist.barrier()
    yield
    if world > 1 and not rank:
        dist.barrier()


def embed(model: Siamese, frames: Tensor, lengths: Tensor) -> Tensor:
    """Unit vectors (B, 128) of a batch; gradients flow to those that this process embeds.

    Parameters
    ----------
    model : Siamese
    frames : Tensor, shape (B, T, F)
    lengths : Tensor, shape (B,)

    Raises
    ------
    UsageError
        When there are more processes than tracks.
    """
    rank, world = place()
    if world == 1:
        return model.embed(frames, lengths)
    if len(lengths) < world:
        raise UsageError(f"a batch of {len(lengths)} tracks cannot be shared by {world} processes: start fewer")
    rows = torch.arange(len(lengths))
    own = model.embed(frames[rank::world], lengths[rank::world]).float()
    most = len(rows[::world])
    sent = torch.zeros(most, own.shape[1])
    sent[: len(own)] = own.detach()
    parts = [torch.empty_like(sent) for _ in range(world)]
    dist.all_gather(parts, sent)
    parts = [own if r == rank else part[: len(rows[r::world])] for r, part in enumerate(parts)]
    order = torch.cat([rows[r::world] for r in range(world)])
    return torch.cat(parts)[torch.argsort(order)]


def share_gradients(model: Siamese) -> None:
    """Make gradients those of the whole batch in every process, and running statistics the mean of all.

    A process knows the branch's gradient from its own tracks, and the head's from all.
    """
    _, world = place()
    if world == 1:
        return
    summed = [p.grad for p in model.branch.parameters() if p.grad is not None]
    mean = [p.grad for p in model.head.parameters() if p.grad is not None]
    mean += [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    flat = torch.cat([t.reshape(-1) for t in summed] + [t.reshape(-1) / world for t in mean])
    dist.all_reduce(flat)
    all_ = [*summed, *mean]
    for tensor, values in zip(all_, torch.split(flat, [t.numel() for t in all_]), strict=True):
        tensor.copy_(values.view_as(tensor))


def agreed(*values: float) -> list[float]:
    """What the first process found, in all."""
    shared = torch.tensor(values, dtype=torch.float64)
    if place()[1] > 1:
        dist.broadcast(shared, 0)
    return shared.tolist()
