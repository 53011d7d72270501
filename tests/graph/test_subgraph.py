from __future__ import annotations

import pytest
import torch

from grapevine import graph as G
from grapevine.errors import GraphValueError

peer = pytest.importorskip("torch_geometric.utils")


@pytest.mark.parametrize("relabel", [True, False])
@pytest.mark.parametrize("with_attr", [True, False])
@pytest.mark.parametrize("form", ["list", "tensor", "mask"])
def test_subgraph(graph, same, relabel, with_attr, form):
    subset = [3, 0, 2]
    if form != "list":
        subset = torch.tensor(subset)
    if form == "mask":
        subset = G.index_to_mask(subset, graph.num_nodes)
    attr = graph.attr if with_attr else None
    for return_edge_mask in (True, False):
        kwargs = {
            "relabel_nodes": relabel,
            "num_nodes": graph.num_nodes,
            "return_edge_mask": return_edge_mask,
        }
        same(
            G.subgraph(subset, graph.edge_index, attr, **kwargs),
            peer.subgraph(subset, graph.edge_index, attr, **kwargs),
        )


def test_subgraph_of_nodes_beyond_the_edges():
    edge_index, _ = G.subgraph([7, 1, 0], torch.tensor([[0], [1]]), relabel_nodes=True)
    assert edge_index.tolist() == [[2], [1]]
    with pytest.raises(IndexError):
        G.subgraph([7, 1, 0], torch.tensor([[0], [1]]), num_nodes=2)


@pytest.mark.parametrize("relabel", [True, False])
@pytest.mark.parametrize("form", ["list", "tensor", "mask"])
def test_bipartite_subgraph(graph, same, relabel, form):
    size = (graph.num_nodes + 2, graph.num_nodes)
    subset = ([3, 0, 1], [2, 3])
    if form != "list":
        subset = tuple(torch.tensor(s) for s in subset)
    if form == "mask":
        subset = tuple(G.index_to_mask(s, n) for s, n in zip(subset, size, strict=True))
    for attr in (None, graph.weight):
        for return_edge_mask in (True, False):
            args = (subset, graph.edge_index, attr, relabel, size, return_edge_mask)
            same(G.bipartite_subgraph(*args), peer.bipartite_subgraph(*args))


def test_bipartite_subgraph_without_size(nonempty, same):
    args = ([3, 0, 1], [2, 3]), nonempty.edge_index
    same(G.bipartite_subgraph(*args, relabel_nodes=True), peer.bipartite_subgraph(*args, relabel_nodes=True))


@pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])
@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("relabel", [True, False])
@pytest.mark.parametrize("num_hops", [0, 1, 2, 5])
@pytest.mark.parametrize("centre", [2, [3, 0], torch.tensor([1, 3, 1])], ids=str)
def test_k_hop_subgraph(graph, same, centre, num_hops, relabel, directed, flow):
    args = (centre, num_hops, graph.edge_index, relabel, graph.num_nodes, flow, directed)
    same(G.k_hop_subgraph(*args), peer.k_hop_subgraph(*args))


def test_k_hop_subgraph_of_an_isolated_node():
    nodes, edge_index, place, mask = G.k_hop_subgraph(4, 2, torch.tensor([[0, 1], [1, 0]]))
    assert nodes.tolist() == [4] and place.tolist() == [0]
    assert edge_index.shape == (2, 0) and not mask.any()


def test_k_hop_subgraph_refuses_an_unknown_flow():
    with pytest.raises(GraphValueError, match=r"expected flow 'source_to_target'.*got 'sideways'"):
        G.k_hop_subgraph(0, 1, torch.tensor([[0], [1]]), flow="sideways")
