from __future__ import annotations

import networkx as nx
import pytest
import torch

from grapevine import graph as G
from grapevine.errors import GraphValueError

peer = pytest.importorskip("torch_geometric.utils")


@pytest.mark.parametrize("method", ["edge", "node", "edge_insensitive"])
def test_homophily(nonempty, same, method):
    y = torch.randint(3, (nonempty.num_nodes,))
    batch = torch.arange(nonempty.num_nodes) // 10
    edge_index = nonempty.edge_index[:, batch[nonempty.edge_index[0]] == batch[nonempty.edge_index[1]]]
    for labels in (y, y.view(-1, 1)):
        same(
            torch.tensor(G.homophily(edge_index, labels, method=method)),
            torch.tensor(peer.homophily(edge_index, labels, method=method)),
        )
        same(
            G.homophily(edge_index, labels, batch, method=method),
            peer.homophily(edge_index, labels, batch, method=method),
        )
    adj = G.to_torch_coo_tensor(G.coalesce(edge_index))
    assert G.homophily(adj, y, method=method) == G.homophily(G.coalesce(edge_index), y, method=method)


def test_homophily_errors():
    edge_index = torch.tensor([[0], [1]])
    with pytest.raises(
        GraphValueError, match="expected method 'edge', 'node' or 'edge_insensitive', got 'graph'"
    ):
        G.homophily(edge_index, torch.tensor([0, 1]), method="graph")
    with pytest.raises(GraphValueError, match=r"at least two classes .* got 1"):
        G.homophily(edge_index, torch.tensor([0, 0]), method="edge_insensitive")


def test_assortativity(nonempty):
    for edge_index in (nonempty.edge_index, G.to_undirected(nonempty.edge_index)):
        assert G.assortativity(edge_index) == pytest.approx(
            peer.assortativity(edge_index), rel=1e-4, abs=1e-5
        )


def test_assortativity_of_the_karate_club():
    graph = nx.karate_club_graph()
    edge_index = G.to_undirected(torch.tensor(list(graph.edges)).t())
    expected = nx.degree_pearson_correlation_coefficient(graph)
    assert G.assortativity(edge_index) == pytest.approx(expected, rel=1e-10)
    assert G.assortativity(G.to_torch_csr_tensor(edge_index)) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("connection", ["weak", "strong"])
def test_connected_components(graph, connection):
    other = nx.MultiDiGraph(graph.edge_index.t().tolist())
    other.add_nodes_from(range(graph.num_nodes))
    find = nx.weakly_connected_components if connection == "weak" else nx.strongly_connected_components
    expected = sorted(find(other), key=len, reverse=True)
    count, label = G.connected_components(graph.edge_index, graph.num_nodes, connection)
    assert count == len(expected) and label.dtype == torch.int64
    ours = {frozenset((label == i).nonzero().view(-1).tolist()) for i in range(count)}
    assert ours == {frozenset(component) for component in expected}
    for k in (1, 3):
        mask = G.largest_connected_components(graph.edge_index, graph.num_nodes, k, connection)
        assert int(mask.sum()) == sum(len(component) for component in expected[:k])
    with pytest.raises(GraphValueError, match="expected connection 'weak' or 'strong'"):
        G.connected_components(graph.edge_index, connection="loose")


def exact_ppr(edge_index, num_nodes, alpha):
    adj = G.to_dense_adj(edge_index, max_num_nodes=num_nodes)[0].double()
    step = adj / adj.sum(dim=1, keepdim=True).clamp(min=1)
    return alpha * torch.linalg.inv(torch.eye(num_nodes, dtype=torch.float64) - (1 - alpha) * step)


@pytest.mark.parametrize("alpha", [0.1, 0.5])
@pytest.mark.parametrize("eps", [1e-3, 1e-8])
def test_ppr(graph, alpha, eps):
    edge_index, weight = G.get_ppr(graph.edge_index, alpha, eps, num_nodes=graph.num_nodes)
    assert weight.dtype == torch.float32 and torch.equal(edge_index, G.coalesce(edge_index))
    dense = G.to_dense_adj(edge_index, edge_attr=weight.double(), max_num_nodes=graph.num_nodes)[0]
    error = exact_ppr(graph.edge_index, graph.num_nodes, alpha) - dense
    degree = torch.bincount(graph.edge_index[0], minlength=graph.num_nodes).double()
    # Missing are the residuals: below eps * degree at every node, times a score of at most 1 from there.
    assert float(error.min()) > -1e-6
    assert float(error.max()) <= eps * float(degree.sum()) + 1e-6


def test_ppr_of_some_nodes(nonempty):
    full_index, full_weight = G.get_ppr(nonempty.edge_index, num_nodes=nonempty.num_nodes)
    target = torch.tensor([7, 2])
    edge_index, weight = G.get_ppr(nonempty.edge_index, target=target, num_nodes=nonempty.num_nodes)
    for node in (7, 2):
        mine, full = edge_index[0] == node, full_index[0] == node
        assert torch.equal(edge_index[1][mine], full_index[1][full])
        assert torch.equal(weight[mine], full_weight[full])
    assert edge_index[0].unique().tolist() == [2, 7]
    edge_index, weight = G.get_ppr(nonempty.edge_index, target=target[:0])
    assert edge_index.shape == (2, 0) and weight.shape == (0,)
