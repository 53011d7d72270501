from __future__ import annotations

import pytest
import torch

from grapevine import graph as G
from grapevine.errors import GraphValueError

peer = pytest.importorskip("torch_geometric.utils")


def both(name, *args, **kwargs):
    """Both implementations draw in the same way, so the same seed gives the same result."""
    outs = []
    for module in (G, peer):
        torch.manual_seed(11)
        outs.append(getattr(module, name)(*args, **kwargs))
    return outs


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("training", [True, False])
def test_dropout_edge_and_node(graph, same, p, training):
    for undirected in (True, False):
        same(*both("dropout_edge", graph.edge_index, p, undirected, training))
    for relabel in (True, False):
        same(*both("dropout_node", graph.edge_index, p, graph.num_nodes, training, relabel))


@pytest.mark.parametrize("undirected", [True, False])
def test_dropout_adj_is_deprecated(graph, same, undirected):
    with pytest.warns(UserWarning, match="'dropout_adj' is deprecated, use 'dropout_edge' instead"):
        same(*both("dropout_adj", graph.edge_index, graph.weight, 0.4, undirected))


@pytest.mark.parametrize("mode", ["row", "col", "all"])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_mask_feature(same, mode, p):
    x = torch.rand(6, 4)
    for training in (True, False):
        same(*both("mask_feature", x, p, mode, -1.0, training))
    with pytest.raises(GraphValueError, match="expected mode 'row', 'col' or 'all', got 'node'"):
        G.mask_feature(x, mode="node")


@pytest.mark.parametrize("undirected", [True, False])
def test_add_random_edge(nonempty, undirected):
    torch.manual_seed(0)
    edge_index = G.to_undirected(nonempty.edge_index)
    out, added = G.add_random_edge(edge_index, 0.5, undirected, nonempty.num_nodes)
    assert torch.equal(out, torch.cat([edge_index, added], dim=1))
    assert added.size(1) == round(0.5 * edge_index.size(1)) // (1 + undirected) * (1 + undirected)
    assert G.coalesce(out).size(1) == out.size(1)
    assert not undirected or G.is_undirected(out)
    for kwargs in ({"p": 0.0}, {"training": False}):
        out, added = G.add_random_edge(edge_index, **kwargs)
        assert out is edge_index and added.shape == (2, 0) and added.dtype == torch.int64
    out, added = G.add_random_edge(torch.tensor([[0, 1], [5, 6]]), 1.0, num_nodes=(2, 7))
    assert added.shape == (2, 2) and int(added[0].max()) < 2
    with pytest.raises(GraphValueError, match="expected an int num_nodes with force_undirected=True"):
        G.add_random_edge(edge_index, force_undirected=True, num_nodes=(20, 20))


def test_shuffle_node(same):
    x = torch.arange(12.0).view(6, 2)
    same(*both("shuffle_node", x))
    same(*both("shuffle_node", x, training=False))
    torch.manual_seed(0)
    batch = torch.tensor([0, 0, 0, 1, 1, 3])
    seen = set()
    for _ in range(200):
        out, perm = G.shuffle_node(x, batch)
        assert torch.equal(out, x[perm])
        assert torch.equal(batch[perm], batch)
        assert perm.sort()[0].tolist() == list(range(6))
        seen.add(tuple(perm.tolist()))
    assert len(seen) == 3 * 2 * 2 * 1  # 3! orders of the first graph, 2! of the second


def walked(edge_index, mask):
    return set(map(tuple, edge_index[:, ~mask].t().tolist()))


def test_dropout_path_follows_paths():
    torch.manual_seed(0)
    chain = torch.tensor([[5, 0, 1, 2, 3, 4], [6, 1, 2, 3, 4, 5]])
    lengths = set()
    for _ in range(50):
        out, mask = G.dropout_path(chain, p=0.1, walk_length=3)
        assert torch.equal(out, chain[:, mask])
        dropped = sorted(walked(chain, mask))
        starts = [i for i, j in dropped if (i - 1, i) not in dropped]
        if len(starts) == 1:
            lengths.add(len(dropped))
    assert lengths >= {1, 2, 3}  # of one or of overlapping walks; shorter only at the end of the chain


def test_dropout_path_limits(graph):
    for kwargs in ({"p": 0.0}, {"training": False}):
        out, mask = G.dropout_path(graph.edge_index, **kwargs)
        assert out is graph.edge_index and bool(mask.all()) and mask.numel() == out.size(1)
    torch.manual_seed(0)
    out, mask = G.dropout_path(
        graph.edge_index, p=1.0, walks_per_node=400, walk_length=2, num_nodes=graph.num_nodes
    )
    assert out.size(1) == 0 and not mask.any()


def test_dropout_path_of_sorted_edges():
    edge_index = torch.tensor([[0, 0, 1], [1, 2, 0]])
    for is_sorted in (True, False):
        torch.manual_seed(4)
        out, mask = G.dropout_path(edge_index, p=0.5, is_sorted=is_sorted)
        assert torch.equal(out, edge_index[:, mask])


@pytest.mark.parametrize(
    "name", ["dropout_edge", "dropout_node", "dropout_path", "add_random_edge", "mask_feature"]
)
@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_p_must_be_a_probability(name, p):
    with pytest.raises(GraphValueError, match=f"expected a probability p between 0 and 1, got {p}"):
        getattr(G, name)(torch.tensor([[0, 1], [1, 0]]), p=p)
