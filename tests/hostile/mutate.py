"""A small mutation fuzzer, for machines without atheris and for the tests: no coverage, the same inputs every time."""

from __future__ import annotations

import random
from collections.abc import Sequence

WORDS = (
    b"\x00", b"\xff" * 8, b"\x7f" + b"\xff" * 3, b"\x80\x00\x00\x00", bytes(8), b"nan", b"inf", b"-1", b"1e308", b"[[",
    b"{}", b'"', b"\\ud800", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"../", b"\n", b",", b"9" * 30, b"true", b"null", b"P_1",
)  # fmt: skip


def mutate(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """One to eight random changes of `data`: bits, bytes, pieces cut, doubled, moved, put in, or taken from another."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(changed) + 1)
        length = min(rng.choice((1, 2, 4, 8, 32)), len(changed) - at)
        kind = rng.randrange(7)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(changed):
            changed[at] = rng.randrange(256)
        elif kind == 2:
            del changed[at : at + length]
        elif kind == 3:
            changed[at:at] = changed[at : at + length]
        elif kind == 4:
            word = rng.choice(WORDS)
            changed[at : at + len(word) * rng.randrange(2)] = word
        elif kind == 5:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            changed[at : at + length] = other[start : start + length]
        elif rng.random() < 0.05:
            del changed[at:]
    return bytes(changed)
