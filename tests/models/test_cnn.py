"""Table 1, layer by layer, and the laws of the masked branch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from covsearch.config import FeatureConfig, ModelConfig
from covsearch.errors import UsageError
from covsearch.models import BRANCHES, Siamese, branch_class
from covsearch.models.cnn import CHANNELS, ResidualCNN


def branch(pooling: str = "masked", features: str = "hpcp", norm: str = "batch", seed: int = 0) -> ResidualCNN:
    torch.manual_seed(seed)
    model = ResidualCNN(ModelConfig(pooling=pooling, norm=norm, features=FeatureConfig(features, 2000)))
    with torch.no_grad():  # running statistics of a trained network are not 0 and 1
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.uniform_(-0.3, 0.3)
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 2.0)
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("bias"):
                parameter.uniform_(-0.5, 0.5)
    return model.eval()


def conv_parameters(inputs: int, outputs: int) -> int:
    kernel3 = inputs * outputs * 3 + outputs * outputs * 3
    norms = 2 * 2 * outputs
    skip = inputs * outputs
    return kernel3 + norms + skip


@pytest.mark.parametrize(("features", "width"), [("hpcp", 12), ("hpcp+crema", 24)])
def test_parameter_count_is_table_1s(features: str, width: int) -> None:
    channels = (width, *CHANNELS)
    blocks = sum(conv_parameters(i, o) for i, o in itertools.pairwise(channels))
    dense = (512 * 512 + 512) + (512 * 128 + 128)
    head = 128 + 1
    model = Siamese(ModelConfig(features=FeatureConfig(features)))
    assert sum(p.numel() for p in model.parameters()) == blocks + dense + head


def test_parameter_count_as_a_number() -> None:
    assert sum(p.numel() for p in Siamese(ModelConfig()).parameters()) == 765_057


def test_every_layer_has_table_1s_shape() -> None:
    model = branch("unmasked", "hpcp+crema")
    shapes = []
    for block in model.blocks:
        block.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out[0].shape)))
    for layer in (model.pooling, model.dense1, model.dense2):
        layer.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape)))
    vectors = model(torch.rand(3, 2000, 24), torch.full((3,), 2000))
    assert shapes == [
        (3, 32, 500),
        (3, 64, 125),
        (3, 128, 31),
        (3, 256, 7),
        (3, 512),
        (3, 512),
        (3, 128),
    ]
    assert vectors.shape == (3, 128)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


def test_dropout_rates_and_kernels_are_table_1s() -> None:
    model = branch()
    assert model.dropout.p == 0.3
    for block in model.blocks:
        assert (block.conv1.kernel_size, block.conv1.stride, block.conv1.padding) == ((3,), (1,), (1,))
        assert (block.conv2.kernel_size, block.conv2.stride, block.conv2.padding) == ((3,), (1,), (1,))
        assert (block.pool.kernel_size, block.pool.stride) == (4, 4)
        assert block.dropout.p == 0.2


def test_a_block_against_a_slow_oracle() -> None:
    """Convolutions written out with numpy, evaluation mode."""
    block = branch().blocks[0]
    x = torch.rand(1, 12, 8, generator=torch.Generator().manual_seed(3))
    got = block(x, None)[0].detach().numpy()[0]

    def conv(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        k = weight.shape[2]
        padded = np.pad(x, ((0, 0), (k // 2, k // 2)))
        return np.stack(
            [[(weight[o] * padded[:, t : t + k]).sum() for t in range(x.shape[1])] for o in range(len(weight))]
        )

    def norm(x: np.ndarray, layer: torch.nn.BatchNorm1d) -> np.ndarray:
        mean, var = layer.running_mean.numpy()[:, None], layer.running_var.numpy()[:, None]
        scale, shift = layer.weight.detach().numpy()[:, None], layer.bias.detach().numpy()[:, None]
        return (x - mean) / np.sqrt(var + layer.eps) * scale + shift

    def weight(layer: torch.nn.Conv1d) -> np.ndarray:
        return layer.weight.detach().numpy().astype(np.float64)

    first = np.maximum(norm(conv(x[0].numpy(), weight(block.conv1)), block.norm1), 0)
    second = norm(conv(first, weight(block.conv2)), block.norm2) + conv(x[0].numpy(), weight(block.skip))
    pooled = np.maximum(second, 0).reshape(32, 2, 4).max(2)
    np.testing.assert_allclose(got, pooled, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(length=st.integers(1, 700), extra=st.integers(0, 900), norm=st.sampled_from(["batch", "group"]))
def test_masked_embedding_ignores_padding(length: int, extra: int, norm: str) -> None:
    model = branch(norm=norm)
    frames = torch.rand(1, length, 12, generator=torch.Generator().manual_seed(length))
    padded = torch.nn.functional.pad(frames, (0, 0, 0, extra))
    with torch.inference_mode():
        alone = model(frames, torch.tensor([length]))
        longer = model(padded, torch.tensor([length]))
    torch.testing.assert_close(alone, longer, atol=1e-5, rtol=0)


def test_masked_embedding_ignores_what_is_behind_the_length() -> None:
    model = branch()
    frames = torch.rand(1, 300, 12)
    garbage = frames.clone()
    garbage[:, 200:] = 7.0
    with torch.inference_mode():
        torch.testing.assert_close(model(garbage, torch.tensor([200])), model(frames[:, :200], torch.tensor([200])))


@settings(max_examples=10, deadline=None)
@given(lengths=st.lists(st.integers(1, 600), min_size=2, max_size=5))
def test_masked_embedding_is_the_same_alone_or_in_a_batch(lengths: list[int]) -> None:
    model = branch()
    tracks = [torch.rand(n, 12, generator=torch.Generator().manual_seed(n)) for n in lengths]
    batch = torch.nn.utils.rnn.pad_sequence(tracks, batch_first=True)
    with torch.inference_mode():
        together = model(batch, torch.tensor(lengths))
        alone = torch.cat([model(t[None], torch.tensor([len(t)])) for t in tracks])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_unmasked_embedding_depends_on_padding() -> None:
    """The report's baseline has the flaw that its name admits."""
    model = branch("unmasked")
    frames = torch.rand(1, 500, 12)
    with torch.inference_mode():
        short = model(frames, torch.tensor([500]))
        padded = model(torch.nn.functional.pad(frames, (0, 0, 0, 1500)), torch.tensor([500]))
    assert (short - padded).abs().max() > 1e-3


