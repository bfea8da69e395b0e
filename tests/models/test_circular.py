"""Convolution by way of Fourier against the sum over pitches written out, and against torch on a padded circle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from covsearch.models.circular import CircularConv, fourier_basis

SIZES = {
    "inputs": st.integers(1, 5),
    "outputs": st.integers(1, 5),
    "kernel": st.sampled_from([1, 3, 5]),
    "stride": st.integers(1, 2),
    "frames": st.integers(1, 20),
}


def on_a_padded_circle(conv: CircularConv, x: torch.Tensor) -> torch.Tensor:
    circle = F.pad(x.transpose(1, 2), (0, 0, 5, 6), mode="circular")
    kernel = conv.weight.shape[3]
    return F.conv2d(circle, conv.weight, stride=(1, conv.stride), padding=(0, kernel // 2)).transpose(1, 2)


def made(inputs: int, outputs: int, kernel: int, stride: int, frames: int) -> tuple[CircularConv, torch.Tensor]:
    torch.manual_seed(frames)
    return CircularConv(inputs, outputs, kernel, stride), torch.randn(2, 12, inputs, frames)


def test_the_basis_is_orthonormal() -> None:
    basis = fourier_basis()
    torch.testing.assert_close(basis @ basis.T, torch.eye(12, dtype=torch.float64))


@pytest.mark.parametrize("stride", [1, 2])
def test_equals_the_sum_written_out(stride: int) -> None:
    """Pitch p of the output sees pitch p + d - 5 by weight d."""
    conv, x = made(2, 3, 5, stride, 8)
    weight, padded = conv.weight.detach().double().numpy(), np.pad(x.double().numpy(), ((0, 0),) * 3 + ((2, 2),))
    slow = np.zeros((2, 12, 3, 8 // stride))
    for p in range(12):
        for t in range(8 // stride):
            window = padded[..., stride * t : stride * t + 5]  # (B, 12, inputs, 5)
            for d in range(12):
                slow[:, p, :, t] += np.einsum("oik,bik->bo", weight[:, :, d], window[:, (p + d - 5) % 12])
    np.testing.assert_allclose(conv(x).detach(), slow, atol=1e-5)


@given(**SIZES)
def test_equals_torchs_on_a_padded_circle(inputs: int, outputs: int, kernel: int, stride: int, frames: int) -> None:
    conv, x = made(inputs, outputs, kernel, stride, frames)
    torch.testing.assert_close(conv(x), on_a_padded_circle(conv, x), atol=1e-5, rtol=1e-5)


@given(**SIZES)
def test_so_do_its_gradients(inputs: int, outputs: int, kernel: int, stride: int, frames: int) -> None:
    conv, x = made(inputs, outputs, kernel, stride, frames)
    x.requires_grad_()
    with torch.no_grad():
        slope = torch.randn_like(conv(x))
    ours = torch.autograd.grad(conv(x), (x, conv.weight), slope)
    theirs = torch.autograd.grad(on_a_padded_circle(conv, x), (x, conv.weight), slope)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@given(**SIZES, semitones=st.integers(-12, 12))
def test_rolls_with_its_input(inputs: int, outputs: int, kernel: int, stride: int, frames: int, semitones: int) -> None:
    conv, x = made(inputs, outputs, kernel, stride, frames)
    torch.testing.assert_close(conv(x.roll(semitones, 1)), conv(x).roll(semitones, 1), atol=1e-5, rtol=1e-5)


def test_only_the_weights_are_stored() -> None:
    conv = CircularConv(2, 3, 5)
    assert {name: tuple(value.shape) for name, value in conv.state_dict().items()} == {"weight": (3, 2, 12, 5)}
    assert conv.weight.abs().max() <= 1 / np.sqrt(2 * 12 * 5)
