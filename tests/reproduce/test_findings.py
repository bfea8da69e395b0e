"""Seeds together, against the textbook formula."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from covsearch.reproduce.findings import difference, over_seeds
from covsearch.reproduce.judged import JudgedRun
from covsearch.reproduce.page import Heading, Items, Picture, Table, Text, html, markdown
from covsearch.reproduce.plan import Run


def judged(branch: str, seed: int, noise: float) -> JudgedRun:
    rng = np.random.default_rng([seed, len(branch)])
    works = np.repeat(np.arange(30), 2)
    label = np.tile([0, 1], 30)
    score = (label + noise * rng.standard_normal(60)).astype(np.float32)
    other = np.where(label == 0, works, (works + 1) % 30)
    return JudgedRun(Run(branch, "works", seed), 1, ({},), 1, {"test": 60}, score, label, works, other, None)


def test_difference_over_seeds_is_a_paired_t_interval() -> None:
    runs = [judged(branch, seed, noise) for seed in range(5) for branch, noise in (("cnn", 1.5), ("hybrid", 0.3))]
    found = difference(runs, "works")
    values = np.array([h.auc - c.auc for c, h in zip(runs[::2], runs[1::2], strict=True)])
    half = stats.t.ppf(0.975, 4) * values.std(ddof=1) / 5**0.5
    assert found.mean == pytest.approx(values.mean())
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((values.mean() - half, values.mean() + half))
    assert [seed for seed, _, _ in found.within] == [0, 1, 2, 3, 4]
    assert found.verdict == "the quantum block is better"


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_have_no_interval(seeds: int) -> None:
    runs = [judged(branch, seed, 1.0) for seed in range(seeds) for branch in ("cnn", "hybrid")]
    found = difference(runs, "works")
    assert found.interval is None
    assert found.p is None
    assert "at least 3 are needed" in found.verdict


def test_few_test_pairs_have_no_interval() -> None:
    few = {"score": np.arange(16, dtype=np.float32), "label": np.tile([0, 1], 8)}
    works = {"work_a": np.repeat(np.arange(8), 2), "work_b": (np.repeat(np.arange(8), 2) + few["label"]) % 8}
    runs = [
        dataclasses.replace(judged(branch, seed, 1.0), **few, **works)
        for seed in range(3)
        for branch in ("cnn", "hybrid")
    ]
    runs[1] = dataclasses.replace(runs[1], score=-few["score"])
    found = difference(runs, "works")
    assert found.mean == pytest.approx((runs[1].auc - runs[0].auc) / 3)
    assert (found.interval, found.p, found.pairs) == (None, None, 16)
    assert found.verdict == "16 test pairs: no statement; at least 50 are needed"


def test_a_figure_over_seeds() -> None:
    assert str(over_seeds([0.5])) == "0.500"
    assert str(over_seeds([0.4, 0.6])) == "0.500 ± 0.141"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_no_text_becomes_markup(text: str) -> None:
    page = html(
        [Heading(text, 1), Text(text), Items((text,)), Table(text, (text,), ((text,),)), Picture("a.png", text)]
    )
    inside = page.split("<body>")[1]
    assert "<script" not in html([Text("<script>alert(1)</script>")])
    assert inside.count("<") == page_without(text).count("<")


def page_without(text: str) -> str:
    plain = "x" if text else ""
    blocks = [
        Heading(plain, 1),
        Text(plain),
        Items((plain,)),
        Table(plain, (plain,), ((plain,),)),
        Picture("a.png", plain),
    ]
    return html(blocks).split("<body>")[1]


def test_a_bar_does_not_end_a_cell() -> None:
    assert markdown([Table("t", ("a",), (("1 | 2",),))]).splitlines()[-1] == "| 1 \\| 2 |"
