"""Poolings that know how many graphs there are."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch
from torch import Tensor

from grapevine import nn

pyg = pytest.importorskip("torch_geometric.nn")


class Model(torch.nn.Module):
    def __init__(self, library: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = library.SAGEConv(3, 4, aggr="max")
        self.pool = library.MeanAggregation()
        self.lin = torch.nn.Linear(4, 2)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.lin(self.pool(self.conv(x, edge_index), batch))


def test_the_number_of_graphs_is_given() -> None:
    x, edge_index, batch = torch.rand(4, 3), torch.tensor([[0, 1, 2], [1, 2, 3]]), torch.tensor([0, 0, 2, 2])
    ours, theirs = Model(nn), Model(pyg)
    fixed, expected = nn.to_fixed_size(ours, batch_size=5), pyg.to_fixed_size(theirs, batch_size=5)
    out = fixed(x, edge_index, batch)
    assert out.shape == (5, 2) and ours(x, edge_index, batch).shape == (3, 2)
    torch.testing.assert_close(out, expected(x, edge_index, batch))
    assert fixed.lin.weight is ours.lin.weight
    again = pickle.loads(pickle.dumps(fixed))
    torch.testing.assert_close(again(x, edge_index, batch), out)
