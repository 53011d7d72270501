from __future__ import annotations

import pytest
import torch
from torch import nn

from grapevine.errors import GraphValueError
from grapevine.utils import hetero
from grapevine.utils import to_torch_csr_tensor as to_csr
from grapevine.utils.repeat import repeat

peer = pytest.importorskip("torch_geometric.utils.hetero")

AB, BA, AA = ("a", "to", "b"), ("b", "to", "a"), ("a", "to", "a")
EDGES = {
    AB: torch.tensor([[0, 1, 2], [1, 0, 1]]),
    BA: torch.tensor([[1, 0], [3, 0]]),
    AA: torch.empty(2, 0, dtype=torch.int64),
}


def same(ours, theirs):
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    elif isinstance(theirs, torch.Tensor):
        assert ours.dtype == theirs.dtype and torch.equal(ours, theirs)
    else:
        assert ours == theirs


@pytest.mark.parametrize("num_nodes", [None, {"a": 6, "b": 3}])
def test_group_hetero_graph(num_nodes):
    edges = {key: value for key, value in EDGES.items() if key != AA or num_nodes is not None}
    same(hetero.group_hetero_graph(edges, num_nodes), peer.group_hetero_graph(edges, num_nodes))


def test_get_unused_node_types():
    args = ["a", "b", "c"], [AB, AA]
    assert hetero.get_unused_node_types(*args) == peer.get_unused_node_types(*args) == {"c"}


def test_check_add_self_loops():
    module = nn.Linear(1, 1)
    hetero.check_add_self_loops(module, [AB])
    module.add_self_loops = True
    hetero.check_add_self_loops(module, [AA])
    with pytest.raises(GraphValueError, match=r"types \[\('a', 'to', 'b'\)\]; pass add_self_loops=False"):
        hetero.check_add_self_loops(module, [AA, AB])


def test_construct_bipartite_edge_index():
    sources, destinations = {AB: 0, BA: 5, AA: 9}, {"a": 0, "b": 4}
    attrs = {AB: torch.rand(3, 2), BA: torch.rand(1, 2), AA: torch.rand(0, 2)}
    parameters = nn.ParameterDict({"__".join(key): value for key, value in attrs.items()})
    for attr in (None, attrs, parameters):
        args = (EDGES, sources, destinations, attr)
        ours, theirs = (
            hetero.construct_bipartite_edge_index(*args),
            peer.construct_bipartite_edge_index(*args),
        )
        same(ours, theirs)
    adj_t = {AB: to_csr(EDGES[AB].flip(0), size=(2, 3))}
    out, _ = hetero.construct_bipartite_edge_index(adj_t, {AB: 5}, {"b": 4})
    assert sorted(map(tuple, out.t().tolist())) == [(5, 5), (6, 4), (7, 5)]


def test_repeat():
    theirs = pytest.importorskip("torch_geometric.utils.repeat").repeat
    for src in (None, 3, 2.5, [1, 2, 3], torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4]), torch.tensor(4)):
        for length in (1, 3, 5):
            same(repeat(src, length), theirs(src, length))
