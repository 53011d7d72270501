"""Clusters of points and of neighbours, and back."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from grapevine import nn
from tests.nn.peer import SQUARE, Graph, assert_close, integers, normal, uniform

pyg = pytest.importorskip("torch_geometric.nn")


def greedy(pairs: list[tuple[float, int, int]], num_nodes: int) -> list[int]:
    """The heaviest edge first, then the heaviest that touches none of those taken."""
    cluster = list(range(num_nodes))
    taken: set[int] = set()
    for _, u, v in sorted(pairs, reverse=True):
        if u != v and not {u, v} & taken:
            taken |= {u, v}
            cluster[max(u, v)] = min(u, v)
    return cluster


@pytest.mark.parametrize("graph", SQUARE, ids=str)
def test_graclus_takes_heavy_edges_first(graph: Graph) -> None:
    weight = uniform(graph.edge_index.size(1))
    pairs = [(float(w), int(u), int(v)) for w, (u, v) in zip(weight, graph.edge_index.t(), strict=True)]
    found = nn.graclus(graph.edge_index, weight, graph.num_src)
    assert found.tolist() == greedy(pairs, graph.num_src)


@pytest.mark.parametrize("seed", range(5))
def test_graclus_leaves_no_two_single_neighbours(seed: int) -> None:
    torch.manual_seed(seed)
    edge_index = integers(60, 2, 150, seed=seed)
    cluster = nn.graclus(edge_index, num_nodes=60)
    names, counts = cluster.unique(return_counts=True)
    assert counts.max() == 2
    assert (cluster <= torch.arange(60)).all()
    joined = {frozenset(edge) for edge in edge_index.t().tolist()}
    for name in names[counts == 2].tolist():
        assert frozenset((cluster == name).nonzero().view(-1).tolist()) in joined
    single = torch.isin(cluster, names[counts == 1])
    loops = edge_index[0] == edge_index[1]
    assert not (single[edge_index].all(dim=0) & ~loops).any()
    torch.manual_seed(seed + 1)
    assert not torch.equal(nn.graclus(edge_index, num_nodes=60), cluster)  # ties are broken at random


@pytest.mark.parametrize("batch", [None, integers(3, 40).sort().values])
@pytest.mark.parametrize("size, start, end", [(0.5, None, None), ([0.5, 0.7, 2.0], -3.0, [4.0, 4.0, 4.0])])
def test_voxel_grid(batch: Tensor | None, size: float, start: float | None, end: float | None) -> None:
    pos = normal(40, 3)
    cell = nn.voxel_grid(pos, size, batch, start, end)
    first = pos.amin(dim=0) if start is None else torch.full((3,), start)
    place = ((pos - first) / torch.as_tensor(size)).floor()
    graph = torch.zeros(40) if batch is None else batch
    for i in range(40):
        same = (place == place[i]).all(dim=1) & (graph == graph[i])
        assert torch.equal(cell == cell[i], same)


def test_cells_are_counted_along_the_first_axis_first() -> None:
    pos = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 3.0], [0.0, 0.0]])
    batch = torch.tensor([0, 0, 0, 0, 0, 1])
    assert nn.voxel_grid(pos, 1.0, batch).tolist() == [0, 1, 2, 3, 11, 12]
    assert nn.voxel_grid(torch.tensor([0.0, 1.0, 7.0]), 2.0).tolist() == [0, 0, 3]


def test_knn_interpolate() -> None:
    x, pos_x, pos_y = normal(9, 4).requires_grad_(), normal(9, 3, seed=1), normal(6, 3, seed=2)
    pos_y[0] = pos_x[3]  # at a point itself its features count alone
    batch_x, batch_y = torch.tensor([0] * 5 + [1] * 4), torch.tensor([0, 0, 0, 1, 1, 1])
    out = nn.unpool.knn_interpolate(x, pos_x, pos_y, batch_x, batch_y, k=2)
    for i in range(6):
        distance = [
            math.inf if batch_x[j] != batch_y[i] else float((pos_x[j] - pos_y[i]).square().sum())
            for j in range(9)
        ]
        near = sorted(range(9), key=distance.__getitem__)[:2]
        weights = torch.tensor([1 / max(distance[j], 1e-16) for j in near])
        torch.testing.assert_close(out[i], (weights[:, None] * x[near]).sum(dim=0) / weights.sum())
    torch.testing.assert_close(out[0], x[3])
    (gradient,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(gradient.sum(dim=0), torch.full((4,), 6.0))  # weights sum up to one


def test_names_of_point_clouds() -> None:
    for name in ("fps", "knn", "knn_graph", "nearest", "radius", "radius_graph"):
        assert getattr(nn.pool, name) is getattr(nn, name)


@pytest.mark.parametrize("batch", [None, torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])])
@pytest.mark.parametrize(
    "options", [{}, {"min_score": 0.1, "multiplier": 2.0}, {"ratio": 3, "nonlinearity": "sigmoid"}]
)
def test_pan_pooling(batch: Tensor | None, options: dict[str, object]) -> None:
    """By `TopKPooling`'s own selection, on the scores of the equation; the peer needs torch_sparse."""
    graph = SQUARE[0]
    pool = nn.PANPooling(5, **options)
    torch.nn.init.uniform_(pool.p)
    _, M = nn.PANConv(5, 5, filter_size=2)(graph.features(5), graph.edge_index)
    x = graph.features(5, seed=8)
    out, edge_index, weight, of_cluster, perm, score = pool(x, M, batch)

    dense = M.to_dense()
    scores = 0.5 * x @ pool.p + 0.5 * dense.sum(dim=0)
    graphs = torch.zeros(8, dtype=torch.long) if batch is None else batch
    kept = pool.select(scores, graphs)
    assert torch.equal(perm, kept.node_index)
    assert_close(score, kept.weight)
    assert_close(out, pool.multiplier * x[perm] * score[:, None])
    assert torch.equal(of_cluster, graphs[perm])
    smaller = torch.zeros(len(perm), len(perm))
    smaller[edge_index[1], edge_index[0]] = weight.detach()
    assert_close(smaller, dense[perm][:, perm])
    assert repr(pool) == repr(pyg.PANPooling(5, **options))
    assert [n for n, _ in pool.named_parameters()] == [
        n for n, _ in pyg.PANPooling(5, **options).named_parameters()
    ]
    assert dict(pyg.PANPooling(5, **options).state_dict()).keys() == pool.state_dict().keys()
