"""RFdiffusion's graph builders, edge for edge."""

from __future__ import annotations

import pytest
import torch

import grapevine as gv
from grapevine.errors import GraphValueError
from grapevine.nn.equivariant import PointGraph, make_full_graph, make_topk_graph
from tests.nn.equivariant.golden import golden

NAMES = (
    "full", "full_dup", "topk16_kmin32", "topk16_kmin9", "topk8_kmin3", "topk4_kmin1", "topk64_kmin32", "topk48_kmin1",
    "topk47_kmin1",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_edges_and_their_order(name: str) -> None:
    data = golden("graphs.pt")["data"]
    expected = data["cases"][name]
    idx = data["idx_dup" if name.endswith("dup") else "idx"]
    if name.startswith("full"):
        graph, feats = make_full_graph(data["xyz"], data["pair"], idx)
    else:
        top_k, kmin = (int(part) for part in name.removeprefix("topk").split("_kmin"))
        graph, feats = make_topk_graph(data["xyz"], data["pair"], idx, top_k, kmin)
    assert graph.num_nodes() == int(expected["num_nodes"])
    for ours, end in zip(graph.edges(), ("src", "dst"), strict=True):
        assert torch.equal(ours, expected[end].long())
    if "rel_pos" in expected:
        torch.testing.assert_close(graph.edata["rel_pos"], expected["rel_pos"], rtol=0, atol=1e-6)
        assert torch.equal(feats.squeeze(-1), expected["edge_feat"])
    assert graph.batch_num_nodes().tolist() == [48, 48]


def test_short_chains_without_self_loops() -> None:
    idx = torch.arange(5).view(1, 5)
    xyz, pair = torch.randn(1, 5, 3, requires_grad=True), torch.randn(1, 5, 5, 2)
    with_loops, _ = make_topk_graph(xyz, pair, idx, top_k=8, kmin=1)
    without, _ = make_topk_graph(xyz, pair, idx, top_k=8, kmin=1, self_loops=False)
    assert (with_loops.num_edges(), without.num_edges()) == (25, 20)
    without.edata["rel_pos"].square().sum().backward()
    assert xyz.grad.abs().sum() > 0


def test_refusals() -> None:
    xyz, pair, idx = torch.randn(1, 5, 3), torch.randn(1, 5, 5, 2), torch.arange(5).view(1, 5)
    with pytest.raises(GraphValueError, match="C-alpha"):
        make_full_graph(xyz.unsqueeze(2), pair, idx)
    with pytest.raises(GraphValueError, match="idx"):
        make_topk_graph(xyz, pair[:, :4], idx)
    with pytest.raises(GraphValueError, match="rel_pos"):
        PointGraph(gv.Edges(torch.tensor([[0], [1]]), num_nodes=2), torch.zeros(2, 3))
    with pytest.raises(GraphValueError, match="batch_num_nodes"):
        PointGraph(gv.Edges(torch.tensor([[0], [1]]), num_nodes=2), torch.zeros(1, 3), torch.tensor([3]))
