from __future__ import annotations

import pytest
import torch

from grapevine import utils
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.utils._trim_to_layer import TrimToLayer

peer = pytest.importorskip("torch_geometric.utils")


def homogeneous():
    return [2, 3, 4], [3, 5], torch.rand(9, 2), torch.randint(9, (2, 8)), torch.rand(8, 3)


def test_homogeneous():
    nodes, edges, *ours = homogeneous()
    theirs = ours
    for layer in range(3):
        ours = utils.trim_to_layer(layer, nodes, edges, *ours)
        theirs = peer.trim_to_layer(layer, nodes, edges, *theirs)
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert ours[0].size(0) == 2 and ours[1].size(1) == 0
    assert utils.trim_to_layer(1, nodes, edges, *homogeneous()[2:4])[2] is None


def test_heterogeneous():
    nodes = {"a": [2, 1, 0], "b": [0, 3, 2]}
    edges = {("a", "to", "b"): [0, 1], ("b", "to", "a"): [3, 2]}
    x = {"a": torch.rand(3, 2), "b": torch.rand(5, 2)}
    edge_index = {key: torch.randint(3, (2, sum(count))) for key, count in edges.items()}
    edge_attr = {key: torch.rand(sum(count)) for key, count in edges.items()}
    ours = theirs = (x, edge_index, edge_attr)
    for layer in range(2):
        ours = utils.trim_to_layer(layer, nodes, edges, *ours)
        theirs = peer.trim_to_layer(layer, nodes, edges, *theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_module():
    nodes, edges, *inputs = homogeneous()
    trim = TrimToLayer()
    assert trim(1, None, None, *inputs) == tuple(inputs)
    expected = utils.trim_to_layer(1, nodes, edges, *inputs)
    assert all(torch.equal(a, b) for a, b in zip(trim(1, nodes, edges, *inputs), expected, strict=True))
    with pytest.raises(GraphValueError, match=r"expected both num_sampled_nodes_per_hop and"):
        trim(1, nodes, None, *inputs)


def test_a_sparse_matrix_is_refused():
    with pytest.raises(GraphTypeError, match=r"got the layout torch.sparse_csr; load without ToSparseTensor"):
        adj = utils.to_torch_csr_tensor(torch.tensor([[0], [1]]))
        utils.trim_to_layer(1, [1, 1], [1], torch.rand(2, 2), adj)
