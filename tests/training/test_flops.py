"""Operations of a forward pass: those of attention count, whatever kernel would run them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from transformers import CLIPVisionConfig, CLIPVisionModel

import harness_ssl
import harness_supervised
from harness import MethodSpec, Stage
from harness.protocol import QUICK
from harness.runtime.resolve import resolve
from harness.training.fit.network_size import count_flops, measure_size
from harness.training.frozen.freeze import apply_stage
from tests.checkpoints import make_problem, tiny_params

SPECS: dict[str, MethodSpec] = {
    spec.name: spec
    for plugin in (harness_ssl, harness_supervised)
    for spec in plugin.harness_methods()
}
STRATEGIES = ("full", "freeze8", "linear", "lpft")
TOKENS, WIDTH, HEADS = 17, 32, 4

Make = Callable[[], nn.Module]


class Attention(nn.Module):
    """One layer of attention with a projection on each side."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        heads = (1, TOKENS, 3, HEADS, WIDTH // HEADS)
        query, key, value = self.qkv(tokens).reshape(heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).reshape(1, TOKENS, WIDTH))


class Torch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.layer(tokens, tokens, tokens, need_weights=False)[0]


def projections_and_attention() -> int:
    """Two operations per multiplication and addition: four projections of width by width, and for
    every pair of tokens a product of queries with keys and one of weights with values."""
    return 2 * TOKENS * 4 * WIDTH**2 + 2 * 2 * TOKENS**2 * WIDTH


@pytest.mark.parametrize("trains", [True, False])
@pytest.mark.parametrize("make", [Attention, Torch])
def test_attention_counts_as_the_matrix_products_that_it_is(make: Make, trains: bool) -> None:
    module = make().eval().requires_grad_(trains)
    tokens = torch.randn(1, TOKENS, WIDTH)
    assert count_flops(lambda: module(tokens)) == projections_and_attention()


def test_the_fast_path_of_an_encoder_layer_hides_nothing() -> None:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 64, batch_first=True)
    layer.eval().requires_grad_(False)
    tokens = torch.randn(1, TOKENS, WIDTH)
    feed_forward = 2 * TOKENS * 2 * WIDTH * 64
    counted = count_flops(lambda: layer(tokens))
    assert counted == projections_and_attention() + feed_forward
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("kernel", ["sdpa", "eager"])
def test_a_tower_of_clip_counts_the_same_with_either_attention(kernel: str) -> None:
    config = CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2, num_attention_heads=HEADS,
        image_size=32, patch_size=8, attn_implementation=kernel,
    )  # fmt: skip
    module = CLIPVisionModel(config).eval().requires_grad_(False)
    patches = 2 * (TOKENS - 1) * 3 * 8**2 * WIDTH
    each = projections_and_attention() + 2 * TOKENS * 2 * WIDTH * 64
    counted = count_flops(lambda: module(pixel_values=torch.randn(1, 3, 32, 32)))
    assert counted == patches + 2 * each


@pytest.mark.parametrize("encoder", ["dinov2_base", "beitv2_base"])
def test_a_network_counts_the_same_under_every_strategy(encoder: str) -> None:
    assert len({flops(f"{encoder}@{name}", tiny=True) for name in STRATEGIES}) == 1


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("vit_b_16", 35.13),
        *((f"beitv2_base@{strategy}", 35.13) for strategy in STRATEGIES),
        ("dinov2_base@full", 46.32),
        ("swin_b", 30.88),
    ],
)
def test_full_networks_have_the_operations_that_are_published(name: str, published: float) -> None:
    """In 10⁹ at 224 px, two for a multiplication and an addition. torchvision publishes 17.56
    (ViT-B/16) and 15.43 (Swin-B) multiplications."""
    assert flops(name, tiny=False) / 1e9 == pytest.approx(published, abs=0.03)


def flops(name: str, *, tiny: bool) -> int | None:
    """Counted as a cell does at its end: what the last stage freezes is frozen, in eval mode. A
    full network's tensors have shapes and no memory."""
    spec = SPECS[name]
    params = tiny_params(spec) if tiny else dict(spec.params)
    method = resolve(spec.factory)(make_problem("classification", 64 if tiny else 224), **params)
    shape = (1, 3, method.input.size, method.input.size)
    last: Stage = method.stages[-1]
    with nullcontext() if tiny else torch.device("meta"):
        module = method.build().eval()
    with nullcontext() if tiny else FakeTensorMode(allow_non_fake_inputs=True):
        if not tiny:
            module.to_empty(device="cpu")
        apply_stage(module, last)
        images = torch.zeros(shape)
        size = measure_size(module, method.stages, QUICK, lambda: method.forward(module, images))
    return size.flops_per_image
