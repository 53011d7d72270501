from __future__ import annotations

import pytest
import torch

from grapevine import graph as G

peer = pytest.importorskip("torch_geometric.utils")


def test_contains_isolated_nodes(graph):
    for num_nodes in (None, graph.num_nodes, graph.num_nodes + 1):
        assert G.contains_isolated_nodes(graph.edge_index, num_nodes) == peer.contains_isolated_nodes(
            graph.edge_index, num_nodes
        )


def test_a_node_with_nothing_but_a_self_loop_is_isolated():
    assert G.contains_isolated_nodes(torch.tensor([[0, 1, 2], [1, 0, 2]]))


def test_remove_isolated_nodes(graph, same):
    for attr in (None, graph.weight, graph.attr):
        for num_nodes in (None, graph.num_nodes):
            same(
                G.remove_isolated_nodes(graph.edge_index, attr, num_nodes),
                peer.remove_isolated_nodes(graph.edge_index, attr, num_nodes),
            )
