from __future__ import annotations

import pytest
import torch

from grapevine import graph as G
from grapevine.errors import GraphTypeError, GraphValueError

peer = pytest.importorskip("torch_geometric.utils")
peer_map = pytest.importorskip("torch_geometric.utils.map")


def test_masks_and_indices(same):
    index = torch.tensor([[4, 1], [1, 6]])
    same(G.index_to_mask(index), peer.index_to_mask(index))
    same(G.index_to_mask(index, 9), peer.index_to_mask(index, 9))
    same(G.mask_to_index(G.index_to_mask(index)), torch.tensor([1, 4, 6]))
    assert G.index_to_mask(index[:0]).shape == (0,)


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -2])
def test_selecting_from_tensors(same, dim):
    src = torch.arange(27).view(3, 3, 3)
    mask, index = torch.tensor([True, False, True]), torch.tensor([2, 0, 0])
    same(G.mask_select(src, dim, mask), peer.mask_select(src, dim, mask))
    same(G.select(src, mask, dim), peer.select(src, mask, dim))
    same(G.select(src, index, dim), peer.select(src, index, dim))
    same(G.narrow(src, dim, 1, 2), peer.narrow(src, dim, 1, 2))


def test_selecting_from_lists_and_sparse_matrices(same):
    src = ["a", "b", "c"]
    assert G.select(src, torch.tensor([True, False, True]), 0) == ["a", "c"]
    assert G.select(src, torch.tensor([2, 0]), 0) == ["c", "a"]
    assert G.narrow(src, 0, 1, 2) == ["b", "c"]
    adj = torch.arange(9.0).view(3, 3)
    same(G.narrow(adj.to_sparse(), 0, 1, 2).to_dense(), adj[1:])


def test_errors():
    with pytest.raises(GraphValueError, match=r"expected a mask of shape \(3,\) for dimension 1, got \(2,\)"):
        G.mask_select(torch.ones(2, 3), 1, torch.tensor([True, False]))
    with pytest.raises(GraphValueError, match="expected dim=0 to select from a list"):
        G.select([1, 2], torch.tensor([0]), 1)
    with pytest.raises(GraphValueError, match="expected dim=0 to narrow a list"):
        G.narrow([1, 2], 1, 0, 1)
    for function, args in ((G.select, (torch.tensor([0]), 0)), (G.narrow, (0, 0, 1))):
        with pytest.raises(GraphValueError, match=r"expected a tensor or a list .*, got set"):
            function({1}, *args)


@pytest.mark.parametrize("scale", [1, 10**13])  # through a table, and by search
def test_map_index(same, scale):
    generator = torch.Generator().manual_seed(3)
    index = torch.randperm(30, generator=generator)[:12] * scale
    src = torch.randint(30, (50,), generator=generator) * scale
    ours = G.map_index(src, index)
    position = {int(value): place for place, value in enumerate(index)}
    expected = [position.get(int(value), -1) for value in src]
    assert ours[1].tolist() == [place >= 0 for place in expected]
    assert ours[0].tolist() == [place for place in expected if place >= 0]
    if scale == 1:
        same(ours, peer_map.map_index(src, index))
        same(G.map_index(src, index, max_index=40), peer_map.map_index(src, index, max_index=40))
    inside = src[ours[1]]
    same(G.map_index(inside, index, inclusive=True), (ours[0], None))
    with pytest.raises(GraphValueError, match="expected every value of 'src' in 'index', got"):
        G.map_index(src, index, inclusive=True)


@pytest.mark.parametrize("scale", [1, 10**13])
def test_map_index_of_nothing(scale):
    nothing = torch.empty(0, dtype=torch.int64)
    out, mask = G.map_index(nothing, torch.tensor([3, 1]) * scale)
    assert out.numel() == 0 and mask.numel() == 0
    out, mask = G.map_index(torch.tensor([3, 1]) * scale, nothing)
    assert out.numel() == 0 and mask.tolist() == [False, False]


def test_map_index_errors():
    with pytest.raises(GraphValueError, match=r"expected 'index' to hold integers, got torch.float32"):
        G.map_index(torch.tensor([1]), torch.tensor([1.0]))
    with pytest.raises(GraphValueError, match=r"on one device, got cpu and meta; use .to\('cpu'\)"):
        G.map_index(torch.tensor([1]), torch.empty(1, dtype=torch.int64, device="meta"))


def test_maybe_num_nodes(graph):
    theirs = pytest.importorskip("torch_geometric.utils.num_nodes").maybe_num_nodes
    for edge_index in (graph.edge_index, tuple(graph.edge_index), graph.edge_index[0]):
        assert G.maybe_num_nodes(edge_index) == theirs(edge_index)
        assert G.maybe_num_nodes(edge_index, 99) == 99
    assert G.maybe_num_nodes(torch.ones(2, 5).to_sparse()) == 5
    with pytest.raises(GraphTypeError, match="got str; pass num_nodes"):
        G.maybe_num_nodes("edges")


def test_maybe_num_nodes_dict():
    theirs = pytest.importorskip("torch_geometric.utils.num_nodes").maybe_num_nodes_dict
    edges = {
        ("a", "to", "b"): torch.tensor([[0, 3], [1, 1]]),
        ("b", "to", "a"): torch.tensor([[5], [4]]),
        ("c", "to", "c"): torch.tensor([[2], [0]]),
    }
    assert G.maybe_num_nodes_dict(edges) == theirs(edges) == {"a": 5, "b": 6, "c": 3}
    assert G.maybe_num_nodes_dict(edges, {"a": 9}) == theirs(edges, {"a": 9})
