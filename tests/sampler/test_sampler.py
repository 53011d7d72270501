"""NeighborSampler beyond what loaders show: hop semantics, directions, reverses, walks."""

from __future__ import annotations

import pytest
import torch

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphIndexError, GraphValueError
from grapevine.sampler import (
    EdgeSamplerInput,
    HeteroSamplerOutput,
    NegativeSampling,
    NeighborSampler,
    NodeSamplerInput,
    NumNeighbors,
    SamplerOutput,
    random_walk,
)
from grapevine.sampler.csc import sortable
from tests.loader.test_neighbor_loader import heterogeneous, homogeneous


def sample(sampler: NeighborSampler, nodes: list[int], key: int = 0) -> SamplerOutput:
    out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor(nodes), key=key))
    assert isinstance(out, SamplerOutput)
    return out


def test_a_key_decides() -> None:
    sampler = NeighborSampler(homogeneous(), [3, 3])
    a, b, c = (sample(sampler, [1, 2, 3], key) for key in (5, 5, 6))
    assert torch.equal(a.edge, b.edge) and not torch.equal(a.edge, c.edge)
    torch.manual_seed(0)
    inputs = NodeSamplerInput(None, torch.tensor([1, 2, 3]))
    first, second = sampler.sample_from_nodes(inputs), sampler.sample_from_nodes(inputs)
    torch.manual_seed(0)
    again = sampler.sample_from_nodes(inputs)
    assert torch.equal(first.edge, again.edge) and not torch.equal(first.edge, second.edge)


def test_dgl_expands_all_nodes_in_every_hop() -> None:
    """Blocks of the two hops: edges of hop h end in the nodes known before it."""
    data = homogeneous()
    degree = torch.bincount(data.edge_index[1], minlength=80)
    out = sample(NeighborSampler(data, [3, 2], expand="all"), list(range(10)))
    known = torch.tensor(out.num_sampled_nodes).cumsum(0).tolist()
    first, second = out.col.split(out.num_sampled_edges)
    for hop, (col, k) in enumerate(((first, 3), (second, 2))):
        counts = torch.bincount(col, minlength=known[hop])
        assert torch.equal(counts, degree[out.node[: known[hop]]].clamp(max=k))
    new = sample(NeighborSampler(data, [3, 2]), list(range(10)))
    assert new.num_sampled_edges[0] == out.num_sampled_edges[0]
    assert new.num_sampled_edges[1] < out.num_sampled_edges[1]


def test_backward() -> None:
    data = Data(edge_index=torch.tensor([[0, 0, 1], [1, 2, 3]]), num_nodes=4)
    out = sample(NeighborSampler(data, [-1, -1], sample_direction="backward"), [0])
    assert out.node.tolist() == [0, 1, 2, 3] and out.num_sampled_nodes == [1, 2, 1]
    assert torch.equal(torch.stack([out.global_row, out.global_col]), data.edge_index[:, out.edge])


def test_seeds_that_come_twice_keep_their_places() -> None:
    out = sample(NeighborSampler(homogeneous(), [2]), [4, 4, 7])
    assert out.node[:3].tolist() == [4, 4, 7] and 1 not in out.row.tolist()


def test_edge_cases() -> None:
    data = Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=3)
    out = sample(NeighborSampler(data, [2, 2]), [2, 0])
    assert out.node.tolist() == [2, 0] and out.num_sampled_edges == [0, 0]
    out = sample(NeighborSampler(homogeneous(), []), [2])
    assert out.node.tolist() == [2] and out.num_sampled_edges == []
    assert sample(NeighborSampler(homogeneous(), [2]), []).node.numel() == 0
    with pytest.raises(GraphIndexError, match="edge 0: destination id 3 does not exist"):
        NeighborSampler(Data(edge_index=torch.tensor([[0], [3]]), num_nodes=3), [1])
    sparse = Data(adj_t=torch.eye(3).roll(1, 0).to_sparse(), num_nodes=3)
    assert sample(NeighborSampler(sparse, [-1]), [0]).node.tolist() == [0, 2]


def test_times_sort_as_numbers() -> None:
    for dtype in (torch.float32, torch.float64, torch.int32):
        time = torch.tensor([0, -3, 7, -1, 2, 5]).to(dtype) * 3 / (1 if dtype is torch.int32 else 2)
        time = time.to(dtype)
        assert torch.equal(sortable(time).argsort(), time.argsort())
    assert sortable(torch.tensor([0.0])).equal(sortable(torch.tensor([-0.0])))


@pytest.mark.parametrize("disjoint", [False, True])
def test_bidirectional(disjoint: bool) -> None:
    data = homogeneous()
    plain = sample(NeighborSampler(data, [3, 3], disjoint=disjoint), list(range(6)))
    both = sample(NeighborSampler(data, [3, 3], "bidirectional", disjoint=disjoint), list(range(6)))
    pairs = set(zip(plain.row.tolist(), plain.col.tolist()))
    pairs |= {(b, a) for a, b in pairs}
    assert sorted(zip(both.row.tolist(), both.col.tolist())) == sorted(pairs)
    ends = data.edge_index[:, both.edge]
    own = (ends[0] == both.global_row) & (ends[1] == both.global_col)
    turned = (ends[1] == both.global_row) & (ends[0] == both.global_col)
    assert (own | turned).all() and both.num_sampled_edges is None
    forward = {(int(a), int(b)) for a, b in zip(plain.row, plain.col)}
    has_own = torch.tensor([(int(a), int(b)) in forward for a, b in zip(both.row, both.col)])
    assert own[has_own].all()