def test_masked_equals_unmasked_when_nothing_is_padded() -> None:
    masked, unmasked = branch("masked"), branch("unmasked")
    frames, lengths = torch.rand(2, 512, 12), torch.tensor([512, 512])
    with torch.inference_mode():
        torch.testing.assert_close(masked(frames, lengths), unmasked(frames, lengths), atol=1e-5, rtol=0)


def test_masked_training_step_does_not_see_padding() -> None:
    """Batch statistics too: the gradient is the same however far the batch is padded."""
    frames, lengths = torch.rand(3, 256, 12), torch.tensor([256, 200, 90])
    gradients = []
    for extra in (0, 512):
        model = branch().train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model(torch.nn.functional.pad(frames, (0, 0, 0, extra)), lengths)[:, 0].sum().backward()
        gradients.append(model.blocks[0].conv1.weight.grad.clone())
        gradients.append(model.blocks[0].norm1.running_var.clone())
    torch.testing.assert_close(gradients[0], gradients[2], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(gradients[1], gradients[3], atol=1e-6, rtol=1e-5)


def test_batches_are_padded_to_what_the_pooling_needs() -> None:
    assert branch("masked").batch_frames([10, 300]) == 512
    assert branch("masked").batch_frames([256]) == 256
    assert branch("unmasked").batch_frames([10, 300]) == 2000


def test_unknown_branch_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"model must be one of .*cnn.*, not 'rnn'"):
        branch_class("rnn")
    assert "cnn" in BRANCHES
