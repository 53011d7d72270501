"""Layers that are built with -1 input channels, and checkpoints of and for them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.parameter import is_lazy

from grapevine.nn import conv
from tests.nn.peer import assert_close, normal

pyg = pytest.importorskip("torch_geometric.nn")

EDGE_INDEX = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
LAYERS: dict[str, Callable[[Any, int], Any]] = {
    "arma": lambda nn, channels: nn.ARMAConv(channels, 4, num_stacks=2, num_layers=3),
    "gmm": lambda nn, channels: nn.GMMConv(channels, 4, dim=2, kernel_size=3),
    "gmm_separate": lambda nn, channels: nn.GMMConv(channels, 4, 2, 3, separate_gaussians=True),
    "spline": lambda nn, channels: nn.SplineConv(channels, 4, dim=2, kernel_size=3),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_checkpoint_tells_the_channels(name: str) -> None:
    library = conv if name == "spline" else pyg  # whose splines need a compiled extension
    known, waiting = LAYERS[name](library, 6), LAYERS[name](conv, -1)
    copied, unsized = copy.deepcopy(waiting), copy.deepcopy(waiting.state_dict())
    assert any(is_lazy(value) for value in unsized.values())

    waiting.load_state_dict(known.state_dict())
    assert not waiting._forward_pre_hooks
    assert list(waiting.state_dict()) == list(known.state_dict())
    for key, value in known.state_dict().items():
        assert torch.equal(waiting.state_dict()[key], value), key
    inputs = [normal(4, 6), EDGE_INDEX, *([] if name == "arma" else [torch.full((4, 2), 0.3)])]
    assert_close(waiting(*inputs), known(*inputs).detach())

    assert any(is_lazy(value) for value in copied.parameters())
    assert copied(*inputs).shape == (4, 4) and not copied._forward_pre_hooks
    waiting.load_state_dict(unsized)  # waits again
    assert any(is_lazy(value) for value in waiting.parameters())
    assert waiting(*inputs).shape == (4, 4) and not any(is_lazy(value) for value in waiting.parameters())
