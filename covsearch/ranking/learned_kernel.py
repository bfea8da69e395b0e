"""The learned aligner's network, compiled: matrices of two performances -> one number, without torch.

No result depends on threads or on other pairs, and none of the functions holds the interpreter's lock. Silence and
short performances are no special case here.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from covsearch.aligner_config import TOP
from covsearch.compiled import compiled

UNROLLED, TOGETHER = 6, 4  # rows of patches that are summed at once, for so many outputs; weights are padded to these
_TILE = 256  # outputs of a channel that are computed together: their patches stay in the cache
_STEADY = np.float32(1e-3)  # what is added to a standard deviation


@compiled()
def centred(units: NDArray[np.float32]) -> NDArray[np.float32]:
    """F times whole-numbered frames (L, F), less the sum of each: centred, and exact."""
    rows, width = units.shape
    out = np.empty((rows, width), np.float32)
    for i in range(rows):
        total = np.float32(0)
        for f in range(width):
            total += units[i, f]
        for f in range(width):
            out[i, f] = np.float32(width) * units[i, f] - total
    return out


@compiled(nogil=True)
def normalised(similarity: NDArray[np.int16], channels: int) -> NDArray[np.float32]:
    """A similarity matrix (M, L) as the network sees it: as it is; of 3 channels, standardised too.

    Returns
    -------
    NDArray[float32], shape (channels, M, L)
    """
    rows, columns = similarity.shape
    unit = np.float32(1 / 32_767)
    out = np.empty((channels, rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            out[0, i, j] = np.float32(similarity[i, j]) * (np.float32(2) * unit)
    if channels == 1:
        return out
    sums, squares = np.zeros((2, max(rows, columns)), np.int64), np.zeros((2, max(rows, columns)), np.int64)
    for i in range(rows):
        for j in range(columns):
            value = np.int64(similarity[i, j])
            sums[0, i] += value
            sums[1, j] += value
            squares[0, i] += value * value
            squares[1, j] += value * value
    middle, scale = np.zeros(sums.shape, np.float32), np.zeros(sums.shape, np.float32)
    for side in range(2):
        length = columns if side == 0 else rows
        for k in range(rows if side == 0 else columns):
            mean = sums[side, k] / length
            spread = math.sqrt(max(squares[side, k] / length - mean * mean, 0.0)) * unit
            middle[side, k] = np.float32(mean * unit)
            scale[side, k] = np.float32(0.5) / (np.float32(spread) + _STEADY)
    for i in range(rows):
        for j in range(columns):
            similar = np.float32(similarity[i, j]) * unit
            out[1, i, j] = (similar - middle[0, i]) * scale[0, i]
            out[2, i, j] = (similar - middle[1, j]) * scale[1, j]
    return out


@compiled(nogil=True)
def _spread(x: NDArray[np.float32], size: int, stride: int) -> NDArray[np.float32]:
    """(C, H, W) with zeros around the edges, every `stride`-th column side by side: (C, H + size - 1, stride, W')."""
    channels, height, width = x.shape
    edge = size // 2
    across = (width - 1) // stride + 1 + (size - 1) // stride
    out = np.zeros((channels, height + 2 * edge, stride, across), np.float32)
    for c in range(channels):
        for y in range(height):
            source = x[c, y]
            for part in range(stride):
                target = out[c, y + edge, part]
                low = (edge - part + stride - 1) // stride  # the first that is inside
                high = min(across, (width - 1 + edge - part) // stride + 1)
                for j in range(low, high):
                    target[j] = source[j * stride + part - edge]
    return out


@compiled(nogil=True)
def _patches(
    spread: NDArray[np.float32], first: int, tile: int, across: int, size: int, out: NDArray[np.float32]
) -> None:
    """What the convolution sees in `tile` rows of its output, `across` wide, from `first` on; of :func:`_spread`."""
    channels, _, stride, _ = spread.shape
    for c in range(channels):
        for dy in range(size):
            for dx in range(size):
                target = out[(c * size + dy) * size + dx]
                for r in range(tile):
                    source, place = spread[c, (first + r) * stride + dy, dx % stride], r * across
                    for j in range(across):
                        target[place + j] = source[dx // stride + j]


@compiled(nogil=True, fastmath={"contract"})
def convolved(
    x: NDArray[np.float32], weight: NDArray[np.float32], bias: NDArray[np.float32], size: int, stride: int
) -> NDArray[np.float32]:
    """A convolution with zeros around the edges, then max(0, .).

    Parameters
    ----------
    x : NDArray[float32], shape (C, H, W)
    weight : NDArray[float32], shape (O', K)
        O' is O and K is C size², both padded with zeros to multiples of :data:`TOGETHER` and :data:`UNROLLED`.
    bias : NDArray[float32], shape (O,)
    size, stride : int

    Returns
    -------
    NDArray[float32], shape (O, ceil(H / stride), ceil(W / stride))
    """
    made, terms = len(bias), weight.shape[1]
    down, across = (x.shape[1] - 1) // stride + 1, (x.shape[2] - 1) // stride + 1
    out = np.empty((made, down, across), np.float32)
    tile = min(down, max(1, _TILE // across))
    spread, patches = _spread(x, size, stride), np.zeros((terms, tile * across), np.float32)
    sums = np.empty((TOGETHER, tile * across), np.float32)
    s0, s1, s2, s3 = sums[0], sums[1], sums[2], sums[3]
    for first in range(0, down, tile):
        rows = min(tile, down - first)
        _patches(spread, first, rows, across, size, patches)
        count = rows * across
        for o in range(0, made, TOGETHER):
            a, b, c, d = weight[o], weight[o + 1], weight[o + 2], weight[o + 3]
            for i in range(TOGETHER):
                sums[i, :count] = bias[o + i] if o + i < made else np.float32(0)
            for k in range(0, terms, UNROLLED):
                a0, a1, a2, a3, a4, a5 = a[k], a[k + 1], a[k + 2], a[k + 3], a[k + 4], a[k + 5]
                b0, b1, b2, b3, b4, b5 = b[k], b[k + 1], b[k + 2], b[k + 3], b[k + 4], b[k + 5]
                c0, c1, c2, c3, c4, c5 = c[k], c[k + 1], c[k + 2], c[k + 3], c[k + 4], c[k + 5]
                d0, d1, d2, d3, d4, d5 = d[k], d[k + 1], d[k + 2], d[k + 3], d[k + 4], d[k + 5]
                p0, p1, p2 = patches[k], patches[k + 1], patches[k + 2]
                p3, p4, p5 = patches[k + 3], patches[k + 4], patches[k + 5]
                for j in range(count):
                    q0, q1, q2, q3, q4, q5 = p0[j], p1[j], p2[j], p3[j], p4[j], p5[j]
                    s0[j] += a0 * q0 + a1 * q1 + a2 * q2 + a3 * q3 + a4 * q4 + a5 * q5
                    s1[j] += b0 * q0 + b1 * q1 + b2 * q2 + b3 * q3 + b4 * q4 + b5 * q5
                    s2[j] += c0 * q0 + c1 * q1 + c2 * q2 + c3 * q3 + c4 * q4 + c5 * q5
                    s3[j] += d0 * q0 + d1 * q1 + d2 * q2 + d3 * q3 + d4 * q4 + d5 * q5
            for i in range(min(TOGETHER, made - o)):
                for r in range(rows):
                    target = out[o + i, first + r]
                    for j in range(across):
                        value = sums[i, r * across + j]
                        target[j] = value if value > np.float32(0) else np.float32(0)
    return out


@compiled(nogil=True)
def pooled(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maximum, mean and mean of the :data:`TOP` greatest of each channel of (C, H, W), one after the other: (3, C)."""
    channels = len(x)
    out = np.empty((3, channels), np.float32)
    for c in range(channels):
        values = x[c].ravel()
        top = np.full(min(TOP, len(values)), -np.inf, np.float32)  # ascending
        for value in values:
            if value > top[0]:
                place = 0
                while place + 1 < len(top) and top[place + 1] < value:
                    top[place] = top[place + 1]
                    place += 1
                top[place] = value
        out[0, c], out[1, c], out[2, c] = top[-1], np.float32(values.mean()), np.float32(top.mean())
    return out