def test_bidirectional_as_the_peer() -> None:
    peer = pytest.importorskip("torch_geometric.sampler")
    data = heterogeneous()
    fields = ("node", "row", "col", "edge")
    out = NeighborSampler(data, [3, 3]).sample({"paper": torch.arange(9)}, key=1)
    assert isinstance(out, HeteroSamplerOutput)
    theirs = peer.HeteroSamplerOutput(**{name: dict(getattr(out, name)) for name in fields})
    with pytest.warns(UserWarning, match="reverse edge type"):
        ours = out.to_bidirectional()
    with pytest.warns(UserWarning, match="reverse edge type"):
        theirs = theirs.to_bidirectional()
    for key in data.edge_types:
        assert torch.equal(ours.row[key], theirs.row[key]) and torch.equal(ours.col[key], theirs.col[key])
        assert (ours.edge[key] is None) == (theirs.edge[key] is None)


def test_inputs() -> None:
    links = EdgeSamplerInput(None, torch.arange(5), torch.arange(5, 10), time=torch.arange(5) * 2, key=3)
    part = links[[1, 3]]
    assert part.input_id.tolist() == [1, 3] and part.col.tolist() == [6, 8] and part.time.tolist() == [2, 6]
    assert part.key == 3 and part.label is None
    named = NodeSamplerInput(torch.tensor([7, 8, 9]), torch.arange(3))
    assert named[torch.tensor([2])].input_id.tolist() == [9]


def test_numbers_of_neighbours() -> None:
    types = [("a", "to", "b"), ("b", "to", "a")]
    assert NumNeighbors([1, 2]).get_values(types) == {types[0]: [1, 2], types[1]: [1, 2]}
    assert NumNeighbors(torch.tensor([1, 2])).values == NumNeighbors((1, 2)).values == [1, 2]
    some = NumNeighbors({types[0]: [3, 3]}, default=[0, 1])
    assert some.get_values(types) == {types[0]: [3, 3], types[1]: [0, 1]} and len(some) == 2
    assert NumNeighbors({"a__to__b": [1], "b__to__a": [2]}).get_values(types)[types[1]] == [2]
    with pytest.raises(GraphValueError, match="no 'default' beside one list"):
        NumNeighbors([1], default=[2])
    with pytest.raises(GraphValueError, match="for each of 3 nodes"):
        NegativeSampling("binary", src_weight=torch.ones(2)).sample(4, "src", 3)


def test_walks() -> None:
    data = homogeneous()
    torch.manual_seed(0)
    nodes, edges = random_walk(data.edge_index, torch.arange(80), 6, num_nodes=80)
    taken = edges >= 0
    assert torch.equal(data.edge_index[0, edges[taken]], nodes[:, :-1][taken])
    assert torch.equal(data.edge_index[1, edges[taken]], nodes[:, 1:][taken])
    biased, edges = random_walk(data.edge_index, torch.arange(80), 6, p=4.0, q=0.5, num_nodes=80, key=2)
    taken = edges >= 0
    assert torch.equal(data.edge_index[1, edges[taken]], biased[:, 1:][taken])
    _, restarted = random_walk(
        data.edge_index, torch.arange(80).repeat(50), 6, restart_prob=0.3, num_nodes=80
    )
    busy = torch.bincount(data.edge_index[0], minlength=80).min() > 0
    assert not busy or abs(float((restarted < 0).float().mean()) - 0.3) < 0.02
    with pytest.raises(GraphIndexError):
        random_walk(data.edge_index, torch.tensor([80]), 2, num_nodes=80)
    with pytest.raises(GraphValueError, match="restart_prob < 1"):
        random_walk(data.edge_index, torch.tensor([0]), 2, restart_prob=1.0)


def test_several_types_share_numbers_of_nodes() -> None:
    """A relation from a type to itself and one from another type see one frontier per hop."""
    data = HeteroData()
    data["a"].num_nodes, data["b"].num_nodes = 3, 2
    data["a", "r", "a"].edge_index = torch.tensor([[1], [0]])
    data["b", "r", "a"].edge_index = torch.tensor([[0, 1], [0, 1]])
    out = NeighborSampler(data, [-1, -1]).sample({"a": torch.tensor([0])})
    assert out.node["a"].tolist() == [0, 1] and out.node["b"].tolist() == [0, 1]
    assert out.num_sampled_nodes == {"a": [1, 1, 0], "b": [0, 1, 1]}
    assert out.num_sampled_edges == {("a", "r", "a"): [1, 0], ("b", "r", "a"): [1, 1]}
