from __future__ import annotations

import pytest
import torch

from grapevine import graph as G
from grapevine.errors import GraphValueError
from grapevine.graph.sampling import sample_distinct

peer = pytest.importorskip("torch_geometric.utils")


def pairs(edge_index):
    return [tuple(pair) for pair in edge_index.t().tolist()]


def absent(graph, loops=False, columns=None):
    """All pairs that are no edge."""
    edges = set(pairs(graph.edge_index))
    columns = graph.num_nodes if columns is None else columns
    return {
        (i, j)
        for i in range(graph.num_nodes)
        for j in range(columns)
        if (loops or i != j) and (i, j) not in edges
    }


@pytest.mark.parametrize("method", ["sparse", "dense"])
@pytest.mark.parametrize("count", [None, 7, 0.5, 10_000])
def test_negatives_are_distinct_and_no_edges(graph, method, count):
    torch.manual_seed(0)
    out = pairs(G.negative_sampling(graph.edge_index, graph.num_nodes, count, method))
    num_edges = graph.edge_index.size(1)
    wanted = num_edges if count is None else int(num_edges * count) if isinstance(count, float) else count
    free = absent(graph)
    assert len(out) == len(set(out)) == min(wanted, len(free))
    assert set(out) <= free


def test_bipartite_negatives(graph):
    torch.manual_seed(0)
    out = pairs(G.negative_sampling(graph.edge_index, (graph.num_nodes, graph.num_nodes + 4), 10_000))
    assert len(out) == len(set(out))
    assert set(out) == absent(graph, loops=True, columns=graph.num_nodes + 4)


def test_undirected_negatives(graph):
    torch.manual_seed(0)
    out = G.negative_sampling(graph.edge_index, graph.num_nodes, 11, force_undirected=True)
    edges = set(pairs(graph.edge_index))
    free = {(i, j) for i, j in absent(graph) if (j, i) not in edges}
    assert set(pairs(out)) <= free
    assert out.size(1) == min(10, len(free))
    assert G.is_undirected(out)


def test_a_complete_graph_has_no_negatives():
    edge_index = G.erdos_renyi_graph(5, 1.0)
    for undirected in (True, False):
        assert G.negative_sampling(edge_index, force_undirected=undirected).shape == (2, 0)
    assert peer.negative_sampling(edge_index).shape == (2, 0)


def test_all_negatives_are_found_where_the_peer_falls_short():
    edge_index = G.erdos_renyi_graph(40, 1.0)[:, :-3]
    assert pairs(G.sort_edge_index(G.negative_sampling(edge_index, 40))) == [(39, 36), (39, 37), (39, 38)]


def test_every_negative_is_equally_likely():
    torch.manual_seed(0)
    edge_index = torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 0, 2]])
    counts = torch.zeros(4, 4)
    rounds = 3000
    for _ in range(rounds):
        row, col = G.negative_sampling(edge_index, 4, num_neg_samples=2)
        counts[row, col] += 1
    free = counts[counts > 0]
    assert free.numel() == 7
    expected = 2 * rounds / 7
    assert float(((free - expected) ** 2 / expected).sum()) < 22.5  # chi squared, 6 degrees, p = 0.001


def test_sampling_is_seeded_and_in_random_order(nonempty):
    outs = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        outs.append(G.negative_sampling(nonempty.edge_index, nonempty.num_nodes, 50))
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])
    assert not torch.equal(outs[0], G.sort_edge_index(outs[0]))


def test_the_input_stays_as_it_is(graph):
    before = graph.edge_index.clone()
    G.negative_sampling(graph.edge_index, graph.num_nodes)
    G.structured_negative_sampling(graph.edge_index, graph.num_nodes + 1)
    assert torch.equal(before, graph.edge_index)


def test_an_unknown_method_is_refused():
    edge_index = torch.tensor([[0], [1]])
    for call in (
        lambda: G.negative_sampling(edge_index, method="fast"),
        lambda: G.batched_negative_sampling(edge_index, torch.tensor([0, 0]), method="fast"),
    ):
        with pytest.raises(GraphValueError, match="expected method 'sparse' or 'dense', got 'fast'"):
            call()


