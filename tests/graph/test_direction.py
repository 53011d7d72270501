from __future__ import annotations

import pytest
import torch

from grapevine import graph as G

peer = pytest.importorskip("torch_geometric.utils")


@pytest.mark.parametrize("reduce", ["add", "mean", "min", "max", "mul"])
def test_to_undirected(graph, same, reduce):
    for args in ((), (None,), (graph.weight,), ([graph.weight, graph.attr],)):
        for num_nodes in (None, graph.num_nodes):
            same(
                G.to_undirected(graph.edge_index, *args, num_nodes=num_nodes, reduce=reduce),
                peer.to_undirected(graph.edge_index, *args, num_nodes=num_nodes, reduce=reduce),
            )


def test_to_undirected_with_num_nodes_in_the_place_of_attributes(graph, same):
    same(
        G.to_undirected(graph.edge_index, graph.num_nodes),
        peer.to_undirected(graph.edge_index, graph.num_nodes),
    )


def test_is_undirected(graph):
    both = G.to_undirected(graph.edge_index, graph.weight)
    loops = torch.arange(graph.num_nodes).expand(2, -1)
    for edge_index, attr in (
        (graph.edge_index, None),
        (graph.edge_index, graph.weight),
        (graph.edge_index, [graph.attr, graph.weight]),
        (both[0], None),
        both,
        (both[0], torch.arange(both[0].size(1))),
        (loops, None),
    ):
        assert G.is_undirected(edge_index, attr) == peer.is_undirected(edge_index, attr)
        assert G.is_undirected(edge_index, attr, graph.num_nodes) == peer.is_undirected(
            edge_index, attr, graph.num_nodes
        )


def test_is_undirected_counts_parallel_edges():
    assert not G.is_undirected(torch.tensor([[0, 0, 1, 2, 2, 1], [1, 1, 0, 1, 1, 2]]))
    assert G.is_undirected(torch.tensor([[0, 0, 1, 1], [1, 1, 0, 0]]))
