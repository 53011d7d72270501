"""Attention from compressed graphs: the numbers of GATConv."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.peer import SQUARE, Graph, assert_same_as_peer
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn import FusedGATConv

pyg = pytest.importorskip("torch_geometric.nn")


@pytest.mark.parametrize("graph", SQUARE, ids=str)
@pytest.mark.parametrize("options", [{"heads": 2}, {"concat": False, "heads": 3, "bias": False}])
def test_same_as_gat_of_the_peer(graph: Graph, options: dict[str, Any]) -> None:
    size = (graph.num_src, graph.num_src)

    class Called(torch.nn.Module):
        def __init__(self, conv: Any) -> None:
            super().__init__()
            self.conv = conv

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            if isinstance(self.conv, FusedGATConv):
                return self.conv(x, *self.conv.to_graph_format(edge_index, size))
            return self.conv(x, edge_index)

    ours, theirs = (
        FusedGATConv(6, 4, add_self_loops=False, **options),
        pyg.GATConv(6, 4, add_self_loops=False, **options),
    )
    assert_same_as_peer(Called(ours), Called(theirs), graph.features(6), graph.edge_index)


def test_format() -> None:
    graph = SQUARE[0]
    for size in (None, (8, 8)):
        for mine, other in zip(
            FusedGATConv.to_graph_format(graph.edge_index, size),
            pyg.FusedGATConv.to_graph_format(graph.edge_index, size),
        ):
            for a, b in zip(
                *(each if isinstance(each, tuple) else (each,) for each in (mine, other)), strict=True
            ):
                assert a.dtype == b.dtype == torch.int32 and a.shape == b.shape
    (rowptr, col), (row, colptr), perm = FusedGATConv.to_graph_format(graph.edge_index, (8, 8))
    src = torch.arange(8).repeat_interleave(rowptr.diff())
    dst = torch.arange(8).repeat_interleave(colptr.diff())
    edges = sorted(graph.edge_index.t().tolist())
    assert sorted(torch.stack([src, col], 1).tolist()) == sorted(torch.stack([row, dst], 1).tolist()) == edges
    assert torch.equal(col[perm], dst.int()) and torch.equal(src.int()[perm], row)


def test_refusals() -> None:
    with pytest.raises(GraphValueError, match="add_self_loops"):
        FusedGATConv(4, 4)
    with pytest.raises(GraphValueError, match="edge_dim"):
        FusedGATConv(4, 4, add_self_loops=False, edge_dim=2)
