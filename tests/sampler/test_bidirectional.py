"""BidirectionalNeighborSampler against a search by hand, in both directions."""

from __future__ import annotations

import pytest
import torch

from grapevine.data import Data
from grapevine.loader import LinkLoader, NodeLoader
from grapevine.sampler import BidirectionalNeighborSampler, HeteroSamplerOutput, NodeSamplerInput
from tests.loader.test_neighbor_loader import heterogeneous, homogeneous


def reached(edge_index: torch.Tensor, seeds: set[int], hops: int) -> tuple[list[set[int]], list[set[int]]]:
    """Nodes and edges that each hop adds, all neighbours both ways."""
    nodes, edges, frontier = [set(seeds)], [], set(seeds)
    known, taken = set(seeds), set()
    for _ in range(hops):
        found = {
            e for e, (a, b) in enumerate(edge_index.t().tolist()) if a in frontier or b in frontier
        } - taken
        ends = {v for e in found for v in edge_index[:, e].tolist()}
        frontier = ends - known
        nodes.append(frontier)
        edges.append(found)
        known |= frontier
        taken |= found
    return nodes, edges


@pytest.mark.parametrize("disjoint", [False, True])
def test_all_neighbours_both_ways(disjoint: bool) -> None:
    data = homogeneous(60, 120)
    sampler = BidirectionalNeighborSampler(data, [-1, -1], disjoint=disjoint)
    seeds = [3, 17]
    out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor(seeds), key=0))
    parts = [{s} for s in seeds] if disjoint else [set(seeds)]
    node_counts, edge_counts = torch.zeros(3, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)
    for slot, part in enumerate(parts):
        nodes, edges = reached(data.edge_index, part, 2)
        mine = out.batch == slot if disjoint else torch.ones_like(out.node, dtype=torch.bool)
        own = mine[out.col]
        assert set(out.node[mine].tolist()) == set().union(*nodes)
        assert sorted(out.edge[own].tolist()) == sorted(set().union(*edges))
        node_counts += torch.tensor([len(n) for n in nodes])
        edge_counts += torch.tensor([len(e) for e in edges])
    assert out.num_sampled_nodes == node_counts.tolist() and out.num_sampled_edges == edge_counts.tolist()
    assert torch.equal(torch.stack([out.global_row, out.global_col]), data.edge_index[:, out.edge])


def test_few_neighbours_of_several_types() -> None:
    data = heterogeneous()
    sampler = BidirectionalNeighborSampler(data, [2, 2])
    loader = NodeLoader(data, sampler, ("paper", torch.arange(20)), batch_size=10, shuffle=True)
    for batch in loader:
        for key in data.edge_types:
            store = batch[key]
            assert store.e_id.unique().numel() == store.e_id.numel() == sum(store.num_sampled_edges)
            ends = torch.stack([batch[k].n_id[i] for k, i in zip((key[0], key[2]), store.edge_index)])
            assert torch.equal(ends, data[key].edge_index[:, store.e_id])
        into = torch.bincount(batch["author", "writes", "paper"].edge_index[1], minlength=10)[:10]
        degree = torch.bincount(data["author", "writes", "paper"].edge_index[1], minlength=60)
        assert (into >= degree[batch["paper"].n_id[:10]].clamp(max=2)).all()
        assert batch["venue"].num_nodes > 0  # only reached against edges
    out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor([0]), input_type="venue", key=1))
    assert isinstance(out, HeteroSamplerOutput) and out.num_sampled_nodes["venue"][0] == 1


def test_times_links_and_induced_subgraphs() -> None:
    data = homogeneous()
    sampler = BidirectionalNeighborSampler(data, [4, 4], time_attr="time")
    for batch in NodeLoader(data, sampler, input_time=data.time, batch_size=20):
        assert (batch.time <= data.time[batch.input_id][batch.batch]).all()
    sampler = BidirectionalNeighborSampler(data, [2], "induced")
    for batch in LinkLoader(data, sampler, data.edge_index[:, :40], neg_sampling="binary", batch_size=10):
        assert batch.num_edges == data.subgraph(batch.n_id).num_edges
        assert torch.equal(batch.n_id[batch.edge_label_index][:, :10], data.edge_index[:, batch.input_id])
    sampler = BidirectionalNeighborSampler(data, [], share_memory=True)
    assert sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor([4]))).node.tolist() == [4]


def test_weights_count_in_both_directions() -> None:
    """Of node 1's edges only those with weight are taken, in and out."""
    edge_index = torch.tensor([[0, 2, 1, 1], [1, 1, 3, 4]])
    data = Data(edge_index=edge_index, w=torch.tensor([0.0, 1.0, 1.0, 0.0]), num_nodes=5)
    sampler = BidirectionalNeighborSampler(data, [1], weight_attr="w")
    out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor([1])))
    assert sorted(out.node.tolist()) == [1, 2, 3] and sorted(out.edge.tolist()) == [1, 2]
