from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from grapevine import graph as G
from grapevine.errors import GraphValueError

peer = pytest.importorskip("torch_geometric.utils")


@pytest.mark.parametrize("directed", [True, False])
def test_erdos_renyi_is_a_proper_graph(directed):
    edge_index = G.erdos_renyi_graph(60, 0.3, directed)
    assert edge_index.dtype == torch.int64
    assert not G.contains_self_loops(edge_index)
    assert torch.equal(edge_index, G.coalesce(edge_index))
    assert G.is_undirected(edge_index) is not directed
    assert int(edge_index.max()) < 60


@pytest.mark.parametrize("directed", [True, False])
def test_erdos_renyi_limits(directed):
    assert G.erdos_renyi_graph(6, 0.0, directed).shape == (2, 0)
    assert torch.equal(G.erdos_renyi_graph(6, 1.0, directed), peer.erdos_renyi_graph(6, 1.0, directed))
    for num_nodes in (0, 1):
        assert G.erdos_renyi_graph(num_nodes, 0.5, directed).shape == (2, 0)


@pytest.mark.parametrize("directed", [True, False])
def test_erdos_renyi_has_binomially_many_edges(directed):
    n, p, rounds = 30, 0.2, 400
    total = n * (n - 1) // (1 if directed else 2)
    counts = torch.tensor([G.erdos_renyi_graph(n, p, directed).size(1) for _ in range(rounds)]).double()
    counts = counts if directed else counts / 2
    deviation = math.sqrt(total * p * (1 - p))
    assert abs(float(counts.mean()) - total * p) < 4 * deviation / math.sqrt(rounds)
    assert 0.85 < float(counts.std()) / deviation < 1.15


def test_erdos_renyi_treats_all_pairs_alike():
    n, rounds = 6, 2000
    seen = sum(G.to_dense_adj(G.erdos_renyi_graph(n, 0.3), max_num_nodes=n)[0] for _ in range(rounds))
    off_diagonal = seen[~torch.eye(n, dtype=torch.bool)] / rounds
    assert float((off_diagonal - 0.3).abs().max()) < 4 * math.sqrt(0.3 * 0.7 / rounds)


def test_a_large_sparse_graph_needs_no_matrix():
    edge_index = G.erdos_renyi_graph(1_000_000, 1e-8)
    assert 8_000 < edge_index.size(1) < 12_000


@pytest.mark.parametrize("directed", [True, False])
def test_blocks(directed):
    sizes = [20, 30, 10]
    probs = [[0.5, 0.1, 0.0], [0.1, 0.4, 1.0], [0.0, 1.0, 0.2]]
    edge_index = G.stochastic_blockmodel_graph(sizes, probs, directed)
    assert torch.equal(edge_index, G.coalesce(edge_index)) and not G.contains_self_loops(edge_index)
    assert directed or G.is_undirected(edge_index)
    block = torch.arange(3).repeat_interleave(torch.tensor(sizes))
    seen = torch.bincount(3 * block[edge_index[0]] + block[edge_index[1]], minlength=9).view(3, 3)
    for a in range(3):
        for b in range(3):
            total = sizes[a] * (sizes[b] - (a == b))
            p = probs[a][b]
            effective = total if directed or a != b else total / 2
            spread = math.sqrt(p * (1 - p) / effective)
            assert abs(float(seen[a, b]) / total - p) <= 4 * spread


def test_blocks_errors():
    with pytest.raises(GraphValueError, match="expected B block sizes"):
        G.stochastic_blockmodel_graph([2, 3], [[0.5]])
    with pytest.raises(GraphValueError, match=r"expected symmetric edge_probs.*directed=True"):
        G.stochastic_blockmodel_graph([2, 3], [[0.5, 0.1], [0.2, 0.5]])
    with pytest.raises(GraphValueError, match="expected edge probabilities between 0 and 1"):
        G.erdos_renyi_graph(4, 1.5)


def test_barabasi_albert():
    np.random.seed(0)  # noqa: NPY002 - which the peer draws from
    n, m = 500, 3
    edge_index = G.barabasi_albert_graph(n, m)
    assert G.is_undirected(edge_index) and not G.contains_self_loops(edge_index)
    assert torch.equal(edge_index, G.coalesce(edge_index)) and int(edge_index.max()) < n
    assert edge_index.size(1) <= 2 * (m + (n - m) * m)
    ours = [float(torch.bincount(G.barabasi_albert_graph(n, m)[0]).max()) for _ in range(30)]
    theirs = [float(torch.bincount(peer.barabasi_albert_graph(n, m)[0]).max()) for _ in range(30)]
    assert 0.7 < sum(ours) / sum(theirs) < 1.4  # the hubs grow alike
    size = [sum(module.barabasi_albert_graph(n, m).size(1) for _ in range(10)) for module in (G, peer)]
    assert 0.98 < size[0] / size[1] < 1.02
    for args in ((5, 0), (5, 5)):
        with pytest.raises(GraphValueError, match="expected 0 < num_edges < num_nodes"):
            G.barabasi_albert_graph(*args)


def test_random_graphs_are_seeded():
    for make in (
        lambda: G.erdos_renyi_graph(40, 0.2),
        lambda: G.barabasi_albert_graph(40, 2),
        lambda: G.stochastic_blockmodel_graph([9, 8], [[0.5, 0.2], [0.2, 0.5]]),
    ):
        outs = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            outs.append(make())
        assert torch.equal(outs[0], outs[1]) and not torch.equal(outs[0], outs[2])


@pytest.mark.parametrize("height, width", [(1, 1), (1, 4), (4, 1), (2, 2), (2, 3), (5, 4)])
@pytest.mark.parametrize("dtype", [None, torch.float64])
def test_grid(same, height, width, dtype):
    same(G.grid(height, width, dtype), peer.grid(height, width, dtype))