def test_distinct_samples_fill_their_blocks():
    torch.manual_seed(0)
    sizes = torch.tensor([3, 0, 100, 5, 10**15])
    counts = torch.tensor([9, 4, 10, 3, 40])
    out = sample_distinct(sizes, counts)
    assert out.unique().numel() == out.numel()
    ptr = torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)])
    block = torch.searchsorted(ptr, out, right=True) - 1
    assert torch.bincount(block, minlength=5).tolist() == [3, 0, 10, 3, 40]


@pytest.mark.parametrize("count", [None, 4, 0.5])
@pytest.mark.parametrize("undirected", [True, False])
def test_batched_negatives(count, undirected):
    torch.manual_seed(0)
    sizes = [5, 1, 8, 3, 2]
    graphs = [G.erdos_renyi_graph(n, 0.5) for n in sizes]
    ptr = [sum(sizes[:i]) for i in range(len(sizes))]
    edge_index = torch.cat([g + start for g, start in zip(graphs, ptr, strict=True)], dim=1)
    batch = torch.arange(5).repeat_interleave(torch.tensor(sizes))
    out = G.batched_negative_sampling(edge_index, batch, count, force_undirected=undirected)
    assert len(set(pairs(out))) == out.size(1)
    assert torch.equal(batch[out[0]], batch[out[1]])
    assert torch.equal(batch[out[0]], batch[out[0]].sort()[0])
    assert not set(pairs(out)) & set(pairs(edge_index))
    assert bool((out[0] != out[1]).all())
    if undirected:
        assert G.is_undirected(out)
    for i, (n, g) in enumerate(zip(sizes, graphs, strict=True)):
        wanted = g.size(1) if count is None else count if isinstance(count, int) else int(count * g.size(1))
        wanted = wanted // 2 * 2 if undirected else wanted
        assert int((batch[out[0]] == i).sum()) == min(wanted, n * (n - 1) - g.size(1))


def test_batched_bipartite_negatives():
    torch.manual_seed(0)
    edge_index = torch.tensor([[0, 0, 1, 2, 3], [0, 1, 2, 3, 4]])
    batch = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 1, 1, 1])
    out = G.batched_negative_sampling(edge_index, batch, num_neg_samples=100)
    assert torch.equal(batch[0][out[0]], batch[1][out[1]])
    assert not set(pairs(out)) & set(pairs(edge_index))
    assert out.size(1) == len(set(pairs(out))) == (6 - 3) + (6 - 2)


@pytest.mark.parametrize("loops", [True, False])
def test_structured_negatives(graph, loops):
    torch.manual_seed(0)
    num_nodes = graph.num_nodes + 1
    assert G.structured_negative_sampling_feasible(graph.edge_index, num_nodes, loops)
    i, j, k = G.structured_negative_sampling(graph.edge_index, num_nodes, loops)
    assert torch.equal(torch.stack([i, j]), graph.edge_index)
    assert k.shape == i.shape and (k.numel() == 0 or (int(k.min()) >= 0 and int(k.max()) < num_nodes))
    assert not set(zip(i.tolist(), k.tolist(), strict=True)) & set(pairs(graph.edge_index))
    assert loops or not bool((i == k).any())


@pytest.mark.parametrize("loops", [True, False])
def test_structured_negatives_feasible(graph, loops):
    full = G.erdos_renyi_graph(4, 1.0)
    for edge_index in (graph.edge_index, full, G.add_self_loops(full)[0], G.add_self_loops(full[:, 3:])[0]):
        for num_nodes in (None, graph.num_nodes):
            if num_nodes is not None and edge_index.numel() > 0 and int(edge_index.max()) >= num_nodes:
                continue
            assert G.structured_negative_sampling_feasible(
                edge_index, num_nodes, loops
            ) == peer.structured_negative_sampling_feasible(edge_index, num_nodes, loops)


def test_structured_negatives_of_a_full_row_are_refused():
    edge_index = torch.tensor([[1, 1, 0], [0, 2, 1]])
    with pytest.raises(GraphValueError, match="got node 1 with edges to all"):
        G.structured_negative_sampling(edge_index, contains_neg_self_loops=False)
