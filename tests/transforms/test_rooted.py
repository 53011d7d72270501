"""The surroundings of each node: the peer's for hops, and what walks can reach."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine.data import Batch, Data
from grapevine.transforms import RootedEgoNets, RootedRWSubgraph
from tests.transforms.peer import to_peer

theirs = pytest.importorskip("torch_geometric.transforms")
pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant checks", "ignore:Sparse CSC")  # the peer's
KEYS = ("sub_edge_index", "n_id", "e_id", "n_sub_batch", "e_sub_batch")


def graph(num_nodes: int, num_edges: int, seed: int) -> Data:
    generator = torch.Generator().manual_seed(seed)
    edge_index = torch.randint(num_nodes, (2, num_edges), generator=generator)
    x, weight = torch.rand(num_nodes, 3, generator=generator), torch.rand(num_edges, generator=generator)
    return Data(x=x, edge_index=edge_index, edge_weight=weight, y=torch.tensor([seed]))


GRAPHS = [graph(7, 12, 0), graph(4, 0, 1), graph(5, 9, 2)]


def assert_same(mine: Any, other: Any) -> None:
    mine, other = mine.to_dict(), other.to_dict()
    assert set(mine) == set(other)
    for key, value in other.items():
        assert torch.equal(mine[key], value) if isinstance(value, torch.Tensor) else mine[key] == value, key


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_hops(hops: int) -> None:
    transform, peer = RootedEgoNets(hops), theirs.RootedEgoNets(hops)
    assert repr(transform) == repr(peer)
    for data in GRAPHS:
        mine, other = transform(data), peer(to_peer(data))
        assert_same(mine, other)
        assert_same(mine.map_data(), other.map_data())
    batch = Batch.from_data_list([transform(data) for data in GRAPHS])
    from torch_geometric.data import Batch as PeerBatch

    other = PeerBatch.from_data_list([peer(to_peer(data)) for data in GRAPHS])
    for key in KEYS:
        assert torch.equal(batch[key], other[key]), key


def test_walks() -> None:
    assert repr(RootedRWSubgraph(3)) == repr(theirs.RootedRWSubgraph(3))
    ring = Data(edge_index=torch.stack([torch.arange(6), (torch.arange(6) + 1) % 6]), x=torch.arange(6.0))
    out = RootedRWSubgraph(walk_length=2)(ring)
    for node in range(6):
        assert sorted(out.n_id[out.n_sub_batch == node].tolist()) == sorted((node + k) % 6 for k in range(3))
        assert sorted(out.e_id[out.e_sub_batch == node].tolist()) == sorted((node + k) % 6 for k in range(2))
    assert torch.equal(out.map_data().x, ring.x[out.n_id])
    torch.manual_seed(0)
    data = GRAPHS[0]
    once, often = RootedRWSubgraph(2)(data), RootedRWSubgraph(2, repeat=50)(data)
    whole = RootedEgoNets(2)(Data(edge_index=data.edge_index.flip(0), num_nodes=7))
    pairs = [set(zip(each.n_sub_batch.tolist(), each.n_id.tolist())) for each in (once, often, whole)]
    assert pairs[0] < pairs[2] and pairs[1] == pairs[2]
