"""Reversible layers: the peer's numbers, and the memory that they give back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.peer import SQUARE, assert_close, normal
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn import GCNConv, GroupAddRev, SAGEConv

pyg = pytest.importorskip("torch_geometric.nn")
GRAPH = SQUARE[0]


def gradients(layers: Any, x: Tensor, *args: Any, passes: int = 1) -> list[Tensor]:
    """Of the input and of all parameters, for a stack between two linear maps."""
    x = x.clone().requires_grad_()
    first = torch.nn.Linear(8, 8, dtype=x.dtype)
    torch.nn.init.eye_(first.weight)
    torch.nn.init.zeros_(first.bias)
    h = first(x)
    for layer in layers:
        h = layer(h, *args)
    wanted = [x, first.weight, *(p for layer in layers for p in layer.parameters())]
    for again in range(passes, 0, -1):
        found = torch.autograd.grad(h.sin().sum(), wanted, retain_graph=again > 1)
    return [h.detach(), *found]


@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize("make", [lambda nn, c: nn.SAGEConv(c, c), lambda nn, c: nn.GCNConv(c, c)])
def test_same_as_peer(make: Any, groups: int) -> None:
    import torch_geometric.nn as nn

    import grapevine.nn as ours_nn

    def stack(library: Any, disable: bool) -> list[torch.nn.Module]:
        torch.manual_seed(1)
        return [
            library.GroupAddRev(make(library, 8 // groups), num_groups=groups, disable=disable).double()
            for _ in range(3)
        ]

    x = GRAPH.features(8).double()
    theirs, ours, kept = stack(nn, True), stack(ours_nn, False), stack(ours_nn, True)
    for a, b in zip(ours, theirs, strict=True):
        assert list(a.state_dict()) == list(b.state_dict())
        b.load_state_dict(a.state_dict())
    for a, b in zip(kept, theirs, strict=True):
        a.load_state_dict(b.state_dict())
    expected = gradients(theirs, x, GRAPH.edge_index)
    for layers in (ours, kept):
        for value, wanted in zip(gradients(layers, x, GRAPH.edge_index), expected, strict=True):
            assert_close(value, wanted, float(expected[1].abs().max()))
    assert repr(ours[0]) == repr(theirs[0])
    assert_close(ours[0].inverse(ours[0](x, GRAPH.edge_index), GRAPH.edge_index), x)


class Scaled(SAGEConv):
    """With a mask, and with weights that learn."""

    def forward(self, x: Tensor, edge_index: Tensor, mask: Tensor, scale: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x * mask * scale, edge_index)


def test_arguments_are_cut_and_learn() -> None:
    torch.manual_seed(0)
    layer = GroupAddRev(torch.nn.ModuleList(Scaled(4, 4) for _ in range(2)), num_bwd_passes=2).double()
    assert layer.num_groups == 2
    layer.reset_parameters()
    mask, scale = (normal(8, 8) > 0).double(), torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    found = []
    for disable in (False, True):
        layer.disable = disable
        found.append(gradients([layer], GRAPH.features(8).double(), GRAPH.edge_index, mask, scale, passes=2))
        h = layer(GRAPH.features(8).double(), GRAPH.edge_index, mask, scale)
        found[-1] += torch.autograd.grad(h.sin().sum(), scale)
    for value, wanted in zip(*found, strict=True):
        assert_close(value, wanted, 10.0)


def test_memory_is_given_back() -> None:
    torch.manual_seed(0)
    layers = [GroupAddRev(GCNConv(4, 4), num_groups=2) for _ in range(4)]
    leaf = GRAPH.features(8).requires_grad_()
    steps = [leaf, leaf * 1.0]
    for layer in layers:
        steps.append(layer(steps[-1], GRAPH.edge_index))
    sizes = [step.untyped_storage().nbytes() for step in steps]
    assert sizes == [256, 0, 0, 0, 0, 256]
    last = steps[-1].detach().clone()
    steps[-1].sum().backward()
    assert [step.untyped_storage().nbytes() for step in steps] == [256] * 6
    assert_close(steps[1], leaf * 1.0)
    assert torch.equal(steps[-1], last)
    with torch.no_grad():
        x = leaf * 1.0
        layers[0](x, GRAPH.edge_index)
        assert x.untyped_storage().nbytes() == 256
    part = (leaf * 1.0)[:4]
    with pytest.raises(GraphValueError, match="num_bwd_passes"):
        out = layers[0](part, torch.tensor([[0, 1], [1, 2]])).sum()
        out.backward(retain_graph=True)
        out.backward()


def test_refusals() -> None:
    with pytest.raises(GraphValueError, match="two groups"):
        GroupAddRev(GCNConv(4, 4))
    with pytest.raises(GraphValueError, match="divide"):
        GroupAddRev(GCNConv(4, 4), num_groups=3)(GRAPH.features(8), GRAPH.edge_index)
